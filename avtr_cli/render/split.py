"""The photo as two layers: the person, who moves, over a plate of what is behind.

The person's layer is premultiplied, F = photo - (1 - alpha) plate, so that F + (1 - alpha) plate is the photo bit
for bit as long as nothing moves, and loose hair travels with the head. Around the silhouette alpha is
no less than the smallest that explains the pixel as *some* colour over the plate; so F never leaves 0 .. 255
and the layer fits into uint8. Before another background the person is cut out along the matte instead.

It is kept at twice the stage's resolution by a Lanczos filter, even texels being the pixels themselves: bilinear
reading of the plain picture would blur whenever the head starts to move. The texels between, which no filter can
give the finest detail of their neighbours, are sharpened to look as crisp as they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Floats, Grey, Image, Mask, Matte
from avtr_cli.render.behind import behind
from avtr_cli.render.filling import fill_hole

BAND = 0.075  # EO around the matte in which loose hair is looked for
PLATE_MARGIN = 0.11  # EO around the matte that the plate does not take from the photo
OVERSAMPLING = 2
CRISPER = 0.10  # how much of the detail finer than a pixel is added between pixels
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
# Of 255, of the brightest channel: the shares of red, green and blue of a darker skin, or pixel, say nothing.
DARK_SKIN, DARK_PIXEL = 25.0, 20.0
_TAPS = np.sinc(np.arange(-3.5, 4)) * np.sinc(np.arange(-3.5, 4) / 4)
HALFWAY, ITSELF = (_TAPS / _TAPS.sum()).astype(np.float32), np.ones(1, np.float32)  # Lanczos-4 between two pixels


@dataclass(frozen=True)
class Layers:
    """A photo as the person and what lies behind."""

    person: Image  # uint8 (h, w, 4): premultiplied RGB and alpha
    plate: Image  # uint8 (h, w, 3): the background, filled in behind the person


def split_layers(photo: Image, matte: Matte, unit: float) -> Layers:
    """Layers for the photo's own background: `photo` uint8 (h, w, 3), `matte` float32 (h, w), `unit` px per EO."""
    solid = matte > 0.06
    band = _grown(solid, BAND * unit)
    hidden = _grown(solid, PLATE_MARGIN * unit) > 0
    filled = behind(photo, hidden, unit)
    # The fill gives way to the photo itself towards the rim of the hidden part.
    trust = cv2.GaussianBlur(band.astype(np.float32), (0, 0), max(0.6, 0.012 * unit))
    trust = np.where(hidden, trust, 0)[..., None]
    plate = np.rint(photo + (filled - photo) * trust).clip(0, 255).astype(np.uint8)
    alpha = np.ceil(255 * np.maximum(matte.clip(0, 1), _least_alpha(photo, plate))).astype(np.uint8)
    cover = 1 - alpha[..., None].astype(np.float64) / 255
    person = np.floor(photo - cover * plate + 0.5).clip(0, 255).astype(np.uint8)
    return Layers(np.dstack([person, alpha]), plate)


def cut_out(photo: Image, matte: Matte, unit: float) -> Layers:
    """Layers for another background: the person with soft edges in her own colours, none of the old background's."""
    alpha = np.clip((matte - 0.10) / 0.82, 0, 1)
    sure = cv2.erode((matte > 0.93).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    own = fill_hole(photo, ~sure)
    colour = own + (photo - own) * alpha[..., None] ** 2
    person = np.rint(colour * alpha[..., None]).clip(0, 255)
    hidden = _grown(matte > 0.06, PLATE_MARGIN * unit) > 0
    plate = np.rint(fill_hole(photo, hidden)).clip(0, 255)
    return Layers(np.dstack([person, np.rint(alpha * 255)]).astype(np.uint8), plate.astype(np.uint8))


def oversample(picture: Image) -> Image:
    """(2 h - 1, 2 w - 1, C) whose even texels are `picture`'s pixels and whose others lie between, by Lanczos-4."""
    height, width, channels = picture.shape
    fine = np.empty((OVERSAMPLING * (height - 1) + 1, OVERSAMPLING * (width - 1) + 1, channels), np.uint8)
    fine[::2, ::2] = picture
    fine[::2, 1::2] = _halfway(picture, HALFWAY, ITSELF)[:, :-1]
    fine[1::2, ::2] = _halfway(picture, ITSELF, HALFWAY)[:-1]
    fine[1::2, 1::2] = _halfway(picture, HALFWAY, HALFWAY)[:-1, :-1]
    if channels == 4:
        solid = cv2.erode(fine[..., 3], np.ones((9, 9), np.uint8)) == 255  # at soft edges colour must keep to its alpha
        crisp = cv2.addWeighted(fine, 1 + CRISPER, cv2.GaussianBlur(fine, (0, 0), OVERSAMPLING), -CRISPER, 0)
        cv2.copyTo(crisp, solid.astype(np.uint8), fine)
        fine[::2, ::2] = picture
    return fine


def _halfway(picture: Image, across: Floats, down: Floats) -> Image:
    """`picture` filtered by both kernels; HALFWAY moves it by half a pixel, towards what follows."""
    anchor = (len(across) - 1) // 2, (len(down) - 1) // 2
    return cv2.sepFilter2D(picture, -1, across, down, anchor=anchor, borderType=cv2.BORDER_REPLICATE)


def _grown(mask: Mask, by: float) -> Grey:
    """uint8 (h, w): the bool `mask` dilated by a disc of `by` px, OpenCV's MORPH_ELLIPSE, to the bit.

    `cv2.dilate` takes time as the disc's area does, minutes on a large photo. All that is nearer to the mask than the
    disc's radius is within the disc and what is half a pixel farther is not; only between is each of its rows tried.
    """
    radius = max(1, round(by))
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    grown = (distance < radius - 0.1).astype(np.uint8)
    y, x = np.nonzero((distance >= radius - 0.1) & (distance <= radius + 0.6))
    before = np.zeros((mask.shape[0], mask.shape[1] + 1), np.int32)  # how many of the mask lie left of it in its row
    np.cumsum(mask, axis=1, out=before[:, 1:])
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    touches = np.zeros(len(y), bool)
    for down, half in enumerate((disc.sum(axis=1).astype(int) - 1) // 2, -radius):
        inside = (y + down >= 0) & (y + down < mask.shape[0])
        row = np.where(inside, y + down, 0)
        left, right = np.maximum(x - half, 0), np.minimum(x + half + 1, mask.shape[1])
        touches |= inside & (before[row, right] > before[row, left])
    grown[y[touches], x[touches]] = 1
    return grown


def _least_alpha(photo: Image, plate: AnyArray) -> Floats:
    """The smallest alpha for which some colour in 0 .. 255 over `plate` gives `photo`, (h, w)."""
    seen, behind = photo.astype(np.float32), plate.astype(np.float32)
    darker = 1 - seen / np.maximum(behind, 1)
    lighter = (seen - behind) / np.maximum(255 - behind, 1)
    least: Floats = np.clip(np.where(seen < behind, darker, lighter).max(axis=2), 0, 1)
    return least
