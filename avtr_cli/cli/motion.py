"""`avtr motion`: motion files without pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import INPUT, Command, Group, epilog
from avtr_cli.cli.options import option
from avtr_cli.core.timing import FPS

app = typer.Typer(
    cls=Group, no_args_is_help=True, rich_markup_mode=None, help="Motion files: made of a call, and of one another."
)

Out = Annotated[
    Path, typer.Argument(metavar="OUT", help=".npz in FLAME's numbers, .safetensors, .csv (Live Link) or .bvh.")
]


@app.command(cls=Command, epilog=epilog("avtr motion unils call.wav call.flame.npz"))
def unils(
    dialogue: Annotated[Path, typer.Argument(metavar="DIALOGUE", help="Sound with two channels: 1 avatar, 2 partner.")],
    out: Out,
    solo: Annotated[bool, option(INPUT, "--solo", help="DIALOGUE is the avatar's voice alone (mono).")] = False,
    partner: Annotated[
        Path | None,
        option(INPUT, "--partner", metavar="FILE", help="The partner's mono file; DIALOGUE is then the avatar's."),
    ] = None,
    avatar_channel: Annotated[
        int, option(INPUT, "--avatar-channel", metavar="1|2", min=1, max=2, help="The avatar's channel.")
    ] = 1,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    style: options.Style = None,
    settings: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write what UniLS makes of the avatar's side of DIALOGUE, without a photo."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.jobs.motion_files import make_motion

    preset = options.preset_of("unils", settings, device, style=str(style) if style is not None else None)
    sound = DialogueFiles(
        dialogue=dialogue, partner=partner, solo=solo, avatar_channel=avatar_channel, start_s=start, duration_s=duration
    )
    _tell(out, make_motion(sound, out, preset, seed, overwrite), quiet)


@app.command(cls=Command, epilog=epilog("avtr motion convert call.safetensors call.flame.npz"))
def convert(
    motion: Annotated[Path, typer.Argument(metavar="MOTION", help="A .safetensors of controls, or .npz of FLAME.")],
    out: Out,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write MOTION in another program's words: your own FLAME file is the dictionary."""
    from avtr_cli.jobs.motion_files import convert_motion

    _tell(out, convert_motion(motion, out, overwrite), quiet)


def _tell(out: Path, frames: int, quiet: bool) -> None:
    typer.echo(str(out) if quiet else f"{out}: {frames} frames, {frames / FPS:.2f} s")
