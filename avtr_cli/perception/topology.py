"""Which of MediaPipe's 478 face points are lips, lids, brows and outline.

Left and right are the subject's own, so Left is the right side of the picture. Lip curves run from the
left of the picture to the right; lid curves from the outer corner of the eye to the inner one, upper and
lower point of the same index facing each other. The iris points exist with `refine_landmarks=True` only.
"""

from __future__ import annotations

from typing import NamedTuple

POINTS = 478
SKIN_POINTS = 468  # the rest are the irises

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
MOUTH_CORNERS = (61, 291)
LIP_CENTRES = (13, 14)  # inner edges, upper and lower
OUTER_LIP_CENTRES = (0, 17)

FOREHEAD, CHIN, NOSE_TIP, NOSE_BASE = 10, 152, 1, 2
EARS = (234, 454)  # in front of the ears
NOSE_WINGS = (129, 358)
CHEEKS = (50, 280, 205, 425)  # where skin colour and light are read
OUTER_EYE_CORNERS = (33, 263)
INNER_EYE_CORNERS = (133, 362)

# Points that expressions hardly move, for fitting the head's pose.
RIGID = (
    10, 338, 109, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 33, 133, 362, 263, 234, 454, 127, 356, 132, 361,
    50, 280, 98, 327, 48, 278, 205, 425, 67, 297, 103, 332,
)  # fmt: skip


class EyePoints(NamedTuple):
    """One eye: lids from outer to inner corner, the ring of skin above the upper lid, iris, lower edge of the brow."""

    side: str
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    ring: tuple[int, ...]
    iris: tuple[int, ...]  # centre, then four points on the rim
    brow: tuple[int, ...]


EYES = (
    EyePoints(
        side="Right",
        upper=(33, 246, 161, 160, 159, 158, 157, 173, 133),
        lower=(33, 7, 163, 144, 145, 153, 154, 155, 133),
        ring=(247, 30, 29, 27, 28, 56, 190),
        iris=(468, 469, 470, 471, 472),
        brow=(46, 53, 52, 65, 55),
    ),
    EyePoints(
        side="Left",
        upper=(263, 466, 388, 387, 386, 385, 384, 398, 362),
        lower=(263, 249, 390, 373, 374, 380, 381, 382, 362),
        ring=(467, 260, 259, 257, 258, 286, 414),
        iris=(473, 474, 475, 476, 477),
        brow=(276, 283, 282, 295, 285),
    ),
)
