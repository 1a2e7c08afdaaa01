"""The face of one person over a video into the 58 controls that would make our renderer's face do the same.

How far lips, brows, lids and irises lie from the person's own calm face, over seven frames, in principal components; a
ridge regression takes those to weights, and two small nets add what a line cannot say: of the mouth, and of brows,
smiles and gaze (`lessons` learns all three on renders of our own with known controls). The head's six come from its
pose. What pulls against each other is solved as one number, and split after.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import savgol_filter
from scipy.special import erf

from avtr_cli.core.arrays import AnyArray, Doubles, Floats, Indices, Mask, Points
from avtr_cli.core.files import replacing
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, SEAL_JAW
from avtr_cli.core.shipped import asset
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

ASSET = asset("face_solver.npz")
CONTEXT = 3  # frames to each side that tell of the one between
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
NETS = ("mouth", "rest")
"""What `Solver.nets` are of, in this order."""
_SHAPES = len(ARKIT_BLENDSHAPES)
_JAW, _CLOSE = CONTROLS.index("jawOpen"), CONTROLS.index("mouthClose")
_LIPS_CALM, _LIPS_MEET, _LIPS_APART = 0.03, 0.02, 0.03  # EO: calm lips are no further apart; how sharply; plainly open
_NEAR = 5  # frames to each side that count as just now
_LIDS = tuple(name for name in ARKIT_BLENDSHAPES if name.startswith(("eyeBlink", "eyeWide")))
_SMOOTH, _DEGREE = 5, 2  # frames and degree of the zero-phase smoothing (Savitzky & Golay 1964) of all but the lids


@dataclass(frozen=True)
class Net:
    """Layers with Gaussian error linear units between them (Hendrycks & Gimpel 2016), for some of the controls.

    columns (c,): which of the 58; layers: (weight (n, m), bias (m,)) of each.
    """

    columns: Indices
    layers: tuple[tuple[Doubles, Doubles], ...]

    def __call__(self, components: Doubles) -> Doubles:
        """(T, n) -> (T, c)."""
        x = components
        for weight, bias in self.layers[:-1]:
            x = x @ weight + bias
            x = 0.5 * x * (1 + erf(x / np.sqrt(2)))
        weight, bias = self.layers[-1]
        out: Doubles = x @ weight + bias
        return out


@dataclass(frozen=True)
class Solver:
    """Displacements in EO -> `joined` weights, and what is to be added to the head's pose, which a moving face upsets.

    middle (features,) and basis (features, n) take displacements to components; weights (n, 58) and bias (58,) are the
    line through those, and `nets` add to it.
    """

    middle: Doubles
    basis: Doubles
    weights: Doubles
    bias: Doubles
    nets: tuple[Net, ...]

    def of(self, points: Points, quiet: Mask | None = None) -> Floats:
        """Controls float32 (T, 58) of one person's face points (T, 478, 3) px; NaN where the face was lost.

        `quiet` bool (T,) are the frames in which that person says nothing.
        """
        heads = heads_of(points)
        return self.of_heads(heads, calm_face(heads, quiet))

    def of_heads(self, heads: Heads, calm: Points) -> Floats:
        """The same of heads whose calm face (478, 3), in EO, is known."""
        solved = self.line_and_nets(features(heads.shapes, calm))
        solved[:, _SHAPES:] += np.concatenate([heads.rotation, heads.shift], axis=1)
        solved[~heads.found] = np.nan
        controls = smoothed(solved)
        controls[:, _CLOSE] = lips_shut(lip_gap(heads.shapes), lip_gap(calm[None])[0], controls[:, _JAW])
        return controls.astype(np.float32)

    def line_and_nets(self, moved: Doubles) -> Doubles:
        """Displacements (T, features) -> (T, 58), as `lessons` teaches them."""
        components = (moved - self.middle) @ self.basis
        solved: Doubles = components @ self.weights + self.bias
        for net in self.nets:
            solved[:, net.columns] += net(components)
        return solved


def features(shapes: Points, calm: Points) -> Doubles:
    """How far the points looked at lie from the calm face, in EO, across and down, over the frames around: (T, n).

    Where a face was lost, or the video ends, it stays as it was seen next to there.
    """
    moved = (shapes - calm)[:, list(LOOKED_AT), :2].reshape(len(shapes), -1)
    seen = np.flatnonzero(np.isfinite(moved[:, 0]))
    frames = np.arange(-CONTEXT, len(moved) + CONTEXT)
    after = seen[np.minimum(np.searchsorted(seen, frames), len(seen) - 1)]
    before = seen[np.maximum(np.searchsorted(seen, frames, side="right") - 1, 0)]
    nearest = np.where(abs(after - frames) < abs(frames - before), after, before)
    filled = moved[nearest]
    around: Doubles = np.concatenate([filled[at : at + len(moved)] for at in range(2 * CONTEXT + 1)], axis=1)
    return around


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


@lru_cache(maxsize=1)
def shipped() -> Solver:
    """The solver that comes with avtr."""
    return read(ASSET)


def read(path: Path) -> Solver:
    """A solver as `write` left it."""
    with np.load(path, allow_pickle=False) as table:
        held: dict[str, AnyArray] = {name: table[name] for name in table.files}
    nets = []
    for name in NETS:
        layers: list[tuple[Doubles, Doubles]] = []
        while (place := f"{name}.{len(layers)}.") + "weight" in held:
            layers.append((held[place + "weight"].astype(np.float64), held[place + "bias"].astype(np.float64)))
        nets.append(Net(held[f"{name}.columns"].astype(np.int64), tuple(layers)))
    middle, basis, weights, bias = (held[name].astype(np.float64) for name in ("middle", "basis", "weights", "bias"))
    return Solver(middle, basis, weights, bias, tuple(nets))


def write(solver: Solver, path: Path = ASSET) -> None:
    """As `read` reads it, whole or not at all, the basis in half precision. Raises OSError."""
    held: dict[str, AnyArray] = {
        name: getattr(solver, name).astype(np.float32) for name in ("middle", "weights", "bias")
    }
    held["basis"] = solver.basis.astype(np.float16)
    for name, net in zip(NETS, solver.nets, strict=True):
        held[f"{name}.columns"] = net.columns.astype(np.uint8)
        for number, (weight, bias) in enumerate(net.layers):
            held[f"{name}.{number}.weight"] = weight.astype(np.float32)
            held[f"{name}.{number}.bias"] = bias.astype(np.float32)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **held)
