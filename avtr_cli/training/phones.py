"""Phones of the speech engines, as ARPAbet names, and the visemes that they look like; `targets` says how."""

from __future__ import annotations

import numpy as np

_NAMES = (
    "aa", "ae", "ah", "ax", "ao", "eh", "ih", "iy", "ow", "uw", "uh", "er", "aw", "ay", "ey", "oy", "p", "b", "m", "f",
    "v", "w", "r", "sh", "s", "t", "l", "th", "k", "hh", "y",
)  # fmt: skip
_ALIASES = {
    "zh": "sh", "ch": "sh", "jh": "sh", "z": "s", "d": "t", "n": "t", "dx": "t", "g": "k", "ng": "k", "dh": "th",
    "el": "l", "em": "m", "en": "t", "axr": "er", "ix": "ih", "hv": "hh", "nx": "t",
}  # fmt: skip
VOWELS = frozenset(("aa", "ae", "ah", "ax", "ao", "eh", "ih", "iy", "ow", "uw", "uh", "er", "aw", "ay", "ey", "oy"))
LABIODENTAL = frozenset(("f", "v"))
SILENCE = "sil"

PHONES = (SILENCE, *_NAMES)
"""Every phone that the corpus knows, silence first; a phone id is the index in it."""

VISEMES = ("sil", "pbm", "fv", "th", "tdnl", "kgh", "sz", "sh", "r", "uw", "aa", "eh", "ah", "iy")
_CLASS_OF = {
    "sil": 0, "p": 1, "b": 1, "m": 1, "f": 2, "v": 2, "th": 3, "t": 4, "l": 4, "k": 5, "hh": 5, "s": 6, "sh": 7,
    "r": 8, "er": 8, "uw": 9, "w": 9, "ow": 9, "uh": 9, "oy": 9, "aa": 10, "ao": 10, "aw": 10, "ay": 10,
    "ae": 11, "eh": 11, "ey": 11, "ah": 12, "ax": 12, "ih": 12, "iy": 13, "y": 13,
}  # fmt: skip
VOWEL_VISEMES = tuple(range(VISEMES.index("r"), len(VISEMES)))
VISEME_OF_PHONE = np.array([_CLASS_OF[name] for name in PHONES])

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
    return PHONES.index(plain) if plain in _NAMES else 0


def arpabet_of_ipa(mnemonic: str) -> str:
    """The ARPAbet phone of an espeak-ng phoneme in IPA, "" for none; stress and length marks are ignored."""
    plain = mnemonic.lstrip("ˈˌ'_: ")
    return next((name for head, name in _IPA if plain.startswith(head)), "")


def phone_id_of_ipa(mnemonic: str) -> int:
    """The id of an espeak-ng phoneme event in IPA."""
    return phone_id(arpabet_of_ipa(mnemonic))
