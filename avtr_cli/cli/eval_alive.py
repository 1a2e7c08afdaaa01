"""`avtr eval alive`: a folder of others' videos, each rendered anew from its photo and voice, and held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import options, running, several, voice
from avtr_cli.cli import progress as showing
from avtr_cli.cli.command import INPUT, OUTPUT, SETTINGS
from avtr_cli.cli.measured import tell_numbers, watched
from avtr_cli.cli.options import option
from avtr_cli.core.errors import BatchError, OutputError

if TYPE_CHECKING:
    from avtr_cli.core.config import Preset
    from avtr_cli.evaluation.alike.clips import Clip, Seen
    from avtr_cli.jobs.job import Job
    from avtr_cli.streaming.engine import Engine

NUMBERS, INDEX = "alive.json", "index.html"  # in the folder of outputs, beside a folder for every clip


@dataclass(frozen=True)
class Place:
    """Where all that is made of one clip comes to lie."""

    folder: Path

    @property
    def video(self) -> Path:
        """Our video of the clip."""
        return self.folder / "avatar.mp4"

    @property
    def report(self) -> Path:
        """How it was rendered."""
        return self.folder / "avatar.json"

    @property
    def tracks(self) -> Path:
        """What Face Mesh saw of it."""
        return self.folder / "tracks.npz"

    @property
    def voice(self) -> Path:
        """The clip's voice where its channels had to be mixed."""
        return self.folder / "voice.wav"

    @property
    def page(self) -> Path:
        """It and the clip side by side."""
        return self.folder / "alike.html"


def alive(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A sub-folder a clip: a photo, a sound, tracks.npz or the video.", show_default=False
        ),
    ],
    out: Annotated[
        Path, option(OUTPUT, "-o", "--out", metavar="FOLDER", help="Folder for our videos, tracks and numbers.")
    ] = Path("alive"),
    only: Annotated[
        list[str] | None,
        option(INPUT, "--only", metavar="GLOB", help="Only clips so named, as in 'anna*'; may be repeated."),
    ] = None,
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    size: options.Size = None,
    weights: Annotated[
        Path | None,
        option(SETTINGS, "--weights", metavar="FILE", help="Render with this LMFM checkpoint."),
    ] = None,
    render: Annotated[
        bool, option(INPUT, "--render/--no-render", help="Or measure our videos that an earlier run left in -o.")
    ] = True,
    pages: Annotated[bool, option(OUTPUT, "--page", help="Write pages too: both videos and their curves.")] = False,
    overwrite: options.Overwrite = False,
    progress: options.Progress = "auto",
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Render the photo and voice of others' videos, and hold each of ours against theirs: medians over clips."""
    from avtr_cli.core.files import write_json, write_text
    from avtr_cli.evaluation.alike.clips import clips_in, report_of
    from avtr_cli.evaluation.alike.page import alive_page
    from avtr_cli.evaluation.alike.table import comparison_lines

    clips, left_out = clips_in(folder, only or ())
    places = {clip.name: Place(out / clip.name) for clip in clips}
    _refuse(folder, clips, out)
    _refuse_what_lies_there(out, places, overwrite, render)
    chosen = options.preset_of(preset, settings, device, size=size, view="photo")
    for sentence in left_out:
        voice.note(sentence)
    manner = running.Manner(quiet, False, progress)
    maker = _Maker(chosen, seed, overwrite, pages, manner)
    if render:
        with showing.shown(f"{len(clips)} clips", progress, quiet) as watching:
            maker.engine = _engine(chosen, weights, watching)
    seen: dict[str, Seen] = {}
    failed: dict[str, str] = {}
    for number, clip in enumerate(clips, 1):
        try:
            seen[clip.name] = maker.seen(clip, places[clip.name], f"{number}/{len(clips)} {clip.name}")
        except Exception as error:
            failed[clip.name] = several.told(error)
    told: dict[str, Any] = {"command": options.typed(), "preset": chosen.name, "seed": seed} | report_of(seen, failed)
    write_json(out / NUMBERS, told)
    if pages:
        made = {name: places[name].page for name in seen}
        write_text(out / INDEX, alive_page(out / INDEX, told, made))
    tell_numbers(comparison_lines(told["measures"]), told, None, as_json)
    if failed:
        raise BatchError(f"{len(failed)} of {len(clips)} clips failed: {', '.join(failed)}")


@dataclass
class _Maker:
    """Renders a clip's photo and voice as `avtr render --solo --view photo` does, follows it, and compares."""

    preset: Preset
    seed: int
    overwrite: bool
    pages: bool
    manner: running.Manner
    engine: Engine | None = None  # None: the videos are there

    def seen(self, clip: Clip, place: Place, title: str) -> Seen:
        """What was seen of the clip and of ours, whose files lie in `place` then. Raises AvtrError."""
        from avtr_cli.evaluation.alike.clips import see

        if self.engine is not None:
            make_folder(place.folder)
            running.warn(running.rendered(self._job(clip, place), self.manner, title, self.engine)["warnings"])
        with watched(title, self.manner.quiet) as watch:
            found = see(clip, place.video, place.tracks, watch)
        if self.pages:
            self._page(clip, place, found)
        return found

    def _job(self, clip: Clip, place: Place) -> Job:
        from avtr_cli.audio.files import DialogueFiles
        from avtr_cli.evaluation.alike.sounds import as_one_voice
        from avtr_cli.jobs.job import Job

        return Job(
            photo=clip.photo,
            sound=DialogueFiles(dialogue=as_one_voice(clip.voice, place.voice), solo=True),
            out=place.video,
            report=place.report,
            preset=self.preset,
            seed=self.seed,
            overwrite=self.overwrite,
            command=options.typed(),
        )

    def _page(self, clip: Clip, place: Place, found: Seen) -> None:
        from avtr_cli.core.files import write_text
        from avtr_cli.evaluation.alike.compare import rows_of
        from avtr_cli.evaluation.alike.page import Shown, comparison_page

        rows = rows_of([found.compared])
        shown = Shown(clip.name, rows, found.reference, found.ours, clip.video, place.video, options.typed())
        write_text(place.page, comparison_page(place.page, shown))


def make_folder(folder: Path) -> None:
    """Raises OutputError where it cannot be made."""
    from avtr_cli.core.files import reason

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({reason(error)}); choose another -o") from error


def _refuse(folder: Path, clips: Sequence[Clip], out: Path) -> None:
    """Before the work: an output folder that holds the clips, or cannot be written to. Raises OutputError."""
    from avtr_cli.core.files import same_file
    from avtr_cli.jobs.checking import check_writable

    if same_file(out, folder) or any(same_file(out / clip.name, clip.photo.parent) for clip in clips):
        raise OutputError(f"{out}: holds what is to be measured; choose another -o")
    make_folder(out)
    check_writable(out / NUMBERS)


def _refuse_what_lies_there(out: Path, places: dict[str, Place], overwrite: bool, render: bool) -> None:
    """Before the work: files in the way; where nothing is rendered, those that no such command wrote."""
    from avtr_cli.core.files import lies_there

    if overwrite:
        return
    made = [path for place in places.values() for path in (place.tracks, place.page)] + [out / NUMBERS, out / INDEX]
    if render:
        made += [path for place in places.values() for path in (place.video, place.report, place.voice)]
    for path in made:
        if lies_there(path) and (render or not options.measured_before(path)):
            raise OutputError(f"{path}: exists already; give --overwrite to replace it, or choose another -o")


def _engine(preset: Preset, weights: Path | None, watching: showing.Display) -> Engine:
    """One for all clips. Raises ConfigError, WeightsError."""
    from avtr_cli.jobs.steps import Step
    from avtr_cli.streaming.engine import Engine

    watching.step(Step.LOAD)
    engine = Engine(preset)
    if weights is not None:
        from avtr_cli.motion.bridges.table import bridged
        from avtr_cli.motion.lmfm.generator import LmfmGenerator

        generator = LmfmGenerator(preset.motion, weights, preset.runtime.kernels)
        engine.generator = bridged(generator, engine.renderer.space)
    return engine
