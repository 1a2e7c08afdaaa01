"""A skeleton's hands: where fifteen joints of each are, and how far its shapes turn them from the relaxed hand.

What the fingers of a photo do is known to nobody but its renderer, so a skeleton rests with relaxed hands, and a
hand's shape turns them from there. Axes of a left hand: along it, out
of its palm, and to its little finger.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core import hand_shapes
from avtr_cli.core.arrays import Doubles
from avtr_cli.core.hand_shapes import FINGERS, JOINTS, RELAXED, SHAPES, THUMB, THUMB_ACROSS
from avtr_cli.core.rotation import turn_matrix

NAMES = ("Thumb", "Index", "Middle", "Ring", "Pinky")
_POINTS_MM = {
    "Thumb": ((36.8, 3.7, -24.0), (47.8, 24.3, -43.5), (72.6, 42.1, -62.3), (94.6, 57.2, -69.5)),
    "Index": ((102.0, 4.6, -25.7), (126.3, 11.5, -29.4), (146.3, 22.3, -31.4), (167.8, 38.0, -33.7)),
    "Middle": ((101.2, 0.0, 0.0), (132.3, 11.2, 4.4), (156.9, 23.0, 6.3), (179.0, 37.7, 8.8)),
    "Ring": ((95.5, -0.2, 19.2), (122.1, 8.5, 28.0), (143.7, 18.9, 33.4), (165.0, 32.7, 40.4)),
    "Pinky": ((86.1, 4.6, 37.3), (103.7, 12.4, 45.8), (115.8, 20.5, 50.8), (131.2, 30.6, 57.7)),
}  # fmt: skip
"""mm from the wrist, along a left hand, out of its palm and to its little finger: the joints and the end of each finger
of the mean adult of assets/body.npz, whose hands are nearly flat."""
_POINTS = {name: np.array(points) / 1000 for name, points in _POINTS_MM.items()}
ALONG = np.array([1.0, 0.0, 0.0])


def joints() -> Doubles:
    """(5, 4, 3) m: three joints and the end of each finger of a relaxed hand."""
    placed = np.stack([_POINTS[name] for name in NAMES])
    turned = _turned(hand_shapes.flat(RELAXED)[None], np.zeros((1, FINGERS)))[0]
    at: Doubles = placed[:, :1]
    for joint in range(JOINTS):
        bone = placed[:, joint + 1] - placed[:, joint]
        at = np.concatenate([at, at[:, -1:] + (turned[:, joint] @ bone[..., None])[..., 0][:, None]], axis=1)
    return at


def turns(channels: Doubles) -> Doubles:
    """The six channels of a hand (T, 6) -> (T, 5, 3, 3, 3): of each joint against the one before, from relaxed."""
    shares = hand_shapes.given(channels[:, :4])
    relaxed, shapes = hand_shapes.flat(RELAXED), np.stack([hand_shapes.flat(one) for one in SHAPES])
    curls = (1 - shares.sum(1, keepdims=True)) * relaxed + shares @ shapes
    now = _turned(curls, hand_shapes.aside(channels[:, 4], channels[:, 5]))
    still = _turned(relaxed[None], np.zeros((1, FINGERS)))
    from_rest = now @ still.swapaxes(-1, -2)
    against = from_rest.copy()
    against[:, :, 1:] = from_rest[:, :, :-1].swapaxes(-1, -2) @ from_rest[:, :, 1:]
    return against


def _turned(curls: Doubles, aside: Doubles) -> Doubles:
    """(T, 15) and (T, 5) radians -> (T, 5, 3, 3, 3): how each joint is turned against the hand."""
    vectors = curls.reshape(-1, FINGERS, JOINTS, 1) * _curling()
    vectors[:, :, 0] += aside[..., None] * np.cross(_across(), ALONG)
    turned: Doubles = turn_matrix(vectors)
    for joint in range(1, JOINTS):
        turned[:, :, joint] = turned[:, :, joint - 1] @ turned[:, :, joint]
    return turned


def _curling() -> Doubles:
    """(5, 3, 3) unit axes about which the joints bend to the palm, as `render/gaussian/fingers.py` has them."""
    placed = np.stack([_POINTS[name] for name in NAMES])
    along = _unit(np.diff(placed, axis=1))
    across, thumb = _across(), placed[THUMB]
    axes = np.tile(across, (FINGERS, JOINTS, 1))
    axes[THUMB] = np.cross(along[THUMB, 0], _unit(_POINTS["Middle"][0] - thumb[0])) + THUMB_ACROSS * across
    return _unit(axes - (axes * along).sum(-1, keepdims=True) * along)


def _across() -> Doubles:
    """(3,) unit: from the index finger's root to the little finger's."""
    return _unit(_POINTS["Pinky"][0] - _POINTS["Index"][0])


def _unit(vectors: Doubles) -> Doubles:
    made: Doubles = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return made
