"""One gesture of the arms as keys of a plan: amplitudes and times drawn from the ranges people show, shapes by rule.

The trained heads decide *when* one starts; that it is this curve is drawn here, and the model card says so. Times from
the start of a beat to its end are short, so that the hand stops on the accent, which is known five frames ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from avtr_cli.core.arms import Arm
from avtr_cli.core.arrays import Doubles
from avtr_cli.motion.body.plans import Key, Plan
from avtr_cli.motion.body.room import with_room
from avtr_cli.motion.body.task import ARM, FLEX, FRONT, HOME, OPEN, OUT, POINT, SUPIN, SWIVEL, UP, WRIST

NUMBERS = 16  # uniform numbers that one gesture takes
LEFT, RIGHT = 0, 1
PER_ARM = len(ARM)
NARROW = 0.3  # arm lengths that a wave has to go inwards for its swing to shrink by all
DOWN = 0.02  # arm lengths from its rest within which a hand is down


@dataclass(frozen=True)
class Manner:
    """How somebody gestures, each in +-2 where 0 is average: `lively` is quick, `size` is how large."""

    lively: float = 0.0
    size: float = 0.0

    @property
    def large(self) -> float:
        """Times the usual amplitude."""
        return float(np.exp(0.22 * self.size))

    @property
    def slow(self) -> float:
        """Times the usual duration."""
        return float(np.exp(-0.10 * self.lively))


@dataclass
class Hands:
    """Both arms on one call.

    plan  of 2 x 10 columns and those of whoever plans more behind them
    rest  (2, 10) where they rest, home (2, 10) where they are when up
    free  the arms that may be moved; up: whether each is in gesture space
    """

    plan: Plan
    arms: tuple[Arm, Arm]
    rest: Doubles
    home: Doubles
    free: tuple[int, ...] = (LEFT, RIGHT)
    up: list[bool] = field(default_factory=lambda: [False, False])

    @property
    def raised(self) -> list[int]:
        """The arms that are up."""
        return [arm for arm in (LEFT, RIGHT) if self.up[arm]]

    def now(self, arm: int) -> Doubles:
        """(10,)."""
        return self.plan.now[columns(arm)]

    def lead(self, arm: int, *keys: Key) -> None:
        """Along `keys`, whose targets are first brought where the hand has room."""
        self.plan.lead(columns(arm), self._kept(arm, keys))

    def lead_to_rest(self, arm: int, frames: float, *before: Key) -> None:
        """Along the keys `before`, then back to where it rests."""
        self.plan.lead(columns(arm), [*self._kept(arm, before), Key(self.rest[arm].copy(), frames)])
        self.up[arm] = False

    def _kept(self, arm: int, keys: Sequence[Key]) -> list[Key]:
        return [Key(with_room(key.target, self.arms[arm]), key.frames, key.hold) for key in keys]


def columns(arm: int) -> slice:
    """Of a plan."""
    return slice(arm * PER_ARM, (arm + 1) * PER_ARM)


class _Drawn:
    """Uniform numbers as amounts between two ends."""

    def __init__(self, numbers: Doubles):
        self.numbers = numbers

    def __call__(self, number: int, low: float, high: float) -> float:
        return low + (high - low) * float(self.numbers[number])


def begin(hands: Hands, event: str, numbers: Doubles, manner: Manner, strength: float = 1.0) -> None:
    """One gesture from the next frame on; `numbers` are NUMBERS uniform ones. What no arm can do is left."""
    _DRAWERS[event](hands, _Drawn(numbers), manner, strength)


def _raise(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """Both hands, or one, into gesture space, and each to a home of its own."""
    u = drawn.numbers[0]
    wanted = (LEFT, RIGHT) if u < 0.55 else (RIGHT,) if u < 0.80 else (LEFT,)
    chosen = [arm for arm in wanted if arm in hands.free] or hands.free
    for arm in chosen:
        target = _home(manner)
        target[OUT] += drawn(1, -0.10, 0.14)
        target[UP] += drawn(2, -0.10, 0.12) + (drawn(3, -0.05, 0.05) if arm == RIGHT else 0)
        target[FRONT] += drawn(4, -0.12, 0.06)
        target[SWIVEL] += drawn(5, -10, 12)
        target[SUPIN] += drawn(6, -30, 30)
        target[OPEN] = drawn(7, 0.15, 0.8)
        hands.home[arm] = target
        hands.lead(arm, Key(target, drawn(8, 10, 17) * manner.slow))
        hands.up[arm] = True


def _home(manner: Manner) -> Doubles:
    """Livelier people hold their hands higher and their elbows out."""
    home = HOME.copy()
    home[UP] += 0.03 * manner.lively
    home[SWIVEL] += 4 * manner.lively
    return home


def _rest(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    for arm in (LEFT, RIGHT):
        planned = hands.plan.end[columns(arm)]
        if hands.up[arm] or np.abs(planned[WRIST] - hands.rest[arm, WRIST]).max() > DOWN:
            hands.lead_to_rest(arm, drawn(arm, 14, 24) * manner.slow)


def _stroke(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """Down and a little out or forwards, then slowly to a new place near home. The second hand less."""
    raised = hands.raised
    if not raised:
        return
    both = len(raised) == 2 and drawn.numbers[0] < 0.6
    led = raised if both else [raised[-1] if drawn.numbers[1] < 0.7 else raised[0]]
    amplitude, angle = drawn(2, 0.10, 0.26) * manner.large * strength, np.radians(drawn(3, -35, 40))
    way = np.array([0.8 * np.sin(angle), -np.cos(angle), drawn(4, -0.1, 0.45)])
    way /= np.linalg.norm(way)
    for arm in led:
        now, home = hands.now(arm), hands.home[arm]
        target = now.copy()
        target[3:] = 0.5 * now[3:] + 0.5 * home[3:]
        target[WRIST] += way * amplitude * (1 if arm == led[0] else drawn(5, 0.7, 1.1))
        target[WRIST] -= 0.25 * (now[WRIST] - home[WRIST])
        target[FLEX] += drawn(6, 4, 16)
        back = home.copy()
        back[WRIST] += np.array([drawn(7, -0.5, 0.6), drawn(8, -0.3, 0.6), drawn(9, -0.4, 0.5)]) * 0.24 * manner.large
        hands.home[arm] = 0.8 * home + 0.2 * back
        out, hold = Key(target, drawn(10, 4.5, 6.5) * manner.slow, drawn(11, 0, 5)), drawn(12, 12, 22) * manner.slow
        hands.lead(arm, out, Key(back, hold))


def _emphatic(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """A large beat with open palms, held: of both hands, where both are up."""
    amplitude = drawn(2, 0.20, 0.38) * manner.large * strength
    for arm in hands.raised:
        now, home = hands.now(arm), hands.home[arm]
        target = home.copy()
        way = np.array([drawn(3, 0.1, 0.55), -drawn(4, 0.4, 1.0), drawn(5, 0.0, 0.5)])
        target[WRIST] = now[WRIST] + way / 1.1 * amplitude - 0.3 * (now[WRIST] - home[WRIST])
        target[SUPIN] += drawn(6, -10, 40)
        target[OPEN], target[FLEX] = drawn(7, 0.4, 1), drawn(8, -15, 10)
        back = home.copy()
        back[WRIST] += np.array([drawn(9, -0.5, 0.5), drawn(10, -0.3, 0.5), drawn(11, -0.4, 0.4)]) * 0.14 * manner.large
        out = Key(target, drawn(12, 5.5, 7.5) * manner.slow, drawn(13, 6, 18))
        hands.lead(arm, out, Key(back, drawn(14, 14, 24) * manner.slow))


def _palmup(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """Palms turn up and outwards, as at the end of a phrase."""
    for arm in hands.raised:
        home = hands.home[arm]
        target = home.copy()
        target[OUT] += drawn(1, 0.12, 0.30) * manner.large * strength
        target[UP] += drawn(2, -0.08, 0.04)
        target[FRONT] += drawn(3, -0.02, 0.12)
        target[SUPIN], target[FLEX], target[OPEN] = drawn(4, 65, 95), drawn(5, -25, -5), drawn(6, 0.7, 1)
        out = Key(target, drawn(7, 9, 12) * manner.slow, drawn(8, 10, 26))
        hands.lead(arm, out, Key(home.copy(), drawn(9, 14, 22)))


def _deictic(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """One hand points forwards."""
    if not hands.raised:
        return
    arm = hands.raised[-1]
    home = hands.home[arm]
    out = Key(_pointing(home, drawn), drawn(5, 8, 11) * manner.slow, drawn(6, 8, 20))
    hands.lead(arm, out, Key(home.copy(), drawn(7, 14, 20)))


def _pointing(home: Doubles, drawn: _Drawn) -> Doubles:
    target = home.copy()
    target[OUT] += drawn(1, -0.15, 0.15)
    target[UP] += drawn(2, 0.05, 0.22)
    target[FRONT], target[SUPIN] = drawn(3, 0.78, 0.9), drawn(4, -10, 20)
    target[OPEN:] = 0
    target[POINT] = 1
    return target


def _adaptor(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """A hand that rests rubs in its place, once or a few times."""
    arm = RIGHT if drawn.numbers[1] < 0.6 else LEFT
    if arm not in hands.free:
        return
    rest = hands.rest[arm]
    target = rest.copy()
    target[WRIST] += np.array([drawn(2, 0.0, 0.05), drawn(3, 0.03, 0.08), drawn(4, 0.02, 0.08)])
    target[SUPIN] += drawn(5, -20, 20)
    keys = [Key(target, drawn(7, 15, 22), drawn(8, 4, 12))]
    for rub in range(1 + int(drawn.numbers[9] * 3)):
        moved = target.copy()
        moved[UP] += 0.03 * (-1) ** rub
        keys.append(Key(moved, 7, 2))
    hands.plan.lead(columns(arm), [*keys, Key(rest.copy(), drawn(10, 16, 24))])


def _wave(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """A hand beside the head, its palm forwards, three times to and fro."""
    arm = (hands.free or (LEFT, RIGHT))[-1]
    target = HOME.copy()
    target[OUT], target[UP], target[FRONT] = 0.42, 0.10, 0.38
    target[SWIVEL], target[SUPIN], target[FLEX] = 38.0, -75.0, -8.0
    target[OPEN] = 1.0
    outmost = target.copy()
    outmost[OUT] += 0.13 * strength
    inwards = (with_room(outmost, hands.arms[arm]) - outmost)[WRIST]
    target[WRIST] += inwards  # that all of it is in the picture, if with less of a swing, as the face is near
    swing = strength * max(1.0 - float(np.abs(inwards).max()) / NARROW, 0.4)
    target[OUT] += 0.13 * (strength - swing)
    keys = [Key(target, 16, 0)]
    for turn in range(6):
        moved = target.copy()
        moved[OUT] += (0.13 if turn % 2 == 0 else -0.10) * swing
        keys.append(Key(moved, 6.5))
    hands.lead_to_rest(arm, 20, *keys)


def _open_hands(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """Both hands before the body, palms up, for a second and a half."""
    for arm in hands.free or (LEFT, RIGHT):
        target = HOME.copy()
        target[OUT], target[UP], target[FRONT] = 0.18 * strength, -0.44, 0.55
        target[SUPIN], target[FLEX], target[OPEN] = 85.0, -15.0, 1.0
        hands.lead_to_rest(arm, 20, Key(target, 15, 38))


def _point(hands: Hands, drawn: _Drawn, manner: Manner, strength: float) -> None:
    """One hand points forwards for a second."""
    arm = (hands.free or (LEFT, RIGHT))[-1]
    hands.lead_to_rest(arm, 20, Key(_pointing(HOME, drawn), 15, 25))


_DRAWERS: dict[str, Callable[[Hands, _Drawn, Manner, float], None]] = {
    "raise": _raise, "rest": _rest, "stroke": _stroke, "emphatic": _emphatic, "palmup": _palmup, "deictic": _deictic,
    "adaptor": _adaptor, "wave": _wave, "open_hands": _open_hands, "point": _point, "hands_down": _rest,
}  # fmt: skip
