"""Skin of jaw and throat that the photo hides goes on from the skin that it shows, neither from hair nor from a collar.

A head that turns shows what lies behind the edge of its jaw, up to the ear and down the neck. The mesh's nearest
neighbours there are often of something else: a collar that covers most of the neck, the dark side of a face seen in
the mirror, hair beside an ear. Between the stretched pixels of a cheek they would be specks.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Colour, Floats, Mask
from avtr_cli.render.gaussian.sleeves import like_colour
from avtr_cli.render.gaussian.surface import Surface

STEPS, EVENED = 120, 20  # edges of the mesh that skin goes on over; steps over which it is smoothed
SHADE, OVER = 0.8, 6  # how bright it is so many edges from what is seen, since light falls from above
RISES = 0.5  # m that a collar stands higher for each that it is further back
HUES = 0.12  # L1 of red, green and blue's shares, by which skin differs from the face's
SHADED, LIT = (0.4, 1.4), (0.65, 1.3)  # times as bright as the face: all skin; skin that goes on, and no shadow
BARE = 0.5  # share of what is seen there that is skin at least: a beard, or a scarf, has no skin below


def paint_throat(surface: Surface, colours: Floats, rest: Floats, throat: Mask, shown: Mask, skin: Colour) -> None:
    """Writes into `colours` (V, 3) those of vertices on the `throat` (V,) that are not `shown`, above a collar.

    `skin` is the colour of the face; `rest` (V, 3) stands upright.
    """
    seen = throat & shown
    bare = seen & like_colour(colours, skin, HUES, SHADED)
    if not seen.any():
        return
    above = _above(rest, seen, bare)
    known = bare & above & like_colour(colours, skin, HUES, LIT)
    if (bare & above).sum() < BARE * seen.sum():
        return
    wanted = throat & ~shown & above
    far = np.where(known, 0, STEPS).astype(np.float32)
    made, weight = np.where(known[:, None], colours, 0).astype(np.float32), known.astype(np.float32)
    for step in range(1, STEPS + 1):
        reached = surface.beside @ weight
        fill = wanted & (weight == 0) & (reached > 0)
        if not fill.any():
            break
        made[fill] = (surface.beside @ (made * weight[:, None]))[fill] / reached[fill, None]
        weight[fill], far[fill] = 1, step
    filled = wanted & (weight > 0)
    for _ in range(EVENED):
        share = surface.beside @ weight
        made[filled] = (surface.beside @ (made * weight[:, None]))[filled] / share[filled, None]
    shade = 1 - (1 - SHADE) * (far / OVER).clip(0, 1)
    colours[filled] = (shade[:, None] * made)[filled]


def _above(rest: Floats, seen: Mask, bare: Mask) -> Mask:
    """(V,): what lies above a collar; most of what is `seen` above that is `bare` (V,), and most below is not."""
    below = rest[:, 1] + RISES * rest[:, 2]
    order = np.argsort(below[seen], kind="stable")
    told = np.cumsum(np.where(bare[seen][order], 1, -1))
    return np.asarray(below <= below[seen][order][int(told.argmax())])
