"""A clip into numbers a frame of what is heard and of what is shown; and controls made of truth.

The embedded encoder's nine and nine are standardised by truth (sound: by all partners). A control says what a measure
gives where nothing reacts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.encoder import face_vector
from avtr_cli.evaluation.folder.judged import Judged
from avtr_cli.evaluation.motion.face import Face
from avtr_cli.evaluation.pairs import FRAME_RULES, begun_again

CONSTANT = 1e-9  # a column that varies less is not brought to spread 1


@dataclass(frozen=True)
class Entry:
    """One clip: which frames count (T,), what is heard (T, a), what truth and each system shows (T, v)."""

    id: str
    group: str
    partner: str | None
    chosen: Mask
    heard: Doubles
    truth: Doubles
    systems: dict[str, Doubles]


Model = Callable[[int], Doubles | None]
"""An entry's number -> what is judged there, (up to T, v); None: nothing."""


def entry_of(clip: Judged, rule: str) -> Entry | None:
    """What is kept of a clip; None where its file shows no face curves."""
    if clip.truth.face is None:
        return None
    return Entry(
        clip.clip.id,
        clip.clip.group,
        clip.clip.partner,
        FRAME_RULES[rule](clip.own, clip.partner)[: clip.truth.frames],
        clip.heard,
        _vector(clip.truth.face),
        {name: _vector(shown.face) for name, shown in clip.systems.items() if shown.face is not None},
    )


def _vector(face: Face) -> Doubles:
    return face_vector(face.head, face.brow, face.smile, face.blink)


def standardised(entries: Sequence[Entry]) -> Callable[[Entry], Entry]:
    """What brings sound and faces to mean 0 and spread 1 over all chosen frames of what was heard, and of truth."""
    heard = [entry.heard[: len(entry.chosen)][entry.chosen] for entry in entries]
    shown = [entry.truth[: len(entry.chosen)][entry.chosen] for entry in entries]

    def scale(rows: list[Doubles]) -> tuple[Doubles, Doubles]:
        all_rows = np.concatenate(rows) if rows else np.zeros((0, 9))
        if not len(all_rows):
            return np.zeros(9), np.ones(9)
        spread = all_rows.std(0)
        return all_rows.mean(0), np.where(spread > CONSTANT, spread, 1.0)

    (heard_mean, heard_spread), (mean, spread) = scale(heard), scale(shown)

    def apply(entry: Entry) -> Entry:
        return Entry(
            entry.id,
            entry.group,
            entry.partner,
            entry.chosen,
            (entry.heard - heard_mean) / heard_spread,
            (entry.truth - mean) / spread,
            {name: (vector - mean) / spread for name, vector in entry.systems.items()},
        )

    return apply


def controls(entries: Sequence[Entry]) -> dict[str, Model]:
    """What truth makes of the clips where nothing reacts: see docs/evaluation.md."""
    made = {"identity": _turned, "next_truth": _next, "late_1s": _late, "still": _still}
    return {name: partial(control, entries) for name, control in made.items()}


def _turned(entries: Sequence[Entry], at: int) -> Doubles:
    """The right person, without any reaction: the chosen frames turned round within the clip by 7 / 12."""
    entry = entries[at]
    shown: Doubles = entry.truth.copy()
    where = np.flatnonzero(entry.chosen)
    shown[where] = np.roll(entry.truth[where], round(7 * len(where) / 12), axis=0)
    return shown


def _next(entries: Sequence[Entry], at: int) -> Doubles | None:
    """The true person of the next conversation."""
    count = len(entries)
    others = (entries[(at + step) % count] for step in range(1, count))
    other = next((entry for entry in others if entry.group != entries[at].group), None)
    return None if other is None else begun_again(other.truth, len(entries[at].truth))


def _late(entries: Sequence[Entry], at: int) -> Doubles:
    truth = entries[at].truth
    late: Doubles = truth[np.maximum(np.arange(len(truth)) - FPS, 0)]
    return late


def _still(entries: Sequence[Entry], at: int) -> Doubles:
    truth = entries[at].truth
    return np.broadcast_to(truth.mean(0), truth.shape)
