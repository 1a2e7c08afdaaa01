"""A portrait into its `RegionMap`: what of the person lies where, from face points, pose, matte and colours.

Half a second on one core; made only where somebody asks for interactions.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Mask
from avtr_cli.core.regions import ON_PERSON, REGIONS, RegionMap
from avtr_cli.core.types import Portrait
from avtr_cli.perception.body_regions import body_regions
from avtr_cli.perception.face_regions import Sheet, face_regions, nose_line, sheet
from avtr_cli.perception.pose import Pose, poses_in
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import CHIN, FOREHEAD, NOSE_TIP

SIDE = 512  # px of the map's longer side at most
MOST_PEOPLE, LEAST_SCORE = 4, 0.4  # poses that are looked for, and how sure they must be
SAME_NOSE = 0.5  # EO between the noses of a face and of the pose that goes with it
SMALLEST = 0.012  # EO^2 of its largest piece: a smaller region is not seen
CROWN, CROWN_REACH = 0.2, (0.2, 0.3)  # EO above the forehead's top: where hair is touched that is only named


def region_map(portrait: Portrait) -> RegionMap:
    """The map of a portrait, of at most SIDE px."""
    high, wide = portrait.photo.shape[:2]
    scale = min(1.0, SIDE / max(high, wide))
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    picture = cv2.resize(portrait.photo, size, interpolation=cv2.INTER_AREA)
    matte = cv2.resize(portrait.matte, size, interpolation=cv2.INTER_AREA)
    of = sheet(portrait.landmarks, scale, (size[1], size[0]))
    scores = face_regions(of) | body_regions(of, picture, matte, _pose_of(of, picture))
    person = np.maximum(matte, of.face)
    names = [name for name in REGIONS if name in scores]
    shares = _firm(np.stack([scores[name] for name in names]))
    largest = shares.argmax(axis=0)
    centres = {}
    for at, name in enumerate(names):
        place = _centre(of, name, (largest == at) & (person > ON_PERSON))
        if place is not None:
            centres[name] = ((place[0] + 0.5) / size[0], (place[1] + 0.5) / size[1])
    seen = [at for at, name in enumerate(names) if name in centres]
    middle, nose = nose_line(portrait.landmarks)
    return RegionMap(
        names=tuple(names[at] for at in seen),
        shares=np.ascontiguousarray(shares[seen] / np.maximum(shares[seen].sum(axis=0), 1e-9), np.float32),
        person=person.astype(np.float32),
        centres=centres,
        size=(wide, high),
        unit=fit_pose(portrait.landmarks).scale,
        middle=middle,
        nose=nose,
        down=of.down,
    )


def _pose_of(of: Sheet, picture: Image) -> Pose | None:
    """The pose in the map's `picture` that goes with the face: the one whose nose is nearest, if it is near."""
    poses = poses_in(picture, MOST_PEOPLE, LEAST_SCORE)
    nose = of.points[NOSE_TIP]
    away = [float(np.hypot(*(pose.points[0, :2] - nose))) / of.unit for pose in poses]
    return poses[int(np.argmin(away))] if away and min(away) < SAME_NOSE else None


def _firm(scores: Floats) -> Floats:
    """Memberships (n, h, w) as shares that are 1 together, with firm middles and borders about 0.08 EO wide."""
    shares = scores + np.float32(1e-9)
    shares /= shares.sum(axis=0)
    shares **= 2
    return np.asarray(shares / shares.sum(axis=0), np.float32)


def _centre(of: Sheet, name: str, inside: Mask) -> Doubles | None:
    """(2,) px: the middle of the largest circle in the region's largest piece; None where that is too small.

    Of hair it is the crown, not the broadest strand.
    """
    count, labels, facts, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
    if count < 2:
        return None
    largest = 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))
    if facts[largest, cv2.CC_STAT_AREA] < SMALLEST * of.unit**2:
        return None
    room = cv2.distanceTransform(np.pad((labels == largest).astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    if name == "hair":
        top = (of.points[FOREHEAD] - of.points[CHIN]) @ of.down / of.unit
        up, across = (top - of.along - CROWN) / CROWN_REACH[0], of.aside / CROWN_REACH[1]
        crown = room * np.exp(-0.5 * (up**2 + across**2))
        room = crown if crown.max() > 0 else room
    y, x = np.unravel_index(int(room.argmax()), room.shape)
    return np.array([x, y], np.float64)
