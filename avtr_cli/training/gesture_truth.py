"""When a body's gestures begin, with full knowledge of a call: the truth that the heads of gestures learn.

By rule, from prosody, as the face's behaviour is; rates and delays are those of people who talk. A gesture unit goes
with a group of phrases; hands are up before the first accent, so that beats can meet accents; between groups they rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import Doubles, Mask, Reals
from avtr_cli.core.timing import FPS
from avtr_cli.motion.body.events import BEATS, BETWEEN_BEATS, EVENTS, LEAD, REFRACTORY
from avtr_cli.motion.body.heads import STYLE
from avtr_cli.training.prosody import Prosody, accent_strengths

PHRASE, PAUSE = 0.5, 0.8  # s: of a phrase at least; of a pause that a gesture unit goes on over
RAISED, LONG_ENOUGH = 0.72, 1.2  # share of groups that hands are up for, and s over which it is reached
STRONG, STRONG_BEATS = 65, 0.5  # percentile of accents, and the share of those above it that get an emphatic beat
BEATEN, LAST_S, LAST_PALMS = 0.85, 0.5, 0.28  # of the other accents; of those in a phrase's last s, palms turn up

RATES = {"raise": 3.7, "stroke": 28.5, "emphatic": 4.9, "palmup": 1.9, "deictic": 0.2, "shift": 2.8}
"""A minute of own speech: what the rules gave on the calls that they were made on."""
UP = 0.59  # share of own speech with hands up, there
NEAR_S = 0.6  # s of an accent within which a beat counts as its own

Unit = tuple[float, float]


@dataclass(frozen=True)
class GestureTruth:
    """starts bool (T, 8) in the order of EVENTS; bool (T,) each: up (hands are in gesture space), accents, speech."""

    starts: Mask
    up: Mask
    accents: Mask
    speech: Mask


def place_gestures(own: Prosody, partner: Prosody, frames: int, style: Reals, rng: np.random.Generator) -> GestureTruth:
    """One side's gestures in one call; `style` (3,) as `heads.STYLE`, in +-2."""
    manner = dict(zip(STYLE, map(float, style), strict=True))
    raised, events = _raises(own, manner["lively"], rng)
    events += _beats(own, raised, manner, rng)
    events += _shifts(own, partner, frames / FPS, manner["posture"], rng)
    events += _adaptors(own, raised, frames / FPS, rng)
    return _laid_down(events, own, frames)


def _groups(prosody: Prosody) -> list[list[Unit]]:
    """Phrases that one gesture unit can span: pauses between them are short."""
    groups: list[list[Unit]] = []
    for start, end, feedback, _ in prosody.units:
        if feedback or end - start <= PHRASE:
            continue
        if groups and start - groups[-1][-1][1] < PAUSE:
            groups[-1].append((start, end))
        else:
            groups.append([(start, end)])
    return groups


def _raises(own: Prosody, lively: float, rng: np.random.Generator) -> tuple[list[Unit], list[tuple[float, str]]]:
    """When hands are up, and the events that begin and end it."""
    raised: list[Unit] = []
    events = []
    for group in _groups(own):
        start, end = group[0][0], group[-1][1]
        share = min(0.95, RAISED * float(np.exp(0.35 * lively)) * (1 - np.exp(-(end - start) / LONG_ENOUGH)))
        if end - start < PAUSE or rng.random() > share:
            continue
        accents = own.accents[(own.accents > start - 0.05) & (own.accents < end)]
        first = start + rng.uniform(-0.2, 0.35)
        if len(accents) and rng.random() < 0.5:
            first = max(start - 0.25, accents[0] - rng.uniform(0.5, 0.75))
        last = end + rng.uniform(0.05, 0.5)
        begin = max(first, raised[-1][1] + 0.4 if raised else first)
        while begin < last - 0.6:  # in a long group they may sink in between
            until = last if rng.random() < 0.6 else min(last, begin + rng.lognormal(np.log(5.0), 0.5))
            raised.append((begin, until))
            events += [(begin, "raise"), (until, "rest")]
            begin = until + rng.uniform(1.0, 2.5)
    return raised, events


def _beats(
    own: Prosody, raised: list[Unit], manner: dict[str, float], rng: np.random.Generator
) -> list[tuple[float, str]]:
    """On accents while hands are up, each so early that it meets its accent."""

    def up(second: float) -> bool:
        return any(start + 0.35 <= second < end - 0.05 for start, end in raised)

    strengths = accent_strengths(own)
    strong = np.percentile(strengths, STRONG) if len(strengths) else 0.0
    ends = [end for group in _groups(own) for _, end in group]
    events = []
    for accent, strength in zip(own.accents, strengths, strict=True):
        if not up(accent - 0.2):
            continue
        if any(0 < end - accent < LAST_S for end in ends) and rng.random() < LAST_PALMS:
            events.append((accent - 0.24 + rng.normal(0, 0.03), "palmup"))
        elif strength >= strong and rng.random() < STRONG_BEATS * np.exp(0.2 * manner["size"]):
            events.append((accent - 0.24 + rng.normal(0, 0.03), "emphatic"))
        elif rng.random() < min(0.96, BEATEN * np.exp(0.25 * manner["lively"])):
            events.append((accent - 0.20 + rng.normal(0, 0.025), "stroke"))
    for group in _groups(own):
        if rng.random() < 0.07 and up(group[0][0] + 0.5):
            events.append((group[0][0] + rng.uniform(0.35, 0.6), "deictic"))
    return events


def _shifts(
    own: Prosody, partner: Prosody, seconds: float, posture: float, rng: np.random.Generator
) -> list[tuple[float, str]]:
    """Of posture, at the beginnings of what both say, and in between."""
    oftener = float(np.exp(0.3 * posture))
    events = [(group[0][0] + rng.normal(-0.15, 0.2), "shift") for group in _groups(own) if rng.random() < 0.3 * oftener]
    events += [
        (group[0][0] + rng.uniform(0.3, 1.2), "shift") for group in _groups(partner) if rng.random() < 0.14 * oftener
    ]
    second = rng.exponential(40)
    while second < seconds:
        events.append((second, "shift"))
        second += rng.exponential(45 / oftener)
    return events


def _adaptors(own: Prosody, raised: list[Unit], seconds: float, rng: np.random.Generator) -> list[tuple[float, str]]:
    """Touches of oneself, while hands rest and the own voice does."""
    events = []
    second = rng.exponential(60)
    while second < seconds:
        speaks = own.speech[min(int(second * RATE), len(own.speech) - 1)]
        if not speaks and not any(start - 0.8 < second < end + 0.9 for start, end in raised):
            events.append((second, "adaptor"))
        second += rng.exponential(55)
    return events


def _laid_down(events: list[tuple[float, str]], own: Prosody, frames: int) -> GestureTruth:
    """Events on frames, as far apart as their kinds demand."""
    starts, following = np.zeros((frames, len(EVENTS)), bool), np.zeros(len(EVENTS), int)
    next_beat = 0
    for second, event in sorted(events):
        frame, row = round(second * FPS), EVENTS.index(event)
        if not 0 <= frame < frames or frame < following[row] or (event in BEATS and frame < next_beat):
            continue
        starts[frame, row] = True
        following[row] = frame + REFRACTORY[event]
        if event in BEATS:
            next_beat = frame + BETWEEN_BEATS
    up, now = np.zeros(frames, bool), False
    for frame in range(frames):
        now = (now or bool(starts[frame, EVENTS.index("raise")])) and not starts[frame, EVENTS.index("rest")]
        up[frame] = now
    accents = np.zeros(frames, bool)
    accents[[at for at in (own.accents * FPS).astype(int) if at < frames]] = True
    speech = np.interp(np.arange(frames) / FPS, np.arange(len(own.speech)) / RATE, own.speech) > 0.5
    return GestureTruth(starts, up, accents, speech)


def rates_of(truths: Sequence[GestureTruth]) -> dict[str, float]:
    """How often each event begins in a minute of own speech, `up` as a share of it, and beats against their accents.

    `apex_ms`, `apex_sd_ms`: of where beats should stop, LEAD frames after they begin, beside the nearest accent.
    """
    minutes = sum(int(truth.speech.sum()) for truth in truths) / FPS / 60
    begun = np.sum([truth.starts.sum(0) for truth in truths], axis=0)
    found = {event: float(begun[EVENTS.index(event)] / minutes) for event in EVENTS}
    found["up"] = sum(int((truth.up & truth.speech).sum()) for truth in truths) / (60 * FPS * minutes)
    rows, apart = [EVENTS.index(event) for event in BEATS], []
    for truth in truths:
        accents, beats = np.flatnonzero(truth.accents), np.flatnonzero(truth.starts[:, rows].any(1)) + LEAD
        if len(accents):
            apart += [int(beat - accents[np.abs(accents - beat).argmin()]) for beat in beats]
    near = 1000 / FPS * np.array([one for one in apart if abs(one) < NEAR_S * FPS])
    return found | {"apex_ms": float(near.mean()), "apex_sd_ms": float(near.std())}


def draw_style(rng: np.random.Generator) -> Doubles:
    """(3,): who gestures so."""
    return np.clip(rng.standard_normal(len(STYLE)), -2, 2)
