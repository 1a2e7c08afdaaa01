"""Which of the 21 x 3 expression coordinates belong to which part of the face.

LivePortrait's keypoints are learned, not labelled; what each does was read off its editor and its driving modes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from avtr_cli.core.motion_space import EYE_KEYPOINTS, LIP_KEYPOINTS

Region = Literal["all", "expression", "pose", "lips", "eyes"]  # as render.region in a preset
KEYPOINTS = 21

AVTR1_KEYPOINTS = (1, 2, 6, *range(11, 21))  # what AVTR-1 predicts, all three axes of each


def of_keypoints(*keypoints: int) -> Tensor:
    """bool (21, 3), true on all axes of the given keypoints."""
    mask = torch.zeros(KEYPOINTS, 3, dtype=torch.bool)
    mask[list(keypoints)] = True
    return mask


def _absolute() -> Tensor:
    mask = of_keypoints(*AVTR1_KEYPOINTS)
    for keypoint, axis in ((3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2)):
        mask[keypoint, axis] = True
    return mask


EVERYTHING = of_keypoints(*range(KEYPOINTS))
AVTR1 = of_keypoints(*AVTR1_KEYPOINTS)  # 39 coordinates: flat 3-8, 18-20 and 33-62
ABSOLUTE = _absolute()  # what LivePortrait's absolute driving replaces; the rest carries identity

_EXPRESSION: dict[str, Tensor] = {
    "all": EVERYTHING,
    "expression": EVERYTHING,
    "pose": of_keypoints(),
    "lips": of_keypoints(*LIP_KEYPOINTS),
    "eyes": of_keypoints(*EYE_KEYPOINTS),
}


def expression_mask(region: str) -> Tensor:
    """bool (21, 3): the expression coordinates that driving may change when it is limited to `region`."""
    return _EXPRESSION[region]


def motion_mask(region: str) -> Tensor:
    """bool (66,): the channels of the keypoints space, rotation and expression, that may move."""
    return torch.cat([torch.full((3,), region in ("all", "pose")), expression_mask(region).flatten()])
