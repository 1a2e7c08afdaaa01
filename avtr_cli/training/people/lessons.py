"""What the solver learns, and how: renders of our own whose controls are known, and their mirror images.

First a ridge regression from principal components: a ridge is what trembling points ask for, and its size is that of
Face Mesh's own noise. Then two small nets learn what the line leaves, the mouth's apart from the others', since what
is sought of gaze would else be bought with what is known of lips. Lids and head keep to the line: nets, tried, read
them worse on people they had not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from avtr_cli.core.arrays import Doubles, Floats, Indices, Points
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS
from avtr_cli.perception.template import template
from avtr_cli.training.people.heads import heads_of
from avtr_cli.training.people.neutral import calm_face
from avtr_cli.training.people.rehearsal import REST, Take
from avtr_cli.training.people.solver import Net, Solver, features, joined

MOUTH = ("jawOpen", "mouthClose", "mouthPucker", "mouthFunnel", "mouthStretch", "mouthLowerDown", "mouthUpperUp")
_ON_THE_LINE = ("eyeBlink", "eyeWide")
_NOISE = 0.015  # EO that a point trembles by, over seven frames: the ridge; with half of it recovery is hardly less
_TREMBLE = 0.004  # EO: components that move less are not blown up
_COMPONENTS = 80
_HIDDEN = (128, 64)  # units of both hidden layers, of the mouth's net and of the others'; a second one tells most
_STEPS, _BATCH, _RATE, _DECAY = 4000, 512, 2e-3, 0.05
_BLURRED = 0.05  # sd of noise on the components, while a net learns
_DROPOUT = (0.05, 0.1)  # of components, and of hidden units
_SHAPES = len(ARKIT_BLENDSHAPES)


def fit(takes: Sequence[Take], steps: int = _STEPS) -> Solver:
    """The solver of all takes and their mirror images, counted from the face at rest and from `calm_face`."""
    rows, wanted = zip(*(pair for take in takes for pair in _lessons(take)), strict=True)
    moved, target = np.concatenate(rows), np.concatenate(wanted)
    middle = moved.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((moved - middle).T))
    kept = slice(None, -_COMPONENTS - 1, -1)  # the largest first
    scale = np.sqrt(np.maximum(variance[kept], 0) + _TREMBLE**2)
    basis = axes[:, kept] / scale
    components = (moved - middle) @ basis
    ridge = components.T @ components + len(components) * np.diag((_NOISE / scale) ** 2)
    level = target.mean(axis=0)
    weights = np.linalg.solve(ridge, components.T @ (target - level))
    left = target - level - components @ weights
    return Solver(
        middle,
        basis,
        weights,
        level,
        tuple(
            _net(components, left, columns, hidden, seed, steps)
            for seed, (columns, hidden) in enumerate(zip(_columns(), _HIDDEN, strict=True))
        ),
    )


def _columns() -> tuple[Indices, Indices]:
    """Of the 58: the mouth's, and the others that have a net."""
    mouth = [k for k, name in enumerate(CONTROLS.channels) if name.startswith(MOUTH)]
    line = [k for k, name in enumerate(CONTROLS.channels) if name.startswith(_ON_THE_LINE)]
    return np.array(mouth), np.setdiff1d(np.arange(_SHAPES), mouth + line)


def _net(components: Doubles, left: Doubles, columns: Indices, hidden: int, seed: int, steps: int) -> Net:
    """A net from components (n, c) to what the line left of `columns`, by AdamW over `steps` drawn batches."""
    x, y = (torch.from_numpy(rows.astype(np.float32)) for rows in (components, left[:, columns]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(x.shape[1], hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, len(columns))]
        passed = [part for layer in layers[:-1] for part in (layer, nn.GELU(), nn.Dropout(_DROPOUT[1]))]
        net = nn.Sequential(nn.Dropout(_DROPOUT[0]), *passed, layers[-1])
        optimiser = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=_DECAY)
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = _RATE * (0.005 + 0.5 * (1 + math.cos(math.pi * step / steps)))
            drawn = torch.randint(0, len(x), (_BATCH,))
            seen = x[drawn] + _BLURRED * torch.randn(_BATCH, x.shape[1])
            loss = (net(seen) - y[drawn]).square().mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    return Net(columns, tuple((_float64(layer.weight.T), _float64(layer.bias)) for layer in layers))


def _float64(part: Tensor) -> Doubles:
    return part.detach().numpy().astype(np.float64)


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
