"""UniLS's attention and feed-forward layers: positions enter as rotations of queries and keys, nowhere else.

Rotary positions (Su et al. 2021, arXiv:2104.09864) turn neighbouring pairs of a head's 64 numbers. Parameters carry
the names of the published checkpoint. Tokens are (B, T, width).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from avtr_cli.motion.unils.config import HEAD_WIDTH, SPEECH_WIDTH

ROTARY_BASE = 10_000.0
Rotation = tuple[Tensor, Tensor]
"""Cosines and sines of some positions, each (T, 32)."""


def rotation(positions: Tensor) -> Rotation:
    """The angles of whole-number positions (T,): position * 10000^(-2 i / 64) for pair i."""
    pairs = torch.arange(0, HEAD_WIDTH, 2, dtype=torch.float32, device=positions.device)
    angles = positions.float()[:, None] * ROTARY_BASE ** (-pairs / HEAD_WIDTH)
    return angles.cos(), angles.sin()


def turned(heads: Tensor, by: Rotation) -> Tensor:
    """Queries or keys (B, H, T, 64), every pair (a, b) turned: (a cos - b sin, b cos + a sin)."""
    a, b = heads[..., 0::2], heads[..., 1::2]
    cos, sin = by
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)


def split_heads(tokens: Tensor) -> Tensor:
    """(B, T, H * 64) -> (B, H, T, 64)."""
    heads: Tensor = tokens.unflatten(-1, (-1, HEAD_WIDTH)).transpose(1, 2)
    return heads


def merged(heads: Tensor) -> Tensor:
    """(B, H, T, 64) -> (B, T, H * 64)."""
    return heads.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Tokens that look at tokens; the norm is inside, q, k and v have no bias."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width)

    def heads(self, tokens: Tensor, at: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, H, T, 64), those that have positions turned by them."""
        query, key, value = (split_heads(part) for part in self.to_qkv(self.norm(tokens)).chunk(3, -1))
        return turned(query, at), turned(key, at), value

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """What is added to the tokens of `query`; `mask` (T, S) says which keys each may see, None: all."""
        out: Tensor = self.to_out(merged(scaled_dot_product_attention(query, key, value, attn_mask=mask)))
        return out

    def forward(self, tokens: Tensor, at: Rotation, mask: Tensor | None = None) -> Tensor:
        """What looking at each other, as far as `mask` lets them, adds to the tokens."""
        return self.attend(*self.heads(tokens, at), mask)


class VoiceAttention(nn.Module):
    """Tokens that listen to one voice; its keys and values are made once a clip."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(SPEECH_WIDTH, width)
        self.v_proj = nn.Linear(SPEECH_WIDTH, width)
        self.out_proj = nn.Linear(width, width)
        self.self_norm = nn.LayerNorm(width, eps)
        self.context_norm = nn.LayerNorm(SPEECH_WIDTH, eps)

    def hear(self, features: Tensor, at: Rotation) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, N, 64) of speech features (B, N, 1024), the voice's own position added before."""
        context = self.context_norm(features)
        return turned(split_heads(self.k_proj(context)), at), split_heads(self.v_proj(context))

    def forward(self, tokens: Tensor, at: Rotation, heard: tuple[Tensor, Tensor]) -> Tensor:
        """What the voice's keys and values, of `hear`, add to the tokens."""
        query = turned(split_heads(self.q_proj(self.self_norm(tokens))), at)
        out: Tensor = self.out_proj(merged(scaled_dot_product_attention(query, *heard)))
        return out
