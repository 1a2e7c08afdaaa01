"""Pictures into the 2048 numbers that FID is computed from: Inception v3 of 2015-12-05, as TensorFlow ran it.

Szegedy et al. 2016, "Rethinking the Inception Architecture". Layer names are those of the published PyTorch file, which
differs from torchvision's own Inception: other weights, averages that leave the padding out, a maximum in the last
block, pictures enlarged as TensorFlow 1 did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avtr_cli.weights.tensors import fitted, layout_of, read_table

FILES = "eval/inception"  # in the registry of published weights
SIDE = 299  # px
FEATURES, CLASSES = 2048, 1008
NORM_EPS = 1e-3


@dataclass(frozen=True)
class Step:
    """A convolution: its name, how many channels it makes, its (height, width), and whether it halves the picture."""

    name: str
    width: int
    size: tuple[int, int] = (1, 1)
    halves: bool = False


@dataclass(frozen=True)
class Branch:
    """A pool (average, max, halve, or none), then steps one after the other, then `ends` side by side."""

    steps: tuple[Step, ...] = ()
    pool: str = ""
    ends: tuple[Step, ...] = ()


class Convolution(nn.Module):
    """Convolution without bias, norm, ReLU: (B, C, H, W) -> (B, D, H', W'). One that halves has no padding."""

    def __init__(self, before: int, step: Step, padded: bool = True):
        super().__init__()
        padding = (step.size[0] // 2, step.size[1] // 2) if padded and not step.halves else (0, 0)
        self.conv = nn.Conv2d(before, step.width, step.size, 2 if step.halves else 1, padding, bias=False)
        self.bn = nn.BatchNorm2d(step.width, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side, their channels one behind the other."""

    def __init__(self, before: int, branches: Sequence[Branch]):
        super().__init__()
        self._branches = branches
        self.width = 0
        for branch in branches:
            width = before
            for step in branch.steps:
                self.add_module(step.name, Convolution(width, step))
                width = step.width
            for step in branch.ends:
                self.add_module(step.name, Convolution(width, step))
            self.width += sum(step.width for step in branch.ends) if branch.ends else width

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, `width`, H', W')."""
        parts = []
        for branch in self._branches:
            y = _pooled(x, branch.pool)
            for step in branch.steps:
                y = self.get_submodule(step.name)(y)
            parts += [self.get_submodule(step.name)(y) for step in branch.ends] if branch.ends else [y]
        return torch.cat(parts, 1)


class Inception(nn.Module):
    """Pictures (B, 3, H, W), RGB in 0 .. 255, of any size -> (B, 2048). `fc` is in the file, and not used for FID."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, Step("", 32, (3, 3), halves=True))
        self.Conv2d_2a_3x3 = Convolution(32, Step("", 32, (3, 3)), padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, Step("", 64, (3, 3)))
        self.Conv2d_3b_1x1 = Convolution(64, Step("", 80))
        self.Conv2d_4a_3x3 = Convolution(80, Step("", 192, (3, 3)), padded=False)
        width = 192
        self._mixed = []
        for name, branches in _BLOCKS.items():
            block = Mixed(width, branches)
            self.add_module(name, block)
            self._mixed.append(name)
            width = block.width
        self.fc = nn.Linear(FEATURES, CLASSES)

    @torch.inference_mode()
    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        x = (enlarged(pictures.float()) - 128) / 128
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_pooled(x, "halve")))
        x = _pooled(x, "halve")
        for name in self._mixed:
            x = self.get_submodule(name)(x)
        return x.mean((2, 3))


def load(path: Path) -> Inception:
    """The network with the weights of `path`, in the published format or as safetensors. Raises WeightsError."""
    net = Inception().eval()
    net.load_state_dict(fitted(path, "Inception", read_table(path, FILES), layout_of(net), FILES))
    return net


def enlarged(pictures: Tensor) -> Tensor:
    """(B, C, H, W) at 299 x 299, between pixels as TensorFlow 1 counted them: the first pixels lie on each other."""
    down, across = (_between(side).to(pictures) for side in pictures.shape[2:])
    return torch.einsum("ih,bchw,jw->bcij", down, pictures, across)


def _between(side: int) -> Tensor:
    """(299, side): the shares of two neighbours in each pixel that is made."""
    place = torch.arange(SIDE, dtype=torch.float64) * (side / SIDE)
    lower = place.floor().long()
    shares = torch.zeros(SIDE, side, dtype=torch.float64)
    rows = torch.arange(SIDE)
    shares[rows, lower] += 1 - (place - lower)
    shares[rows, (lower + 1).clamp(max=side - 1)] += place - lower
    return shares


def _pooled(x: Tensor, kind: str) -> Tensor:
    if kind == "average":
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    if kind == "max":
        return F.max_pool2d(x, 3, 1, 1)
    return F.max_pool2d(x, 3, 2) if kind == "halve" else x


def _chain(name: str, *steps: tuple[int, tuple[int, int]], halves: bool = False) -> tuple[Step, ...]:
    """Steps NAME_1, NAME_2, ...; the last one halves the picture where asked for."""
    last = len(steps)
    return tuple(Step(f"{name}_{at}", *step, halves and at == last) for at, step in enumerate(steps, 1))


def _early(pooled: int) -> tuple[Branch, ...]:
    return (
        Branch((Step("branch1x1", 64),)),
        Branch(_chain("branch5x5", (48, (1, 1)), (64, (5, 5)))),
        Branch(_chain("branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3)))),
        Branch((Step("branch_pool", pooled),), "average"),
    )


def _middle(inner: int) -> tuple[Branch, ...]:
    wide, high, one = (1, 7), (7, 1), (1, 1)
    return (
        Branch((Step("branch1x1", 192),)),
        Branch(_chain("branch7x7", (inner, one), (inner, wide), (192, high))),
        Branch(_chain("branch7x7dbl", (inner, one), (inner, high), (inner, wide), (inner, high), (192, wide))),
        Branch((Step("branch_pool", 192),), "average"),
    )


def _late(pool: str) -> tuple[Branch, ...]:
    def ends(name: str) -> tuple[Step, Step]:
        return Step(f"{name}a", 384, (1, 3)), Step(f"{name}b", 384, (3, 1))

    return (
        Branch((Step("branch1x1", 320),)),
        Branch(_chain("branch3x3", (384, (1, 1))), ends=ends("branch3x3_2")),
        Branch(_chain("branch3x3dbl", (448, (1, 1)), (384, (3, 3))), ends=ends("branch3x3dbl_3")),
        Branch((Step("branch_pool", 192),), pool),
    )


_BLOCKS = {
    "Mixed_5b": _early(32),
    "Mixed_5c": _early(64),
    "Mixed_5d": _early(64),
    "Mixed_6a": (
        Branch((Step("branch3x3", 384, (3, 3), halves=True),)),
        Branch(_chain("branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3)), halves=True)),
        Branch(pool="halve"),
    ),
    "Mixed_6b": _middle(128),
    "Mixed_6c": _middle(160),
    "Mixed_6d": _middle(160),
    "Mixed_6e": _middle(192),
    "Mixed_7a": (
        Branch(_chain("branch3x3", (192, (1, 1)), (320, (3, 3)), halves=True)),
        Branch(_chain("branch7x7x3", (192, (1, 1)), (192, (1, 7)), (192, (7, 1)), (192, (3, 3)), halves=True)),
        Branch(pool="halve"),
    ),
    "Mixed_7b": _late("average"),
    "Mixed_7c": _late("max"),
}
"""Blocks in their order; the pool of the last one is a maximum in the published network, a mistake that all share."""
