"""A decoded picture of any Pillow mode into uint8 RGB, stripe by stripe: so even 200 megapixels take little memory.

Alpha is laid on white, 16 bits become 8, and an embedded colour profile is followed to sRGB. Every pixel depends on
itself alone, so that the stripes do not show.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import PIL.Image
from PIL import ImageCms

from avtr_cli.core.arrays import AnyArray, Grey, Image

STRIPE = 256  # rows at a time; even, as halving takes two together

_Convert = Callable[[PIL.Image.Image], Image]


def to_rgb(picture: PIL.Image.Image, halved: bool = False) -> Image:
    """uint8 (H, W, 3) of a loaded picture; `halved`: of half the width and height, every 2 x 2 pixels averaged."""
    import cv2  # costs a fifth of a second, which the refusal of a wrong file need not wait for

    convert = _conversion(picture)
    width, height = picture.size
    parts = 2 if halved else 1
    result = np.empty((height // parts, width // parts, 3), np.uint8)
    for top in range(0, len(result) * parts, STRIPE):
        rows = min(STRIPE, len(result) * parts - top)
        stripe = convert(picture.crop((0, top, result.shape[1] * parts, top + rows)))
        part = result[top // parts : (top + rows) // parts]
        part[:] = cv2.resize(stripe, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_AREA) if halved else stripe
    return result


def _conversion(picture: PIL.Image.Image) -> _Convert:
    """What makes uint8 (h, w, 3) of a stripe of `picture`."""
    if picture.mode.startswith("I") or picture.mode == "F":
        full = _white(picture)
        return lambda stripe: _deep_grey(np.asarray(stripe), full)
    to_srgb = _to_srgb(picture)
    has_alpha = picture.mode in ("RGBA", "LA", "PA", "La", "RGBa")
    if has_alpha or (picture.mode == "P" and "transparency" in picture.info):
        return lambda stripe: _on_white(stripe.convert("RGBA"), to_srgb)
    if picture.mode == "P":
        return lambda stripe: np.asarray(to_srgb(stripe.convert("RGB")))
    return lambda stripe: np.asarray(to_srgb(stripe))


def _on_white(picture: PIL.Image.Image, to_srgb: Callable[[PIL.Image.Image], PIL.Image.Image]) -> Image:
    white = PIL.Image.new("RGB", picture.size, "white")
    white.paste(to_srgb(picture.convert("RGB")), mask=picture.getchannel("A"))
    return np.asarray(white)


def _white(picture: PIL.Image.Image) -> float:
    """The value that is white in a picture of more than 8 bits; what fits 8 bits already is taken as it is."""
    highest = 0.0
    for top in range(0, picture.height, STRIPE):
        values = np.asarray(picture.crop((0, top, picture.width, min(top + STRIPE, picture.height))))
        highest = np.fmax(highest, np.nanmax(values.astype(np.float64), initial=0.0))
    return 65535.0 if highest > 255 else 255.0 if highest > 1 else 1.0


def _deep_grey(values: AnyArray, full: float) -> Grey:
    grey = np.clip(np.rint(np.nan_to_num(values.astype(np.float64)) * (255.0 / full)), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _to_srgb(picture: PIL.Image.Image) -> Callable[[PIL.Image.Image], PIL.Image.Image]:
    """Through the embedded colour profile where it is usable: wide-gamut phones and print look pale without."""
    mode = {"P": "RGB", "RGBA": "RGB", "LA": "RGB", "PA": "RGB", "La": "RGB", "RGBa": "RGB"}.get(
        picture.mode, picture.mode
    )
    profile = picture.info.get("icc_profile")
    if profile and mode in ("RGB", "CMYK", "L"):
        try:
            transform = ImageCms.buildTransform(
                ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB"
            )
            transform.apply(PIL.Image.new(mode, (1, 1)))  # tells whether it works at all
            return transform.apply
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a broken profile: the plain conversion below is what most programs show
    return lambda stripe: stripe.convert("RGB")
