"""What a painted hand has on it besides its colour: lines of the palm and the joints, knuckles, nails, shade.

A hand of one tone looks like a glove. Told at rest, where fingers are stretched, as a share of the light that is left:
lines are dark where the skin folds, and a finger's sides are darker towards its neighbours. Shade on skin is warm: what
is lost, the strong colours lose last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avtr_cli.core.arrays import Colour, Doubles, Floats, Indices, Mask, Reals
from avtr_cli.render.gaussian.body_model import BodyModel
from avtr_cli.render.gaussian.fingers import Fingers

FINE, BROAD, KNUCKLE = 0.0013, 0.0045, 0.006  # m: half the width of a line, of what is around a joint, of a knuckle
CREASES, FOLDS, AROUND, BETWEEN = 0.22, 0.10, 0.06, 0.08  # light lost in lines inside and outside a finger, there, and
# between knuckles
ROOT = 0.45  # of a finger's first bone: where it leaves the palm
PALM = 0.20  # light lost in the lines of the palm
LINES = (  # from the index finger's edge, 0, to the little one's, 1; from the wrist, 0, to the fingers' roots, 1
    ((1.1, 0.76), (0.8, 0.78), (0.5, 0.88), (0.25, 1.06)),
    ((-0.15, 0.8), (0.2, 0.72), (0.55, 0.57), (0.85, 0.4)),
    ((-0.15, 0.8), (0.12, 0.66), (0.32, 0.42), (0.42, 0.2), (0.42, 0.05)),
)
THICK, SHADED = 0.008, 0.55  # m: half a finger, as the next one sees it; light lost beside one that touches
NAILS, NAIL, QUICK = (0.4, 0.7), 1.08, 0.10  # of the mask, where they are; as bright; light lost around them
BACK = 0.04  # light that the back of a hand has less than the palm
RUDDY, TIP = 0.10, (0.35, 1.0)  # light lost, in all but the strongest colour, at tips; of the last bone
INSIDE = (-0.1, 0.5)  # cosine to the way that a finger bends, from and to which it is its inside
WARM = 1.7  # how much less a colour loses, the stronger it is


@dataclass(frozen=True)
class Relief:
    """Of n places: `light` float64 (n,), as much as is left of it, and `ruddy` (n,), 0 .. 1, how red."""

    light: Doubles
    ruddy: Doubles

    def on(self, colour: Floats, warmth: Colour) -> Floats:
        """`colour` (n, 3) with it, `warmth` (3,) being that of the skin's colour."""
        exponent = (1 - WARM * warmth).clip(0.3, 1.8)
        made = colour * self.light.clip(0.05)[:, None] ** exponent
        made *= 1 - RUDDY * self.ruddy[:, None] * (warmth.max() - warmth) / max(float(np.ptp(warmth)), 0.3)
        return np.asarray(made, np.float32)


def warmth_of(colour: Colour) -> Colour:
    """(3,): how much stronger than the mean each of a colour's parts is; 0 for grey."""
    mean = max(float(colour.mean()), 0.02)
    return np.asarray((colour - mean) / mean)


def relief_of(
    model: BodyModel, joints: Doubles, fingers: Fingers, side: str, places: Doubles, normals: Reals, bones: Indices,
    nails: Floats,
) -> Relief:  # fmt: skip
    """Of `places` (n, 3) m on the hand `side` at rest, with unit `normals`, carried by `bones` (n,).

    `joints` (2, J, 3) are heads and tails of the bones at rest, `nails` (n,) is the mask of them.
    """
    chain = joints[0, fingers.bones].reshape(5, 3, 3)
    tips = joints[1, fingers.bones[2::3]]
    along = _unit(joints[1, fingers.bones] - joints[0, fingers.bones])
    inwards = np.cross(fingers.curling, along)
    number = np.full(len(model.bones), -1)
    number[fingers.bones] = np.arange(15)
    phalanx = number[bones]
    on_finger = phalanx >= 0
    palm = _palm_of(model, joints, side, inwards)
    facing = np.where(on_finger[:, None], inwards[phalanx], palm.inwards)
    inside = _step((normals * facing).sum(1), *INSIDE)
    light = (1 - BACK * (1 - inside)) * _of_joints(chain, along, places, phalanx, inside)
    light *= _between_knuckles(chain[1:, 0], places, 1 - inside) * _palm_lines(palm, places, inside)
    light *= _beside_fingers(chain, tips, places, normals, np.where(on_finger, phalanx // 3, -1))
    nail = _step(nails, *NAILS)
    around = np.exp(-(((nails - 0.25) / 0.12) ** 2))
    light = light * (1 - nail) + NAIL * nail
    light *= 1 - QUICK * around
    light = light / light.mean()
    last = on_finger & (phalanx % 3 == 2)
    heads, ends = joints[0, fingers.bones[phalanx]], joints[1, fingers.bones[phalanx]]
    far = ((places - heads) * (ends - heads)).sum(1) / np.maximum(((ends - heads) ** 2).sum(1), 1e-9)
    return Relief(light, _step(far, *TIP) * last * (1 - nail))


@dataclass(frozen=True)
class _Palm:
    """A palm's own axes at rest: from `wrist` (3,) upwards, across from index to little finger, and where it looks."""

    wrist: Doubles
    upwards: Doubles
    across: Doubles
    inwards: Doubles
    length: float
    index: float
    width: float


def _palm_of(model: BodyModel, joints: Doubles, side: str, inwards: Doubles) -> _Palm:
    wrist, index, middle, little = (
        joints[0, model.bone(f"{bone}.{side}")] for bone in ("wrist", "finger2-1", "finger3-1", "finger5-1")
    )
    upwards = _unit(middle - wrist)
    across = little - index
    across = _unit(across - (across @ upwards) * upwards)
    out = np.cross(across, upwards)
    out = out * np.sign(out @ inwards[3:].mean(0))
    at = float((index - wrist) @ across)
    return _Palm(
        wrist, upwards, across, out, float((middle - wrist) @ upwards), at, float((little - wrist) @ across) - at
    )


def _of_joints(chain: Doubles, along: Doubles, places: Doubles, phalanx: Indices, inside: Doubles) -> Doubles:
    """Folds across each finger: at its two joints, and where it leaves the palm."""
    light = np.ones(len(places))
    for finger in range(5):
        here = np.flatnonzero((phalanx >= 0) & (phalanx // 3 == finger))
        for joint in range(3):
            bone = 3 * finger + joint
            at, way = chain[finger, joint], along[bone]
            if joint == 0:
                at = (1 - ROOT) * chain[finger, 0] + ROOT * chain[finger, 1]
            else:
                way = _unit(way + along[bone - 1])
            off = (places[here] - at) @ way
            line, around = np.exp(-((off / FINE) ** 2)), np.exp(-((off / BROAD) ** 2))
            within = inside[here]
            lost = CREASES * within * line
            if joint > 0:
                lost = lost + (1 - within) * (FOLDS * np.exp(-((np.abs(off) - 0.002) ** 2) / FINE**2) + AROUND * around)
            light[here] *= 1 - lost
    return light


def _between_knuckles(roots: Doubles, places: Doubles, outside: Doubles) -> Doubles:
    light = np.ones(len(places))
    for one, other in pairwise(roots):
        off = np.linalg.norm(places - (one + other) / 2, axis=1) - 0.008  # m under the skin
        light *= 1 - BETWEEN * outside * np.exp(-((np.maximum(off, 0) / KNUCKLE) ** 2))
    return light


def _palm_lines(palm: _Palm, places: Doubles, inside: Doubles) -> Doubles:
    at = places - palm.wrist
    flat = np.column_stack([at @ palm.across, at @ palm.upwards])
    light = np.ones(len(places))
    for line in LINES:
        points = [np.array([palm.index + u * palm.width, v * palm.length]) for u, v in line]
        far = np.min([_from_segment(flat, a, b)[0] for a, b in pairwise(points)], axis=0)
        light *= 1 - PALM * inside * np.exp(-((far / FINE) ** 2))
    return light


def _beside_fingers(chain: Doubles, tips: Doubles, places: Doubles, normals: Reals, finger: Indices) -> Doubles:
    """How much of the light the other fingers leave."""
    light = np.ones(len(places))
    for other in range(5):
        points: Sequence[Doubles] = [*chain[other], tips[other]]
        taken: Doubles = np.zeros(len(places))
        for a, b in pairwise(points):
            far, way = _from_segment(places, a, b)
            towards = (normals * way).sum(1) / np.maximum(far, 1e-6)
            taken = np.maximum(taken, np.maximum(towards, 0) * np.minimum((THICK / np.maximum(far, 1e-6)) ** 2, 1))
        others: Mask = (finger != other) & (finger >= 0)
        light *= 1 - SHADED * taken * others
    return light


def _from_segment(places: Doubles, a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    """Distances (n,) of `places` (n, k) from the line between `a` and `b`, and ways there (n, k)."""
    share = np.clip((places - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-12), 0, 1)
    way = a + share[:, None] * (b - a) - places
    return np.linalg.norm(way, axis=1), way


def _step(values: Reals, low: float, high: float) -> Doubles:
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float64)


def _unit(vectors: Doubles) -> Doubles:
    made: Doubles = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return made
