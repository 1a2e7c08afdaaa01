"""Clips into UniLS's measures of every system, and the distances of its motion from people's; controls of truth beside.

A clip's vertices are measured when it is read and let go: what stays are its numbers, and moments of its motion.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.folder.judged import Judged, LeftOut
from avtr_cli.evaluation.folder.layout import Layout
from avtr_cli.evaluation.folder.rows import FORMAT, Count, difference, row
from avtr_cli.evaluation.folder.shown import SPACES, Shown
from avtr_cli.evaluation.frechet import frechet
from avtr_cli.evaluation.joint import Moments, numbered
from avtr_cli.evaluation.replicates import Replicates, mean_over
from avtr_cli.evaluation.unils import Values, measure, windowed

DISTANCES = ("F-FID", "P-FID", "F-FID_windows", "P-FID_windows")
CONTROLS = ("truth", "random_order", "next_truth", "still", "late_1s")


@dataclass
class _Numbers:
    """What is kept of one system, or of a control: rows of each clip, and its motion's and truth's moments."""

    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    values: list[dict[str, float | None]] = field(default_factory=list)
    moments: list[dict[str, tuple[_Sums, _Sums]]] = field(default_factory=list)


_Sums = tuple[float, Doubles, Doubles]


class Faces:
    """Gathers the clips of a folder, one after the other, and tells what came of them."""

    def __init__(self, protocol: str, seed: int):
        self._protocol, self._seed = protocol, seed
        self._systems: dict[str, _Numbers] = {}
        self._controls = {name: _Numbers() for name in CONTROLS}
        self._first: Judged | None = None
        self._last: Judged | None = None
        self._space = "npz"

    def add(self, clip: Judged) -> None:
        """Measure a clip; whose truth is also the clip before's control `next_truth`."""
        self._space = clip.truth.space
        for name, shown in clip.systems.items():
            self._measure(self._systems.setdefault(name, _Numbers()), clip, shown)
        truth, frames = clip.truth, np.arange(clip.truth.frames)
        self._measure(self._controls["truth"], clip, truth)
        self._measure(self._controls["random_order"], clip, picked(truth, self._random_order(clip)))
        self._measure(self._controls["still"], clip, _still(truth))
        self._measure(self._controls["late_1s"], clip, picked(truth, np.maximum(frames - FPS, 0)))
        if self._last is not None:
            self._next(self._last, clip.truth)
        self._last = replace(clip, systems={})
        self._first = self._first or self._last

    def report(self, layout: Layout, left_out: LeftOut) -> dict[str, Any]:
        """Everything that was measured."""
        if self._first is not None and self._last is not None and self._first is not self._last:
            self._next(self._last, self._first.truth)
            self._first = self._last = None
        clips = self._controls["truth"]
        return {
            "format": FORMAT,
            "encoder": None,
            "kind": self._space,
            "frames_rule": None,
            "protocol": self._protocol,
            "seed": self._seed,
            "clips": len(clips.ids),
            "groups": len(set(clips.groups)),
            "systems": {
                system.name: {
                    "conditioned_on_truth": system.conditioned,
                    "measures": self._rows(
                        self._systems.get(system.name, _Numbers()), system.conditioned == "same_clip"
                    ),
                    "left_out": left_out.reasons(system.name),
                }
                for system in layout.systems
            },
            "differences": self._differences([system.name for system in layout.systems]),
            "controls": {name: {"measures": self._rows(one)} for name, one in self._controls.items()},
            "statement": self._statement(),
            "warnings": [*layout.warnings, *left_out.notes],
        }

    @property
    def _comparable(self) -> bool:
        """On the same data: the released protocol on another system's own vertices and tracks."""
        return self._protocol == "unils" and self._space == "npz"

    def _statement(self) -> str:
        if self._comparable:
            return "comparable with published values on the same data alone"
        why = f"the protocol is {self._protocol}" if self._protocol != "unils" else f"faces are read as '{self._space}'"
        return f"not comparable with published values: {why}"

    def _measure(self, into: _Numbers, clip: Judged, shown: Shown) -> None:
        frames = min(shown.frames, clip.truth.frames)
        one, truth = picked(shown, np.arange(frames)), picked(clip.truth, np.arange(frames))
        found = measure(
            one.vertices, truth.vertices, one.head, truth.head, one.jaw, truth.jaw,
            clip.own[:frames], clip.partner[:frames], truth.lips, truth.upper, self._protocol,
        )  # fmt: skip
        into.ids.append(clip.clip.id)
        into.groups.append(clip.clip.group)
        into.frames.append(frames)
        into.values.append(found)
        into.moments.append({
            name: (_sums(_motion(one, name)), _sums(_motion(truth, name)))
            for name in DISTANCES
            if _motion(one, name) is not None and _motion(truth, name) is not None
        })  # fmt: skip

    def _next(self, clip: Judged, other: Shown) -> None:
        at: Indices = np.arange(clip.truth.frames) % other.frames
        if all(_width(clip.truth, name) == _width(other, name) for name in ("vertices", "expression")):
            self._measure(self._controls["next_truth"], clip, picked(other, at))

    def _random_order(self, clip: Judged) -> Indices:
        """Frames in random order, among those with the own voice and among the others."""
        rng = np.random.default_rng([self._seed, zlib.crc32(clip.clip.id.encode())])
        order = np.arange(clip.truth.frames)
        for where in (clip.own[: len(order)], ~clip.own[: len(order)]):
            order[where] = rng.permutation(order[where])
        return order

    def _rows(self, numbers: _Numbers, leaks: bool = False) -> dict[str, dict[str, Any]]:
        suffix, marks = SPACES[self._space], {"leaks": True} if leaks else {}
        count = Count(len(numbers.ids), len(set(numbers.groups)), sum(numbers.frames))
        rows = {}
        for name, found in self._means(numbers).items():
            values = [one.get(name) for one in numbers.values]
            known = [at for at, value in enumerate(values) if value is not None]
            weights = np.array([numbers.frames[at] for at in known], np.float64)
            weighted = float(weights @ [float(values[at] or 0.0) for at in known] / weights.sum()) if known else None
            rows[name + suffix] = row(
                found, count, False, comparable=self._comparable, reason=None if known else self._why(numbers),
                values=dict(zip(numbers.ids, values, strict=True)), weighted=weighted, **marks,
            )  # fmt: skip
        for name, found in self._distances(numbers).items():
            reason = None if math.isfinite(found.value) else self._why(numbers)
            rows[name + suffix] = row(found, count, False, reason=reason, **marks)
        return rows

    def _why(self, numbers: _Numbers) -> str:
        if not numbers.ids:
            return "no clip counts"
        return f"files of the kind '{self._space}' do not tell it, or no clip has two frames of this state"

    def _means(self, numbers: _Numbers) -> dict[str, Replicates]:
        owner = numbered(numbers.groups)
        names = list(numbers.values[0] if numbers.values else self._names())
        table = {name: [one[name] for one in numbers.values] for name in names}
        return {
            name: mean_over(np.array(values, np.float64), owner, len(set(numbers.groups)))
            for name, values in table.items()
        }

    def _names(self) -> Values:
        """All rows, of a clip without a frame."""
        nobody = np.zeros(0, bool)
        return measure(None, None, None, None, None, None, nobody, nobody, None, None, self._protocol)

    def _distances(self, numbers: _Numbers) -> dict[str, Replicates]:
        found = {}
        for name in DISTANCES:
            there = [at for at, one in enumerate(numbers.moments) if name in one]
            owner = numbered([numbers.groups[at] for at in there])
            sides = [_moments([numbers.moments[at][name][side] for at in there]) for side in (0, 1)] if there else []
            groups = int(owner.max()) + 1 if there else 0
            kept = [np.ones(len(there))] + [(owner != group).astype(np.float64) for group in range(groups)]
            apart = [_apart(sides, weights) if there else math.nan for weights in kept]
            found[name] = Replicates(apart[0], np.array(apart[1:]))
        return found

    def _differences(self, systems: Sequence[str]) -> dict[str, dict[str, Any]]:
        told = {}
        for at, one in enumerate(systems):
            for other in systems[at + 1 :]:
                both = [self._systems.get(name, _Numbers()) for name in (one, other)]
                common = set(both[0].ids) & set(both[1].ids)
                sides = [_only(numbers, common) for numbers in both]
                found = [self._means(side) | self._distances(side) for side in sides]
                rows = {name + SPACES[self._space]: difference(found[0][name], found[1][name]) for name in found[0]}
                groups = len(set(sides[0].groups))
                told[f"{one} - {other}"] = {"clips": len(common), "groups": groups, "measures": rows}
        return told


def picked(shown: Shown, at: Indices) -> Shown:
    """The frames `at`, in that order, of what is shown; curves of the face are left out, which nothing here reads."""
    return _with_tracks(replace(shown, frames=len(at)), lambda track: np.asarray(track[at]))


def _still(shown: Shown) -> Shown:
    """The mean of everything, frame by frame."""
    return _with_tracks(shown, lambda track: np.broadcast_to(track.mean(0), track.shape))


def _with_tracks(shown: Shown, change: Callable[[Doubles], Doubles]) -> Shown:
    """All tracks that the measures read, changed."""
    head, jaw, expression, vertices = (
        None if track is None else change(track) for track in (shown.head, shown.jaw, shown.expression, shown.vertices)
    )
    return replace(
        shown,
        face=None,
        boxes=None,
        embedding=None,
        heard=None,
        head=head,
        jaw=jaw,
        expression=expression,
        vertices=vertices,
    )


def _motion(shown: Shown, name: str) -> Doubles | None:
    """What a distance is measured of: expression with the jaw, or the head; frames or windows of them."""
    if name.startswith("P"):
        track = shown.head
    else:
        parts = [part for part in (shown.expression, shown.jaw) if part is not None]
        track = np.concatenate(parts, axis=1) if shown.expression is not None else None
    return windowed(track) if track is not None and name.endswith("windows") else track


def _sums(rows: Doubles | None) -> _Sums:
    assert rows is not None
    return float(len(rows)), rows.sum(0), rows.T @ rows


def _moments(sums: Sequence[_Sums]) -> Moments:
    count, total, products = zip(*sums, strict=True)
    return Moments(np.array(count), np.array(total), np.array(products))


def _apart(sides: Sequence[Moments], weights: Doubles) -> float:
    one, other = (side.pooled(weights) for side in sides)
    return frechet(*one, *other)


def _only(numbers: _Numbers, ids: set[str]) -> _Numbers:
    kept = [at for at, name in enumerate(numbers.ids) if name in ids]
    return _Numbers(*[[column[at] for at in kept] for column in vars(numbers).values()])


def _width(shown: Shown, name: str) -> int | None:
    track: Doubles | None = getattr(shown, name)
    return None if track is None else track.shape[1]
