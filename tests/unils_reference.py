"""UniLS's networks and FLAME's skinning once more, in float64 numpy and as plainly as their contract says them.

Shares nothing with `motion/unils` and `motion/flame` but the weights: no cache, no batches, loops over scales, heads
and joints. So whatever salt made-up weights have, both must agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles

FRAMES, HEAD = 100, 64
NEAR, AWAY = 0.01, 0.03  # of a probability: uniforms so near are moved so far, as rounding decides there


def norm(x: Doubles, w: Mapping[str, Doubles], name: str, eps: float) -> Doubles:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x: Doubles, w: Mapping[str, Doubles], name: str) -> Doubles:
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)


def gelu(x: Doubles) -> Doubles:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def leaky(x: Doubles) -> Doubles:
    return np.where(x > 0, x, 0.2 * x)


def turned(x: Doubles, positions: Sequence[int]) -> Doubles:
    """Rotary, on rows of one head: neighbours (a, b) by position * 10000 ** (-2 i / 64)."""
    angle = np.array(positions)[:, None] * 10000.0 ** (-2 * np.arange(HEAD // 2) / HEAD)
    made = np.empty_like(x)
    made[:, 0::2] = x[:, 0::2] * np.cos(angle) - x[:, 1::2] * np.sin(angle)
    made[:, 1::2] = x[:, 0::2] * np.sin(angle) + x[:, 1::2] * np.cos(angle)
    return made


def looked(q: Doubles, k: Doubles, v: Doubles, at: Sequence[int], there: Sequence[int], mask: AnyArray) -> Doubles:
    """All heads, one after the other, side by side again."""
    heads = []
    for first in range(0, q.shape[1], HEAD):
        part = slice(first, first + HEAD)
        score = turned(q[:, part], at) @ turned(k[:, part], there).T / 8
        score = np.where(mask, score, -np.inf)
        share = np.exp(score - score.max(1, keepdims=True))
        heads.append(share / share.sum(1, keepdims=True) @ v[:, part])
    return np.concatenate(heads, 1)


def self_attention(x: Doubles, w: Mapping, name: str, eps: float, at: Sequence[int], mask: AnyArray) -> Doubles:
    q, k, v = np.split(norm(x, w, f"{name}.norm", eps) @ w[f"{name}.to_qkv.weight"].T, 3, 1)
    return linear(looked(q, k, v, at, at, mask), w, f"{name}.to_out")


def voice_attention(x: Doubles, voice: Doubles, w: Mapping, name: str, at: Sequence[int]) -> Doubles:
    context = norm(voice, w, f"{name}.context_norm", 1e-6)
    q = linear(norm(x, w, f"{name}.self_norm", 1e-6), w, f"{name}.q_proj")
    k, v = linear(context, w, f"{name}.k_proj"), linear(context, w, f"{name}.v_proj")
    there = [200 + FRAMES * j // len(voice) for j in range(len(voice))]
    return linear(looked(q, k, v, at, there, np.ones((len(x), len(voice)), bool)), w, f"{name}.out_proj")


def shorter(x: Doubles, n: int) -> Doubles:
    return np.stack([x[FRAMES * j // n : -(-FRAMES * (j + 1) // n)].mean(0) for j in range(n)])


def longer(x: Doubles) -> Doubles:
    n = len(x)
    made = []
    for t in range(FRAMES):
        at = min(max((t + 0.5) * n / FRAMES - 0.5, 0), n - 1)
        here, share = math.floor(at), at - math.floor(at)
        made.append(x[here] * (1 - share) + x[min(here + 1, n - 1)] * share)
    return np.stack(made)


class Reference:
    """One network by its state dict `w` of arrays; `scales` are the codec's, `depth` counts blocks and layers."""

    def __init__(self, w: Mapping[str, AnyArray], scales: Sequence[int], depth: int):
        self.w = {key: np.asarray(array, np.float64) for key, array in w.items()}
        self.scales, self.depth = tuple(scales), depth

    def _tower(self, x: Doubles, name: str) -> Doubles:
        for layer in range(self.depth):
            here = f"base_codec.{name}.{name}_transformer."
            x = x + self_attention(x, self.w, f"{here}{2 * layer}", 1e-5, range(FRAMES), np.ones((FRAMES,) * 2, bool))
            inner = gelu(linear(x, self.w, f"{here}{2 * layer + 1}.0"))
            x = x + linear(inner, self.w, f"{here}{2 * layer + 1}.2")
        return x

    def encode(self, motion: Doubles) -> list[AnyArray]:
        """Bits (n, width) of every scale."""
        x = (motion - self.w["base_codec.motion_mean"]) / (self.w["base_codec.motion_std"] + 1e-8)
        x = self._tower(leaky(linear(x, self.w, "base_codec.encoder.inp_mapping.0")), "encoder")
        rest, bits = linear(x, self.w, "base_codec.encoder.code_mapping"), []
        for n in self.scales:
            bits.append((shorter(rest, n) > 0).astype(int))
            rest = rest - longer(self._code(bits[-1]))
        return bits

    @staticmethod
    def _code(bits: AnyArray) -> Doubles:
        return (2 * bits - 1) / math.sqrt(bits.shape[1])

    def features(self, bits: Sequence[AnyArray]) -> Doubles:
        return sum(longer(self._code(one)) for one in bits)

    def decode(self, bits: Sequence[AnyArray]) -> Doubles:
        x = self._tower(leaky(linear(self.features(bits), self.w, "base_codec.decoder.inp_mapping.0")), "decoder")
        made = linear(x, self.w, "base_codec.decoder.out_mapping")
        return made * self.w["base_codec.motion_std"] + self.w["base_codec.motion_mean"]

    def logits(self, coarser: Sequence[AnyArray], style: Doubles, previous: Doubles, own: Doubles, partner: Doubles):
        """(rows, width, 2) of all levels down to the one after `coarser`, every token under one mask."""
        w, pre = self.w, "attn_blocks."
        tokens = [
            linear(self.features(self.encode(motion)), w, "code_token_embed") + w[f"{pre}{name}_pos"][0]
            for name, motion in (("style", style), ("prev", previous))
        ]
        at, level = list(range(2 * FRAMES)), [0] * 2 * FRAMES
        for k, n in enumerate(self.scales[: len(coarser) + 1]):
            start = w["sos_embed"][0]
            made = linear(shorter(self.features(coarser[:k]), n), w, "code_token_embed") if k else start
            tokens.append(made + w[f"{pre}lvl_embed.weight"][k])
            at += [200 + round(99 * (2 * j + 1) / (2 * n)) for j in range(n)]
            level += [k + 1] * n
        x, mask = np.concatenate(tokens), np.array(level)[:, None] >= np.array(level)[None]
        for block in range(self.depth):
            here = f"{pre}attn_blocks.{block}."
            x = x + self_attention(x, w, f"{here}self_attn", 1e-6, at, mask)
            x = x + voice_attention(x, own + w[f"{pre}self_pos"][0], w, f"{here}self_audio_attn", at)
            x = x + voice_attention(x, partner + w[f"{pre}other_pos"][0], w, f"{here}other_audio_attn", at)
            inner = gelu(linear(norm(x, w, f"{here}ffn.0", 1e-6), w, f"{here}ffn.1"))
            x = x + linear(inner, w, f"{here}ffn.3")
        spoken = linear(norm(x[2 * FRAMES :], w, "logits_head.0", 1e-5), w, "logits_head.1")
        return spoken.reshape(len(spoken), -1, 2)

    def generate(self, uniforms: Doubles, given: Sequence[Doubles], without: Doubles, guidance: float):
        """Motion, bits (rows, width), and the uniforms with those moved that lay on their probability.

        `given` are style, previous motion, own and partner's voice; `without` moved before the row without them.
        """
        style, _, own, partner = given
        bits: list[AnyArray] = []
        used, first = uniforms.copy(), 0
        for n in self.scales:
            said = self.logits(bits, *given)[-n:]
            if guidance > 1:
                nothing = self.logits(bits, 0 * style, without, 0 * own, 0 * partner)[-n:]
                said = guidance * said + (1 - guidance) * nothing
            one = 1 / (1 + np.exp(said[..., 0] - said[..., 1]))
            one = np.where(one <= 0.03, 0.0, np.where(one >= 0.97, 1.0, one))
            u = used[first : first + n]
            near = np.abs(u - one) < NEAR
            u[near] += np.where(one[near] < 0.5, AWAY, -AWAY)
            bits.append((u < one).astype(int))
            first += n
        return self.decode(bits), np.concatenate(bits), used


def rotation(vector: Doubles) -> Doubles:
    """Rodrigues' formula, of one vector in radians."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def vertices(model: Mapping[str, AnyArray], codes: Doubles, head: bool) -> Doubles:
    """(5023, 3) m of one frame (108,)."""
    v = model["v_template"] + np.einsum("vik,k->vi", model["shapedirs"][..., 300:], codes[:100])
    joints = model["J_regressor"] @ v
    vectors = [codes[100:103] * head, np.zeros(3), (codes[103], 0, 0), (*codes[104:106], 0), (*codes[106:108], 0)]
    turns = [rotation(np.array(one, np.float64)) for one in vectors]
    v = v + model["posedirs"] @ np.concatenate([(turn - np.eye(3)).ravel() for turn in turns[1:]])
    places: list[Doubles] = []
    for joint, parent in enumerate((None, 0, 1, 1, 1)):
        moved = np.eye(4)
        moved[:3, :3] = turns[joint]
        moved[:3, 3] = joints[joint] - (0 if parent is None else joints[parent])
        places.append(moved if parent is None else places[parent] @ moved)
    made = np.zeros_like(v)
    for joint, place in enumerate(places):
        about = place[:3, 3] - place[:3, :3] @ joints[joint]
        made += model["weights"][:, joint, None] * (v @ place[:3, :3].T + about)
    return made
