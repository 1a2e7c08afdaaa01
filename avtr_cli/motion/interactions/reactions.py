"""One touch into the beats of the answer to it: reflex, push, withdrawal, and what the person makes of it.

Numbers from the literature: lids shut one to three frames after a touch near the eye (R2 of the blink reflex 30 ms, lid
travel 60-80 ms), the neck answers at three to four (Bisdorff 1994), later parts have no fixed pattern and last up to
ten seconds; defence is the stronger the nearer to the face (Bufacchi 2016); a saccade starts after 200 ms. Lids go on
answering a touch that is repeated, while the rest tires (Brown 1991). What is not known was judged by eye.

The person in a photo may be anybody, of any age: every warm answer is one of a family, any touch of chest, abdomen or
legs is declined, and blows bring pain and anger or sadness, never blood, a bruise or tears.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.interaction import INTIMATE, NO_CONTACT, WORDS, Interaction
from avtr_cli.motion.interactions.beats import Beat, Gaze, Head, both
from avtr_cli.motion.interactions.contacts import KINDS

NUMBERS = 8  # uniform ones that a reaction takes, for its variety
MOST_TIRED = 3.0
BLOWS = ("slap", "punch")
BODY = ("shoulder", "arm", "hand")
LEAST_BLINK = 0.30  # of a touched head: less is not seen on a small or turned face
SIDE_BEGINS = 0.10  # EO from the nose: nearer, a touch has no side

NEAR_EYE = {
    "eye": 1.0, "forehead": 0.75, "brow": 0.75, "nose": 0.6, "cheek": 0.55, "ear": 0.35, "hair": 0.30, "mouth": 0.30,
    "chin": 0.25, "jaw": 0.25, "neck": 0.2,
}  # fmt: skip
PUSHED = {
    "punch": 1.0, "slap": 0.85, "push": 0.75, "poke": 0.22, "press": 0.22, "pat": 0.16, "pinch": 0.12, "tap": 0.10,
}  # fmt: skip
PUSHED_ELSE = 0.06
TIPS = {  # degrees of pitch that a full push there gives the head
    "forehead": -5.5, "brow": -5.5, "eye": -5.0, "nose": -7.0, "mouth": -6.0, "chin": -8.5, "jaw": -4.0, "cheek": -2.0,
    "ear": -2.0, "neck": 2.5, "shoulder": 1.5, "arm": 1.5, "hand": 1.5, "chest": 3.0, "abdomen": 3.0, "legs": 3.0,
}  # fmt: skip
HURTS = {
    "eye": 1.25, "nose": 1.2, "ear": 1.1, "mouth": 1.1, "cheek": 1.0, "neck": 1.1, "chin": 1.0, "hair": 0.9,
    "forehead": 0.95, "shoulder": 0.7, "arm": 0.7, "hand": 0.7, "chest": 0.9, "abdomen": 0.9, "legs": 0.9,
}  # fmt: skip
TENDER = {"hair": 1.1, "cheek": 1.1, "forehead": 1.0, "ear": 0.9, "nose": 0.9, "neck": 0.6, "eye": 0.5}
TENDER_ELSE = 0.85
LEANS = {"cheek": 1.0, "ear": 1.0, "hair": 0.8, "neck": 0.8, "forehead": 0.6, "chin": 0.5, "jaw": 0.7}
LEANS_ELSE = 0.3
SHUT_FOR = {"hair": 0.90, "forehead": 0.92, "brow": 0.92, "cheek": 0.85, "ear": 0.70, "neck": 0.60}
LULLS = ("stroke", "press", "pat", "kiss")  # kinds of touch that eyes are shut for
AT_USER: Gaze = (0.0, 0.0)


@dataclass(frozen=True)
class Felt:
    """One touch as it is felt at one place of the person; what the parts of its answer have in common.

    numbers  (NUMBERS,) uniform ones, for its variety
    tired    how often the same was done lately, the sooner the more
    mood     -1 .. 1, before it
    """

    touch: Interaction
    region: str
    numbers: Doubles
    tired: float
    mood: float

    @property
    def place(self) -> str:
        """The region without its side."""
        return self.region.rpartition("_")[2]

    @property
    def kind(self) -> str:
        """What the hand does to skin."""
        return self.touch.word.kind

    @property
    def lateral(self) -> float:
        """-1 .. 1: from the middle of the face to the right of the picture."""
        return float(np.clip(self.touch.aside / 0.5, -1, 1))

    @property
    def side(self) -> float:
        """The side of the picture that it comes from, -1 or 1; 0 from the front."""
        return math.copysign(1.0, self.touch.aside) if abs(self.touch.aside) > SIDE_BEGINS else 0.0

    @property
    def either(self) -> float:
        """A side by chance."""
        return 1.0 if self.numbers[7] < 0.5 else -1.0

    @property
    def seconds(self) -> float:
        """How long the touch lasts."""
        return KINDS[self.kind].seconds

    @property
    def saccade(self) -> float:
        """When the eyes can be at a new place, s."""
        return 0.20 + 0.06 * float(self.numbers[0])

    @property
    def there(self) -> Gaze:
        """The gaze at the place."""
        if self.place in INTIMATE or self.place in BODY:
            return float(np.clip(0.35 * self.touch.aside, -0.6, 0.6)), 0.75
        down = float(np.clip((self.touch.below - 0.35) / 0.8, -1, 1))
        return (
            float(np.clip(0.85 * self.lateral + 0.10 * self.side, -1, 1)),
            float(np.clip(0.15 + 0.75 * down, -0.6, 0.75)),
        )

    def varied(self, number: int, by: float = 0.22) -> float:
        """A factor around 1, of one of the numbers."""
        return 1 + by * (2 * float(self.numbers[number]) - 1)


def glance(touch: Interaction, numbers: Doubles) -> Iterator[Beat]:
    """Something moves beside the person: they look there, and back at the user."""
    x = float(np.clip(0.6 * touch.aside, -0.9, 0.9))
    y = float(np.clip(0.5 * touch.below, -0.6, 0.6))
    yield Beat(0.22 + 0.06 * float(numbers[0]), 0.08, 0.55, 0.12, gaze=(x, y))
    yield Beat(0.30, 0.30, 0.40, 0.70, "curious", 0.35, head=Head(2.5 * y, -5.0 * x))
    yield Beat(1.00, 0.10, 0.50, 0.20, gaze=AT_USER)


def reaction(felt: Felt) -> Iterator[Beat]:
    """The beats of the answer to one touch at one place of the person."""
    if felt.kind == NO_CONTACT:
        yield from _seen(felt)
        return
    yield from _reflex(felt)
    yield from _push(felt)
    tone = felt.touch.tone
    if tone == "aggressive":
        yield from _withdrawal(felt)
        yield from (_after_a_blow(felt) if felt.kind in BLOWS else _after_pain(felt))
    elif felt.touch.declined:
        yield from _declined(felt)
    elif tone == "neutral":
        yield from _curiosity(felt)
    elif felt.kind == "tickle":
        yield from _laughter(felt)
    elif felt.kind == "blow":
        yield from _blown_at(felt)
    else:
        yield from _tenderness(felt)


def _seen(felt: Felt) -> Iterator[Beat]:
    """Somebody waves, or points at something: that is seen, not felt."""
    waves = felt.touch.do == "wave"
    if not waves:
        yield Beat(felt.saccade, 0.08, 0.45, 0.12, gaze=felt.there)
    yield Beat(0.30, 0.30, 0.35, 0.50, "curious", 0.7 * felt.varied(1))
    smile = (0.8 if waves else 0.2) * max(0.0, 1 - 0.3 * felt.tired)
    head = Head(1.5, -2.5 * felt.lateral, 2.5 * felt.either)
    yield Beat(0.45, 0.40, 0.9 * felt.varied(2), 0.90, "joy", smile, head=head)


def _reflex(felt: Felt) -> Iterator[Beat]:
    """Lids, at once; no touch of the head goes unfelt, and a touched eye stays shut."""
    tone, force = felt.touch.tone, felt.touch.force
    near, jump = NEAR_EYE.get(felt.place, 0.0), {"neutral": 0.35 + 0.5 * force, "gentle": 0.35}.get(tone, 0.25)
    jump = 0.55 + 0.6 * force if tone == "aggressive" else jump
    if felt.kind in BLOWS:
        near, jump = max(near, 0.8), 1.3
    tires = 1 / (1 + 0.35 * felt.tired)
    blink = min(1.0, 1.25 * near * jump) * tires
    if felt.kind == "blow":
        blink = max(blink, 0.75 if felt.place in ("eye", "forehead", "nose", "cheek") else 0.45)
    if felt.kind == "tap":
        blink *= 0.8  # else a tap on the cheek shuts both eyes
    if felt.place not in INTIMATE and felt.place not in BODY:
        blink = max(blink, LEAST_BLINK * tires)
    if blink > 0.05:
        screwed = tone == "aggressive" or felt.kind == "blow"
        controls = both(eyeBlink=blink)
        controls += both(eyeSquint=0.4 * blink, browDown=0.35 * blink) if screwed else ()
        hold = 0.05 + (0.10 if felt.kind in BLOWS else 0.0) + 0.04 * float(felt.numbers[1])
        yield Beat(0.02, 0.07, hold, 0.17, controls=controls)
    if felt.place == "eye":
        side = "Left" if felt.region.startswith("left") else "Right"
        shut = 0.92 * (0.8 if tone == "affectionate" else 1.0)
        controls = ((f"eyeBlink{side}", shut), (f"cheekSquint{side}", 0.5), (f"browDown{side}", 0.3))
        yield Beat(0.02, 0.08, felt.seconds + 0.15, 0.25, controls=controls)


def _push(felt: Felt) -> Iterator[Beat]:
    """The head goes with the hand, passively, before the neck takes over."""
    lateral = felt.lateral
    if felt.kind == "pinch":
        head = Head(yaw=-4.0 * lateral, roll=3.0 * lateral, x=0.04 * lateral, y=0.01)
        yield Beat(0.02, 0.12, 0.45, 0.35, head=head)
        return
    hard = PUSHED.get(felt.kind, PUSHED_ELSE) * felt.touch.strength
    hard *= 0.35 if felt.place in INTIMATE or felt.place in BODY else 1.0
    tips = TIPS.get(felt.place, -2.0)
    if felt.place == "hair":  # the crown is pressed down, its sides are not
        tips = 5.5 if felt.touch.below < -0.55 else 1.5
    down = float(np.clip((felt.touch.below - 0.35) / 0.8, -1, 1))
    head = Head(
        tips * hard * felt.varied(2), 13.0 * lateral * hard * felt.varied(3), -8.0 * lateral * hard,
        -0.10 * lateral * hard, 0.02 * down * hard, 0.30 * hard * (1 - 0.6 * abs(lateral)),
    )  # fmt: skip
    yield Beat(0.02, 0.07 if felt.kind in BLOWS else 0.14, 0.06, 0.55, head=head)


def _withdrawal(felt: Felt) -> Iterator[Beat]:
    """Away from the hand: a touch from the right of the picture turns the head to the left of it."""
    far = (0.45 + 0.75 * felt.touch.force) * felt.varied(4) * (1 + 0.10 * felt.tired)
    far *= 0.55 if felt.place in BODY else 1.0
    lateral = felt.lateral
    pitch = 2.0 if felt.place == "hair" else -1.0 * (1 - abs(lateral))
    yaw = 9.5 * lateral + (0.0 if felt.side else 2.5 * felt.either)
    head = Head(pitch * far, yaw * far, -5.5 * lateral * far, -0.06 * lateral * far, 0.015 * far, 0.22 * far)
    yield Beat(0.12, 0.20, 0.35 + 0.5 * felt.touch.force, 0.90, head=head)


def _hurt(felt: Felt) -> float:
    """How much it hurts, 0 .. 1.15."""
    hurt = float(np.clip(felt.touch.force * HURTS.get(felt.place, 1.0), 0, 1.15))
    return hurt * (0.9 if felt.kind == "scratch" else 1.0)


def _pain(felt: Felt, hurt: float) -> Iterator[Beat]:
    lids = both(eyeBlink=0.75 * max(0.0, hurt - 0.35))
    yield Beat(0.09, 0.12, 0.25 + 0.55 * hurt, 0.55, "pain", (0.25 + 0.85 * hurt) * felt.varied(5, 0.12), lids)
    yield Beat(0.55 + 0.45 * hurt + 0.1, 0.10, 0.90, 0.20, gaze=AT_USER)


def _after_a_blow(felt: Felt) -> Iterator[Beat]:
    """Pain; stunned, they look away from the hand, then at who did it; sad or angry."""
    hurt = _hurt(felt)
    yield from _pain(felt, hurt)
    begins = 0.55 + 0.45 * hurt
    yield Beat(0.25, 0.08, 0.45, 0.10, gaze=(-0.7 * felt.there[0] or 0.25 * felt.either, 0.35))
    yield Beat(begins, 0.15, 0.45, 0.45, "fear" if felt.numbers[6] < 0.5 else "surprise", 0.75 * felt.varied(1))
    left = "sad" if felt.numbers[5] + 0.12 * felt.tired < 0.55 else "anger"
    head = Head(3.0, 3.0 * felt.lateral, z=0.04)
    hold = 1.0 + 0.5 * float(felt.numbers[2])
    yield Beat(begins + 0.55, 0.45, hold, 1.40, left, 0.85 * felt.varied(3), head=head)


def _after_pain(felt: Felt) -> Iterator[Beat]:
    """Pain; a look at the place, then at who did it, annoyed, and angry from the third time on."""
    hurt, tired = _hurt(felt), felt.tired
    yield from _pain(felt, hurt)
    begins = 0.55 + 0.45 * hurt
    yield Beat(felt.saccade, 0.07, 0.40 * felt.varied(6), 0.10, gaze=felt.there)
    amount = min(1.2, 0.55 + 0.35 * felt.touch.force + 0.16 * tired) * felt.varied(3, 0.12)
    head = Head(2.0, 2.5 * felt.lateral, -2.5 * felt.lateral, z=-0.02 - 0.03 * tired)
    hold = 0.75 + 0.35 * tired
    yield Beat(begins - 0.15, 0.30, hold, 0.95, "anger" if tired >= 1.5 else "annoyed", amount, head=head)
    if felt.place == "nose" or felt.kind == "scratch":
        yield Beat(begins - 0.20, 0.25, 0.40, 0.60, "disgust", 0.55 * felt.varied(1))


def _curiosity(felt: Felt) -> Iterator[Beat]:
    """What was that? A look at the place, brows up, a faint smile for the user; annoyed from the third time on."""
    fresh = felt.tired < 2
    yield Beat(
        0.12, 0.22, 0.30, 0.70, head=Head(-0.8, 3.0 * felt.lateral * felt.varied(4), -1.5 * felt.lateral, z=0.04)
    )
    yield Beat(felt.saccade, 0.07, 0.45 * felt.varied(6), 0.10, gaze=felt.there)
    amount = (0.85 + 0.25 * felt.touch.force) * felt.varied(3) * (1.0 if fresh else 0.7)
    yield Beat(0.24, 0.22, 0.40, 0.55, "curious" if fresh else "annoyed", amount, both(eyeWide=0.2) if fresh else ())
    yield Beat(0.85, 0.30, 0.35 * felt.varied(1), 0.60, "joy", 0.16, head=Head(-1.2, roll=3.0 * felt.either))
    yield Beat(0.75, 0.10, 0.70, 0.20, gaze=AT_USER)
    if felt.kind == "press":
        yield Beat(0.25, 0.25, felt.seconds - 0.3, 0.40, controls=both(browDown=0.30, mouthPress=0.35))


def _declined(felt: Felt) -> Iterator[Beat]:
    """A touch of chest, abdomen or legs is not wanted: back, a look down, annoyed."""
    yield Beat(0.12, 0.25, 0.60, 0.90, head=Head(3.0, 2.0 * felt.either, z=0.16))
    yield Beat(felt.saccade, 0.07, 0.45, 0.10, gaze=felt.there)
    yield Beat(0.35, 0.30, 1.00, 0.90, "annoyed", 0.7 * felt.varied(3))
    yield Beat(0.85, 0.10, 1.00, 0.20, gaze=AT_USER)


def _laughter(felt: Felt) -> Iterator[Beat]:
    """Tickled: they laugh, squirm and shut their eyes."""
    lateral, seconds = felt.lateral, felt.seconds
    yield Beat(0.16, 0.25, seconds, 0.90, "laugh", 0.95 * felt.varied(3, 0.15), hertz=4.2)
    low, neck = felt.place == "neck" or felt.place in BODY, felt.place in ("neck", "ear")
    head = Head(
        5.0 if low else -4.0, 8.0 * lateral * felt.varied(4), (8.0 if neck else -5.0) * lateral, -0.03 * lateral,
        0.05 if felt.place == "neck" else 0.0, 0.05,
    )  # fmt: skip
    yield Beat(0.12, 0.20, seconds + 0.1, 0.70, head=head, hertz=2.1)
    yield Beat(0.30, 0.30, seconds - 0.3, 0.40, controls=both(eyeBlink=0.62))
    yield Beat(seconds + 0.5, 0.10, 0.90, 0.20, gaze=AT_USER)
    yield Beat(seconds + 0.2, 0.40, 0.60, 1.30, "joy", 0.8)


def _blown_at(felt: Felt) -> Iterator[Beat]:
    """Squinting against the wind, then amused."""
    seconds = felt.seconds
    screwed = both(eyeSquint=0.65, browDown=0.40, noseSneer=0.25, eyeBlink=0.42)
    yield Beat(0.10, 0.15, seconds - 0.15, 0.45, controls=screwed)
    head = Head(-1.5, 6.0 * felt.lateral + 2.0 * felt.either, -3.0 * felt.lateral, z=0.08)
    yield Beat(0.12, 0.25, seconds - 0.1, 0.70, head=head)
    yield Beat(seconds + 0.05, 0.10, 0.50, 0.20, gaze=AT_USER)
    yield Beat(seconds, 0.35, 0.6 * felt.varied(1), 1.00, "joy", 0.55 * max(0.2, 1 - 0.3 * felt.tired))


def _tenderness(felt: Felt) -> Iterator[Beat]:
    """Into the touch, eyes slowly shut, a smile; an affectionate one makes glad or shy."""
    dear = felt.touch.tone == "affectionate"
    warm = (1.0 if dear else 0.72) * TENDER.get(felt.place, TENDER_ELSE) * felt.varied(3, 0.15)
    warm *= max(0.45, 1 - 0.12 * felt.tired + 0.2 * max(felt.mood, 0.0))
    stay, lateral = max(felt.seconds, 0.6), felt.lateral
    leans = LEANS.get(felt.place, LEANS_ELSE) * (1.0 if dear else 0.75)
    into = lateral if felt.side else 0.45 * felt.either
    nods = 3.2 if felt.place in ("hair", "forehead", "brow") else 0.5
    head = Head(
        nods * warm, -3.2 * lateral * leans, 6.5 * into * leans * felt.varied(4), 0.030 * into * leans, 0.008,
        -0.05 * warm,
    )  # fmt: skip
    yield Beat(0.22, 0.45, stay, 1.10, head=head)
    if felt.place in SHUT_FOR and felt.kind in LULLS:
        shut = 0.45 if felt.kind == "pat" else SHUT_FOR[felt.place] * (1.0 if dear else 0.8)
        yield Beat(0.30, 0.32, max(0.25, stay - 0.45), 0.40, controls=both(eyeBlink=shut))
    else:
        yield Beat(felt.saccade, 0.08, 0.45, 0.12, gaze=felt.there)
    if felt.touch.do == "kiss" and felt.place == "mouth":
        yield Beat(0.06, 0.10, 0.35, 0.25, controls=both(mouthPress=0.4, eyeBlink=0.7))  # lips shut, no kiss back
        yield Beat(0.55, 0.15, 0.35, 0.40, "surprise", 0.5 * felt.varied(1))
    yield Beat(0.28, 0.50, stay + 0.5 + 0.4 * float(felt.numbers[2]), 1.40, "tender", 1.05 * warm)
    shy = dear and felt.numbers[5] < 0.45
    if dear:
        after = "shy" if shy and felt.place != "hair" else "joy"
        yield Beat(stay + 0.25, 0.45, 0.7 * felt.varied(2), 1.30, after, 0.75 * warm)
    if shy:
        yield Beat(stay + 0.35, 0.09, 0.55, 0.12, gaze=(-0.35 * (felt.side or felt.either), 0.55))
    yield Beat(stay + (1.0 if shy else 0.3), 0.10, 0.80, 0.25, gaze=AT_USER)


assert {word.kind for word in WORDS.values()} == {*KINDS, NO_CONTACT}, (
    "every word has a kind of contact, and the other way"
)
