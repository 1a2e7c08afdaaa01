"""A third track that answers touches: 13 channels around where the touch alone would take them.

An answer is a centre and what it leaves open. The centre, of each touch by itself, is a small net's; what is left is a
flow in whitened innovations, told of the touch where the voices' flags enter, in the past as in the chunk, by another
small net whose last layer begins at zero. It is no part of the face track: there the unit is the innovation of a face
that nobody touches, and a slap is ten thousand of them; with units for both, a resting face would be a hundredth.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.motion import flow
from avtr_cli.motion.gestures import CURVES
from avtr_cli.motion.lmfm.network import LmfmShape, Track
from avtr_cli.training.stages import read_tensors, write_tensors
from avtr_cli.training.touch.answers import CHANNELS
from avtr_cli.training.touch.condition import Encoding

FORMAT = "avtr-touch-1"
HEARD = LmfmShape().width + len(CURVES)  # numbers a frame of both voices, their flags and the gestures under way
_HIDDEN, _TOLD = 48, 32
_WIDE = 96  # of the centre's net
_SHAPE = LmfmShape(width=64, layers=2, heads=4, person=1)  # nobody's style is asked for
_LOG_SCALE = (-5.0, 3.0)  # of what is left open, in log innovations


Memory = list[tuple[Tensor, Tensor]]
"""Keys and values of the past, by layer."""


class Given(NamedTuple):
    """What the flow is told: `heard` (B, T, 64), both voices, gestures and touch; how much is left open (B, T, 13)."""

    heard: Tensor
    scale: Tensor


class Answers(nn.Module):
    """The network; its buffers hold the answers' units and innovations."""

    sd: Tensor
    left_sd: Tensor
    predictor: Tensor
    whiten: Tensor
    colour: Tensor

    def __init__(self, encoding: Encoding | None = None) -> None:
        super().__init__()
        self.encoding = encoding or Encoding()
        channels = len(CHANNELS)
        self.centre = nn.Sequential(
            nn.Linear(self.encoding.size, _WIDE),
            nn.GELU(),
            nn.Linear(_WIDE, _WIDE),
            nn.GELU(),
            nn.Linear(_WIDE, channels),
        )
        self.told = nn.Sequential(nn.Linear(self.encoding.size, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, _TOLD))
        self.into = nn.Linear(_TOLD, _SHAPE.width)
        self.hear = nn.Linear(HEARD, _SHAPE.width)
        self.open = nn.Sequential(
            nn.Linear(CHUNK_FRAMES * self.encoding.size, _WIDE), nn.GELU(), nn.Linear(_WIDE, CHUNK_FRAMES * channels)
        )
        self.track = Track(_SHAPE, channels, _SHAPE.width)
        nn.init.zeros_(self.into.weight)
        nn.init.zeros_(self.into.bias)
        sizes = {"sd": (channels,), "left_sd": (channels,), "predictor": (channels, CHUNK_FRAMES, 4)}
        sizes |= dict.fromkeys(("whiten", "colour"), (channels, CHUNK_FRAMES, CHUNK_FRAMES))
        for name, size in sizes.items():
            self.register_buffer(name, torch.ones(size))

    @property
    def innovations(self) -> flow.Innovations:
        """The answers' linear prediction."""
        return flow.Innovations(self.predictor, self.whiten, self.colour)

    def centres(self, apart: Tensor) -> Tensor:
        """Where touches, each told by itself (..., 3, n), take the channels together: (..., 13)."""
        on = (apart != 0).any(-1)
        each = apart.new_zeros(*on.shape, len(CHANNELS))
        each[on] = self.centre(apart[on])
        together: Tensor = each.sum(-2) * self.sd
        return together

    def scale(self, condition: Tensor) -> Tensor:
        """How much is left open of whole chunks (..., 5 n): (..., 5, 13), in innovations."""
        log_scale: Tensor = self.open(condition).unflatten(-1, (CHUNK_FRAMES, -1))
        return log_scale.clamp(*_LOG_SCALE).exp()

    def fit(self, left: Tensor) -> None:
        """Take units and innovations from what the centres leave of answers, (N, T, 13)."""
        self.left_sd.copy_(left.flatten(0, 1).square().mean(0).sqrt())
        fitted = flow.Innovations.fit(left / self.left_sd, CHUNK_FRAMES)
        for name in ("predictor", "whiten", "colour"):
            getattr(self, name).copy_(getattr(fitted, name))

    def given(self, heard: Tensor, condition: Tensor) -> Given:
        """What is heard (B, T, 136) and the condition (B, T, n), T whole chunks."""
        scale = self.scale(condition.unflatten(1, (-1, CHUNK_FRAMES)).flatten(2)).flatten(1, 2)
        return Given(self.hear(heard) + self.into(self.told(condition)), scale)

    def velocity(self, x: Tensor, t: Tensor, heard: Tensor, memory: Memory, bias: Tensor) -> Tensor:
        """Of innovations `x` (B, N, 13), in units of `scale`, at times `t` (B, N), N whole chunks.

        heard (B, N, 64) is what `given` says of these frames; memory and bias are of `Track`.
        """
        nobody = x.new_zeros(*x.shape[:2], 1)
        skip = flow.gaussian_skip(x, t.unsqueeze(-1), torch.zeros_like(x), torch.ones_like(x), 1.0)
        moments = self.track.modulations(t, nobody)
        departure: Tensor = self.track(x, self.track.sound_tokens(heard), moments, memory, bias)
        return skip + departure


@dataclass(frozen=True)
class Trained:
    """A run's weights and how they came about."""

    model: Answers
    seed: int
    steps: tuple[int, int]  # at rest, in calls
    minutes: float


def write(path: Path, trained: Trained) -> None:
    """Write a run's weights, whole or not at all."""
    about = {"encoding": json.dumps(asdict(trained.model.encoding)), "seed": str(trained.seed)}
    about |= {"format": FORMAT, "steps": json.dumps(trained.steps), "minutes": f"{trained.minutes:.2f}"}
    write_tensors(path, trained.model.state_dict(), about)


def read(path: Path) -> Trained:
    """Weights of `avtr train touch`. Raises WeightsError."""
    try:
        tensors, about = read_tensors(path)
        if about.get("format") != FORMAT:
            raise WeightsError(f"{path}: holds no learned answers to touch ({FORMAT})")
        model = Answers(Encoding(**json.loads(about["encoding"])))
        model.load_state_dict(tensors)
        model.requires_grad_(False).eval()
        at_rest, in_calls = json.loads(about["steps"])
        return Trained(model, int(about["seed"]), (at_rest, in_calls), float(about["minutes"]))
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path}: the learned answers cannot be read ({str(error).splitlines()[0]})") from error
