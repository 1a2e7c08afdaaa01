"""A job into the certainty that nothing obvious stands in its way, before any model is loaded.

Everything a person can mistype is refused here in one sentence, in a fraction of a second and without torch: settings
that do not go together, photos and sound that are missing or something else, outputs that cannot be written, lie there
already or are an input, a disk that is too small, an output that another avtr is writing. What needs a model (is there
a face?) or all of the sound (is it cut off?) comes afterwards, in `preparation`.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.errors import ConfigError, InputError, OutputError
from avtr_cli.core.files import SPARE_BYTES, is_stream, lies_there, reason, same_file
from avtr_cli.core.limits import turned
from avtr_cli.core.motion_space import FULL, speaks_controls
from avtr_cli.core.timing import frames_of
from avtr_cli.core.viewpoint import parse_views
from avtr_cli.jobs.glance import check_inputs_exist
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.placement import refuse_taken
from avtr_cli.jobs.spooling import STDIN
from avtr_cli.jobs.workfolder import being_placed, beside, in_use, remove_if_useless
from avtr_cli.motion.suffixes import check_motion_suffix
from avtr_cli.motion.table import GENERATORS
from avtr_cli.motion.table import ignored as motion_ignores
from avtr_cli.output.formats import Format, format_of
from avtr_cli.output.label import check_label
from avtr_cli.output.sequence import PictureSequence, is_sequence
from avtr_cli.perception.photo import picture_size
from avtr_cli.render.table import RENDERERS
from avtr_cli.render.table import ignored as render_ignores

if TYPE_CHECKING:
    from avtr_cli.provenance.signing import Signer


@dataclass(frozen=True)
class CheckedJob:
    """A job that nothing obvious stands in the way of, its sound opened. A context: at its end the sound is closed."""

    job: Job
    form: Format
    source: DialogueSource
    frames: int
    signer: Signer | None  # of the mark; None where none is wanted, or can be
    began: float  # perf_counter when the work on it began

    def __enter__(self) -> CheckedJob:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.__exit__(None, None, None)


def check(job: Job) -> CheckedJob:
    """Refuse what is known to fail: raises ConfigError, InputError or OutputError. Writes nothing that stays."""
    began = time.perf_counter()
    check_inputs_exist(job)
    form = format_of(job.out, job.preset.output)
    _check_settings(job, form)
    photos = _check_pictures(job)
    _check_outputs(job)
    source = DialogueSource(job.sound)
    try:
        frames = frames_of(source.facts.samples)
        check_space(job.out, form, _frame_size(job, photos), frames)
        from avtr_cli.provenance import marks  # after all that is cheap

        signer = marks.choose_signer(job.certificate, job.private_key) if job.provenance else None
    except BaseException:
        source.__exit__(None, None, None)
        raise
    return CheckedJob(job, form, source, frames, signer, began)


def check_space(out: Path, form: Format, size: tuple[int, int], frames: int) -> None:
    """Raises OutputError where the disk cannot hold `frames` pictures of (width, height)."""
    need = form.disk_bytes(size, frames) + SPARE_BYTES
    free = shutil.disk_usage(_existing(out.parent)).free
    if free < need:
        raise OutputError(
            f"{out}: the disk has {free / 2**20:,.0f} MiB free and this job may need {need / 2**20:,.0f} MiB; "
            "free some or write elsewhere with -o"
        )


def check_writable(path: Path, option: str = "-o") -> None:
    """Raises OutputError where no file can come to lie at `path`; nothing is written that stays."""
    if path == STDIN:
        raise OutputError("-: is no file that can be written; name one, or /dev/stdout")
    try:
        if path.is_dir():
            hint = f"; name a video in it, or write {path}/ for pictures one by one" if option == "-o" else ""
            raise OutputError(f"{path}: is a folder{hint or '; name a file in it'}")
        if is_stream(path):
            if option == "-o":
                raise OutputError(f"{path}: is a device; name a file to be written instead")
            return
        if len(os.fsencode(beside(path).name)) > _longest_name(path):
            raise OutputError(f"{path.name[:40]}…: the name is too long; shorten it")
        with tempfile.TemporaryDirectory(prefix=".avtr-", dir=_existing(path.parent)):
            pass
    except (OSError, ValueError) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise OutputError(f"{path}: the folder cannot be written to ({said}); choose another {option}") from error


def _check_settings(job: Job, form: Format) -> None:
    if job.preset.render.background == "transparent" and not form.keeps_alpha:
        raise ConfigError(
            f"{job.out}: {form.suffix} has no alpha channel; for a transparent background name it .webm, .mov or .png"
        )
    for group, names, follower in (
        ("motion", motion_ignores(job.preset.motion), job.preset.motion.generator),
        ("render", render_ignores(job.preset.render), job.preset.render.renderer),
        ("body", _body_ignored(job), job.preset.render.renderer),
    ):
        if names:
            raise ConfigError(f"{group}.{names[0]} does nothing with '{follower}'; leave it as it is by default")
    parse_views(job.preset.render.camera)
    generator = job.preset.motion.generator
    if job.pace != "max" and job.from_motion is None and GENERATORS[generator].whole_call:
        raise ConfigError(
            f"--pace {job.pace}: {generator} hears a call whole before its first frame and follows no live call; leave "
            "it out, or use motion.generator lmfm"
        )
    if job.cues and job.from_motion is not None:
        raise ConfigError("cues are asked of a motion model, and --from-motion replays one; leave either out")
    if job.interactions and job.from_motion is not None:
        raise ConfigError("interactions are for a motion model, and --from-motion replays one; leave either out")
    if job.interactions and not GENERATORS[job.preset.motion.generator].touchable:
        raise ConfigError(
            f"motion.generator {job.preset.motion.generator} answers no interactions; leave them out, or use lmfm"
        )
    if job.label:
        check_label(job.label)


def _body_ignored(job: Job) -> tuple[str, ...]:
    """Settings of gestures that are turned, where no body is drawn."""
    preset = job.preset
    drawn = RENDERERS[preset.render.renderer].space == FULL
    return () if drawn else turned(preset.body, vars(preset.body))


def _check_pictures(job: Job) -> list[tuple[int, int]]:
    """(width, height) of every photo."""
    if job.from_motion is not None and not job.from_motion.is_file():
        raise InputError(f"{job.from_motion}: is no file; give the .safetensors or .npz that --motion-out wrote")
    named = job.preset.files()
    if (style := named.get("motion.style")) is not None:
        from avtr_cli.motion.flame.codes import load_codes

        load_codes(style)
    if (behind := named.get("render.background")) is not None:
        picture_size(behind)
    return [picture_size(photo) for photo in job.photos]


def _check_outputs(job: Job) -> None:
    """None of them an input, another output, there already, or where nothing can be written; nobody else at it."""
    for option, path in job.outputs.items():
        for given in job.inputs:
            if _is_or_holds(path, given):
                raise OutputError(f"{path}: is what this job is made from; choose another {option}")
    for (one, path), (other, second) in itertools.combinations(job.outputs.items(), 2):
        if not is_stream(path) and not is_stream(second) and (_is_or_holds(path, second) or _is_or_holds(second, path)):
            raise OutputError(f"{path}: cannot be both {one} and {other}; give two names")
        for inner, (option, outer) in ((path, (other, second)), (second, (one, path))):
            if _would_be_folder(outer, inner):
                raise OutputError(f"{outer}: cannot be {option} and the folder of {inner}; give it another name")
    for option, path in job.outputs.items():
        if _lies_in(path, beside(job.out)):
            raise OutputError(f"{path}: lies in the folder that {job.out} is made in; choose another {option}")
    if job.motion_out is not None:
        check_motion_suffix(job.motion_out)
        space = RENDERERS[job.preset.render.renderer].space
        suffix = job.motion_out.suffix.lower()
        if suffix != ".safetensors" and not speaks_controls(space):
            raise ConfigError(f"{job.motion_out}: {space.name} do not fit a {suffix}; name it .safetensors")
    for option, path in job.outputs.items():
        check_writable(path, option)
    if (busy := in_use(job.out)) is not None:
        raise busy
    if not job.overwrite:
        try:
            refuse_taken(taken(job), being_placed(job.out))
        except OutputError:
            remove_if_useless(job.out)  # of a run that was killed when all but its cleaning up was done
            raise


def taken(job: Job) -> Iterator[Path]:
    """The names that the job's outputs will have; of a sequence, those of its names that something has."""
    for path in job.outputs.values():
        if is_sequence(path):
            yield from PictureSequence(path).taken()
        else:
            yield path


def _is_or_holds(output: Path, path: Path) -> bool:
    """Whether writing `output` would write `path`."""
    if same_file(output, path):
        return True
    return is_sequence(output) and PictureSequence(output).holds(path)


def _would_be_folder(output: Path, path: Path) -> bool:
    """Whether `path` lies in a folder of the very name that `output` is to have as a file."""
    above = list(Path(os.path.abspath(path)).parents)
    return any(_is_or_holds(output, folder) for folder in above if not folder.is_dir())


def _lies_in(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _frame_size(job: Job, photos: list[tuple[int, int]]) -> tuple[int, int]:
    """About the (width, height) of a frame, as far as photo and settings tell."""
    size = job.preset.render.size
    sizes = [(size, size) for _ in photos]
    if job.preset.render.view == "photo":
        scales = [min(1.0, size / max(photo)) for photo in photos]
        sizes = [(round(w * scale), round(h * scale)) for (w, h), scale in zip(photos, scales, strict=True)]
    return job.frame_size(sizes)


def _existing(folder: Path) -> Path:
    """`folder`, or the nearest above it that is there. Raises OSError where that is no folder."""
    place = next(place for place in (folder, *folder.absolute().parents) if lies_there(place))
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    return place


def _longest_name(path: Path) -> int:
    try:
        return os.pathconf(_existing(path.parent), "PC_NAME_MAX")
    except (OSError, ValueError):
        return 255
