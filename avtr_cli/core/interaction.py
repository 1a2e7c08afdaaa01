"""Interactions: somebody touches the person in the picture, and how; the words for it, and the skin's part of it.

A word has a tone (how it is meant), a kind of contact (what the hand does to skin) and a force. Places are shares of
the photo's width and height, 0 to 1, from its upper left corner; lengths on the person are EO, the distance of the
outer eye corners (about 92 mm).
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import NamedTuple

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.textfile import quoted

TONES = ("affectionate", "gentle", "neutral", "aggressive")
STRENGTHS = (0.0, 1.6)  # least and most of an interaction: 1 as the word says
INTIMATE = ("chest", "abdomen", "legs")  # regions where nothing but a blow is answered otherwise than by declining it
INTIMATE_SHARE = 0.34  # of a place that they must have for that

NEAREST_WORDS, ALIKE = 3, 0.6  # how many are named for one that is unknown, and how alike they must be


NO_CONTACT = "none"  # the kind of words that touch nothing


class Word(NamedTuple):
    """What a word of the user's means."""

    tone: str  # of TONES
    kind: str  # of motion/interactions/contacts.KINDS, or NO_CONTACT
    force: float  # 0 .. 1


WORDS = {
    "kiss": Word("affectionate", "kiss", 0.35),
    "caress": Word("affectionate", "stroke", 0.30),
    "cuddle": Word("affectionate", "press", 0.35),
    "nuzzle": Word("affectionate", "stroke", 0.35),
    "touch": Word("gentle", "touch", 0.30),
    "stroke": Word("gentle", "stroke", 0.35),
    "pat": Word("gentle", "pat", 0.40),
    "blow": Word("gentle", "blow", 0.35),
    "tickle": Word("gentle", "tickle", 0.40),
    "tap": Word("neutral", "tap", 0.40),
    "press": Word("neutral", "press", 0.50),
    "wave": Word("neutral", NO_CONTACT, 0.30),
    "point": Word("neutral", NO_CONTACT, 0.20),
    "poke": Word("aggressive", "poke", 0.45),
    "pinch": Word("aggressive", "pinch", 0.60),
    "scratch": Word("aggressive", "scratch", 0.55),
    "flick": Word("aggressive", "poke", 0.50),
    "pull": Word("aggressive", "pinch", 0.70),
    "push": Word("aggressive", "push", 0.60),
    "slap": Word("aggressive", "slap", 0.85),
    "punch": Word("aggressive", "punch", 1.00),
    "kick": Word("aggressive", "punch", 1.00),
    "hit": Word("aggressive", "punch", 0.85),
}
"""By the name that files, commands and reports give them; the order is that of `avtr interactions`."""

SAME_AS = {
    "hug": "cuddle", "embrace": "cuddle", "rub": "stroke", "pet": "stroke", "smack": "slap", "box": "punch",
    "beat": "hit", "strike": "hit", "prod": "poke", "jab": "poke", "shove": "push", "knock": "tap", "squeeze": "pinch",
    "nip": "pinch", "tug": "pull", "greet": "wave",
}  # fmt: skip
"""Other words that people use for one of WORDS."""


def word_called(said: object) -> str:
    """The one of WORDS that is meant: itself, a synonym, or a form of either, as in kissed, patting, pokes.

    Raises ConfigError for another, naming the nearest.
    """
    text = said.strip().lower() if isinstance(said, str) else ""
    for stem in _stems(text):
        if (word := SAME_AS.get(stem, stem)) in WORDS:
            return word
    ours, theirs = (difflib.get_close_matches(text, among, NEAREST_WORDS, ALIKE) for among in (WORDS, SAME_AS))
    meant = ours or list(dict.fromkeys(SAME_AS[word] for word in theirs))
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"there are {', '.join(WORDS)}"
    raise ConfigError(f"no interaction is called {quoted(said)}; {hint}")


def _stems(text: str) -> list[str]:
    """`text`, and what it may be a form of: without -s, -ed or -ing, with an e again, a doubled letter made one."""
    stems = [text]
    for ending in ("s", "es", "ed", "ing"):
        if text.endswith(ending) and len(text) > len(ending) + 2:
            stem = text[: -len(ending)]
            stems += [stem, f"{stem}e", stem[:-1] if stem[-1] == stem[-2] else stem]
    return stems


@dataclass(frozen=True)
class Interaction:
    """Somebody does `do` to the person at `frame`, resolved on one photo; what motion and contact follow from.

    x, y     where, in shares of the photo
    regions  at most two (name, share): what of the person lies there, the larger share first; () is the background
    aside    EO to the right of the picture, from the line along the nose
    below    EO below the middle between the eyes, along the head

    Raises ConfigError for a word, a tone, a frame, a place or a strength that cannot be.
    """

    frame: int
    do: str
    x: float
    y: float
    regions: tuple[tuple[str, float], ...] = ()
    aside: float = 0.0
    below: float = 0.0
    tone: str = ""  # "" is the word's own
    strength: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "do", word_called(self.do))
        object.__setattr__(self, "tone", self.tone or WORDS[self.do].tone)
        check_tone(self.tone)
        check_place(self.x, self.y)
        check_strength(self.strength)
        if self.frame < 0:
            raise ConfigError(f"'{self.do}' at frame {self.frame}: frames count from 0")

    @property
    def word(self) -> Word:
        """What `do` means."""
        return WORDS[self.do]

    @property
    def force(self) -> float:
        """How hard it is, 0 .. 1.25: the word's force as strong as was asked."""
        return min(HARDEST, self.word.force * self.strength)

    @property
    def declined(self) -> bool:
        """Whether it is not wanted, however it is meant: the person in a photo may be anybody, of any age."""
        intimate = any(name in INTIMATE and share >= INTIMATE_SHARE for name, share in self.regions)
        return intimate and self.tone != "aggressive" and self.word.kind != NO_CONTACT

    @property
    def region(self) -> str:
        """The name of what lies there: the larger share, or `background`."""
        return self.regions[0][0] if self.regions else BACKGROUND


HARDEST = 1.25
BACKGROUND = "background"


def check_tone(tone: object) -> None:
    """Raises ConfigError for a tone that is none of TONES."""
    if tone not in TONES:
        raise ConfigError(f"no tone is called {quoted(tone)}; there are {', '.join(TONES)}")


def check_strength(strength: object) -> None:
    """Raises ConfigError for a strength that is no number within STRENGTHS."""
    low, high = STRENGTHS
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not low <= strength <= high:
        raise ConfigError(f"strength is {quoted(strength)}, but must be a number, from {low:g} to {high:g}")


def check_place(x: object, y: object) -> None:
    """Raises ConfigError for coordinates that are no numbers in the picture."""
    for name, value in (("x", x), ("y", y)):
        number = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
        if not number or not 0 <= value <= 1:  # type: ignore[operator]
            raise ConfigError(
                f"{name} is {quoted(value)}, but must be a share of the picture, from 0 to 1, its upper left corner "
                "at 0, 0"
            )


class Contact(NamedTuple):
    """What one touch does to the skin in one frame; lengths in EO, x to the right of the picture, y down.

    The renderer draws it around a place of the skin that moves with the person.
    """

    x: float  # where on the photo, in shares of it
    y: float
    below: float  # how far below that, along the picture
    width: float  # of the dent
    pinch: float  # how far the skin around is drawn into the middle
    shift_x: float  # how far the skin is taken along
    shift_y: float
    shade: float  # of the dent's walls
    red: float
    red_width: float
