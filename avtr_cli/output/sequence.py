"""A film as numbered PNG pictures: what they are called, and how all of them come to lie there or none.

    clip_%06d.png   as ffmpeg writes it        clip_####.png   as Blender writes it
    clip.png        the same as clip_%06d.png  folder/         the same as folder/%06d.png

Numbers begin at 1, as in both programs. The sound lies beside as `clip_sound.wav`. Pictures are made in the work
folder and renamed into place from the last to the first: a sequence is there once its first picture is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from avtr_cli.errors import OutputError
from avtr_cli.interruption import check
from avtr_cli.output import ffmpeg, png

SUFFIX = ".png"
DIGITS = 6
FIRST = 1
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
        return self.folder / f"{self._before}{number:0{self._digits}d}{self._after}{SUFFIX}"

    @property
    def sound(self) -> Path:
        name = (self._before + self._after).strip("_-. ")
        return self.folder / (f"{name}_sound.wav" if name else "sound.wav")

    @property
    def exists(self) -> bool:
        return self.picture(FIRST).exists()

    def pictures(self) -> list[Path]:
        """Those that lie there, from the first to the first that is missing."""
        found: list[Path] = []
        while (path := self.picture(FIRST + len(found))).is_file():
            found.append(path)
        return found

    def remove(self) -> None:
        """Take away every picture of the name, the first one first: from then on there is no sequence."""
        self.picture(FIRST).unlink(missing_ok=True)
        numbered = re.compile(re.escape(self._before) + r"\d+" + re.escape(self._after + SUFFIX))
        for path in list(self.folder.iterdir()):
            if numbered.fullmatch(path.name):
                path.unlink()


def is_sequence(out: Path) -> bool:
    return out.suffix.lower() == SUFFIX


def named_output(text: str) -> Path:
    """The path that a user typed; with a slash at its end, the pictures in that folder."""
    return Path(text) / f"%0{DIGITS}d{SUFFIX}" if text.endswith(("/", os.sep)) else Path(text)


def exists(out: Path) -> bool:
    """Whether the output called `out` lies there, be it one file or a sequence."""
    return PictureSequence(out).exists if is_sequence(out) else out.is_file()


def sequence_sha256(pictures: list[Path]) -> str:
    """One SHA-256 (hex) for a sequence: of its files' digests, one after the other."""
    digest = hashlib.sha256()
    for path in pictures:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def lay_out(
    listing: Path,
    sound: Path | None,
    out: Path,
    words: Mapping[str, str],
    before_rename: Callable[[Path], None] | None,
) -> None:
    """Copy the PNG pictures of the segments in ffmpeg's `listing` to files, mark each, and rename them into place.

    Raises OutputError.
    """
    sequence, folder = PictureSequence(out), listing.with_name("pictures")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        copy = ["-f", "concat", "-safe", "0", "-i", str(listing), "-map", "0:v:0", "-c:v", "copy"]
        numbered = str(folder).replace("%", "%%") + "/%09d.png"  # the folder is named after `out`, which may hold a %
        target = ["-start_number", str(FIRST), "-f", "image2", numbered]
        ffmpeg.run([*copy, *target], f"{out}: the pictures cannot be written")
        made = sorted(folder.iterdir())
        for path in made:
            check()
            png.add_words(path, {keyword.title(): text for keyword, text in words.items()})
            if before_rename is not None:
                before_rename(path)
        wav = folder / "sound.wav"
        if sound is not None:
            encoded = ["-i", str(sound), "-c:a", "pcm_s16le", "-rf64", "auto", str(wav)]
            ffmpeg.run(encoded, f"{sequence.sound}: the sound cannot be written")
        sequence.remove()
        if sound is not None:
            wav.replace(sequence.sound)
        for number, path in reversed(list(enumerate(made, FIRST))):
            path.replace(sequence.picture(number))
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror})") from error
