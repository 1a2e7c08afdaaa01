"""A folder into reports: listening and UniLS's measures from one reading of every file, then pictures and lips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avtr_cli.core.errors import InputError, WeightsError
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.evaluation.encoder import NAME
from avtr_cli.evaluation.folder.entries import Entry, entry_of
from avtr_cli.evaluation.folder.faces import Faces
from avtr_cli.evaluation.folder.judged import LeftOut, Watched, judged
from avtr_cli.evaluation.folder.layout import Layout, read_layout
from avtr_cli.evaluation.folder.listening import SYNCNET, Asked, listening_report

if TYPE_CHECKING:
    from avtr_cli.evaluation.folder.encoded import Encode
    from avtr_cli.motion.flame.lists import VertexLists

PARTS = ("listening", "unils")


def evaluate_folder(
    folder: Path,
    parts: tuple[str, ...] = PARTS,
    asked: Asked | None = None,
    protocol: str = "avtr",
    watched: Watched | None = None,
    lists: VertexLists | None = None,
) -> dict[str, dict[str, Any]]:
    """The reports of `parts`, by name. Raises ConfigError for a folder that holds nothing, InputError where no system
    can be judged, WeightsError where that is for want of weights; what alone cannot be judged is left out, and its
    report says why.
    """
    layout, chosen = read_layout(folder), asked or Asked()
    layout, encode, chosen = _encoding(layout, chosen, watched)
    faces, entries, left_out = Faces(protocol, chosen.seed), [], LeftOut()
    judged_systems, space = 0, None
    for clip in judged(layout, left_out, watched, lists):
        judged_systems += len(clip.systems)
        space = clip.truth.space
        if "unils" in parts:
            faces.add(clip)
        if "listening" in parts:
            entries += _entries(encode(clip, layout, left_out))
    if not judged_systems or ("listening" in parts and chosen.encoder != NAME and not any(e.systems for e in entries)):
        kind = WeightsError if left_out.weights else InputError
        raise kind(f"{folder}: no system can be judged: {_first_reason(layout, left_out)}")
    reports = {}
    if "listening" in parts:
        reports["listening"] = listening_report(entries, layout, left_out, chosen, space)
    if "unils" in parts:
        reports["unils"] = faces.report(layout, left_out)
    return reports


def evaluate_all(
    folder: Path,
    asked: Asked | None = None,
    protocol: str = "avtr",
    watched: Watched | None = None,
    lists: VertexLists | None = None,
) -> dict[str, dict[str, Any]]:
    """Every report that can be made: `pictures` too where people were filmed, and `sync`. Raises as `evaluate_folder`.

    Faces are looked at once: their tracks are kept by content. Pictures are decoded again for each of the last two.
    """
    from avtr_cli.evaluation.folder import likeness, sync

    chosen = asked or Asked()
    reports, layout = evaluate_folder(folder, PARTS, chosen, protocol, watched, lists), read_layout(folder)
    if _has_videos(layout):
        reports["pictures"] = likeness.pictures_report(layout, likeness.Asked(few=chosen.few), watched)
    reports["sync"] = sync.sync_report(layout, sync.Asked(), watched)
    return reports


def _has_videos(layout: Layout) -> bool:
    return any(clip.truth is not None and clip.truth.suffix.lower() in VIDEOS for clip in layout.clips)


def _encoding(layout: Layout, asked: Asked, watched: Watched | None) -> tuple[Layout, Encode, Asked]:
    """What is read of the folder for an encoder, how, and whether its numbers compare with published ones."""
    if asked.encoder == NAME:
        return layout, lambda clip, layout, left_out: entry_of(clip, asked.rule), asked
    from avtr_cli.evaluation.folder.encoded import from_files, from_videos

    if asked.encoder == SYNCNET and _has_videos(layout):
        return layout, from_videos(asked.rule, watched), asked
    comparable = asked.rule == "reactive"
    return layout.preferring(".npz"), from_files(asked.encoder, asked.rule), replace(asked, comparable=comparable)


def _entries(entry: Entry | None) -> list[Entry]:
    return [] if entry is None else [entry]


def _first_reason(layout: Layout, left_out: LeftOut) -> str:
    for system in layout.systems:
        for one in left_out.reasons(system.name):
            return f"{one['id']}: {one['reason']}"
    return "there is no clip"
