"""Where a person's pixels show nothing fine, four of them can be one Gaussian: cloth in its one colour, mostly.

Decided once, from the photo at the size of the job's frame, so nothing changes from frame to frame. Half of the pixels
of usual clothes are so, and a frame's time is spent on Gaussians. Faces, hands and edges keep one for each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Indices, Mask, Matte, Picture
from avtr_cli.render.gaussian.body_model import HEAD, NECK, BodyModel
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.surface import Surface, View, unit

FINE, BLURRED = 2 / 255, 1.0  # of a colour, that a pixel differs at most from its surroundings, blurred by so many px
SOLID = 0.97  # of the matte
FROM_EDGE = 2  # px that a larger Gaussian keeps from the edge of its limb, which it would fray
STEP = 4.0  # px: depths of the four pixels that are further apart are of two things
OVER = 0.5  # of a triangle that the middle of the four may lie beside it


@dataclass(frozen=True)
class Fours:
    """Squares of 2 x 2 pixels: `y`, `x` (n,) intp of the upper left ones, both even, and where their middles lie.

    on, corners, above  int32 (n,), float32 (n, 3), (n,): as `kernels/skinning.carry` has them
    covered             bool (H, W): the pixels of them all
    sixteen             bool (H, W): upper left pixels of squares of 4 x 4 that are of four of them
    """

    y: Indices
    x: Indices
    on: Indices
    corners: Floats
    above: Floats
    covered: Mask
    sixteen: Mask


def plain_fours(
    model: BodyModel, surface: Surface, posed: Floats, matte: Matte, colours: Picture, lens: Lens, view: View,
    which: Mask,
) -> Fours:  # fmt: skip
    """Those among the pixels `which` (H, W), which the mesh lies under; `posed` (V, 3) is the skin in the photo."""
    height, width = matte.shape
    first = model.triangles[np.maximum(view.which, 0), 0]
    limb = np.where(which, model.vertex_limb[first], 255).astype(np.uint8)
    square = np.ones((3, 3), np.uint8)
    firm = which & (matte >= SOLID) & (limb != HEAD) & (limb != NECK) & ~model.on_hand[first]
    firm &= cv2.dilate(limb, square) == cv2.erode(limb, square)
    inner = cv2.erode(firm.astype(np.uint8), square, iterations=FROM_EDGE, borderValue=0) > 0
    plain = inner & (np.abs(colours - cv2.GaussianBlur(colours, (0, 0), BLURRED)).max(2) < FINE)
    depths = np.stack(_quarters(view.depth))
    all_plain = np.logical_and.reduce(_quarters(plain))
    all_plain &= np.ptp(np.where(all_plain, depths, 0), axis=0) < STEP * depths[0] / lens.focal
    row, column = np.nonzero(all_plain)
    y, x = 2 * row, 2 * column
    depth = depths[:, row, column].mean(0)
    rays = np.column_stack([(x + 0.5 - lens.x) / lens.focal, (y + 0.5 - lens.y) / lens.focal, np.ones(len(x))])
    on = view.which[y, x]
    corners, above = _on_triangles(surface, posed, on, rays * depth[:, None])
    good = (corners > -OVER).all(1) & (corners < 1 + OVER).all(1)
    y, x, on, corners, above = y[good], x[good], on[good], corners[good], above[good]
    small = np.zeros((height // 2, width // 2), bool)
    small[y // 2, x // 2] = True
    sixteen = np.zeros((height, width), bool)
    sixteen[: height // 4 * 4 : 4, : width // 4 * 4 : 4] = np.logical_and.reduce(_quarters(small))
    covered = np.zeros((height, width), bool)
    covered[: 2 * len(small), : 2 * small.shape[1]] = small.repeat(2, 0).repeat(2, 1)
    return Fours(y, x, on, corners, above, covered, sixteen)


def _quarters(picture: Floats | Mask) -> list[Floats | Mask]:
    """Upper left, upper right, lower left and lower right of all squares of 2 x 2, each (H // 2, W // 2)."""
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    return [picture[i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)]


def _on_triangles(surface: Surface, posed: Floats, on: Indices, places: Floats) -> tuple[Floats, Floats]:
    """Weights (n, 3) of the corners of the triangles `on` (n,) and metres above them, for `places` (n, 3) near them.

    Triangles without an area give weights that are far from any.
    """
    a, b, c = (posed[surface.triangles[on, corner]].astype(np.float64) for corner in range(3))
    normals = unit(surface.facing(posed)[on])
    frames = np.stack([b - a, c - a, normals], -1)
    none = np.abs(np.linalg.det(frames)) < 1e-14
    frames[none] = np.eye(3)
    along = np.linalg.solve(frames, (places - a)[..., None])[..., 0]
    along[none] = 9
    corners = np.column_stack([1 - along[:, 0] - along[:, 1], along[:, :2]])
    return corners.astype(np.float32), along[:, 2].astype(np.float32)
