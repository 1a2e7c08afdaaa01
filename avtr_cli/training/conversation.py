"""Utterances of two voices into a simulated call: who speaks when, with gaps, overlaps and feedback.

A turn is 1-4 utterances; the gap to the next turn is N(200, 350) ms, clipped, with 15 % long ones, which
gives the overlaps and quick answers of real talk (Stivers et al. 2009; Heldner & Edlund 2010). In inner
pauses the listener may give a feedback word. A third of the calls have one voice only, a few none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import soxr

from avtr_cli.core.arrays import Floats, Sound
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.training.speech import Utterance

ONE_SIDED, SILENT = 0.30, 0.04  # shares of calls; the rest are dialogues
NATURAL = {"kokoro": 8.0, "mixed": 8.0, "talkie": 16.0}
"""Voices that are people's or nearest to them: how often they speak, where any other engine counts 1."""


@dataclass
class Side:
    """What one side of a call says: clean samples, its phones and its units, all in seconds of the call."""

    samples: Sound
    phones: list[Floats] = field(default_factory=list)
    units: list[tuple[float, float, bool]] = field(default_factory=list)  # start, end, is a feedback word
    foreign: bool = False  # as `Utterance.foreign`

    def say(self, utterance: Utterance, at: float, factor: float, gain: float) -> float:
        """Place an utterance, stretched by `factor`; returns its end. What passes the call's end is cut."""
        spoken = utterance.samples
        if abs(factor - 1) > 1e-3:
            spoken = soxr.resample(spoken, SAMPLE_RATE, SAMPLE_RATE * factor, quality="MQ")
        start = int(at * SAMPLE_RATE)
        room = len(self.samples) - start
        if room <= 0:
            return at
        cut = spoken[:room] * gain
        self.samples[start : start + len(cut)] += cut
        rows = utterance.phones.copy()
        rows[:, 1:] = rows[:, 1:] * factor + at
        self.phones.append(rows[rows[:, 1] < len(self.samples) / SAMPLE_RATE])
        self.foreign |= utterance.foreign
        voiced = rows[rows[:, 0] > 0]
        end = at + len(spoken) / SAMPLE_RATE
        if len(voiced):
            self.units.append((float(voiced[0, 1]), float(voiced[-1, 2]), utterance.feedback))
        return end

    @property
    def phone_rows(self) -> Floats:
        """(phone, start s, end s) of the whole side, float32 (n, 3)."""
        return np.concatenate(self.phones) if self.phones else np.zeros((0, 3), np.float32)


@dataclass(frozen=True)
class _Speaker:
    """One voice in one call: its sentences, its feedback words, how fast and high, how loud."""

    sentences: list[Utterance]
    feedback: list[Utterance]
    factor: float
    gain: float

    def sentence(self, rng: np.random.Generator) -> Utterance:
        return self.sentences[rng.integers(len(self.sentences))]


def simulate(
    corpus: dict[str, list[Utterance]],
    seconds: float,
    rng: np.random.Generator,
    sides: int | None = None,
    chosen: tuple[str, str] | None = None,
    factors: tuple[float, float] | None = None,
) -> tuple[Side, Side]:
    """A call between two voices of the corpus; `sides` forces 0, 1 or 2 speaking sides.

    `chosen` names the two voices and `factors` stretches them; both are drawn where they are not given.
    """
    count = int(seconds * SAMPLE_RATE)
    call = (Side(np.zeros(count, np.float32)), Side(np.zeros(count, np.float32)))
    names = chosen or tuple(_voice(corpus, rng) for _ in call)
    speakers = [_speaker(corpus[name], rng, factors and factors[k]) for k, name in enumerate(names)]
    draw = rng.random()
    if sides is None:
        sides = 0 if draw < SILENT else 1 if draw < SILENT + ONE_SIDED else 2
    if sides == 1:
        _monologue(call[rng.integers(2)], speakers[0], seconds, rng)
    elif sides == 2:
        _dialogue(call, speakers, seconds, rng)
    return call


def _voice(corpus: dict[str, list[Utterance]], rng: np.random.Generator) -> str:
    """A voice's name: every engine as often as another, whatever its number of voices; those of `NATURAL` oftener.

    Within an engine a voice with four times the lines speaks twice as often: neither are a few lines worn out, nor
    many left unheard.
    """
    engines = sorted({name.split("-")[0] for name in corpus})
    share = np.array([NATURAL.get(name, 1.0) for name in engines])
    engine = engines[rng.choice(len(engines), p=share / share.sum())]
    pool = sorted(name for name in corpus if name.startswith(engine))
    lines = np.sqrt([len(corpus[name]) for name in pool])
    return pool[rng.choice(len(pool), p=lines / lines.sum())]


def _speaker(utterances: list[Utterance], rng: np.random.Generator, factor: float | None) -> _Speaker:
    sentences = [u for u in utterances if not u.feedback]
    feedback = [u for u in utterances if u.feedback] or sentences[:1]
    return _Speaker(
        sentences, feedback, factor or float(rng.uniform(0.84, 1.2)), float(10 ** (rng.uniform(-3, 3) / 20))
    )


def _pause(rng: np.random.Generator) -> float:
    """Between utterances of one turn: log-normal, median 250 ms; 12 % are long, as when thinking."""
    median = 0.9 if rng.random() < 0.12 else 0.25
    return float(np.clip(rng.lognormal(np.log(median), 0.55), 0.08, 3.0))


def _monologue(side: Side, speaker: _Speaker, seconds: float, rng: np.random.Generator) -> None:
    at = float(rng.uniform(0.2, 2.5))
    while at < seconds - 0.5:
        at = side.say(speaker.sentence(rng), at, speaker.factor, speaker.gain) + _pause(rng)
        if rng.random() < 0.12:
            at += float(rng.uniform(1.5, 5.0))


def _dialogue(call: tuple[Side, Side], speakers: list[_Speaker], seconds: float, rng: np.random.Generator) -> None:
    at, speaking = float(rng.uniform(0.1, 1.5)), int(rng.integers(2))
    while at < seconds - 0.5:
        own, other = call[speaking], call[1 - speaking]
        utterances = int(rng.choice([1, 2, 3, 4, 7], p=[0.36, 0.28, 0.18, 0.1, 0.08]))
        for index in range(utterances):
            at = own.say(speakers[speaking].sentence(rng), at, speakers[speaking].factor, speakers[speaking].gain)
            if at >= seconds - 0.5:
                return
            if index < utterances - 1:
                if rng.random() < 0.25:
                    listener = speakers[1 - speaking]
                    word = listener.feedback[rng.integers(len(listener.feedback))]
                    other.say(word, at + rng.uniform(-0.1, 0.25), listener.factor, 0.8 * listener.gain)
                at += _pause(rng)
        gap = rng.normal(0.2, 0.35) if rng.random() > 0.15 else rng.uniform(0.8, 2.5)
        at = max(at + float(np.clip(gap, -0.6, 2.5)), 0.0)
        speaking = 1 - speaking
