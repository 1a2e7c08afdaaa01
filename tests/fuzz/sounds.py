"""Damaged, lying and odd sound files of fifteen formats: each is read or refused in a sentence, whatever is in it.

    python -m tests.fuzz.sounds --count 2000 --seed 1

opens, examines and hears each in forked processes (a crash in C ends only one of them), at most 20 s each, and prints
what became of them.
"""

from __future__ import annotations

import argparse
import functools
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import numpy as np
import soundfile

from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AvtrError
from tests.fuzz import forked, spoiling

RATE = 16_000
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1)
_WRITTEN = {
    "wav": ("WAV", "PCM_16"), "wav24": ("WAV", "PCM_24"), "wavf": ("WAV", "FLOAT"), "wavex": ("WAVEX", "PCM_16"),
    "adpcm": ("WAV", "MS_ADPCM"), "rf64": ("RF64", "PCM_16"), "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"), "caf": ("CAF", "PCM_16"), "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"),
}  # fmt: skip
_ENCODED = {"m4a": ["-c:a", "aac"], "webm": ["-c:a", "libopus"]}


@dataclass(frozen=True)
class Case:
    name: str  # of the format and of what was done to it
    content: bytes


def two_sides(samples: int, rate: int = RATE) -> np.ndarray:
    """float64 (samples, 2): two tones that rise, each in its way, so that a shift of one sample shows."""
    time_s = np.arange(samples) / rate
    tones = [np.sin(2 * np.pi * (first + 900 * time_s) * time_s) for first in (200, 500)]
    return 0.3 * np.stack(tones, 1) * np.sin(np.pi * np.arange(samples) / samples)[:, None]


@functools.cache
def originals(encoded: bool = True) -> dict[str, bytes]:
    """`two_sides` of a third of a second in every format; without `encoded` only those that need no ffmpeg."""
    sound = two_sides(RATE // 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, (form, subtype) in _WRITTEN.items():
            soundfile.write(folder / kind, sound, RATE, format=form, subtype=subtype)
        for kind, codec in _ENCODED.items() if encoded else ():
            ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(folder / "wav"), *codec]
            subprocess.run([*ffmpeg, str(folder / f"a.{kind}")], check=True, stdin=subprocess.DEVNULL)
            (folder / f"a.{kind}").rename(folder / kind)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def cases(seed: int, count: int, encoded: bool = True) -> Iterator[Case]:
    """`count` files; the same for the same seed."""
    random = np.random.default_rng(seed)
    kinds = list(originals(encoded))
    for _ in range(count):
        if random.random() < 0.15:
            yield Case("random WAV layout", wav_layout(random))
            continue
        kind = kinds[random.integers(len(kinds))]
        content, done = originals(encoded)[kind], []
        for _ in range(random.integers(1, 4)):
            mutate = MUTATORS[random.integers(len(MUTATORS))]
            content = mutate(content, random)
            done.append(mutate.__name__.strip("_"))
        yield Case(f"{kind}: {', '.join(done)}", content)


def wav_layout(random: np.random.Generator, sizes_lie: bool = True) -> bytes:
    """Chunks before and after the sound, some without their pad byte, and sizes that need not be true."""
    chunks = [(b"fmt ", struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16))]
    for _ in range(random.integers(4)):
        chunks.insert(random.integers(len(chunks) + 1), _odd_chunk(random))
    sound = random.integers(-9_000, 9_000, (RATE // 4, 2), np.int16).tobytes()
    chunks += [(b"data", sound), *(_odd_chunk(random) for _ in range(random.integers(3)))]
    body = b"WAVE"
    for name, content in chunks:
        size = len(content)
        if sizes_lie and random.random() < 0.1:
            size = int(random.choice([0, size + 8, size // 2, 0x7FFFF000, 0xFFFFFFFF]))
        pad = b"\0" if len(content) % 2 and random.random() < 0.7 else b""
        body += name + struct.pack("<I", size) + content + pad
    size = len(body) + int(random.choice([0, 4, 8, -8]))
    return b"RIFF" + struct.pack("<I", int(random.choice([size, 0, 0xFFFFFFFF, 0x7FFFF024]))) + body


def _odd_chunk(random: np.random.Generator) -> tuple[bytes, bytes]:
    name = [b"JUNK", b"bext", b"LIST", b"id3 ", b"PEAK", b"iXML"][random.integers(6)]
    return name, random.bytes(int(random.integers(0, 700)))


def _write_extreme(content: bytes, random: np.random.Generator) -> bytes:
    """A number of the header becomes very small or large."""
    size = int(random.choice([1, 2, 4, 8]))
    at = int(random.integers(0, max(min(len(content), 200) - size, 1)))
    number = EXTREMES[random.integers(len(EXTREMES))] & ((1 << 8 * size) - 1)
    order: Literal["little", "big"] = "little" if random.integers(2) else "big"
    return content[:at] + number.to_bytes(size, order) + content[at + size :]


def _lie_about_size(content: bytes, random: np.random.Generator) -> bytes:
    """The four bytes behind a chunk's name."""
    names = [b"data", b"fmt ", b"RIFF", b"SSND", b"COMM", b"FORM", b"ds64", b"moov", b"mdat", b"stts", b"desc"]
    places = [at + 4 for name in names if (at := content.find(name)) >= 0]
    if not places:
        return _write_extreme(content, random)
    at = places[random.integers(len(places))]
    return content[:at] + random.bytes(4) + content[at + 4 :]


def _swap_magic(content: bytes, random: np.random.Generator) -> bytes:
    other = originals(False)[list(_WRITTEN)[random.integers(len(_WRITTEN))]]
    size = int(random.choice([4, 12, 40]))
    return other[:size] + content[size:]


def _twice(content: bytes, random: np.random.Generator) -> bytes:
    return content + content[int(random.integers(0, 2)) * len(content) // 2 :]


MUTATORS: list[Callable[[bytes, np.random.Generator], bytes]] = [
    spoiling.cut_end, spoiling.flip_bits, _write_extreme, _write_extreme, _lie_about_size, spoiling.insert,
    spoiling.remove, _swap_magic, spoiling.zero, _twice,
]  # fmt: skip


def hear(path: Path) -> str:
    """Open, examine and hear all of `path`: "read" or "refused". Anything else than an AvtrError is a bug."""
    files, refused = DialogueFiles(dialogue=path), ""
    try:
        with DialogueSource(files) as source:
            health = examine(source, files)
            heard = sum(block.shape[1] for block in source.blocks(48_000))
            assert heard >= source.facts.samples
            assert np.isfinite(health.correlation)
    except AvtrError as error:
        refused = str(error)
    assert not refused or str(path) in refused, f"names no file: {refused}"
    assert "\n" not in refused
    return "refused" if refused else "read"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    made = list(cases(options.seed, options.count))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.bin"

        def judge(number: int) -> str:
            path.write_bytes(made[number].content)
            return hear(path)

        tally = forked.run([case.name for case in made], judge)
    print(tally.report())
    raise SystemExit(bool(tally.bad))


if __name__ == "__main__":
    main()
