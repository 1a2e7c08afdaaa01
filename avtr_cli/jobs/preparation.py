"""A checked job made ready: what only a model can find wrong is found, and everything is loaded, before frame one."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from avtr_cli.audio.health import Health, examine
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.camera import FRONT, Camera, MovingCamera
from avtr_cli.core.clocks import ChunkClock
from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.core.files import file_sha256
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.interruption import interruptible
from avtr_cli.core.motion_space import speaks_controls
from avtr_cli.core.protocols import FeelsContacts, MotionGenerator, Voice, WholeCallGenerator, backend_of
from avtr_cli.core.timing import FIRST_CHUNK_SAMPLES, frames_of
from avtr_cli.core.types import Identity, Portrait
from avtr_cli.core.viewpoint import doubts as doubts_of
from avtr_cli.core.viewpoint import parse_views
from avtr_cli.jobs.checking import CheckedJob, check_space, taken
from avtr_cli.jobs.feed import Feed
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.placement import refuse_taken
from avtr_cli.jobs.steps import OnStep, Step, unwatched
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.motion.bridges.flame import FlameReplay
from avtr_cli.motion.bridges.table import bridged
from avtr_cli.motion.file import ReplayGenerator
from avtr_cli.motion.flame.codes import load_codes
from avtr_cli.motion.replay import Replay
from avtr_cli.motion.suffixes import FLAME_SUFFIX
from avtr_cli.output.label import Label
from avtr_cli.prompts.interactions import check_interactions, resolved
from avtr_cli.prompts.reading import check_cues
from avtr_cli.streaming.asked import check_known
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.seen import Seen
from avtr_cli.streaming.session import StreamingSession

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedAvatar:
    """Who appears, moved by what, and for how many frames: known to be possible."""

    portrait: Portrait
    identity: Identity
    generator: MotionGenerator
    frames: int
    camera: Camera | MovingCamera = FRONT
    interactions: tuple[Interaction, ...] = ()  # what is done to them
    doubts: tuple[str, ...] = ()  # of that

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of its pictures."""
        return self.camera.size or self.identity.size


@dataclass(frozen=True)
class PreparedJob:
    """All that `produce` needs: models loaded, sessions at the frame to go on from, the output locked.

    A context: at its end the lock is let go, the sound closed, and what is of no use to a later run removed.
    """

    checked: CheckedJob
    engine: Engine
    health: Health
    avatars: tuple[PreparedAvatar, ...]
    feed: Feed
    size: tuple[int, int]  # (width, height)
    startup_s: dict[str, float]
    label: Label | None
    read: Mapping[Path, str]  # SHA-256 of its `read_once`
    folder: WorkFolder
    undo: ExitStack

    @property
    def job(self) -> Job:
        """What is to be rendered."""
        return self.checked.job

    @property
    def source(self) -> DialogueSource:
        """The sound, opened."""
        return self.checked.source

    @property
    def total(self) -> int:
        """Frames."""
        return self.checked.frames

    def __enter__(self) -> PreparedJob:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo.close()


def prepare(checked: CheckedJob, engine: Engine | None = None, on_step: OnStep = unwatched) -> PreparedJob:
    """Lock the output, hear the sound, find the faces, load the models, go on from what an earlier run left.

    `engine` must be of the job's preset; one is made where none is given. Takes `checked` over. Raises AvtrError.
    """
    job = checked.job
    with ExitStack() as undo:
        undo.enter_context(checked)
        folder = undo.enter_context(WorkFolder(job.out))
        with interruptible():
            read = {path: file_sha256(path) for path in job.read_once}
            on_step(Step.LISTEN)
            health = examine(checked.source, job.sound)
            on_step(Step.LOAD)
            engine = _engine_for(job, engine)
            on_step(Step.FACE)
            began = time.perf_counter()
            people = find_people(job, engine)
            startup_s = {"load": engine.load_s, "portrait": time.perf_counter() - began}
            if hears_call_whole(job, engine):
                on_step(Step.MOVE)
            began = time.perf_counter()
            avatars = prepare_avatars(job, engine, checked.source, people)
            if hears_call_whole(job, engine):
                startup_s["motion"] = time.perf_counter() - began
            layout = job.arrange([one.size for one in avatars], checked.source)
            size = layout.size if layout is not None else avatars[0].size
            label = Label(job.label, size) if job.label else None
            check_space(job.out, checked.form, size, checked.frames)
            on_step(Step.WARM_UP)
            began = time.perf_counter()
            _warm_up(engine, avatars[0])
            startup_s["warmup"] = time.perf_counter() - began
            key = _key(checked, engine, avatars, read)
        folder.claim(key, job.resume)
        if not job.overwrite:
            refuse_taken(taken(job), folder.placed)
        feed = Feed(_sessions(job, engine, avatars), checked.source, layout, job.pace)
        if folder.closed:
            feed.restore(folder, len(folder.closed) - 1)
        logger.info("%s: frames of %dx%d, encoded by %s", job.out, *size, checked.form.encoder)
        logger.info("%s: %s", job.out, _resumption(folder.frames, checked.frames))
        kept = undo.pop_all()
        return PreparedJob(checked, engine, health, avatars, feed, size, startup_s, label, read, folder, kept)


def _resumption(resumed: int, total: int) -> str:
    if not resumed:
        return f"{total} frames from the beginning"
    return f"goes on from frame {resumed} of {total}, that an interrupted run had closed"


def find_people(job: Job, engine: Engine) -> list[tuple[Portrait, Identity]]:
    """The avatars of all sides, prepared. Raises PhotoError."""
    return [engine.avatar(side.photo, side.face) for side in job.sides()]


def prepare_avatars(
    job: Job,
    engine: Engine,
    source: DialogueSource,
    people: Sequence[tuple[Portrait, Identity]],
    call_heard: bool = True,
) -> tuple[PreparedAvatar, ...]:
    """What moves each of `people`. Raises AvtrError where they do not go together.

    Without `call_heard` a model that hears calls whole is left as it is, and makes nothing yet.
    """
    total = frames_of(source.facts.samples)
    generators = _generators(job, people, engine, source, total, call_heard)
    prepared = []
    for side, (portrait, identity), generator in zip(job.sides(), people, generators, strict=True):
        check_known(generator, side.cues)
        touches = _interactions(side, engine, identity)
        at_rest = partial(engine.renderer.at_rest, identity) if isinstance(engine.renderer, FeelsContacts) else None
        doubts = check_interactions(touches, total, at_rest, str(job.out))
        camera = engine.camera(side.photo, identity)
        prepared.append(PreparedAvatar(portrait, identity, generator, total, camera, touches, tuple(doubts)))
    return tuple(prepared)


def _generators(
    job: Job,
    people: Sequence[tuple[Portrait, Identity]],
    engine: Engine,
    source: DialogueSource,
    total: int,
    call_heard: bool,
) -> list[MotionGenerator]:
    """What moves each side: motion that is there, the engine's model, or what that makes of the call heard whole."""
    if job.from_motion is not None:
        replay = replay_of(job.from_motion)
        if replay.frames != total:
            raise InputError(
                f"{job.from_motion}: holds {replay.frames} frames but {job.sound.dialogue} makes {total}; "
                "give the sound that the motion was made with, or --start and --duration that fit"
            )
        theirs = speaks_controls(replay.space) and speaks_controls(engine.renderer.space)  # then nothing is lost
        return [bridged(replay, engine.renderer.space) if theirs or isinstance(replay, FlameReplay) else replay]
    if call_heard and isinstance(engine.generator, WholeCallGenerator):
        voices = [Voice(side.seed, one.person) for side, (_, one) in zip(job.sides(), people, strict=True)]
        return engine.generator.of_call(source.blocks(), voices)
    return [engine.generator] * len(people)


def hears_call_whole(job: Job, engine: Engine) -> bool:
    """Whether all motion of `job` is made before its first frame."""
    return job.from_motion is None and isinstance(engine.generator, WholeCallGenerator)


def replay_of(path: Path) -> Replay:
    """The motion of a file, FLAME's in controls. Raises InputError, WeightsError."""
    if path.suffix.lower() != FLAME_SUFFIX:
        return ReplayGenerator(path)
    from avtr_cli.streaming.flame import users_bridge

    return FlameReplay(load_codes(path), users_bridge())


def _interactions(job: Job, engine: Engine, identity: Identity) -> tuple[Interaction, ...]:
    """What is done to the person of `job`, on their photo. Raises ConfigError."""
    if not job.interactions:
        return ()
    at_rest = Seen(identity, engine.renderer)
    return resolved(job.interactions, engine.regions(job.photo, job.face), at_rest.place_on_photo)


def warnings_of(job: Job, avatars: Sequence[PreparedAvatar], health: Health, frames: int) -> tuple[str, ...]:
    """What is to be told of a job of `frames` frames that is possible: photos, sound, what is asked; each once."""
    late = check_cues(job.cues, frames, str(job.out))
    of_sound = () if job.preset.motion.audio_free else health.warnings  # what nobody hears is no trouble
    of_photos = [warning for one in avatars for warning in (*one.portrait.warnings, *one.identity.warnings)]
    touched = [doubt for one in avatars for doubt in one.doubts]
    around = doubts_of(parse_views(job.preset.render.camera))
    return tuple(job.true_names(said) for said in dict.fromkeys((*of_photos, *around, *of_sound, *late, *touched)))


def _engine_for(job: Job, engine: Engine | None) -> Engine:
    """The engine given, or one of the job's preset. Raises ConfigError where it is of other settings."""
    if engine is None:
        return Engine(job.preset)
    ours, theirs = job.preset, engine.preset
    if (ours.motion, ours.render, ours.body) != (theirs.motion, theirs.render, theirs.body):
        raise ConfigError(f"{job.out}: the engine given was made with other settings ({theirs.name}) than the job's")
    return engine


def _sessions(job: Job, engine: Engine, avatars: Sequence[PreparedAvatar]) -> list[StreamingSession]:
    """One for every side, asked for its cues and what is done to it."""
    cuda = engine.device.type == "cuda"
    sessions = []
    for one, side in zip(avatars, job.sides(), strict=True):
        clock = ChunkClock(cuda)
        session = StreamingSession(one.identity, one.generator, engine.renderer, side.seed, clock, one.camera)
        session.ask((*side.cues, *one.interactions))
        sessions.append(session)
    return sessions


def _warm_up(engine: Engine, avatar: PreparedAvatar) -> None:
    """One silent chunk, so that the first real one is timed like the others."""
    session = StreamingSession(avatar.identity, avatar.generator, engine.renderer, camera=avatar.camera)
    for _ in session.stream(np.zeros((2, FIRST_CHUNK_SAMPLES), np.float32)):
        pass


def _key(checked: CheckedJob, engine: Engine, avatars: Sequence[PreparedAvatar], read: Mapping[Path, str]) -> str:
    """The job's key, of the bytes that were in fact read; on another kind of device it is another job.

    So it is where other loops draw or another library computes the motion.
    """
    job = checked.job
    known = dict(zip(job.sound.paths, checked.source.sha256, strict=True))
    known |= {photo: one.portrait.sha256 for photo, one in zip(job.photos, avatars, strict=True)}
    for path, digest in read.items():
        if file_sha256(path) != digest:
            raise InputError(f"{path}: changed while it was read; run it again")
    known |= read

    def sha256(path: Path) -> str:
        return known[path] if path in known else engine.sha256(path)

    ran = f"{engine.device.type}-{engine.kernels}-{backend_of(engine.generator)}"
    fitted = [path for one in avatars for path in one.generator.weights_files]  # to which a motion file was
    return f"{job.key(tuple(dict.fromkeys((*engine.weights_files(), *fitted))), sha256)}-{ran}"
