"""A whole call into a face's motion, as published: clip after clip of 4 s, each going on from the one before.

Each voice of a clip is heard alone; nothing but the motion just made is carried over. What is drawn at random is drawn
of (seed, clip, side) alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Sound
from avtr_cli.core.runtime import one_thread
from avtr_cli.core.timing import frames_of
from avtr_cli.motion.unils.config import CLIP_FRAMES, MOTION_WIDTH
from avtr_cli.motion.unils.network import UnilsNetwork
from avtr_cli.motion.unils.sampling import GUIDANCE, TEMPERATURE, TOP_P, uniforms_of
from avtr_cli.motion.unils.smoothing import smooth
from avtr_cli.motion.unils.speech import CLIP_SAMPLES, Speech, gated

MOST_THREADS = 8  # that hear ahead: one clip's motion takes about as long as a third of what is heard in it


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a call is made; the defaults are as published, but for the gate."""

    guidance: float = GUIDANCE
    temperature: float = TEMPERATURE
    top_p: float = TOP_P
    silence_gate: bool = True
    smoothing: bool = True


def moved(
    network: UnilsNetwork,
    speech: Speech,
    blocks: Iterable[Sound],
    seeds: Sequence[int],
    manner: Manner,
    style: Tensor,
    device: torch.device,
    cores: int = 1,
) -> list[Tensor]:
    """What each side does, float32 (T, 108) with T = ceil(samples / 640): one of `seeds` a side, one or two.

    `blocks` are float32 (2, n), rows (own, partner); the second side hears them swapped. `style` is (1, 100, 108). On a
    CPU voices are heard ahead on other `cores`, each by one thread, so no bit depends on their number.
    """
    style = style.to(device)
    zeros = torch.zeros(1, CLIP_FRAMES, MOTION_WIDTH, device=device)
    before = [(zeros, zeros) for _ in seeds]
    made: list[list[Tensor]] = [[] for _ in seeds]
    samples = 0
    codec = network.config.codec
    with torch.inference_mode(), one_thread(), ExitStack() as undo:
        heard = _heard(blocks, Ears(speech, manner.silence_gate, device), cores, undo)
        for clip, (voices, count) in enumerate(heard):
            samples += count
            for side, seed in enumerate(seeds):
                own, partner = voices if side == 0 else reversed(voices)
                uniforms = uniforms_of(seed, clip, side, codec.rows, codec.code_width).to(device)
                motion, _ = network.generate(
                    uniforms, style, *before[side], own, partner, manner.guidance, manner.temperature, manner.top_p
                )
                made[side].append(motion)
                before[side] = (motion, motion)
        whole = [torch.cat(clips, 1)[:, : frames_of(samples)] if clips else zeros[:, :0] for clips in made]
        return [(smooth(motion) if manner.smoothing else motion)[0].float().cpu() for motion in whole]


@dataclass(frozen=True)
class Ears:
    """A clip's sound (2, 64000) into the features of both voices, each (1, 199, 1024)."""

    speech: Speech
    gate: bool
    device: torch.device

    def __call__(self, sound: Sound) -> list[Tensor]:
        with torch.inference_mode():
            heard = torch.from_numpy(sound).to(self.device)
            return [self.speech((gated(one) if self.gate else one)[None]) for one in heard]


def _heard(blocks: Iterable[Sound], ears: Ears, cores: int, undo: ExitStack) -> Iterator[tuple[list[Tensor], int]]:
    """Both voices of every clip, and how many samples of it are the call's; on a CPU some clips ahead."""
    if cores < 2 or ears.device.type != "cpu":
        yield from ((ears(sound), count) for sound, count in _clips(blocks))
        return
    threads = min(cores - 1, MOST_THREADS)
    pool = undo.enter_context(ThreadPoolExecutor(threads, "hearing", torch.set_num_threads, (1,)))
    waiting: deque[tuple[Future[list[Tensor]], int]] = deque()
    undo.callback(lambda: [one.cancel() for one, _ in waiting])
    for sound, count in _clips(blocks):
        waiting.append((pool.submit(ears, sound), count))
        if len(waiting) > threads:
            ready, length = waiting.popleft()
            yield ready.result(), length
    while waiting:
        ready, length = waiting.popleft()
        yield ready.result(), length


def _clips(blocks: Iterable[Sound]) -> Iterator[tuple[Sound, int]]:
    """The sound cut into (2, 64000), the last one padded with silence; and how many samples of each are the call's."""
    held = np.zeros((2, CLIP_SAMPLES), np.float32)
    filled = 0
    for block in blocks:
        at = 0
        while at < block.shape[1]:
            count = min(CLIP_SAMPLES - filled, block.shape[1] - at)
            held[:, filled : filled + count] = block[:, at : at + count]
            filled, at = filled + count, at + count
            if filled == CLIP_SAMPLES:
                yield held.copy(), filled
                filled = 0
    if filled:
        held[:, filled:] = 0
        yield held.copy(), filled
