"""Controls into keypoints, so that our own motion model drives LivePortrait's networks.

LivePortrait's 21 keypoints are learned, not labelled; what each does is known from its editor's sliders and from
1151 frames of real motion-extractor output. So every ARKit weight adds a fixed change to a few expression
coordinates, scaled to reach the extreme that real faces reach; head turns and shifts are exact geometry. Channels
without a known meaning there (cheeks puffed, tongue, nose) are left out.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, KEYPOINTS
from avtr_cli.core.protocols import MotionGenerator, backend_of, is_touchable
from avtr_cli.core.rotation import matrix_of, vector_of
from avtr_cli.core.types import Asked, Identity, Motion, MotionState, Window

Change = dict[str, float]  # of expression coordinates, as "19y"

# The editor's sliders: change per unit.
SMILE: Change = {
    "3y": -0.0035, "7y": -0.0035, "13y": -0.00275, "14y": -0.02,
    "16y": -0.00275, "17y": 0.0065, "17z": 0.003, "20y": -0.01,
}  # fmt: skip
BROW_UP: Change = {"1y": 0.001, "2y": -0.001}
BROW_DOWN: Change = {"1x": 0.001, "2x": -0.001, "1y": -0.0003, "2y": 0.0003}
LOOK_PICTURE_RIGHT: Change = {"11x": 0.0007, "15x": 0.001}
LOOK_PICTURE_LEFT: Change = {"11x": -0.001, "15x": -0.0007}
LOOK_UP: Change = {"11y": -0.0005, "15y": -0.0005, "13y": -0.00015, "16y": -0.00015}
PURSE: Change = {"14y": 0.001, "3y": -0.0005, "7y": -0.0005, "17z": -0.0005}
GRIN: Change = {"14y": -0.001, "20y": -0.001, "20z": -0.001}
LIPS_OPEN: Change = {"19y": 0.001, "19z": 0.0001, "17y": -0.0001}
LIPS_ASIDE: Change = {"19x": 1.0}

# Regression on real frames: an eye that closes from its usual ratio of 0.35; half of what both eyes share.
OPEN_EYE = 0.35
LID_SHARED: Change = {"16y": -0.0057, "13x": 0.0041, "17y": -0.0043, "13y": -0.0042}
LID_OF_11: Change = {"11y": 0.0464} | LID_SHARED
LID_OF_15: Change = {"15y": 0.0424} | LID_SHARED
# The same for lips that part to the widest ratio seen, 0.67, beside the slider's own coordinates.
WIDEST_LIPS = 0.67
JAW: Change = {"16y": -0.0113, "17z": -0.0103, "10z": -0.0062}

LIMIT = 0.09  # of any coordinate's change; real expressions end at 0.08
EYE_DISTANCE = 0.66  # outer eye corners, in half sides of LivePortrait's crop (2.25 times the face's height)
CAMERA_DISTANCE = 6.5  # in outer eye distances: 0.6 m


def _times(factor: float, change: Change) -> Change:
    return {coordinate: factor * value for coordinate, value in change.items()}


def _rules(left_is_11: bool) -> dict[str, Change]:
    """The change that each ARKit weight makes at 1."""
    lids = {"Left": LID_OF_11, "Right": LID_OF_15} if left_is_11 else {"Left": LID_OF_15, "Right": LID_OF_11}
    rules = {
        "jawOpen": _times(82, LIPS_OPEN) | _times(WIDEST_LIPS, JAW),
        "mouthClose": _times(-82, LIPS_OPEN),
        "mouthFunnel": _times(8, PURSE) | _times(15, LIPS_OPEN),
        "mouthPucker": _times(13, PURSE),
        "mouthRollLower": _times(-10, LIPS_OPEN),
        "mouthRollUpper": _times(-10, LIPS_OPEN),
        "mouthLeft": _times(0.03, LIPS_ASIDE),
        "mouthRight": _times(-0.03, LIPS_ASIDE),
        "jawLeft": _times(0.03, LIPS_ASIDE),
        "jawRight": _times(-0.03, LIPS_ASIDE),
        "browInnerUp": _times(12, BROW_UP),
        "eyeLookOutLeft": _times(10, LOOK_PICTURE_RIGHT),
        "eyeLookInRight": _times(10, LOOK_PICTURE_RIGHT),
        "eyeLookInLeft": _times(10, LOOK_PICTURE_LEFT),
        "eyeLookOutRight": _times(10, LOOK_PICTURE_LEFT),
    }
    for side in ("Left", "Right"):
        rules |= {
            f"mouthSmile{side}": _times(0.5, SMILE),
            f"cheekSquint{side}": _times(0.1, SMILE),
            f"mouthFrown{side}": _times(-0.15, SMILE),
            f"mouthStretch{side}": _times(7, GRIN),
            f"mouthDimple{side}": _times(4, GRIN),
            f"mouthPress{side}": _times(-10, LIPS_OPEN),
            f"mouthLowerDown{side}": _times(8, LIPS_OPEN),
            f"mouthUpperUp{side}": _times(4, LIPS_OPEN),
            f"browOuterUp{side}": _times(4, BROW_UP),
            f"browDown{side}": _times(6, BROW_DOWN),
            f"eyeLookUp{side}": _times(12, LOOK_UP),
            f"eyeLookDown{side}": _times(-12, LOOK_UP),
            f"eyeBlink{side}": _times(OPEN_EYE, lids[side]),
            f"eyeSquint{side}": _times(0.25 * OPEN_EYE, lids[side]),
            f"eyeWide{side}": _times(-0.3 * OPEN_EYE, lids[side]),
        }
    return rules


@cache
def expression_matrix(left_is_11: bool) -> Tensor:
    """float32 (52, 63): ARKit weights times this are the expression's change.

    `left_is_11` says whether keypoint 11 is the subject's left eye (15 is then the right one).
    """
    matrix = torch.zeros(len(ARKIT_BLENDSHAPES), 63)
    for name, change in _rules(left_is_11).items():
        for coordinate, value in change.items():
            flat = 3 * int(coordinate[:-1]) + "xyz".index(coordinate[-1])
            matrix[ARKIT_BLENDSHAPES.index(name), flat] = value
    return matrix


def keypoints_of(controls: Tensor, rotation: Tensor, points: Tensor, expression: Tensor, scale: float) -> Tensor:
    """Controls (T, 58) of a portrait -> keypoint motion (T, 66).

    rotation (3, 3), points (21, 3) and expression (21, 3) are the portrait's, as the motion extractor gives them.
    Zeros give back the portrait's own keypoints, scale * (points R + expression).
    """
    weights, turn, shift = controls[:, :52], controls[:, 52:55], controls[:, 55:58] * EYE_DISTANCE / scale
    left_is_11 = bool(points[11, 0] > points[15, 0])  # the subject's left is the picture's right
    change = (weights @ expression_matrix(left_is_11).to(weights)).clamp(-LIMIT, LIMIT).unflatten(1, (21, 3))
    turned = rotation @ matrix_of(-turn)  # row vectors: the camera-frame turn comes after the portrait's own
    face = points + expression @ rotation.mT + change  # in the head's own frame
    nearer = 1 / (1 + controls[:, 57, None, None] / CAMERA_DISTANCE)
    flat = torch.cat([shift[:, :2], torch.zeros_like(shift[:, 2:])], dim=1)[:, None] @ turned.mT
    return torch.cat([vector_of(turned), (face * nearer + flat - points).flatten(1)], dim=1)


class Retargeted:
    """A generator of controls as a generator of keypoints, for the portrait it is started with."""

    space = KEYPOINTS

    def __init__(self, inner: MotionGenerator):
        assert inner.space == CONTROLS
        self._inner, self.cues, self.weights_files = inner, inner.cues, inner.weights_files
        self.backend, self.touchable = backend_of(inner), is_touchable(inner)

    def start(self, identity: Identity, seed: int) -> MotionState:
        """The inner model's state for a neutral face, and the portrait's geometry from `identity.anatomy`."""
        neutral = Identity(CONTROLS, torch.zeros(len(CONTROLS)), None, identity.size, person=identity.person)
        anatomy = identity.anatomy
        portrait = {
            "portrait.points": anatomy["canonical_keypoints"],
            "portrait.rotation": anatomy["rotation"],
            "portrait.expression": anatomy["expression"],
            "portrait.scale": anatomy["scale"].reshape(1),
        }
        inner = self._inner.start(neutral, seed)
        return {f"inner.{name}": tensor for name, tensor in inner.items()} | {
            name: tensor.float().cpu() for name, tensor in portrait.items()
        }

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The inner model's chunk, (5, 66) as keypoints, and both states after it."""
        inner = {name[len("inner.") :]: tensor for name, tensor in state.items() if name.startswith("inner.")}
        motion, after = self._inner.step(window, inner, asked)
        values = keypoints_of(
            motion.values.float().cpu(),
            state["portrait.rotation"],
            state["portrait.points"],
            state["portrait.expression"],
            float(state["portrait.scale"]),
        )
        carried = {name: tensor for name, tensor in state.items() if name.startswith("portrait.")}
        return Motion(KEYPOINTS, values, motion.first), carried | {f"inner.{n}": t for n, t in after.items()}
