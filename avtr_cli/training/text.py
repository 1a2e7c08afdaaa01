"""Sentences to be spoken: templates over everyday words, mixed with words drawn from a pronouncing dictionary.

Drawn words spread the phones evenly; templates keep the rhythm of English. Feedback words are what a
listener says (Ward & Tsukahara 2000 list their kind).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FEEDBACK = (
    "mhm", "yeah", "right", "okay", "I see", "oh really", "sure", "wow", "of course", "hm", "uh huh", "exactly",
    "oh no", "that is true", "no way", "good point", "go on", "ah, I see",
)  # fmt: skip
_NOUNS = """
    morning river window mother garden music paper problem bottle village summer picture brother coffee people
    monday building weather family movie bicycle mountain kitchen doctor money bridge number holiday question
    umbrella football computer ticket story language chocolate birthday market airport blanket shadow village
""".split()  # noqa: SIM905
_VERBS = "find bring remember buy move open follow build keep watch finish borrow paint forget believe improve".split()  # noqa: SIM905
_QUALITIES = (
    "big small beautiful warm famous simple purple empty broken quiet possible wonderful heavy blue soft".split()  # noqa: SIM905
)
_TEMPLATES = (
    "I think we should {v} the {n} before the {n}.",
    "Did you ever {v} a {q} {n}?",
    "My {n} was so {q} that I had to {v} it again.",
    "Well, maybe the {n} and the {n} are both {q}.",
    "You know, {w} {w} is what my {n} always says.",
    "What about the {n} with the {q} {w}?",
    "I never {v} {w} when the {n} is {q}.",
    "They put a {q} {n} above the {w} and called it a {n}.",
    "Please {v} me the {w}, the {n}, and the {q} {w}.",
    "Between you and me, the {w} {n} is not that {q}.",
    "We were walking by the {n} when somebody began to {v} the {w}.",
    "That is a very {q} {n}!",
    "How much do you pay for the {w} {n}?",
    "First we {v}, then we {v}, and after that we have some {n}.",
    "{w} {w} {w} {w} {w}.",
    "It may be {q}, but {w} would {v} it for {n}.",
    "Oh, I love the {n}, especially when the {w} is {q}.",
    "Could you {v} the {n} a bit more?",
)


def dictionary_words(limit: int = 20_000) -> list[str]:
    """Words of 3-10 letters from pocketsphinx's pronouncing dictionary, or none where it is not installed."""
    try:
        import pocketsphinx
    except ImportError:
        return []
    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    names = (line.split(" ", 1)[0] for line in path.read_text(encoding="utf-8").splitlines())
    words = [name for name in names if name.isalpha() and 3 <= len(name) <= 10]
    step = max(1, len(words) // limit)
    return words[::step]


def sentence(rng: np.random.Generator, words: list[str]) -> str:
    """One sentence; `{w}` is filled from `words` (the nouns again where there are none)."""
    pools = {"{n}": _NOUNS, "{v}": _VERBS, "{q}": _QUALITIES, "{w}": words or _NOUNS}
    text = _TEMPLATES[rng.integers(len(_TEMPLATES))]
    for slot, pool in pools.items():
        while slot in text:
            text = text.replace(slot, pool[rng.integers(len(pool))], 1)
    return text[0].upper() + text[1:]


def feedback(rng: np.random.Generator) -> str:
    return FEEDBACK[rng.integers(len(FEEDBACK))] + "."
