"""WAV and FLAC files that were put one after the other (`cat a.wav b.wav`): where each recording begins.

Their headers know of the first one alone, and so does libsndfile.
"""

from __future__ import annotations

from avtr_cli.audio.opening import Bytes

MOST_CHUNKS = 10_000
FLAC_START = b"fLaC\0\0\0\x22"  # the marker and its first block's header: nothing that music makes by chance
FLAC_LAST = b"fLaC\x80\0\0\x22"  # the same where that block is the only one
PIECE_BYTES = 1 << 20


def starts(file: Bytes) -> list[int]:
    """The first byte of each recording in it; one for what is not joined, none for other formats."""
    head = file.read_at(0, 12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _wav_starts(file)
    return _flac_starts(file) if head[:4] == b"fLaC" else []


def _wav_starts(file: Bytes) -> list[int]:
    found, at = [0], 12
    for _ in range(MOST_CHUNKS):
        head = file.read_at(at, 12)
        if len(head) < 12:
            break
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            found.append(at)
            at += 12
        else:
            size = int.from_bytes(head[4:8], "little")
            at += 8 + size + size % 2
    return found


def _flac_starts(file: Bytes) -> list[int]:
    found, at, overlap = [], 0, len(FLAC_START) - 1
    while at < file.size:
        piece = file.read_at(at, PIECE_BYTES + overlap)
        for marker in (FLAC_START, FLAC_LAST):
            place = piece.find(marker)
            while place >= 0:
                found.append(at + place)
                place = piece.find(marker, place + 1)
        at += PIECE_BYTES
    return sorted(found)
