"""Validation calls: a real recorded voice that is never trained on, with its phones and its ground truth.

Each call is NAME.wav (two channels, 16 kHz), NAME.lab (`start end phone`) and NAME.truth.safetensors (a motion
file), as `avtr eval motion` reads them. The partner is the same woman's other prompts, spoken 10 % faster.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS, SAMPLE_RATE
from avtr_cli.motion.file import save_motion
from avtr_cli.motion.lmfm import voicing
from avtr_cli.motion.lmfm.articulation import compose
from avtr_cli.training import phones
from avtr_cli.training.behaviour import STYLE, behave
from avtr_cli.training.conversation import Side, simulate
from avtr_cli.training.mouth import mouth_truth
from avtr_cli.training.prosody import analyse
from avtr_cli.training.speech import Utterance

_PARTNER_SPEED = 0.9


def write_validation_calls(folder: Path, voice: list[Utterance], count: int, seconds: float, seed: int) -> list[Path]:
    """Simulate `count` dialogues between the two halves of a voice; returns the sound files."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = {"avatar-0": voice[::2], "partner-0": voice[1::2]}
    paths = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        sides = simulate(corpus, seconds, rng, sides=2, chosen=("avatar-0", "partner-0"), factors=(1.0, _PARTNER_SPEED))
        paths.append(_write_call(folder / f"call-{index:02d}", sides, rng))
    return paths


def _write_call(stem: Path, sides: tuple[Side, Side], rng: np.random.Generator) -> Path:
    prosody = [analyse(side) for side in sides]
    frames = len(sides[0].samples) * FPS // SAMPLE_RATE
    average = np.zeros(len(STYLE))
    mouth = mouth_truth(sides[0].phone_rows, prosody[0], 1.0, rng)
    made = behave(prosody[0], prosody[1], frames, average, "neutral", 0.0, rng)
    closures = torch.from_numpy(mouth.closures[:frames])
    activity, face = torch.from_numpy(mouth.activity[:frames]), torch.from_numpy(made.face)
    gate, presence, shown = voicing.of_whole(activity, face)
    values = compose(
        torch.from_numpy(mouth.shapes[:frames]), closures[:, 0], closures[:, 1], gate, presence,
        shown, torch.from_numpy(made.curves),
    )  # fmt: skip
    save_motion(stem.with_suffix(".truth.safetensors"), CONTROLS, values, 0)
    rows = sides[0].phone_rows
    lines = [f"{start:.3f} {end:.3f} {phones.PHONES[int(phone)]}" for phone, start, end in rows if phone > 0]
    stem.with_suffix(".lab").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sound = np.stack([side.samples for side in sides], axis=1)
    soundfile.write(stem.with_suffix(".wav"), np.clip(sound, -1, 1), SAMPLE_RATE, subtype="PCM_16")
    return stem.with_suffix(".wav")
