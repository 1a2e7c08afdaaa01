"""Text into speech with known phone times, by the engines that Debian packages: espeak-ng, flite, festival.

Each engine is used as its own program or library, nothing of it is kept but the sound it made. `voices` asks them,
and `neural`, for all that is to be said.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from avtr_cli.core.arrays import Floats, Sound
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.training import phones, text

FLITE_VOICES = ("slt", "rms", "awb", "kal16")
FESTIVAL_VOICES = ("cmu_us_slt_arctic_hts", "kal_diphone", "ked_diphone")
ESPEAK_ACCENTS = ("gmw/en-US", "gmw/en", "gmw/en-GB-scotland", "gmw/en-GB-x-rp")
ESPEAK_VARIANTS = ("f1", "f2", "f3", "f5", "m1", "m2", "m3", "m7", "klatt2", "klatt4", "linda", "steph", "michael")


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence: float32 samples at 16 kHz and its phones as (id, start s, end s) rows."""

    samples: Sound
    phones: Floats  # float32 (n, 3)
    feedback: bool = False  # a listener's word
    foreign: bool = False  # of a language whose consonants are like those of English, but not its vowels

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.samples) / SAMPLE_RATE


def speak_flite(voice: str, sentences: list[str], rng: np.random.Generator) -> Iterator[Utterance]:
    """flite prints `phone:end_time` for every phone with -psdur."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "speech.wav"
        for line in sentences:
            stretch = f"duration_stretch={rng.uniform(0.85, 1.2):.2f}"
            command = ["flite", "-voice", voice, "--setf", stretch, "-psdur", "-t", line, "-o", str(out)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            if done.returncode == 0 and out.exists():
                ends = [item.rsplit(":", 1) for item in done.stdout.split() if ":" in item]
                samples, rate = soundfile.read(out, dtype="float32")
                yield make_utterance(samples, rate, _rows(ends, phones.phone_id), line)


def speak_festival(voice: str, sentences: list[str], rng: np.random.Generator) -> Iterator[Utterance]:
    """festival reads one script for all sentences and writes a wav and a label file for each."""
    with tempfile.TemporaryDirectory() as folder:
        script = [f"(voice_{voice})"]
        for index, line in enumerate(sentences):
            plain = "".join(c for c in line if c.isalnum() or c in " ,.?!'")
            script += [
                f"(Parameter.set 'Duration_Stretch {rng.uniform(0.85, 1.2):.2f})",
                f'(set! u (utt.synth (Utterance Text "{plain}")))',
                f'(utt.save.wave u "{folder}/{index}.wav")',
                f'(utt.save.segs u "{folder}/{index}.lab")',
            ]
        (Path(folder) / "all.scm").write_text("\n".join(script), encoding="ascii", errors="ignore")
        subprocess.run(["festival", "-b", f"{folder}/all.scm"], capture_output=True, timeout=900, check=False)
        for index, line in enumerate(sentences):
            wav, labels = Path(folder) / f"{index}.wav", Path(folder) / f"{index}.lab"
            if wav.exists() and labels.exists():
                columns = [row.split() for row in labels.read_text().splitlines() if row and row != "#"]
                ends = [[column[2], column[0]] for column in columns if len(column) == 3]
                samples, rate = soundfile.read(wav, dtype="float32")
                yield make_utterance(samples, rate, _rows(ends, phones.phone_id), line)


def speak_espeak(voice: str, sentences: list[str], rng: np.random.Generator) -> Iterator[Utterance]:
    """espeak-ng by its C library, for its phoneme events; `voice` is 'accent+variant'."""
    engine = _Espeak(voice)
    for line in sentences:
        # 1 words a minute, 3 base pitch, 4 pitch range (speak_lib.h)
        engine.set(1, int(rng.uniform(140, 205)))
        engine.set(3, int(rng.uniform(30, 70)))
        engine.set(4, int(rng.uniform(30, 80)))
        samples, events = engine.speak(line)
        if len(samples) > 2000 and events:
            total = len(samples) / engine.rate
            starts = [start for start, _ in events] + [total]
            ends = [[name, str(starts[k + 1])] for k, (_, name) in enumerate(events)]
            lead = [["_", str(starts[0])]] if starts[0] > 0 else []
            yield make_utterance(samples, engine.rate, _rows(lead + ends, phones.phone_id_of_ipa), line)


class _Espeak:
    """The few calls of libespeak-ng that are needed: retrieval mode with IPA phoneme events."""

    _PHONEME_EVENT, _END_OF_LIST = 7, 0

    class _Event(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
            ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
            ("user_data", ctypes.c_void_p), ("string", ctypes.c_char * 8),
        )  # fmt: skip

    def __init__(self, voice: str) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        self.rate = self._library.espeak_Initialize(2, 400, None, 0x8003)  # synchronous; events, in IPA; never exit
        if self.rate <= 0 or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise AvtrError(f"espeak-ng has no voice '{voice}'; reinstall it with apt-get install espeak-ng")
        self._blocks: list[Sound] = []
        self._events: list[tuple[float, str]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(self._Event))
        self._callback = kind(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def set(self, parameter: int, value: int) -> None:
        self._library.espeak_SetParameter(parameter, value, 0)

    def speak(self, line: str) -> tuple[Sound, list[tuple[float, str]]]:
        self._blocks, self._events = [], []
        data = line.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._blocks or [np.zeros(0, np.float32)]), self._events

    def _take(self, wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        """What the library calls with each block of sound and the phonemes that end in it; 0: go on."""
        if wave and count > 0:
            block = np.ctypeslib.as_array(wave, shape=(count,))
            self._blocks.append(block.astype(np.float32) / np.float32(32768))
        index = 0
        while events[index].type != self._END_OF_LIST:
            if events[index].type == self._PHONEME_EVENT:
                name = events[index].string.decode("utf-8", "ignore")
                self._events.append((events[index].audio_position / 1000, name))
            index += 1
        return 0


def _rows(ends: list[list[str]], identify: Callable[[str], int]) -> Floats:
    """(name, end) pairs in order -> (id, start, end) rows."""
    rows, start = [], 0.0
    for name, end in ends:
        rows.append((identify(name), start, float(end)))
        start = float(end)
    return np.array(rows, np.float32).reshape(-1, 3)


def make_utterance(samples: Sound, rate: int, rows: Floats, line: str) -> Utterance:
    """At 16 kHz, at one loudness (-23 dB of the loud half), cut to 80 ms around the speech."""
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE)
    spoken = rows[rows[:, 0] > 0]
    first, last = (spoken[0, 1], spoken[-1, 2]) if len(spoken) else (0.0, len(samples) / SAMPLE_RATE)
    start = max(0, int((first - 0.08) * SAMPLE_RATE))
    stop = min(len(samples), int((last + 0.08) * SAMPLE_RATE))
    cut = samples[start:stop].astype(np.float32)
    power = np.sort(cut**2)[len(cut) // 2 :]
    cut = cut * (10 ** (-23 / 20) / np.sqrt(power.mean() + 1e-9))
    shifted = rows.copy()
    shifted[:, 1:] -= start / SAMPLE_RATE
    words = line.rstrip(".")
    return Utterance(np.clip(cut, -1, 1), shifted, words in text.FEEDBACK)
