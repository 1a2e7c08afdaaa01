"""Options that several commands share, each written once, and how they become settings and outputs."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import completions, progress, voice
from avtr_cli.cli.command import DRAWN, INPUT, OUTPUT, RUN, SETTINGS, SOUND, TOLD
from avtr_cli.core import presets
from avtr_cli.core.config import PRESET_SUFFIXES, Preset, load_preset
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import is_stream, lies_there, same_file

if TYPE_CHECKING:
    from avtr_cli.prompts.interactions import Touch

VIEWS = ("crop", "photo")
BACKGROUNDS = ("none", "blur", "transparent")
SOUNDS = ("avatar", "mix", "stereo", "none")
DEVICES = ("auto", "cpu", "cuda")


def _progress_kind(kind: str) -> str:
    """Callback of --progress: from now on all that is said on stderr is for a program, if that was asked for."""
    if kind not in progress.KINDS:
        raise ConfigError(f"--progress is '{kind}', but must be one of {', '.join(progress.KINDS)}")
    voice.manner.as_json = kind == "json"
    return kind


def _hush(quiet: bool) -> bool:
    """Callback of --quiet."""
    voice.manner.hush = quiet
    return quiet


def option(panel: str, *names: str, **about: Any) -> Any:
    """An option of `--help`'s `panel`."""
    return typer.Option(*names, rich_help_panel=panel, **about)


PresetName = Annotated[
    str,
    option(
        SETTINGS, "--preset", metavar="NAME|FILE", envvar="AVTR_PRESET", autocompletion=completions.preset_names,
        help="Settings: default, fast, quality, … (see avtr presets).",
    ),
]  # fmt: skip
Settings = Annotated[
    list[str] | None,
    option(
        SETTINGS, "--set", metavar="KEY=VALUE", autocompletion=completions.settings,
        help="Change one setting, as in render.size=256; may be repeated.",
    ),
]  # fmt: skip
Seed = Annotated[
    int,
    option(SETTINGS, "--seed", metavar="N", min=0, max=2**31 - 1, help="Another one moves head and eyes another way."),
]
Device = Annotated[
    str | None,
    option(
        SETTINGS, "--device", metavar="NAME", envvar="AVTR_DEVICE", autocompletion=completions.among(DEVICES),
        help="auto, cpu, cuda or cuda:N.",
    ),
]  # fmt: skip
Size = Annotated[
    int | None, option(DRAWN, "--size", metavar="PIXELS", help="Side of the crop, or longer side of the photo view.")
]
View = Annotated[
    str | None,
    option(
        DRAWN, "--view", metavar="NAME", autocompletion=completions.among(VIEWS),
        help="crop: around the head. photo: the whole picture.",
    ),
]  # fmt: skip
Background = Annotated[
    str | None,
    option(
        DRAWN, "--background", metavar="NAME|FILE", autocompletion=completions.among(BACKGROUNDS),
        help="none, blur, transparent, #RRGGBB or an image file.",
    ),
]  # fmt: skip
Style = Annotated[
    Path | None,
    option(
        SETTINGS, "--style", metavar="FILE",
        help="unils: follow the manner of this FLAME motion (.npz), of its first 4 s.",
    ),
]  # fmt: skip
Sound = Annotated[
    str | None,
    option(
        SOUND, "--sound", metavar="NAME", autocompletion=completions.among(SOUNDS),
        help="Whose voice the video carries: avatar, mix, stereo or none.",
    ),
]  # fmt: skip
Label = Annotated[
    str, option(DRAWN, "--label", metavar="TEXT", help="Write this on every frame, such as 'AI-generated'.")
]
Provenance = Annotated[
    bool, option(TOLD, "--provenance/--no-provenance", help="Mark the file as AI-generated (metadata, XMP, C2PA).")
]
Certificate = Annotated[
    Path | None,
    option(TOLD, "--cert", metavar="FILE", help="Sign the C2PA mark with this chain (PEM); else AVTR_CERT."),
]
Key = Annotated[
    Path | None, option(TOLD, "--key", metavar="FILE", help="The certificate's private key (PEM); else AVTR_KEY.")
]
Quiet = Annotated[
    bool,
    option(
        RUN, "-q", "--quiet", is_eager=True, callback=_hush, help="No progress, no warnings; only the result's path."
    ),
]
AsJson = Annotated[bool, option(RUN, "--json", help="Print JSON on stdout, and nothing else there.")]
Progress = Annotated[
    str,
    option(
        RUN, "--progress", metavar="KIND", callback=_progress_kind, is_eager=True,
        autocompletion=completions.among(progress.KINDS),
        help="auto: a bar, or a line a minute. json: lines for programs. none.",
    ),
]  # fmt: skip
Overwrite = Annotated[bool, option(OUTPUT, "-y", "--overwrite", help="Replace outputs that exist.")]
Start = Annotated[float, option(INPUT, "--start", metavar="SECONDS", min=0, help="Begin here.")]
Duration = Annotated[float | None, option(INPUT, "--duration", metavar="SECONDS", help="Render so much.")]
Format = Annotated[
    str | None,
    option(
        OUTPUT, "--format", metavar="NAME", autocompletion=completions.formats,
        help="mp4, mkv, or with alpha webm or mov; else as -o ends.",
    ),
]  # fmt: skip
NumbersFile = Annotated[Path | None, option(OUTPUT, "--report", metavar="FILE", help="Write all numbers here (JSON).")]
"""Of a command that measures."""


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What render and dialogue have in common; see `command.takes`."""

    avatar_channel: Annotated[
        int, option(INPUT, "--avatar-channel", metavar="1|2", min=1, max=2, help="The avatar's channel.")
    ] = 1
    partner: Annotated[
        Path | None,
        option(INPUT, "--partner", metavar="FILE", help="The partner's mono file; DIALOGUE is then the avatar's."),
    ] = None
    start: Start = 0.0
    duration: Duration = None
    size: Size = None
    view: View = None
    background: Background = None
    interactions: Annotated[
        Path | None,
        option(
            DRAWN, "--interactions", metavar="FILE",
            help="YAML list of what is done to the person, - {at: 3.2, region: nose, do: poke}.",
        ),
    ] = None  # fmt: skip
    interact: Annotated[
        list[str] | None,
        option(
            DRAWN, "--interact", metavar="AT:WHERE:DO",
            help="The same, as in 3.2:left_cheek:kiss or 3.2:0.48,0.41:poke (see avtr interactions); may be repeated.",
        ),
    ] = None  # fmt: skip
    label: Label = ""
    sound: Sound = None
    preset: PresetName = "default"
    settings: Settings = None
    style: Style = None
    seed: Seed = 0
    device: Device = None
    out: Annotated[str, option(OUTPUT, "-o", "--out", metavar="FILE", help="The video.")] = ""
    form: Format = None
    overwrite: Overwrite = False
    report: Annotated[str | None, option(TOLD, "--report", metavar="FILE", help="Write the report here (JSON).")] = None
    page: Annotated[
        str | None, option(TOLD, "--html", metavar="FILE", help="Write a report page here (one self-contained file).")
    ] = None
    provenance: Provenance = True
    certificate: Certificate = None
    private_key: Key = None
    pace: Annotated[
        str,
        option(
            RUN, "--pace", metavar="NAME", autocompletion=completions.among(("max", "realtime")),
            help="max, or realtime: hear the sound at the speed of a call.",
        ),
    ] = "max"  # fmt: skip
    resume: Annotated[
        bool, option(RUN, "--resume/--no-resume", help="Go on from the last whole minute of an interrupted run.")
    ] = True
    dry_run: Annotated[
        bool, option(RUN, "--dry-run", help="Look at photo, sound and disk, say what would be done, render nothing.")
    ] = False
    preview: Annotated[
        Path | None,
        option(RUN, "--preview", metavar="FILE", help="With --dry-run: a picture (.png) of faces and crop."),
    ] = None
    progress: Progress = "auto"
    as_json: Annotated[
        bool, option(RUN, "--json", help="Print the report as JSON on stdout, and nothing else there.")
    ] = False
    quiet: Quiet = False

    def chosen(self) -> Preset:
        """The settings that these options come to. Raises ConfigError."""
        named = (self.device, self.size, self.view, self.background, self.sound, self.style)
        return preset_of(self.preset, self.settings, *named)

    def touches(self) -> tuple[Touch, ...]:
        """What `--interactions` and `--interact` say, in the order of its frames. Raises ConfigError."""
        from avtr_cli.prompts.interactions import load_interactions, parse_option

        from_file = load_interactions(self.interactions) if self.interactions else ()
        said = (*from_file, *map(parse_option, self.interact or ()))
        return tuple(sorted(said, key=lambda touch: touch.frame))

    def of_a_job(self) -> dict[str, Any]:
        """The fields of a Job that are the same for every job of the command. Raises ConfigError."""
        return {
            "preset": self.chosen(),
            "interactions": self.touches(),
            "seed": self.seed,
            "provenance": self.provenance,
            "certificate": self.certificate,
            "private_key": self.private_key,
            "label": self.label,
            "pace": self.pace,
            "overwrite": self.overwrite,
            "resume": self.resume,
            "command": typed(),
        }


def preset_of(
    name: str,
    settings: list[str] | None,
    device: str | None = None,
    size: int | None = None,
    view: str | None = None,
    background: str | None = None,
    sound: str | None = None,
    style: Path | None = None,
) -> Preset:
    """The preset with `--set` pairs and then the named options on top. Raises ConfigError."""
    typed = {
        "--device": ("runtime.device", device),
        "--size": ("render.size", size),
        "--view": ("render.view", view),
        "--background": ("render.background", background),
        "--sound": ("output.sound", sound),
        "--style": ("motion.style", str(style) if style is not None else None),
    }
    options = {key: option for option, (key, _) in typed.items()}
    return load_preset(name, tuple(settings or ())).changed(dict(typed.values()), options=options)


def files_of_settings(preset: str, *others: Path | None) -> tuple[Path, ...]:
    """The files of the user that `--preset` names, and `others`: of cues, of interactions."""
    own = {one.name: one.path for one in presets.listed() if not one.shipped}
    files = (Path(preset),) if Path(preset).suffix.lower() in PRESET_SUFFIXES else ()
    files = (own[preset],) if preset in own else files
    return (*files, *(other for other in others if other is not None))


def check_written(written: Mapping[str, Path | None], read: Iterable[Path | None] = ()) -> None:
    """Before the work of a measuring command: each output can be written, and replaces nothing but an earlier one.

    `written` are the outputs by their options, `read` what is measured. Raises OutputError.
    """
    from avtr_cli.jobs.checking import check_writable

    files = [path for path in read if path is not None]
    named = [(option, path) for option, path in written.items() if path is not None and not is_stream(path)]
    for (one, first), (other, second) in itertools.combinations(named, 2):
        if same_file(first, second):
            raise OutputError(f"{first}: cannot be both {one} and {other}; give two names")
    for option, path in written.items():
        if path is None or is_stream(path):
            continue
        if not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: the folder does not exist; make it or choose another name")
        check_writable(path, option)
        if any(same_file(path, given) for given in files):
            raise OutputError(f"{path}: is what is to be measured; choose another {option}")
        if lies_there(path) and not measured_before(path):
            raise OutputError(f"{path}: exists already, and no such command wrote it; choose another {option}")


def measured_before(path: Path) -> bool:
    """Whether a measuring command wrote it: a JSON report with a key of ours, curves, a page, tracks, a table."""
    try:
        data = path.read_bytes()
        if not data.startswith(b"{"):
            marks = (b"atplotlib", b'name="generator" content="avtr ', b"aperture.npy", b"system,row,value,low,high")
            return any(mark in data for mark in marks)
        return not json.loads(data).keys().isdisjoint(("command", "runs", "sessions", "stages_ms"))
    except (OSError, ValueError, RecursionError):
        return False


def typed() -> str:
    """The command as it was typed, for the report."""
    import shlex

    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
