"""What the photo hides behind the edge of the jaw, as a head that turns or rises shows it: more of the skin beside.

The underside of a jaw is seen in no photo, and a wide open mouth paints the dropped chin on what lies below its edge.
So what comes to light between the two takes the colours of the face a little inside that edge, and whatever an
expression changes there: else it stays a second line of the chin, dark as the hair or light as a collar.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Indices, Mask, Picture
from avtr_cli.perception.body import SeenBody
from avtr_cli.perception.topology import CHIN, FACE_OVAL, FOREHEAD, LIP_CENTRES
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.surface import View

DEEP = 0.06  # m behind what the photo shows: what lies deeper is the neck's
INSIDE, LEAST_INSIDE = 0.03, 2  # of the face's height, px: the edge itself may be a drawn line
ABOVE_LIPS = 0.25  # of the face's height, from where on downwards a face has a jaw
SOFT, SHADE = 1.0, 0.85  # px by which the colours are blurred; how bright they are, since light falls from above


class BehindJaw(NamedTuple):
    """pixels bool (H, W): the face from the nose down; source intp (H, W): the pixel well inside its edge that is
    nearest to each; colours float32 (H, W, 3), 0 .. 1: of the photo, soft and in shade."""

    pixels: Mask
    source: Indices
    colours: Picture


def behind_jaw(seen: SeenBody, clean: Picture) -> BehindJaw:
    """Of the photo that is `clean`. The neck below is no better: beside a jaw it is an ear, hair, or a collar."""
    (height, width), face = seen.matte.shape, seen.face[:, :2]
    down = face[CHIN] - face[FOREHEAD]
    tall = float(np.linalg.norm(down))
    y, x = np.mgrid[:height, :width]
    lips = face[list(LIP_CENTRES)].mean(0)
    low = (np.stack([x, y], -1) - lips) @ (down / tall) > -ABOVE_LIPS * tall
    oval = np.zeros((height, width), np.uint8)
    cv2.fillPoly(oval, [np.rint(face[list(FACE_OVAL)]).astype(np.int32)], (1,))
    reach = 2 * max(LEAST_INSIDE, round(INSIDE * tall)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    edge = cv2.dilate(oval, np.ones((3, 3), np.uint8)) > 0
    inner = cv2.erode(oval, disc) > 0
    source = np.arange(height * width).reshape(height, width)
    if inner.any():
        _, labels = cv2.distanceTransformWithLabels(
            (~inner).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        at = np.zeros(labels.max() + 1, np.intp)
        at[labels[inner]] = np.flatnonzero(inner)
        source = at[labels]
    return BehindJaw(edge & low, source, SHADE * cv2.GaussianBlur(clean, (0, 0), SOFT))


def sources(behind: BehindJaw, view: View, lens: Lens, places: Floats) -> Indices:
    """Pixels, row by row, whose skin goes on at `places` (n, 3) m that the photo hides; -1 where none's does."""
    height, width = behind.pixels.shape
    x, y = np.rint(lens.project(places)).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    found = inside & behind.pixels[y, x] & view.shown[y, x] & (places[:, 2] < view.depth[y, x] + DEEP)
    return np.where(found, behind.source[y, x], -1)
