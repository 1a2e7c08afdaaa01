"""Ways to spoil a file of any format, each drawn from a generator: cut, turn bits, put in, take out, blank."""

from __future__ import annotations

import numpy as np


def cut_end(data: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(0, len(data) + 1))]


def flip_bits(data: bytes, random: np.random.Generator) -> bytes:
    spoiled = bytearray(data)
    for at in random.integers(0, max(len(data), 1), random.integers(1, 20)):
        if spoiled:
            spoiled[at] ^= 1 << int(random.integers(8))
    return bytes(spoiled)


def insert(data: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(0, len(data) + 1))
    return data[:at] + random.bytes(int(random.integers(1, 300))) + data[at:]


def remove(data: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(0, len(data) + 1))
    return data[:at] + data[at + int(random.integers(1, 300)) :]


def zero(data: bytes, random: np.random.Generator) -> bytes:
    at, size = int(random.integers(0, len(data) + 1)), int(random.integers(1, 2_000))
    return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]
