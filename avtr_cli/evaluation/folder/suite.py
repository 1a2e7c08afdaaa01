"""A folder into reports: listening, UniLS's measures, or both, from one reading of every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avtr_cli.core.errors import InputError
from avtr_cli.evaluation.folder.entries import Entry, entry_of
from avtr_cli.evaluation.folder.faces import Faces
from avtr_cli.evaluation.folder.judged import LeftOut, Watched, judged
from avtr_cli.evaluation.folder.layout import Layout, read_layout
from avtr_cli.evaluation.folder.listening import Asked, listening_report

PARTS = ("listening", "unils")


def evaluate_folder(
    folder: Path,
    parts: tuple[str, ...] = PARTS,
    asked: Asked | None = None,
    protocol: str = "avtr",
    watched: Watched | None = None,
) -> dict[str, dict[str, Any]]:
    """The reports of `parts`, by name. Raises ConfigError for a folder that holds nothing, InputError where no system
    can be judged; what alone cannot be judged is left out, and its report says why.
    """
    layout, chosen = read_layout(folder), asked or Asked()
    faces, entries, left_out = Faces(protocol, chosen.seed), [], LeftOut()
    judged_systems, space = 0, None
    for clip in judged(layout, left_out, watched):
        judged_systems += len(clip.systems)
        space = clip.truth.space
        if "unils" in parts:
            faces.add(clip)
        if "listening" in parts:
            entries += _entries(entry_of(clip, chosen.rule))
    if not judged_systems:
        raise InputError(f"{folder}: no system can be judged: {_first_reason(layout, left_out)}")
    reports = {}
    if "listening" in parts:
        reports["listening"] = listening_report(entries, layout, left_out, chosen, space)
    if "unils" in parts:
        reports["unils"] = faces.report(layout, left_out)
    return reports


def _entries(entry: Entry | None) -> list[Entry]:
    return [] if entry is None else [entry]


def _first_reason(layout: Layout, left_out: LeftOut) -> str:
    for system in layout.systems:
        for one in left_out.reasons(system.name):
            return f"{one['id']}: {one['reason']}"
    return "there is no clip"
