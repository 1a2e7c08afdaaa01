"""The files of Seamless Interaction: which there are of whom, in folders or tars, and what is read of each kind."""

from __future__ import annotations

import io
import json
import re
import tarfile
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from avtr_cli.core.arrays import AnyArray, Sound
from avtr_cli.core.errors import InputError
from avtr_cli.core.files import reason
from avtr_cli.core.timing import SAMPLE_RATE

NAME = re.compile(r"(V\d+_S\d+_I\d+)_(P\d+[A-Z]?)\.(wav|npz|json|mp4)$")
SPLITS = {"train": "train", "dev": "val", "test": "test"}
WAV_RATE = 48_000


@dataclass(frozen=True)
class PersonFiles:
    """The files of one person: where each lies, in a folder or in a tar."""

    participant: str
    split: str
    members: dict[str, tuple[Path, str | None]] = field(default_factory=dict)  # by suffix

    def read(self, suffix: str) -> bytes:
        """Raises InputError where it is not there."""
        if suffix not in self.members:
            raise InputError(f"{self.participant}: its .{suffix} is missing")
        path, inside = self.members[suffix]
        try:
            if inside is None:
                return path.read_bytes()
            with tarfile.open(path) as tar:
                member = tar.extractfile(inside)
                assert member is not None
                return member.read()
        except (OSError, tarfile.TarError, KeyError, EOFError) as error:
            said = reason(error) if isinstance(error, OSError) else str(error)
            raise InputError(f"{path}: cannot be read ({said})") from error


def sound_in(who: str, data: bytes) -> Sound:
    """float32 (n,) at 16 kHz of 48 kHz, 16 bit, mono. Raises InputError."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            facts = (file.getframerate(), file.getsampwidth(), file.getnchannels())
            said = file.getnframes()
            raw = file.readframes(said)
    except (wave.Error, EOFError) as error:
        raise InputError(f"{who}: its .wav is damaged, or no wav") from error
    if facts != (WAV_RATE, 2, 1):
        rate, width, channels = facts
        raise InputError(f"{who}: its .wav has {rate} Hz, {8 * width} bit, {channels} channels, not 48000, 16 and 1")
    if len(raw) < 2 * said:
        raise InputError(f"{who}: its .wav is cut off: {len(raw) // 2} samples where {said} are told")
    samples = np.frombuffer(raw, "<i2").astype(np.float32) / 32768
    heard: Sound = soxr.resample(samples, WAV_RATE, SAMPLE_RATE).astype(np.float32)
    return heard


def tracks_in(who: str, data: bytes) -> dict[str, AnyArray]:
    """Those that are asked for. Raises InputError."""
    wanted = re.compile(r"boxes_and_keypoints:(keypoints|is_valid_box)|movement(_v4)?:(is_valid|alignment_head_rotation"
                        r"|gaze_encodings)")  # fmt: skip
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as table:
            held = {name: table[name] for name in table if wanted.fullmatch(name)}
        points, valid = held["boxes_and_keypoints:keypoints"], held["boxes_and_keypoints:is_valid_box"]
        if points.ndim != 3 or points.shape[1:] != (133, 3) or valid.shape != points.shape[:1]:
            raise ValueError(f"keypoints {points.shape}")
        return held
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise InputError(f"{who}: its .npz is damaged, or holds no keypoints") from error


def spoken_in(who: str, data: bytes) -> list[tuple[float, float]]:
    """Stretches of voice in seconds; the words' times are not looked at. Raises InputError."""
    try:
        rows = json.loads(data).get("metadata:vad") or []
        return [(float(row["start"]), float(row["end"])) for row in rows if None not in (row["start"], row["end"])]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{who}: its .json is damaged, or says no voice activity") from error


def gathered(folder: Path) -> dict[str, list[PersonFiles]]:
    """The people of every interaction, by its name; each once, wherever their files lie."""
    found: dict[str, dict[str, PersonFiles]] = {}
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give one with Seamless Interaction")

    def take(path: Path, inside: str | None) -> None:
        named = NAME.search(inside or path.name)
        if named is None:
            return
        call, participant, suffix = named.groups()
        split = next((SPLITS[part] for part in path.parts if part in SPLITS), "train")
        files = found.setdefault(call, {}).setdefault(participant, PersonFiles(participant, split))
        files.members.setdefault(suffix, (path, inside))

    for path in sorted(folder.rglob("*")):
        if path.suffix == ".tar":
            for inside in _members(path):
                take(path, inside)
        elif path.is_file():
            take(path, None)
    return {call: [people[one] for one in sorted(people)] for call, people in found.items()}


def _members(path: Path) -> list[str]:
    """Names in a tar; of a damaged one those before the damage: what is missing is told of each call."""
    names: list[str] = []
    try:
        with tarfile.open(path) as tar:
            while (member := tar.next()) is not None:
                names.append(member.name)
    except (tarfile.TarError, OSError, EOFError):
        pass
    return names


def stamp_of(files: PersonFiles) -> list[Any]:
    """What tells these very files from others: of each its kind, bytes, and when it was changed."""
    about = [(suffix, path.stat()) for suffix, (path, _) in sorted(files.members.items())]
    return [files.participant, *([suffix, stat.st_size, stat.st_mtime_ns] for suffix, stat in about)]
