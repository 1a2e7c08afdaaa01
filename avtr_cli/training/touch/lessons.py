"""Scenes into arrays that a learned answer is trained on: what is heard, what is told of the touch, the drawn answer.

Hearing is that of finished weights and learns nothing, so it is done once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Floats, Mask
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.regions import RegionMap
from avtr_cli.core.timing import FPS
from avtr_cli.motion.lmfm import hearing
from avtr_cli.motion.lmfm.network import Lmfm
from avtr_cli.training.dataset import Corpus
from avtr_cli.training.objective import heard_corpus
from avtr_cli.training.touch import scenes
from avtr_cli.training.touch.answers import CORNERS, Scene, drawn_answer
from avtr_cli.training.touch.condition import Encoding, apart, condition

SPEECH_FIRST = 3 * FPS  # frames after a touch in which a talker's mouth is not taught


@dataclass(frozen=True)
class Lessons:
    """scenes, and of each: heard (n, T, 136) float16, answers (n, T, 13), counts bool (n, T, 13): what is taught."""

    scenes: Sequence[Scene]
    heard: Floats
    answers: Floats
    counts: Mask

    def conditions(self, encoding: Encoding) -> Floats:
        """(n, T, size)."""
        return np.stack([condition(scene.touches, self._frames, encoding) for scene in self.scenes])

    def apart(self, encoding: Encoding) -> Floats:
        """(n, T, 3, size)."""
        return np.stack([apart(scene.touches, self._frames, encoding) for scene in self.scenes])

    @property
    def _frames(self) -> Doubles:
        return np.arange(self.answers.shape[1], dtype=np.float64)


def at_rest(model: Lmfm, count: int, maps: Sequence[RegionMap], seed: int) -> Lessons:
    """Lessons of stage 1, `count` scenes in which nothing is said or heard."""
    made = list(scenes.at_rest(count, maps, seed))
    curves = torch.from_numpy(np.stack([one for _, one in made])).float()
    return _lessons([scene for scene, _ in made], unheard(model, curves), mouth_first=False)


@torch.no_grad()
def unheard(model: Lmfm, curves: Tensor) -> Tensor:
    """What is heard (n, T, 136) where no voice is heard, with the gestures' curves (n, T, 8)."""
    count, frames, _ = curves.shape
    flags, nobody = (curves.new_zeros(count, frames, n) for n in (2 * hearing.FLAGS, model.shape.person))
    avatar, partner = (one.expand(count, frames, -1) for one in (model.no_avatar, model.no_partner))
    return model.conditions(avatar, partner, flags, curves, nobody).fused


@torch.no_grad()
def in_calls(model: Lmfm, corpus: Corpus, maps: Sequence[RegionMap], seed: int) -> Lessons:
    """Lessons of stage 2, both sides of every call of a corpus."""
    arrays = heard_corpus(model, corpus, seed).arrays
    heard = []
    for call in range(len(arrays["mouth"])):
        for side in (0, 1):
            order = [side, 1 - side]
            sides, flags = (torch.from_numpy(arrays[name][call][order]).float() for name in ("encoded", "heard_flags"))
            curves = torch.from_numpy(arrays["curves"][call, side].astype(np.float32))[None]
            nobody = curves.new_zeros((1, curves.shape[1], model.shape.person))
            both = torch.cat([flags[0], flags[1]], dim=-1)[None]
            heard.append(model.conditions(sides[:1], sides[1:], both, curves, nobody).fused[0])
    return _lessons(list(scenes.in_calls(arrays, maps, seed)), torch.stack(heard), mouth_first=True)


def _lessons(made: Sequence[Scene], heard: Tensor, mouth_first: bool) -> Lessons:
    answers = np.stack([drawn_answer(scene) for scene in made]).astype(np.float32)
    counts = np.ones_like(answers, bool)
    if mouth_first:
        for number, scene in enumerate(made):
            counts[number][:, CORNERS] = ~_soon_after(scene.touches, len(scene.rows))[:, None]
    return Lessons(made, heard.half().numpy(), answers, counts)


def _soon_after(touches: Sequence[Interaction], frames: int) -> Mask:
    """(T,) whether somebody was touched within the last three seconds."""
    soon = np.zeros(frames, bool)
    for touch in touches:
        soon[touch.frame : touch.frame + SPEECH_FIRST] = True
    return soon
