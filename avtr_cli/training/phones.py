"""Phones of the speech engines, as ARPAbet names, turned into mouth shapes: the visemes of the ground truth.

Targets are ARKit weights for a clear, unhurried articulation. They and the dominance strengths were set by
hand after Cohen & Massaro 1993 ("Modeling coarticulation in synthetic visual speech") and by looking at
pictures; nothing here is measured from people, and the model card says so.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Floats
from avtr_cli.motion.lmfm.articulation import MOUTH

"""The open shapes of `motion.articulation`, in its order; both closures are kept apart from them."""

_SHAPES: dict[str, dict[str, float]] = {
    "aa": {"jaw": 0.62}, "ae": {"jaw": 0.56, "stretch": 0.3}, "ah": {"jaw": 0.42}, "ax": {"jaw": 0.28},
    "ao": {"jaw": 0.52, "funnel": 0.45}, "eh": {"jaw": 0.44, "stretch": 0.25}, "ih": {"jaw": 0.27},
    "iy": {"jaw": 0.2, "stretch": 0.5}, "ow": {"jaw": 0.4, "funnel": 0.4, "pucker": 0.45},
    "uw": {"jaw": 0.2, "pucker": 0.7, "funnel": 0.3}, "uh": {"jaw": 0.27, "pucker": 0.35, "funnel": 0.3},
    "er": {"jaw": 0.28, "funnel": 0.35}, "aw": {"jaw": 0.54, "pucker": 0.2}, "ay": {"jaw": 0.54, "stretch": 0.2},
    "ey": {"jaw": 0.36, "stretch": 0.4}, "oy": {"jaw": 0.44, "funnel": 0.35, "pucker": 0.2},
    "p": {"jaw": 0.1}, "b": {"jaw": 0.1}, "m": {"jaw": 0.1}, "f": {"jaw": 0.1, "upper": 0.22},
    "v": {"jaw": 0.1, "upper": 0.22}, "w": {"jaw": 0.14, "pucker": 0.75}, "r": {"jaw": 0.2, "funnel": 0.38},
    "sh": {"jaw": 0.13, "funnel": 0.55}, "s": {"jaw": 0.08, "stretch": 0.25}, "t": {"jaw": 0.17},
    "l": {"jaw": 0.24, "tongue": 0.35}, "th": {"jaw": 0.2, "tongue": 0.55}, "k": {"jaw": 0.24}, "hh": {"jaw": 0.26},
    "y": {"jaw": 0.2, "stretch": 0.35},
}  # fmt: skip
_ALIASES = {
    "zh": "sh", "ch": "sh", "jh": "sh", "z": "s", "d": "t", "n": "t", "dx": "t", "g": "k", "ng": "k", "dh": "th",
    "el": "l", "em": "m", "en": "t", "axr": "er", "ix": "ih", "hv": "hh", "nx": "t",
}  # fmt: skip
_PARTING = 0.34  # of the jaw's opening: how far the lips part above what the jaw does by itself

VOWELS = frozenset(("aa", "ae", "ah", "ax", "ao", "eh", "ih", "iy", "ow", "uw", "uh", "er", "aw", "ay", "ey", "oy"))
LABIODENTAL = frozenset(("f", "v"))
SILENCE = "sil"

PHONES = (SILENCE, *_SHAPES)
"""Every phone that the corpus knows, silence first; a phone id is the index in it."""

VISEMES = ("sil", "pbm", "fv", "th", "tdnl", "kgh", "sz", "sh", "r", "uw", "aa", "eh", "ah", "iy")
_CLASS_OF = {
    "sil": 0, "p": 1, "b": 1, "m": 1, "f": 2, "v": 2, "th": 3, "t": 4, "l": 4, "k": 5, "hh": 5, "s": 6, "sh": 7,
    "r": 8, "er": 8, "uw": 9, "w": 9, "ow": 9, "uh": 9, "oy": 9, "aa": 10, "ao": 10, "aw": 10, "ay": 10,
    "ae": 11, "eh": 11, "ey": 11, "ah": 12, "ax": 12, "ih": 12, "iy": 13, "y": 13,
}  # fmt: skip
VOWEL_VISEMES = tuple(range(VISEMES.index("r"), len(VISEMES)))
VISEME_OF_PHONE = np.array([_CLASS_OF[name] for name in PHONES])

_STRENGTH = {"p": 1.6, "b": 1.6, "m": 1.6, "f": 1.4, "v": 1.4, "w": 1.3, "sh": 1.0, "s": 0.6, "r": 0.8, "hh": 0.25}
DOMINANCE = np.array(
    [0.4 if name == SILENCE else 1.0 if name in VOWELS else _STRENGTH.get(name, 0.5) for name in PHONES]
)
"""How strongly a phone imposes its shape on its neighbours (Cohen & Massaro's alpha)."""

# IPA as espeak-ng writes it into ARPAbet; the first entry that begins the mnemonic wins, so longer ones come first.
# Sounds that English lacks take the English phone that is nearest to the eye, then to the ear.
_IPA = (
    ("tʃ", "ch"), ("tɕ", "ch"), ("dʒ", "jh"), ("ts", "s"), ("dz", "z"), ("aɪ", "ay"), ("aʊ", "aw"), ("eɪ", "ey"),
    ("oʊ", "ow"), ("əʊ", "ow"), ("ɔɪ", "oy"), ("əl", "l"), ("n̩", "n"), ("ɑ", "aa"), ("ɒ", "aa"), ("a", "ae"),
    ("æ", "ae"), ("ʌ", "ah"), ("ɐ", "ah"), ("ə", "ax"), ("ɔ", "ao"), ("o", "ow"), ("ɛ", "eh"), ("e", "eh"),
    ("ɜ", "er"), ("ɚ", "er"), ("ø", "er"), ("œ", "er"), ("ɪ", "ih"), ("ᵻ", "ih"), ("ɨ", "ih"), ("i", "iy"),
    ("ʊ", "uh"), ("ɵ", "uh"), ("u", "uw"), ("ʉ", "uw"), ("y", "uw"), ("p", "p"), ("b", "b"), ("β", "b"), ("m", "m"),
    ("f", "f"), ("v", "v"), ("w", "w"), ("ʍ", "w"), ("ɥ", "w"), ("ɹ", "r"), ("r", "r"), ("ʁ", "hh"), ("ʃ", "sh"),
    ("ɕ", "sh"), ("ʂ", "sh"), ("ʒ", "zh"), ("ʑ", "zh"), ("ʐ", "zh"), ("s", "s"), ("z", "z"), ("t", "t"), ("d", "d"),
    ("ɾ", "dx"), ("n", "n"), ("ɲ", "n"), ("ŋ", "ng"), ("l", "l"), ("ɫ", "l"), ("ɭ", "l"), ("ʎ", "l"), ("θ", "th"),
    ("ð", "dh"), ("k", "k"), ("c", "k"), ("ɡ", "g"), ("g", "g"), ("ɣ", "g"), ("ɟ", "g"), ("x", "k"), ("χ", "k"),
    ("h", "hh"), ("ç", "hh"), ("j", "y"), ("ʔ", "t"),
)  # fmt: skip


def phone_id(name: str) -> int:
    """The id of an ARPAbet phone as flite, festival and pocketsphinx write it; what is unknown is silence."""
    plain = name.strip().lower().rstrip("0123456789")
    plain = _ALIASES.get(plain, plain)
    return PHONES.index(plain) if plain in _SHAPES else 0


def arpabet_of_ipa(mnemonic: str) -> str:
    """The ARPAbet phone of an espeak-ng phoneme in IPA, "" for none; stress and length marks are ignored."""
    plain = mnemonic.lstrip("ˈˌ'_: ")
    return next((name for head, name in _IPA if plain.startswith(head)), "")


def phone_id_of_ipa(mnemonic: str) -> int:
    """The id of an espeak-ng phoneme event in IPA."""
    return phone_id(arpabet_of_ipa(mnemonic))


def _targets() -> Floats:
    table = np.zeros((len(PHONES), len(MOUTH)), np.float32)
    for row, name in enumerate(PHONES):
        shape = _SHAPES.get(name, {})
        for column, channel in enumerate(MOUTH):
            table[row, column] = shape.get(channel, 0.0)
        open_jaw = shape.get("jaw", 0.0)
        rounded = max(shape.get("pucker", 0.0), shape.get("funnel", 0.0))
        table[row, MOUTH.index("lower")] = _PARTING * open_jaw + 0.1 * shape.get("stretch", 0.0) + 0.12 * rounded
        table[row, MOUTH.index("upper")] = shape.get("upper", 0.6 * _PARTING * open_jaw + 0.08 * rounded)
    return table


TARGETS = _targets()
"""float32 (phones, 7): the mouth shape of each phone at its centre."""
