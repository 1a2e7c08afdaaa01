"""`avtr avatar`: a person of a photo as 3D Gaussians, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options, voice
from avtr_cli.cli.command import DRAWN, INPUT, OUTPUT
from avtr_cli.cli.options import option


def avatar(
    photo: Annotated[
        Path,
        typer.Argument(metavar="PHOTO", help="A picture of a whole person, or down to the waist.", show_default=False),
    ],
    out: Annotated[
        Path,
        option(
            OUTPUT,
            "-o",
            "--out",
            metavar="FILE|FOLDER",
            show_default=False,
            help="The Gaussians (.ply); with --from-motion a folder of frame_000001.ply and so on.",
        ),
    ],
    face: Annotated[
        int | None, option(INPUT, "--face", metavar="N", min=1, help="Which face, from 1, left to right (the largest).")
    ] = None,
    from_motion: Annotated[
        Path | None,
        option(DRAWN, "--from-motion", metavar="FILE", help="A file for each frame of this motion (25 a second)."),
    ] = None,
    every: Annotated[int, option(DRAWN, "--every", metavar="N", min=1, help="Only each N-th frame of it.")] = 1,
    merge: Annotated[
        float,
        option(DRAWN, "--merge", metavar="PIXELS", min=0, max=20, help="Gaussians within so many pixels become one."),
    ] = 0.0,
    size: options.Size = None,
    preset: options.PresetName = "body",
    settings: options.Settings = None,
    device: options.Device = None,
    overwrite: options.Overwrite = False,
    progress: options.Progress = "auto",
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the person of PHOTO as 3D Gaussians (PLY), at rest or as a motion file moves them."""
    from avtr_cli.cli import progress as bars
    from avtr_cli.core.errors import ConfigError
    from avtr_cli.core.textfile import json_text

    if from_motion is None and every != 1:
        raise ConfigError("--every goes with --from-motion; leave it out")
    chosen = options.preset_of(preset, settings, device, size=size)
    with bars.shown(out.name, progress, quiet) as watching:
        from avtr_cli.jobs.avatar_files import export_avatar, export_motion

        frames = 1
        if from_motion is None:
            count, warnings = export_avatar(photo, out, chosen, face, merge, overwrite)
        else:
            frames, count, warnings = export_motion(
                photo, out, chosen, from_motion, face, merge, every, overwrite, watching.frames
            )
    for warning in warnings:
        voice.warning(warning)
    if as_json:
        typer.echo(json_text({"path": str(out), "frames": frames, "gaussians": count, "warnings": list(warnings)}, 2))
        return
    told = f"{frames} frames of {count:,} Gaussians" if from_motion else f"{count:,} Gaussians"
    typer.echo(str(out) if quiet else f"{out}: {told}")
