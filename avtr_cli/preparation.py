"""A job made ready: everything that can be wrong is found, and everything is loaded, before the first frame."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.audio.health import Health
from avtr_cli.audio.source import DialogueSource
from avtr_cli.clocks import StageClock
from avtr_cli.engine import Engine
from avtr_cli.errors import InputError, OutputError
from avtr_cli.feed import Feed
from avtr_cli.job import Job
from avtr_cli.motion.file import ReplayGenerator
from avtr_cli.output.label import Label
from avtr_cli.output.sequence import is_sequence
from avtr_cli.session import StreamingSession
from avtr_cli.timing import FIRST_CHUNK_SAMPLES, FPS, frames_of
from avtr_cli.types import Identity, MotionGenerator, Portrait

SPARE_BYTES = 64 << 20  # of disk, beside what the video is expected to take
BYTES_PER_PIXEL_SECOND = 2.0  # segments and finished file together, generous for H.264 at crf 18
PNG_BYTES_PER_PIXEL = 4.0  # the same of a picture; photos take 1.2 to 1.6 a file


@dataclass(frozen=True)
class Cast:
    """Who appears, moved by what, and for how many frames: a job that is known to be possible."""

    portrait: Portrait
    identity: Identity
    generator: MotionGenerator
    frames: int


@dataclass(frozen=True)
class Stage:
    """What a job needs while it is rendered."""

    job: Job
    engine: Engine
    source: DialogueSource
    health: Health
    casts: tuple[Cast, ...]
    feed: Feed
    size: tuple[int, int]  # (width, height)
    total: int  # frames
    startup_s: dict[str, float]
    label: Label | None


def check_writable(out: Path) -> None:
    """Raises OutputError where no file can come to lie at `out`; nothing is written that stays."""
    if out.exists() and not out.is_file():
        if out.is_dir():
            raise OutputError(f"{out}: is a folder; name a video in it, or write {out}/ for pictures one by one")
        raise OutputError(f"{out}: is a device; name a file to be written instead")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        probe = out.with_name(f".{out.name}.probe")
        probe.write_bytes(b"\0")
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{out}: the folder cannot be written to ({error.strerror}); choose another -o") from error


def cast(job: Job, engine: Engine, source: DialogueSource) -> Cast:
    """Find the face, prepare the avatar, choose what moves it. Raises AvtrError where they do not go together."""
    portrait, identity = engine.avatar(job.photo, job.face)
    generator = ReplayGenerator(job.from_motion) if job.from_motion else engine.generator(job.cues)
    total = frames_of(source.facts.samples)
    if isinstance(generator, ReplayGenerator) and generator.frames != total:
        raise InputError(
            f"{job.from_motion}: holds {generator.frames} frames but {job.sound.dialogue} makes {total}; "
            "give the sound that the motion was made with, or --start and --duration that fit"
        )
    return Cast(portrait, identity, generator, total)


def prepare(
    job: Job,
    engine: Engine,
    source: DialogueSource,
    health: Health,
) -> Stage:
    """Prepare the avatars and their sessions. Raises AvtrError."""
    sides = job.sides()
    began = time.perf_counter()
    casts = tuple(cast(side, engine, source) for side in sides)
    portrait_s = time.perf_counter() - began
    layout = job.arrange([one.identity.size for one in casts], source)
    size = layout.size if layout is not None else casts[0].identity.size
    label = Label(job.label, size) if job.label else None
    _check_space(job.out, size, casts[0].frames)
    began = time.perf_counter()
    _warm_up(engine, casts[0].generator, casts[0].identity)
    warmup_s = time.perf_counter() - began
    cuda = engine.device.type == "cuda"
    sessions = [
        StreamingSession(one.identity, one.generator, engine.renderer, side.seed, StageClock(cuda))
        for one, side in zip(casts, sides, strict=True)
    ]
    feed = Feed(sessions, source, layout, job.pace)
    startup = {"load": engine.load_s, "portrait": portrait_s, "warmup": warmup_s}
    total = casts[0].frames
    return Stage(job, engine, source, health, casts, feed, size, total, startup, label)


def _warm_up(engine: Engine, generator: MotionGenerator, identity: Identity) -> None:
    """One silent chunk, so that the first real one is timed like the others."""
    session = StreamingSession(identity, generator, engine.renderer)
    for _ in session.stream(np.zeros((2, FIRST_CHUNK_SAMPLES), np.float32)):
        pass


def space_needed(size: tuple[int, int], frames: int) -> int:
    """Bytes of disk that a job may need while it runs, segments and finished file together; half remains after."""
    return int(frames / FPS * size[0] * size[1] * BYTES_PER_PIXEL_SECOND)


def _check_space(out: Path, size: tuple[int, int], frames: int) -> None:
    need = space_needed(size, frames) + SPARE_BYTES
    if is_sequence(out):
        need = int(frames * size[0] * size[1] * PNG_BYTES_PER_PIXEL) + SPARE_BYTES
    free = shutil.disk_usage(out.parent).free
    if free < need:
        raise OutputError(
            f"{out}: the disk has {free / 2**20:.0f} MiB free and this job may need {need / 2**20:.0f} MiB; "
            "free some or write elsewhere with -o"
        )
