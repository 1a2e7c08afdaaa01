"""Calls that put gestures to a trial: ten minutes of one, another partner on the other side, and a seat.

None of them draws a picture. A trial performs calls of its own, so it stands beside the measures of `gesturing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avtr_cli.core.arms import MEAN_ARM, Arm, place_of, posed
from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.motion_space import BODY_CHANNELS
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.core.timing import CHUNK_FRAMES, FPS, SAMPLE_RATE
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.motion.gesture_takes import BODY, GestureTake, chain, perform, wrists
from avtr_cli.evaluation.motion.takes import Dialogue, Finding, other_partner, repeated, shifted_partner, silent_avatar
from avtr_cli.motion.body.events import SETTLED
from avtr_cli.motion.body.generator import WithBody
from avtr_cli.motion.bvh import MIDDLE, PLACES, SPINE

TRIALS: dict[str, Measure] = {
    "long.hung_s": Measure("longest that a hand is away from its rest while the own voice is still, s", None, 4),
    "long.end_m": Measure("m of the farther hand from its rest, six seconds after the last word", None, 0.08),
    "long.rest_drift_m": Measure("hands at rest, last fifth of the call less the first, m", None, 0.01),
    "long.home_drift_m": Measure("raised hands, the same", None, 0.05),
    "partner.beats_of_words": Measure("beats a minute of the partner's words, the own side silent", None, 0.0),
    "partner.beats_changed": Measure("share of beats that another partner moves, hands up with both", None, 0.0),
    "partner.up_changed": Measure("share of own speech in which hands are up with one partner only"),
    "partner.trunk_changed": Measure("rms degrees between the trunks of both while the own voice is still", 0.3),
    "seat.in_thighs": Measure("share of a seated call with a hand more than 2 cm in a thigh", None, 0.005),
    "seat.in_thighs_unpinned": Measure("the same of hands that are not kept in their place"),
}
"""Needed bounds are judgements, as those of `GESTURES`."""

MINUTES, QUIET_S = 10.0, 6.0  # of the long call; of the silence at its end
AWAY_M = 0.10  # from its rest: a hand that is farther is not at rest
STILL = FPS // 2  # frames at the end of the long call over which hands must be at rest
FIFTHS = 5
INTO_THIGH_M = 0.02
KNEE = np.array([0.14, -0.03, -0.42])  # m: of a mean adult who sits, as `bvh.PLACES` tells the hip
THIGHS = (0.02, -0.67, 0.58, 20.0)  # a hand that rests on its thigh, as `Arm.rest` has it
_SPINE = slice(BODY + BODY_CHANNELS.index("spinePitch"), BODY + BODY_CHANNELS.index("spineRoll") + 1)


def trial_rows(
    generator: WithBody, dialogues: Sequence[Dialogue], seeds: Sequence[int], minutes: float = MINUTES
) -> dict[str, Finding]:
    """Every measure of TRIALS. The long call is the dialogues one after the other, with the first seed alone."""
    found = _partner(generator, dialogues, seeds) | _seat(generator, dialogues, seeds)
    return (_long(generator, dialogues, seeds[0], minutes) if minutes else {}) | found


def _long(generator: WithBody, dialogues: Sequence[Dialogue], seed: int, minutes: float) -> dict[str, Finding]:
    said = repeated(dialogues, 60 * minutes - QUIET_S).sound
    quiet = np.zeros((2, round(QUIET_S * SAMPLE_RATE)), np.float32)
    take = perform(generator, np.concatenate([said, quiet], axis=1), seed, (MEAN_ARM, MEAN_ARM))
    return {f"long.{name}": Finding(value, count=len(take.own)) for name, value in of_long(take).items()}


def of_long(take: GestureTake) -> dict[str, float]:
    """What a long take that ends in silence shows: hands that hang in the air, rest, drift."""
    at, rest = wrists(take), np.stack([place_of(arm.rest[:3]) * arm.length for arm in take.arms])
    away = np.linalg.norm(at - rest, axis=-1)
    hung = (away > AWAY_M) & ~take.own[:, None]
    fifth = len(at) // FIFTHS
    down, up = (away < AWAY_M).all(1) & ~take.up, take.up & (away > AWAY_M).all(1)
    return {
        "hung_s": max(_longest(hung[:, side]) for side in (0, 1)) / FPS,
        "end_m": float(away[-STILL:].max()),
        "rest_drift_m": _drift(at, down, fifth),
        "home_drift_m": _drift(at, up, fifth),
    }


def _longest(mask: Mask) -> int:
    """Frames of the longest stretch."""
    steps = np.diff(np.concatenate([[0], mask.astype(int), [0]]))
    return int((np.flatnonzero(steps < 0) - np.flatnonzero(steps > 0)).max(initial=0))


def _drift(at: Doubles, chosen: Mask, fifth: int) -> float:
    """How far apart the means of `chosen` frames are in the first and in the last fifth; the farther hand's."""
    first, last = chosen[:fifth], chosen[-fifth:]
    if not first.any() or not last.any():
        return float("nan")
    return float(np.linalg.norm(at[-fifth:][last].mean(0) - at[:fifth][first].mean(0), axis=-1).max())


def _partner(generator: WithBody, dialogues: Sequence[Dialogue], seeds: Sequence[int]) -> dict[str, Finding]:
    arms, pairs, minutes, words = (MEAN_ARM, MEAN_ARM), [], 0.0, 0
    for number, one in enumerate(dialogues):
        other = dialogues[(number + 1) % len(dialogues)]
        others = shifted_partner(one, 0.37) if other is one else other_partner(one, other)
        for seed in seeds:
            pairs.append(tuple(perform(generator, call.sound, seed, arms) for call in (one, others)))
            alone = perform(generator, silent_avatar(one).sound, seed, arms)
            words += len(alone.beats)
            minutes += float(alone.partner.sum()) / FPS / 60
    both = [apart(one, other) for one, other in pairs]
    changed, counted = sum(found[0] for found in both), sum(found[1] for found in both)
    own = np.concatenate([one.own for one, _ in pairs])
    up = np.concatenate([one.up != other.up for one, other in pairs])
    trunk = np.concatenate([(one.values - other.values)[:, _SPINE] for one, other in pairs])[~own]
    return {
        "partner.beats_of_words": Finding(words / minutes if minutes else float("nan"), count=words),
        "partner.beats_changed": Finding(changed / counted if counted else float("nan"), count=counted),
        "partner.up_changed": Finding(float(up[own].mean()), count=int(own.sum())),
        "partner.trunk_changed": Finding(float(np.degrees(np.sqrt((trunk**2).sum(1).mean()))), count=len(trunk)),
    }


def apart(one: GestureTake, other: GestureTake) -> tuple[int, int]:
    """Beats of either take that the other lacks, and all, where both could beat: hands up, risen, no other beat on.

    A beat that one may begin and the other may not, since its hands are still on their way, says nothing of what it
    follows.
    """
    could = _settled(one) & _settled(other)
    begun = [np.isin(np.arange(len(could)), take.beats) & could for take in (one, other)]
    return int((begun[0] != begun[1]).sum()), int(begun[0].sum() + begun[1].sum())


def _settled(take: GestureTake) -> Mask:
    """(T,): a beat may begin, since hands have been up for long enough and the last beat is over.

    In which frame of a chunk they rose is not told.
    """
    settled, risen = np.zeros(len(take.up), bool), 0
    beats, since = set(take.beats.tolist()), SETTLED
    for frame, up in enumerate(take.up):
        settled[frame] = risen >= SETTLED + CHUNK_FRAMES and since >= SETTLED
        risen, since = (risen + 1 if up else 0), (1 if frame in beats else since + 1)
    return settled


def _seat(generator: WithBody, dialogues: Sequence[Dialogue], seeds: Sequence[int]) -> dict[str, Finding]:
    found = {}
    for name, pinned in (("seat.in_thighs", True), ("seat.in_thighs_unpinned", False)):
        arm = posed(replace(MEAN_ARM, rest=np.array(THIGHS), sits=True, pinned=pinned))
        takes = [perform(generator, one.sound, seed, (arm, arm)) for one in dialogues for seed in seeds]
        deep = np.concatenate([np.maximum(*(in_thigh(take, side) for side in (0, 1))) for take in takes])
        found[name] = Finding(float((deep > INTO_THIGH_M).mean()), count=len(deep))
    return found


def in_thigh(take: GestureTake, side: int) -> Doubles:
    """(T,) m that a hand is in its thigh, which is as thick as lets the hand rest on it; told in the hips' axes.

    The spine bends at three joints, as a skeleton's does, and not at its middle, as hands are kept in place by.
    """
    arm, flip = take.arms[side], np.ones(3) if side == 0 else np.array([1.0, -1.0, -1.0])
    turns = take.values[:, _SPINE] * flip  # of a right arm's mirror image
    points = _in_hips(arm, turns, chain(take, side))
    rest = np.zeros((1, take.values.shape[1]))
    still = replace(take, values=rest)
    thick = _to_line(_in_hips(arm, np.zeros((1, 3)), chain(still, side))).min()
    deep: Doubles = thick - _to_line(points).min(0)
    return deep


def _in_hips(arm: Arm, turns: Doubles, joints: tuple[Doubles, Doubles, Doubles]) -> Doubles:
    """(3, T, 3): wrist, palm and the fingers' roots."""
    _, wrist, hand = joints
    turned, place, before = np.eye(3), np.array(PLACES["Spine"]), "Spine"
    for joint in SPINE:
        place = place + turned @ (np.array(PLACES[joint]) - np.array(PLACES[before]))
        turned, before = turned @ turn_matrix(SPINE[joint] * turns), joint
    shoulder = np.array(MIDDLE) + arm.lever - np.array(PLACES[before])
    beside = [shoulder + point for point in (wrist, 0.5 * (wrist + hand), hand)]
    return np.stack([place + (turned @ point[..., None])[..., 0] for point in beside])


def _to_line(points: Doubles) -> Doubles:
    """Metres from the line between hip and knee."""
    hip = np.array(PLACES["UpLeg"])
    along = KNEE - hip
    share = ((points - hip) @ along / (along @ along)).clip(0, 1)
    away: Doubles = np.linalg.norm(points - hip - share[..., None] * along, axis=-1)
    return away
