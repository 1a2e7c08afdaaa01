"""One clip of a folder into a video of all who show it: the photo or the person, every system, and whom they talk to.

All are heard with one sound, the recorded one and never a system's own, so that lips are judged against the same voice.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.core.config import OutputConfig
from avtr_cli.core.errors import ConfigError, InputError, OutputError
from avtr_cli.core.files import file_sha256, reason, sync_folder
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.compare.grid import Cell, Grid, columns_for
from avtr_cli.evaluation.folder.layout import Clip, Layout, System
from avtr_cli.evaluation.folder.points import pictures_at_25, points_of
from avtr_cli.evaluation.motion.takes import load_dialogue
from avtr_cli.evaluation.motion.voice import hear
from avtr_cli.evaluation.pairs import FRAME_RULES
from avtr_cli.output.formats import format_of
from avtr_cli.output.video import SegmentWriter, SoundWriter, assemble
from avtr_cli.perception.photo import load_photo
from avtr_cli.provenance import marks
from avtr_cli.provenance.origin import Origin
from avtr_cli.provenance.signing import Signer

SOUNDS = ("mix", "self", "stereo")
SOUND_RATE = 48_000
KBPS = 192
STAR = " *"  # of a system that hears whom it talks to

OnFrames = Callable[[int, int], None]


@dataclass(frozen=True)
class Asked:
    """What the video is to show. clip, systems: all systems of the first clip where not named; columns: 0 chooses."""

    clip: str | None = None
    systems: tuple[str, ...] = ()
    sound: str = "mix"
    columns: int = 0
    side: int = 384
    rule: str = "listening"


@dataclass(frozen=True)
class Film:
    """What is shown: a clip, its cells and the videos (or one photo) behind them."""

    clip: Clip
    cells: tuple[Cell, ...]
    files: tuple[Path, ...]


class _SideBySide(Origin):
    """The marks of a video that sets systems' avatars beside a recorded person."""

    @property
    def sentence(self) -> str:
        """What the video is, in words."""
        return f"AI-generated in part: synthetic talking avatars of several systems side by side, set by {self.tool}."


def plan(layout: Layout, asked: Asked, watch: Callable[[str], OnFrames | None] | None = None) -> Film:
    """Who is shown, and where each face lies. Raises ConfigError for a name that is none, InputError."""
    clip = _clip(layout, asked.clip)
    if asked.sound not in SOUNDS:
        raise ConfigError(f"--sound is {', '.join(SOUNDS)}, not '{asked.sound}'")
    if not clip.sounds:
        raise InputError(f"{layout.folder}: the sound of clip '{clip.id}' lacks a side; put it into audio/")
    shown: list[tuple[str, Path, bool]] = []
    if clip.truth is not None and clip.truth.suffix.lower() in VIDEOS:
        shown.append((layout.truth, clip.truth, False))
    elif clip.photo is not None:
        shown.append(("photo", clip.photo, False))
    systems = [(system, path) for system in _systems(layout, asked.systems) if (path := _video(system, clip))]
    if not systems:
        raise InputError(f"{layout.folder}: no system has a video of clip '{clip.id}'; motion has no picture")
    shown += [(system.name + (STAR if system.hears_partner else ""), path, False) for system, path in systems]
    other = next((one for one in layout.clips if one.id == clip.partner), None)
    if other is not None and other.truth is not None and other.truth.suffix.lower() in VIDEOS:
        shown.append(("partner", other.truth, True))
    cells = tuple(Cell(name, _box(path, watch), small) for name, path, small in shown)
    return Film(clip, cells, tuple(path for _, path, _ in shown))


def make_film(film: Film, out: Path, asked: Asked, watch: OnFrames | None = None) -> tuple[int, tuple[int, int]]:
    """Write the video to `out`, marked; returns its frames and (width, height). Raises InputError, OutputError."""
    files = _files(film.clip)
    own, partner = hear(load_dialogue(files).sound)
    first = round(film.clip.start_s * FPS)
    end = min(len(own), round((film.clip.end_s or len(own) / FPS) * FPS))
    rule = FRAME_RULES[asked.rule](own.active, partner.active)
    columns = asked.columns or columns_for(len(film.cells))
    grid = Grid(film.cells, asked.side, columns, own.active[first:end], partner.active[first:end], rule[first:end])
    form = format_of(out, OutputConfig())
    origin = _SideBySide(
        models={"systems": ", ".join(cell.caption.removesuffix(STAR) for cell in film.cells)},
        inputs={f"video_{at}": file_sha256(path) for at, path in enumerate(film.files)},
        people=len(film.cells),
    )
    signer = marks.choose_signer(None, None)
    try:
        with tempfile.TemporaryDirectory(prefix=".avtr-compare-", dir=out.absolute().parent) as place:
            folder = Path(place)
            writer = SegmentWriter(folder / "0.mkv", (grid.height, grid.width, 3), form)
            try:
                for index, (pictures, ended) in enumerate(_together(film.files, first, end - first)):
                    writer.write(grid.compose(pictures, ended, index))
                    if watch is not None:
                        watch(index + 1, end - first)
            except BaseException:
                writer.abandon()
                raise
            writer.close()
            sound = _sound(files, asked.sound, first, end, folder / "sound.w64")
            (made,) = assemble(
                [writer.path], end - first, sound, out, form, KBPS, marks.metadata(origin, form.suffix),
                lambda path: _mark(path, origin, signer),
            )  # fmt: skip
            os.replace(made.made, out)
            sync_folder(out.absolute().parent)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({reason(error)})") from error
    return end - first, (grid.width, grid.height)


def _clip(layout: Layout, name: str | None) -> Clip:
    if name is None:
        return layout.clips[0]
    found = next((clip for clip in layout.clips if clip.id == name), None)
    if found is None:
        known = ", ".join(clip.id for clip in layout.clips[:6])
        raise ConfigError(f"{layout.folder}: no clip is called '{name}'; there are {known}")
    return found


def _systems(layout: Layout, names: Sequence[str]) -> list[System]:
    """Those named, in that order, or all."""
    known = {system.name: system for system in layout.systems}
    if missing := [name for name in names if name not in known]:
        raise ConfigError(f"{layout.folder}: no system is called '{missing[0]}'; there are {', '.join(known)}")
    return [known[name] for name in names] if names else list(layout.systems)


def _video(system: System, clip: Clip) -> Path | None:
    path = system.shows(clip, VIDEOS)
    return path if path is not None and path.suffix.lower() in VIDEOS else None


def _files(clip: Clip) -> DialogueFiles:
    first, *others = clip.sounds
    return DialogueFiles(dialogue=first, partner=others[0] if others else None)


def _box(path: Path, watch: Callable[[str], OnFrames | None] | None) -> Doubles | None:
    """The median of the face's box; None of a photo or video that shows none: its middle is shown then."""
    if path.suffix.lower() not in VIDEOS:
        from avtr_cli.perception.landmarks import find_faces

        picture = load_photo(path)
        faces = find_faces(picture)
        if not faces:
            return None
        points = max(faces, key=lambda one: float(np.ptp(one[:, 1])))[:, :2] / picture.shape[1::-1]
        found: Doubles = np.concatenate([points.min(0), points.max(0)])
        return found
    try:
        seen = points_of(path, watch(path.name) if watch else None)
    except InputError:
        _first_picture(path)
        return None
    box: Doubles = np.median(seen.boxes, axis=0)
    return box


def _first_picture(path: Path) -> None:
    """Raises InputError where it is no video at all."""
    if next(_pictures(path), None) is None:
        raise InputError(f"{path}: is no video that can be read")


def _pictures(path: Path) -> Iterator[Image]:
    if path.suffix.lower() not in VIDEOS:
        photo = load_photo(path)
        while True:
            yield photo
    for picture, _ in pictures_at_25(path):
        yield picture


def _together(files: Sequence[Path], first: int, count: int) -> Iterator[tuple[list[Image], list[bool]]]:
    """Frame by frame the pictures of all, and who has ended: that one's last picture stays."""
    streams = [_pictures(path) for path in files]
    try:
        last: list[Image] = [next(stream) for stream in streams]
        ended = [False] * len(streams)
        for index in range(first + count):
            if index:
                for at, stream in enumerate(streams):
                    picture = next(stream, None)
                    ended[at] = picture is None
                    last[at] = last[at] if picture is None else picture
            if index >= first:
                yield last, ended
    finally:
        for stream in streams:
            stream.close()  # type: ignore[attr-defined]  # all are generators


def _sound(files: DialogueFiles, kind: str, first: int, end: int, path: Path) -> Path:
    """The recorded sound of the frames `first` to `end`, as it is to be heard."""
    writer = SoundWriter(path, SOUND_RATE, 2 if kind == "stereo" else 1)
    with DialogueSource(files) as source:
        both = np.concatenate(list(source.blocks(SOUND_RATE)), axis=1)
    part = both[:, first * SOUND_RATE // FPS : end * SOUND_RATE // FPS]
    rows = {"stereo": part, "self": part[:1], "mix": np.clip(part.sum(0, keepdims=True), -1, 1)}[kind]
    writer.write(np.ascontiguousarray(rows.T))
    writer.close(end - first)
    return path


def _mark(path: Path, origin: Origin, signer: Signer | None) -> None:
    marks.mark(path, origin, signer)
