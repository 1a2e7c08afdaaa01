"""A learned answer in three steps: where touches take the channels; then what that leaves open, at rest and in calls.

The two stages of the flow are those of the motion model's own training. A step draws its windows from (seed, stage,
step). What is told of the touch is withheld from the flow in a tenth of the windows, and with all that is heard in a
twentieth, as the recipe has it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.training.objective import LATEST_TIME, before, track_bias
from avtr_cli.training.touch.condition import Encoding
from avtr_cli.training.touch.lessons import Lessons
from avtr_cli.training.touch.network import Answers, Trained

_WITHHELD, _ALL_WITHHELD, _PAST_HIDDEN = 0.10, 0.05, 0.05
_SETTLE = 0.3  # noise on the past, in first innovations
_MOST_WRONG = 100.0  # of a velocity's squared error: what nobody could expect teaches no more
_FRAMES, _CHUNKS = 2048, 512  # that a step of the centre, of what is left open sees


@dataclass(frozen=True, kw_only=True)
class TouchConfig:
    """How a learned answer is trained. Defaults: those of the runs that docs/interactions.md tells of."""

    centre_steps: int = 5000
    rest_steps: int = 1500  # of stage 1
    call_steps: int = 500  # of stage 2
    batch: int = 16  # windows
    frames: int = 125  # of a window: 5 s
    learning_rate: float = 2e-3
    warmup: int = 100  # steps
    average: float = 0.995  # decay of the weights' running mean
    seed: int = 0

    @property
    def open_steps(self) -> int:
        """Of how much the centre leaves open."""
        return self.centre_steps * 3 // 10

    @property
    def steps(self) -> int:
        """All of them."""
        return self.centre_steps + self.open_steps + self.rest_steps + self.call_steps


Watch = Callable[[str, int, float], None]
"""Told of every step: the stage, its number, the loss."""


def learn(
    config: TouchConfig, encoding: Encoding, rest: Lessons, calls: Lessons | None, watch: Watch = lambda *_: None
) -> Trained:
    """Train all of it; the flow's weights are their running mean."""
    torch.manual_seed(config.seed)
    model, began = Answers(encoding), time.monotonic()
    model.sd.copy_(torch.from_numpy(rest.answers).flatten(0, 1).square().mean(0).sqrt())
    _learn_centre(model, config, rest, watch)
    stages = [_Stage("rest", model, rest)] + ([_Stage("calls", model, calls)] if calls else [])
    model.fit(stages[0].left)
    _learn_open(model, config, stages[0], watch)
    counts = (config.rest_steps, config.call_steps if calls else 0)
    if any(counts):
        _learn_flow(model, config, stages, counts, watch)
    else:
        model.colour.zero_()  # the centre alone: what it leaves open stays nothing
    model.requires_grad_(False).eval()
    return Trained(model, config.seed, counts, (time.monotonic() - began) / 60)


def _steps(
    config: TouchConfig, parameters: Iterator[Tensor], steps: int
) -> Iterator[tuple[int, Callable[[Tensor], float]]]:
    """The number of each step, and what takes it along a loss: linear warm-up, then one cosine."""
    optimiser = torch.optim.AdamW(list(parameters), lr=config.learning_rate, weight_decay=0.01)
    for step in range(steps):
        rate = config.learning_rate * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / config.warmup)

        def take(loss: Tensor) -> float:
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 1.0)
            optimiser.step()
            return float(loss.detach())

        yield step, take


def _learn_centre(model: Answers, config: TouchConfig, lessons: Lessons, watch: Watch) -> None:
    """Least squares over frames that answer something."""
    apart = lessons.apart(model.encoding)
    told = (apart != 0).any(axis=(2, 3))
    x, y = torch.from_numpy(apart[told]), torch.from_numpy(lessons.answers[told])
    for step, take in _steps(config, model.centre.parameters(), config.centre_steps):
        rows = torch.from_numpy(np.random.default_rng([config.seed, 0, step]).integers(len(x), size=_FRAMES))
        watch("centre", step, take(((model.centres(x[rows]) - y[rows]) / model.sd).square().mean()))


def _learn_open(model: Answers, config: TouchConfig, stage: _Stage, watch: Watch) -> None:
    """How large innovations are, by likelihood: Laplace's, for few are much larger than most."""
    chunks = (stage.left / model.left_sd).unflatten(1, (-1, CHUNK_FRAMES))
    codes = model.innovations.encode(chunks[:, 1:], chunks[:, :-1, -4:])
    told = torch.from_numpy(stage.told).unflatten(1, (-1, CHUNK_FRAMES))[:, 1:].flatten(2)
    on = (told != 0).any(-1)
    x, y = told[on], codes[on]
    for step, take in _steps(config, model.open.parameters(), config.open_steps):
        rows = torch.from_numpy(np.random.default_rng([config.seed, 3, step]).integers(len(x), size=_CHUNKS))
        scale = model.scale(x[rows])
        watch("open", step, take((y[rows].abs() / scale + scale.log()).mean()))


class _Stage:
    """Lessons as the flow takes them: what is told, and what the centres leave of the answers (n, T, 13)."""

    def __init__(self, name: str, model: Answers, lessons: Lessons) -> None:
        self.name, self.lessons = name, lessons
        self.told = lessons.conditions(model.encoding)
        self.on = (self.told != 0).any(axis=2)
        with torch.no_grad():
            centres = [model.centres(torch.from_numpy(one)) for one in lessons.apart(model.encoding)]
        self.left = (torch.from_numpy(lessons.answers) - torch.stack(centres)) * torch.from_numpy(self.on)[..., None]

    def batch(self, config: TouchConfig, rng: np.random.Generator) -> list[Tensor]:
        """heard, condition, what is left with the chunk before it, what counts: windows in which one is touched."""
        windows: list[tuple[Tensor, ...]] = []
        while len(windows) < config.batch:
            number = int(rng.integers(len(self.told)))
            first = CHUNK_FRAMES * int(rng.integers(1, (self.told.shape[1] - config.frames) // CHUNK_FRAMES + 1))
            now = slice(first, first + config.frames)
            on = torch.from_numpy(self.on[number, now, None])
            if on.any():
                heard, told = (torch.from_numpy(one[number, now]).float() for one in (self.lessons.heard, self.told))
                counts = torch.from_numpy(self.lessons.counts[number, now]) & on
                windows.append((heard, told, self.left[number, first - CHUNK_FRAMES : now.stop], counts))
        return [torch.stack(part) for part in zip(*windows, strict=True)]


def _learn_flow(
    model: Answers, config: TouchConfig, stages: Sequence[_Stage], counts: Sequence[int], watch: Watch
) -> None:
    for known in (model.centre, model.open):
        known.requires_grad_(False)
    which = [(stage, at) for stage, count in zip(stages, counts, strict=False) for at in range(count)]
    mean = {name: value.detach().clone() for name, value in model.state_dict().items()}
    learned = (one for one in model.parameters() if one.requires_grad)
    for step, take in _steps(config, learned, len(which)):
        stage, at = which[step]
        rng = np.random.default_rng([config.seed, 1 + stages.index(stage), at])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        watch(stage.name, at, take(loss(model, stage.batch(config, rng), generator)))
        keep = min(config.average, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            mean[name].lerp_(value, 1 - keep)
    model.load_state_dict(mean)


def loss(model: Answers, batch: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Flow matching of the innovations of what is left open, a scalar."""
    heard, condition, whole, counts = batch
    drawn = torch.rand(len(whole), 1, 1, generator=generator)
    heard = heard * (drawn >= _ALL_WITHHELD)
    scale = model.given(heard, condition).scale
    told = model.given(heard, condition * (drawn >= _ALL_WITHHELD + _WITHHELD)).heard
    whole = whole / model.left_sd
    chunks = whole.unflatten(1, (-1, CHUNK_FRAMES))
    codes = model.innovations.encode(chunks[:, 1:], chunks[:, :-1, -4:]).flatten(1, 2)
    wrong = _flow_error(model, codes / scale, told, whole[:, CHUNK_FRAMES:], generator)
    return (wrong.clamp(max=_MOST_WRONG) * counts).sum() / counts.sum().clamp(min=1)


def _flow_error(model: Answers, left: Tensor, heard: Tensor, past: Tensor, generator: torch.Generator) -> Tensor:
    """Squared error of the velocity (B, T, 13) towards `left`, all chunks of a window at once."""
    count, frames = left.shape[:2]
    noise = torch.randn(left.shape, generator=generator)
    t = torch.rand(count, frames // CHUNK_FRAMES, generator=generator) * LATEST_TIME
    t = t.repeat_interleave(CHUNK_FRAMES, dim=1)
    past = past + torch.randn(left.shape, generator=generator) * _SETTLE * model.colour[:, 0].square().sum(-1).sqrt()
    memory = model.track.past_memory(past, before(past), heard)
    bias = track_bias(model.track, frames, bool(torch.rand((), generator=generator) < _PAST_HIDDEN))
    velocity = model.velocity(torch.lerp(noise, left, t.unsqueeze(-1)), t, heard, memory, bias)
    return (velocity - (left - noise)).square()
