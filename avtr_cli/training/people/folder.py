"""A folder of videos into what is to be imported: one person and one voice, or both sides of a call, by their names.

NAME.mp4                              one person with one voice; the partner, if any, is not heard
NAME.mp4  NAME.wav                    the same; the two channels are the person's own voice and the partner's
NAME.a.mp4  NAME.b.mp4                a call: both people, each video with its own person's voice
NAME.a.mp4  NAME.b.mp4  NAME.wav      a call whose voices are the two channels
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.core.errors import InputError

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".m4v", ".avi", ".mpg", ".mpeg")
SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus")


@dataclass(frozen=True)
class Source:
    """What becomes one shard: one video, or the two of a call, and a two-channel sound where one lies beside them."""

    name: str
    videos: tuple[Path, ...]
    sound: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All its files."""
        return self.videos if self.sound is None else (*self.videos, self.sound)

    @property
    def key(self) -> str:
        """Its name in letters and digits alone: that of its shard and its account."""
        return re.sub(r"\W+", "_", self.name)


def sources_in(folder: Path) -> list[Source]:
    """Every source of a folder, by name; sub-folders and hidden files are not looked at.

    Raises InputError where the folder is none, holds no video, or two names become one.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give one with videos of talking people")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    videos = [path for path in files if path.suffix.lower() in VIDEOS]
    sounds = {path.stem: path for path in files if path.suffix.lower() in SOUNDS}
    if not videos:
        raise InputError(f"{folder}: holds no video; give one with files as NAME.mp4 ({', '.join(VIDEOS)})")
    named: dict[str, list[Path]] = {}
    for path in videos:
        half = path.stem.endswith((".a", ".b")) and path.stem[-1] == "b"
        pair = path.stem[:-2] if path.stem.endswith((".a", ".b")) and _other(path, videos) else path.stem
        named.setdefault(pair, []).insert(len(named.get(pair, [])) if half else 0, path)
    for paths in named.values():
        if len(paths) > 2 or (len(paths) == 2 and {path.stem[-2:] for path in paths} != {".a", ".b"}):
            raise InputError(f"{paths[0]} and {paths[1]} have one name; give each video a name of its own")
    found = [Source(name, tuple(paths), sounds.get(name)) for name, paths in sorted(named.items())]
    keys: dict[str, str] = {}
    for source in found:
        if source.key in keys:
            raise InputError(f"{folder}: {keys[source.key]} and {source.name} are too alike; rename one of them")
        keys[source.key] = source.name
    return found


def _other(path: Path, videos: list[Path]) -> bool:
    """Whether the other side of a call lies beside."""
    wanted = path.stem[:-1] + ("b" if path.stem.endswith("a") else "a")
    return any(other.stem == wanted for other in videos)
