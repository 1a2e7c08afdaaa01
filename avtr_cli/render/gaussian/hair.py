"""Long hair beside the head and the shoulders: how far each pixel of it goes along with the head that turns.

What is told by the nearest outline alone tears where the head's ends and the shoulders' begins. Hair hangs from the
head: all of it follows at the mouth, none a face's height below the chin, and between them ever less.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Floats, Mask, Picture, Points
from avtr_cli.render.gaussian.body_model import NECK, BodyModel
from avtr_cli.render.gaussian.surface import View

ALIKE = 0.30, 0.22  # L1 by which hair differs at most from that above the forehead, or of its colours together if more
TINTED = 0.10, 0.12  # the same of what is not grey in them: a dark collar is not as dark hair
FROM, OVER = -0.25, 1.25  # face heights below the chin where hair begins to leave the head, and over which it does
TOP, CHIN, SIDES = 10, 152, (234, 454)  # of the face's points
ABOVE, AROUND = 0.08, 0.9  # face widths above the forehead from which all is hair; and about it, up to which
ENDS = 0.15  # face heights on the shoulders that are the hair's above them, too
APART = 0.6  # L1 that shoulders differ from hair at least: else their own shade would be hair's
LEAST = 40  # px of hair above the forehead below which nobody has any


def hair_colour(clean: Picture, solid: Mask, face: Points) -> Colour | None:
    """The median of what is above the forehead, where that is anything; `face` (478, 3) px."""
    height, width = solid.shape
    up = face[TOP, :2] - face[CHIN, :2]
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    wide = float(np.linalg.norm(face[SIDES[1], :2] - face[SIDES[0], :2]))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    aside, below = x - face[TOP, 0], y - face[TOP, 1]
    hair = solid & (aside * up[0] + below * up[1] > ABOVE * wide) & (np.hypot(aside, below) < AROUND * wide)
    return np.asarray(np.median(clean[hair], axis=0)) if hair.sum() > LEAST else None


def follows_head(model: BodyModel, view: View, clean: Picture, solid: Mask, face: Points) -> Floats:
    """float32 (H, W): the head's share in hair that hangs beside the body, 0 .. 1; -1 for all that is no such hair.

    Hair is what looks like that above the forehead, and hangs together with the head beside the trunk.
    """
    share = np.full(solid.shape, -1, np.float32)
    down = face[CHIN, :2] - face[TOP, :2]
    tall = max(float(np.linalg.norm(down)), 1e-6)
    y, x = np.nonzero(_hanging(model, view, solid & _alike(clean, solid, face)))
    below = ((x - face[CHIN, 0]) * down[0] + (y - face[CHIN, 1]) * down[1]) / tall**2
    gone = np.clip((below - FROM) / OVER, 0, 1)
    share[y, x] = 1 - gone * gone * (3 - 2 * gone)
    return share


def on_shoulders(model: BodyModel, view: View, clean: Picture, solid: Mask, face: Points) -> Mask:
    """(H, W): the last of hair that hangs beside the body, where the photo shows it on trunk or arms.

    It goes with them, and with the hair above it as well: else a slit opens between the two as a shoulder moves.
    """
    alike = solid & _alike(clean, solid, face)
    hair = _hanging(model, view, alike)
    if not hair.any():
        return hair
    limb = model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]]
    reach = ENDS * float(np.linalg.norm(face[CHIN, :2] - face[TOP, :2]))
    far, below = cv2.distanceTransform((~hair).astype(np.uint8), cv2.DIST_L2, 5), view.shown & (limb > NECK)
    ends, around = alike & below & (far < reach), ~alike & below & (far < 2 * reach)
    if not around.any() or np.abs(np.median(clean[around], axis=0) - np.median(clean[hair], axis=0)).sum() < APART:
        return np.zeros_like(hair)
    _, pieces = cv2.connectedComponents((hair | ends).astype(np.uint8))
    return np.asarray(ends & np.isin(pieces, np.unique(pieces[hair])))


def _alike(clean: Picture, solid: Mask, face: Points) -> Mask:
    """(H, W): what has the colour of the hair above the forehead; nothing where there is none."""
    colour = hair_colour(clean, solid, face)
    if colour is None:
        return np.zeros(solid.shape, bool)
    alike = np.abs(clean - colour).sum(-1) < max(ALIKE[0], ALIKE[1] * float(colour.sum()))
    tint = (clean - clean.mean(-1, keepdims=True)) - (colour - colour.mean())
    return np.asarray(alike & (np.abs(tint).sum(-1) < max(TINTED[0], TINTED[1] * float(colour.sum()))))


def _hanging(model: BodyModel, view: View, alike: Mask) -> Mask:
    """(H, W): what is `alike`, beside the body, and hangs together with the head."""
    head = view.shown & (model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]] <= NECK)
    hanging = alike & (head | ~view.shown)
    _, pieces = cv2.connectedComponents(hanging.astype(np.uint8))
    of_head = np.unique(pieces[hanging & head])
    return np.asarray(hanging & ~view.shown & np.isin(pieces, of_head[of_head > 0]))
