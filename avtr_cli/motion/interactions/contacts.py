"""What a touch does to the skin from frame to frame: dent, drag, push, blush, and the flesh that swings back.

How believable dents, drags and marks look was tried on photos; no measurement of skin is behind the numbers. They hold
for a cheek; `GIVES` says what other places take of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.interaction import NO_CONTACT, Contact, Interaction
from avtr_cli.core.timing import FPS
from avtr_cli.motion.interactions.beats import lift

ENDS = 6 * FPS  # frames after which even a red mark is gone
LEAST_MARK = 0.004  # of redness: less is not drawn
LEAST_SWING = 1e-3  # of a push: flesh that swings less is at rest
FALL, FALL_SUDDEN = 0.22, 0.10  # s in which skin comes back
SUDDEN = ("slap", "punch", "tap")
SWING, SWING_S, SWING_HZ = 0.45, 0.09, 7.5  # of the push, that flesh swings back by; how soon it rests; how quick it is
MARK_AFTER, MARK_RISE, MARK_HOLD, MARK_FALL = 0.06, 0.5, 0.8, 3.6  # s of a red mark
SIDE_BEGINS = 0.06  # EO from the nose: nearer, a touch comes from the front
WANDERS = 0.16  # EO to and fro, that a stroking hand goes
HARDEST_PINCH = 1.2  # strength above which skin is drawn together no further: it would fold


@dataclass(frozen=True)
class Kind:
    """One way to touch skin, lengths in EO, `seconds` and `rise` of the contact in s."""

    width: float
    pinch: float
    shade: float
    seconds: float
    rise: float = 0.08
    red: float = 0.0  # while it is touched
    mark: float = 0.0  # that stays for some seconds
    mark_width: float = 0.0  # 0: a quarter wider than the dent
    drag: float = 0.0  # to and fro
    hertz: float = 0.0
    push: float = 0.0  # away


KINDS = {
    "touch": Kind(0.095, 0.10, 0.45, 0.90, red=0.10),
    "press": Kind(0.120, 0.27, 0.90, 0.80, red=0.06, mark=0.06),
    "tap": Kind(0.080, 0.22, 0.70, 0.13, rise=0.04, red=0.03, push=0.012),
    "poke": Kind(0.085, 0.42, 0.80, 0.32, rise=0.06, red=0.06, mark=0.14, push=0.034),
    "kiss": Kind(0.100, 0.16, 0.30, 0.55, rise=0.12, red=0.06, mark=0.12),
    "stroke": Kind(0.110, 0.05, 0.30, 1.60, rise=0.20, red=0.08, drag=0.055, hertz=0.62),
    "pat": Kind(0.160, 0.06, 0.40, 0.95, rise=0.06, hertz=3.2, push=0.045),
    "tickle": Kind(0.060, 0.08, 0.40, 1.30, rise=0.10, red=0.06, drag=0.030, hertz=6.0),
    "scratch": Kind(0.050, 0.04, 0.35, 0.80, rise=0.06, red=0.30, mark=0.35, drag=0.050, hertz=3.5),
    "pinch": Kind(0.095, 0.33, 0.70, 0.75, rise=0.12, red=0.35, mark=0.30, push=0.075),
    "slap": Kind(0.230, 0.02, 0.30, 0.11, rise=0.03, red=0.08, mark=0.42, mark_width=0.20, push=0.110),
    "punch": Kind(0.200, 0.20, 0.60, 0.13, rise=0.03, red=0.10, mark=0.38, push=0.120),
    "push": Kind(0.200, 0.06, 0.40, 0.45, red=0.05, push=0.060),
    "blow": Kind(0.300, 0.00, 0.00, 0.90, rise=0.15, drag=0.022, hertz=7.0),
}
"""By the name that interaction.WORDS give them."""


@dataclass(frozen=True)
class Give:
    """How a place takes a touch: factors of a `Kind`."""

    pinch: float = 1.0
    shade: float = 1.0
    red: float = 1.0
    mark: float = 1.0
    drag: float = 1.0
    push: float = 1.0
    width: float = 1.0


SKIN = Give()
_BONE = Give(pinch=0.5, shade=0.6, red=0.4, mark=0.7, drag=0.8, push=0.35)  # thin skin on a forehead
_EYE = Give(pinch=0.35, shade=0.5, red=0.5, drag=0.4, push=0.3, width=0.8)
_CLOTH = Give(pinch=0.45, shade=0.4, red=0.0, mark=0.0, drag=0.6, push=0.6, width=1.5)
GIVES = {
    "hair": Give(pinch=0.35, shade=0.35, red=0.0, mark=0.0, drag=1.7, width=1.25),
    "forehead": _BONE, "brow": _BONE, "eye": _EYE, "nose": Give(pinch=0.7, red=0.5, mark=0.5, push=0.9, width=0.8),
    # The mouth's inside knows nothing of the touch: its lips must not be taken along far.
    "mouth": Give(pinch=0.7, shade=0.6, red=0.5, mark=0.3, drag=0.5, push=0.45, width=0.8),
    "chin": Give(mark=0.7, width=0.85), "ear": Give(pinch=0.6, push=1.1, width=0.9),
    "hand": Give(pinch=0.6, drag=0.6, push=0.4), "shoulder": _CLOTH, "arm": _CLOTH, "chest": _CLOTH, "abdomen": _CLOTH,
    "legs": _CLOTH,
}  # fmt: skip
KISS_ON_BONE = 0.6  # of its shade and blush there: on a forehead both together are a smudge


def contacts(touches: Sequence[Interaction], first: int, frames: int) -> tuple[tuple[Contact, ...], ...]:
    """The contacts of the frames `first` .. `first` + `frames`, or () where the skin is at rest in all of them."""
    found = [tuple(one for touch in touches if (one := contact(touch, first + at)) is not None) for at in range(frames)]
    return tuple(found) if any(found) else ()


def contact(touch: Interaction, frame: int) -> Contact | None:
    """What `touch` does to the skin at `frame`; None where that is nothing: before it, after it, beside the person."""
    if touch.word.kind == NO_CONTACT or not touch.regions or not 0 <= frame - touch.frame < ENDS:
        return None
    kind, place = KINDS[touch.word.kind], touch.region.rpartition("_")[2]
    give = GIVES.get(place, SKIN)
    t = (frame - touch.frame + 0.5) / FPS
    on = _lift(t, kind.rise, kind.seconds - kind.rise, FALL_SUDDEN if touch.word.kind in SUDDEN else FALL)
    shift_x, shift_y = _shift(touch, kind, give, t, on)
    strength = touch.strength
    beat = 0.5 - 0.5 * math.cos(2 * math.pi * kind.hertz * t) if touch.word.kind == "pat" else 1.0
    faint = KISS_ON_BONE if touch.word.kind == "kiss" and give is _BONE else 1.0
    mark = give.mark * kind.mark * strength * faint * _lift(t - MARK_AFTER, MARK_RISE, MARK_HOLD, MARK_FALL)
    if not on and mark <= LEAST_MARK and not shift_x and not shift_y:
        return None
    wanders = WANDERS * math.sin(2 * math.pi * kind.hertz * t) if touch.word.kind == "stroke" and on else 0.0
    wanders *= 0.3 if place == "mouth" else 1.0
    return Contact(
        x=touch.x,
        y=touch.y,
        below=wanders,
        width=kind.width * give.width,
        pinch=give.pinch * kind.pinch * min(strength, HARDEST_PINCH) * beat * on,
        shift_x=shift_x * strength,
        shift_y=shift_y * strength,
        shade=give.shade * kind.shade * strength * beat * on * faint,
        red=give.red * kind.red * strength * on * faint + mark,
        red_width=kind.mark_width or 1.25 * kind.width,
    )


def _shift(touch: Interaction, kind: Kind, give: Give, t: float, on: float) -> tuple[float, float]:
    """How far the skin is taken along at `t` s, EO to the right of the picture and down, at strength 1."""
    name, phase = touch.word.kind, 2 * math.pi * kind.hertz * t
    side = math.copysign(1.0, touch.aside) if abs(touch.aside) > SIDE_BEGINS else 0.0
    drag, push = give.drag * kind.drag * on, give.push * kind.push
    if name == "stroke":
        return 0.35 * side * drag * math.sin(phase), 0.94 * drag * math.sin(phase)
    if name == "scratch":
        return 0.6 * drag * math.sin(phase), 0.8 * drag * math.sin(phase)
    if name == "tickle":
        return 0.8 * drag * math.sin(phase), 0.6 * drag * math.sin(phase)
    if name == "blow":  # away from the middle, and fluttering
        flutter = drag * (0.9 + 0.5 * math.sin(phase))
        return (side or 1.0) * flutter, 0.2 * flutter
    if name == "pat":
        return 0.0, push * on * (0.5 - 0.5 * math.cos(phase))
    if name == "pinch":  # outwards and a little down
        return 0.8 * (side or 0.3) * push * on, 0.55 * push * on
    if not push:
        return 0.0, 0.0
    pushed, after = push * on, t - kind.seconds
    if name in ("slap", "punch") and after > 0 and (swings := math.exp(-after / SWING_S)) > LEAST_SWING:
        pushed -= SWING * push * swings * math.sin(2 * math.pi * SWING_HZ * after)
    if side:  # inwards, and as the hand comes
        return -side * pushed, (-0.15 if name == "punch" else 0.25) * pushed
    return 0.0, 0.5 * pushed * (1 if touch.below < 0 else -1)


def _lift(t: float, rise: float, hold: float, fall: float) -> float:
    return float(lift(np.array(t), rise, hold, fall))
