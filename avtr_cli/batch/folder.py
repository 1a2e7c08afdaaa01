"""A folder as a batch: every sound file is a job, with the picture of the same name where there is one.

Names are the same when they look the same: macOS decomposes letters that others compose (Unicode's NFC), and Windows
does not tell `Anna` from `anna`. A video counts as sound only where a picture of its name asks for it, and never beside
its own report: then it is what avtr made.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from avtr_cli.batch.rows import Row, Source
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.suffixes import PICTURES, SOUNDS, VIDEOS
from avtr_cli.core.textfile import printable

NAMES_SHOWN = 5  # of files left alone

_SAME: tuple[Callable[[str], str], ...] = (  # from the strictest to the most lenient
    lambda stem: stem,
    lambda stem: unicodedata.normalize("NFC", stem),
    lambda stem: unicodedata.normalize("NFC", stem).casefold(),
)


@dataclass(frozen=True)
class Choice:
    """Which sounds of a folder are meant.

    include  globs, matched from the right of a sound's name within the folder (`anna*`, `day1/*.wav`); none: all
    leave  a folder that is not searched: what the batch itself writes is no source
    """

    recursive: bool = False
    include: tuple[str, ...] = ()
    leave: Path | None = None

    def takes(self, name: str) -> bool:
        """Whether the sound called `name` within its folder is meant."""
        return not self.include or any(matches(name, glob) for glob in self.include)

    def searches(self, folder: Path) -> bool:
        """Whether a folder within the one that was named is looked into; links are not followed."""
        left = self.leave is not None and os.path.realpath(self.leave) == os.path.realpath(folder)
        return self.recursive and not left and not folder.is_symlink() and folder.is_dir()


EVERYTHING = Choice()  # of that folder itself


def matches(name: str, glob: str) -> bool:
    """Whether `glob` describes the end of `name`, part by part; letters are the same however they are composed."""
    return bool(glob) and PurePosixPath(unicodedata.normalize("NFC", name)).match(unicodedata.normalize("NFC", glob))


@dataclass
class _Found:
    """What a folder, and those in it, hold."""

    rows: list[Row] = field(default_factory=list)
    left: int = 0  # files left alone
    told: list[str] = field(default_factory=list)  # those of them that may be missed


def read_folder(folder: Path, choice: Choice = EVERYTHING) -> Source:
    """A row for every sound file of `folder` that `choice` takes; a job in a sub-folder is called `sub/NAME`.

    Raises ConfigError where the folder cannot be listed or holds no sound.
    """
    found = _Found()
    try:
        _search(folder, folder, choice, found)
    except OSError as error:
        raise ConfigError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    if not found.rows:
        raise ConfigError(f"{folder}: no sound file in it; put NAME.wav and NAME.png there, or give a manifest")
    rows = []
    for row in found.rows:
        if choice.takes(row.values["dialogue"]):
            rows.append(row)
        else:
            found.left += 1
            found.told.append(f"{row.values['dialogue']} (not included)")
    return Source(tuple(rows), Row(str(folder), folder), (), tuple(_notes(folder, found)))


def read_sound(sound: Path) -> Row:
    """The row of a sound file that was named by itself, with the picture of its name beside it where there is one."""
    try:
        pictures = [path for path in _files(sound.parent) if path.suffix.lower() in PICTURES]
    except OSError:  # what is in a folder may be read where the folder may not
        pictures = []
    return _row(sound, sorted(_of_name(sound, pictures, [sound])), sound.parent)


def _search(place: Path, top: Path, choice: Choice, found: _Found) -> None:
    """Adds to `found` what lies in `place`, a folder within `top`. Raises OSError where it cannot be listed."""
    files = _files(place)
    pictures = [path for path in files if path.suffix.lower() in PICTURES]
    sounds = [path for path in files if path.suffix.lower() in SOUNDS]
    named = [path.stem for path in sounds]
    videos = [path for path in files if path.suffix.lower() in VIDEOS and path.with_suffix(".json") not in files]
    sounds += [path for path in videos if path.stem not in named and _of_name(path, pictures, videos)]
    rows = [_row(path, sorted(_of_name(path, pictures, sounds)), top) for path in sorted(sounds)]
    used = {*sounds, *(top / row.values["photo"] for row in rows if "photo" in row.values)}
    left = [path for path in files if path not in used]
    found.rows += rows
    found.left += len(left)
    kinds = dict.fromkeys(videos, "a video without a picture of its name")
    kinds |= dict.fromkeys(pictures, "a picture without a sound")
    found.told += [f"{path.relative_to(top)} ({kinds[path]})" for path in [*pictures, *videos] if path in left]
    for folder in sorted(path for path in place.iterdir() if not path.name.startswith(".")):
        if choice.searches(folder):
            try:
                _search(folder, top, choice, found)
            except OSError as error:
                found.left += 1
                found.told.append(f"{folder.relative_to(top)} (a folder that cannot be read: {error.strerror})")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())


def _row(sound: Path, pictures: list[Path], base: Path) -> Row:
    within = PurePosixPath(sound.relative_to(base))
    values = {"name": str(within.with_name(sound.stem)), "dialogue": str(within)}
    problem = ""
    if len(pictures) > 1:
        names = " and ".join(picture.name for picture in pictures)
        problem = f"{names} both go with {sound.name}; keep one of them"
    elif pictures:
        values["photo"] = str(pictures[0].relative_to(base))
    return Row(str(sound), base, values, problem)


def _of_name(sound: Path, pictures: list[Path], sounds: list[Path]) -> list[Path]:
    """The pictures called as `sound` is, by the strictest reading that finds any and tells the sounds apart."""
    for same in _SAME:
        found = [picture for picture in pictures if same(picture.stem) == same(sound.stem)]
        if found:
            alike = Counter(same(other.stem) for other in {*sounds, sound})[same(sound.stem)]
            exact = same is _SAME[0]
            return found if exact or (alike == 1 and len(found) == 1) else []
    return []


def _notes(folder: Path, found: _Found) -> Iterator[str]:
    if not found.left:
        return
    more = len(found.told) - NAMES_SHOWN
    shown = "; ".join(found.told[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    count = "1 file was" if found.left == 1 else f"{found.left} files were"
    yield printable(f"{folder}: {count} left alone{': ' if shown else ''}{shown}")
