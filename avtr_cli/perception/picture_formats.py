"""Which picture files are opened, by their first bytes and whatever their name says; a word for those that are not.

Only the formats listed here reach a decoder: EPS would start Ghostscript, and nobody keeps a portrait as WMF.
"""

from __future__ import annotations

import importlib.util
import io

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from avtr_cli.core.errors import PhotoError

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "ICO", "PPM")  # Pillow's names
READABLE = "JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP or JPEG 2000"

# Bytes of memory that the decoder takes for a pixel, measured: some libraries keep planes of their own beside the
# picture, a progressive JPEG all its coefficients; a plain one beyond KEPT_WHOLE is shrunk while it is read.
DECODING_BYTES = {"JPEG": 2, "progressive JPEG": 7, "WEBP": 15.5, "AVIF": 9.5, "HEIF": 9.5, "JPEG2000": 19}
USUAL_DECODING_BYTES = 5
DECODING_MEMORY = 850e6  # bytes; with all else a process stays below 1.5 GB

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
# (first bytes, what it is)
_STRANGERS = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"<svg", "a drawing (SVG)"),
    (b"<?xml", "a drawing or another text (XML)"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"PK\x03\x04", "a ZIP archive or a document"),
    (b"RIFF", "a sound or video file"),
    (b"\x1aE\xdf\xa3", "a video"),
)
HEIC_ADVICE = (
    "this is a HEIC picture (iPhone), whatever its name says; export it as JPEG, or install the heic extra: "
    "pip install 'avtr-cli[heic]'"
)


def open_picture(data: bytes) -> Image.Image | None:
    """The picture in the bytes of a file, its header read, or None where no decoder knows them.

    Raises PhotoError for HEIC where pillow-heif is not installed, and whatever Pillow raises for damage.
    """
    file = io.BytesIO(data)
    if data[:3] == b"\xff\xd8\xff":
        return JpegImageFile(file)  # without the index of further pictures (MPO), which phones may leave broken
    if _brands(data) & _HEIC_BRANDS and not _brands(data) & _AVIF_BRANDS:
        return _open_heic(file)
    if data[:4] != b"\x89PNG":  # which Pillow knows at once; the decoders of all others cost some 20 ms
        Image.init()
    Image.preinit()
    try:
        return Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError:
        return None


def stranger(data: bytes) -> str:
    """What the bytes of no picture are, as in "a PDF document", or nothing."""
    if data[4:8] == b"ftyp":
        return "a video"
    return next((what for start, what in _STRANGERS if data.lstrip()[: len(start)].lower() == start.lower()), "")


def most_pixels(picture: Image.Image) -> tuple[str, int]:
    """The kind of an opened picture, in words, and how many pixels may be read of one."""
    kind = str(picture.format)
    if kind == "JPEG" and "progressive" in picture.info:
        kind = "progressive JPEG"
    return kind, int(DECODING_MEMORY / DECODING_BYTES.get(kind, USUAL_DECODING_BYTES))


def _open_heic(file: io.BytesIO) -> Image.Image:
    if importlib.util.find_spec("pillow_heif") is None:
        raise PhotoError(HEIC_ADVICE)
    import pillow_heif

    pillow_heif.register_heif_opener()
    return Image.open(file, formats=["HEIF"])


def _brands(data: bytes) -> set[bytes]:
    """The kinds that an ISO media file calls itself: its `ftyp` box."""
    if data[4:8] != b"ftyp":
        return set()
    names = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    return {names[at : at + 4] for at in range(0, len(names), 4) if at != 4}  # the second is a version
