"""Recorded prompts of real people (Debian's asterisk-core-sounds packages) into utterances with phone times.

The English voice judges and is never trained on: a real voice with a true transcript is worth more there. The
others, in languages whose recordings are CC-BY, teach what engines cannot: how people's own closures sound.
Phone times come from pocketsphinx's forced alignment, which was within 40 ms of known times for 91-97 % of
English phones; other languages are spelled in English phones first (espeak-ng's IPA, `phones.arpabet_of_ipa`).
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avtr_cli.core.arrays import Floats, Indices, Sound
from avtr_cli.core.errors import AvtrError
from avtr_cli.training import phones
from avtr_cli.training.speech import Utterance, make_utterance
from avtr_cli.training.voices import load_utterances, save_utterances

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_SOUNDS = Path("/usr/share/asterisk/sounds")
_TRANSCRIPTS = Path("/usr/share/doc")
_RATE = 16_000
_FRAME = 0.01  # s, pocketsphinx's
_FEEDBACK_SECONDS = 0.9  # prompts shorter than this stand in for a listener's words
_WORD = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_UNREADABLE = re.compile(r"\[|\w\?\w|\?\?")  # stage directions, letters that an encoding lost
_SEEN = {"ae": "aa", "r": "t", "ow": "ao"}
"""What the lips do at other languages' sounds that the aligner hears as these: their a opens wide without a
stretch, their r is a trill of the tongue, not the rounded one of English, their o does not close to a pucker."""


@dataclass(frozen=True)
class Recording:
    """One person's prompts: their folder, and the language, as both Asterisk and espeak-ng name it."""

    name: str
    folder: str
    language: str
    fewest_words: int = 1  # of a prompt that is taken

    @property
    def sounds(self) -> Path:
        """The installed folder of G.722 files."""
        return _SOUNDS / self.folder

    @property
    def transcripts(self) -> Path:
        """The installed list of what is said in them, gzipped."""
        package = f"asterisk-core-sounds-{self.language}"
        return _TRANSCRIPTS / package / f"core-sounds-{self.language}.txt.gz"

    @property
    def packages(self) -> str:
        """What to give to apt-get."""
        return f"asterisk-core-sounds-{self.language}-g722 asterisk-core-sounds-{self.language}"

    @property
    def installed(self) -> bool:
        """Whether both packages lie on this machine."""
        return self.sounds.is_dir() and self.transcripts.exists()


JUDGE = Recording("english-recorded", "en_US_f_Allison", "en", fewest_words=2)  # CC-BY-SA-3.0
TEACHERS = (
    Recording("italian-recorded", "it_IT_m_Carlo", "it"),  # CC-BY-3.0
    Recording("russian-recorded", "ru_RU_f_IvrvoiceRU", "ru"),  # CC-BY-3.0
)
"""Voices that may be trained on. The Spanish prompts are spoken by the judge herself; the French are CC-BY-SA."""


def recorded_teachers(folder: Path) -> dict[str, list[Utterance]]:
    """The installed voices that may be trained on, by name; cached in `folder`."""
    return {one.name: recorded_voice(one, folder / f"{one.name}.safetensors") for one in TEACHERS if one.installed}


def recorded_voice(recording: Recording, cache: Path) -> list[Utterance]:
    """The prompts that could be aligned; read from `cache` where that is there already.

    The shortest stand in for a listener's words.

    Raises AvtrError where the recordings, pocketsphinx, espeak-ng or an ffmpeg with G.722 are not installed.
    """
    if not cache.exists():
        if not recording.installed:
            raise AvtrError(
                f"{recording.sounds}: these recordings are not installed; try: apt-get install {recording.packages}"
            )
        cache.parent.mkdir(parents=True, exist_ok=True)
        save_utterances(cache, list(_aligned_prompts(recording)))
    return [as_prompt(one, recording.language != "en") for one in load_utterances(cache)]


def as_prompt(utterance: Utterance, foreign: bool = False) -> Utterance:
    """A recorded line, as a listener's word where it is short."""
    return Utterance(utterance.samples, utterance.phones, utterance.seconds < _FEEDBACK_SECONDS, foreign)


def _aligned_prompts(recording: Recording) -> Iterator[Utterance]:
    prompts = []
    for name, line in _transcripts(recording):
        words = [word.lower().replace("’", "'") for word in _WORD.findall(line)]
        path = recording.sounds / f"{name}.g722"
        if path.exists() and recording.fewest_words <= len(words) <= 60 and not _UNREADABLE.search(line):
            prompts.append((path, line, words))
    spelling = (
        {} if recording.language == "en" else spell({w for *_, words in prompts for w in words}, recording.language)
    )
    for path, line, words in prompts:
        samples = _decode(path)
        rows = align(samples, words, spelling)
        if rows is not None:
            if spelling:
                rows[:, 0] = _lips()[rows[:, 0].astype(int)]
            yield make_utterance(samples, _RATE, rows, line)


def _lips() -> Indices:
    """Phone id as aligned -> phone id as seen, by `_SEEN`."""
    return np.array([phones.PHONES.index(_SEEN.get(name, name)) for name in phones.PHONES])


def _transcripts(recording: Recording) -> Iterator[tuple[str, str]]:
    for line in gzip.decompress(recording.transcripts.read_bytes()).decode("utf-8", "ignore").splitlines():
        name, colon, spoken = line.partition(":")
        if colon and not line.startswith(";"):
            yield name.strip(), spoken.strip()


def unknown_words(words: set[str]) -> set[str]:
    """Those that pocketsphinx's English dictionary lacks."""
    decoder = _decoder()
    return {word for word in words if decoder.lookup_word(word) is None}


def spell(words: set[str], language: str) -> dict[str, str]:
    """Each word in pocketsphinx's phones ("K AO N ..."), by espeak-ng; words it cannot say are left out."""
    if not shutil.which("espeak-ng"):
        raise AvtrError("espeak-ng is needed to spell what no dictionary holds; try: apt-get install espeak-ng")
    ordered = sorted(words)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.write("".join(f"{word}.\n\n" for word in ordered))
        listed.flush()
        command = ["espeak-ng", "-v", language, "--ipa", "--sep=_", "-q", "-f", listed.name]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()
    lines = [line.strip() for line in said if line.strip()]
    if len(lines) != len(ordered):
        short = f"{len(lines)} of {len(ordered)}"
        raise AvtrError(f"espeak-ng spelled {short} words; is its voice '{language}' whole?")
    spelled = {}
    for word, line in zip(ordered, lines, strict=True):
        names = [phones.arpabet_of_ipa(part) for part in re.split(r"[_\s]+", line)]
        sound = [{"ax": "ah", "dx": "d"}.get(name, name).upper() for name in names if name]
        if sound:
            spelled[word] = " ".join(sound)
    return spelled


def _decode(path: Path) -> Sound:
    """float32 at 16 kHz of a G.722 file, by imageio-ffmpeg's own ffmpeg."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "g722", "-i", str(path), "-f", "s16le", "-ac", "1"]
    done = subprocess.run([*command, "-ar", str(_RATE), "-"], capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise AvtrError(f"{path}: ffmpeg cannot read G.722 ({done.stderr.decode(errors='ignore').strip()[-200:]})")
    samples: Sound = np.frombuffer(done.stdout, np.int16).astype(np.float32) / np.float32(32768)
    return samples


def align(samples: Sound, words: list[str], spelling: dict[str, str] | None = None) -> Floats | None:
    """Phone rows (id, start s, end s) of `words` spoken in float32 16 kHz `samples`; None where it fails.

    `spelling` gives the sounds of words that are not to be looked up in pocketsphinx's English dictionary.
    """
    data = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder = _decoder()
    try:
        known = spelling or {}
        names = {word: f"w{index}" for index, word in enumerate(dict.fromkeys(words)) if word in known}
        for word, name in names.items():
            decoder.add_word(name, known[word], True)
        words = [names.get(word, word) for word in words]
        if any(decoder.lookup_word(word) is None for word in words):
            return None
        decoder.set_align_text(" ".join(words))
        _feed(decoder, data)
        if decoder.hyp() is None:
            return None
        decoder.set_alignment()
        _feed(decoder, data)
        found = decoder.get_alignment()
    except (RuntimeError, KeyError):
        return None
    rows = []
    for word in found:
        for phone in word:
            start = phone.start * _FRAME
            rows.append((phones.phone_id(phone.name), start, start + phone.duration * _FRAME))
    return np.array(rows, np.float32).reshape(-1, 3) if rows else None


def _decoder() -> Decoder:
    from pocketsphinx import Decoder

    return Decoder(samprate=_RATE, lm=None, loglevel="FATAL")


def _feed(decoder: Decoder, data: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(data, full_utt=True)
    decoder.end_utt()
