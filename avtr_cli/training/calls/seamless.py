"""Seamless Interaction as published: of each person a voice, tracks, voice activity, and where it was fetched a video.

Files are named V<vendor>_S<session>_I<interaction>_P<participant>; partners share V, S and I. Where there is a video
our own perception tells the face; else the 68 keypoints do: neither its neural codes nor its action units say what
they mean. Tracks run at 30 or 29.97 fps; only vendor V00 has movement features.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Mask, Sound
from avtr_cli.core.errors import InputError
from avtr_cli.core.motion_space import CONTROLS, EYE_RANGE_DEGREES
from avtr_cli.core.timing import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from avtr_cli.training.calls import face68
from avtr_cli.training.calls.members import Member
from avtr_cli.training.calls.perceived import KNOWN, perceived
from avtr_cli.training.calls.record import CallRecord
from avtr_cli.training.calls.seamless_files import KEYPOINTS, VALID_BOX, Gathered, PersonFiles, gathered, stamp_of
from avtr_cli.training.calls.source import Entry
from avtr_cli.training.people.voice import speech_in

RATES = (30.0, 30_000 / 1001)  # fps of the tracks
FACE = slice(23, 91)  # of COCO-WholeBody's 133 points
SURE = 0.3  # of a keypoint's score
MOST_APART = 0.2  # s that two partners' recordings may differ in length
LEAST_VALID = 0.2  # share of a side's frames without which it cannot be used
GAZE = np.radians(EYE_RANGE_DEGREES)


class SeamlessSet:
    """The set in `folder`, or any part of it."""

    source = "Seamless Interaction"
    licence = "CC BY-NC 4.0 (Seamless Interaction, Meta)"

    def __init__(self, folder: Path):
        self._folder = folder
        self._held = Gathered({}, {})
        self._closed: dict[str, str] = {}

    def entries(self) -> list[Entry]:
        """Every interaction of which anything is there, and every tar that cannot be opened.

        Raises InputError where there is none.
        """
        self._held = gathered(self._folder)
        if not self._held.calls and not self._held.closed:
            raise InputError(
                f"{self._folder}: holds no Seamless Interaction; give a folder with files as "
                "V00_S0001_I00000001_P0001.wav, or tars of such"
            )
        closed = []
        for path, said in self._held.closed.items():
            about = path.stat()
            closed.append(Entry(self._name_of(path), "train", [about.st_size, about.st_mtime_ns]))
            self._closed[closed[-1].name] = said
        return closed + [
            Entry(name, people[0].split, [stamp_of(one) for one in people])
            for name, people in sorted(self._held.calls.items())
        ]

    def _name_of(self, tar: Path) -> str:
        return re.sub(r"\W+", "_", str(tar.relative_to(self._folder)))

    def read(self, entry: Entry) -> CallRecord:
        """Both sides, at 25 fps. Raises InputError."""
        if entry.name in self._closed:
            raise InputError(self._closed[entry.name])
        people = self._held.calls[entry.name]
        if len(people) != 2:
            raise InputError(f"{entry.name}: {len(people)} of its two people are here")
        sides = [_Side.of(files) for files in people]
        lengths = [len(side.sound) / SAMPLE_RATE for side in sides]
        if abs(lengths[0] - lengths[1]) > MOST_APART:
            raise InputError(f"{entry.name}: one recording lasts {lengths[0]:.2f} s and the other {lengths[1]:.2f} s")
        frames = min(
            min(len(side.controls) for side in sides), min(len(one.sound) for one in sides) // SAMPLES_PER_FRAME
        )
        return CallRecord(
            controls=np.stack([side.controls[:frames] for side in sides]).astype(np.float32),
            known=np.stack([side.known for side in sides]),
            valid=np.stack([side.valid[:frames] for side in sides]),
            speaks=np.stack([side.speaks(frames) for side in sides]),
            sound=np.stack([side.sound[: frames * SAMPLES_PER_FRAME] for side in sides]),
            names=tuple(f"{entry.name}_{files.participant}" for files in people),
            source=self.source, licence=self.licence, split=entry.split,
        )  # fmt: skip


@dataclass(frozen=True)
class _Side:
    """One person at 25 fps."""

    controls: Doubles  # (T, 58)
    known: Mask  # (58,)
    valid: Mask  # (T,)
    sound: Sound  # (n,) at 16 kHz
    spoken: list[tuple[float, float]]  # s

    @classmethod
    def of(cls, files: PersonFiles) -> _Side:
        """Raises InputError where a file is missing or damaged, or nothing is followed in it."""
        who = files.participant
        sound, spoken = files.sound(), files.spoken()
        if "mp4" in files.members:
            return cls._seen(who, files.members["mp4"], sound, spoken)
        tracks = files.tracks()
        points = tracks[KEYPOINTS][:, FACE].astype(np.float64)
        count = len(points)
        if not count:
            raise InputError(f"{who}: its tracks have no frames")
        fps = min(RATES, key=lambda rate: abs(count / rate - len(sound) / SAMPLE_RATE))
        if abs(count / fps - len(sound) / SAMPLE_RATE) > MOST_APART:
            raise InputError(f"{who}: {count} frames of tracks do not fit {len(sound) / SAMPLE_RATE:.2f} s of sound")
        valid = tracks[VALID_BOX].astype(bool) & (points[..., 2].mean(1) >= SURE)
        valid &= face68.believable(points[..., :2])
        moved = _movement(tracks, count)
        if moved is not None:
            valid &= moved.valid
        if valid.mean() < LEAST_VALID:
            raise InputError(f"{who}: the face is followed in {valid.mean():.0%} of its frames")
        flat = _held(points[..., :2], valid)
        controls = face68.face_of(flat)
        turns = face68.turns_of(flat)
        if moved is not None:
            turns = _signed(_held(moved.turns, valid), turns)
        controls[:, 52:55] = turns - turns[valid].mean(0)
        names = (*face68.KNOWN, *CONTROLS.channels[52:57])
        if moved is not None and moved.gaze is not None:
            names = (*names, *_look(controls, _held(moved.gaze, valid)))
        known = np.isin(CONTROLS.channels, names)
        made, seen = _at_25_fps(controls, valid, fps, len(sound) // SAMPLES_PER_FRAME)
        return cls(made * seen[:, None], known, seen, sound, spoken)

    @classmethod
    def _seen(cls, who: str, video: Member, sound: Sound, spoken: list[tuple[float, float]]) -> _Side:
        """By the person's own video."""
        with video.as_file() as path:
            try:
                controls, valid = perceived(who, path, speech_in(sound))
            except InputError as error:
                raise InputError(str(error).replace(str(path), str(video))) from error
        if abs(len(controls) / FPS - len(sound) / SAMPLE_RATE) > MOST_APART:
            raise InputError(
                f"{who}: {len(controls) / FPS:.2f} s of video do not fit {len(sound) / SAMPLE_RATE:.2f} s of sound"
            )
        if valid.mean() < LEAST_VALID:
            raise InputError(f"{who}: the face is followed in {valid.mean():.0%} of its frames")
        return cls(controls, np.isin(CONTROLS.channels, KNOWN), valid, sound, spoken)

    def speaks(self, frames: int) -> Mask:
        """(T,) by the published voice activity: where the middle of a frame lies in a stretch of it."""
        middle = (np.arange(frames) + 0.5) / FPS
        told = np.zeros(frames, bool)
        for start, end in self.spoken:
            told |= (middle >= start) & (middle < end)
        return told


@dataclass(frozen=True)
class _Movement:
    turns: Doubles  # (T, 3) rad
    valid: Mask  # (T,)
    gaze: Doubles | None  # (T, 2) rad: pitch, yaw


def _movement(tracks: Mapping[str, AnyArray], count: int) -> _Movement | None:
    """Head turns, and gaze where a release has it as angles; None where no vendor's model saw the person at all."""
    turns = tracks.get("movement_v4:alignment_head_rotation", tracks.get("movement:alignment_head_rotation"))
    valid = tracks.get("movement:is_valid", tracks.get("movement_v4:is_valid"))
    if not _told(turns, count, 3) or not _told(valid, count, 1) or not valid.any():
        return None
    followed = (valid.reshape(count) > 0.5) & np.isfinite(turns).all(1)
    gaze = tracks.get("movement_v4:gaze_encodings")
    if not _told(gaze, count, 2) or not np.isfinite(gaze[followed]).all():
        gaze = None
    return _Movement(turns.astype(np.float64), followed, None if gaze is None else gaze.astype(np.float64))


def _told(track: AnyArray | None, frames: int, numbers: int) -> TypeGuard[AnyArray]:
    """Whether a track holds so many numbers a frame."""
    if track is None or track.dtype.kind not in "bfiu":
        return False
    return track.shape == (frames, numbers) or (numbers == 1 and track.shape == (frames,))


def _signed(turns: Doubles, seen: Doubles) -> Doubles:
    """Published turns with the signs that the keypoints' have: which way they count is not written down."""
    centred = turns - turns.mean(0)
    signs = np.sign((centred * (seen - seen.mean(0))).sum(0))
    signed: Doubles = centred * np.where(signs == 0, 1.0, signs)
    return signed


def _look(controls: Doubles, gaze: Doubles) -> list[str]:
    """Write (T, 2) pitch and yaw of the eyes into the look weights of both; returns their names."""
    down, left = gaze[:, 0] / GAZE, gaze[:, 1] / GAZE
    names = []
    for side, outwards in (("Left", -left), ("Right", left)):
        for way, looked in (("Down", down), ("Up", -down), ("Out", outwards), ("In", -outwards)):
            names.append(f"eyeLook{way}{side}")
            controls[:, CONTROLS.index(names[-1])] = looked.clip(0, 1)
    return names


def _held(values: Doubles, valid: Mask) -> Doubles:
    """(T, ...) with what lies in invalid frames taken from the valid one before, or the first there is."""
    at = np.maximum.accumulate(np.where(valid, np.arange(len(valid)), -1))
    at[at < 0] = int(np.argmax(valid))
    held: Doubles = values[at]
    return held


def _at_25_fps(controls: Doubles, valid: Mask, fps: float, frames: int) -> tuple[Doubles, Mask]:
    """Rows at k / 25 s between their neighbours in time; a mask of the nearest; of blinks the larger neighbour."""
    at = np.minimum(np.arange(min(frames, int(len(controls) / fps * FPS + 1e-6))) / FPS * fps, len(controls) - 1)
    here = np.floor(at + 1e-9).astype(int)
    then = np.minimum(here + 1, len(controls) - 1)
    share = (at - here).clip(0, 1)[:, None]
    made = controls[here] * (1 - share) + controls[then] * share
    blinks = [CONTROLS.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    made[:, blinks] = np.maximum(controls[here][:, blinks], np.where(share > 0, controls[then][:, blinks], 0))
    return made, valid[np.round(at).astype(int)]
