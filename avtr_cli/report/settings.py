"""Settings of a report: those that somebody changed first, with what they would have been; the rest behind a click."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.presets import shipped_names
from avtr_cli.report.elements import facts, flat, folded, section


class Change(NamedTuple):
    """A setting that is not as it is by default, and who says so."""

    key: str
    value: Any
    default: Any
    by: str


def changes(report: Mapping[str, Any]) -> list[Change]:
    """Every setting that differs from its default, those that the shipped preset does not explain first."""
    name = report["avtr"]["preset"]
    default = _settings(Preset())
    shipped = _settings(load_preset(name)) if name in shipped_names() else default
    found = []
    for key, value in _set(report).items():
        if key in default and value != default[key]:
            by_preset = name in shipped_names() and value == shipped.get(key)
            found.append(Change(key, value, default[key], f"preset {name}" if by_preset else _others(name)))
        elif value != shipped.get(key, value):  # set back to the default, against the preset
            found.append(Change(key, value, shipped[key], _others(name)))
    return sorted(found, key=lambda change: change.by.startswith("preset "))


def settings_section(report: Mapping[str, Any]) -> str:
    """What was changed, as a table; then all settings, folded."""
    found = changes(report)
    name = report["avtr"]["preset"]
    if found:
        rows = "".join(
            f"<tr><th>{escape(one.key)}</th><td><b>{escape(str(one.value))}</b></td>"
            f'<td>{escape(str(one.default))}</td><td class="wide">{escape(one.by)}</td></tr>'
            for one in found
        )
        heads = '<thead><tr><th>setting</th><th>here</th><th>instead of</th><th class="wide">by</th></tr></thead>'
        inner = f"<table>{heads}<tbody>{rows}</tbody></table>"
    else:
        inner = "<p>All as they are by default.</p>"
    rest = {key: value for key, value in _set(report).items() if key not in {one.key for one in found}}
    return section(f"Settings, preset {name}", inner) + folded(f"The other {len(rest)} settings", facts(rest))


def _set(report: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flat(report["settings"]).items() if key != "name"}


def _settings(preset: Preset) -> dict[str, Any]:
    return flat(preset.as_dict())


def _others(name: str) -> str:
    return "this job" if name in shipped_names() else f"{name}.yaml or this job"
