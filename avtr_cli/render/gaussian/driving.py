"""One row of the controls space into what the body does: face units, rotations of its bones, a shift, and breath.

The face moves by its units; the head turns from the neck up, each bone its share; eyeballs turn in their sockets. All
is relative to the photo's pose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS
from avtr_cli.core.rotation import matrix_of
from avtr_cli.core.timing import FPS
from avtr_cli.render.gaussian.body_model import BodyModel

UNITS = len(ARKIT_BLENDSHAPES)
HEAD_SHARES = {"neck01": 0.22, "neck02": 0.22, "neck03": 0.22, "head": 0.34}
FURTHEST = np.radians([22.0, 32.0, 22.0])  # pitch, yaw, roll to which commands lead; exactly up to 70 % of it
LOOK = np.array([0.45, -0.55])  # radians of pitch and yaw for a look of 1 downwards and to the right of the picture
METRES = 0.092  # of a head's shift of 1: the distance of the outer corners of the eyes
STANDING = 0.3  # share of a shift where the feet are seen: they would slide
NARROWEST, WIDEST = -0.3, 1.2  # weights of face units: below 0 the opposite is drawn
BREATH_HZ = 0.23  # about 14 breaths a minute
CHEST_RISES, SHOULDERS_RISE = 0.010, 0.015  # radians from the mean


@dataclass(frozen=True)
class Moves:
    """What one frame does: weights float32 (52,) of the face units, `turns` float64 (J, 3, 3), `shift` (3,) m."""

    weights: Floats
    turns: Doubles
    shift: Doubles


@dataclass(frozen=True)
class Rest:
    """The pose of the photo, from which all moves.

    turns, shift  as `BodyModel.posed` has them; against (J, 3, 3): the camera's axes in those of each bone's parent
    standing      whether the feet are seen
    """

    turns: Doubles
    shift: Doubles
    against: Doubles
    standing: bool


def rest_of(model: BodyModel, heads: Doubles, turns: Doubles, shift: Doubles, standing: bool) -> Rest:
    """Of a person's pose."""
    turned, _ = model.posed(torch.from_numpy(heads), torch.from_numpy(turns), torch.from_numpy(shift))
    above = turned.numpy()[np.maximum(model.parents, 0)]
    above[0] = np.eye(3)
    return Rest(turns, shift, above.transpose(0, 2, 1).copy(), standing)


def read_moves(model: BodyModel, rest: Rest, row: Doubles, frame: int, breathing: float) -> Moves:
    """`row` float (58,) of CONTROLS, all finite. `frame` counts from the start of the video and drives the breath."""
    turns = rest.turns.copy()
    head = _soft_limit(row[UNITS : UNITS + 3])
    breath = math.sin(2 * math.pi * BREATH_HZ * frame / FPS) * breathing
    vectors = {name: share * head for name, share in HEAD_SHARES.items()}
    vectors["spine02"] = np.array([-CHEST_RISES * breath, 0, 0])
    for side, sign in (("L", -1), ("R", 1)):
        vectors[f"clavicle.{side}"] = np.array([0, 0, sign * SHOULDERS_RISE * breath])
    for side, name in (("L", "Left"), ("R", "Right")):
        vectors[f"eye.{side}"] = _look(row, name)
    bones = [model.bone(name) for name in vectors]
    turned = np.einsum("nij,nj->ni", rest.against[bones], np.array(list(vectors.values())))
    eyes = [len(bones) - 2, len(bones) - 1]
    turned[eyes] = np.array(list(vectors.values()))[eyes]  # in the head's own axes
    turns[bones] = matrix_of(torch.from_numpy(turned)).numpy() @ turns[bones]
    aside = row[UNITS + 3 : UNITS + 6].clip(-4, 4) * METRES
    weights = row[:UNITS].clip(NARROWEST, WIDEST).astype(np.float32)
    return Moves(weights, turns, rest.shift + aside * (STANDING if rest.standing else 1.0))


def _look(row: Doubles, side: str) -> Doubles:
    """The rotation vector of one eye, in the head's axes."""

    def weight(name: str) -> float:
        return float(row[CONTROLS.index(f"eyeLook{name}{side}")])

    outward = weight("Out") - weight("In")
    across = outward if side == "Left" else -outward
    down, right = (min(max(v, -1.0), 1.0) for v in (weight("Down") - weight("Up"), across))
    return np.array([LOOK[0] * down, LOOK[1] * right, 0.0])


def _soft_limit(vector: Doubles) -> Doubles:
    """Exact up to 70 % of FURTHEST, then ever less."""
    knee = 0.7 * FURTHEST
    over = np.maximum(np.abs(vector) - knee, 0)
    limited: Doubles = np.sign(vector) * (
        np.minimum(np.abs(vector), knee) + (FURTHEST - knee) * np.tanh(over / (FURTHEST - knee))
    )
    return limited
