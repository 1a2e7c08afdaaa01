"""Damaged, lying and odd picture files: each is read or refused in a sentence, whatever is in it.

    python -m tests.fuzz.pictures --count 2000 --seed 1

decodes a portrait in ten formats with metadata, spoiled by seed, looks for the face in every twentieth, and prints what
became of them. Every case runs in a forked process.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageCms, features

from avtr_cli.core.errors import PhotoError
from avtr_cli.perception.photo import decode_photo
from avtr_cli.perception.portrait import find_portrait
from tests.fuzz import forked, spoiling

EVERY = 20  # cases of which in one the face is looked for too
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_TAGS = (0x0100, 0x0101, 0x0102, 0x0106, 0x010F, 0x0112, 0x011A, 0x0131, 0x8769, 0x8825, 0x9286, 0xA005, 0x927C, 0xFFFF)
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
Mutator = Callable[[bytes, np.random.Generator], bytes]


def odd_exif(random: np.random.Generator) -> bytes:
    """An EXIF block whose tags are of any type, count and value, in either byte order."""
    order = "<" if random.integers(2) else ">"
    count = int(random.integers(1, 6))
    entries = b""
    for _ in range(count):
        tag, kind = int(random.choice(_TAGS)), int(random.integers(0, 14))
        number = int(random.choice([0, 1, 1, 1, 2, 5, 0xFFFFFFFF]))
        entries += struct.pack(order + "HHI", tag, kind, number) + random.bytes(4)
    lies = count if random.random() < 0.9 else int(random.integers(0, 65_536))
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return (
        b"Exif\0\0" + start + struct.pack(order + "H", lies) + entries + struct.pack(order + "I", 0) + random.bytes(40)
    )


@functools.cache
def originals() -> dict[str, bytes]:
    """The portrait in every format, with EXIF, a colour profile and XMP where it can carry them."""
    photo = Image.fromarray(skimage.data.astronaut()).crop((60, 0, 380, 320)).resize((240, 240))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 1, "Maker"
    beside = {"exif": exif, "icc_profile": profile}
    kinds: dict[str, tuple[Image.Image, dict[str, object]]] = {
        "jpeg": (photo, {"format": "JPEG", "xmp": _XMP, **beside}),
        "jpeg progressive": (photo, {"format": "JPEG", "progressive": True, **beside}),
        "jpeg cmyk": (photo.convert("CMYK"), {"format": "JPEG"}),
        "mpo": (photo, {"format": "MPO", "save_all": True, "append_images": [photo], **beside}),
        "png": (photo, {"format": "PNG", **beside}),
        "png alpha": (photo.convert("RGBA"), {"format": "PNG"}),
        "png palette": (photo.convert("P"), {"format": "PNG", "transparency": 3}),
        "webp": (photo, {"format": "WEBP", "xmp": _XMP, **beside}),
        "tiff": (photo, {"format": "TIFF", "compression": "tiff_lzw", **beside}),
        "tiff raw": (photo, {"format": "TIFF", **beside}),
        "gif": (photo, {"format": "GIF", "save_all": True, "append_images": [photo]}),
        "bmp": (photo, {"format": "BMP"}),
        "jpeg2000": (photo, {"format": "JPEG2000"}),
        "ico": (photo, {"format": "ICO"}),
    }
    if features.check("avif"):
        kinds["avif"] = (photo, {"format": "AVIF", "speed": 10, **beside})
    made = {}
    for name, (picture, how) in kinds.items():
        file = io.BytesIO()
        picture.save(file, **how)  # type: ignore[arg-type]
        made[name] = file.getvalue()
    grey = io.BytesIO()
    Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257).save(grey, "PNG")
    return made | {"png 16 bit": grey.getvalue()}


def _write_extreme(data: bytes, random: np.random.Generator) -> bytes:
    """A number of the header becomes very small or large: lengths, sizes, counts, offsets."""
    size = int(random.choice([1, 2, 4]))
    at = int(random.integers(0, max(min(len(data), 600) - size, 1)))
    number = EXTREMES[random.integers(len(EXTREMES))] & ((1 << 8 * size) - 1)
    return data[:at] + number.to_bytes(size, "little" if random.integers(2) else "big") + data[at + size :]


def _swap_magic(data: bytes, random: np.random.Generator) -> bytes:
    other = list(originals().values())[random.integers(len(originals()))]
    size = int(random.choice([4, 12, 40]))
    return other[:size] + data[size:]


def _other_exif(data: bytes, random: np.random.Generator) -> bytes:
    """An odd EXIF block in place of what a JPEG, or a copy of it, begins with."""
    block = odd_exif(random)
    if data[:2] != b"\xff\xd8":
        at = data.find(b"II*\0") if b"II*\0" in data else data.find(b"MM\0*")
        return data if at < 4 else data[:at] + block[6:] + data[at + len(block) - 6 :]
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


MUTATORS: tuple[Mutator, ...] = (
    spoiling.cut_end, spoiling.flip_bits, _write_extreme, _write_extreme, spoiling.insert, spoiling.remove,
    spoiling.zero, _swap_magic, _other_exif, _other_exif,
)  # fmt: skip


def case(seed: int, number: int) -> tuple[str, bytes]:
    """Name and bytes of a picture; the same for the same seed and number."""
    random = np.random.default_rng([seed, number])
    kinds = list(originals())
    kind = kinds[random.integers(len(kinds))]
    data, done = originals()[kind], []
    for _ in range(random.integers(1, 4)):
        mutate = MUTATORS[random.integers(len(MUTATORS))]
        data = mutate(data, random)
        done.append(mutate.__name__.strip("_"))
    return f"{kind}: {', '.join(done)}", data


def judge(seed: int, number: int, faces: bool = True) -> str:
    """ "read" or "refused"; anything else than a PhotoError in one line that names the file is a bug."""
    data, path, refused = case(seed, number)[1], Path(f"case-{number}.jpg"), ""
    try:
        if faces and number % EVERY == 0:
            find_portrait(path, None, data)
        else:
            pixels = decode_photo(data, path)
            assert pixels.dtype == np.uint8
            assert pixels.shape[2:] == (3,)
            assert pixels.flags.c_contiguous
    except PhotoError as error:
        refused = str(error)
    assert refused.startswith(f"{path}: ") or not refused
    assert "\n" not in refused
    return "refused" if refused else "read"


if __name__ == "__main__":
    forked.main(__doc__, "pictures", 2_000, case, judge)
