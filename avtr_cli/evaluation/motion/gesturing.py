"""How a whole body gestures, in numbers with bounds: whether beats meet accents, and hands rest, move and keep apart.

A beat is known by its start, read off the generator's state, and, as it is seen, by its apex: where the faster wrist
stops after a peak of speed. Chance is what the same events reach when they are moved along the take's own speech time,
silences cut out: so neither their rate nor the pauses earn anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.signal import butter, filtfilt, find_peaks

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arms import MEAN_ARM, Arm
from avtr_cli.core.arrays import Doubles, Mask, Sound
from avtr_cli.core.motion_space import BODY_CHANNELS
from avtr_cli.core.timing import CHUNK_FRAMES, FPS, SAMPLE_RATE
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.motion.gesture_takes import BODY, GestureTake, chain, perform, tips, wrists
from avtr_cli.evaluation.motion.takes import Dialogue, Finding
from avtr_cli.motion.body.events import LEAD
from avtr_cli.motion.body.generator import WithBody

GESTURES: dict[str, Measure] = {
    "gesture.beats_on_accents": Measure("beats within 80 ms of an own accent, less chance", 0.15),
    "gesture.apexes_on_accents": Measure("the same of where the faster wrist stops", 0.08),
    "gesture.offset_ms": Measure("beats after their accents, of those within 0.6 s", -80, 60),
    "gesture.offset_sd_ms": Measure("spread of that", None, 180),
    "gesture.of_shifted_voice": Measure("beats to the own voice 3.3 s later, on true accents, less chance", None, 0.05),
    "gesture.beats_speaking": Measure("beats a minute of own speech", 12, 60),
    "gesture.beats_listening": Measure("beats a minute of listening", None, 1),
    "gesture.up_speaking": Measure("share of own speech with hands up", 0.3, 0.8),
    "gesture.up_listening": Measure("share of listening with hands up, 1 s after the last own word", None, 0.08),
    "gesture.wrist_median": Measure("m/s, faster wrist, hands up and speaking", 0.08, 0.35),
    "gesture.wrist_p90": Measure("its 90th percentile", 0.45, 0.95),
    "gesture.wrist_p99": Measure("its 99th percentile", 1.0, 1.8),
    "gesture.listening_over_speaking": Measure("mean wrist speed listening / speaking", None, 0.3),
    "gesture.wrist_listening": Measure("m/s, median of the faster wrist while listening", 0.008, 0.03),
    "gesture.trunk_listening": Measure("deg/s of the trunk while listening", 0.5, 3),
    "gesture.in_trunk": Measure("share of frames with hand or forearm more than 1 cm in the trunk", None, 0.0),
    "gesture.hand_in_hand": Measure("share of frames with hands up in each other, to the finger tips", None, 0.005),
    "gesture.border_ratio": Measure("second differences of the wrists at chunk borders / inside", 0.8, 1.2),
    "gesture.seeds_r": Measure("correlation of the wrists' heights of two seeds", None, 0.6),
}
"""Needed bounds are judgements, from real takes and what a prototype reached."""

NEAR_S, WITHIN_S = 0.08, 0.6
SHIFTS, SHIFTED_S = 32, 3.3
TRUNK = (0.155, 0.126)  # m: half the width, and how far it reaches before the shoulders' line
ROUND, BREADTH = 0.028, 0.06  # m: a hand's half thickness; how near two hands' lines may come
SHOULDER_M = 0.17  # m from the middle to a shoulder


def gesture_rows(
    generator: WithBody,
    dialogues: Sequence[Dialogue],
    seeds: Sequence[int],
    arms: tuple[Arm, Arm] = (MEAN_ARM, MEAN_ARM),
) -> dict[str, Finding]:
    """Every measure of GESTURES, over all dialogues and `seeds`; `arms` are whose."""
    takes = [perform(generator, one.sound, seed, arms) for one in dialogues for seed in seeds]
    shifted = [
        perform(generator, _later(one.sound), seed, arms, judged=one.sound) for one in dialogues for seed in seeds
    ]
    found = _accents(takes) | {
        "gesture.of_shifted_voice": _on_accents(shifted, [(take.beats + LEAD) / FPS for take in shifted])
    }
    found |= _shares(takes) | _speeds(takes) | _collisions(takes)
    heights = [[wrists(take)[:, :, 1].mean(1) for take in takes[k :: len(seeds)]] for k in range(min(2, len(seeds)))]
    if len(heights) == 2:
        one, other = (np.concatenate(part) for part in heights)
        found["gesture.seeds_r"] = Finding(float(np.corrcoef(one, other)[0, 1]))
    return found


def _speed(take: GestureTake) -> Doubles:
    """(T,) m/s of the faster wrist, below 6 Hz."""
    b, a = butter(2, 6 / (FPS / 2))
    return np.asarray(
        np.linalg.norm(np.gradient(filtfilt(b, a, wrists(take), axis=0), axis=0), axis=-1).max(1) * FPS, np.float64
    )


def _apexes(take: GestureTake) -> Doubles:
    """Seconds: where the faster wrist comes to a stop after a peak, while hands are up and speak."""
    speed = _speed(take)
    found = []
    for peak in find_peaks(speed, height=0.25, distance=5, prominence=0.12)[0]:
        stop = peak
        while stop < len(speed) - 1 and speed[stop + 1] < speed[stop]:
            stop += 1
        if any(0 <= stop - beat < 3 * LEAD for beat in take.beats):
            found.append(stop / FPS)
    return np.array(found)


def _accents(takes: Sequence[GestureTake]) -> dict[str, Finding]:
    beats, apexes = _beats(takes), [_apexes(take) for take in takes]
    offsets = _offsets(beats, takes)
    near = offsets[np.abs(offsets) < WITHIN_S]
    return {
        "gesture.beats_on_accents": _on_accents(takes, beats),
        "gesture.apexes_on_accents": _on_accents(takes, apexes),
        "gesture.offset_ms": Finding(1000 * _mean(near), count=len(near)),
        "gesture.offset_sd_ms": Finding(1000 * float(near.std()) if len(near) else float("nan"), count=len(near)),
    }


def _beats(takes: Sequence[GestureTake]) -> list[Doubles]:
    """Seconds at which the beats of each should arrive."""
    return [(take.beats + LEAD) / FPS for take in takes]


def _on_accents(takes: Sequence[GestureTake], events: Sequence[Doubles]) -> Finding:
    """The share of `events` near an accent, less chance, which is told beside it."""
    hits = np.abs(_offsets(events, takes)) < NEAR_S
    moved = [list(_moved(takes, events, shift)) for shift in np.linspace(0.06, 0.94, SHIFTS)]
    chance = _mean(np.array([_mean(np.abs(_offsets(one, takes)) < NEAR_S) for one in moved]))
    return Finding(_mean(hits) - chance, chance, len(hits))


def _moved(takes: Sequence[GestureTake], events: Sequence[Doubles], shift: float) -> Iterator[Doubles]:
    """Events moved along each take's own speech by a share of it."""
    for take, seconds in zip(takes, events, strict=True):
        spoken = np.cumsum(take.speech) / RATE
        if not len(spoken) or not spoken[-1]:
            yield seconds
            continue
        at = np.interp(seconds * RATE, np.arange(len(spoken)), spoken)
        yield np.interp((at + shift * spoken[-1]) % spoken[-1], spoken, np.arange(len(spoken)) / RATE)


def _offsets(events: Sequence[Doubles], takes: Sequence[GestureTake]) -> Doubles:
    """Seconds from each event's nearest accent to it."""
    found = [
        seconds[:, None] - take.accents
        for seconds, take in zip(events, takes, strict=True)
        if len(seconds) and len(take.accents)
    ]
    nearest = [np.take_along_axis(one, np.abs(one).argmin(1)[:, None], 1)[:, 0] for one in found]
    return np.concatenate(nearest) if nearest else np.zeros(0)


def _shares(takes: Sequence[GestureTake]) -> dict[str, Finding]:
    own, listening = (np.concatenate([getattr(take, name) for take in takes]) for name in ("own", "listening"))
    up = np.concatenate([take.up for take in takes])
    begun = np.concatenate([np.isin(np.arange(len(take.own)), take.beats) for take in takes])
    heard = own | np.concatenate([_soon(take.own) for take in takes])
    return {
        "gesture.beats_speaking": Finding(_rate(begun[heard], own), count=int(own.sum())),
        "gesture.beats_listening": Finding(_rate(begun[listening], listening), count=int(listening.sum())),
        "gesture.up_speaking": Finding(_mean(up[own]), count=int(own.sum())),
        "gesture.up_listening": Finding(_mean(up[listening]), count=int(listening.sum())),
    }


def _soon(own: Mask) -> Mask:
    """Frames from which a beat still meets the own voice."""
    return np.asarray(np.convolve(own[::-1], np.ones(2 * LEAD), "full")[: len(own)][::-1] > 0)


def _rate(begun: Mask, time: Mask) -> float:
    minutes = time.sum() / FPS / 60
    return float(begun.sum() / minutes) if minutes else float("nan")


def _speeds(takes: Sequence[GestureTake]) -> dict[str, Finding]:
    speed = np.concatenate([_speed(take) for take in takes])
    talking, listening = (np.concatenate([getattr(take, name) for take in takes]) for name in ("speaking", "listening"))
    own = np.concatenate([take.own for take in takes])
    spine = slice(BODY + BODY_CHANNELS.index("spinePitch"), BODY + BODY_CHANNELS.index("spineRoll") + 1)
    trunk = np.concatenate(
        [np.degrees(np.linalg.norm(np.gradient(take.values[:, spine], axis=0), axis=1)) * FPS for take in takes]
    )
    bends = [np.abs(np.diff(wrists(take).reshape(len(take.own), -1), n=2, axis=0)).mean(1) for take in takes]
    border = np.concatenate([np.isin((np.arange(len(bend)) + 2) % CHUNK_FRAMES, (0, 1)) for bend in bends])
    bent = np.concatenate(bends)
    found = {
        "gesture.wrist_median": _percentile(speed[talking], 50),
        "gesture.wrist_p90": _percentile(speed[talking], 90),
        "gesture.wrist_p99": _percentile(speed[talking], 99),
        "gesture.listening_over_speaking": _mean(speed[listening]) / max(_mean(speed[own]), 1e-9),
        "gesture.wrist_listening": _percentile(speed[listening], 50),
        "gesture.trunk_listening": _mean(trunk[listening]),
        "gesture.border_ratio": _mean(bent[border]) / max(_mean(bent[~border]), 1e-12),
    }
    return {name: Finding(value, count=len(speed)) for name, value in found.items()}


def _collisions(takes: Sequence[GestureTake]) -> dict[str, Finding]:
    deep = np.concatenate([np.maximum(_in_trunk(take, 0), _in_trunk(take, 1)) for take in takes])
    up = np.concatenate([take.up for take in takes])
    near = np.concatenate([_hands_apart(take) < BREADTH for take in takes])
    return {
        "gesture.in_trunk": Finding(_mean(deep > 0.01), count=len(deep)),
        "gesture.hand_in_hand": Finding(_mean(near[up]), count=int(up.sum())),
    }


def _in_trunk(take: GestureTake, side: int) -> Doubles:
    """(T,) m that a hand or forearm is in an upright column with the trunk's outline."""
    elbow, wrist, hand = chain(take, side)
    lines = [(elbow, wrist, (0.5, 0.75, 1.0)), (wrist, hand, (0.5, 1.0))]
    points = [one + share * (other - one) for one, other, shares in lines for share in shares]
    depths = []
    for point in points:
        aside, before = (point[:, 0] + SHOULDER_M) / TRUNK[0], point[:, 2] / TRUNK[1]
        inside = (1 - np.hypot(aside, before)) * TRUNK[1] + ROUND
        depths.append(np.where((point[:, 1] > 0.02) & (point[:, 1] < 0.48), inside, -1.0))
    deepest: Doubles = np.maximum.reduce(depths)
    return deepest


def _hands_apart(take: GestureTake) -> Doubles:
    """(T,) m between the two hands' lines, from the wrists to the finger tips."""
    shares = np.linspace(0, 1, 8)[:, None, None]
    lines = []
    for side in (0, 1):
        _, wrist, _ = chain(take, side)
        line = wrist + shares * (tips(take, side) - wrist) + np.array([SHOULDER_M, 0, 0])
        lines.append(line * (1 if side == 0 else np.array([-1.0, 1.0, 1.0])))
    apart: Doubles = np.linalg.norm(lines[0][:, None] - lines[1][None], axis=-1).min((0, 1))
    return apart


def _later(sound: Sound) -> Sound:
    """The avatar's voice moved on, the partner's as it was."""
    return np.stack([np.roll(sound[0], int(SHIFTED_S * SAMPLE_RATE)), sound[1]])


def _mean(values: Doubles | Mask) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _percentile(values: Doubles, share: float) -> float:
    return float(np.percentile(values, share)) if len(values) else float("nan")
