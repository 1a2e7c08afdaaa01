"""Words in PNG files: text chunks and an XMP packet, added behind the header without touching the picture.

PNG (third edition): after eight bytes of signature come chunks of length, four letters, data and CRC-32, IHDR first.
XMP lies in an iTXt chunk of a fixed keyword (XMP specification part 3).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
_HEADER_END = len(SIGNATURE) + 25  # IHDR is always first and 13 bytes long


def is_png(path: Path) -> bool:
    """Whether the file begins as a PNG does. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def add_words(path: Path, texts: Mapping[str, str], xmp: bytes | None = None) -> None:
    """Add one iTXt chunk for each of `texts` (keyword of Latin letters -> text) and one for an XMP packet."""
    data = path.read_bytes()
    chunks = [_text(keyword.encode("latin-1"), text.encode()) for keyword, text in texts.items()]
    if xmp is not None:
        chunks.append(_text(XMP_KEYWORD, xmp))
    path.write_bytes(data[:_HEADER_END] + b"".join(chunks) + data[_HEADER_END:])


def read_words(path: Path) -> dict[str, str]:
    """The uncompressed iTXt chunks of a file, keyword -> text; nothing behind the first damaged one."""
    found = {}
    for kind, data in _chunks(path.read_bytes()):
        keyword, _, rest = data.partition(b"\0")
        if kind == b"iTXt" and rest[:2] == b"\0\0":
            found[keyword.decode("latin-1")] = rest[2:].split(b"\0", 2)[-1].decode(errors="replace")
    return found


def _text(keyword: bytes, text: bytes) -> bytes:
    """An iTXt chunk: keyword, not compressed, no language, no translated keyword, UTF-8."""
    data = keyword + b"\0\0\0\0\0" + text
    return len(data).to_bytes(4, "big") + b"iTXt" + data + zlib.crc32(b"iTXt" + data).to_bytes(4, "big")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + length]
        if zlib.crc32(kind + content) != int.from_bytes(data[at + 8 + length : at + 12 + length], "big"):
            return
        yield kind, content
        at += 12 + length
