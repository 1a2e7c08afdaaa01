"""Ogg page by page: the recordings that were chained one after the other, and whether the last one ends.

libsndfile reads the first link of a chain and says nothing of the others. Each link is a whole Ogg stream of its own,
so their bytes are handed to it one by one. RFC 3533.
"""

from __future__ import annotations

from dataclasses import dataclass

from avtr_cli.audio.opening import Bytes

BEGINS, ENDS = 2, 4  # bits of a page's kind
LARGEST_PAGE = 65_307  # bytes


@dataclass(frozen=True)
class Chain:
    """The logical streams of an Ogg file, one behind the other."""

    links: tuple[tuple[int, int], ...]  # first byte, byte after the last
    ends: bool  # whether the last page is whole and marked as the last one


def links(file: Bytes) -> Chain | None:
    """How `file` is chained; None if it is no Ogg, or its pages do not follow each other."""
    found: list[int] = []
    at, kind, heads = 0, 0, False
    while at < file.size:
        page = file.read_at(at, 27 + 255)
        if page[:4] != b"OggS" or len(page) < 27:
            if file.size - at > LARGEST_PAGE:
                return None
            break
        kind = page[5]
        if kind & BEGINS and not heads:  # streams that sound together begin together
            found.append(at)
        heads = bool(kind & BEGINS)
        at += 27 + page[26] + sum(page[27 : 27 + page[26]])
    ends = [*found[1:], file.size]
    return Chain(tuple(zip(found, ends, strict=True)), at == file.size and bool(kind & ENDS)) if found else None
