"""A picture file into upright uint8 RGB, whatever its format stored.

Pictures as cameras, phones, scanners and print shops write them: EXIF rotation, alpha (laid on white), palettes,
greyscale, 16 bits, CMYK, colour profiles (converted to sRGB). A file may be damaged in any way: then it is refused in
one sentence, and what is odd beside its pixels (metadata, profiles) is passed over.
"""

from __future__ import annotations

import contextlib
import logging
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image

from avtr_cli.core.arrays import Image
from avtr_cli.core.errors import PhotoError
from avtr_cli.perception.picture_formats import READABLE, most_pixels, open_picture, stranger
from avtr_cli.perception.rgb import to_rgb
from avtr_cli.perception.silence import quiet

SMALLEST_SIDE = 64  # px; below it there are not enough pixels for a face
LARGEST_SIDE = 32_000  # px; OpenCV reads no picture that is longer
LARGEST_FILE = 400 * 2**20  # bytes
KEPT_WHOLE = 89_478_485  # px; a larger picture is halved until it has no more
WIDEST_HALVING = 8  # as far as a JPEG decoder can shrink while it reads

_ORIENTATION = 0x0112  # the EXIF tag
_ON_ITS_SIDE = (5, 6, 7, 8)  # its values that swap width and height
_decoding = threading.Lock()  # one at a time: `warnings` and Pillow's limit are the whole process's, and so is memory
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints what Pillow says of odd files


def load_photo(path: str | Path) -> Image:
    """The picture in `path`, upright, uint8 (H, W, 3) RGB. Raises PhotoError where it cannot be used."""
    return decode_photo(read_bytes(path), path)


def read_bytes(path: str | Path) -> bytes:
    """The file's bytes. Raises PhotoError when there is no such file, it may not be read, or is none."""
    try:
        about = Path(path).stat()
        if stat.S_ISDIR(about.st_mode):
            raise PhotoError(f"{path}: this is a folder; give one picture: {READABLE}")
        if not stat.S_ISREG(about.st_mode):
            raise PhotoError(f"{path}: this is a pipe or a device; save the picture to a file first")
        if about.st_size > LARGEST_FILE:
            raise PhotoError(
                f"{path}: the file is {about.st_size / 2**20:.0f} MiB large, and {LARGEST_FILE / 2**20:.0f} MiB is the "
                "most; save it as JPEG"
            )
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PhotoError(f"{path}: there is no such photo") from None
    except OSError as error:
        raise PhotoError(f"{path}: the photo cannot be read ({error.strerror})") from None
    except ValueError as error:  # a NUL in the name
        raise PhotoError(f"{path!s:.200}: no file can have this name ({error})") from None


def decode_photo(data: bytes, name: str | Path) -> Image:
    """The picture held by the bytes of a file, as `load_photo`; `name` is for the error sentence.

    A picture above KEPT_WHOLE pixels comes out at half its width and height, or a fourth, an eighth.
    """
    with _told(name):
        return _decoded(data)


def picture_size(path: str | Path) -> tuple[int, int]:
    """(width, height) of the picture in `path` as it stands upright, by its header alone. Raises PhotoError."""
    data = read_bytes(path)
    with _told(path):
        picture = _opened(data)
        _check_size(picture)
        width, height = picture.size
        known = picture.format != "PNG" or "exif" in picture.info  # else Pillow would read the whole picture for it
        return (height, width) if known and _orientation(picture) in _ON_ITS_SIDE else (width, height)


@contextlib.contextmanager
def _told(name: str | Path) -> Iterator[None]:
    """Whatever a decoder raises inside is one sentence about the picture `name`."""
    try:
        with _decoding, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from None
    except MemoryError:
        raise PhotoError(f"{name}: this machine has not the memory for so large a picture; make it smaller") from None
    except Exception as error:  # Pillow's decoders report damage by any kind of error
        reason = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
        raise PhotoError(f"{name}: the picture is damaged ({reason}); save it again") from None


def _decoded(data: bytes) -> Image:
    picture = _opened(data)
    _check_size(picture)
    halvings = _halve_while_reading(picture)
    with quiet() if picture.format == "TIFF" else contextlib.nullcontext():  # libtiff writes what it thinks of a file
        try:
            picture.load()
            turn = _orientation(picture)
        except Exception:
            if picture.format != "TIFF":
                raise
            # Pillow turns a TIFF while it reads it, and stumbles over odd tags then: read it as it lies.
            picture, turn = _opened(data), 1
            picture.getexif = PIL.Image.Exif  # type: ignore[method-assign]  # in place of Pillow's own, which reads the block
            picture.load()
    pixels = to_rgb(picture, halved=picture.width * picture.height > KEPT_WHOLE and halvings == 1)
    del picture
    return _upright(pixels, turn)


def _opened(data: bytes) -> PIL.Image.Image:
    limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None  # `_check_size` knows better
    try:
        picture = open_picture(data)
    finally:
        PIL.Image.MAX_IMAGE_PIXELS = limit
    if picture is None:
        what = stranger(data)
        raise PhotoError(
            f"this is {what}, not a picture that can be read; give a {READABLE} file"
            if what
            else f"not a picture that can be read; give a {READABLE} file"
        )
    return picture


def _check_size(picture: PIL.Image.Image) -> None:
    width, height = picture.size
    if min(width, height) < SMALLEST_SIDE:
        raise PhotoError(f"{width}x{height} px is too small; give a picture of at least 100x100 px")
    if max(width, height) > LARGEST_SIDE:
        raise PhotoError(f"{width}x{height} px is too large; {LARGEST_SIDE} px a side is the most")
    kind, most = most_pixels(picture)
    if width * height > most:
        raise PhotoError(
            f"{width}x{height} px are {width * height / 1e6:.0f} megapixels, and {most / 1e6:.0f} are the most that "
            f"are read of a {kind} file; make it smaller, or save it as JPEG"
        )


def _halve_while_reading(picture: PIL.Image.Image) -> int:
    """Let the decoder shrink a JPEG above KEPT_WHOLE pixels; by how much it does, 1 for not at all."""
    by = 1
    while picture.width * picture.height > KEPT_WHOLE * by * by and by < WIDEST_HALVING:
        by *= 2
    if by > 1 and picture.draft(picture.mode, (picture.width // by, picture.height // by)) is None:
        return 1
    return by


def _orientation(picture: PIL.Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1, as it lies, where it cannot be read."""
    try:
        turn = picture.getexif().get(_ORIENTATION, 1)
        return int(turn) if turn in range(1, 9) else 1
    except Exception:  # any tag of the block may be odd
        return 1


def _upright(pixels: Image, orientation: int) -> Image:
    """`pixels` (H, W, 3) turned and mirrored as their EXIF orientation says."""
    ways: dict[int, Callable[[Image], Image]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, 1),
    }
    return np.ascontiguousarray(ways[orientation](pixels))
