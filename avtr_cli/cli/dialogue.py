"""`avtr dialogue`: both sides of a call in one video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import completions, options
from avtr_cli.cli.command import DRAWN, INPUT, OUTPUT, SOUND, takes
from avtr_cli.cli.options import option
from avtr_cli.output.layouts import LAYOUTS

DEFAULT_OUT = "dialogue.mp4"


@dataclass(frozen=True, kw_only=True)
class DialogueOptions(options.JobOptions):
    """What dialogue has besides, or says in other words."""

    out: Annotated[
        str,
        option(
            OUTPUT, "-o", "--out", metavar="FILE",
            help="The video: .mp4, .mkv, .webm or .mov; clip_%06d.png or FOLDER/ for pictures.",
        ),
    ] = DEFAULT_OUT  # fmt: skip
    layout: Annotated[
        str,
        option(
            DRAWN, "--layout", metavar="NAME", autocompletion=completions.among(LAYOUTS),
            help="side-by-side, active-speaker or stack.",
        ),
    ] = "side-by-side"  # fmt: skip
    avatar_channel: Annotated[
        int, option(INPUT, "--avatar-channel", metavar="1|2", min=1, max=2, help="The channel of PHOTO_A.")
    ] = 1
    partner: Annotated[
        Path | None,
        option(INPUT, "--partner", metavar="FILE", help="PHOTO_B's mono file; DIALOGUE is then PHOTO_A's."),
    ] = None
    sound: Annotated[
        str | None,
        option(
            SOUND, "--sound", metavar="NAME", autocompletion=completions.among(options.SOUNDS[1:]),
            help="stereo (A left, B right), mix or none.",
        ),
    ] = None  # fmt: skip
    face_a: Annotated[
        int | None, option(INPUT, "--face-a", metavar="N", min=1, help="Which face of PHOTO_A, from 1, left to right.")
    ] = None
    face_b: Annotated[
        int | None, option(INPUT, "--face-b", metavar="N", min=1, help="Which face of PHOTO_B, from 1, left to right.")
    ] = None


@takes(DialogueOptions)
def dialogue(
    photo_a: Annotated[
        Path, typer.Argument(metavar="PHOTO_A", help="A picture of the person on channel 1.", show_default=False)
    ],
    photo_b: Annotated[
        Path, typer.Argument(metavar="PHOTO_B", help="A picture of the person on channel 2.", show_default=False)
    ],
    dialogue: Annotated[Path, typer.Argument(metavar="DIALOGUE", help="Sound with two channels.", show_default=False)],
    shared: DialogueOptions,
) -> None:
    """Render both sides of DIALOGUE in one video: each person speaks their own channel and hears the other's."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.cli import outputs, running
    from avtr_cli.jobs.two_sided import TwoSidedJob

    files = DialogueFiles(
        dialogue=dialogue,
        partner=shared.partner,
        avatar_channel=shared.avatar_channel,
        start_s=shared.start,
        duration_s=shared.duration,
    )
    job = TwoSidedJob(
        photo=photo_a,
        photo_b=photo_b,
        face=shared.face_a,
        face_b=shared.face_b,
        layout=shared.layout,
        sound=files,
        out=outputs.output(shared.out, shared.form, DEFAULT_OUT),
        report=Path(shared.report) if shared.report is not None else None,
        page=Path(shared.page) if shared.page is not None else None,
        settings_files=options.files_of_settings(shared.preset, shared.interactions),
        **shared.of_a_job(),
    )
    running.run(job, shared)
