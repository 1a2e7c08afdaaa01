"""Spoken lines of an adventure game (Debian's flight-of-the-amazon-queen) into utterances with phone times.

Three hours of acted English conversation by some two dozen characters, with its script; free to give away and to
modify, not to be sold by itself (the package's copyright file). One archive holds the sound (MP3 at 11.025 kHz, a file
a line) and the words. How the engine names its sounds and lays out its dialogues is known from ScummVM (facts alone,
none of its code is here), the rest was read off the bytes. That it is right shows in the lengths of the lines, which go
with the lengths of their sounds (r .94 over the hero's remarks, .76 over all dialogues, .75 over all scenes).

    archive   "QTBL", 8 bytes, entries u16 | each: name (12), a byte, offset u32, size u32 | data; all big-endian
    X.DOG     a dialogue: 20 bytes, 16 words: levels, -, key, ..., where the other's lines begin [11] and end [12],
              as offsets from byte 20 | tree of 96 bytes a level | lines: a word, id u16, length u8, text, to 4 bytes
    X.CUT     a scene: 20 bytes, words: ..., where its lines begin [4] and end [5], as above | lines: a byte, then
              length u8, text, to 2 bytes; who speaks them was not found out, so all scenes are one voice
    line      "*FL" and the like turn a face; "*03" and the like are gestures, and end what one sound file holds; in
              scenes both do
    sound     <key, 2 digits><id, 4 hex digits><J: the hero, P: the other><part, from 1>.SB, or JOE<number><part>.SB,
              what the hero says of things: line (number - 40) of QUEEN2.JAS, or <scene, filled up to 5
              with "_"><line, from 1, 2 digits><part>.SB
"""

from __future__ import annotations

import io
import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import soundfile
import soxr

from avtr_cli.core.arrays import Floats
from avtr_cli.core.errors import AvtrError
from avtr_cli.training import recordings
from avtr_cli.training.speech import Utterance, make_utterance
from avtr_cli.training.voices import load_utterances, save_utterances

GAME = Path("/usr/share/scummvm/flight-of-the-amazon-queen/queen.1c")
PACKAGE = "flight-of-the-amazon-queen"
_RATE = 16_000
_HERO, _SCENES = "joe", "scenes"
_REMARKS, _BEFORE_REMARKS = "QUEEN2.JAS", 40
_UNTRUE = ("ape", "dog", "oracle", "zombie", "klunk")  # growls, and voices changed by effects
_GESTURE = re.compile(r"\*(\d\d|[A-Z]{2})")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_SECONDS = (0.35, 12.0)
_PHONE_RATE = (6.0, 22.0)  # a second: outside of it, words and sound do not belong together
_LONGEST_PHONE = 0.7  # s
_FEWEST = 12  # lines of a voice


@dataclass(frozen=True)
class Line:
    """What a character says, and the MP3 of it."""

    character: str
    words: str
    sound: bytes


def talkie_voices(folder: Path, game: Path = GAME) -> dict[str, list[Utterance]]:
    """The characters' voices by name ("talkie-joe"), none where the game is not installed; cached in `folder`.

    Raises AvtrError where pocketsphinx or espeak-ng is missing, or the archive is not the one this was made for.
    """
    if not game.exists():
        return {}
    cached = folder / "talkie"
    if not cached.is_dir():
        temporary = folder / "talkie.part"
        temporary.mkdir(parents=True, exist_ok=True)
        said: dict[str, list[Utterance]] = defaultdict(list)
        for line, utterance in _aligned(lines_of(game.read_bytes(), game)):
            said[line.character].append(utterance)
        for character, utterances in said.items():
            if len(utterances) >= _FEWEST:
                save_utterances(temporary / f"talkie-{character}.safetensors", utterances)
        temporary.rename(cached)
    held = {path.stem: load_utterances(path) for path in sorted(cached.glob("*.safetensors"))}
    return {name: [recordings.as_prompt(one) for one in utterances] for name, utterances in held.items()}


def lines_of(archive: bytes, path: Path) -> list[Line]:
    """Every line of the archive that has both words and sound, in the order of the sounds' names.

    Raises AvtrError where it is no such archive.
    """
    files = _files(archive, path)
    script: dict[str, tuple[str, str]] = {}
    for name, data in files.items():
        if name.endswith(".DOG"):
            script |= _dialogue(name, data)
        elif name.endswith(".CUT"):
            script |= _scene(name, data)
    for number, text in enumerate(files.get(_REMARKS, b"").decode("latin-1").split("\r\n"), _BEFORE_REMARKS + 1):
        for part, words in enumerate(_parts(text), 1):
            script[f"JOE{number:04d}{part:X}"] = (_HERO, words)
    return [
        Line(*script[key], files[f"{key}.SB"])
        for key in sorted(script)
        if f"{key}.SB" in files and script[key][0] not in _UNTRUE and _WORD.search(script[key][1])
    ]


def _files(archive: bytes, path: Path) -> dict[str, bytes]:
    if archive[:4] != b"QTBL":
        raise AvtrError(f"{path}: not the archive of {PACKAGE}; reinstall it with apt-get install {PACKAGE}")
    (count,) = struct.unpack_from(">H", archive, 13)
    files = {}
    for name, _, offset, size in struct.iter_unpack(">12sBII", archive[15 : 15 + 21 * count]):
        files[name.split(b"\0")[0].decode("latin-1")] = archive[offset : offset + size]
    return files


def _dialogue(name: str, data: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    """(sound's name, (character, words)) of a dialogue."""
    words = struct.unpack_from(">16h", data, 20)
    begins = (52 + 96 * abs(words[0]), 20 + words[11], 20 + words[12])
    other = name.split(".")[0].rstrip("0123456789").lower()
    for letter, character, at, stop in (("J", _HERO, *begins[:2]), ("P", other, *begins[1:])):
        while at + 5 <= min(stop, len(data)):
            number, length = struct.unpack_from(">HB", data, at + 2)
            for part, words_said in enumerate(_parts(data[at + 5 : at + 5 + length].decode("latin-1")), 1):
                yield f"{words[2]:02d}{number:04X}{letter}{part:X}", (character, words_said)
            at += (5 + length + 3) // 4 * 4


def _scene(name: str, data: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    """(sound's name, (the scenes' common voice, words)) of a scene."""
    at, stop = (20 + offset for offset in struct.unpack_from(">2H", data, 28))
    stem, at, number = name.split(".")[0].ljust(5, "_"), at + 1, 0
    while at < min(stop, len(data)):
        length, number = data[at], number + 1
        for part, words in enumerate(_GESTURE.split(data[at + 1 : at + 1 + length].decode("latin-1"))[::2], 1):
            yield f"{stem}{number:02d}{part:X}", (_SCENES, words)
        at = (at + length + 2) // 2 * 2


def _parts(text: str) -> list[str]:
    """A line cut at its gestures, turns of the face taken out."""
    parts, current, *rest = [], *_GESTURE.split(text)
    for code, following in zip(rest[::2], rest[1::2], strict=True):
        if code.isdigit():
            parts.append(current)
            current = following
        else:
            current += following
    return [*parts, current]


def _aligned(lines: list[Line]) -> Iterator[tuple[Line, Utterance]]:
    words_of = [[word.lower() for word in _WORD.findall(line.words)] for line in lines]
    unknown = recordings.unknown_words({word for words in words_of for word in words})
    spelling = recordings.spell(unknown, "en-us") if unknown else {}
    for line, words in zip(lines, words_of, strict=True):
        samples, rate = soundfile.read(io.BytesIO(line.sound), dtype="float32")
        samples = soxr.resample(samples, rate, _RATE)
        if _SECONDS[0] < len(samples) / _RATE < _SECONDS[1]:
            rows = recordings.align(samples, words, spelling)
            if rows is not None and _credible(rows):
                yield line, make_utterance(samples, _RATE, rows, line.words)


def _credible(rows: Floats) -> bool:
    """Whether the phones last as long as phones do; where they do not, the words are not those of the sound."""
    spoken = rows[rows[:, 0] > 0]
    if not len(spoken):
        return False
    lasting = spoken[:, 2] - spoken[:, 1]
    return bool(_PHONE_RATE[0] < len(spoken) / lasting.sum() < _PHONE_RATE[1] and lasting.max() < _LONGEST_PHONE)
