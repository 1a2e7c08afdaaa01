"""Driving keypoints corrected by three small networks: the shoulders stay joined, eyes and lips open as far as wanted.

`x_s` are the portrait's keypoints, `x_d` the driving ones, both (B, 21, 3). The order is part of the trained pipeline:
eye and lip deltas first, then stitching, then the lip-normalising delta of a portrait with an open mouth, then the
driving multiplier.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from avtr_cli.core.arrays import Doubles, Points

# By landmark scheme: pairs of points whose distance, over that of the next pair, says how open left eye, right eye
# (of the picture) and lips are. MediaPipe's 478 stand in where LivePortrait's 203-point network is absent.
_Pairs = tuple[tuple[int, int], tuple[int, int]]
_OPENINGS: dict[int, tuple[_Pairs, _Pairs, _Pairs]] = {
    203: (((6, 18), (0, 12)), ((30, 42), (24, 36)), ((90, 102), (48, 66))),
    478: (((159, 145), (33, 133)), ((386, 374), (362, 263)), ((13, 14), (61, 291))),
}
OPEN_LIPS = 0.03  # a portrait whose lip ratio is at least this gets its mouth closed before it is driven


def eye_ratio(landmarks: Points) -> Doubles:
    """How open the left and the right eye are: (..., 203 or 478, 2) to (..., 2); open eyes show about 0.3 to 0.39."""
    left, right, _ = _OPENINGS[landmarks.shape[-2]]
    return np.stack([_openness(landmarks, left), _openness(landmarks, right)], axis=-1)


def lip_ratio(landmarks: Points) -> Doubles:
    """How open the lips are: (..., 203 or 478, 2) to (..., 1)."""
    return _openness(landmarks, _OPENINGS[landmarks.shape[-2]][2])[..., None]


def _openness(landmarks: Points, pairs: _Pairs) -> Doubles:
    across, along = (np.linalg.norm(landmarks[..., a, :] - landmarks[..., b, :], axis=-1) for a, b in pairs)
    ratio: Doubles = across / (along + 1e-6)
    return ratio


def opening_delta(network: nn.Module, x_s: Tensor, ratios: Tensor) -> Tensor:
    """What to add to the driving keypoints to open eyes or lips: (B, 21, 3).

    `network` is `eye` with ratios (B, 3): left and right of the portrait, wanted; or `lip` with (B, 2): the
    portrait's, wanted.
    """
    delta: Tensor = network(x=torch.cat([x_s.flatten(1), ratios], dim=1)).unflatten(1, (-1, 3))
    return delta


def stitched(network: nn.Module, x_s: Tensor, x_d: Tensor) -> Tensor:
    """x_d (B, 21, 3) moved so that the picture joins its surroundings; x_s may be one face for all B."""
    source = x_s.expand_as(x_d)
    delta = network(x=torch.cat([source.flatten(1), x_d.flatten(1)], dim=1))
    shift = torch.nn.functional.pad(delta[:, -2:], (0, 1))  # x and y of the whole face
    moved: Tensor = x_d + delta[:, :-2].unflatten(1, (-1, 3)) + shift[:, None]
    return moved


def corrected(
    stitching: nn.Module,
    x_s: Tensor,
    x_d: Tensor,
    opening: Tensor | None = None,
    lip_normalizing: Tensor | None = None,
    multiplier: float = 1.0,
) -> Tensor:
    """The keypoints to warp to, (B, 21, 3): all corrections in LivePortrait's order.

    `opening` is the sum of `opening_delta`s, `lip_normalizing` that of the portrait for a wanted ratio of 0;
    `multiplier` scales the whole motion.
    """
    if opening is not None:
        x_d = x_d + opening
    x_d = stitched(stitching, x_s, x_d)
    if lip_normalizing is not None:
        x_d = x_d + lip_normalizing
    return x_s + (x_d - x_s) * multiplier
