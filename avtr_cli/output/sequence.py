"""A film as numbered PNG pictures: what they are called, which of them are ours, and how all come to lie there.

    clip_%06d.png   as ffmpeg writes it        clip_####.png   as Blender writes it
    clip.png        the same as clip_%06d.png  folder/         the same as folder/%06d.png

Numbers begin at 1, as in both programs. The sound lies beside as `clip_sound.wav`. Pictures get their names from the
last to the first: a sequence is there once its first picture is. Each carries the words `Software: avtr`, by which a
later, shorter one knows what it may remove.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from avtr_cli.core.errors import OutputError
from avtr_cli.core.files import lies_there, remove_folder
from avtr_cli.core.interruption import raise_if_interrupted
from avtr_cli.output import ffmpeg, png

SUFFIX = ".png"
DIGITS = 6
FIRST = 1
PICTURES = "pictures"  # folder in the work folder, until they have their names
OURS = {"Software": "avtr"}
_NUMBER = re.compile(r"%0(\d)d|%d|(#+)")


class PictureSequence:
    """The files that `out` names. Raises OutputError where it holds more than one number, or a stray %."""

    def __init__(self, out: Path):
        stem = out.name.removesuffix(out.suffix)
        found = list(_NUMBER.finditer(stem))
        if len(found) > 1 or "%" in _NUMBER.sub("", stem):
            raise OutputError(f"{out}: number the pictures once, as in clip_%06d.png or clip_####.png")
        if not found:
            stem += f"_%0{DIGITS}d"
            found = list(_NUMBER.finditer(stem))
        place = found[0]
        digits = int(place[1]) if place[1] else len(place[2] or "")
        self.folder, self._digits = out.parent, digits
        self._before, self._after = stem[: place.start()], stem[place.end() :]

    def picture(self, number: int) -> Path:
        """The file of picture `number`."""
        return self.folder / f"{self._before}{number:0{self._digits}d}{self._after}{SUFFIX}"

    @property
    def sound(self) -> Path:
        """The file of the sound that goes with the pictures."""
        name = (self._before + self._after).strip("_-. ")
        return self.folder / (f"{name}_sound.wav" if name else "sound.wav")

    @property
    def exists(self) -> bool:
        """Whether its first picture lies there."""
        return lies_there(self.picture(FIRST))

    def pictures(self) -> list[Path]:
        """Those that lie there, from the first to the first that is missing."""
        found: list[Path] = []
        while (path := self.picture(FIRST + len(found))).is_file():
            found.append(path)
        return found

    def holds(self, path: Path) -> bool:
        """Whether a picture of this sequence, or its sound, would have the name `path`."""
        if os.path.realpath(path.parent) != os.path.realpath(self.folder):
            return False
        return path.name == self.sound.name or self._number(path.name) is not None

    def taken(self) -> Iterator[Path]:
        """What lies there under names of this sequence, whoever put it there."""
        if lies_there(self.sound):
            yield self.sound
        if self.folder.is_dir():
            for entry in sorted(os.listdir(self.folder)):
                if self._number(entry) is not None:
                    yield self.folder / entry

    def outdated(self, count: int) -> list[Path]:
        """Pictures that avtr made, of an earlier sequence of this name, longer than `count`."""
        found = [path for path in self.taken() if (self._number(path.name) or 0) >= FIRST + count]
        return [path for path in found if _made_here(path)]

    def _number(self, name: str) -> int | None:
        """The number of a picture of this name, written as `picture` writes it."""
        found = re.fullmatch(re.escape(self._before) + r"([0-9]+)" + re.escape(self._after + SUFFIX), name)
        if found is None or self.picture(int(found[1])).name != name:
            return None
        return int(found[1])


def is_sequence(out: Path) -> bool:
    """Whether the output's name asks for pictures, one file each: it ends in .png."""
    return out.suffix.lower() == SUFFIX


def named_output(text: str | os.PathLike[str]) -> Path:
    """The path that a user typed; with a slash at its end, the pictures in that folder."""
    text = os.fspath(text)
    return Path(text) / f"%0{DIGITS}d{SUFFIX}" if text.endswith(("/", os.sep)) else Path(text)


def sequence_sha256(pictures: list[Path]) -> str:
    """One SHA-256 (hex) for a sequence: of its files' digests, one after the other."""
    digest = hashlib.sha256()
    for path in pictures:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def make_pictures(folder: Path, out: Path, words: Mapping[str, str], mark: Callable[[Path], None] | None) -> list[Path]:
    """The PNG pictures of the segments listed in the work folder's `segments.txt`, as marked files there, in order.

    Raises OutputError, OSError.
    """
    made = folder / PICTURES
    remove_folder(made)
    made.mkdir()
    copy = ["-f", "concat", "-safe", "0", "-i", "../segments.txt", "-map", "0:v:0", "-c:v", "copy"]
    target = ["-start_number", str(FIRST), "-f", "image2", "%09d.png"]
    # In that very folder: the ffmpeg of a killed run, still at work in the one just removed, writes none into this.
    ffmpeg.run([*copy, *target], f"{out}: the pictures cannot be written", made)
    pictures = sorted(made.iterdir())
    for path in pictures:
        raise_if_interrupted()
        png.add_words(path, OURS | {keyword.title(): text for keyword, text in words.items()})
        if mark is not None:
            mark(path)
    return pictures


def _made_here(path: Path) -> bool:
    try:
        return png.is_png(path) and png.read_words(path).items() >= OURS.items()
    except OSError:
        return False
