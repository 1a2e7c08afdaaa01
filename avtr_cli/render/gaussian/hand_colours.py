"""The colour of a person's hands: as the photo shows them, lit as the face is.

A fitted hand lies some pixels off, so a hand that was found is looked at along its own bones. One that hangs in the
shade of a hip is brought to the face's brightness, and to its hue, since it is painted where it is raised.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Colour, Floats, Mask, Picture
from avtr_cli.perception.body import SeenBody
from avtr_cli.perception.hands import Hand
from avtr_cli.render.gaussian.body_model import LEFT_ARM, RIGHT_ARM, BodyModel
from avtr_cli.render.gaussian.sleeves import Sleeves, like_colour

SKIN_SHADES, SKIN_LIGHT = 0.08, (0.5, 1.25)  # L1 of red, green and blue's shares, and brightness, that skin differs by
ANY_LIGHT = (0.3, 2.2)  # the same of a hand that was found: it may be in the sun, and the face in the shade of a hat
BONES = tuple((0 if k % 4 == 1 else k - 1, k) for k in range(1, 21))  # of a hand's points
ALONG = (0.1, 0.3, 0.5, 0.7, 0.9)  # of each bone, that is looked at
ENOUGH, GLOVED = 15, 0.25  # samples; share of skin among those of a hand, below which it has a glove
AS_LIT, MOST_LIT = 1.0, 1.7  # of the face's brightness that a hand has at least; times its own at most
FACES, DIM = 0.5, (0.55, 0.8)  # share of the face's hue in a hand's; all of it, and this, at so much of its brightness
BARE_WRIST, WRIST_LIT = (1.4, 1.9), 1.2  # of `Sleeves.along`; times as bright as a bare forearm a hand is at most
IN_SHADE = 0.85  # of the other hand's brightness, below which one hand takes its colour


def like_skin(colours: Floats | Colour, skin: Colour) -> Mask:
    """Which of `colours` (..., 3) may be skin of a face of the colour `skin`."""
    return like_colour(colours, skin, SKIN_SHADES, SKIN_LIGHT)


def hand_colours(model: BodyModel, skin: Colour, sleeves: Sleeves, seen: SeenBody, clean: Picture) -> Floats:
    """(2, 3): of the left and the right hand; of one that was not found the other's, or the face's where none was.

    `skin` is the face's colour, `clean` (H, W, 3) the photo.
    """
    found = {
        side: _of_hand(skin, _bare_wrist(model, skin, sleeves, limb), _along_bones(clean, seen.hands[side]))
        for side, limb in (("L", LEFT_ARM), ("R", RIGHT_ARM))
        if side in seen.hands
    }
    hands = [found.get(side, found.get(other, (skin, True))) for side, other in ("LR", "RL")]
    light = [float(colour.mean()) for colour, _ in hands]
    for one, other in ((0, 1), (1, 0)):  # a hand in the shade of a hip would look like another person's
        if hands[one][1] and hands[other][1] and light[one] < IN_SHADE * light[other]:
            hands[one] = hands[other]
    return np.stack([colour for colour, _ in hands]).astype(np.float32)


def _of_hand(skin: Colour, wrist: float, seen: Floats) -> tuple[Colour, bool]:
    """One hand's colour, and whether that is skin.

    `seen` (n, 3) are colours along its bones, `wrist` how bright a bare forearm is beside it; infinite where it is not.
    """
    bare = like_colour(seen, skin, SKIN_SHADES, ANY_LIGHT)
    if len(seen) > ENOUGH and bare.mean() < GLOVED:
        return np.asarray(np.median(seen, axis=0)), False
    own = np.median(_lit(seen[bare]), axis=0) if bare.sum() > ENOUGH else skin
    bright = float(own.mean())
    lit = max(bright, min(AS_LIT * float(skin.mean()), MOST_LIT * bright, WRIST_LIT * wrist))
    face = max(float(skin.mean()), 0.02)
    faces = 1 - (1 - FACES) * min(max((bright / face - DIM[0]) / (DIM[1] - DIM[0]), 0.0), 1.0)
    hue = (1 - faces) * own / max(bright, 0.02) + faces * skin / face
    return np.asarray((lit * hue).clip(0, 1)), True


def _lit(colours: Floats) -> Floats:
    """The brighter half of `colours` (n, 3): what lies in folds, or between fingers, is no skin's colour."""
    order = np.argsort(colours.mean(1), kind="stable")
    return np.asarray(colours[order[len(order) // 2 :]])


def _bare_wrist(model: BodyModel, skin: Colour, sleeves: Sleeves, limb: int) -> float:
    near = (model.vertex_limb == limb) & (sleeves.along > BARE_WRIST[0]) & (sleeves.along < BARE_WRIST[1])
    colour = np.median(sleeves.ring[near], axis=0)
    return float(colour.mean()) if like_skin(colour[None], skin)[0] else float("inf")


def _along_bones(clean: Picture, hand: Hand) -> Floats:
    """(n, 3): colours of the photo along the bones of a hand."""
    height, width = clean.shape[:2]
    points = hand.points[:, :2]
    places = np.concatenate([(1 - t) * points[a] + t * points[b] for a, b in BONES for t in ALONG]).reshape(-1, 2)
    x, y = np.rint(places).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found: Floats = clean[y[inside], x[inside]]
    return found
