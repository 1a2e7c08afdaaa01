"""A folder of others' videos into clips: each sub-folder with a photo, a voice, and the video or its tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.core.suffixes import PICTURES, SOUNDS, VIDEOS
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.evaluation.alike.compare import Compared, compare, rows_of
from avtr_cli.evaluation.alike.following import OnFrames, follow, tracks_from
from avtr_cli.evaluation.alike.sounds import voice_in
from avtr_cli.evaluation.alike.tracks import SUFFIX, Tracks, write_tracks


@dataclass(frozen=True)
class Clip:
    """One video of others and what it was made from.

    reference  tracks (.npz) or the video itself        video  the video where there is one, to be looked at
    """

    name: str
    photo: Path
    voice: Path
    reference: Path
    video: Path | None


@dataclass(frozen=True)
class Seen:
    """A clip's tracks beside those of our video of it, and what came of it."""

    reference: Tracks
    ours: Tracks
    compared: Compared


def clips_in(folder: Path, only: Sequence[str] = ()) -> tuple[list[Clip], list[str]]:
    """The clips in the sub-folders of `folder` whose names match one of `only` (globs; none: all), by name.

    Returns sentences, too, about sub-folders that are none. Raises InputError where the folder cannot be read,
    ConfigError where it holds no clip.
    """
    try:
        places = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        found = [_clip(place) for place in places if not only or any(fnmatchcase(place.name, one) for one in only)]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read as a folder ({error.strerror})") from error
    clips = [one for one in found if isinstance(one, Clip)]
    if not clips:
        named = f" called {' or '.join(only)}" if only else ""
        raise ConfigError(
            f"{folder}: holds no sub-folder{named} with a photo, a sound, and tracks.npz or a video; name one that does"
        )
    return clips, [one for one in found if isinstance(one, str)]


def see(clip: Clip, ours: Path, tracks: Path, watch: OnFrames | None = None) -> Seen:
    """Follow `ours`, our video of `clip`, and hold it against the clip; our tracks are written to `tracks`.

    `watch` is told (frames done, about how many there are). Raises InputError, OutputError.
    """
    voice = voice_in(clip.voice)
    reference = tracks_from(clip.reference, watch).beside(len(voice) / SAMPLE_RATE)
    own = follow(ours, watch)
    write_tracks(tracks, own)
    return Seen(reference, own, compare(reference, own, voice, str(ours)))


def report_of(seen: dict[str, Seen], failed: dict[str, str]) -> dict[str, Any]:
    """`measures`: medians over the clips; `clips`: each clip's own rows; `failures`: why the others have none."""
    return {
        "measures": rows_of([one.compared for one in seen.values()]),
        "clips": {
            name: {
                "fps": one.reference.fps,
                "frames": one.compared.frames,
                "closures": one.compared.closures,
                "measures": rows_of([one.compared]),
            }
            for name, one in seen.items()
        },
        "failures": failed,
    }


def _clip(place: Path) -> Clip | str:
    """The clip in a folder, or a sentence that says what it lacks."""
    files = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
    photo, voice, video = (
        _one(files, suffixes, name) for suffixes, name in ((PICTURES, "photo"), (SOUNDS, "voice"), (VIDEOS, "clip"))
    )
    reference = next((path for path in files if path.name == f"tracks{SUFFIX}"), video)
    lacks = {"photo": photo, "sound": voice, f"tracks{SUFFIX} or video": reference}
    if photo is None or voice is None or reference is None:
        lacking = ", ".join(f"one {what}" for what, path in lacks.items() if path is None)
        return f"{place}: is left out, as it lacks {lacking}"
    return Clip(place.name, photo, voice, reference, video)


def _one(files: Sequence[Path], suffixes: tuple[str, ...], name: str) -> Path | None:
    """The file of this kind that is called `name`, or the only one there is."""
    kind = [path for path in files if path.suffix.lower() in suffixes]
    called = [path for path in kind if path.stem.lower() == name]
    chosen = called or kind
    return chosen[0] if len(chosen) == 1 else None
