"""`avtr render`: one avatar's side of a call, or of several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import DRAWN, INPUT, OUTPUT, takes
from avtr_cli.cli.options import option
from avtr_cli.core.errors import ConfigError

DEFAULT_OUT = "avatar.mp4"
LONGEST_IDLE = 24 * 3600.0  # s


@dataclass(frozen=True, kw_only=True)
class RenderOptions(options.JobOptions):
    """What render has besides."""

    out: Annotated[
        str,
        option(
            OUTPUT, "-o", "--out", metavar="FILE",
            help="The video: .mp4, .mkv, .webm or .mov; clip_%06d.png or FOLDER/ for pictures. "
            "Of several sounds the FOLDER/ of their videos.",
        ),
    ] = DEFAULT_OUT  # fmt: skip
    idle: Annotated[
        float | None,
        option(
            INPUT, "--idle", metavar="SECONDS", min=0.04, max=LONGEST_IDLE,
            help="No DIALOGUE: so much of a person who is alone, moved by what was learned without sound.",
        ),
    ] = None  # fmt: skip
    solo: Annotated[bool, option(INPUT, "--solo", help="DIALOGUE is the avatar's voice alone (mono).")] = False
    face: Annotated[
        int | None, option(INPUT, "--face", metavar="N", min=1, help="Which face, from 1, left to right (the largest).")
    ] = None
    cues: Annotated[
        Path | None,
        option(DRAWN, "--cues", metavar="FILE", help="YAML list of cues, - {at: 3.2, cue: nod} (see avtr cues)."),
    ] = None
    from_motion: Annotated[
        Path | None, option(DRAWN, "--from-motion", metavar="FILE", help="Draw this motion instead of making it.")
    ] = None
    motion_out: Annotated[
        str | None,
        option(OUTPUT, "--motion-out", metavar="FILE", help="The motion too: .safetensors, .csv (Live Link) or .bvh."),
    ] = None


@takes(RenderOptions)
def render(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A picture with the avatar's face.", show_default=False)
    ],
    dialogues: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIALOGUE...",
            help="Sound with two channels: 1 avatar, 2 partner; - for stdin. Several make a video each.",
            show_default=False,
        ),
    ] = None,
    *,
    shared: RenderOptions,
) -> None:
    """Render the avatar's side of DIALOGUE to a video, with sound."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.cli import outputs, running, several
    from avtr_cli.jobs.job import Job
    from avtr_cli.prompts.reading import load_cues

    common: dict[str, Any] = shared.of_a_job() | {
        "photo": photo,
        "face": shared.face,
        "cues": load_cues(shared.cues) if shared.cues else (),
        "from_motion": shared.from_motion,
        "settings_files": options.files_of_settings(shared.preset, shared.cues, shared.interactions),
    }

    def sound(path: Path) -> DialogueFiles:
        return DialogueFiles(
            dialogue=path,
            partner=shared.partner,
            solo=shared.solo,
            avatar_channel=shared.avatar_channel,
            start_s=shared.start,
            duration_s=shared.duration,
        )

    if shared.idle is not None:
        _idle(shared, dialogues, common)
        return
    if not dialogues:
        raise ConfigError("a video needs a DIALOGUE, or --idle SECONDS without one; see avtr render --help")
    if len(dialogues) > 1:
        several.refuse_what_goes_with_one(shared, dialogues)
        places = several.places(shared, dialogues, DEFAULT_OUT)
        jobs = [Job(sound=sound(path), **common, **places[path]) for path in dialogues]
        several.run(jobs, shared)
        return
    out = outputs.output(shared.out, shared.form, DEFAULT_OUT)
    running.run(Job(sound=sound(dialogues[0]), out=out, **common, **_named(shared)), shared)


def _named(shared: RenderOptions) -> dict[str, Any]:
    """The other outputs of one video."""
    one = {"motion_out": shared.motion_out, "report": shared.report, "page": shared.page}
    return {key: Path(text) if text is not None else None for key, text in one.items()}


def _idle(shared: RenderOptions, dialogues: list[Path] | None, common: dict[str, Any]) -> None:
    """A video that no sound moves. Raises ConfigError for what only a sound has."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.audio.silence import NAME, silent_sound
    from avtr_cli.cli import outputs, running
    from avtr_cli.jobs.job import Job

    assert shared.idle is not None
    told = {"DIALOGUE": dialogues, "--partner": shared.partner, "--solo": shared.solo, "--start": shared.start,
            "--duration": shared.duration, "--from-motion": shared.from_motion, "--sound": shared.sound}  # fmt: skip
    for option_name, value in told.items():
        if value:
            raise ConfigError(f"--idle has no sound, and {option_name} goes with one; leave either out")
    preset = common.pop("preset").with_settings(**{"motion.audio_free": True, "output.sound": "none"})
    out = outputs.output(shared.out, shared.form, DEFAULT_OUT)
    with silent_sound(shared.idle) as path:
        sound = DialogueFiles(dialogue=path, solo=True)
        job = Job(sound=sound, out=out, preset=preset, copies={path: NAME}, **common, **_named(shared))
        running.run(job, shared)
