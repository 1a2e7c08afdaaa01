"""Chances into gestures, frame by frame: which begins now, by numbers that were drawn for this very frame.

Hands rise and sink by hazards; beats come a frame after the chance of an accent was at its top, above a level that is
drawn anew each frame: that is sharper than a hazard that smears over its bump. People raise their hands early and beat
small, and so it is here: from gesture space a beat needs no more warning than the look-ahead gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.types import BODY_CUES, Cue
from avtr_cli.motion.body import hands as drawing
from avtr_cli.motion.body.events import BEATS, BETWEEN_BEATS, EVENTS, REFRACTORY, SETTLED
from avtr_cli.motion.body.hands import Hands, Manner
from avtr_cli.motion.body.heads import SINCE_LONGEST

NUMBERS = 2 * len(EVENTS) + 2 * drawing.NUMBERS  # uniform numbers that one frame takes
LEVELS = (0.25, 0.50)  # between which the level lies that the chance of an accent has to cross
PALMS_UP, EMPHATIC, SURE = 0.07, 0.30, 0.6  # shares of beats; emphatic ones where the chance is at least so
POINTS = 0.01  # share of beats: no hazard, since those hear the partner too, who moves nobody's beats
KEPT = 0.98  # of the beats of somebody average
SPEAKS = 0.3  # of the voice flag, from which there is something to beat to
GIVEN_UP = 30  # frames of own silence after which hands go down: a raised hand must not hang in the air
WORD_TAKEN = 12  # the same where the partner speaks: who has lost the word listens with hands down
RISEN = 20  # frames that they stay up at least
TALKED_TO = 0.12  # odds of a raise while only the partner speaks
PAUSE = 20  # frames of own silence that end its talk
TELLING, EAGER = (
    50,
    2.5,
)  # frames of talk without hands from which they rise so much likelier: nobody tells long without

Hazards = Callable[[int, Floats, bool], Doubles]
"""(frame of the chunk, frames since each event, whether hands are up) -> chances (8,)."""

_ROW = {event: row for row, event in enumerate(EVENTS)}
_BEAT_ROWS = [_ROW[event] for event in BEATS]


@dataclass
class Clock:
    """since (8,) frames each event; frames of the own voice's silence and of its talk so far, and since hands rose."""

    since: Floats
    quiet: int
    talked: int
    risen: int

    @classmethod
    def unset(cls) -> Clock:
        """Before the first chunk."""
        return cls(np.full(len(EVENTS), SINCE_LONGEST, np.float32), int(SINCE_LONGEST), 0, 0)

    def tick(self, speaks: bool) -> None:
        """A frame is over."""
        self.since = np.minimum(self.since + 1, SINCE_LONGEST).astype(np.float32)
        self.quiet = 0 if speaks else min(self.quiet + 1, int(SINCE_LONGEST))
        self.talked = 0 if self.quiet > PAUSE else min(self.talked + 1, int(SINCE_LONGEST))
        self.risen = min(self.risen + 1, int(SINCE_LONGEST))


@dataclass(frozen=True)
class Heard:
    """What one chunk tells: own and partner's voice (5,), 0 .. 1, and the hazards.

    accent (6,): chances, 0 .. 1, of an accent ahead of the frame before the chunk, and of the chunk's own.
    """

    own: Doubles
    partner: Doubles
    accent: Doubles
    hazards: Hazards


def decide(
    hands: Hands, clock: Clock, frame: int, heard: Heard, numbers: Doubles, manner: Manner, liveliness: float,
    shift: Callable[[Doubles], None],
) -> tuple[str, ...]:  # fmt: skip
    """The events that begin in `frame` of the chunk, led into `hands` and `clock`; `shift` does those of posture.

    `numbers` (NUMBERS,) are uniform; `liveliness` multiplies how likely hands rise.
    """
    chance, later = numbers[: len(EVENTS)], numbers[len(EVENTS) : 2 * len(EVENTS)]
    drawn = numbers[2 * len(EVENTS) :][: drawing.NUMBERS]
    up, own = bool(hands.raised), float(heard.own[frame])
    voice_in_chunk = float(heard.own.max())
    hazard = heard.hazards(frame, clock.since, up)
    hazard = np.where(clock.since >= [REFRACTORY[event] for event in EVENTS], hazard, 0.0)
    begun: list[str] = []

    def start(event: str) -> None:
        clock.since[_ROW[event]] = 0.0
        begun.append(event)

    if chance[_ROW["shift"]] < hazard[_ROW["shift"]]:
        shift(drawn)
        start("shift")
    if liveliness == 0 or not hands.free:
        return tuple(begun)
    taken = heard.partner[frame] > 0.5 and voice_in_chunk < SPEAKS
    given_up = clock.quiet >= (WORD_TAKEN if taken else GIVEN_UP)
    if up and (given_up or chance[_ROW["rest"]] < hazard[_ROW["rest"]]) and clock.risen >= RISEN:
        drawing.begin(hands, "rest", drawn, manner)
        start("rest")
    elif not up and chance[_ROW["raise"]] < liveliness * _occasion(heard, frame, clock) * hazard[_ROW["raise"]]:
        drawing.begin(hands, "raise", drawn, manner)
        clock.risen = 0
        start("raise")
    elif not up and max(own, voice_in_chunk) < 0.5 and chance[_ROW["adaptor"]] < hazard[_ROW["adaptor"]]:
        drawing.begin(hands, "adaptor", drawn, manner)
        start("adaptor")
    elif (
        up and clock.risen >= SETTLED and max(own, voice_in_chunk) >= SPEAKS
        and (beat := _beat(clock, heard.accent[frame : frame + 2], later, manner))
    ):  # fmt: skip
        drawing.begin(hands, beat, drawn, manner)
        start(beat)
    return tuple(begun)


def _occasion(heard: Heard, frame: int, clock: Clock) -> float:
    """How much there is to raise hands for: little while somebody else speaks and oneself is not about to."""
    if heard.partner[frame] > 0.5 and heard.own.max() < 0.5:
        return TALKED_TO
    return EAGER if clock.talked > TELLING else 1.0


def _rested(clock: Clock) -> bool:
    return bool(clock.since[_BEAT_ROWS].min() >= BETWEEN_BEATS)


def _beat(clock: Clock, accents: Doubles, numbers: Doubles, manner: Manner) -> str:
    """Which beat begins, if any: by the own voice alone. `accents` (2,) are chances at the frame before and at this.

    It waits until the chance falls: chances are bumps of three frames that cross the level before their tops, and their
    tops come a frame and a half early.
    """
    level, kind, large, kept = numbers[:4]
    low, high = LEVELS
    accent, now = map(float, accents)
    if now > accent or not _rested(clock):
        return ""
    if accent <= low + (high - low) * level or kept >= KEPT * np.exp(0.2 * manner.lively):
        return ""
    if kind < PALMS_UP:
        return "palmup" if clock.since[_ROW["palmup"]] >= REFRACTORY["palmup"] else "stroke"
    if kind < PALMS_UP + POINTS:
        return "deictic" if clock.since[_ROW["deictic"]] >= REFRACTORY["deictic"] else "stroke"
    if accent >= SURE and large < EMPHATIC * np.exp(0.2 * manner.size):
        return "emphatic" if clock.since[_ROW["emphatic"]] >= REFRACTORY["emphatic"] else "stroke"
    return "stroke"


def do_cues(hands: Hands, clock: Clock, frame: int, asked: Sequence[Cue], numbers: Doubles, manner: Manner) -> None:
    """The cues of the body that are due in `frame`, counted from the call's start."""
    for cue in asked:
        if cue.frame == frame and cue.name in BODY_CUES:
            drawn = numbers[2 * len(EVENTS) + drawing.NUMBERS :]
            drawing.begin(hands, cue.name, drawn, manner, cue.strength)
            clock.since[_BEAT_ROWS] = 0.0
            clock.since[_ROW["raise"]] = clock.since[_ROW["adaptor"]] = 0.0
