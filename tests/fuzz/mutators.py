"""Seeded ways to spoil a text: values that something somewhere takes badly, and bytes turned, cut, doubled, put in."""

from __future__ import annotations

import random

VALUES = (
    "1", "0", "-1", "0.5", "1e-1", "1e400", "-.inf", ".inf", ".nan", "NaN", "Infinity", "1" + "0" * 30, "9" * 399,
    "9" * 5000, "true", "false", "on", "no", "~", "null", "''", '""', "' '", ".", "..", "/", "//", "a/", "../a", "/etc",
    "12:30", "007", "0x1f", "2024-05-01", "2024-99-99", "word", "'two words'", "[]", "{}", "[1, [2]]", "{a: {b: 1}}",
    "{1: 2}", '"a\\0b"', '"a\\nb"', '"\\ud800"', "caf\udce9", "Zoë", "n" * 300, "n" * 5000, "a.mp4", "a.gif", "b.webm",
    "a.wav", "a.png", "#204060", "'#12'", "fast", "mine.yaml", "night.yaml", "*a", "&a [*a]", "!!python/name:os.system",
    "!!timestamp x", "!!binary x", "!!float x", "!!str 1", "<<", "%", "@", "`", "|", ">", "- a", "? a", "a: b",
    "a\u2028b", "stereo", "mp4", ".webm", "png", "nod", "3", "2", "cuda:1", "auto", "key=value", "[render.size=1]",
    "{render.size: 1}",
)  # fmt: skip
TOKENS = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b"\n\n", b"\t", b'"', b"'", b"{", b"}", b"[", b"]",
    b"[" * 3000, b"{a: " * 200, b": ", b", ", b"#", b"&a ", b"*a", b"!!", b"---\n", b"...\n", b"%YAML 1.1\n",
    b"\xe2\x80\xa8", b"sep=;\n", b"9" * 4400, b"\xed\xb3\xa9", b"\\u0000", b"\\ud800", b"null", b"<<: ", b"? ",
    b"| \n", b"x" * 140_000,
)  # fmt: skip


def value(rng: random.Random, *good: object) -> object:
    """One of `good`, or at times of VALUES: a text with nothing good in it is refused at its first word."""
    return rng.choice(good if good and rng.random() < 0.8 else VALUES)


def nasty(rng: random.Random) -> str:
    """A word that nobody means."""
    return rng.choice([rng.choice(VALUES), "".join(chr(rng.randrange(1, 0x3000)) for _ in range(rng.randint(0, 12)))])


def mutated(rng: random.Random, data: bytes) -> bytes:
    """`data` as it is, or with up to four things done to it."""
    for _ in range(rng.choice([0, 0, 0, 1, 1, 4])):
        at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        deed = rng.randrange(6)
        if deed == 0 and data:
            one = at % len(data)
            data = data[:one] + bytes([data[one] ^ 1 << rng.randrange(8)]) + data[one + 1 :]
        elif deed == 1:
            data = data[:at] + data[to:]
        elif deed == 2:
            data = data[:to] + data[at:to] * rng.randint(1, 3) + data[to:]
        elif deed == 3:
            data = data[:at] + rng.choice(TOKENS) + data[at:]
        elif deed == 4:
            data = data[:to]
        else:
            data = data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at:]
    return data
