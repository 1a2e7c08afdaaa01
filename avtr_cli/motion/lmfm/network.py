"""LMFM, the listening motion flow model: both voices and 3 s of past motion into the velocity of 5 frames.

Two tracks share one hearing. The mouth track follows the avatar's own voice alone, so the partner cannot
move the mouth; the face track sees both voices through gated fusion and the gestures that the event head
started. Each track is a transformer over 5 noisy tokens that look at 75 frames of clean past and at each
other, around a Gaussian skip with a predicted mean and scale (`flow.gaussian_skip`).

Training computes all chunks of a window at once (`Track.forward` with many chunks); streaming computes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.motion import flow
from avtr_cli.motion.gestures import CURVES
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.event_head import EventHead
from avtr_cli.motion.lmfm.hearing import FLAGS, Hearing

NOISE_CORRELATION, NOISE_LIMIT = 2.0, 1.2  # of the mouth's base noise in training
NOISE_SD = 0.593  # of that noise once it has run in, measured over 10^6 draws
_LOG_SCALE = (-4.0, 0.7)  # of the predicted scale, in log z-units


@dataclass(frozen=True)
class LmfmShape:
    """The sizes that a checkpoint is built with."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    person: int = 13  # 8 numbers of style, 5 of emotion

    def as_strings(self) -> dict[str, str]:
        """The sizes as a safetensors header takes them."""
        return {key: str(value) for key, value in asdict(self).items()}


class GatedFusion(nn.Module):
    """Mixes the two sides of the call: g * avatar + (1 - g) * partner, g learned per channel.

    Both (B, T, D) at 25 Hz; returns (B, T, D). The AVTR-1 page names the fusion; the form is ours.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)
        self.avatar = nn.Linear(width, width)
        self.partner = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, avatar: Tensor, partner: Tensor) -> Tensor:
        """`avatar` and `partner` (B, T, D) mixed to (B, T, D)."""
        g = torch.sigmoid(self.gate(torch.cat([avatar, partner], dim=-1)))
        mixed: Tensor = self.norm(g * self.avatar(avatar) + (1 - g) * self.partner(partner))
        return mixed


class Layer(nn.Module):
    """One pre-norm transformer layer whose norms are set by time and identity (AdaLN, Peebles & Xie 2023)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulate = nn.Linear(width, 6 * width)
        self.norm_attend, self.norm_mlp = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)
        self.past_keys_values = nn.Linear(width, 2 * width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def memory(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the clean past (B, P, D) -> two of (B, heads, P, D / heads)."""
        return self._split(self.past_keys_values(past))

    def forward(self, x: Tensor, modulation: Sequence[Tensor], memory: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        """x (B, N, D), modulation six of (B, N, D), bias (heads, N, P + N)."""
        shift, scale, gate, shift2, scale2, gate2 = modulation
        y = torch.addcmul(shift, self.norm_attend(x), scale)
        keys, values = self._split(self.keys_values(y))
        query = self.query(y).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = F.scaled_dot_product_attention(
            query, torch.cat([memory[0], keys], 2), torch.cat([memory[1], values], 2), attn_mask=bias
        )
        x = torch.addcmul(x, gate, self.out(attended.transpose(1, 2).flatten(-2)))
        return torch.addcmul(x, gate2, self.mlp(torch.addcmul(shift2, self.norm_mlp(x), scale2)))

    def _split(self, both: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = both.unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return keys, values


class Track(nn.Module):
    """A velocity transformer for `channels` numbers a frame, heard through `heard` numbers a frame."""

    def __init__(self, shape: LmfmShape, channels: int, heard: int) -> None:
        super().__init__()
        width = shape.width
        self.noisy = nn.Linear(channels, width)
        self.now = nn.Linear(heard, width)
        self.past = nn.Sequential(nn.Linear(2 * channels + heard, width), nn.GELU(), nn.Linear(width, width))
        self.place = nn.Parameter(torch.zeros(CHUNK_FRAMES, width))
        self.time = nn.Sequential(nn.Linear(16, width), nn.GELU(), nn.Linear(width, width))
        self.person = nn.Linear(shape.person, width)
        self.layers = nn.ModuleList(Layer(width, shape.heads) for _ in range(shape.layers))
        self.distance = nn.Parameter(torch.zeros(shape.heads, PAST_FRAMES + 2 * CHUNK_FRAMES))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def blocks(self) -> Iterator[Layer]:
        """Its layers, the first first."""
        return (layer for layer in self.layers if isinstance(layer, Layer))

    def past_memory(self, motion: Tensor, before: Tensor, heard: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Clean frames (B, P, C), the frame before each (B, P, C), what was heard then -> each layer's memory."""
        tokens = self.past(torch.cat([motion, motion - before, heard], dim=-1))
        return [layer.memory(tokens) for layer in self.blocks()]

    def bias(self, first: int, count: int, past_first: int, past_count: int) -> Tensor:
        """Who may look at whom: (heads, count, past_count + count); a learned bias by distance, -inf for none.

        Queries are frames first ... first + count, whole chunks; the past is frames past_first ... Each sees the
        75 frames before its chunk and its own chunk.
        """
        query = torch.arange(first, first + count, device=self.distance.device).unsqueeze(1)
        begin = query // CHUNK_FRAMES * CHUNK_FRAMES
        past = torch.arange(past_first, past_first + past_count, device=query.device).unsqueeze(0)
        seen_past = (past < begin) & (past >= begin - PAST_FRAMES) & (past >= 0)
        seen_own = begin == begin.T
        apart = torch.cat([query - past, query - query.T], dim=1).clamp(-CHUNK_FRAMES, PAST_FRAMES + CHUNK_FRAMES - 1)
        table = self.distance[:, apart + CHUNK_FRAMES]
        return table.masked_fill(~torch.cat([seen_past, seen_own], dim=1), float("-inf"))

    def modulations(self, t: Tensor, person: Tensor) -> list[tuple[Tensor, ...]]:
        """Each layer's scales and shifts at times t (B, N) for identities (B, N, P); both are constant in a chunk."""
        moment = F.silu(self.time(_waves(t[:, ::CHUNK_FRAMES])) + self.person(person[:, ::CHUNK_FRAMES]))
        made = []
        for layer in self.blocks():
            parts = layer.modulate(moment).repeat_interleave(CHUNK_FRAMES, dim=1).chunk(6, dim=-1)
            made.append(tuple(part + 1 if k % 3 else part for k, part in enumerate(parts)))
        return made

    def sound_tokens(self, heard: Tensor) -> Tensor:
        """What the tokens of (B, N, H) know before they see their noise: (B, N, D)."""
        now: Tensor = self.now(heard) + self.place.repeat(heard.shape[1] // CHUNK_FRAMES, 1)
        return now

    def forward(
        self,
        x: Tensor,
        told: Tensor,
        modulations: list[tuple[Tensor, ...]],
        memories: list[tuple[Tensor, Tensor]],
        bias: Tensor,
    ) -> Tensor:
        """x (B, N, C), N whole chunks; the rest as `sound_tokens`, `modulations`, `past_memory` and `bias` give it.

        Returns the departure from the Gaussian velocity (B, N, C).
        """
        y = self.noisy(x) + told
        for layer, modulation, memory in zip(self.blocks(), modulations, memories, strict=True):
            y = layer(y, modulation, memory, bias)
        velocity: Tensor = self.out(self.norm(y))
        return velocity


def _waves(t: Tensor) -> Tensor:
    """Flow time in [0, 1] as 16 sines and cosines."""
    angles = t.unsqueeze(-1) * (torch.pi * 2.0 ** torch.arange(8, device=t.device) / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Conditions(NamedTuple):
    """What a chunk is told besides its past: own voice (B, N, D), both voices and gestures (B, N, D + 8), identity."""

    avatar: Tensor
    fused: Tensor
    person: Tensor  # (B, N, P)


class Lmfm(nn.Module):
    """The whole network; its buffers hold the corpus statistics that give channels their z-units."""

    log_scale = _LOG_SCALE
    mouth_mean: Tensor
    mouth_sd: Tensor
    face_mean: Tensor
    face_slope: Tensor
    face_sd: Tensor
    face_predictor: Tensor
    face_whiten: Tensor
    face_colour: Tensor

    def __init__(self, shape: LmfmShape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or LmfmShape()
        width, mouth, face = shape.width, len(MOUTH), len(FACE)
        self.hearing = Hearing(width)
        self.fusion = GatedFusion(width)
        self.flag_back = nn.Linear(2 * FLAGS, width)
        self.no_avatar, self.no_partner = (nn.Parameter(0.02 * torch.randn(width)) for _ in range(2))
        self.no_person = nn.Parameter(torch.zeros(shape.person))
        self.events = EventHead(shape.person)
        self.mouth_guess = nn.Sequential(nn.Linear(width + shape.person, width), nn.GELU(), nn.Linear(width, 2 * mouth))
        self.face_scale = nn.Linear(shape.person, face)
        self.mouth_track = Track(shape, mouth, width)
        self.face_track = Track(shape, face, width + len(CURVES))
        for name, size in _STATISTICS.items():
            self.register_buffer(name, torch.zeros(size))
        self.mouth_sd.fill_(1.0)
        self.face_sd.fill_(1.0)

    @property
    def innovations(self) -> flow.Innovations:
        """The face's linear prediction, with the tables of these weights."""
        return flow.Innovations(self.face_predictor, self.face_whiten, self.face_colour)

    def mouth_to_z(self, mouth: Tensor) -> Tensor:
        """Mouth shapes (..., 7) in z-units, cut at +-6."""
        return ((mouth - self.mouth_mean) / self.mouth_sd).clamp(-6, 6)

    def mouth_from_z(self, z: Tensor) -> Tensor:
        """The inverse of `mouth_to_z`, uncut."""
        return z * self.mouth_sd + self.mouth_mean

    def face_centre(self, person: Tensor) -> Tensor:
        """Where this person's face rests: linear in style and emotion, (..., P) -> (..., 26)."""
        return person @ self.face_slope + self.face_mean

    def conditions(self, avatar: Tensor, partner: Tensor, flags: Tensor, curves: Tensor, person: Tensor) -> Conditions:
        """Encoded sides (B, N, D), both flag probabilities (B, N, 12), gesture curves (B, N, 8), identity (B, N, P)."""
        fused = self.fusion(avatar, partner) + self.flag_back(flags)
        return Conditions(avatar, torch.cat([fused, curves * CURVE_UNITS.to(curves)], dim=-1), person)

    def guess_mouth(self, given: Conditions) -> tuple[Tensor, Tensor]:
        """Mean and scale of the mouth from the own voice alone, in z-units: two of (B, N, 7)."""
        mean, log_scale = self.mouth_guess(torch.cat([given.avatar, given.person], dim=-1)).chunk(2, dim=-1)
        return mean, log_scale.clamp(*_LOG_SCALE).exp()

    def scale_face(self, person: Tensor) -> Tensor:
        """How strongly this person moves, (..., P) -> (..., 26): factors of the face's innovations."""
        scale: Tensor = self.face_scale(person).clamp(*_LOG_SCALE).exp()
        return scale


# Degrees, weights and gaze units of the gesture curves, brought to about one.
CURVE_UNITS = torch.tensor([0.25, 0.25, 0.25, 2.0, 2.0, 1.0, 2.0, 2.0])
_STATISTICS = {
    "mouth_mean": (len(MOUTH),),
    "mouth_sd": (len(MOUTH),),
    "face_mean": (len(FACE),),
    "face_slope": (LmfmShape().person, len(FACE)),
    "face_sd": (len(FACE),),
    "face_predictor": (len(FACE), CHUNK_FRAMES, 4),
    "face_whiten": (len(FACE), CHUNK_FRAMES, CHUNK_FRAMES),
    "face_colour": (len(FACE), CHUNK_FRAMES, CHUNK_FRAMES),
}
