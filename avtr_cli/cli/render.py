"""`avtr render`: one avatar's side of a call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options


def render(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A picture with the avatar's face.", show_default=False)
    ],
    dialogue: Annotated[
        Path,
        typer.Argument(
            metavar="DIALOGUE", help="Sound with two channels: 1 avatar, 2 partner; - for stdin.", show_default=False
        ),
    ],
    out: options.Out = Path("avatar.mp4"),
    avatar_channel: Annotated[int, typer.Option(metavar="1|2", help="The avatar's channel.", min=1, max=2)] = 1,
    partner: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The partner's mono file; DIALOGUE is then the avatar's.")
    ] = None,
    solo: Annotated[bool, typer.Option("--solo", help="DIALOGUE is the avatar's voice alone (mono).")] = False,
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    start: Annotated[float, typer.Option(metavar="SECONDS", help="Begin here (seconds).", min=0)] = 0.0,
    duration: Annotated[float | None, typer.Option(metavar="SECONDS", help="Render so much (seconds).")] = None,
    size: options.Size = None,
    view: options.View = None,
    background: options.Background = None,
    sound: options.Sound = None,
    face: Annotated[
        int | None, typer.Option(metavar="N", help="Which face, from 1, left to right (the largest).", min=1)
    ] = None,
    cues: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML list of cues: {at: 3.2, cue: nod, strength: 1}.")
    ] = None,
    motion_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the motion too: .safetensors, or .csv (Live Link).")
    ] = None,
    from_motion: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the motion of this file instead of making it.")
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
    """Render the avatar's side of DIALOGUE to a video, with sound."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.jobs.job import Job
    from avtr_cli.prompts.reading import load_cues

    chosen = options.preset_of(preset, settings, device, size, view, background, sound)
    files = DialogueFiles(
        dialogue=dialogue,
        partner=partner,
        solo=solo,
        avatar_channel=avatar_channel,
        start_s=start,
        duration_s=duration,
    )
    job = Job(
        photo=photo,
        sound=files,
        out=out,
        preset=chosen,
        seed=seed,
        face=face,
        cues=load_cues(cues) if cues else (),
        motion_out=motion_out,
        from_motion=from_motion,
        provenance=provenance,
        certificate=certificate,
        private_key=private_key,
        label=label,
        pace=pace,
        report=report,
        page=page,
        overwrite=overwrite,
        resume=resume,
        settings_files=options.files_of_settings(preset, cues),
        command=options.typed(),
    )
    options.render_and_print(job, quiet, options.plan_of(dry_run, preview))
