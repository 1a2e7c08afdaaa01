"""`avtr config show`: the settings that preset, --set and options come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import Command, Group, epilog

if TYPE_CHECKING:
    from avtr_cli.core.config import Preset

app = typer.Typer(cls=Group, help="Settings, merged and shown.", no_args_is_help=True)


@app.command("show", cls=Command, epilog=epilog("avtr config show --preset fast --set render.size=400 > mine.yaml"))
def show(
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    device: options.Device = None,
    size: options.Size = None,
    view: options.View = None,
    background: options.Background = None,
    camera: options.Camera = None,
    framing: options.Framing = None,
    sound: options.Sound = None,
    as_json: options.AsJson = False,
) -> None:
    """Print every setting as YAML that is a preset itself; a comment marks what differs from the default."""
    from avtr_cli.core.textfile import json_text

    named = {"size": size, "view": view, "background": background, "camera": camera, "framing": framing, "sound": sound}
    chosen = options.preset_of(preset, settings, device, **named)
    if as_json:
        typer.echo(json_text(chosen.as_dict() | {"changed": list(_changed(chosen))}, 2))
        return
    for line in yaml_lines(chosen):
        typer.echo(line)


def yaml_lines(preset: Preset) -> Iterator[str]:
    """`preset` as a YAML file, line by line."""
    from avtr_cli.core.config import Preset

    plain, changed = Preset().as_dict(), _changed(preset)
    yield f"# {preset.name}, with all that was asked for."
    for group, values in preset.as_dict().items():
        if not isinstance(values, dict):
            continue
        yield f"\n{group}:"
        for name, value in values.items():
            line = f"  {name}: {_scalar(value)}"
            marked = f"{group}.{name}" in changed
            yield f"{line:<28} # the default is {_scalar(plain[group][name])}" if marked else line


def _changed(preset: Preset) -> list[str]:
    """The settings, by their dotted names, that are not as by default."""
    from avtr_cli.core.config import Preset

    plain = Preset().as_dict()
    groups = {group: values for group, values in preset.as_dict().items() if isinstance(values, dict)}
    return [f"{g}.{name}" for g, values in groups.items() for name, value in values.items() if value != plain[g][name]]


def _scalar(value: object) -> str:
    """As YAML reads it back: a word such as off or #204060 in quotes."""
    import yaml

    text: str = yaml.safe_dump(value, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
