"""What a network says of bits, into bits: guidance, temperature, top-p, and one uniform number a bit."""

from __future__ import annotations

import torch
from torch import Tensor

GUIDANCE = 1.5  # as published: how far beyond what the conditions ask for
TEMPERATURE = 1.0
TOP_P = 0.97  # of two classes: one of probability 0.03 or less is never drawn


def guided(logits: Tensor, count: int, guidance: float, temperature: float) -> Tensor:
    """(2 B, ..., 2) of rows with and then without conditions -> (B, ..., 2); (B, ..., 2) alone stays."""
    logits = logits / temperature
    if len(logits) == count:
        return logits
    return guidance * logits[:count] + (1 - guidance) * logits[count:]


def drawn(logits: Tensor, uniforms: Tensor, top_p: float) -> Tensor:
    """Bits int32 (B, rows, 32) of logits (B, rows, 32, 2): 1 where `uniforms` lies below its probability."""
    one = logits.softmax(-1)[..., 1]
    rare = 1 - top_p
    one = torch.where((one <= rare) & (one < 0.5), 0.0, one)
    one = torch.where((1 - one <= rare) & (one >= 0.5), 1.0, one)
    return (uniforms < one).int()


def uniforms_of(seed: int, clip: int, side: int, rows: int, width: int) -> Tensor:
    """The numbers in [0, 1) that decide the bits of one clip of one side, (1, rows, width): of nothing but these."""
    generator = torch.Generator().manual_seed(((seed * 1_000_003 + clip) * 2 + side) % 2**63)
    return torch.rand(1, rows, width, generator=generator)
