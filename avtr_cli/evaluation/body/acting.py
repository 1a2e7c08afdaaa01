"""Rows of pictures of one person who acts: gestures asked for, speech, listening, as the shipped model has them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.arrays import Image, Mask, Sound
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.core.timing import FPS, SAMPLE_RATE
from avtr_cli.core.types import BODY_CUES, Cue, Motion
from avtr_cli.evaluation.body.stage import BodyStage
from avtr_cli.evaluation.body.takes import perform
from avtr_cli.evaluation.motion.takes import load_dialogue
from avtr_cli.evaluation.motion.voice import hear
from avtr_cli.motion.body.generator import WithBody
from avtr_cli.motion.lmfm.generator import LmfmGenerator

ROWS = ("gestures", "speech", "listening")
SEED = 1
CUES = tuple(cue for cue in BODY_CUES if cue != "hands_down")
CUE_S, AFTER_S = 4.0, (0.32, 0.64, 1.0, 1.6)  # s from one cue to the next; and after each, that it is looked at
HEARD_S, SEEN = 30.0, 12  # s of the example dialogue, and how many moments of it are looked at


def acted(stage: BodyStage, row: str) -> Iterator[tuple[str, Image]]:
    """Names and pictures of one of ROWS, uint8 (H, W, 3)."""
    if row == "gestures":
        starts = {name: k * CUE_S for k, name in enumerate(CUES)}
        sound = np.zeros((2, round(CUE_S * len(CUES) * SAMPLE_RATE)), np.float32)
        cues = [Cue(round(start * FPS), name) for name, start in starts.items()]
        motion, _ = perform(_generator(), stage.identity, sound, SEED, cues)
        moments = [(f"{name} +{after:g}", start + after) for name, start in starts.items() for after in AFTER_S]
    else:
        sound = np.ascontiguousarray(_dialogue()[:, : round(HEARD_S * SAMPLE_RATE)])
        motion, raised = perform(_generator(), stage.identity, sound, SEED)
        up = raised.any(1)
        moments = [(f"{row} {frame / FPS:.1f}", frame / FPS) for frame in _moments(sound, up, row)]
    for name, at in moments:
        frame = round(at * FPS)
        one = Motion(motion.space, motion.values[frame : frame + 1], frame)
        yield name, stage.renderer.draw(stage.identity, one)[0].copy()


def _moments(sound: Sound, up: Mask, row: str) -> list[int]:
    """SEEN frames in which somebody speaks, with hands up where they are at all, or listens."""
    own, partner = hear(sound)
    if row == "speech":
        chosen = own.active & up[: len(own)]
        chosen = chosen if chosen.any() else own.active
    else:
        chosen = partner.active & own.away(0, FPS)
    frames = np.flatnonzero(chosen)
    return [int(frames[round(at)]) for at in np.linspace(0, len(frames) - 1, SEEN)]


@cache
def _generator() -> WithBody:
    return WithBody(LmfmGenerator(MotionConfig()))


@cache
def _dialogue() -> Sound:
    return load_dialogue(DialogueFiles(dialogue=shipped_folder("examples") / "dialogue.wav")).sound
