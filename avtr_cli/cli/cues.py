"""`avtr cues`: what a person in a video can be asked to do."""

from __future__ import annotations

import typer

from avtr_cli.cli import options


def cues(as_json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """List the cues that `avtr render --cues FILE` understands, with what each does."""
    from avtr_cli.core.textfile import json_text
    from avtr_cli.core.types import CUE_STRENGTH
    from avtr_cli.prompts.catalogue import DESCRIPTIONS

    if as_json:
        typer.echo(json_text([{"name": name, "description": said} for name, said in DESCRIPTIONS.items()], 2))
        return
    for name, said in DESCRIPTIONS.items():
        typer.echo(name if quiet else f"{name:<12}{said}")
    if not quiet:
        low, high = CUE_STRENGTH
        typer.echo("\nIn a file, one a line: - {at: 3.2, cue: nod, strength: 1}")
        typer.echo(f"at: seconds from the first frame; strength: {low:g} to {high:g}, 1 as people do")
