"""The face of one person over a video into the 58 controls that would make our renderer's face do the same.

A linear map from how far lips, brows, lids and irises lie from the person's own calm face, learned by ridge regression
on renders of our own with known controls (`fit`, of `rehearsal.Take`s); the head's six come from its pose. What pulls
against each other is solved as one number, since a map that is linear can have a sign but no threshold, and split
after. A ridge is what trembling points ask for: its size is that of Face Mesh's own noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import savgol_filter

from avtr_cli.core.arrays import Doubles, Floats, Mask, Points
from avtr_cli.core.files import replacing
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, SEAL_JAW
from avtr_cli.core.shipped import asset
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import (
    CHEEKS,
    CHIN,
    EYES,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    NOSE_BASE,
    NOSE_TIP,
    NOSE_WINGS,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)
from avtr_cli.training.people.heads import Heads, heads_of
from avtr_cli.training.people.neutral import calm_face, lip_gap
from avtr_cli.training.people.rehearsal import REST, Take

ASSET = asset("face_solver.npz")
NOISE = 0.004  # EO that a point trembles by: the ridge; up to .01 recovery is the same
_UPPER_BROWS = (70, 63, 105, 66, 107, 300, 293, 334, 296, 336)
_JAW_LINE = (148, 176, 149, 150, 136, 172, 377, 400, 378, 379, 365, 397, 18, 200, 199, 83, 313, 201, 421)
_AROUND_LIPS = (57, 212, 216, 206, 92, 165, 167, 164, 393, 391, 322, 426, 436, 432, 287, 186, 410, 43, 273, 106, 335)
LOOKED_AT = tuple(sorted({
    *OUTER_UPPER_LIP, *OUTER_LOWER_LIP, *INNER_UPPER_LIP, *INNER_LOWER_LIP, *_AROUND_LIPS, *_JAW_LINE, CHIN, *CHEEKS,
    *NOSE_WINGS, NOSE_BASE, NOSE_TIP, *_UPPER_BROWS,
    *(point for eye in EYES for point in (*eye.upper, *eye.lower, *eye.ring, *eye.brow, *eye.iris)),
}))  # fmt: skip
"""The face points that expressions move."""

OPPOSED = (
    *(
        (f"{more}{side}", f"{less}{side}")
        for more, less in (("eyeLookOut", "eyeLookIn"), ("eyeLookDown", "eyeLookUp"), ("eyeBlink", "eyeWide"))
        for side in ("Left", "Right")
    ),
    ("mouthLeft", "mouthRight"),
    ("jawLeft", "jawRight"),
)
"""(more, less): solved as one number each, more - less."""
_SHAPES = len(ARKIT_BLENDSHAPES)
_JAW, _CLOSE = CONTROLS.index("jawOpen"), CONTROLS.index("mouthClose")
_LIPS_CALM, _LIPS_MEET, _LIPS_APART = 0.03, 0.02, 0.03  # EO: calm lips are no further apart; how sharply; plainly open
_NEAR = 5  # frames to each side that count as just now
_LIDS = tuple(name for name in ARKIT_BLENDSHAPES if name.startswith(("eyeBlink", "eyeWide")))
_SMOOTH, _DEGREE = 5, 2  # frames and degree of the zero-phase smoothing (Savitzky & Golay 1964) of all but the lids


@dataclass(frozen=True)
class Solver:
    """float64 `weights` (features, 58) and `bias` (58,): displacements in EO -> `joined` weights, and what is to be
    added to the head's pose, which a face that moves upsets."""

    weights: Doubles
    bias: Doubles

    def of(self, points: Points, quiet: Mask | None = None) -> Floats:
        """Controls float32 (T, 58) of one person's face points (T, 478, 3) px; NaN where the face was lost.

        `quiet` bool (T,) are the frames in which that person says nothing.
        """
        heads = heads_of(points)
        return self.of_heads(heads, calm_face(heads, quiet))

    def of_heads(self, heads: Heads, calm: Points) -> Floats:
        """The same of heads whose calm face (478, 3), in EO, is known."""
        solved = features(heads.shapes, calm) @ self.weights + self.bias
        solved[:, _SHAPES:] += np.concatenate([heads.rotation, heads.shift], axis=1)
        controls = smoothed(solved)
        controls[:, _CLOSE] = lips_shut(lip_gap(heads.shapes), lip_gap(calm[None])[0], controls[:, _JAW])
        return controls.astype(np.float32)


def features(shapes: Points, calm: Points) -> Doubles:
    """How far the points looked at lie from the calm face: (T, 2 n) in EO, across and down."""
    moved: Doubles = (shapes - calm)[:, list(LOOKED_AT), :2].reshape(len(shapes), -1)
    return moved


def joined(controls: Floats) -> Doubles:
    """Blendshape weights (T, 52) of controls (T, 58) with what is opposed told as one signed number, once each way."""
    weights = controls[:, :_SHAPES].astype(np.float64)
    for more, less in OPPOSED:
        at, back = CONTROLS.index(more), CONTROLS.index(less)
        weights[:, at] -= weights[:, back]
        weights[:, back] = -weights[:, at]
    return weights


def lips_shut(gap: Doubles, calm_gap: float, jaw: Doubles) -> Doubles:
    """mouthClose (T,) of lips `gap` apart, in EO, over a jaw that is open by a weight of `jaw`.

    Lips that met just now or part soon are shut even over a jaw that hardly is open; lips that rest are not.
    """
    shut = np.exp(-np.maximum(gap - min(calm_gap, _LIPS_CALM), 0) / _LIPS_MEET)
    apart = maximum_filter1d(np.nan_to_num(gap), 2 * _NEAR + 1) > calm_gap + _LIPS_APART
    return np.asarray(shut * np.where(apart, np.maximum(jaw, SEAL_JAW), jaw))


def smoothed(solved: Doubles) -> Doubles:
    """All but the lids over five frames, forwards and backwards alike, within runs of frames with a face.

    Weights come out in [0, 1], so of what was `joined` one at most.
    """
    out: Doubles = solved.copy()
    rest = [column for column, name in enumerate(CONTROLS.channels) if name not in _LIDS]
    for first, last in runs(np.isfinite(solved[:, 0])):
        if last - first >= _SMOOTH:
            out[first:last, rest] = savgol_filter(solved[first:last, rest], _SMOOTH, _DEGREE, axis=0)
    out[:, :_SHAPES] = out[:, :_SHAPES].clip(0, 1)
    return out


def runs(mask: Mask) -> list[tuple[int, int]]:
    """(first, last + 1) of every unbroken run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def fit(takes: Sequence[Take], noise: float = NOISE) -> Solver:
    """The ridge over all takes and their mirror images, counted from the face at rest and from `calm_face`."""
    rows, wanted = zip(*(pair for take in takes for pair in _lessons(take)), strict=True)
    design, target = np.concatenate(rows), np.concatenate(wanted)
    middle, level = design.mean(axis=0), target.mean(axis=0)
    design -= middle
    ridge = design.T @ design + len(design) * noise**2 * np.eye(design.shape[1])
    weights = np.linalg.solve(ridge, design.T @ (target - level))
    return Solver(weights, level - middle @ weights)


def _lessons(take: Take) -> Iterator[tuple[Doubles, Doubles]]:
    """(features, what they are to give) of a take."""
    heads = heads_of(take.points)
    seen = heads.found
    shapes, controls = heads.shapes[seen], take.controls[seen]
    pose = np.concatenate([heads.rotation, heads.shift], axis=1)[seen].astype(np.float32)
    told = np.concatenate([controls[:, :_SHAPES], pose], axis=1)
    for calm in (np.nanmedian(heads.shapes[:REST], axis=0), calm_face(heads)):
        yield features(shapes, calm), _wanted(controls, told)
        mirrored = mirrored_controls(controls), mirrored_controls(told)
        yield features(mirrored_points(shapes), mirrored_points(calm)), _wanted(*mirrored)


def _wanted(controls: Floats, told: Floats) -> Doubles:
    """Shapes of `controls`, `joined`; of the head what its pose, in `told`, lacks. Both away from their medians."""
    away = controls[:, _SHAPES:] - np.median(controls[:, _SHAPES:], axis=0)
    seen = told[:, _SHAPES:] - np.median(told[:, _SHAPES:], axis=0)
    return np.concatenate([joined(controls), away - seen], axis=1)


def mirrored_points(shapes: Points) -> Points:
    """Faces (..., 478, 3) in the head's frame as a mirror shows them."""
    flipped: Points = shapes[..., template().mirror, :] * np.array([-1.0, 1.0, 1.0])
    return flipped


def mirrored_controls(controls: Floats) -> Floats:
    """Blendshape weights of (T, 58) with left and right exchanged, and the head turned the other way."""
    order = [CONTROLS.index(_other_side(name)) for name in CONTROLS.channels]
    out: Floats = controls[:, order].copy()
    for name in ("headYaw", "headRoll", "headX"):
        out[:, CONTROLS.index(name)] *= -1
    return out


def _other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


@lru_cache(maxsize=1)
def shipped() -> Solver:
    """The solver that comes with avtr."""
    with np.load(ASSET, allow_pickle=False) as table:
        return Solver(table["weights"].astype(np.float64), table["bias"].astype(np.float64))


def write(solver: Solver, path: Path = ASSET) -> None:
    """As `shipped` reads it, float32, whole or not at all. Raises OSError."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, weights=solver.weights.astype(np.float32), bias=solver.bias.astype(np.float32))
