"""Gaussians along the outline of a face, whose colours go over into others as far as a turn of the head opens them.

The photo's own colours there are right as long as the edge is where the photo has it, so at rest nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Indices, Picture
from avtr_cli.kernels import tinting
from avtr_cli.render.gaussian.body_model import HEAD, BodyModel
from avtr_cli.render.gaussian.jaw import SHADE
from avtr_cli.render.gaussian.lifting import Riding
from avtr_cli.render.gaussian.loose import Loose
from avtr_cli.render.gaussian.slivers import Slivers
from avtr_cli.render.gaussian.surface import Surface, unit

FRINGE = 4  # px from a sliver within which what lies beside the head is of the face's edge too, and no hair's
OPENED = (0.02, 0.12)  # by which the cosine to the view has grown where a sliver begins to be opened, and is


@dataclass(frozen=True)
class Contour:
    """n Gaussians on slivers of the face, and just beside them.

    which    intp (n,): loose ones first, then those that ride
    normals  float64 (n, 3): of their skin in the photo's pose; away from the face where there is none
    colours  float32 (n, 3): what they have once they are open
    towards  float64 (3,): from the camera to the head
    """

    which: Indices
    normals: Doubles
    colours: Floats
    towards: Doubles

    def open(self, turn: Doubles, at: Indices, closed: Floats, own: Floats, colours: Floats) -> None:
        """Into `own` and `colours` (m, 3), `at` (n,): how they look while the head is turned by `turn` (3, 3).

        They are `closed` (n, 3) as long as it is not.
        """
        change = self.towards - turn.T @ self.towards
        tinting.open_edges(at, self.normals, change, *OPENED, closed, self.colours, own, colours)


def contour_of(
    model: BodyModel, surface: Surface, posed: Floats, found: Slivers, inner: Picture, loose: Loose, riding: Riding
) -> Contour:
    """Of an avatar's Gaussians, those beside slivers among them, of which `inner` (H, W, 3) is seen from aside."""
    width = inner.shape[1]
    near = cv2.dilate(found.which.astype(np.uint8), np.ones((2 * FRINGE + 1, 2 * FRINGE + 1), np.uint8)) > 0
    fringe = (near & ~found.face).reshape(-1)[loose.origin] & (loose.carried_by[:, 0] == model.bone("head"))
    beside = np.flatnonzero(fringe & (loose.pixels >= 0))
    ride = np.flatnonzero((riding.origin >= 0) & found.which.reshape(-1)[riding.origin])
    towards = unit(posed[model.vertex_limb == HEAD].mean(0)[None])[0].astype(np.float64)
    normals = unit(surface.facing(posed)[riding.on[ride]]).astype(np.float64)
    origin = riding.origin[ride]
    colours = shade(normals, found.share.reshape(-1)[origin]) * found.picture.reshape(-1, 3)[origin]
    outwards = _places(loose.pixels[beside], width) - _places(np.flatnonzero(found.face), width).mean(0)
    return Contour(
        np.concatenate([beside, len(loose.rest) + ride]),
        np.concatenate([np.column_stack([unit(outwards), np.zeros(len(beside))]), normals]),
        np.concatenate([inner.reshape(-1, 3)[loose.origin[beside]], colours]).astype(np.float32),
        towards,
    )


def shade(normals: Doubles, share: Floats) -> Doubles:
    """How bright skin is, (n, 1), of which the `share` (n,) is made up: the photo's own has its own shade."""
    return np.asarray(1 - (1 - SHADE) * share[:, None] * normals[:, 1:2].clip(0, 1))  # light falls from above


def _places(pixels: Indices, width: int) -> Doubles:
    """Columns and rows, (n, 2)."""
    return np.column_stack([pixels % width, pixels // width]).astype(np.float64)
