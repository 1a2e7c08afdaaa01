"""A hand's shape as turns of its fifteen finger joints: the photo's own, a relaxed hand, and the four named shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Indices
from avtr_cli.core.hand_shapes import RELAXED, SHAPES, THUMB_ACROSS, aside, flat, given
from avtr_cli.core.rotation import vector_of
from avtr_cli.render.gaussian.body_model import BodyModel


@dataclass(frozen=True)
class Fingers:
    """One hand's.

    bones   intp (15,): thumb to little finger, from the root
    photo   float64 (15, 3): rotation vectors in the axes of the body at rest
    curling, spreading  float64 (15, 3): unit axes in the same; about them a finger bends to the palm, and aside
    """

    bones: Indices
    photo: Doubles
    curling: Doubles
    spreading: Doubles

    def turned(self, shapes: Doubles, spread: Doubles, thumb: Doubles, relaxed: Doubles) -> Doubles:
        """Rotation vectors (..., 15, 3) of the weights `shapes` (..., 4) and (...) of the others.

        They lie over a hand that is `relaxed`, 0 (the photo's) .. 1.
        """
        shares = given(shapes)
        left = 1 - shares.sum(-1)
        curl = (relaxed * left)[..., None] * flat(RELAXED) + (shares[..., None, :] @ _SHAPES)[..., 0, :]
        roots = np.zeros((*left.shape, 5, 3))
        roots[..., 0] = aside(spread, thumb)
        own = ((1 - relaxed) * left)[..., None, None] * self.photo
        to_side = roots.reshape(*left.shape, 15, 1) * self.spreading
        return np.asarray(own + curl[..., None] * self.curling + to_side)


_SHAPES = np.stack([flat(one) for one in SHAPES])


def fingers_of(model: BodyModel, joints: Doubles, turns: Doubles, side: str) -> Fingers:
    """Of the hand `side` (L or R). `joints` (2, J, 3) are heads and tails at rest, `turns` (J, 3, 3) the photo's."""
    bones = np.array([model.bone(f"finger{f}-{k}.{side}") for f in range(1, 6) for k in (1, 2, 3)], np.intp)
    along = _unit(joints[1, bones] - joints[0, bones])
    wrist = joints[0, model.bone(f"wrist.{side}")]
    index, middle, little = (joints[0, model.bone(f"finger{f}-1.{side}")] for f in (2, 3, 5))
    hand = _unit(middle - wrist)
    across = _unit(little - index)
    if np.cross(hand, along[8]) @ across < 0:  # a middle finger at rest bends a little to the palm
        across = -across
    palm = np.cross(across, hand)
    curling = np.tile(across, (15, 1))
    inwards = _unit(middle - joints[0, bones[0]])
    curling[:3] = np.cross(along[0], inwards) + THUMB_ACROSS * across
    curling = _unit(curling - (curling * along).sum(1, keepdims=True) * along)
    towards_index = np.sign(np.cross(palm, hand) @ (index - little)) or 1.0
    spreading = np.tile(palm * towards_index, (15, 1))
    photo = vector_of(torch.from_numpy(turns[bones])).numpy()
    return Fingers(bones, photo, curling, spreading)


def _unit(vectors: Doubles) -> Doubles:
    made: Doubles = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return made
