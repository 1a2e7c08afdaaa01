"""What finger joints cannot do, as a loss: fingers that hide each other would else be fitted broken.

Points of a hand that is seen edgewise wander, or show its palm where its back is, and three free angles a joint follow
them anywhere. Fingers bend as hinges, to the palm; roots also go aside a little. A thumb's root turns as it likes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avtr_cli.render.gaussian.body_model import BodyModel
from avtr_cli.render.gaussian.fingers import fingers_of

FREE = (-np.pi, np.pi)
# Radians from and to which root, middle and end joint bend to the palm, go aside and turn about themselves.
FINGER = (
    ((-0.35, 1.6), (-0.2, 0.2), (-0.15, 0.15)),
    ((-0.05, 1.9), (-0.03, 0.03), (-0.03, 0.03)),
    ((-0.1, 1.4), (-0.03, 0.03), (-0.03, 0.03)),
)
THUMB = (
    (FREE, FREE, FREE),
    ((-0.2, 1.0), (-0.1, 0.1), (-0.1, 0.1)),
    ((-0.35, 1.4), (-0.05, 0.05), (-0.05, 0.05)),
)
DEAR = 1.0  # of a radian beyond, squared: more keeps wrists from turning to where fingers need not be broken


class FingerLimits:
    """Of one hand."""

    def __init__(self, model: BodyModel, names: Sequence[str], side: str):
        """`names` are those of the rotation vectors that will be judged; `side` is L or R."""
        still = np.tile(np.eye(3), (len(model.bones), 1, 1))
        fingers = fingers_of(model, model.joints.astype(np.float64), still, side)
        bends, aside = fingers.curling, np.cross(fingers.curling, np.cross(fingers.spreading, fingers.curling))
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        limits = np.array([THUMB, *(FINGER,) * 4], np.float32).reshape(15, 3, 2)
        self._rows = torch.tensor([names.index(f"finger {f}-{k}.{side}") for f in range(1, 6) for k in (1, 2, 3)])
        self._axes = torch.from_numpy(np.stack([bends, aside, np.cross(bends, aside)], 1).astype(np.float32))
        self._least, self._most = torch.from_numpy(limits).unbind(-1)

    def loss(self, turns: Tensor) -> Tensor:
        """Of rotation vectors (rows, 3)."""
        told = (self._axes @ turns[self._rows][..., None])[..., 0]
        beyond = torch.relu(told - self._most) + torch.relu(self._least - told)
        return DEAR * (beyond * beyond).sum()
