"""A photo's person as files of 3D Gaussians, for other programs: one PLY of the pose in the photo, or one a frame.

A film of Gaussians has no format that viewers agree on; what they load is a folder of numbered PLY files, 25 to a
second, as they load pictures. All frames hold the same Gaussians in the same order.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from avtr_cli.core.config import Preset
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import SPARE_BYTES, lies_there, remove, same_file
from avtr_cli.core.interruption import raise_if_interrupted
from avtr_cli.core.timing import CHUNK_FRAMES, WINDOW_SAMPLES
from avtr_cli.core.types import Identity, Motion, Window
from avtr_cli.jobs.checking import check_writable
from avtr_cli.jobs.placement import refuse_taken
from avtr_cli.jobs.preparation import replay_of
from avtr_cli.motion.bridges.table import bridged
from avtr_cli.motion.replay import Replay
from avtr_cli.render.gaussian.avatar import BodyAvatar
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.levels import Level, level_of
from avtr_cli.render.gaussian.ply import COLUMNS, made_here, write_ply
from avtr_cli.render.gaussian.renderer import BodyRenderer
from avtr_cli.streaming.engine import Engine

SUFFIX = ".ply"
NAMED = re.compile(r"frame_(\d{6})\.ply")
BYTES = 4 * len(COLUMNS)  # of a Gaussian


def frame_file(folder: Path, number: int) -> Path:
    """The file of frame `number`, from 1."""
    return folder / f"frame_{number:06d}{SUFFIX}"


def check_avatar(photo: Path, out: Path, preset: Preset, motion: Path | None, overwrite: bool) -> None:
    """Before the work: raises ConfigError, OutputError for what cannot be, or lies there already."""
    if preset.render.renderer != "body":
        raise ConfigError(f"an avatar of Gaussians is a body, and preset {preset.name} draws none; use --preset body")
    if any(path is not None and same_file(out, path) for path in (photo, motion)):
        raise OutputError(f"{out}: is what the avatar is made from; choose another -o")
    if motion is None:
        if out.suffix.lower() != SUFFIX:
            raise ConfigError(f"-o {out}: name it {SUFFIX}; a folder goes with --from-motion")
        check_writable(out)
        if not overwrite:
            refuse_taken([out])
        return
    if out.suffix.lower() == SUFFIX or (lies_there(out) and not out.is_dir()):
        raise ConfigError(f"-o {out}: --from-motion makes a file for each frame; name a folder")
    check_writable(frame_file(out, 1))
    if not overwrite and (found := _frames_in(out)):
        raise OutputError(f"{found[0]}: exists already; add --overwrite or choose another folder")


def export_avatar(
    photo: Path, out: Path, preset: Preset, face: int | None = None, merged_px: float = 0.0, overwrite: bool = False
) -> tuple[int, tuple[str, ...]]:
    """Write the person of `photo` to the PLY file `out`: how many Gaussians, and what is to be told of the photo.

    Gaussians within `merged_px` pixels of the photo become one. Raises AvtrError.
    """
    check_avatar(photo, out, preset, None, overwrite)
    engine, identity, warnings = _prepared(photo, preset, face)
    at_rest = Motion(engine.renderer.space, identity.neutral[None])
    found = next(_posed(engine, identity, [at_rest], merged_px, 1))
    write_ply(out, found)
    return len(found), warnings


def export_motion(
    photo: Path,
    out: Path,
    preset: Preset,
    motion: Path,
    face: int | None = None,
    merged_px: float = 0.0,
    every: int = 1,
    overwrite: bool = False,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, int, tuple[str, ...]]:
    """Write every `every`-th frame of a motion file to the folder `out`: frames, Gaussians in each, what is to be told.

    Frames of an earlier, longer sequence that avtr wrote go. Raises AvtrError.
    """
    check_avatar(photo, out, preset, motion, overwrite)
    replay = replay_of(motion)
    engine, identity, warnings = _prepared(photo, preset, face)
    motions = _in_space(replay, engine, identity)
    total, count = len(range(0, replay.frames, every)), len(identity.kept.avatar)
    out.mkdir(parents=True, exist_ok=True)
    need = total * count * BYTES + SPARE_BYTES
    if shutil.disk_usage(out).free < need:
        raise OutputError(f"{out}: {total} frames need {need / 2**20:,.0f} MiB, and the disk has less; use --every")
    written = 0
    for number, found in enumerate(_posed(engine, identity, motions, merged_px, every), 1):
        raise_if_interrupted()
        write_ply(frame_file(out, number), found)
        written = len(found)
        on_frame(number, total)
    for path in _frames_in(out)[total:]:
        if made_here(path):
            remove(path)
    return total, written, warnings


def _prepared(photo: Path, preset: Preset, face: int | None) -> tuple[Engine, Identity, tuple[str, ...]]:
    engine = Engine(preset)
    portrait, identity = engine.avatar(photo, face)
    return engine, identity, tuple(dict.fromkeys((*portrait.warnings, *identity.warnings)))


def _in_space(replay: Replay, engine: Engine, identity: Identity) -> Iterator[Motion]:
    """What `replay` holds, in the renderer's words, chunk by chunk. Raises ConfigError where no bridge leads there."""
    generator = bridged(replay, engine.renderer.space)

    def chunks() -> Iterator[Motion]:
        state, nothing = generator.start(identity, 0), np.zeros((2, WINDOW_SAMPLES), np.float32)
        for first in range(0, replay.frames, CHUNK_FRAMES):
            made, state = generator.step(Window(nothing, first // CHUNK_FRAMES), state)
            yield replace(made, values=made.values[: replay.frames - first])

    return chunks()


def _posed(
    engine: Engine, identity: Identity, motions: Iterable[Motion], merged_px: float, every: int
) -> Iterator[Gaussians]:
    """The person in every `every`-th frame; what is merged is chosen at the first, and stays."""
    renderer, avatar = engine.renderer, identity.kept.avatar
    assert isinstance(renderer, BodyRenderer)
    assert isinstance(avatar, BodyAvatar)
    level: Level | None = None
    for motion in motions:
        for number, found in enumerate(renderer.gaussians(identity, motion), motion.first):
            if number % every:
                continue
            if merged_px and level is None:
                level = level_of(found, avatar.camera, merged_px)
            yield found if level is None else level.merge(found)


def _frames_in(folder: Path) -> list[Path]:
    """What lies there under names of frames, in their order."""
    if not folder.is_dir():
        return []
    return [folder / name for name in sorted(os.listdir(folder)) if NAMED.fullmatch(name)]
