"""A stand-in for AVTR-1's motion archive: its attributes, buffers and keyword-only methods, a network of our own.

The published weights cannot be passed on, so tests and `avtr bench --random-weights` run on this. The interface is
the published one; what is inside (how many layers, how wide) is not published and is our guess: a transformer of
width 512 that attends from the chunk's 5 frames to history, portrait and sound, once per guidance pass.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avtr_cli.motion.avtr1.archive import ATTRIBUTES, CHANNELS, LATENT, LIPSYNC_COORDINATES, SIDE_WIDTH

HEADS = 8
PAST = ATTRIBUTES["past_size"]
CHUNK = ATTRIBUTES["chunk_size"]
HEAD_TURN = 0.05  # rad: deviation of the rotation vector
EXPRESSION = 0.012  # deviation of an expression coordinate; real faces stay below 0.08


class Block(nn.Module):
    """Pre-norm attention from x (B, T, 512) to itself and a context (B, S, 512), then two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = HEADS  # scripted code sees attributes, not a module's constants
        self.norm, self.norm_inner = nn.LayerNorm(LATENT), nn.LayerNorm(LATENT)
        self.query, self.keys, self.out = (
            nn.Linear(LATENT, LATENT),
            nn.Linear(LATENT, 2 * LATENT),
            nn.Linear(LATENT, LATENT),
        )
        self.widen, self.narrow = nn.Linear(LATENT, 4 * LATENT), nn.Linear(4 * LATENT, LATENT)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """`x` (B, T, C) attends to `context` (B, S, C) and itself; (B, T, C)."""
        query = self.query(self.norm(x)).unflatten(2, (self.heads, -1)).transpose(1, 2)
        seen = self.keys(self.norm(torch.cat([context, x], dim=1))).unflatten(2, (2, self.heads, -1))
        keys, values = seen[:, :, 0].transpose(1, 2), seen[:, :, 1].transpose(1, 2)
        x = x + self.out(F.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2))
        mixed: Tensor = x + self.narrow(F.gelu(self.widen(self.norm_inner(x))))
        return mixed


class MadeUpAvtr1(nn.Module):
    """The published interface, as `motion/avtr1/archive.py` expects it."""

    def __init__(self, layers: int, seed: int) -> None:
        super().__init__()
        self.chunk_size, self.past_size = ATTRIBUTES["chunk_size"], ATTRIBUTES["past_size"]
        self.future_size, self.nfeats = ATTRIBUTES["future_size"], ATTRIBUTES["nfeats"]
        self.cond_feature_dim, self.latent_dim = ATTRIBUTES["cond_feature_dim"], ATTRIBUTES["latent_dim"]
        self.of_motion, self.of_audio = nn.Linear(CHANNELS, LATENT), nn.Linear(SIDE_WIDTH, LATENT)
        self.of_portrait, self.of_noisy = nn.Linear(129, LATENT), nn.Linear(CHANNELS, LATENT)
        self.of_time, self.velocity = nn.Linear(1, LATENT), nn.Linear(LATENT, CHANNELS)
        self.blocks = nn.ModuleList([Block() for _ in range(layers)])
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if "norm" not in name:
                    fan_in = parameter.shape[1] if parameter.dim() > 1 else 10_000
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) / math.sqrt(fan_in))

        def drawn(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator)

        self.register_buffer("offset_so3", 0.02 * drawn(3))
        self.register_buffer("scale_so3", torch.full((3,), 0.1))
        self.register_buffer("offset_kp", 0.2 * drawn(21, 3))
        self.register_buffer("scale_kp", 0.05 + 0.01 * drawn(21, 3).abs())
        self.register_buffer("offset_exp", 0.005 * drawn(21, 3))
        self.register_buffer("scale_exp", 0.02 + 0.005 * drawn(21, 3).abs())
        self.register_buffer("motion_offset", torch.cat([0.02 * drawn(3), 0.003 * drawn(39)]))
        self.register_buffer("motion_scale", torch.cat([torch.full((3,), HEAD_TURN), torch.full((39,), EXPRESSION)]))
        self.register_buffer("lipsync_coords", torch.tensor(LIPSYNC_COORDINATES))

    @torch.jit.export
    def encode_conditions(
        self, *, past_cond: Tensor, audio_cond: Tensor, kp_cond: Tensor, past_times: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(B,75,42), (B,85,2048), (B,1,129), (B,15,1) -> portrait, past context, last chunk, both sides' sound."""
        times = self.of_time(past_times).repeat_interleave(self.chunk_size, dim=1)
        past = self.of_motion(past_cond) + times
        border = self.past_size - self.chunk_size
        width = self.cond_feature_dim
        own, other = self.of_audio(audio_cond[..., :width]), self.of_audio(audio_cond[..., width:])
        return self.of_portrait(kp_cond), past[:, :border], past[:, border:], own, other

    def forward(
        self,
        *,
        x: Tensor,
        kp: Tensor,
        past_context: Tensor,
        past_last: Tensor,
        audio_self: Tensor,
        audio_other: Tensor,
        t: Tensor,
        self_weights: Tensor,
        other_weights: Tensor,
        kp_weights: Tensor,
    ) -> Tensor:
        """Velocity (B,5,42): four passes (history alone, with own sound, with the other's, with the portrait)."""
        start = self.of_noisy(x) + past_last + self.of_time(t)[:, None]
        history = torch.cat([past_context, past_last], dim=1)
        alone = self._latent(start, history)
        own = self._latent(start, torch.cat([history, audio_self], dim=1))
        other = self._latent(start, torch.cat([history, audio_other], dim=1))
        portrait = self._latent(start, torch.cat([history, kp], dim=1))
        latent = (
            alone + self_weights * (own - alone) + other_weights * (other - alone) + kp_weights * (portrait - alone)
        )
        velocity: Tensor = self.velocity(F.layer_norm(latent, [self.latent_dim])) - x
        return velocity

    def _latent(self, start: Tensor, context: Tensor) -> Tensor:
        x = start
        for block in self.blocks:
            x = block(x, context)
        return x


def write_archive(path: Path, layers: int = 8, seed: int = 0) -> None:
    """Write the stand-in as TorchScript to `path`."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; the published file is what it is
        torch.jit.save(torch.jit.script(MadeUpAvtr1(layers, seed).eval()), str(path))
