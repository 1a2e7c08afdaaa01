"""Where the sound lies in a file of chunks (WAV, RF64, W64, AIFF, CAF, AU), and whether all of it is there.

What a header says of the *file's* size is often wrong in files that are whole: writers count a chunk header twice, or a
pad byte that they leave out, and streams and broken-off recordings hold placeholders. Only the chunk of the sound
tells whether something is missing. RIFF (Microsoft 1991), RF64 (EBU Tech 3306), W64 (Sony), AIFF and CAF (Apple).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from avtr_cli.audio.opening import Bytes, View

MOST_CHUNKS = 10_000  # before the sound; more is no sound file
PLACEHOLDER = 0x7FFFF000  # sizes from here on that the file does not have: written as a stream (sox, ffmpeg, browsers)
PLACEHOLDER_64 = 1 << 62
LINEAR = (1, 3, 6, 7)  # WAV formats in which each sample has its own bytes: PCM, float, A-law, mu-law
EXTENSIBLE = 0xFFFE
COMMON = (b"fmt ", b"data", b"LIST", b"fact", b"bext", b"JUNK", b"junk", b"PEAK", b"cue ", b"smpl", b"id3 ", b"PAD ")


@dataclass(frozen=True)
class SoundChunk:
    """The sound's place in the file, in bytes."""

    at: int
    size: int  # what is there of it
    stated: int | None  # what the header promises; None where that is a placeholder
    fmt: bytes = b""  # of a WAV: what describes the samples

    @property
    def is_cut_off(self) -> bool:
        """Whether the header promises more bytes than the file has."""
        return self.stated is not None and self.stated > self.size

    @property
    def frames(self) -> int | None:
        """How many samples a channel, where each has its own bytes."""
        if len(self.fmt) < 16:
            return None
        kind, channels, _, _, align, bits = struct.unpack("<HHIIHH", self.fmt[:16])
        if kind == EXTENSIBLE and len(self.fmt) >= 26:
            kind = int.from_bytes(self.fmt[24:26], "little")
        if kind not in LINEAR or not align or align != channels * -(-bits // 8):
            return None
        samples: int | None = self.size // align
        return samples


@dataclass(frozen=True)
class _Family:
    first: int  # where the first chunk begins
    name: int  # bytes of a chunk's name
    length: int  # bytes of its size
    order: Literal["little", "big"]  # of the bytes of a number
    align: int  # chunks begin at multiples of it
    whole: bool  # whether the size counts name and size too
    sound: bytes  # name of the sound's chunk


_FAMILIES = {
    (b"RIFF", b"WAVE"): _Family(12, 4, 4, "little", 2, False, b"data"),
    (b"RF64", b"WAVE"): _Family(12, 4, 4, "little", 2, False, b"data"),
    (b"BW64", b"WAVE"): _Family(12, 4, 4, "little", 2, False, b"data"),
    (b"RIFX", b"WAVE"): _Family(12, 4, 4, "big", 2, False, b"data"),
    (b"FORM", b"AIFF"): _Family(12, 4, 4, "big", 2, False, b"SSND"),
    (b"FORM", b"AIFC"): _Family(12, 4, 4, "big", 2, False, b"SSND"),
}
_W64 = _Family(40, 16, 8, "little", 8, True, b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a")
_CAF = _Family(8, 4, 8, "big", 1, False, b"data")


def find_sound(file: Bytes) -> SoundChunk | None:
    """The chunk of the sound; None for other formats, and where no such chunk is found."""
    head = file.read_at(0, 24)
    if head[:4] in (b".snd", b"dns."):
        return _au(file, head)
    family = _FAMILIES.get((head[:4], head[8:12]))
    if head[:16] == b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00":
        family = _W64
    elif head[:4] == b"caff":
        family = _CAF
    return _walk(file, family) if family else None


def repaired(file: Bytes, sound: SoundChunk) -> View | None:
    """A WAV with nothing in it but how the samples are written, and the samples: what libsndfile reads surely."""
    if sound.frames is None or file.read_at(0, 4) == b"RIFX":
        return None
    size = sound.size - sound.size % int.from_bytes(sound.fmt[12:14], "little")
    fmt = sound.fmt + b"\0" * (len(sound.fmt) % 2)
    body = b"WAVEds64" + struct.pack("<IQQQI", 28, 56 + len(fmt) + size, size, sound.frames, 0)
    body += b"fmt " + struct.pack("<I", len(sound.fmt)) + fmt + b"data" + struct.pack("<I", 0xFFFFFFFF)
    return View(file, sound.at, size, b"RF64" + struct.pack("<I", 0xFFFFFFFF) + body)


def _walk(file: Bytes, family: _Family) -> SoundChunk | None:
    at, header = family.first, family.name + family.length
    fmt, size_64 = b"", 0
    for _ in range(MOST_CHUNKS):
        head = file.read_at(at, header)
        if len(head) < header:
            return None
        name, stated = head[: family.name], int.from_bytes(head[family.name :], family.order)
        begin = at + header
        size = stated - header if family.whole else stated
        if name == family.sound:
            if name == b"data" and stated == 0xFFFFFFFF and size_64:
                size = size_64
            return SoundChunk(begin, *_sizes(file, family, begin, size), fmt)
        if name == b"fmt " and family.order == "little":
            fmt = file.read_at(begin, min(size, 64))
        elif name == b"ds64":
            size_64 = int.from_bytes(file.read_at(begin + 8, 8), "little")
        if size < 0:
            return None
        at = _next(file, family, begin + size)
    return None


def _sizes(file: Bytes, family: _Family, begin: int, stated: int) -> tuple[int, int | None]:
    """(bytes that are there, bytes promised or None)."""
    there = max(file.size - begin, 0)
    limit = PLACEHOLDER if family.length == 4 and stated <= 0xFFFFFFFF else PLACEHOLDER_64
    if stated <= 0:
        return (0 if _is_chunk(file, family, begin) else there), None
    if stated >= limit and (stated > there or stated == 0xFFFFFFFF):
        return there, None
    return min(stated, there), stated


def _is_chunk(file: Bytes, family: _Family, at: int) -> bool:
    """Whether what follows a sound of no bytes is the next chunk, and so the sound really empty."""
    header = family.name + family.length
    head = file.read_at(at, header)
    size = int.from_bytes(head[family.name :], family.order)
    return len(head) == header and head[:4] in COMMON and at + header + size <= file.size


def _next(file: Bytes, family: _Family, end: int) -> int:
    """Where the chunk after one that ends at `end` begins: some writers leave the pad byte out."""
    padded = -(-end // family.align) * family.align
    if family.align == 2 and padded != end:
        names = file.read_at(end, 5)
        if names[1:5] not in COMMON and (names[:4] in COMMON or not _is_name(names[1:5])) and _is_name(names[:4]):
            return end
    return padded


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= letter < 127 for letter in name)


def _au(file: Bytes, head: bytes) -> SoundChunk | None:
    if len(head) < 24:
        return None
    begin, stated = struct.unpack(">II" if head[:4] == b".snd" else "<II", head[4:12])
    there = max(file.size - begin, 0)
    if stated == 0 or (stated > there and stated >= PLACEHOLDER):
        return SoundChunk(begin, there, None)
    return SoundChunk(begin, min(stated, there), stated)
