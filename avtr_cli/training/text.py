"""Sentences to be spoken: everyday talk, and templates mixed with words drawn from a pronouncing dictionary.

Drawn words spread the phones evenly; templates keep the rhythm of English; everyday talk ends as people's phrases do,
in "you", "do", "know" and the like, which templates hardly ever say, drawn out before a pause. Feedback words are
what a listener says (Ward & Tsukahara 2000 list their kind).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

FEEDBACK = (
    "mhm", "yeah", "right", "okay", "I see", "oh really", "sure", "wow", "of course", "hm", "uh huh", "exactly",
    "oh no", "that is true", "no way", "good point", "go on", "ah, I see",
)  # fmt: skip
_EVERYDAY_SHARE = 0.35  # of the sentences
_EVERYDAY = """
    Thank you. Thank you so much. How are you? And how about you? Nice to meet you. See you soon! So do you. Me too.
    Yes, I do. They do too. Who knew? What would you do? I am sure it is true. It never came through. I had no clue.
    The sky was so blue. Right on cue. Only a few. I am with you. After you. The same to you. Is it new? It has a
    lovely view. It is up to you. I will do it for you. When is it due? It was only us two. He is in a good mood.
    I like the food. That is so cool. She is still at school. Let me move it. You have to prove it. There is no room.
    This afternoon. It was the full moon. Not too soon. You could lose it. Who would choose it? They were rude.
    I know. Oh no, I do not think so. Let us go home. Hello! We will see tomorrow. She is on the phone. I went alone.
    Is it below zero? Nice and slow. Nobody knows. Come on over. You know? It is so cold. It was an old road.
    I missed the whole show. It was only a joke. I hope so. I told you so. Do you want to go? They grow so fast.
    Wow, look at it now. Not right now, but somehow. I do not know how. We are going out. What is it all about?
    Would you like one? One more week. We were away. What was it worth? I want to wait. Which one would you want?
    I should have looked. Could you put it back? It was a good book. Would he? You should. Of course you could.
    Sure. I saw more of it before. What is it for? Four or five. I am not sure any more. It was your fault. That is all.
    We lost. Call me when you are there. I thought so. Talk to you later. What do you mean by that? Tell me about him.
    Maybe. My mum. It is time to come home. Stop! Never mind. Wait for me. Leave it. Is that you? Do you love it?
    I would be happy to. What are you up to? Where are you going to? She asked me to. I used to. Is he talking to you?
"""
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


def everyday() -> list[str]:
    """The sentences of everyday talk."""
    return re.findall(r"\S[^.?!]*[.?!]", " ".join(_EVERYDAY.split()))


def sentence(rng: np.random.Generator, words: list[str]) -> str:
    """One sentence; `{w}` is filled from `words` (the nouns again where there are none)."""
    if rng.random() < _EVERYDAY_SHARE:
        lines = everyday()
        return lines[rng.integers(len(lines))]
    pools = {"{n}": _NOUNS, "{v}": _VERBS, "{q}": _QUALITIES, "{w}": words or _NOUNS}
    text = _TEMPLATES[rng.integers(len(_TEMPLATES))]
    for slot, pool in pools.items():
        while slot in text:
            text = text.replace(slot, pool[rng.integers(len(pool))], 1)
    return text[0].upper() + text[1:]


def feedback(rng: np.random.Generator) -> str:
    """A word or two of a listener, one of FEEDBACK, with a full stop."""
    return FEEDBACK[rng.integers(len(FEEDBACK))] + "."
