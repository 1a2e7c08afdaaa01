"""`avtr interactions`: the words for what can be done to a person in a video."""

from __future__ import annotations

import typer

from avtr_cli.cli import options


def interactions(as_json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """List the words that `avtr render --interact` understands, by how they are meant."""
    from avtr_cli.core.interaction import SAME_AS, STRENGTHS, TONES, WORDS
    from avtr_cli.core.textfile import json_text

    if as_json:
        typer.echo(json_text([{"name": name, "tone": word.tone} for name, word in WORDS.items()], 2))
        return
    if quiet:
        for name in WORDS:
            typer.echo(name)
        return
    for tone in TONES:
        typer.echo(f"{tone:<14}{', '.join(name for name, word in WORDS.items() if word.tone == tone)}")
    low, high = STRENGTHS
    typer.echo(f"\nAlso {', '.join(f'{other} ({word})' for other, word in SAME_AS.items())}")
    typer.echo("\nAs options: --interact 3.2:left_cheek:poke or --interact 3.2:0.48,0.41:poke:0.8")
    typer.echo("In a file, one a line: - {at: 3.2, region: left_cheek, do: poke, strength: 0.8}")
    typer.echo("at: seconds from the first frame; x, y: shares of the photo, from its upper left corner")
    typer.echo(f"strength: {low:g} to {high:g}, 1 as the word says; regions: avtr regions PHOTO")
