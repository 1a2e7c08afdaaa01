"""The files of Seamless Interaction: which there are of whom in each of its layouts, and what is read of each kind.

From the hub: ID.{wav,mp4,npz,json} side by side, in folders or in tars (WebDataset). From S3: a folder a feature, as
audio/ID.wav, video/ID.mp4, vad/ID.jsonl and boxes_and_keypoints/keypoints/ID.npy, which hold what npz and json would.
"""

from __future__ import annotations

import csv
import io
import json
import re
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import soxr

from avtr_cli.core.arrays import AnyArray, Sound
from avtr_cli.core.errors import InputError
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.training.calls.members import Member, members_of

NAME = re.compile(r"(V\d+_S\d+_I\d+)_(P\d+[A-Z]?)\.(wav|mp4|npz|json|npy|jsonl)")
KEYPOINTS, VALID_BOX = "boxes_and_keypoints:keypoints", "boxes_and_keypoints:is_valid_box"
POINTS = (133, 3)  # of a frame: COCO-WholeBody's, x, y and score
TRACKS = re.compile(rf"{KEYPOINTS}|{VALID_BOX}|movement(_v4)?:(is_valid|alignment_head_rotation|gaze_encodings)")
VAD = "vad.jsonl"
OPINIONS = re.compile(r"annotations|[13]P-\w+")  # folders whose .json is what people said of a call
SPLITS = {"train": "train", "dev": "val", "test": "test"}
FILE_LIST = "filelist.csv"
WAV_RATE = 48_000


@dataclass(frozen=True)
class PersonFiles:
    """The files of one person, by what they hold: wav, mp4, npz, json; or as on S3 VAD, and each of TRACKS."""

    participant: str
    split: str
    members: dict[str, Member] = field(default_factory=dict)
    damaged: set[Path] = field(default_factory=set)  # tars that end before they should

    def sound(self) -> Sound:
        """float32 (n,) at 16 kHz. Raises InputError."""
        return sound_in(self.participant, self._read("wav"))

    def tracks(self) -> dict[str, AnyArray]:
        """Those of TRACKS that are there, keypoints among them. Raises InputError."""
        who = self.participant
        if not self._apart:
            return checked_tracks(who, "its .npz", arrays_in(who, self._read("npz")))
        for name in (KEYPOINTS, VALID_BOX):
            if name not in self._apart:
                raise self._lacks(_folders(name))
        held = {name: array_in(who, name, self._read(name)) for name in self._apart}
        return checked_tracks(who, f"its {_folders(KEYPOINTS)}", held)

    def spoken(self) -> list[tuple[float, float]]:
        """Stretches of voice in seconds. Raises InputError."""
        if VAD in self.members or self._apart:
            return spoken_in_lines(self.participant, self._read(VAD))
        return spoken_in(self.participant, self._read("json"))

    @property
    def _apart(self) -> list[str]:
        """Tracks with a file of their own; none where they lie together in an npz."""
        return [] if "npz" in self.members else [name for name in self.members if TRACKS.fullmatch(name)]

    def _read(self, kind: str) -> bytes:
        if kind not in self.members:
            raise self._lacks(kind if kind == VAD else f".{kind}")
        return self.members[kind].read()

    def _lacks(self, what: str) -> InputError:
        where = "".join(f", and {path} is damaged" for path in sorted(self.damaged))
        return InputError(f"{self.participant}: its {what} is missing{where}")


def _folders(name: str) -> str:
    """Where S3 keeps a track."""
    return f"{name.replace(':', '/')}.npy"


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


def arrays_in(who: str, data: bytes) -> dict[str, AnyArray]:
    """Those of an npz that are asked for. Raises InputError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as table:
            return {name: table[name] for name in table if TRACKS.fullmatch(name)}
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise InputError(f"{who}: its .npz is damaged, or holds no keypoints") from error


def array_in(who: str, name: str, data: bytes) -> AnyArray:
    """The one of an npy. Raises InputError."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
        assert isinstance(array, np.ndarray)  # an npz would be a table of them
        return array
    except Exception as error:  # as above
        raise InputError(f"{who}: its {_folders(name)} is damaged, or holds no array") from error


def checked_tracks(who: str, what: str, held: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Keypoints (T, 133, 3) and a flag a frame, and what else there is. Raises InputError."""
    points, valid = held.get(KEYPOINTS), held.get(VALID_BOX)
    if points is None or valid is None or points.dtype.kind not in "fiu" or points.shape[1:] != POINTS:
        raise InputError(f"{who}: {what} is damaged, or holds no keypoints")
    if valid.size != len(points) or valid.dtype.kind not in "bfiu":
        raise InputError(f"{who}: {what} tells of {len(points)} frames, and is_valid_box of {valid.size}")
    return {**held, VALID_BOX: valid.reshape(-1)}


def spoken_in(who: str, data: bytes) -> list[tuple[float, float]]:
    """Stretches of voice that a .json tells; the words' times are not looked at. Raises InputError."""
    try:
        return _stretches(json.loads(data).get("metadata:vad") or [])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{who}: its .json is damaged, or says no voice activity") from error


def spoken_in_lines(who: str, data: bytes) -> list[tuple[float, float]]:
    """Those of a .jsonl: a stretch a line, or lines of several. Raises InputError."""
    try:
        lines = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
        return _stretches([row for line in lines for row in (line if isinstance(line, list) else [line])])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{who}: its {VAD} is damaged, or says no voice activity") from error


def _stretches(rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(float(row["start"]), float(row["end"])) for row in rows if None not in (row["start"], row["end"])]


@dataclass(frozen=True)
class Gathered:
    """What a folder holds: the people of every interaction, and the tars that cannot be opened, with the reason."""

    calls: dict[str, list[PersonFiles]]
    closed: dict[Path, str]


def gathered(folder: Path) -> Gathered:
    """Each person once, wherever their files lie. Raises InputError where there is no folder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give one with Seamless Interaction")
    listed = _listed(folder / FILE_LIST)
    found: dict[str, dict[str, PersonFiles]] = {}
    closed: dict[Path, str] = {}

    def take(member: Member, damaged: bool = False) -> None:
        place = PurePosixPath(*member.path.parts, member.inside)
        named, kind = NAME.fullmatch(place.name), _kind(place)
        if named is None or not kind:
            return
        call, participant, _ = named.groups()
        split = SPLITS[listed.get(place.stem) or next((one for one in reversed(place.parts) if one in SPLITS), "train")]
        files = found.setdefault(call, {}).setdefault(participant, PersonFiles(participant, split))
        files.members.setdefault(kind, member)
        files.damaged.update({member.path} if damaged else ())

    for path in sorted(folder.rglob("*")):
        if path.suffix == ".tar" and path.is_file():
            members, why = members_of(path)
            for member in members:
                take(member, bool(why))
            if not members and why:
                closed[path] = f"{path}: {why}"
        elif path.is_file():
            take(Member(path))
    return Gathered({call: [people[one] for one in sorted(people)] for call, people in found.items()}, closed)


def _kind(place: PurePosixPath) -> str:
    """What a file holds by its ending, and on S3 by the folders it lies in; nothing for what is not asked for."""
    kind = place.suffix[1:]
    if kind == "npy":
        track = ":".join(place.parts[-3:-1])
        return track if TRACKS.fullmatch(track) else ""
    if kind == "jsonl":
        return VAD if place.parent.name == "vad" else ""
    if kind == "json" and any(OPINIONS.fullmatch(part) for part in place.parts[-3:-1]):
        return ""
    return kind


def _listed(path: Path) -> dict[str, str]:
    """The split of each person by the set's own list, where it lies in the folder."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = [(row.get("file_id") or "", row.get("split") or "") for row in csv.DictReader(file)]
    return {name: split for name, split in rows if split in SPLITS}


def stamp_of(files: PersonFiles) -> list[Any]:
    """What tells these very files from others: of each its kind, bytes, and when it was changed."""
    about = [(kind, member.path.stat()) for kind, member in sorted(files.members.items())]
    return [files.participant, *([kind, stat.st_size, stat.st_mtime_ns] for kind, stat in about)]
