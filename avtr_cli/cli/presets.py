"""`avtr presets`: the settings that can be asked for by name."""

from __future__ import annotations

import sys

import typer

from avtr_cli.cli import options, voice


def presets(as_json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """List the presets by name: those that ship, then yours in ~/.config/avtr/presets/NAME.yaml."""
    from avtr_cli.core import presets
    from avtr_cli.core.textfile import json_text

    found = presets.listed()
    for path in presets.passed_over():
        voice.warning(f"{path} is not used: avtr ships a preset of that name; give yours another, or its path")
    if as_json:
        facts = [
            {"name": one.name, "description": one.description, "shipped": one.shipped, "path": str(one.path)}
            for one in found
        ]
        typer.echo(json_text(facts, 2))
        return
    widest = max(len(one.name) for one in found)
    for one in found:
        said = one.description if one.shipped else f"{one.description} (yours)".strip()
        indent = " " * (widest + 2)
        typer.echo(
            one.name if quiet else voice.wrapped(f"{one.name:<{widest}}  {said}", voice.width(sys.stdout), indent)
        )
