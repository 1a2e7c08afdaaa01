"""A picture of a person whose face is known into what a body is fitted to: pose, hands, and the pixels of the person.

Hands are looked for around the wrists, enlarged, and are called left and right by the arm that they end: what the
network calls them itself is wrong for every fifth.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Mask, Matte, Points, Vector
from avtr_cli.core.errors import PhotoError
from avtr_cli.perception.hands import Hand, hands_in
from avtr_cli.perception.landmarks import face_height
from avtr_cli.perception.plain_wall import worn_before
from avtr_cli.perception.pose import Pose, poses_in
from avtr_cli.perception.topology import NOSE_TIP

MOST_PEOPLE, SURE_ENOUGH = 4, 0.5  # looked for; score of one
LOOKED_AT = 768  # px of the longer side in which people are looked for at most: in larger pictures poses waver
NOSE, LEFT, RIGHT = 0, "L", "R"  # sides are the person's own
SHOULDERS, HIPS, ANKLES = (11, 12), (23, 24), (27, 28)  # points of a pose, left first
ARMS = {LEFT: (13, 15, 19), RIGHT: (14, 16, 20)}  # elbow, wrist, root of the index finger
SEEN = 0.5  # visibility of a point that is taken for seen
LEAST_SEEN = 0.4  # visibility of the surer elbow
MOST_EYES = 2.0  # times the distance between the eyes, as the face has it and as the body has it
SAME_HEAD = 0.6  # face heights between the noses of a face and its body
HAND_SIDE = 256  # px at least, of the square in which a hand is looked for
HAND_REACH, LEAST_REACH = 0.75, 0.4  # of that square, half a side: of the forearm, and of the shoulders' width
HAND_SURE_ENOUGH = 0.3
EDGE, EDGE_REGULARISATION = 0.035, (0.02 * 255) ** 2  # units: how far a matte is led by the picture's edges


@dataclass(frozen=True)
class SeenBody:
    """What is known of the person.

    pose     MediaPipe's 33 points; hands, by LEFT and RIGHT, those that were found
    face     float64 (478, 3) as `Portrait.landmarks`, in pixels of this picture
    matte    float32 (H, W) in 0 .. 1
    unit     px: about the length of the torso
    doubts   sentences: what will look wrong
    worn     bool (H, W): of the person, what a plain wall alone told
    """

    pose: Pose
    hands: dict[str, Hand]
    face: Points
    matte: Matte
    unit: float
    doubts: tuple[str, ...]
    worn: Mask = field(default_factory=lambda: np.zeros((1, 1), bool))

    def sees(self, *points: int) -> bool:
        """Whether all these points of the pose are seen within the picture."""
        height, width = self.matte.shape
        x, y = self.pose.points[list(points), :2].T
        inside = (x > -0.02 * width) & (x < 1.02 * width) & (y > -0.02 * height) & (y < height)
        return bool((inside & (self.pose.visibility[list(points)] > SEEN)).all())


def see_body(picture: Image, face: Points, portrait_matte: Matte) -> SeenBody:
    """The body that belongs to the `face` (478, 3) px in `picture`, uint8 RGB.

    `portrait_matte` (H, W) is what `person_matte` gives, which knows hair. Raises PhotoError, in words that follow the
    photo's name, where no body is seen with the face.
    """
    people = _people(picture)
    tall, nose = face_height(face), face[NOSE_TIP, :2]
    apart = [float(np.hypot(*(pose.points[NOSE, :2] - nose))) / tall for pose in people]
    if not people or min(apart) > SAME_HEAD:
        raise PhotoError("no body is seen with this face; use a photo of one person, at least down to the waist")
    pose = people[int(np.argmin(apart))]
    _refuse(pose, face)
    unit = _unit(pose)
    matte = _matte(picture, pose, portrait_matte, face, unit)
    hands = {side: hand for side in ARMS if (hand := _hand(picture, pose, side)) is not None}
    forearms = [pose.points[list(line), :2] for line in ARMS.values() if pose.visibility[list(line)].min() > SEEN]
    matte, worn = worn_before(picture, matte, forearms, unit)
    seen = SeenBody(pose, hands, face, matte, unit, (), worn)
    others = sum(distance > SAME_HEAD for distance in apart)
    return replace(seen, doubts=tuple(_doubts(seen, others)))


def _people(picture: Image) -> list[Pose]:
    """The poses in a picture, found in a smaller one where it is large."""
    height, width = picture.shape[:2]
    scale = LOOKED_AT / max(height, width)
    if scale >= 1:
        return poses_in(picture, MOST_PEOPLE, SURE_ENOUGH, mattes=True)
    size = round(scale * width), round(scale * height)
    smaller = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    larger = np.array([width / size[0], height / size[1], 1 / scale])
    return [
        replace(pose, points=pose.points * larger, matte=cv2.resize(pose.matte, (width, height)))
        for pose in poses_in(smaller, MOST_PEOPLE, SURE_ENOUGH, mattes=True)
        if pose.matte is not None
    ]


def _unit(pose: Pose) -> float:
    """Px: 1.2 times the shoulders' width, or the torso where that is longer, hips guessed where they are hidden."""
    shoulders, hips = pose.points[list(SHOULDERS), :2], pose.points[list(HIPS), :2]
    torso = float(np.hypot(*(shoulders.mean(0) - hips.mean(0))))
    share = 0.9 if pose.visibility[list(HIPS)].min() > SEEN else 0.5
    return max(1.2 * float(np.hypot(*(shoulders[0] - shoulders[1]))), share * torso)


def _refuse(pose: Pose, face: Points) -> None:
    """Raises PhotoError for a head alone, and for a body that cannot be this face's."""
    visible = pose.visibility
    if visible[list(SHOULDERS)].min() < SEEN or visible[[ARMS[side][0] for side in ARMS]].max() < LEAST_SEEN:
        raise PhotoError(
            "only a head is seen, or little more; a body needs a photo down to the waist (other presets draw the head)"
        )
    eyes = float(np.hypot(*(pose.points[2, :2] - pose.points[5, :2])))
    irises = float(np.hypot(*(face[468:473, :2].mean(0) - face[473:478, :2].mean(0))))
    left, right = pose.points[list(SHOULDERS), 0]
    if irises > MOST_EYES * eyes or eyes > MOST_EYES * irises or left < right - 0.25 * _unit(pose):
        raise PhotoError(
            "the face and the body that are seen do not go together; use a photo of one person from the front"
        )


def _hand(picture: Image, pose: Pose, side: str) -> Hand | None:
    """The hand that is nearest to that wrist, in pixels of the picture."""
    elbow, wrist, finger = ARMS[side]
    if pose.visibility[wrist] < 0.3:
        return None
    shoulders = pose.points[list(SHOULDERS), :2]
    forearm = float(np.hypot(*(pose.points[wrist, :2] - pose.points[elbow, :2])))
    reach = max(HAND_REACH * forearm, LEAST_REACH * float(np.hypot(*(shoulders[0] - shoulders[1]))), 20.0)
    middle: Vector = 0.6 * pose.points[wrist, :2] + 0.4 * pose.points[finger, :2]
    height, width = picture.shape[:2]
    left, top = np.maximum(np.rint(middle - reach), 0).astype(int)
    right, bottom = np.minimum(np.rint(middle + reach), (width, height)).astype(int)
    if right - left < 8 or bottom - top < 8:
        return None
    cut = np.ascontiguousarray(picture[top:bottom, left:right])
    scale = max(1.0, HAND_SIDE / max(cut.shape[:2]))
    if scale > 1:
        cut = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    found = [
        Hand(
            np.column_stack([hand.points[:, :2] / scale + (left, top), hand.points[:, 2] / scale]),
            hand.metres,
            hand.right,
        )
        for hand in hands_in(cut, 2, HAND_SURE_ENOUGH)
    ]
    distances = [float(np.hypot(*(hand.points[0, :2] - pose.points[wrist, :2]))) for hand in found]
    if not found or min(distances) > reach:
        return None
    return found[int(np.argmin(distances))]


def _matte(picture: Image, pose: Pose, portrait_matte: Matte, face: Points, unit: float) -> Matte:
    """Two networks' mattes, led by the picture's edges twice; around the head the portrait's alone: it knows hair."""
    assert pose.matte is not None
    radius = max(4, round(EDGE * unit))
    both = np.maximum(pose.matte, portrait_matte)  # the portrait's knows what is held, the pose's arms and legs
    rough = cv2.ximgproc.guidedFilter(picture, both, radius, EDGE_REGULARISATION)
    finer = np.clip((rough - 0.2) / 0.6, 0, 1).astype(np.float32)
    finer = cv2.ximgproc.guidedFilter(picture, finer, max(3, radius // 3), EDGE_REGULARISATION)
    matte = np.clip((finer - 0.3) / 0.5, 0, 1)
    y, x = np.mgrid[: matte.shape[0], : matte.shape[1]].astype(np.float32)
    from_head = np.hypot(x - face[NOSE_TIP, 0], y - face[NOSE_TIP, 1]) / face_height(face)
    head = np.clip(2.4 - 1.6 * from_head, 0, 1)  # wholly within 0.9 face heights of the nose, not at all beyond 1.5
    matte = matte + (np.maximum(portrait_matte, matte * (from_head > 0.6)) - matte) * head
    return _in_one_piece(matte.astype(np.float32))


def _in_one_piece(matte: Matte) -> Matte:
    """Only what hangs together with the largest piece."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((matte > 0.5).astype(np.uint8))
    if count < 2:
        return matte
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    near = cv2.dilate((labels == largest).astype(np.uint8), np.ones((5, 5), np.uint8))
    kept: Matte = matte * near
    return kept


def _doubts(seen: SeenBody, others: int) -> list[str]:
    """What to tell about a body that can be used, but of which something will look wrong."""
    told, points, visibility = [], seen.pose.points[:, :2], seen.pose.visibility
    if others:
        told.append("other people are in the picture and stay in its background; a photo of one person looks better")
    shoulders = points[list(SHOULDERS)]
    depth = seen.pose.metres[list(SHOULDERS), 2]
    turn = np.degrees(np.arctan2(abs(depth[0] - depth[1]), abs(shoulders[0, 0] - shoulders[1, 0]) / seen.unit * 0.5))
    if turn > 45:
        told.append("the body is turned away, so its far side will look made up when the view moves")
    for side, name in ((LEFT, "left"), (RIGHT, "right")):
        _, wrist, _ = ARMS[side]
        if visibility[wrist] > SEEN and side not in seen.hands:
            told.append(f"the {name} hand is hidden, or holds something, so it keeps to the photo")
    knees, hips = points[[25, 26]], points[list(HIPS)]
    if seen.sees(25, 26, *HIPS) and float(np.abs(knees[:, 1] - hips[:, 1]).max()) < 0.45 * seen.unit:
        told.append("the person seems to sit; what is drawn of the legs will not fit well")
    if crossed(seen):
        told.append("the arms are crossed or before the body, so they will tear from it when they move")
    return told


def crossed(seen: SeenBody) -> bool:
    """Whether a wrist lies on the other side of the body, between shoulders and hips."""
    points = seen.pose.points[:, :2]
    middle = points[[*SHOULDERS, *HIPS], 0].mean()
    left, right = (points[ARMS[side][1], 0] for side in (LEFT, RIGHT))
    return bool(seen.sees(15, 16) and left < middle < right)
