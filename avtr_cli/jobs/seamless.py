"""A user's own copy of the Seamless Interaction data set: which calls it holds, of which split, and whose files.

The data set (CC BY-NC 4.0) keeps one sound and one video a participant, named
`V<vendor>_S<session>_I<interaction>_P<participant>`, in several folder layouts: by batch and archive, or by kind of
data. So files are looked for by name; the split is the folder `train`, `dev` or `test` above them, or what
`filelist.csv` says.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.core.errors import ConfigError, InputError

SOURCE = "https://huggingface.co/datasets/facebook/seamless-interaction"
LICENCE = "CC BY-NC 4.0"
SPLITS = ("train", "dev", "test")
PHOTO_KINDS = (".png", ".jpg", ".jpeg", ".webp")
FILE_LIST = "filelist.csv"
_NAME = re.compile(r"(V\d+_S\d+_I\d+)_P\d+[A-Za-z]?")


@dataclass(frozen=True)
class Participant:
    """One side of a call: who, what was said, where a portrait comes from (a picture or a video), and the video."""

    name: str
    sound: Path
    looks: Path
    video: Path | None = None


@dataclass(frozen=True)
class Call:
    """A conversation of two. split: one of SPLITS, or empty where nothing says it."""

    id: str
    split: str
    sides: tuple[Participant, Participant]


def calls_in(data: Path) -> tuple[list[Call], dict[str, str]]:
    """The calls of which both sides can be heard and seen, by id; and of the others why not. Raises InputError."""
    sounds, looks = _files(data)
    listed = _listed(data)
    by_call: dict[str, list[Participant]] = defaultdict(list)
    left_out = {}
    for name, sound in sorted(sounds.items()):
        id = name.rpartition("_")[0]
        if name in looks:
            by_call[id].append(_participant(name, sound, looks[name]))
        else:
            left_out[id] = f"{name} has no video and no picture"
    calls = []
    for id, sides in by_call.items():
        if len(sides) == 2:
            calls.append(Call(id, listed.get(sides[0].name) or _split(sides[0].sound, data), (sides[0], sides[1])))
        else:
            left_out.setdefault(id, f"{len(sides)} participant{'s' * (len(sides) > 1)} of two")
    if not calls:
        raise InputError(
            f"{data}: holds no call of two participants (ID_P<number>.wav with .mp4 or .png); they are part of the "
            f"Seamless Interaction data set ({LICENCE}), {SOURCE}: fetch them and unpack the archives"
        )
    return calls, {id: why for id, why in left_out.items() if id not in {call.id for call in calls}}


def chosen(calls: list[Call], split: str | None, ids: Iterable[str] | None, where: str = "") -> list[Call]:
    """Those of a split, and of `ids` (of calls or participants; listed in `where`). Raises ConfigError for none."""
    if split is not None:
        there = sorted({call.split or "none" for call in calls})
        calls = [call for call in calls if (call.split or "none") == split]
        if not calls:
            raise ConfigError(f"--split {split}: no call is of this split; there are {', '.join(there)}")
    if ids is None:
        return calls
    wanted = {match[1] if (match := _NAME.fullmatch(id)) else id for id in ids}
    if missing := sorted(wanted - {call.id for call in calls}):
        raise ConfigError(f"{where}: {missing[0]} is no call with both sides here ({len(missing)} such)")
    return [call for call in calls if call.id in wanted]


def participants(data: Path, id: str) -> list[Participant]:
    """Who of call `id` has both a sound file and something to see below `data`, in order of their names."""
    sounds, looks = _files(data, f"{id}_P*")
    return [_participant(name, sound, looks[name]) for name, sound in sorted(sounds.items()) if name in looks]


def portrait_of(side: Participant, folder: Path, at_s: float) -> Path:
    """The participant's picture, or the frame of their video at `at_s`, written to `folder`. Raises InputError."""
    if side.looks.suffix.lower() in PHOTO_KINDS:
        return side.looks
    import cv2

    video = cv2.VideoCapture(str(side.looks))
    video.set(cv2.CAP_PROP_POS_MSEC, 1000 * at_s)
    read, picture = video.read()
    video.release()
    if not read:
        raise InputError(
            f"{side.looks}: no picture at {at_s:g} s; check the file, or put {side.name}.png beside its sound"
        )
    path = folder / f"{side.name}.png"
    cv2.imwrite(str(path), picture)
    return path


def _files(data: Path, names: str = "V*_S*_I*_P*") -> tuple[dict[str, Path], dict[str, list[Path]]]:
    """Sounds by participant, and pictures and videos of each."""
    sounds: dict[str, Path] = {}
    seen: dict[str, list[Path]] = defaultdict(list)
    for path in _paths(data, names):
        if not _NAME.fullmatch(path.stem):
            continue
        if path.suffix.lower() == ".wav":
            sounds.setdefault(path.stem, path)
        elif path.suffix.lower() in (*PHOTO_KINDS, ".mp4"):
            seen[path.stem].append(path)
    return sounds, seen


def _participant(name: str, sound: Path, shown: Sequence[Path]) -> Participant:
    """A picture beside the sound comes before one elsewhere, and a video last."""

    def rank(path: Path) -> tuple[bool, bool]:
        return path.suffix.lower() not in PHOTO_KINDS, path.parent != sound.parent

    video = next((path for path in shown if path.suffix.lower() not in PHOTO_KINDS), None)
    return Participant(name, sound, min(shown, key=rank), video)


def _paths(data: Path, names: str) -> Iterator[Path]:
    for path in sorted(data.rglob(f"{names}.*")):
        if path.is_file():
            yield path


def _split(sound: Path, data: Path) -> str:
    above = sound.relative_to(data).parts[:-1]
    return next((part for part in reversed(above) if part in SPLITS), "")


def _listed(data: Path) -> dict[str, str]:
    """Splits by participant, as the data set's own list tells them; nothing where there is none."""
    path = data / FILE_LIST
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return {row.get("file_id") or "": row.get("split") or "" for row in csv.DictReader(file)}
