"""One job: photo and dialogue become a video and a report, by feeding `StreamingSession`s from a file.

Video is written in closed segments of a minute with the session's state at every border, and the file
appears under its name when it is whole: a job that was killed goes on from its last border, bit for bit.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avtr_cli import runtime
from avtr_cli.audio.health import Health, examine
from avtr_cli.audio.source import DialogueSource
from avtr_cli.clocks import StageClock
from avtr_cli.engine import Engine
from avtr_cli.errors import InputError, OutputError
from avtr_cli.feed import Feed, Layout
from avtr_cli.job import Job, file_sha256
from avtr_cli.motion.file import ReplayGenerator, load_motion, save_motion, write_live_link_csv
from avtr_cli.output import provenance
from avtr_cli.output.formats import Format, format_of
from avtr_cli.output.label import Label
from avtr_cli.output.origin import Origin
from avtr_cli.output.report import Report, timing_entry
from avtr_cli.output.signing import Signer
from avtr_cli.output.video import SegmentWriter, SoundWriter, frames_hash, join
from avtr_cli.output.workfolder import Segment, WorkFolder
from avtr_cli.session import StreamingSession
from avtr_cli.timing import CHUNK_FRAMES, FPS, frames_of
from avtr_cli.types import Identity, MotionGenerator, Portrait

SEGMENT_FRAMES = 60 * FPS // CHUNK_FRAMES * CHUNK_FRAMES  # a minute, in whole chunks
SPARE_BYTES = 64 << 20  # of disk, beside what the video is expected to take
BYTES_PER_PIXEL_SECOND = 2.0  # segments and finished file together, generous for H.264 at crf 18

Watch = Callable[[int, int], None]
"""Called after every chunk with the frames done and the frames in all."""

Arrange = Callable[["Sequence[Cast]", DialogueSource], Layout]
"""Makes the layout of two avatars once they are known."""


@dataclass(frozen=True)
class Cast:
    """Who appears, moved by what, and for how many frames: a job that is known to be possible."""

    portrait: Portrait
    identity: Identity
    generator: MotionGenerator
    frames: int


@dataclass(frozen=True)
class _Stage:
    """What a job needs while it is rendered."""

    job: Job
    engine: Engine
    source: DialogueSource
    health: Health
    casts: tuple[Cast, ...]
    feed: Feed
    form: Format
    size: tuple[int, int]  # (width, height)
    total: int  # frames
    startup_s: dict[str, float]
    label: Label | None
    signer: Signer | None


def render_file(job: Job, engine: Engine | None = None, watch: Watch | None = None) -> Report:
    """Render `job`; returns its report (docs/report.md).

    `engine` must be of the job's preset; one is made where none is given. Raises AvtrError; then no file of the
    job exists under its name, and closed segments, if any, wait beside it for the same job to be run again.
    """
    return produce(job, (job,), None, engine, watch)


def produce(
    job: Job, sides: Sequence[Job], arrange: Arrange | None, engine: Engine | None = None, watch: Watch | None = None
) -> Report:
    """As `render_file`, for one or two `sides` of the call; `job` says what becomes of the pictures.

    The second side hears the sound of `job` with the voices swapped, and `arrange` puts both into one picture.
    """
    began = time.perf_counter()
    form = format_of(job.out, job.preset.output)
    check_writable(job.out)
    signer = provenance.choose_signer(job.certificate, job.private_key) if job.provenance else None
    with DialogueSource(job.sound) as source:
        health = examine(source, job.sound)
        engine = engine or Engine(job.preset)
        stage = _set_up(job, sides, arrange, engine, source, health, form, signer)
        folder = WorkFolder(job.out, job.key(engine.weights_files(), engine.sha256), job.resume)
        resumed = folder.frames
        rendering = time.perf_counter()
        try:
            _render(stage, folder, watch)
            marks = _finish(stage, folder)
        except BaseException:
            folder.remove_if_useless()
            raise
        ended = time.perf_counter()
        report = _report(stage, folder, marks, resumed, ended - began, ended - rendering)
        folder.remove()
    return report


def check_writable(out: Path) -> None:
    """Raises OutputError where no video can come to lie at `out`; nothing is written that stays."""
    if out.exists() and not out.is_file():
        kind = "a folder" if out.is_dir() else "a device"
        raise OutputError(f"{out}: is {kind}; -o names the video file to write, such as out.mp4")
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


def _set_up(
    job: Job,
    sides: Sequence[Job],
    arrange: Arrange | None,
    engine: Engine,
    source: DialogueSource,
    health: Health,
    form: Format,
    signer: Signer | None,
) -> _Stage:
    began = time.perf_counter()
    casts = tuple(cast(side, engine, source) for side in sides)
    portrait_s = time.perf_counter() - began
    layout = arrange(casts, source) if arrange is not None else None
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
    return _Stage(job, engine, source, health, casts, feed, form, size, total, startup, label, signer)


def _warm_up(engine: Engine, generator: MotionGenerator, identity: Identity) -> None:
    """One silent chunk, so that the first real one is timed like the others."""
    session = StreamingSession(identity, generator, engine.renderer)
    for _ in session.stream(np.zeros((2, 6480), np.float32)):
        pass


def space_needed(size: tuple[int, int], frames: int) -> int:
    """Bytes of disk that a job may need while it runs, segments and finished file together; half remains after."""
    return int(frames / FPS * size[0] * size[1] * BYTES_PER_PIXEL_SECOND)


def _check_space(out: Path, size: tuple[int, int], frames: int) -> None:
    need = space_needed(size, frames) + SPARE_BYTES
    free = shutil.disk_usage(out.parent).free
    if free < need:
        raise OutputError(
            f"{out}: the disk has {free / 2**20:.0f} MiB free and this job may need {need / 2**20:.0f} MiB; "
            "free some or write elsewhere with -o"
        )


def _render(stage: _Stage, folder: WorkFolder, watch: Watch | None) -> None:
    """Takes into closed segments, from the last border on."""
    feed = stage.feed
    if folder.closed:
        feed.restore(folder, len(folder.closed) - 1)
    takes = feed.takes()
    done = folder.frames
    while done < stage.total:
        index = len(folder.closed)
        writer: SegmentWriter | None = None
        motions: list[tuple[torch.Tensor, ...]] = []
        count = 0
        try:
            while count < SEGMENT_FRAMES and (take := next(takes, None)) is not None:
                for pixels in take.pictures:
                    writer = writer or SegmentWriter(folder.video(index), pixels.shape, stage.form, stage.label)
                    writer.write(pixels)
                motions.append(take.motions)
                count += take.count
                if watch is not None:
                    watch(done + count, stage.total)
            assert writer is not None, "the audio owes frames"
            writer.close()
        except BaseException:
            if writer is not None:
                writer.abandon()
            raise
        for at in range(0, count, CHUNK_FRAMES):
            feed.sessions[0].clock.add("encode", sum(writer.encode_ms[at : at + CHUNK_FRAMES]))
        feed.save(folder, index)
        for avatar, values in enumerate(zip(*motions, strict=True)):
            save_motion(folder.motion(index, avatar), stage.engine.renderer.space, torch.cat(values), stage.job.seed)
        folder.close_segment(Segment(count, bytes(writer.digests)))
        done += count


def _finish(stage: _Stage, folder: WorkFolder) -> dict[str, Any]:
    """Join segments and sound into the marked output; write the motion where it was asked for.

    Returns the report's `provenance` entry.
    """
    job = stage.job
    sound = None
    if job.preset.output.sound != "none":
        sound = folder.path / "sound.w64"
        write_sound(stage.source, job.preset.output.sound, stage.total, sound)
    segments = [folder.video(index) for index in range(len(folder.closed))]
    if job.motion_out is not None:
        values = torch.cat([load_motion(folder.motion(index))[1] for index in range(len(segments))])
        if job.motion_out.suffix.lower() == ".csv":
            write_live_link_csv(job.motion_out, values)
        else:
            save_motion(job.motion_out, stage.engine.renderer.space, values, job.seed)
    marks = provenance.unmarked(job.label)
    origin = _origin(stage)

    def mark(path: Path) -> None:
        marks.update(provenance.mark(path, origin, stage.signer))

    metadata = provenance.metadata(origin) if job.provenance else {}
    join(segments, sound, job.out, stage.form, job.preset.output.audio_kbps, metadata, mark if job.provenance else None)
    return marks


def _origin(stage: _Stage) -> Origin:
    """What the video says of itself: content is told by hashes, never by names of files."""
    job = stage.job
    inputs = {f"photo{'_b' * at}": one.portrait.sha256 for at, one in enumerate(stage.casts)}
    inputs |= {f"audio{'_partner' * at}": file_sha256(path) for at, path in enumerate(job.sound.paths)}
    return Origin(
        models={"motion": job.preset.motion.generator, "renderer": job.preset.render.renderer},
        inputs=inputs,
        weights={path.name: stage.engine.sha256(path) for path in stage.engine.weights_files()},
        photos=job.photos,
        people=len(stage.casts),
        preset=job.preset.name,
        seed=job.seed,
        label=job.label,
    )


def write_sound(source: DialogueSource, kind: str, frames: int, path: Path) -> None:
    """Write the PCM that goes with `frames` frames, exactly as long: `self` or `mix` mono, or `stereo`."""
    rate = 44_100 if source.facts.file_rate in (11_025, 22_050, 44_100) else 48_000
    writer = SoundWriter(path, rate, 2 if kind == "stereo" else 1)
    for block in source.blocks(rate):
        if kind == "stereo":
            writer.write(block.T)
        else:
            writer.write((block[0] if kind == "self" else block.sum(0).clip(-1, 1))[:, None])
    writer.close(frames)


def _report(
    stage: _Stage, folder: WorkFolder, marks: dict[str, Any], resumed: int, wall_s: float, rendering_s: float
) -> Report:
    job, engine, feed = stage.job, stage.engine, stage.feed
    width, height = stage.size
    timing = timing_entry(feed.clock(), stage.startup_s, wall_s, (stage.total - resumed) / FPS / rendering_s)
    timing["pace"] = feed.pace.entry() if feed.pace is not None else {"mode": "max"}
    doubts = [warning for one in stage.casts for warning in (*one.portrait.warnings, *one.identity.warnings)]
    return Report(
        {
            "avtr": provenance.made_by(job.preset, job.seed, job.command),
            "settings": job.preset.as_dict(),
            "device": runtime.describe_device(engine.device, job.preset.runtime.precision, engine.threads),
            "inputs": _inputs(stage),
            "output": {
                "path": str(job.out),
                "sha256": file_sha256(job.out),
                "frames": stage.total,
                "fps": FPS,
                "width": width,
                "height": height,
                "duration_s": stage.total / FPS,
                "frames_sha256": frames_hash(folder.digests),
                "resumed_from_frame": resumed,
            },
            "timing": timing,
            "memory": {
                "peak_rss_mb": round(runtime.peak_rss_mb(), 1),
                "peak_gpu_mb": round(runtime.peak_gpu_mb(engine.device), 1),
            },
            "cues": [{"frame": cue.frame, "cue": cue.name, "strength": cue.strength} for cue in job.cues],
            "provenance": marks,
            "warnings": [*doubts, *stage.health.warnings],
        }
    )


def _inputs(stage: _Stage) -> dict[str, Any]:
    """The report's `inputs`: `photo`, for a dialogue `photo_b` too, and `audio`."""
    sound, facts = stage.job.sound, stage.source.facts
    photos = {}
    for at, (path, one) in enumerate(zip(stage.job.photos, stage.casts, strict=True)):
        height, width = one.portrait.photo.shape[:2]
        photos[f"photo{'_b' * at}"] = {
            "path": str(path),
            "sha256": one.portrait.sha256,
            "width": width,
            "height": height,
        }
    audio: dict[str, Any] = {
        "path": str(sound.dialogue),
        "sha256": file_sha256(sound.dialogue),
        "duration_s": round(facts.duration_s, 3),
        "sample_rate": facts.file_rate,
        "channels": facts.channels,
        "correlation": round(stage.health.correlation, 4),
        "voice_share": [round(share, 4) for share in stage.health.voice_share],
    }
    if sound.partner is not None:
        audio["partner"] = {"path": str(sound.partner), "sha256": file_sha256(sound.partner)}
    return {**photos, "audio": audio}
