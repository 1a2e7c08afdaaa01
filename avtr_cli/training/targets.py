"""Where each phone takes the mouth: how far the lips part and how wide they are, measured; then as weights of our face.

`_MEASURED` are means over talking faces published by others and recordings of people (14 clips, three minutes), as
Face Mesh sees them, in standard deviations of each clip: the least-squares share of every phone, as our own hearing
hears it, in aperture and width. Facts alone were taken; no weights were fitted to those clips. Rare phones lean on
what their neighbours in articulation do. Two things everybody sees were confirmed there: rounded sounds make the
opening small, not only narrow, and short pauses do not shut the mouth.

The other half is our own renderer, measured by the same Face Mesh (six photos): what each weight adds to aperture and
width. `shape` inverts it, so that a target in the picture becomes a target in weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Floats
from avtr_cli.motion.lmfm.articulation import MOUTH
from avtr_cli.training.phones import PHONES, SILENCE, VOWELS

MEAN_APERTURE = 4.7  # % of the face's height (Face Mesh 10 to 152), over running speech
APERTURE_SD, WIDTH_SD = 3.5, 3.1  # % of the same: what one unit of `_MEASURED` is in the median clip
SHARPENED = 2.0  # a least-squares share shrinks by what it cannot explain; spreads are people's again with this

# phone: (aperture, width) in sd, share of the opening that lips make and not the jaw, share of a rounding that is a
# pucker and not a funnel. Diphthongs move: their second half is written under the name with a 2.
_MEASURED: dict[str, tuple[float, float, float, float]] = {
    SILENCE: (0.3, 0.3, 0.4, 0.5),
    "aa": (1.5, -0.6, 0.22, 0.3), "ae": (1.75, 0.7, 0.32, 0.3), "ah": (0.4, 0.3, 0.3, 0.3),
    "ax": (-0.5, 0.0, 0.4, 0.4), "ao": (0.5, -1.2, 0.25, 0.5), "eh": (0.75, 0.75, 0.42, 0.3),
    "ih": (0.3, 0.45, 0.5, 0.4), "iy": (0.45, 0.45, 0.6, 0.4), "ow": (0.0, -1.1, 0.25, 0.55),
    "ow2": (-1.3, -1.1, 0.3, 0.8), "uw": (-0.9, -1.0, 0.3, 0.8), "uh": (-0.3, -0.5, 0.35, 0.6),
    "er": (-0.45, -0.45, 0.4, 0.5), "aw": (1.8, 0.0, 0.25, 0.3), "aw2": (0.0, -0.7, 0.3, 0.6),
    "ay": (1.4, -0.3, 0.25, 0.3), "ay2": (0.7, 0.8, 0.5, 0.3), "ey": (1.1, 1.0, 0.45, 0.3),
    "ey2": (0.8, 0.9, 0.55, 0.3), "oy": (0.3, -1.1, 0.25, 0.5), "oy2": (0.3, 0.4, 0.5, 0.3),
    "p": (-1.7, -0.1, 0.3, 0.5), "b": (-1.7, -0.1, 0.3, 0.5), "m": (-1.9, -0.15, 0.3, 0.5),
    "f": (-0.8, 0.15, 0.5, 0.4), "v": (-0.7, 0.0, 0.5, 0.4), "w": (-1.5, -1.9, 0.3, 0.85),
    "r": (-0.7, -1.3, 0.4, 0.6), "sh": (0.3, -0.65, 0.6, 0.35), "s": (-0.3, 0.3, 0.65, 0.4),
    "t": (-0.45, 0.5, 0.55, 0.4), "l": (-0.5, -0.2, 0.45, 0.4), "th": (-0.9, 0.1, 0.5, 0.4),
    "k": (0.15, 0.4, 0.45, 0.4), "hh": (1.2, 0.3, 0.35, 0.3), "y": (0.1, 0.1, 0.5, 0.4),
}  # fmt: skip
_TONGUE = {"l": 0.35, "th": 0.55}

# What a weight of 1 adds in our renderer, % of the face's height.
_JAW_APERTURE, _LIP_APERTURE, _FUNNEL_APERTURE, _PUCKER_APERTURE = 17.0, 4.4, 6.5, 2.0
_JAW_WIDTH, _FUNNEL_WIDTH, _PUCKER_WIDTH, _STRETCH_WIDTH = -1.5, -5.0, -9.5, 7.8
_UPPER_SHARE = 0.42  # of what the lips open: the rest is the lower one's, which hangs from the jaw
_MOST_ROUND, _MOST_LIP = 0.85, 0.55


@dataclass(frozen=True)
class Target:
    """A mouth shape to pass through, and how strongly a phone imposes it (Cohen & Massaro's alpha)."""

    shape: Floats  # float32 (7,), the channels of `articulation.MOUTH`
    dominance: float


def shape(aperture: float, width: float, lips: float, pucker: float, tongue: float = 0.0) -> Floats:
    """Aperture above shut lips and width beside the mean, in % of the face's height, as the weights that draw them.

    `lips` is the share of the opening that is not the jaw's, `pucker` the share of a rounding that is no funnel.
    """
    jaw = 0.0
    for _ in range(8):  # each of the three depends a little on the others
        beyond = width - _JAW_WIDTH * jaw
        narrow = max(-beyond, 0.0)
        puckered = min(pucker * narrow / -_PUCKER_WIDTH, _MOST_ROUND)
        funnelled = min((1 - pucker) * narrow / -_FUNNEL_WIDTH, _MOST_ROUND)
        left = max(aperture - _FUNNEL_APERTURE * funnelled - _PUCKER_APERTURE * puckered, 0.0)
        parted = min(lips * left / _LIP_APERTURE, 2 * _MOST_LIP)
        jaw = (left - _LIP_APERTURE * parted) / _JAW_APERTURE
    made = {
        "jaw": jaw,
        "upper": min(_UPPER_SHARE * parted, _MOST_LIP),
        "lower": min((1 - _UPPER_SHARE) * parted, _MOST_LIP),
        "stretch": max(beyond, 0.0) / _STRETCH_WIDTH,
        "funnel": funnelled,
        "pucker": puckered,
        "tongue": tongue,
    }
    return np.array([made[name] for name in MOUTH], np.float32)


def _target(name: str) -> Target:
    aperture, width, lips, pucker = _MEASURED[name]
    phone = name.rstrip("2")
    return Target(
        shape(
            max(MEAN_APERTURE + SHARPENED * APERTURE_SD * aperture, 0.0),
            SHARPENED * WIDTH_SD * width,
            lips,
            pucker,
            _TONGUE.get(phone, 0.0),
        ),
        _DOMINANCE.get(phone, 1.0 if phone in VOWELS else 0.9),
    )


_DOMINANCE = {
    SILENCE: 0.4,
    "hh": 0.3,
    "w": 1.3,
    "r": 1.1,
    "sh": 1.1,
    "s": 1.2,
    "p": 1.4,
    "b": 1.4,
    "m": 1.4,
    "f": 1.3,
    "v": 1.3,
}
_GLIDES_FROM = 0.55  # of a diphthong's length: there its second half begins


def passed_through(phone: int, start: float, end: float) -> list[tuple[Target, float, float]]:
    """(target, start s, end s) of what the mouth passes through in one phone: two of a diphthong, else one."""
    name = PHONES[phone]
    if name + "2" not in _MEASURED:
        return [(TARGETS[name], start, end)]
    turn = start + _GLIDES_FROM * (end - start)
    return [(TARGETS[name], start, turn), (TARGETS[name + "2"], turn, end)]


TARGETS = {name: _target(name) for name in _MEASURED}
"""By phone; the second half of a diphthong under its name with a 2."""
