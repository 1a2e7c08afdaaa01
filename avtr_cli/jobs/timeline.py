"""What happened when, read from a job's sound and the motion in its work folder: some tens of bytes a frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.audio.levels import VOICE_DBFS, frame_powers
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.arrays import Doubles, Floats, Mask, Reals
from avtr_cli.core.motion_space import MotionSpace
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.motion.file import load_motion
from avtr_cli.motion.noticing import NOD_FALLS, NOD_RISES, nod_band, nod_envelope, spans
from avtr_cli.report.stills import still_times
from avtr_cli.report.timeline import BINS, LONG_BIN_S, QUIETEST_DB, Curves, Gesture, Timeline

MOMENTS = 12  # of open eyes
OPEN = 0.1  # a lid below this is open
SMALLEST_MOVEMENT = 1e-3  # of keypoints; below it nothing has moved
FALLS_RISES = {  # between which gestures are counted
    "smile": (0.08, 0.15),  # weight above its usual
    "brow raise": (0.08, 0.15),
    "look away": (3.5, 6.0),  # degrees from the camera
    "blink": (0.25, 0.5),  # weight
}
PAUSE_FRAMES = 12  # a shorter pause does not end what somebody says
WORD_FRAMES = round(0.7 * FPS)  # nothing longer is a listener's "mm-hm"
OWN_MARGIN_FRAMES = 8  # from the own speech, in which the head may be speaking
PARTNER_MARGIN_FRAMES = 2 * FPS  # from the partner's voice: feedback comes after phrases too


@dataclass(frozen=True)
class Movement:
    """What T frames of motion look like, float32; None where the motion space does not tell.

    mouth, blink, smile, brow  (T,) how far from rest, in ARKit weights; where `learned`, in a unit without a scale
    head                       (T, 3) pitch, yaw, roll in degrees away from the photo
    away                       (T,) degrees between where the eyes point, head included, and the camera
    """

    mouth: Reals
    blink: Reals
    head: Reals
    smile: Reals | None = None
    brow: Reals | None = None
    away: Reals | None = None
    learned: bool = False


def movement(space: MotionSpace, values: Reals, neutral: Reals) -> Movement:
    """What motion (T, C) of `space` looks like, beside the motion (C,) that returns the photo."""
    seen = space.readings(values, neutral)
    gaze, head = seen.gaze_degrees, seen.head_degrees
    away = None if gaze is None else np.hypot(gaze[:, 0] + head[:, 1], gaze[:, 1] + head[:, 0])
    return Movement(seen.mouth, seen.blink, head, seen.smile, seen.brow, away, learned=not space.scaled)


def movements(folder: WorkFolder, neutrals: Sequence[Reals]) -> list[Movement]:
    """The whole movement of every avatar; `neutrals` are their motions at rest.

    Learned openings become relative to the widest of all of them, so that two people can be compared.
    """
    moved = [_whole(folder, avatar, neutral) for avatar, neutral in enumerate(neutrals)]
    if not moved[0].learned:
        return moved
    mouth, blink = (max(float(getattr(one, name).max()) for one in moved) for name in ("mouth", "blink"))
    scales = max(mouth, SMALLEST_MOVEMENT), max(blink, SMALLEST_MOVEMENT)
    return [Movement(one.mouth / scales[0], one.blink / scales[1], one.head, learned=True) for one in moved]


def _whole(folder: WorkFolder, avatar: int, neutral: Reals) -> Movement:
    parts = []
    for index in range(len(folder.closed)):
        space, tensor, _ = load_motion(folder.motion(index, avatar))
        parts.append(movement(space, tensor.numpy(), neutral))

    known = [
        name for name in ("mouth", "blink", "head", "smile", "brow", "away") if getattr(parts[0], name) is not None
    ]
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in known}
    return Movement(**whole, learned=parts[0].learned)


def open_eyed(moved: Sequence[Movement]) -> tuple[float, ...]:
    """12 moments (s) spread over the video, fewer for a shorter one, each where every lid is open if it can be.

    Of the middle half of each twelfth, the frame whose lids are the widest open, the one nearest the middle first.
    """
    shut = np.pad(np.max([one.blink for one in moved], axis=0), 1, "edge")
    lids = np.maximum(shut[1:-1], np.maximum(shut[:-2], shut[2:]))  # a player may show a frame's neighbour
    frames, moments = len(lids), []
    count = min(MOMENTS, frames)
    for time in still_times(frames / FPS, count):
        middle = min(round(time * FPS), frames - 1)
        reach = frames // (4 * count)
        near = sorted(range(max(0, middle - reach), min(frames, middle + reach + 1)), key=lambda at: abs(at - middle))
        moments.append(min(near, key=lambda at: max(OPEN, round(float(lids[at]), 2))) / FPS)
    return tuple(moments)


def poster_time(moved: Sequence[Movement]) -> float:
    """The first of the `open_eyed` moments at which no lid is further down than at any other, in seconds."""
    lids = np.max([one.blink for one in moved], axis=0)
    return min(open_eyed(moved), key=lambda time: max(OPEN, round(float(lids[round(time * FPS)]), 1)))


def collect(source: DialogueSource, folder: WorkFolder, neutrals: Sequence[Reals]) -> Timeline:
    """The timeline of a rendered job before its work folder is removed; `neutrals` are the avatars' motions at rest."""
    moved = movements(folder, neutrals)
    levels = _levels(source, folder.frames)
    bins = min(BINS, folder.frames)
    voices = np.stack([_binned(level, bins, widest=True) for level in 1 - np.clip(levels / QUIETEST_DB, 0, 1)])
    heard = levels > VOICE_DBFS
    curves = tuple(
        _curves(one, _listening(own, other), bins) for one, own, other in zip(moved, heard, heard[::-1], strict=False)
    )
    return Timeline(folder.frames / FPS, voices, curves, open_eyed(moved))


def _levels(source: DialogueSource, frames: int) -> Doubles:
    """Both voices, float64 (2, T) in dBFS; the last frame may be partly silent."""
    powers = []
    for block in source.blocks():
        powers.append(frame_powers(np.pad(block, ((0, 0), (0, -block.shape[1] % SAMPLES_PER_FRAME)))))
    levels: Doubles = 10 * np.log10(np.concatenate(powers, axis=1)[:, :frames] + 1e-12)
    return levels


def _listening(own: Mask, partner: Mask) -> Mask:
    """bool (T,): the avatar says nothing, or a word, and the partner is heard then or was just before."""
    from scipy.ndimage import grey_closing, maximum_filter1d  # half a second of loading, for pages alone

    spoken = np.zeros(len(own), bool)
    bridged = grey_closing(own.astype(np.uint8), PAUSE_FRAMES)
    for first, end in spans(bridged, 0, 0):
        spoken[first:end] = end - first > WORD_FRAMES
    silent = ~maximum_filter1d(spoken, 2 * OWN_MARGIN_FRAMES + 1)
    listening: Mask = silent & maximum_filter1d(partner, 2 * PARTNER_MARGIN_FRAMES + 1)
    for first, end in spans(listening.astype(np.uint8), 0, 0):
        listening[first:end] = end - first > WORD_FRAMES  # between two sentences nobody has time to listen
    return listening


def _curves(moved: Movement, listening: Mask, bins: int) -> Curves:
    nod = nod_envelope(moved.head[:, 0])
    widest = len(nod) / FPS / bins <= LONG_BIN_S
    mouth, blink, smile, brow, away = (
        None if curve is None else _binned(curve, bins, widest)
        for curve in (moved.mouth, moved.blink, moved.smile, moved.brow, moved.away)
    )
    assert mouth is not None
    assert blink is not None
    pitch, yaw, roll = (_binned(curve, bins, widest=False) for curve in moved.head.T)
    listens = tuple((first / FPS, end / FPS) for first, end in spans(listening.astype(np.uint8), 0, 0))
    gestures = tuple(sorted(_gestures(moved, nod, listening), key=lambda gesture: gesture.time_s))
    nods = _binned(nod, bins, widest)
    return Curves(mouth, blink, nods, pitch, yaw, roll, smile, brow, away, moved.learned, gestures, listens)


def _gestures(moved: Movement, nod: Reals, listening: Mask) -> Iterator[Gesture]:
    found = {"nod": [_first_move(moved.head[:, 0], span) for span in spans(nod, NOD_FALLS, NOD_RISES)]}
    for name, curve in (("smile", moved.smile), ("brow raise", moved.brow)):  # a happy face has its smile at rest
        if curve is not None:
            found[name] = [first for first, _ in spans(curve - np.median(curve), *FALLS_RISES[name])]
    for name, curve in (("look away", moved.away), ("blink", None if moved.learned else moved.blink)):
        if curve is not None:
            found[name] = [first for first, _ in spans(curve, *FALLS_RISES[name])]
    for name, frames in found.items():
        for first in frames:
            yield Gesture(name, first / FPS, bool(listening[first]))


def _first_move(pitch: Reals, span: tuple[int, int]) -> int:
    """The frame at which a nod is first seen: its envelope begins before it, being a mean over most of a second."""
    first, end = span
    moves = np.flatnonzero(np.abs(nod_band(pitch)[first:end]) > NOD_FALLS)
    return first + int(moves[0]) if len(moves) else first


def _binned(curve: Reals, bins: int, widest: bool) -> Floats:
    """(T,) as float32 (bins,), bins <= T: the largest value of each bin, or its mean."""
    starts = -(-np.arange(bins) * len(curve) // bins)
    if widest:
        binned = np.maximum.reduceat(curve, starts)
    else:
        binned = np.add.reduceat(curve, starts) / np.diff([*starts, len(curve)])
    return binned.astype(np.float32)
