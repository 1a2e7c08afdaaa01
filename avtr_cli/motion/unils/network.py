"""UniLS's generator: what a face does in 4 s, as bits, from its style, the 4 s before, and both voices.

Next-scale prediction: the clip's bits come scale by scale, each scale's all at once, from all that is coarser. Tokens
are [100 style | 100 previous | levels]; conditions see all conditions, a level sees conditions and the levels down to
its own. So `generate` may keep keys and values and take every token through the blocks once; `logits` is the plain
form, all tokens under one mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avtr_cli.motion.unils.attention import Rotation, SelfAttention, VoiceAttention, rotation
from avtr_cli.motion.unils.codec import Codec, lengthened, shortened
from avtr_cli.motion.unils.config import CLIP_FRAMES, MOTION_WIDTH, SPEECH_WIDTH, NetworkConfig
from avtr_cli.motion.unils.sampling import GUIDANCE, TEMPERATURE, TOP_P, drawn, guided

NORM_EPS = 1e-6  # of every norm but the last
HEAD_EPS = 1e-5
CONDITIONS = 2 * CLIP_FRAMES  # tokens before the levels
Heard = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Keys and values of the own voice and of the partner's, in one block."""


class Block(nn.Module):
    """Tokens look at each other, hear their own voice, hear the partner's, and are worked on."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        width = config.width
        self.self_attn = SelfAttention(width, NORM_EPS)
        if config.voices:
            self.self_audio_attn = VoiceAttention(width, NORM_EPS)
            self.other_audio_attn = VoiceAttention(width, NORM_EPS)
        self.ffn = nn.Sequential(
            nn.LayerNorm(width, NORM_EPS), nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )

    def after_attention(self, tokens: Tensor, at: Rotation, heard: Heard | None) -> Tensor:
        """The rest of the block, for tokens that have looked at each other."""
        if heard is not None:
            tokens = tokens + self.self_audio_attn(tokens, at, heard[0])
            tokens = tokens + self.other_audio_attn(tokens, at, heard[1])
        return tokens + self.ffn(tokens)  # type: ignore[no-any-return]


class Blocks(nn.Module):
    """The blocks, and what tells style, previous motion, voices and levels apart."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.style_pos = nn.Parameter(torch.zeros(1, 1, config.width))
        self.prev_pos = nn.Parameter(torch.zeros(1, 1, config.width))
        if config.voices:
            self.self_pos = nn.Parameter(torch.zeros(1, 1, SPEECH_WIDTH))
            self.other_pos = nn.Parameter(torch.zeros(1, 1, SPEECH_WIDTH))
        self.attn_blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.lvl_embed = nn.Embedding(len(config.codec.scales), config.width)


@dataclass
class _Cache:
    """Keys and values of all tokens so far, one pair a block."""

    pairs: list[tuple[Tensor, Tensor]]

    def with_more(self, block: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        if block == len(self.pairs):
            self.pairs.append((key, value))
        else:
            before = self.pairs[block]
            self.pairs[block] = (torch.cat([before[0], key], 2), torch.cat([before[1], value], 2))
        return self.pairs[block]


class UnilsNetwork(nn.Module):
    """The generator with its codec inside. Motion (B, 100, 108), bits (B, rows, 32), voices (B, N, 1024) or None."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        self.sos_embed = nn.Parameter(torch.zeros(1, 1, config.width))
        self.base_codec = Codec(config.codec)
        self.code_token_embed = nn.Linear(config.codec.code_width, config.width)
        self.attn_blocks = Blocks(config)
        self.logits_head = nn.Sequential(
            nn.LayerNorm(config.width, HEAD_EPS), nn.Linear(config.width, 2 * config.codec.code_width)
        )

    def logits(
        self, bits: Tensor, style: Tensor, previous: Tensor, own: Tensor | None = None, partner: Tensor | None = None
    ) -> Tensor:
        """What the network says of every bit, the coarser ones given: (B, rows, 32, 2), for 0 and for 1.

        The plain form: all tokens at once under a mask.
        """
        levels = [self._level(0, self._start(len(bits)))]
        inputs = self.base_codec.next_inputs(bits).split(self.config.codec.scales[1:], 1)
        levels += [self._level(k, self.code_token_embed(codes)) for k, codes in enumerate(inputs, 1)]
        tokens = torch.cat([self._conditions(style, previous), *levels], 1)
        at = rotation(self._positions(tokens.device))
        mask = self._mask(tokens.device)
        for block, heard in zip(self._blocks(), self._heard(own, partner), strict=True):
            tokens = tokens + block.self_attn(tokens, at, mask)
            tokens = block.after_attention(tokens, at, heard)
        return self._read(tokens[:, CONDITIONS:])

    def generate(
        self,
        uniforms: Tensor,
        style: Tensor,
        previous: Tensor,
        previous_without: Tensor,
        own: Tensor | None = None,
        partner: Tensor | None = None,
        guidance: float = GUIDANCE,
        temperature: float = TEMPERATURE,
        top_p: float = TOP_P,
    ) -> tuple[Tensor, Tensor]:
        """One clip: motion (B, 100, 108) and its bits, drawn by `uniforms` (B, rows, 32) in [0, 1).

        With guidance above 1 a second row goes beside each, without style and voices; what moved before it,
        `previous_without`, is zeros for the first clip and the made motion from the second on.
        """
        count = len(uniforms)
        if guidance > 1:
            style = torch.cat([style, torch.zeros_like(style)])
            previous = torch.cat([previous, previous_without])
            own, partner = (None if one is None else torch.cat([one, torch.zeros_like(one)]) for one in (own, partner))
        heard = self._heard(own, partner)
        cache = _Cache([])
        self._through(self._conditions(style, previous), slice(0, CONDITIONS), heard, cache)
        bits: list[Tensor] = []
        known = torch.zeros(())
        tokens = self._start(len(style))
        first = 0
        for k, rows in enumerate(self.config.codec.scales):
            if k:
                known = known + lengthened(self.base_codec.codes(bits[-1]))
                tokens = self.code_token_embed(shortened(known, rows)).repeat(len(style) // count, 1, 1)
            at = slice(CONDITIONS + first, CONDITIONS + first + rows)
            spoken = self._read(self._through(self._level(k, tokens), at, heard, cache))
            bits.append(drawn(guided(spoken, count, guidance, temperature), uniforms[:, first : first + rows], top_p))
            first += rows
        made = torch.cat(bits, 1)
        return self.base_codec.decode(made), made

    def _through(self, tokens: Tensor, where: slice, heard: Sequence[Heard | None], cache: _Cache) -> Tensor:
        """New tokens through all blocks; they see each other and all that `cache` holds."""
        at = rotation(self._positions(tokens.device)[where])
        for number, block in enumerate(self._blocks()):
            query, key, value = block.self_attn.heads(tokens, at)
            tokens = tokens + block.self_attn.attend(query, *cache.with_more(number, key, value))
            tokens = block.after_attention(tokens, at, heard[number])
        return tokens

    def _blocks(self) -> list[Block]:
        return list(self.attn_blocks.attn_blocks)  # type: ignore[arg-type]

    def _conditions(self, style: Tensor, previous: Tensor) -> Tensor:
        """Tokens (B, 200, width) of style and previous motion, which go through the codec's bits."""
        codec = self.base_codec
        style, previous = (self.code_token_embed(codec.features(codec.encode(one))) for one in (style, previous))
        return torch.cat([style + self.attn_blocks.style_pos, previous + self.attn_blocks.prev_pos], 1)

    def _start(self, count: int) -> Tensor:
        return self.sos_embed.expand(count, 1, -1)

    def _level(self, k: int, tokens: Tensor) -> Tensor:
        return tokens + self.attn_blocks.lvl_embed.weight[k]

    def _heard(self, own: Tensor | None, partner: Tensor | None) -> list[Heard | None]:
        """Keys and values of both voices in every block."""
        if not self.config.voices:
            return [None] * self.config.depth
        assert own is not None
        assert partner is not None
        rows = torch.arange(own.shape[1], device=own.device)
        at = rotation(CONDITIONS + CLIP_FRAMES * rows // own.shape[1])
        own, partner = own + self.attn_blocks.self_pos, partner + self.attn_blocks.other_pos
        return [
            (block.self_audio_attn.hear(own, at), block.other_audio_attn.hear(partner, at)) for block in self._blocks()
        ]

    def _read(self, tokens: Tensor) -> Tensor:
        spoken: Tensor = self.logits_head(tokens)
        classes: Tensor = spoken.unflatten(-1, (-1, 2))
        return classes

    def _positions(self, device: torch.device) -> Tensor:
        """Of all tokens in time: levels lie spread over the clip's frames, after both conditions."""
        levels = [CONDITIONS + position for rows in self.config.codec.scales for position in level_positions(rows)]
        return torch.tensor([*range(CONDITIONS), *levels], device=device)

    def _mask(self, device: torch.device) -> Tensor:
        """bool (T, T): conditions are level 0, then each level sees its own and the ones before."""
        scales = self.config.codec.scales
        order = torch.tensor([0] * CONDITIONS + [k for k, rows in enumerate(scales, 1) for _ in range(rows)])
        return (order[:, None] >= order[None]).to(device)


def level_positions(rows: int) -> list[int]:
    """The frames that a scale's rows stand at: (CLIP - 1) (2 k + 1) / (2 rows), halves to the even frame."""
    return [round((CLIP_FRAMES - 1) * (2 * k + 1) / (2 * rows)) for k in range(rows)]


ZERO_MOTION = torch.zeros(1, CLIP_FRAMES, MOTION_WIDTH)
"""No motion: what a call begins with, and what the row without conditions is given."""
