"""`avtr dialogue`: both sides of a call in one video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options


def dialogue(
    photo_a: Annotated[
        Path, typer.Argument(metavar="PHOTO_A", help="A picture of the person on channel 1.", show_default=False)
    ],
    photo_b: Annotated[
        Path, typer.Argument(metavar="PHOTO_B", help="A picture of the person on channel 2.", show_default=False)
    ],
    dialogue: Annotated[Path, typer.Argument(metavar="DIALOGUE", help="Sound with two channels.", show_default=False)],
    out: options.Out = Path("dialogue.mp4"),
    layout: Annotated[
        str, typer.Option(metavar="NAME", help="side-by-side, active-speaker or stack.")
    ] = "side-by-side",
    avatar_channel: Annotated[int, typer.Option(metavar="1|2", help="The channel of PHOTO_A.", min=1, max=2)] = 1,
    partner: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PHOTO_B's mono file; DIALOGUE is then PHOTO_A's.")
    ] = None,
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    start: Annotated[float, typer.Option(metavar="SECONDS", help="Begin here (seconds).", min=0)] = 0.0,
    duration: Annotated[float | None, typer.Option(metavar="SECONDS", help="Render so much (seconds).")] = None,
    size: options.Size = None,
    view: options.View = None,
    background: options.Background = None,
    sound: Annotated[str | None, typer.Option(metavar="NAME", help="stereo (A left, B right), mix or none.")] = None,
    face_a: Annotated[
        int | None, typer.Option(metavar="N", help="Which face of PHOTO_A, from 1, left to right.", min=1)
    ] = None,
    face_b: Annotated[
        int | None, typer.Option(metavar="N", help="Which face of PHOTO_B, from 1, left to right.", min=1)
    ] = None,
    report: options.ReportFile = None,
    page: options.Page = None,
    label: options.Label = "",
    provenance: options.Provenance = True,
    certificate: options.Certificate = None,
    private_key: options.Key = None,
    pace: options.Pace = "max",
    resume: Annotated[bool, typer.Option(help="Go on from the last whole minute of an interrupted run.")] = True,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    preview: options.Preview = None,
    quiet: options.Quiet = False,
) -> None:
    """Render both sides of DIALOGUE in one video: each person speaks their own channel and hears the other's."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.jobs.two_sided import TwoSidedJob

    files = DialogueFiles(
        dialogue=dialogue, partner=partner, avatar_channel=avatar_channel, start_s=start, duration_s=duration
    )
    job = TwoSidedJob(
        photo=photo_a,
        photo_b=photo_b,
        face=face_a,
        face_b=face_b,
        layout=layout,
        sound=files,
        out=out,
        preset=options.preset_of(preset, settings, device, size, view, background, sound),
        seed=seed,
        provenance=provenance,
        certificate=certificate,
        private_key=private_key,
        label=label,
        pace=pace,
        report=report,
        page=page,
        overwrite=overwrite,
        resume=resume,
        settings_files=options.files_of_settings(preset),
        command=options.typed(),
    )
    options.render_and_print(job, quiet, options.plan_of(dry_run, preview))
