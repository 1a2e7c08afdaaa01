"""`avtr render`: one avatar's side of a call, or of several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import DRAWN, INPUT, OUTPUT, takes
from avtr_cli.cli.options import option

DEFAULT_OUT = "avatar.mp4"


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
        option(OUTPUT, "--motion-out", metavar="FILE", help="The motion too: .safetensors, or .csv (Live Link)."),
    ] = None


@takes(RenderOptions)
def render(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A picture with the avatar's face.", show_default=False)
    ],
    dialogues: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIALOGUE...",
            help="Sound with two channels: 1 avatar, 2 partner; - for stdin. Several make a video each.",
            show_default=False,
        ),
    ],
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

    if len(dialogues) > 1:
        several.refuse_what_goes_with_one(shared, dialogues)
        places = several.places(shared, dialogues, DEFAULT_OUT)
        jobs = [Job(sound=sound(path), **common, **places[path]) for path in dialogues]
        several.run(jobs, shared)
        return
    one = {"motion_out": shared.motion_out, "report": shared.report, "page": shared.page}
    named: dict[str, Any] = {key: Path(text) if text is not None else None for key, text in one.items()}
    out = outputs.output(shared.out, shared.form, DEFAULT_OUT)
    running.run(Job(sound=sound(dialogues[0]), out=out, **common, **named), shared)
