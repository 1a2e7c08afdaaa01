"""A folder as a batch: every sound file is a job, with the picture of the same name where there is one.

Names are the same when they look the same: macOS decomposes letters that others compose (Unicode's NFC), and Windows
does not tell `Anna` from `anna`. A video counts as sound only where a picture of its name asks for it, and never beside
its own report: then it is what avtr made.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from avtr_cli.batch.rows import Row, Source
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.textfile import printable

SOUNDS = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64", ".rf64", ".m4a", ".wma",
    ".aac", ".amr",
)  # fmt: skip
VIDEOS = (".mp4", ".mov", ".webm", ".mkv")  # whose sound may be meant
PICTURES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif",
)  # fmt: skip
NAMES_SHOWN = 5  # of files left alone

_SAME: tuple[Callable[[str], str], ...] = (  # from the strictest to the most lenient
    lambda stem: stem,
    lambda stem: unicodedata.normalize("NFC", stem),
    lambda stem: unicodedata.normalize("NFC", stem).casefold(),
)


def read_folder(folder: Path) -> Source:
    """A row for every sound file of `folder`. Raises ConfigError where it cannot be listed or holds none."""
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        raise ConfigError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    pictures = [path for path in files if path.suffix.lower() in PICTURES]
    sounds = [path for path in files if path.suffix.lower() in SOUNDS]
    named = [path.stem for path in sounds]
    videos = [path for path in files if path.suffix.lower() in VIDEOS and path.with_suffix(".json") not in files]
    sounds += [path for path in videos if path.stem not in named and _of_name(path, pictures, videos)]
    rows = [_row(path, sorted(_of_name(path, pictures, sounds)), folder) for path in sorted(sounds)]
    if not rows:
        raise ConfigError(f"{folder}: no sound file in it; put NAME.wav and NAME.png there, or give a manifest")
    used = {*sounds, *(folder / row.values["photo"] for row in rows if "photo" in row.values)}
    return Source(tuple(rows), Row(str(folder), folder), (), tuple(_notes(folder, files, used, videos)))


def _row(sound: Path, pictures: list[Path], folder: Path) -> Row:
    values = {"name": sound.stem, "dialogue": sound.name}
    problem = ""
    if len(pictures) > 1:
        names = " and ".join(picture.name for picture in pictures)
        problem = f"{names} both go with {sound.name}; keep one of them"
    elif pictures:
        values["photo"] = pictures[0].name
    return Row(str(sound), folder, values, problem)


def _of_name(sound: Path, pictures: list[Path], sounds: list[Path]) -> list[Path]:
    """The pictures called as `sound` is, by the strictest reading that finds any and tells the sounds apart."""
    for same in _SAME:
        found = [picture for picture in pictures if same(picture.stem) == same(sound.stem)]
        if found:
            alike = Counter(same(other.stem) for other in {*sounds, sound})[same(sound.stem)]
            exact = same is _SAME[0]
            return found if exact or (alike == 1 and len(found) == 1) else []
    return []


def _notes(folder: Path, files: list[Path], used: set[Path], videos: list[Path]) -> Iterator[str]:
    left = [path for path in files if path not in used]
    if not left:
        return
    told = [f"{path.name} (a picture without a sound)" for path in left if path.suffix.lower() in PICTURES]
    told += [f"{path.name} (a video without a picture of its name)" for path in left if path in videos]
    shown = "; ".join(told[:NAMES_SHOWN]) + (f" and {len(told) - NAMES_SHOWN} more" if len(told) > NAMES_SHOWN else "")
    count = f"{len(left)} file was" if len(left) == 1 else f"{len(left)} files were"
    yield printable(f"{folder}: {count} left alone{': ' if told else ''}{shown}")
