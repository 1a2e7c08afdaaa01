"""A learned answer as it streams: chunk after chunk, each from what is told, its own past and noise.

Many scenes at once, so that judging takes seconds; none knows of another.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.motion import flow
from avtr_cli.training.touch.answers import CHANNELS
from avtr_cli.training.touch.network import Answers

STEPS = 4  # of Euler, as the motion model takes
TEMPERATURE = 0.7  # of the base noise: answers differ from seed to seed about as the truth's do


@torch.inference_mode()
def play(model: Answers, heard: Floats, condition: Floats, apart: Floats, seed: int) -> Doubles:
    """The answer (B, T, 13) to what is heard (B, T, 136) and told (B, T, n), (B, T, 3, n); 0 while nothing is told.

    T are whole chunks.
    """
    given = model.given(torch.from_numpy(heard.astype(np.float32)), torch.from_numpy(condition))
    told = torch.from_numpy((condition != 0).any(axis=2))
    count, frames = told.shape
    generator = torch.Generator().manual_seed(seed)
    made = torch.zeros(count, CHUNK_FRAMES + frames, len(CHANNELS))  # in units; a chunk of nothing before
    for first in range(0, frames, CHUNK_FRAMES):
        noise = torch.randn(count, CHUNK_FRAMES, len(CHANNELS), generator=generator)
        noise = noise * (TEMPERATURE / flow.euler_gain(STEPS))
        now = slice(first, first + CHUNK_FRAMES)
        if told[:, now].any():
            past = made[:, : first + CHUNK_FRAMES]
            codes = given.scale[:, now] * _left(model, noise, given.heard[:, : now.stop], past)
            chunk = model.innovations.decode(codes, past[:, -4:]) * told[:, now, None]
            made[:, first + CHUNK_FRAMES : first + 2 * CHUNK_FRAMES] = chunk
    answer = made[:, CHUNK_FRAMES:] * model.left_sd + model.centres(torch.from_numpy(apart))
    played: Doubles = answer.double().numpy()
    return played


def _left(model: Answers, noise: Tensor, heard: Tensor, made: Tensor) -> Tensor:
    """What the condition leaves open of a chunk, (B, 5, 13), from noise; `heard` up to its end, `made` up to its start.

    `made` begins a chunk before `heard`.
    """
    past = made[:, CHUNK_FRAMES:][:, -PAST_FRAMES:]
    frames = past.shape[1]
    track, now = model.track, heard[:, -CHUNK_FRAMES:]
    then = heard[:, heard.shape[1] - CHUNK_FRAMES - frames : -CHUNK_FRAMES]
    memory = track.past_memory(past, made[:, made.shape[1] - frames - 1 : -1], then)
    bias = track.bias(frames, CHUNK_FRAMES, 0, frames)

    def velocity(x: Tensor, t: float) -> Tensor:
        return model.velocity(x, torch.full(x.shape[:2], t), now, memory, bias)

    return flow.euler(velocity, noise, STEPS)
