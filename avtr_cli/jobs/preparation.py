"""A checked job made ready: what only a model can find wrong is found, and everything is loaded, before frame one."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.audio.health import Health
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.clocks import ChunkClock
from avtr_cli.core.errors import InputError
from avtr_cli.core.protocols import MotionGenerator
from avtr_cli.core.timing import FIRST_CHUNK_SAMPLES, frames_of
from avtr_cli.core.types import Identity, Portrait
from avtr_cli.jobs.checking import CheckedJob, check_space
from avtr_cli.jobs.feed import Feed
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.steps import OnStep, Step, unwatched
from avtr_cli.motion.file import ReplayGenerator
from avtr_cli.output.label import Label
from avtr_cli.prompts.reading import check_cues
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.session import StreamingSession

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedAvatar:
    """Who appears, moved by what, and for how many frames: a job that is known to be possible."""

    portrait: Portrait
    identity: Identity
    generator: MotionGenerator
    frames: int


@dataclass(frozen=True)
class PreparedJob:
    """What a job needs while it is rendered."""

    checked: CheckedJob
    engine: Engine
    health: Health
    avatars: tuple[PreparedAvatar, ...]
    feed: Feed
    size: tuple[int, int]  # (width, height)
    startup_s: dict[str, float]
    label: Label | None

    @property
    def job(self) -> Job:
        return self.checked.job

    @property
    def source(self) -> DialogueSource:
        return self.checked.source

    @property
    def total(self) -> int:
        """Frames."""
        return self.checked.frames


def prepare_avatar(job: Job, engine: Engine, source: DialogueSource) -> PreparedAvatar:
    """Find the face, prepare the avatar, choose what moves it. Raises AvtrError where they do not go together."""
    portrait, identity = engine.avatar(job.photo, job.face)
    generator = ReplayGenerator(job.from_motion) if job.from_motion else engine.generator(job.cues)
    total = frames_of(source.facts.samples)
    if isinstance(generator, ReplayGenerator) and generator.frames != total:
        raise InputError(
            f"{job.from_motion}: holds {generator.frames} frames but {job.sound.dialogue} makes {total}; "
            "give the sound that the motion was made with, or --start and --duration that fit"
        )
    return PreparedAvatar(portrait, identity, generator, total)


def warnings_of(job: Job, avatars: Sequence[PreparedAvatar], health: Health, frames: int) -> tuple[str, ...]:
    """What is to be told of a job of `frames` frames that is possible: of photos, sound and cues, each once."""
    late = check_cues(job.cues, frames, str(job.out))
    of_photos = [warning for one in avatars for warning in (*one.portrait.warnings, *one.identity.warnings)]
    return tuple(job.true_names(said) for said in dict.fromkeys((*of_photos, *health.warnings, *late)))


def prepare(checked: CheckedJob, engine: Engine, health: Health, on_step: OnStep = unwatched) -> PreparedJob:
    """Prepare the avatars and their sessions. Raises AvtrError."""
    job, source = checked.job, checked.source
    sides = job.sides()
    on_step(Step.FACE)
    began = time.perf_counter()
    avatars = tuple(prepare_avatar(side, engine, source) for side in sides)
    portrait_s = time.perf_counter() - began
    layout = job.arrange([one.identity.size for one in avatars], source)
    size = layout.size if layout is not None else avatars[0].identity.size
    label = Label(job.label, size) if job.label else None
    check_space(job.out, checked.form, size, checked.frames)
    on_step(Step.WARM_UP)
    began = time.perf_counter()
    _warm_up(engine, avatars[0].generator, avatars[0].identity)
    warmup_s = time.perf_counter() - began
    logger.info(
        "%s: frames of %dx%d, encoded by %s; portrait %.1f s, first chunk %.1f s",
        job.out, *size, checked.form.encoder, portrait_s, warmup_s,
    )  # fmt: skip
    cuda = engine.device.type == "cuda"
    sessions = [
        StreamingSession(one.identity, one.generator, engine.renderer, side.seed, ChunkClock(cuda))
        for one, side in zip(avatars, sides, strict=True)
    ]
    feed = Feed(sessions, source, layout, job.pace)
    startup = {"load": engine.load_s, "portrait": portrait_s, "warmup": warmup_s}
    return PreparedJob(checked, engine, health, avatars, feed, size, startup, label)


def _warm_up(engine: Engine, generator: MotionGenerator, identity: Identity) -> None:
    """One silent chunk, so that the first real one is timed like the others."""
    session = StreamingSession(identity, generator, engine.renderer)
    for _ in session.stream(np.zeros((2, FIRST_CHUNK_SAMPLES), np.float32)):
        pass
