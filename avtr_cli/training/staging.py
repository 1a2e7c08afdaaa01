"""Recordings of single voices, laid out as calls between two people: material to judge listening on.

Listening can only be judged over many dialogues, and few are recorded with the sides apart. Turns, pauses and
gaps follow what is known of conversation (Heldner & Edlund 2010: gaps about N(0.25, 0.35) s); nothing else is done
to the sound but one level for both voices and a faint room behind them. No face is made here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr

from avtr_cli.core.arrays import Sound
from avtr_cli.core.errors import AudioError, AvtrError, OutputError
from avtr_cli.core.files import lies_there, replacing
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.output import ffmpeg

SUFFIXES = (".wav", ".flac", ".ogg", ".g722")
SHORTEST, LONGEST = 0.8, 9.0  # seconds of a recording that is used
LEVEL_DB = -23.0  # of each recording's louder half
ROOM_DB = -66.0  # behind both voices
FADE_SAMPLES = 160  # 10 ms at both ends of a recording


def read_voice(folder: Path) -> list[Sound]:
    """The recordings under `folder` as float32 (n,) at 16 kHz and one level; too short and too long ones are left out.

    Raises AudioError where there are fewer than two.
    """
    if not folder.is_dir():
        raise AudioError(f"{folder}: is no folder; give one that holds recordings of one voice")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    read = (_levelled(_read(path)) for path in paths)
    kept = [samples for samples in read if SHORTEST <= len(samples) / SAMPLE_RATE <= LONGEST]
    if len(kept) < 2:
        raise AudioError(
            f"{folder}: holds {len(kept)} recordings ({', '.join(SUFFIXES)}) of {SHORTEST} to {LONGEST:g} s; "
            "at least two are needed"
        )
    return kept


def stage(avatar: list[Sound], partner: list[Sound], seconds: float, rng: np.random.Generator) -> Sound:
    """One call, float32 (2, n): the partner tells in turns of two to four recordings, the avatar says less."""
    count = round(seconds * SAMPLE_RATE)
    call = np.zeros((2, count), np.float32)
    voices = (avatar, partner)
    at, speaking = float(rng.uniform(0.3, 1.5)), int(rng.random() < 0.7)
    while at < seconds - SHORTEST:
        for index in range(int(rng.integers(1, 3) if speaking == 0 else rng.integers(2, 5))):
            if index:
                at += float(np.clip(rng.lognormal(np.log(0.6), 0.5), 0.3, 2.5))
            said = voices[speaking][rng.integers(len(voices[speaking]))]
            start = round(at * SAMPLE_RATE)
            if start + len(said) > count:
                return _with_room(call, rng)
            call[speaking, start : start + len(said)] += said
            at += len(said) / SAMPLE_RATE
        long_gap = rng.random() < 0.15
        at += float(rng.uniform(1.0, 3.0) if long_gap else np.clip(rng.normal(0.25, 0.35), -0.4, 1.5))
        speaking = 1 - speaking
    return _with_room(call, rng)


def stage_calls(avatar: Path, partners: list[Path], out: Path, count: int, seconds: float, seed: int = 0) -> list[Path]:
    """Write `count` two-channel calls of `seconds` to the folder `out`, partners by turns. Raises AvtrError."""
    own = read_voice(avatar)
    others = [read_voice(folder) for folder in partners]
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            rng = np.random.default_rng([seed, index])
            call = stage(own, others[index % len(others)], seconds, rng)
            path = out / f"call-{index:03d}.wav"
            with replacing(path) as partial:
                soundfile.write(partial, call.T, SAMPLE_RATE, "PCM_16", format="WAV")
                if lies_there(path) and path.read_bytes() != partial.read_bytes():
                    raise OutputError(f"{path}: is there already, and is another call; choose another -o")
            written.append(path)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AvtrError(f"{out}: the calls cannot be written ({error})") from error
    return written


def _read(path: Path) -> Sound:
    if path.suffix.lower() == ".g722":  # libsndfile does not know it
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "decoded.wav"
            ffmpeg.run(["-f", "g722", "-i", str(path), str(wav)], f"{path}: cannot be decoded")
            return _read(wav)
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path}: cannot be read ({error})") from error
    mono = samples.mean(axis=1)
    heard: Sound = mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)
    return heard


def _levelled(samples: Sound) -> Sound:
    """At one level, silence cut off both ends, faded in and out."""
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max(initial=0.0))
    if not len(loud):
        return np.zeros(0, np.float32)
    cut = samples[loud[0] : loud[-1] + 1].astype(np.float64)
    power = np.sort(cut**2)[len(cut) // 2 :].mean()
    cut *= 10 ** (LEVEL_DB / 20) / np.sqrt(power + 1e-12)
    fade = min(FADE_SAMPLES, len(cut) // 2)
    cut[:fade] *= np.linspace(0, 1, fade)
    cut[len(cut) - fade :] *= np.linspace(1, 0, fade)
    return np.clip(cut, -1, 1).astype(np.float32)


def _with_room(call: Sound, rng: np.random.Generator) -> Sound:
    room = rng.standard_normal(call.shape).astype(np.float32) * 10 ** (ROOM_DB / 20)
    heard: Sound = np.clip(call + room, -1, 1)
    return heard
