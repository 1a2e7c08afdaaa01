"""`avtr eval seamless`: a user's copy of the Seamless Interaction data set rendered, judged, and set side by side.

All lies in one folder of the layout that every other measure reads, so other systems' videos can be put beside ours.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli import options, voice
from avtr_cli.cli.batch import ManyJobs
from avtr_cli.cli.batch import run as render_all
from avtr_cli.cli.command import INPUT, OUTPUT, RUN
from avtr_cli.cli.options import option
from avtr_cli.core.errors import BatchError, ConfigError, OutputError

if TYPE_CHECKING:
    from avtr_cli.jobs.seamless import Call, Participant

PHOTO_S = 1.0  # where in a participant's video the portrait is taken
WRITTEN = "# Written by `avtr eval seamless`, which replaces it.\n"
JOBS, MANIFEST = "jobs.yaml", "manifest.yaml"
NUMBERS, VIDEO, PAGE = "numbers.json", "compare.mp4", "compare.html"


def seamless(
    data: Annotated[
        Path, option(INPUT, "--data", metavar="FOLDER", help="Your copy of the data set.", show_default=False)
    ],
    out: Annotated[
        Path, option(OUTPUT, "-o", "--out", metavar="FOLDER", help="Folder for videos, numbers and the comparison.")
    ] = Path("seamless"),
    split: Annotated[
        str | None, option(INPUT, "--split", metavar="NAME", help="Only calls of train, dev or test.")
    ] = None,
    calls: Annotated[
        Path | None, option(INPUT, "--calls", metavar="FILE", help="Only calls whose ids stand here, one a line.")
    ] = None,
    duration: Annotated[
        float | None, option(INPUT, "--duration", metavar="SECONDS", help="Only so much of each, from its start.")
    ] = None,
    listing: Annotated[bool, option(INPUT, "--list", help="Say which calls there are and of which split.")] = False,
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    device: options.Device = None,
    few: Annotated[bool, option(OUTPUT, "--few", help="Print reactivity of fewer than 10 conversations too.")] = False,
    jobs: Annotated[
        str, option(RUN, "--jobs", metavar="N|auto", help="Workers; auto: one per GPU, or per two cores.")
    ] = "auto",
    progress: options.Progress = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Render both sides of the calls of Seamless Interaction, judge them, and set them side by side.

    Run again, it goes on where it stopped; another --preset becomes another system beside the first.
    """
    from avtr_cli.jobs.seamless import calls_in, chosen

    found, left_out = calls_in(data)
    ids = None if calls is None else _ids(calls)
    wanted = chosen(found, split, ids, str(calls))
    if listing:
        _list(wanted)
        return
    for id, why in left_out.items():
        voice.note(f"{id}: left out: {why}")
    system = options.preset_of(preset, settings, device).name
    _fill(out, wanted, system, duration)
    many = ManyJobs(
        out=out / "systems" / system, preset=preset, settings=settings, device=device, jobs=jobs, progress=progress,
        quiet=quiet, duration=duration,
    )  # fmt: skip
    failed = None
    try:
        render_all([out / JOBS], many)
    except BatchError as error:
        failed = error
    _judge(out, few, quiet)
    if failed is not None:
        raise failed


def _ids(path: Path) -> list[str]:
    from avtr_cli.core.textfile import read_text

    ids = [line.strip() for line in read_text(path).splitlines()]
    if not any(ids):
        raise ConfigError(f"{path}: names no call; write one id a line, such as V00_S0809_I00000582")
    return [id for id in ids if id and not id.startswith("#")]


def _list(calls: Sequence[Call]) -> None:
    for call in calls:
        typer.echo(f"{call.id}  {call.split or '-':5}  {' '.join(side.name for side in call.sides)}")
    counts = Counter(call.split or "no split" for call in calls)
    voice.note(", ".join(f"{count} of {split}" for split, count in sorted(counts.items())))


def _fill(out: Path, calls: Sequence[Call], system: str, duration: float | None) -> None:
    """Sounds, recorded people and portraits by participant, and who is who. Raises OutputError, InputError."""
    from avtr_cli.core.files import lies_there, write_text
    from avtr_cli.jobs.seamless import portrait_of

    begun = _ours(out / MANIFEST)
    for name in (JOBS, MANIFEST) if begun else (JOBS, MANIFEST, NUMBERS, VIDEO, PAGE):
        if lies_there(out / name) and not _ours(out / name):
            raise OutputError(f"{out / name}: is there already, and no such command wrote it; choose another -o")
    try:
        for part in ("audio", "truth", "photos", f"systems/{system}"):
            (out / part).mkdir(parents=True, exist_ok=True)
        for call in calls:
            for side, other in _both(call):
                _link(side.sound, out / "audio" / f"{side.name}_self.wav")
                _link(other.sound, out / "audio" / f"{side.name}_partner.wav")
                if side.video is not None:
                    _link(side.video, out / "truth" / f"{side.name}{side.video.suffix.lower()}")
                picture = out / "photos" / f"{side.name}.png"
                if not lies_there(picture):
                    portrait = portrait_of(side, out / "photos", PHOTO_S)
                    if portrait != picture:
                        _link(portrait, picture.with_suffix(portrait.suffix.lower()))
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror}); choose another -o") from error
    write_text(out / MANIFEST, WRITTEN + _manifest(out, calls, duration))
    write_text(out / JOBS, WRITTEN + _jobs(out, calls))


def _ours(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(WRITTEN.encode())


def _both(call: Call) -> Iterator[tuple[Participant, Participant]]:
    one, other = call.sides
    yield one, other
    yield other, one


def _link(path: Path, name: Path) -> None:
    """`name` becomes `path`, which stays where it is; a copy where the file system has no links."""
    target = path.resolve()
    if name.is_symlink() and name.resolve() == target:
        return
    name.unlink(missing_ok=True)
    try:
        os.symlink(target, name)
    except OSError:
        shutil.copyfile(target, name)


def _manifest(out: Path, calls: Sequence[Call], duration: float | None) -> str:
    """All clips, and every system that lies there, ours or another's."""
    import yaml

    from avtr_cli.evaluation.folder.layout import FORMAT

    cut = {} if duration is None else {"end": duration}
    clips = [
        {"id": side.name, "group": call.id, "partner": other.name, **cut}
        for call in calls
        for side, other in _both(call)
    ]
    systems = [
        {"name": path.name, "conditioned_on_truth": "photo", "hears_partner": True}
        for path in sorted((out / "systems").iterdir())
        if path.is_dir() and not path.name.startswith(".")
    ]
    text: str = yaml.safe_dump({"format": FORMAT, "clips": clips, "systems": systems}, sort_keys=False)
    return text


def _jobs(out: Path, calls: Sequence[Call]) -> str:
    import yaml

    rows = [
        {
            "name": side.name,
            "photo": str(_portrait(out, side.name)),
            "dialogue": f"audio/{side.name}_self.wav",
            "partner": f"audio/{side.name}_partner.wav",
        }
        for call in calls
        for side in call.sides
    ]
    text: str = yaml.safe_dump(rows, sort_keys=False)
    return text


def _portrait(out: Path, name: str) -> Path:
    return next(path.relative_to(out) for path in sorted((out / "photos").glob(f"{name}.*")))


def _judge(out: Path, few: bool, quiet: bool) -> None:
    """Numbers of all systems there, on stdout and in a file; the first call's first side as a video and a page."""
    from avtr_cli.cli.compare import compare
    from avtr_cli.cli.eval_folder import everything

    everything(out, few=few, report=out / NUMBERS, quiet=quiet)
    compare(out, out / VIDEO, html=out / PAGE, few=few, overwrite=True, quiet=quiet)
