"""Which part of the face lies where: soft regions around lists of face points, and the ears beside its outline.

A pixel's membership of a region is a Gaussian of its distance, in EO, to the nearest point of the region's list. All
are float32 (h, w) of one map; what they mean beside each other only their proportions say.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Matte, Points, Vector
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import CHIN, EARS, FACE_OVAL, OUTER_EYE_CORNERS

# Of each region the points that lie in it, and how far around them it reaches, EO.
FACE = {
    "forehead": ((151, 9, 10, 108, 337, 109, 338, 67, 297, 69, 299, 104, 333), 0.10),
    "left_brow": ((276, 283, 282, 295, 285, 300, 293, 334, 296, 336), 0.040),
    "right_brow": ((46, 53, 52, 65, 55, 70, 63, 105, 66, 107), 0.040),
    "left_eye": (
        (263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382, 473, 257, 259), 0.045
    ),
    "right_eye": (
        (33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155, 468, 27, 29), 0.045
    ),
    "nose": ((6, 197, 195, 5, 4, 1, 2, 98, 327, 129, 358, 48, 278, 168), 0.06),
    "left_cheek": ((280, 425, 352, 411, 345, 346, 427, 330, 266, 323, 376, 433), 0.085),
    "right_cheek": ((50, 205, 123, 187, 116, 117, 207, 101, 36, 93, 147, 213), 0.085),
    "mouth": ((61, 291, 0, 17, 13, 14, 37, 267, 84, 314, 40, 270, 91, 321, 185, 409), 0.050),
    "chin": ((152, 199, 175, 200, 148, 377, 18, 201, 421), 0.075),
    "left_jaw": ((397, 365, 379, 288, 361, 435), 0.07),
    "right_jaw": ((172, 136, 150, 58, 132, 215), 0.07),
}  # fmt: skip
FAR_TAIL = 1e-4  # of a membership, falling with distance: what lies far from all points goes to the nearest region
EDGE = 0.03  # EO over which the face's outline is softened
EAR = (0.085, 0.16)  # EO: half as wide and high as ears are
BESIDE = 0.07  # EO from the outline to the middle of an ear
EAR_HIDDEN = 22.0  # degrees of yaw beyond which the ear of the far side is not seen
EAR_OVER_HAIR = 1.2  # where both could be, it is the ear
NOSE_LINE = (1, 6, 152, 10)


@dataclass(frozen=True)
class Sheet:
    """The head on a map of (h, w) pixels.

    along, aside  float32 (h, w): EO below the chin, EO to the right of the picture from it, along the head's axes
    down, right   (2,): these axes in the picture
    face          float32 (h, w) in 0 .. 1: inside the outline of the face
    yaw           degrees that the photo's head is turned to the left of the picture
    """

    points: Points  # (478, 2) px of the map
    unit: float  # px of the map per EO
    along: Floats
    aside: Floats
    down: Vector
    right: Vector
    face: Matte
    yaw: float

    def to(self, point: Vector) -> Floats:
        """Distance, EO, of every pixel from a place (2,) px of the map."""
        high, wide = self.face.shape
        y, x = np.ogrid[0:high, 0:wide]
        return np.asarray(np.hypot(x - point[0], y - point[1]) / self.unit, np.float32)


def sheet(landmarks: Points, scale: float, shape: tuple[int, int]) -> Sheet:
    """The map of (h, w) `shape`, `scale` times as large as the photo that has the face points (478, 3)."""
    pose = fit_pose(landmarks)
    unit, points = pose.scale * scale, (landmarks[:, :2] + 0.5) * scale - 0.5
    down = pose.rotation[:2, 1] / np.linalg.norm(pose.rotation[:2, 1])
    right = np.array([down[1], -down[0]])
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    from_chin = np.stack([x, y], axis=-1) - points[CHIN]
    outline = np.zeros(shape, np.uint8)
    cv2.fillPoly(outline, [np.rint(points[list(FACE_OVAL)]).astype(np.int32)], (1,))
    face = cv2.GaussianBlur(outline.astype(np.float32), (0, 0), max(EDGE * unit, 0.6))
    along, aside = (np.asarray(from_chin @ axis / unit, np.float32) for axis in (down, right))
    return Sheet(points, unit, along, aside, down, right, face, float(pose.angles[1]))


def nose_line(landmarks: Points) -> tuple[Vector, Vector]:
    """(2,) px each: the middle between the outer corners of the eyes, and of the line along the nose."""
    return landmarks[list(OUTER_EYE_CORNERS), :2].mean(axis=0), landmarks[list(NOSE_LINE), :2].mean(axis=0)


def face_regions(of: Sheet) -> dict[str, Floats]:
    """Memberships, float32 (h, w), of all of FACE and of the ears that are seen."""
    scores = {}
    for name, (points, reach) in FACE.items():
        distance = np.min([of.to(of.points[point]) for point in points], axis=0)
        scores[name] = (np.exp(-0.5 * (distance / reach) ** 2) + FAR_TAIL / (1 + distance)) * of.face
    for name, point, side in (("left_ear", EARS[1], 1), ("right_ear", EARS[0], -1)):
        if side * of.yaw < -EAR_HIDDEN:
            continue
        x, y = ((of.points[point] - of.points[CHIN]) @ axis / of.unit for axis in (of.right, of.down))
        u, v = (of.aside - x - side * BESIDE) / EAR[0], (of.along - y) / EAR[1]
        scores[name] = EAR_OVER_HAIR * np.exp(-0.5 * (u**2 + v**2)) * (1 - of.face)
    return {name: np.asarray(score, np.float32) for name, score in scores.items()}
