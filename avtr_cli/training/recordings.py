"""Recorded prompts of one real woman (Debian's asterisk-core-sounds-en-g722) into utterances with phone times.

Kept for validation, never trained on: a real voice with a true transcript is worth more as a judge, and the
recordings' CC-BY-SA-3.0 never touches the weights. Phone times come from pocketsphinx's forced alignment,
which was within 40 ms of known times for 91-97 % of phones.
"""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from avtr_cli.errors import AvtrError
from avtr_cli.training import phones
from avtr_cli.training.speech import Utterance, load_utterances, make_utterance, save_utterances

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TRANSCRIPTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_PACKAGES = "apt-get install asterisk-core-sounds-en-g722 asterisk-core-sounds-en"
_RATE = 16_000
_FRAME = 0.01  # s, pocketsphinx's


def recorded_voice(cache: Path) -> list[Utterance]:
    """The prompts that could be aligned; read from `cache` where that is there already.

    Raises AvtrError where the recordings, pocketsphinx or an ffmpeg with G.722 are not installed.
    """
    if not cache.exists():
        if not SOUNDS.is_dir() or not TRANSCRIPTS.exists():
            raise AvtrError(f"{SOUNDS}: the recordings for validation are not installed; try: {_PACKAGES}")
        cache.parent.mkdir(parents=True, exist_ok=True)
        save_utterances(cache, list(_aligned_prompts()))
    return load_utterances(cache)


def _aligned_prompts() -> Iterator[Utterance]:
    for name, line in _transcripts():
        words = re.findall(r"[a-z']+", line.lower())
        path = SOUNDS / f"{name}.g722"
        if not path.exists() or not 2 <= len(words) <= 30 or re.search(r"[\[\d]", line):
            continue
        samples = _decode(path)
        rows = align(samples, words)
        if rows is not None:
            yield make_utterance(samples, _RATE, rows, line)


def _transcripts() -> Iterator[tuple[str, str]]:
    for line in gzip.decompress(TRANSCRIPTS.read_bytes()).decode("utf-8", "ignore").splitlines():
        name, colon, spoken = line.partition(":")
        if colon and not line.startswith(";"):
            yield name.strip(), spoken.strip()


def _decode(path: Path) -> np.ndarray:
    """float32 at 16 kHz of a G.722 file, by imageio-ffmpeg's own ffmpeg."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "g722", "-i", str(path), "-f", "s16le", "-ac", "1"]
    done = subprocess.run([*command, "-ar", str(_RATE), "-"], capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise AvtrError(f"{path}: ffmpeg cannot read G.722 ({done.stderr.decode(errors='ignore').strip()[-200:]})")
    return np.frombuffer(done.stdout, np.int16).astype(np.float32) / 32768


def align(samples: np.ndarray, words: list[str]) -> np.ndarray | None:
    """Phone rows (id, start s, end s) of `words` spoken in float32 16 kHz `samples`; None where it fails."""
    from pocketsphinx import Decoder

    data = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder = Decoder(samprate=_RATE, loglevel="FATAL")
    if any(decoder.lookup_word(word) is None for word in words):
        return None
    try:
        decoder.set_align_text(" ".join(words))
        _feed(decoder, data)
        if decoder.hyp() is None:
            return None
        decoder.set_alignment()
        _feed(decoder, data)
        found = decoder.get_alignment()
    except RuntimeError:
        return None
    rows = []
    for word in found:
        for phone in word:
            start = phone.start * _FRAME
            rows.append((phones.phone_id(phone.name), start, start + phone.duration * _FRAME))
    return np.array(rows, np.float32).reshape(-1, 3) if rows else None


def _feed(decoder, data: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(data, full_utt=True)
    decoder.end_utt()
