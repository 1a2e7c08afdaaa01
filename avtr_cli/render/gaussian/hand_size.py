"""How large a person's hands are: as fitted, but no larger than people's are beside their faces, or than is seen.

Points of hands that hang, or are not seen at all, hardly tell their size, and the mean body's hands are a man's; drawn
figures have small ones.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles, Points
from avtr_cli.perception.body import SeenBody
from avtr_cli.render.gaussian.body_model import COMPONENTS, BodyModel

USUAL = 1.08  # a hand's length, wrist to tip of the middle finger, beside the face's, forehead to chin
SEEN_LONGER = 1.05  # than a seen hand, which may be bent or aslant, a hand may be
TOP, CHIN = 10, 152  # of the face's points
MIDDLE = (0, 9, 10, 11, 12)  # of a hand's points: wrist to tip of the middle finger
_BONES = ("wrist", "finger3-1", "finger3-2", "finger3-3")


def with_own_hands(model: BodyModel, shape: Doubles, placed: Doubles, seen: SeenBody) -> Doubles:
    """`shape` (S,) with smaller hands where they are too large; `placed` (J, 3) m are the heads of its posed bones."""
    number = COMPONENTS + model.local.index("hand-scale")
    wanted = max([USUAL, *(SEEN_LONGER * _seen(model, placed, seen, side) for side in seen.hands)])
    has, less = _beside_face(model, shape), shape.copy()
    less[number] -= 1
    per_one = has - _beside_face(model, less)
    if has <= wanted or per_one <= 0:
        return shape
    less[number] = shape[number] - (has - wanted) / per_one
    return less


def _beside_face(model: BodyModel, shape: Doubles) -> float:
    """The length of the left hand in the length of the face."""
    heads, tails = model.joints_of(shape)
    bones = [model.bone(f"{name}.L") for name in _BONES]
    hand = _length(np.concatenate([heads[bones], tails[bones[-1:]]]))
    corners = model.triangles[model.face_triangles[[TOP, CHIN]]]
    places = (model.vertices(shape)[corners] * model.face_weights[[TOP, CHIN]][..., None]).sum(1)
    return hand / _length(places)


def _seen(model: BodyModel, placed: Doubles, seen: SeenBody, side: str) -> float:
    """The same of a hand in the picture, as far away as the fit has it."""
    nearer = placed[model.bone(f"wrist.{side}"), 2] / placed[model.bone("head"), 2]
    return float(nearer * _length(seen.hands[side].points[list(MIDDLE), :2]) / _length(seen.face[[TOP, CHIN], :2]))


def _length(line: Points) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
