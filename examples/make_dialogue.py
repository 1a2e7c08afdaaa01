"""A written conversation into `dialogue.wav`: two synthetic voices on two channels, with a transcript that has times.

Run it with `python examples/make_dialogue.py` where flite and festival are installed
(`apt-get install flite festival festvox-us-slt-hts`). Channel 1 is the avatar, channel 2 the partner,
16 kHz, 16 bit. Each side is spoken on its own and mixed with its own noise floor, so nothing of one
voice is in the other's channel, as in a call where each side has its own microphone.

A turn starts `gap_s` after the last turn ended; a negative gap is an overlap. A backchannel is placed the same
way but does not take the floor: the next turn is still measured from the turn before it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import yaml

HERE = Path(__file__).parent
SAMPLE_RATE = 16_000  # Hz
SPEAKERS = ("avatar", "partner")  # channel 1, channel 2
LEVEL_DBFS = {"avatar": -21.0, "partner": -23.5}  # of the loud half of each utterance: two people, two microphones
BACKCHANNEL_DB = -5.0  # listeners murmur
NOISE_DBFS = -68.0  # a quiet room
LEAD_S, TAIL_S = 0.5, 0.6  # silence before the first word and after the last
SEED = 7  # of the noise


@dataclass(frozen=True)
class Line:
    """What is said without a break, and when: `gap_s` after the end of the last turn."""

    speaker: str
    text: str
    gap_s: float = 0.3
    backchannel: bool = False
    phones: str = ""  # said instead of the text where a dictionary cannot know it ("mm-hm")
    pitch: float = 1.0  # times the voice's own; heeded by flite
    glide: tuple[float, float] = (1.0, 1.0)  # pitch at the start and at the end: a rise makes a question


avatar, partner = partial(Line, "avatar"), partial(Line, "partner")
MM_HM = "pau m m hh m m pau"

SCRIPT = (
    # A greeting, quick and short.
    avatar("Hello! Good to see you."),
    partner("Hi! You too. What are you reading?", 0.25, pitch=1.06),
    # The avatar explains; the partner is heard only as a listener.
    avatar("A book about how people listen.", 0.35),
    avatar("It turns out that listening is real work.", 0.4),
    partner("mm-hm", 0.05, backchannel=True, phones=MM_HM, glide=(0.92, 1.1)),
    avatar("While you are talking, I nod, I blink, I look at you,", 0.45),
    avatar("and I have my answer ready before you are done.", 0.3),
    partner("right", 0.08, backchannel=True, pitch=1.02),
    avatar("The pause between two people is often a fifth of a second.", 0.5),
    avatar("That is shorter than the time it takes to find a word.", 0.35),
    # He cannot wait: both speak at once.
    partner("Wait, only a fifth of a second?", -0.9, pitch=1.1, glide=(1.0, 1.08)),
    avatar("Yes! So we all have to plan ahead.", -0.15),
    # The long listening stretch.
    partner("That reminds me of my grandmother.", 0.45),
    partner("She lived by the sea, and we called her every Sunday.", 0.4, pitch=1.02),
    avatar("mm-hm", 0.05, backchannel=True, phones=MM_HM, glide=(0.94, 1.1)),
    partner("She never said very much, but you could hear that she was there.", 0.45),
    avatar("yeah", 0.08, backchannel=True),
    partner("A small laugh, a little hum,", 0.5, pitch=1.03),
    partner("and then she would ask exactly the right question.", 0.3, pitch=0.97),
    # The ending.
    avatar("Oh, what a lovely way to put it.", 0.2),
    partner("I miss it. See you on Sunday?", 0.3, pitch=1.05, glide=(1.0, 1.05)),
    avatar("Sunday it is. Goodbye!", 0.25),
    partner("Bye bye!", -0.25, pitch=1.04),
)


def main() -> None:
    sound, transcript = make_dialogue(SCRIPT)
    write_dialogue(sound, transcript, HERE)
    seconds = len(sound) / SAMPLE_RATE
    print(f"dialogue.wav: {seconds:.1f} s, peak {20 * np.log10(np.abs(sound).max()):.1f} dBFS, {len(SCRIPT)} lines")


def make_dialogue(script: tuple[Line, ...]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The script as float32 (n, 2) in [-1, 1] at 16 kHz, with who said what when, oldest first."""
    voices, starts, floor = [], [], round((LEAD_S - script[0].gap_s) * SAMPLE_RATE)
    for line in script:
        voices.append(_speak(line))
        starts.append(floor + round(line.gap_s * SAMPLE_RATE))
        if not line.backchannel:
            floor = starts[-1] + len(voices[-1])
    ends = [start + len(voice) for start, voice in zip(starts, voices, strict=True)]
    sound = _noise(max(ends) + round(TAIL_S * SAMPLE_RATE))
    transcript = []
    for line, voice, start, end in zip(script, voices, starts, ends, strict=True):
        sound[start:end, SPEAKERS.index(line.speaker)] += voice
        when = {"start_s": round(start / SAMPLE_RATE, 3), "end_s": round(end / SAMPLE_RATE, 3)}
        transcript.append(when | {"speaker": line.speaker, "backchannel": line.backchannel, "text": line.text})
    return sound.astype(np.float32), sorted(transcript, key=lambda said: said["start_s"])


def write_dialogue(sound: np.ndarray, transcript: list[dict[str, Any]], folder: Path) -> None:
    """`dialogue.wav` and `dialogue.yaml` in `folder`, each under its name only when complete."""
    part = folder / "dialogue.part"
    soundfile.write(part, sound, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    os.replace(part, folder / "dialogue.wav")
    head = (
        "# What is said in dialogue.wav and when, in seconds from its start; the avatar is channel 1, the partner 2.\n"
    )
    part.write_text(head + yaml.safe_dump(transcript, sort_keys=False, width=200), encoding="utf-8")
    os.replace(part, folder / "dialogue.yaml")


def _speak(line: Line) -> np.ndarray:
    """One line as float64 samples at 16 kHz: trimmed to the voice, at its speaker's level."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        if line.speaker == "avatar" and not line.phones:
            _festival(line.text, path)
        else:
            _flite(line, path)
        samples, rate = soundfile.read(path, dtype="float64")
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE)
    voice = _glide(_trim(samples), *line.glide)
    loud = np.sort(voice**2)[len(voice) // 2 :].mean()
    level = LEVEL_DBFS[line.speaker] + BACKCHANNEL_DB * line.backchannel
    return voice * 10 ** (level / 20) / np.sqrt(loud)


def _festival(text: str, path: Path) -> None:
    """The avatar: CMU Arctic's slt as an HTS voice; its pitch moves over 149-199 Hz, that of flite's slt 155-180 Hz."""
    script = path.with_suffix(".scm")
    script.write_text(
        f"(voice_cmu_us_slt_arctic_hts)\n(Parameter.set 'Duration_Stretch 1.02)\n"
        f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{path}" \'riff)\n',
        encoding="ascii",
    )
    subprocess.run(["festival", "-b", str(script)], check=True, timeout=120)


def _flite(line: Line, path: Path) -> None:
    """The partner: CMU Arctic's rms; also both sides' hums, which flite speaks from bare phones."""
    voice, stretch = ("rms", 0.84) if line.speaker == "partner" else ("slt", 1.0)
    words = ["-p", line.phones] if line.phones else ["-t", line.text]
    settings = ["--setf", f"duration_stretch={stretch}", "--setf", f"f0_shift={line.pitch}"]
    subprocess.run(["flite", "-voice", voice, *settings, *words, "-o", str(path)], check=True, timeout=120)


def _trim(samples: np.ndarray) -> np.ndarray:
    """From the first to the last 5 ms that is within 42 dB of the loudest, with soft edges."""
    hop = SAMPLE_RATE // 200
    power = (samples[: len(samples) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1)
    heard = np.flatnonzero(power > power.max() * 10**-4.2)
    voice = samples[max(0, heard[0] - 2) * hop : (heard[-1] + 3) * hop].copy()
    ramp = np.linspace(0, 1, 2 * hop)
    voice[: len(ramp)] *= ramp
    voice[-len(ramp) :] *= ramp[::-1]
    return voice


def _glide(voice: np.ndarray, first: float, last: float) -> np.ndarray:
    """Pitch moving from `first` to `last` times its own, by playing the voice faster as it goes."""
    if first == last == 1.0:
        return voice
    speed = np.linspace(first, last, len(voice))
    position = np.cumsum(speed) - speed[0]
    return np.interp(position[position < len(voice) - 1], np.arange(len(voice)), voice)


def _noise(length: int) -> np.ndarray:
    """(length, 2) of room noise that falls with frequency, a different one on each side."""
    rng = np.random.default_rng(SEED)
    spectrum = np.fft.rfft(rng.standard_normal((length, 2)), axis=0)
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)[:, None]
    shaped = np.fft.irfft(spectrum / np.sqrt(1 + (frequency / 300) ** 2), n=length, axis=0)
    return shaped / shaped.std(axis=0) * 10 ** (NOISE_DBFS / 20)


if __name__ == "__main__":
    main()
