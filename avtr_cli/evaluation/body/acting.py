"""Rows of pictures of one person who acts: gestures asked for, speech, listening, as the shipped model has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.arrays import Image, Sound
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.core.timing import CHUNK_FRAMES, FPS, SAMPLE_RATE
from avtr_cli.core.types import BODY_CUES, Cue, Motion
from avtr_cli.evaluation.body.stage import BodyStage
from avtr_cli.evaluation.motion.takes import load_dialogue
from avtr_cli.motion.body.generator import WithBody
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.streaming.windows import Windows

ROWS = ("gestures", "speech", "listening")
SEED = 1
CUES = tuple(cue for cue in BODY_CUES if cue != "hands_down")
CUE_S, AFTER_S = 4.0, (0.32, 0.64, 1.0, 1.6)  # s from one cue to the next; and after each, that it is looked at
SEEN_S = tuple(np.linspace(3.0, 13.5, 12))  # s of the example dialogue that is looked at


def acted(stage: BodyStage, row: str) -> Iterator[tuple[str, Image]]:
    """Names and pictures of one of ROWS, uint8 (H, W, 3)."""
    if row == "gestures":
        sound = np.zeros((2, round(CUE_S * len(CUES) * SAMPLE_RATE)), np.float32)
        starts = {name: k * CUE_S for k, name in enumerate(CUES)}
        cues = [Cue(round(start * FPS), name) for name, start in starts.items()]
        seconds = [(f"{name} +{after:g}", start + after) for name, start in starts.items() for after in AFTER_S]
    else:
        dialogue, cues = _dialogue(), []
        sound = dialogue if row == "speech" else dialogue[::-1]
        seconds = [(f"{'speaks' if row == 'speech' else 'listens'} {at:.1f}", float(at)) for at in SEEN_S]
    motion = _made(stage, np.ascontiguousarray(sound[:, : round(14 * SAMPLE_RATE)]), cues)
    for name, at in seconds:
        frame = round(at * FPS)
        one = Motion(motion.space, motion.values[frame : frame + 1], frame)
        yield name, stage.renderer.draw(stage.identity, one)[0].copy()


def _made(stage: BodyStage, sound: Sound, cues: Sequence[Cue]) -> Motion:
    """What the shipped model makes of a whole `sound`, float32 (2, n)."""
    generator, windows = _generator(), Windows()
    state, values = generator.start(stage.identity, SEED), []
    for window in [*windows.push(sound), *windows.finish()]:
        first = window.index * CHUNK_FRAMES
        due = tuple(one for one in cues if first <= one.frame < first + CHUNK_FRAMES)
        motion, state = generator.step(window, state, due)
        values.append(motion.values)
    return Motion(generator.space, torch.cat(values), 0)


@cache
def _generator() -> WithBody:
    return WithBody(LmfmGenerator(MotionConfig()))


@cache
def _dialogue() -> Sound:
    return load_dialogue(DialogueFiles(dialogue=shipped_folder("examples") / "dialogue.wav")).sound
