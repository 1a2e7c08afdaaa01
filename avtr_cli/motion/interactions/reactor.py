"""Motion that goes on, and touches, into motion that answers them: all drawn, nothing learned.

A reaction follows from the seed, the touches so far and the frame alone, and reads no touch to come: so neither the cut
of the audio nor a save in between changes a bit, and a call that was logged is rendered again from a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.interaction import WORDS, Interaction
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.motion.interactions import memory
from avtr_cli.motion.interactions.beats import Beat, lift
from avtr_cli.motion.interactions.blending import Overlay, blend
from avtr_cli.motion.interactions.faces import controls_row, face
from avtr_cli.motion.interactions.reactions import MOST_TIRED, NUMBERS, Felt, glance, reaction

LONGEST = 8 * FPS  # frames after which a reaction is over; the mood may last
LEAST_MOOD = 0.004
GOOD_NEARER, BAD_DOWN, BAD_FARTHER = -0.03, 1.5, 0.05  # EO, degrees of pitch, EO that a full mood holds the head by
UNSMILES = 0.85  # share of the photo's own smile that pain and a bad mood take back
UNSMILE_S = (0.16, 1.9, 1.6)  # rise, hold and fall after an aggressive touch
FAINT = 0.3  # strength below which an answer is smaller as a whole, down to none at all
SOUR = (0.2, 0.5)  # bad moods between which the photo's smile comes back

_STREAM = 77  # tells the numbers of reactions from all others of a seed


def react(
    rows: Doubles,
    first: int,
    touches: Sequence[Interaction],
    speaking: Doubles,
    seed: Sequence[int] = (0,),
    photo_smile: float = 0.0,
) -> Doubles:
    """Controls `rows` (T, 58) of the frames from `first` on, with the answers to all `touches` so far.

    `speaking` (T,) in 0 .. 1 is how far the own voice moves the mouth, `photo_smile` in 0 .. 1 how broadly the photo
    smiles. Frames on which nothing is left of any touch are returned as they are.
    """
    frames = first + np.arange(len(rows), dtype=np.float64)
    met = [touch for touch in touches if touch.frame < first + len(rows)]
    mood = memory.mood(met, frames)
    recent = [touch for touch in met if first - touch.frame < LONGEST]
    if not recent and (np.abs(mood) < LEAST_MOOD).all():
        return rows
    added, doing = overlay(frames, met, recent, mood, seed, photo_smile)
    active = doing | (np.abs(mood) >= LEAST_MOOD)
    return np.asarray(np.where(active[:, None], blend(rows, added, speaking), rows), np.float64)


def overlay(
    frames: Doubles, met: Sequence[Interaction], recent: Sequence[Interaction], mood: Doubles, seed: Sequence[int],
    photo_smile: float,
) -> tuple[Overlay, Mask]:  # fmt: skip
    """What is added to `frames` (T,), and whether anything is, bool (T,).

    `met` are all touches so far, `recent` those of them that are still answered, `mood` (T,) what `memory.mood` says.
    """
    count = len(frames)
    added, peak, head = np.zeros((count, len(CONTROLS))), np.zeros((count, len(CONTROLS))), np.zeros((count, 6))
    gaze, wanted, doing = np.zeros((count, 2)), np.zeros(count), np.zeros(count, bool)
    for touch in recent:
        t = (frames - touch.frame + 0.5) / FPS
        largest = np.zeros_like(peak)
        for share, beats in _parts(touch, met, seed):
            part = np.zeros_like(peak)
            for beat in beats:
                level = share * beat.level(t) * (frames - touch.frame < LONGEST)
                if not level.any():
                    continue
                doing |= level != 0
                if beat.face:
                    added += beat.amount * level[:, None] * face(beat.face)
                if beat.controls:
                    np.maximum(part, level[:, None] * controls_row(beat.controls), out=part)
                if beat.head is not None:
                    head += level[:, None] * beat.head.row
                if beat.gaze is not None:
                    gaze += level[:, None] * np.array(beat.gaze)
                    wanted += level
            largest += part
        np.maximum(peak, largest, out=peak)
    good, bad = mood.clip(0)[:, None], (-mood).clip(0)[:, None]
    added += good * face("warm") + bad * face("sullen")
    head += good * np.array([0, 0, 0, 0, 0, GOOD_NEARER]) + bad * np.array([BAD_DOWN, 0, 0, 0, 0, BAD_FARTHER])
    unsmile = UNSMILES * photo_smile * _ill(frames, recent, mood) if photo_smile else np.zeros(count)
    return Overlay(added, peak, head, gaze, wanted, unsmile), doing


def _parts(
    touch: Interaction, met: Sequence[Interaction], seed: Sequence[int]
) -> Iterator[tuple[float, Iterator[Beat]]]:
    """The beats of one touch and their share: of a place between two regions, those of both."""
    numbers = np.random.default_rng([*seed, touch.frame, list(WORDS).index(touch.do), _STREAM]).random(NUMBERS)
    whole = min(1.0, touch.strength / FAINT)
    if not touch.regions:
        yield whole, glance(touch, numbers)
        return
    tired = min(memory.tired(touch, met), MOST_TIRED)
    mood = memory.mood_before(touch, met)
    shares = sum(share for _, share in touch.regions)
    for region, share in touch.regions:
        yield whole * share / shares, reaction(Felt(touch, region, numbers, tired, mood))


def _ill(frames: Doubles, recent: Sequence[Interaction], mood: Doubles) -> Doubles:
    """(T,) in 0 .. 1: how little there is to smile about."""
    rise, hold, fall = UNSMILE_S
    level = np.clip((-mood - SOUR[0]) / (SOUR[1] - SOUR[0]), 0, 1)
    for touch in recent:
        if touch.tone == "aggressive" and touch.regions:
            hurts = min(1.0, touch.strength / FAINT)
            level = np.maximum(level, hurts * lift((frames - touch.frame) / FPS, rise, hold, fall))
    return level
