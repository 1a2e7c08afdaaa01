"""Every voice that this machine can speak with, and what they said: one safetensors file of utterances a voice.

A second run reads the files back instead of speaking again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from avtr_cli.core.arrays import AnyArray
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.files import replacing
from avtr_cli.training import neural, speech, text
from avtr_cli.training.speech import Utterance

_PACKAGES = "apt-get install espeak-ng flite festival festvox-us-slt-hts festvox-kallpc16k festvox-kdlpc16k"

Speaker = Callable[[str, list[str], np.random.Generator], Iterator[Utterance]]


def available_voices(kokoro: Path) -> dict[str, tuple[Speaker, str]]:
    """Every voice that can speak now: name -> (engine, the engine's own name for it).

    `kokoro` is the folder that `neural.gather` fills; without it there are no neural voices.
    """
    voices: dict[str, tuple[Speaker, str]] = {}
    if shutil.which("espeak-ng"):
        accents = speech.ESPEAK_ACCENTS
        pairs = [(a, v) for k, v in enumerate(speech.ESPEAK_VARIANTS) for a in (accents[k % 4], accents[0])]
        voices |= {f"espeak-{Path(a).name}-{v}": (speech.speak_espeak, f"{a}+{v}") for a, v in dict.fromkeys(pairs)}
    if shutil.which("flite"):
        voices |= {f"flite-{v}": (speech.speak_flite, v) for v in speech.FLITE_VOICES}
    if shutil.which("festival"):
        root = Path("/usr/share/festival/voices")
        there = {path.name for path in root.glob("*/*")}
        voices |= {f"festival-{v}": (speech.speak_festival, v) for v in speech.FESTIVAL_VOICES if v in there}
    if names := neural.voices_in(kokoro):
        engine = neural.Kokoro(kokoro)
        voices |= {f"kokoro-{name}": (engine.speak, name) for name in names}
        taught = [name for name in names if name not in neural.DEVELOPMENT]
        voices |= {f"mixed-{name}": (engine.speak, name) for name in neural.blends(taught)}
    return voices


def speak_corpus(
    folder: Path, sentences_per_voice: dict[str, int], seed: int, kokoro: Path
) -> dict[str, list[Utterance]]:
    """The utterances of every voice that may be trained on, spoken where `folder` does not hold them yet.

    `sentences_per_voice` is keyed by engine: "espeak", "flite", "festival", "kokoro", "mixed" (blends of Kokoro's).
    Raises AvtrError where no engine is installed.
    """
    voices = available_voices(kokoro)
    if not voices:
        raise AvtrError(f"no speech engine is installed, so there is nothing to train on; try: {_PACKAGES}")
    folder.mkdir(parents=True, exist_ok=True)
    words = text.dictionary_words()
    corpus = {}
    for index, (name, (engine, own_name)) in enumerate(sorted(voices.items())):
        if own_name in neural.DEVELOPMENT:
            continue
        path = folder / f"{name}.safetensors"
        if not path.exists():
            lines = script(sentences_per_voice[name.split("-")[0]], rng := np.random.default_rng([seed, index]), words)
            save_utterances(path, list(engine(own_name, lines, rng)))
        corpus[name] = load_utterances(path)
    return corpus


def development_voice(name: str, cache: Path, kokoro: Path, seed: int, sentences: int = 60) -> list[Utterance]:
    """What a neural voice says that is never trained on (`neural.DEVELOPMENT`); cached.

    Raises AvtrError where the voice is one that is trained on, or `kokoro` does not hold it.
    """
    if name not in neural.DEVELOPMENT or name not in neural.voices_in(kokoro):
        kept = ", ".join(neural.DEVELOPMENT)
        raise AvtrError(f"{kokoro}: no voice '{name}' kept from training; {kept} are, after `avtr train voices`")
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        lines = script(sentences, rng, text.dictionary_words())
        save_utterances(cache, list(neural.Kokoro(kokoro).speak(name, lines, rng)))
    return load_utterances(cache)


def script(sentences: int, rng: np.random.Generator, words: list[str]) -> list[str]:
    """What one voice says: sentences, and a listener's word for every eighth of them."""
    lines = [text.sentence(rng, words) for _ in range(sentences)]
    return lines + [text.feedback(rng) for _ in range(max(4, sentences // 8))]


def save_utterances(path: Path, utterances: list[Utterance]) -> None:
    """One file for one voice: int16 samples and phone rows, laid end to end with their counts."""
    tensors: dict[str, AnyArray] = {
        "samples": np.concatenate([np.clip(u.samples * 32767, -32768, 32767) for u in utterances]).astype(np.int16),
        "sample_counts": np.array([len(u.samples) for u in utterances], np.int64),
        "phones": np.concatenate([u.phones for u in utterances]).astype(np.float32),
        "phone_counts": np.array([len(u.phones) for u in utterances], np.int64),
        "feedback": np.array([u.feedback for u in utterances], np.uint8),
    }
    with replacing(path) as partial:
        save_file(tensors, partial)


def load_utterances(path: Path) -> list[Utterance]:
    """What `save_utterances` wrote; samples come back as float32 in -1 .. 1."""
    held = load_file(path)
    samples = np.split(held["samples"], np.cumsum(held["sample_counts"])[:-1])
    rows = np.split(held["phones"], np.cumsum(held["phone_counts"])[:-1])
    return [
        Utterance(s.astype(np.float32) / np.float32(32768), p, bool(f))
        for s, p, f in zip(samples, rows, held["feedback"], strict=True)
    ]
