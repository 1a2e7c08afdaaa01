"""The top-level boxes of an MP4 or MOV file: enough of ISO/IEC 14496-12 to add an XMP packet and to find marks.

A box is a size, four letters and a payload; a `uuid` box starts its payload with 16 bytes that say what it is.
A box added at the end moves nothing that the tables of the film point to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP specification part 3, MPEG-4
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA specification, BMFF-based assets

_PAYLOAD_LIMIT = 1 << 20  # of a box that is read whole; an XMP packet has a few kilobytes


@dataclass(frozen=True)
class Box:
    """Where one top-level box lies: byte offsets in the file, and its 16 bytes where it is a `uuid`."""

    kind: bytes
    start: int
    payload: int  # offset of its content, behind the uuid
    end: int
    uuid: bytes = b""


def boxes(file: BinaryIO) -> Iterator[Box]:
    """The boxes of an open file, in order; ends early where the bytes are no boxes."""
    total = file.seek(0, os.SEEK_END)
    start = 0
    while start + 8 <= total:
        file.seek(start)
        head = file.read(8)
        size, kind, payload = int.from_bytes(head[:4], "big"), head[4:], start + 8
        if size == 1:
            size, payload = int.from_bytes(file.read(8), "big"), payload + 8
        end = total if size == 0 else start + size
        if end > total or end < payload:
            return
        uuid = file.read(16) if kind == b"uuid" and end - payload >= 16 else b""
        yield Box(kind, start, payload + len(uuid), end, uuid)
        start = end


def is_isobmff(path: Path) -> bool:
    """Whether the file begins as MP4 and MOV files do."""
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def append_uuid(path: Path, uuid: bytes, payload: bytes) -> None:
    """Add a `uuid` box at the end of the file."""
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write((24 + len(payload)).to_bytes(4, "big") + b"uuid" + uuid + payload)


def find_uuid(path: Path, uuid: bytes) -> Box | None:
    """The first such box, or None."""
    with path.open("rb") as file:
        return next((box for box in boxes(file) if box.uuid == uuid), None)


def read_uuid(path: Path, uuid: bytes) -> bytes | None:
    """The content of the first such box; None where there is none or it is longer than a packet can be."""
    box = find_uuid(path, uuid)
    if box is None or box.end - box.payload > _PAYLOAD_LIMIT:
        return None
    with path.open("rb") as file:
        file.seek(box.payload)
        return file.read(box.end - box.payload)
