"""One job: a photo and a dialogue become a video and a report, by feeding a `StreamingSession` from a file.

Video is written in closed segments of a minute with the session's state at every border, and the file
appears under its name when it is whole: a job that was killed goes on from its last border, bit for bit.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from avtr_cli import runtime
from avtr_cli.audio.health import Health, examine
from avtr_cli.audio.source import DialogueSource
from avtr_cli.clocks import StageClock
from avtr_cli.engine import Engine
from avtr_cli.errors import InputError, OutputError
from avtr_cli.job import Job, file_sha256
from avtr_cli.motion.file import ReplayGenerator, load_motion, save_motion, write_live_link_csv
from avtr_cli.output import provenance
from avtr_cli.output.formats import Format, format_of
from avtr_cli.output.report import Report, timing_entry
from avtr_cli.output.video import SegmentWriter, SoundWriter, frames_hash, join
from avtr_cli.output.workfolder import Segment, WorkFolder
from avtr_cli.session import StreamingSession
from avtr_cli.timing import CHUNK_FRAMES, FPS, frames_of
from avtr_cli.types import Chunk, Identity, MotionGenerator, Portrait

SEGMENT_FRAMES = 60 * FPS // CHUNK_FRAMES * CHUNK_FRAMES  # a minute, in whole chunks
SPARE_BYTES = 64 << 20  # of disk, beside what the video is expected to take
BYTES_PER_PIXEL_SECOND = 2.0  # segments and finished file together, generous for H.264 at crf 18

Watch = Callable[[int, int], None]
"""Called after every chunk with the frames done and the frames in all."""


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
    portrait: Portrait
    identity: Identity
    session: StreamingSession
    form: Format
    total: int  # frames
    startup_s: dict[str, float]


def render_file(job: Job, engine: Engine | None = None, watch: Watch | None = None) -> Report:
    """Render `job`; returns its report (docs/report.md).

    `engine` must be of the job's preset; one is made where none is given. Raises AvtrError; then no file of the
    job exists under its name, and closed segments, if any, wait beside it for the same job to be run again.
    """
    began = time.perf_counter()
    form = format_of(job.out, job.preset.output)
    check_writable(job.out)
    with DialogueSource(job.sound) as source:
        health = examine(source, job.sound)
        engine = engine or Engine(job.preset)
        stage = _set_up(job, engine, source, health, form)
        folder = WorkFolder(job.out, job.key(engine.weights_files()), job.resume)
        resumed = folder.frames
        rendering = time.perf_counter()
        try:
            _render(stage, folder, watch)
            _finish(stage, folder)
        except BaseException:
            folder.remove_if_useless()
            raise
        ended = time.perf_counter()
        report = _report(stage, folder, resumed, ended - began, ended - rendering)
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


def _set_up(job: Job, engine: Engine, source: DialogueSource, health: Health, form: Format) -> _Stage:
    began = time.perf_counter()
    chosen = cast(job, engine, source)
    portrait_s = time.perf_counter() - began
    portrait, identity, generator, total = chosen.portrait, chosen.identity, chosen.generator, chosen.frames
    _check_space(job.out, identity.size, total)
    began = time.perf_counter()
    _warm_up(engine, generator, identity)
    warmup_s = time.perf_counter() - began
    clock = StageClock(engine.device.type == "cuda")
    session = StreamingSession(identity, generator, engine.renderer, job.seed, clock)
    startup = {"load": engine.load_s, "portrait": portrait_s, "warmup": warmup_s}
    return _Stage(job, engine, source, health, portrait, identity, session, form, total, startup)


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
    """Chunks into closed segments, from the last border on."""
    if folder.closed:
        stage.session.restore(folder.state(len(folder.closed) - 1))
    chunks = _chunks(stage.session, stage.source)
    done = folder.frames
    while done < stage.total:
        index = len(folder.closed)
        writer: SegmentWriter | None = None
        motions: list[torch.Tensor] = []
        count = 0
        try:
            while count < SEGMENT_FRAMES and (chunk := next(chunks, None)) is not None:
                for frame in chunk.frames:
                    writer = writer or SegmentWriter(folder.video(index), frame.pixels.shape, stage.form)
                    writer.write(frame.pixels)
                motions.append(chunk.motion.values.cpu())
                count += len(chunk.frames)
                if watch is not None:
                    watch(done + count, stage.total)
            assert writer is not None, "the audio owes frames"
            writer.close()
        except BaseException:
            if writer is not None:
                writer.abandon()
            raise
        for at in range(0, count, CHUNK_FRAMES):
            stage.session.clock.add("encode", sum(writer.encode_ms[at : at + CHUNK_FRAMES]))
        stage.session.save(folder.state(index))
        save_motion(folder.motion(index), stage.engine.renderer.space, torch.cat(motions), stage.job.seed)
        folder.close_segment(Segment(count, bytes(writer.digests)))
        done += count


def _chunks(session: StreamingSession, source: DialogueSource) -> Iterator[Chunk]:
    """Everything the session still owes; the audio it has heard before is skipped, not heard again."""
    skip = session.heard
    for block in source.blocks():
        passed = min(skip, block.shape[1])
        skip -= passed
        if passed < block.shape[1]:
            yield from session.stream(block[:, passed:])
    yield from session.stream_tail()


def _finish(stage: _Stage, folder: WorkFolder) -> None:
    """Join segments and sound into the output, and write the motion where it was asked for."""
    job = stage.job
    sound = None
    if job.preset.output.sound != "none":
        sound = folder.path / "sound.w64"
        write_sound(stage.source, job.preset.output.sound, stage.total, sound)
    models = {"motion": job.preset.motion.generator, "renderer": job.preset.render.renderer}
    marks = provenance.metadata(models) if job.provenance else {}
    segments = [folder.video(index) for index in range(len(folder.closed))]
    if job.motion_out is not None:
        values = torch.cat([load_motion(folder.motion(index))[1] for index in range(len(segments))])
        if job.motion_out.suffix.lower() == ".csv":
            write_live_link_csv(job.motion_out, values)
        else:
            save_motion(job.motion_out, stage.engine.renderer.space, values, job.seed)
    join(segments, sound, job.out, stage.form, job.preset.output.audio_kbps, marks)


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


def _report(stage: _Stage, folder: WorkFolder, resumed: int, wall_s: float, rendering_s: float) -> Report:
    job, source, portrait = stage.job, stage.source, stage.portrait
    width, height = stage.identity.size
    facts = source.facts
    photo_height, photo_width = portrait.photo.shape[:2]
    seconds = (stage.total - resumed) / FPS
    runtime_config = job.preset.runtime
    return Report(
        {
            "avtr": provenance.made_by(job.preset, job.seed, job.command),
            "settings": job.preset.as_dict(),
            "device": runtime.describe_device(stage.engine.device, runtime_config.precision, stage.engine.threads),
            "inputs": {
                "photo": {
                    "path": str(job.photo),
                    "sha256": file_sha256(job.photo),
                    "width": photo_width,
                    "height": photo_height,
                },
                "audio": {
                    "path": str(job.sound.dialogue),
                    "sha256": file_sha256(job.sound.dialogue),
                    "duration_s": round(facts.duration_s, 3),
                    "sample_rate": facts.file_rate,
                    "channels": facts.channels,
                    "correlation": round(stage.health.correlation, 4),
                    "voice_share": [round(share, 4) for share in stage.health.voice_share],
                },
            },
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
            "timing": timing_entry(stage.session.clock, stage.startup_s, wall_s, seconds / rendering_s),
            "memory": {
                "peak_rss_mb": round(runtime.peak_rss_mb(), 1),
                "peak_gpu_mb": round(runtime.peak_gpu_mb(stage.engine.device), 1),
            },
            "cues": [{"frame": cue.frame, "cue": cue.name, "strength": cue.strength} for cue in job.cues],
            "provenance": {"marked": job.provenance},
            "warnings": [*portrait.warnings, *stage.identity.warnings, *stage.health.warnings],
        }
    )
