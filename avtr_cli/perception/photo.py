"""A picture file into upright uint8 RGB, whatever its format stored.

JPEG, PNG and WebP as cameras, phones, scanners and print shops write them: EXIF rotation, alpha (laid on
white), palettes, greyscale, 16 bits, CMYK, colour profiles (converted to sRGB).
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from avtr_cli.errors import PhotoError

SMALLEST_SIDE = 64  # px; below it there are not enough pixels for a face
LARGEST_SIDE = 16_384  # px; above it a decoder may take gigabytes


def load_photo(path: str | Path) -> np.ndarray:
    """The picture in `path`, upright, uint8 (H, W, 3) RGB. Raises PhotoError where it cannot be used."""
    return decode_photo(read_bytes(path), path)


def read_bytes(path: str | Path) -> bytes:
    """The file's bytes. Raises PhotoError when there is no such file or it may not be read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PhotoError(f"{path}: there is no such photo") from None
    except IsADirectoryError:
        raise PhotoError(f"{path}: this is a folder; give one JPEG, PNG or WebP picture") from None
    except OSError as error:
        raise PhotoError(f"{path}: the photo cannot be read ({error.strerror})") from None


def decode_photo(data: bytes, name: str | Path) -> np.ndarray:
    """The picture held by the bytes of a file, as `load_photo`; `name` is for the error sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data))
            _check_size(picture, name)
            picture.load()
            return _to_rgb(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise PhotoError(f"{name}: not a picture that can be read; give a JPEG, PNG or WebP file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise PhotoError(f"{name}: the picture is too large; {LARGEST_SIDE} px a side is the most") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        # Pillow's decoders report damage by several kinds of error.
        raise PhotoError(f"{name}: the picture is damaged ({str(error).rstrip('.')}); save it again") from None


def _check_size(picture: Image.Image, name: str | Path) -> None:
    width, height = picture.size
    if min(width, height) < SMALLEST_SIDE:
        raise PhotoError(f"{name}: {width}x{height} px is too small; give a picture of at least 100x100 px")
    if max(width, height) > LARGEST_SIDE:
        raise PhotoError(f"{name}: {width}x{height} px is too large; {LARGEST_SIDE} px a side is the most")


def _to_rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I") or picture.mode == "F":
        return _deep_grey(np.asarray(picture))
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    if picture.mode in ("LA", "PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    colour = _to_srgb(picture.convert("RGB") if alpha is not None else picture)
    if alpha is not None:
        white = Image.new("RGB", picture.size, "white")
        white.paste(colour, mask=alpha)
        colour = white
    return np.ascontiguousarray(np.asarray(colour, dtype=np.uint8))


def _deep_grey(values: np.ndarray) -> np.ndarray:
    """16-bit (or wider) grey scaled to 8 bits; what fits 8 bits already is taken as it is."""
    values = values.astype(np.float64)
    full = 255.0 if values.max(initial=0) <= 255 and values.max(initial=0) > 1 else 65535.0 if values.max() > 1 else 1.0
    grey = np.clip(np.rint(values * (255.0 / full)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Through the embedded colour profile where it is usable: wide-gamut phones and print look pale without."""
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            converted = ImageCms.profileToProfile(
                picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile: the plain conversion below is what most programs show
    return picture.convert("RGB")


def picture_size(path: str | Path) -> tuple[int, int]:
    """(width, height) of the picture in `path` as it is shown, from its header alone. Raises PhotoError."""
    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")
            _check_size(picture, path)
            width, height = picture.size
            turned = picture.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(f"{path}: not a picture that can be read; give a JPEG, PNG or WebP file") from None
    except Exception as error:
        raise PhotoError(f"{path}: the picture is damaged ({error}); save it again") from None
    return (height, width) if turned else (width, height)


_ORIENTATION, _ON_ITS_SIDE = 0x112, (5, 6, 7, 8)  # EXIF 2.32, table 4
