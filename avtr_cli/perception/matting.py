"""Which pixels belong to the person: a network's answer (MediaPipe's selfie segmentation), sharpened along the edges.

The network sees 256 x 256 pixels, so it looks twice: at the whole photo, for arms and body, and at a square
around the head, for hair. Edges then follow the picture by a guided filter.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Matte, Points
from avtr_cli.perception.crop import resample
from avtr_cli.perception.cutout import cut_out
from avtr_cli.perception.landmarks import face_height
from avtr_cli.perception.networks import Network
from avtr_cli.perception.rects import whole
from avtr_cli.perception.topology import FACE_OVAL, NOSE_TIP

WORKING_SIDE = 1024  # px of the longer side; the network knows no finer detail
HEAD_REACH = 1.7  # half side of the square around the head, in face heights

SIDE = 256  # px of the picture that the network sees, whatever the photo's shape

_network = Network("person")


def person_probability(image: Image) -> Matte:
    """float32 (H, W) in [0, 1] of `image`, uint8 RGB, straight from the network."""
    (answer,) = _network(cut_out(image, whole(image.shape), SIDE, extended=False)[None])
    return cv2.resize(np.ascontiguousarray(answer[0, :, :, 0]), (image.shape[1], image.shape[0]))


def whole_probability(photo: Image) -> Matte:
    """`person_probability` of the whole photo at the working size; needs no face yet."""
    return person_probability(_working_picture(photo))


def person_matte(photo: Image, points: Points, whole: Matte | None = None) -> Matte:
    """float32 (H, W) in [0, 1]: how much of each pixel of `photo` belongs to the person with face `points`.

    `whole` is what `whole_probability` said of the photo, where that is known already.
    """
    height, width = photo.shape[:2]
    small = _working_picture(photo)
    shrink = _shrink(photo)
    probability = person_probability(small) if whole is None else whole.copy()
    _look_at_head(probability, small, points * shrink)
    matte = _only_this_person(_along_edges(probability, small, face_height(points) * shrink), points * shrink)
    return matte if shrink == 1 else cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR)


def _shrink(photo: Image) -> float:
    return min(1.0, WORKING_SIDE / int(max(photo.shape[:2])))


def _working_picture(photo: Image) -> Image:
    shrink = _shrink(photo)
    return cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else photo


def _look_at_head(probability: Matte, image: Image, points: Points) -> None:
    """Replaces `probability` around the head by a closer look, faded over the outer third."""
    centre = points[list(FACE_OVAL), :2].mean(axis=0)
    reach = HEAD_REACH * face_height(points)
    x0, y0 = np.maximum(np.floor(centre - reach), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(centre + reach), image.shape[1::-1]).astype(int)
    affine = np.array([[SIDE / (x1 - x0), 0, 0], [0, SIDE / (y1 - y0), 0]])
    affine[:, 2] = -affine[:, :2] @ (x0, y0)
    closer = cv2.resize(person_probability(resample(image, affine, SIDE, SIDE)), (int(x1 - x0), int(y1 - y0)))
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    distance = np.maximum(abs(x - centre[0]), abs(y - centre[1])) / reach
    weight = np.clip((1 - distance) * 3, 0, 1)
    part = probability[y0:y1, x0:x1]
    part += weight * (closer - part)


def _along_edges(probability: Matte, image: Image, tall: float) -> Matte:
    """Guided filter (He, Sun and Tang 2010): the matte takes on the edges of the picture."""
    radius = max(2, round(tall / 28))
    guided = cv2.ximgproc.guidedFilter(image, np.clip(probability * 1.2 - 0.1, 0, 1), radius, (0.02 * 255) ** 2)
    return np.clip(guided * 1.12 - 0.06, 0, 1).astype(np.float32)


def _only_this_person(matte: Matte, points: Points) -> Matte:
    """Other people in the picture are background: keeps what hangs together with the face."""
    outline = np.rint(points[list(FACE_OVAL), :2]).astype(np.int32)
    solid = (matte > 0.3).astype(np.uint8)
    cv2.fillPoly(solid, [outline], (1,))
    x, y = np.clip(np.rint(points[NOSE_TIP, :2]).astype(int), 0, np.array(matte.shape[1::-1]) - 1)
    _, labels = cv2.connectedComponents(solid)
    mine = cv2.dilate((labels == labels[y, x]).astype(np.uint8), np.ones((5, 5), np.uint8))
    face = np.asarray(cv2.fillPoly(np.zeros_like(solid), [outline], (1,)))
    result: Matte = np.maximum(matte * mine, cv2.GaussianBlur(face.astype(np.float32), (0, 0), 1))
    return result
