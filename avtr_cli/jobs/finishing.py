"""A job whose last segment is closed into its outputs, finished in the work folder: video, motion, report, page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.interruption import each_interruptible, interruptible
from avtr_cli.core.textfile import json_text
from avtr_cli.jobs.account import neutrals_of, origin_of, sound_rate
from avtr_cli.jobs.motion_files import in_flame
from avtr_cli.jobs.preparation import PreparedJob
from avtr_cli.jobs.steps import OnStep, Step, unwatched
from avtr_cli.jobs.timeline import collect
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.motion.bvh import arms_told, write_bvh
from avtr_cli.motion.file import load_contacts, load_motion, save_motion
from avtr_cli.motion.flame.codes import save_codes
from avtr_cli.motion.live_link import write_live_link_csv
from avtr_cli.motion.suffixes import FLAME_SUFFIX, SKELETON_SUFFIX
from avtr_cli.output.finished import Finished
from avtr_cli.output.sequence import FIRST, PictureSequence, is_sequence
from avtr_cli.output.video import SoundWriter, assemble
from avtr_cli.provenance import marks
from avtr_cli.report.job_page import job_page
from avtr_cli.report.report import Report

logger = logging.getLogger(__name__)


def video(
    prepared: PreparedJob, folder: WorkFolder, on_step: OnStep = unwatched
) -> tuple[list[Finished], dict[str, Any]]:
    """The video, or the sound and pictures of a sequence, marked; and the report's `provenance` entry."""
    job, form = prepared.job, prepared.checked.form
    sound = None
    if job.preset.output.sound != "none":
        sound = folder.path / "sound.w64"
        write_sound(prepared.source, job.preset.output.sound, prepared.total, sound)
    segments = [folder.video(index) for index in range(len(folder.closed))]
    told, origin = marks.unmarked(job.label), origin_of(prepared)

    def mark(path: Path) -> None:
        on_step(Step.SIGN)
        told.update(marks.mark(path, origin, prepared.checked.signer))
        if told["c2pa"] and (why := told["c2pa"].get("ingredient_left_out")):
            told["c2pa"]["ingredient_left_out"] = job.true_names(why)

    logger.info("%s: segments to join: %d; sound: %s", job.out, len(segments), job.preset.output.sound)
    metadata = marks.metadata(origin, form.suffix) if job.provenance else {}
    kbps, marked = job.preset.output.audio_kbps, mark if job.provenance else None
    return assemble(segments, prepared.total, sound, job.out, form, kbps, metadata, marked), told


def motion(prepared: PreparedJob, folder: WorkFolder) -> Iterator[Finished]:
    """The motion as one file, where it was asked for."""
    job = prepared.job
    if job.motion_out is None:
        return
    segments = [folder.motion(index) for index in range(len(folder.closed))]
    values = torch.cat([load_motion(segment)[1] for segment in segments])
    path = folder.path / f"staged-motion{job.motion_out.suffix.lower()}"
    if path.suffix == ".csv":
        write_live_link_csv(path, values)
    elif path.suffix == SKELETON_SUFFIX:
        write_bvh(path, values, arms_told(prepared.avatars[0].identity.anatomy))
    elif path.suffix == FLAME_SUFFIX:
        save_codes(path, in_flame(prepared.avatars[0].generator, values))
    else:
        contacts = torch.cat([load_contacts(segment) for segment in segments])
        save_motion(path, prepared.engine.renderer.space, values, job.seed, contacts)
    yield Finished(path, job.motion_out)


def account(
    prepared: PreparedJob,
    folder: WorkFolder,
    report: Report,
    video: Sequence[Finished],
    on_step: OnStep = unwatched,
) -> Iterator[Finished]:
    """Report and page of the finished `video`, where they were asked for."""
    job = prepared.job
    if job.report is not None:
        yield Finished(_written(folder, "staged-report", json_text(report, 2) + "\n"), job.report)
    if job.page is not None:
        on_step(Step.PAGE)
        with interruptible():
            timeline = collect(prepared.source, folder, neutrals_of(prepared))
            page = job_page(job.page, report, _to_look_at(video), timeline)
        yield Finished(_written(folder, "staged-page", page), job.page)


def outdated(out: Path, frames: int) -> list[Path]:
    """What has to go before a sequence gets its names: its first picture, then ours of an earlier, longer one."""
    if not is_sequence(out):
        return []
    sequence = PictureSequence(out)
    return [sequence.picture(FIRST), *sequence.outdated(frames)]


def write_sound(source: DialogueSource, kind: str, frames: int, path: Path) -> None:
    """Write the PCM that goes with `frames` frames, exactly as long: `avatar` or `mix` mono, or `stereo`."""
    rate = sound_rate(source.facts.file_rate)
    writer = SoundWriter(path, rate, 2 if kind == "stereo" else 1)
    for block in each_interruptible(source.blocks(rate)):
        if kind == "stereo":
            writer.write(block.T)
        else:
            writer.write((block[0] if kind == "avatar" else block.sum(0).clip(-1, 1))[:, None])
    writer.close(frames)


def _to_look_at(video: Sequence[Finished]) -> Path:
    """The finished video, or ffmpeg's pattern of the finished pictures, in the work folder."""
    made = video[-1].made
    return made.with_name("%09d.png") if is_sequence(made) else made


def _written(folder: WorkFolder, name: str, text: str) -> Path:
    path = folder.path / name
    path.write_bytes(text.encode("utf-8", "replace"))
    return path
