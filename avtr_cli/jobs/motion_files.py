"""Motion without pictures: a call into a motion file, and a motion file into one of another kind."""

from __future__ import annotations

from pathlib import Path

import torch

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core import runtime
from avtr_cli.core.config import Preset
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import lies_there, same_file
from avtr_cli.core.motion_space import CONTROLS, speaks_controls
from avtr_cli.core.protocols import Voice, WholeCallGenerator
from avtr_cli.jobs.checking import check_writable
from avtr_cli.jobs.preparation import replay_of
from avtr_cli.motion.bridges.flame import FlameReplay
from avtr_cli.motion.bvh import write_bvh
from avtr_cli.motion.file import save_motion
from avtr_cli.motion.flame.codes import FlameMotion, save_codes
from avtr_cli.motion.live_link import write_live_link_csv
from avtr_cli.motion.replay import Replay
from avtr_cli.motion.suffixes import FLAME_SUFFIX, SKELETON_SUFFIX, check_motion_suffix
from avtr_cli.streaming.engine import motion_generator
from avtr_cli.streaming.flame import users_bridge


def make_motion(sound: DialogueFiles, out: Path, preset: Preset, seed: int = 0, overwrite: bool = False) -> int:
    """Write what moves the avatar of a call to `out`, by a model that hears calls whole; returns how many frames.

    Nobody's photo has a part in it. Raises AvtrError.
    """
    _check_out(out, sound.paths, overwrite)
    with DialogueSource(sound) as source:
        runtime.use_threads(preset.runtime.threads)
        generator = motion_generator(preset, CONTROLS, runtime.choose_device(preset.runtime.device))
        if not isinstance(generator, WholeCallGenerator):
            raise ConfigError(
                f"{preset.motion.generator} makes motion as it renders: use avtr render --motion-out, or --preset unils"
            )
        [made] = generator.of_call(source.blocks(), [Voice(seed, 0)])
        source.check_unchanged()
    assert isinstance(made, Replay)
    write_motion(out, made, seed)
    return made.frames


def convert_motion(path: Path, out: Path, overwrite: bool = False) -> int:
    """Write the motion of a file as `out` ends; returns how many frames. Raises AvtrError."""
    _check_out(out, (path,), overwrite)
    replay = replay_of(path)
    if not speaks_controls(replay.space):
        raise ConfigError(f"{path}: its motion is {replay.space.name}, and controls alone can be said otherwise")
    write_motion(out, replay, 0)
    return replay.frames


def write_motion(path: Path, replay: Replay, seed: int) -> None:
    """Controls (T, 58), or the whole body's (T, 94), as `path` ends: avtr's own, Live Link's, BVH's or FLAME's numbers.

    A skeleton has the mean arms: a motion file does not tell whose it was. Raises AvtrError.
    """
    suffix = path.suffix.lower()
    if suffix == FLAME_SUFFIX:
        save_codes(path, in_flame(replay, replay.values))
    elif suffix == ".csv":
        write_live_link_csv(path, replay.values)
    elif suffix == SKELETON_SUFFIX:
        write_bvh(path, replay.values)
    else:
        save_motion(path, replay.space, replay.values, seed)


def in_flame(generator: object, values: torch.Tensor) -> FlameMotion:
    """Controls (T, 58 or more) in FLAME's numbers: as they were made, where `generator` made them in those."""
    if isinstance(generator, FlameReplay):
        return generator.motion
    return FlameMotion(users_bridge().codes(values[:, : len(CONTROLS)].numpy()))


def _check_out(out: Path, read: tuple[Path, ...], overwrite: bool) -> None:
    check_motion_suffix(out)
    if any(same_file(out, path) for path in read):
        raise OutputError(f"{out}: is what this is made from; choose another name")
    check_writable(out, "output")
    if lies_there(out) and not overwrite:
        raise OutputError(f"{out}: exists already; add --overwrite or choose another name")
