"""Clip by clip: who speaks when, the true person, and what every system showed; with a reason for all that is left out.

One clip is held at a time. Sound, truth and a system's file may differ by two frames, which are cut off; more is a
mistake that nobody can mend by cutting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.errors import AvtrError, WeightsError
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.encoder import audio_vector
from avtr_cli.evaluation.folder.layout import Clip, Layout, System
from avtr_cli.evaluation.folder.shown import Shown, read_shown
from avtr_cli.evaluation.motion.face import Face
from avtr_cli.evaluation.motion.takes import load_dialogue
from avtr_cli.evaluation.motion.voice import hear

if TYPE_CHECKING:
    from avtr_cli.motion.flame.lists import VertexLists

MOST_APART = 2  # frames

Watched = Callable[[str], Callable[[int, int], None] | None]
"""What a file is called that is read now -> who is told (frames done, about how many there are)."""


@dataclass(frozen=True)
class Judged:
    """A clip of T frames: who speaks, bool (T,); what is heard of the partner, (T, 9); levels of the own voice.

    `truth` and every system's own are whole; `frames` says how many of each system's count.
    """

    clip: Clip
    own: Mask
    partner: Mask
    heard: Doubles
    level: Doubles
    truth: Shown
    systems: dict[str, Shown]
    frames: dict[str, int]


@dataclass
class LeftOut:
    """Why what is not judged is not: of all systems by a clip's ID, and of one system by name and ID."""

    clips: dict[str, str] = field(default_factory=dict)
    systems: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    weights: bool = False  # whether for want of weights something was

    def reasons(self, system: str) -> list[dict[str, str]]:
        """As a report lists them."""
        found = self.clips | self.systems.get(system, {})
        return [{"id": name, "reason": found[name]} for name in sorted(found)]


def judged(
    layout: Layout, left_out: LeftOut, watched: Watched | None = None, lists: VertexLists | None = None
) -> Iterator[Judged]:
    """Every clip that has a sound and a true person; `left_out` gathers why others, and systems' files, do not count.

    All is of the kind that the first clip's truth is: curves of controls and of videos are never compared.
    """
    space = None
    for clip in layout.clips:
        try:
            whole = _whole(clip, watched, lists)
            if space is not None and whole.truth.space != space:
                raise Unfit(f"its truth is of the kind '{whole.truth.space}', that of the clips before '{space}'")
        except (Unfit, AvtrError) as error:
            left_out.clips[clip.id] = str(error)
            left_out.weights |= isinstance(error, WeightsError)
            continue
        space = whole.truth.space
        _note(left_out, whole.truth)
        for system in layout.systems:
            try:
                shown, frames = _of_system(system, whole, watched, lists)
            except (Unfit, AvtrError) as error:
                left_out.systems.setdefault(system.name, {})[clip.id] = str(error)
                left_out.weights |= isinstance(error, WeightsError)
                continue
            whole.systems[system.name], whole.frames[system.name] = shown, frames
            _note(left_out, shown)
        yield whole


class Unfit(Exception):
    """Why a file does not count, as a report says it."""


def _whole(clip: Clip, watched: Watched | None, lists: VertexLists | None) -> Judged:
    if not clip.sounds:
        raise Unfit("its sound lacks a side: put audio/ID_self.wav and audio/ID_partner.wav, or audio/ID.wav there")
    if clip.truth is None:
        raise Unfit("there is no true person of it in truth/")
    if len(clip.sounds) == 1:
        files = DialogueFiles(dialogue=clip.sounds[0])
    else:
        files = DialogueFiles(dialogue=clip.sounds[0], partner=clip.sounds[1])
    own, partner = hear(load_dialogue(files).sound)
    truth = read_shown(clip.truth, watched(clip.truth.name) if watched else None, lists)
    frames = _same_length(len(own), truth.frames, "the truth")
    heard = audio_vector(partner.level(), partner.active, partner.phrases)
    first, end = cut(clip, frames)
    truth = part(truth, first, end)
    return Judged(
        clip, own.active[first:end], partner.active[first:end], heard[first:end], own.level()[first:end], truth, {}, {}
    )


def _of_system(system: System, whole: Judged, watched: Watched | None, lists: VertexLists | None) -> tuple[Shown, int]:
    path = system.shows(whole.clip)
    if path is None:
        raise Unfit("the system has no file of it")
    shown = read_shown(path, watched(f"{system.name}/{path.name}") if watched else None, lists)
    if shown.space != whole.truth.space:
        raise Unfit(f"it is of the kind '{shown.space}', the truth of the kind '{whole.truth.space}'")
    first, end = cut(whole.clip, shown.frames)
    frames = _same_length(whole.truth.frames, end - first, "the system's file")
    _same_vertices(shown, whole.truth)
    return part(shown, first, first + frames), frames


def _same_length(one: int, other: int, what: str) -> int:
    if abs(one - other) > MOST_APART:
        raise Unfit(f"{what} has {other} frames for {one}; at most {MOST_APART} may be cut off")
    return min(one, other)


def _same_vertices(shown: Shown, truth: Shown) -> None:
    for name in ("vertices", "expression"):
        one, other = getattr(shown, name), getattr(truth, name)
        if one is not None and other is not None and one.shape[1] != other.shape[1]:
            raise Unfit(f"its {name} are {one.shape[1]}, those of the truth {other.shape[1]}")


def cut(clip: Clip, frames: int) -> tuple[int, int]:
    """The frames that the clip's times choose."""
    first = min(round(clip.start_s * FPS), frames)
    end = frames if clip.end_s is None else min(round(clip.end_s * FPS), frames)
    if end - first < 1:
        raise Unfit(f"ends before its start at {clip.start_s:g} s")
    return first, end


def part(shown: Shown, first: int, end: int) -> Shown:
    """The frames from `first` to `end` of what is shown."""
    if (first, end) == (0, shown.frames):
        return shown
    cut = {
        name: array[first:end]
        for name in ("head", "jaw", "expression", "vertices", "boxes", "embedding", "heard")
        if (array := getattr(shown, name)) is not None
    }
    face = shown.face
    if face is not None:
        face = Face(**{one.name: getattr(face, one.name)[first:end] for one in fields(Face)})
    return replace(shown, frames=end - first, face=face, **cut)


def _note(left_out: LeftOut, shown: Shown) -> None:
    if shown.note and shown.note not in left_out.notes:
        left_out.notes.append(shown.note)
