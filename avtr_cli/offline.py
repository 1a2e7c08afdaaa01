"""One job: photos and a dialogue become a video and a report, by feeding `StreamingSession`s from a file.

Video is written in closed segments of a minute with the session's state at every border, and the file
appears under its name when it is whole: a job that was killed goes on from its last border, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from avtr_cli.account import origin_of, report_of
from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueSource
from avtr_cli.engine import Engine
from avtr_cli.job import Job
from avtr_cli.motion.file import load_motion, save_motion, write_live_link_csv
from avtr_cli.output import provenance
from avtr_cli.output.formats import Format, format_of
from avtr_cli.output.html import write_page
from avtr_cli.output.label import check_label
from avtr_cli.output.report import Report
from avtr_cli.output.signing import Signer
from avtr_cli.output.timeline import collect
from avtr_cli.output.video import SegmentWriter, SoundWriter, join
from avtr_cli.output.workfolder import Segment, WorkFolder
from avtr_cli.preparation import Stage, check_writable, prepare
from avtr_cli.timing import CHUNK_FRAMES, FPS

SEGMENT_FRAMES = 60 * FPS // CHUNK_FRAMES * CHUNK_FRAMES  # a minute, in whole chunks

Watch = Callable[[int, int], None]
"""Called after every chunk with the frames done and the frames in all."""


def render_file(job: Job, engine: Engine | None = None, watch: Watch | None = None) -> Report:
    """Render `job`; returns its report (docs/report.md).

    `engine` must be of the job's preset; one is made where none is given. Raises AvtrError; then no file of the
    job exists under its name, and closed segments, if any, wait beside it for the same job to be run again.
    """
    began = time.perf_counter()
    form = format_of(job.out, job.preset.output)
    check_writable(job.out)
    if job.page is not None:
        check_writable(job.page)
    if job.label:
        check_label(job.label)
    signer = provenance.choose_signer(job.certificate, job.private_key) if job.provenance else None
    with DialogueSource(job.sound) as source:
        health = examine(source, job.sound)
        engine = engine or Engine(job.preset)
        stage = prepare(job, engine, source, health)
        folder = WorkFolder(job.out, job.key(engine.weights_files(), engine.sha256), job.resume)
        resumed = folder.frames
        rendering = time.perf_counter()
        try:
            _render(stage, folder, form, watch)
            marks = _finish(stage, folder, form, signer)
        except BaseException:
            folder.remove_if_useless()
            raise
        ended = time.perf_counter()
        report = report_of(stage, folder, marks, resumed, ended - began, ended - rendering)
        if job.page is not None:
            neutrals = [one.identity.neutral.cpu().numpy() for one in stage.casts]
            write_page(job.page, report, collect(source, folder, neutrals))
        folder.remove()
    return report


def _render(stage: Stage, folder: WorkFolder, form: Format, watch: Watch | None) -> None:
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
                    writer = writer or SegmentWriter(folder.video(index), pixels.shape, form, stage.label)
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


def _finish(stage: Stage, folder: WorkFolder, form: Format, signer: Signer | None) -> dict[str, Any]:
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
    origin = origin_of(stage)

    def mark(path: Path) -> None:
        marks.update(provenance.mark(path, origin, signer))

    metadata = provenance.metadata(origin) if job.provenance else {}
    join(segments, sound, job.out, form, job.preset.output.audio_kbps, metadata, mark if job.provenance else None)
    return marks


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
