"""The network as two graphs for onnxruntime: what is heard in a chunk, and how noise flows to its motion.

They compute what `hearing.Hearing` and `network.Track` do chunk by chunk, with everything that one call's settings fix
(weights, identity, flow time, guidance) as constants, all Euler steps in a row, and a past that is always 75 frames
long, of which those before the call are masked. A small network costs what its calls cost, and this has two a chunk.
`torch_backend` is the plain twin: tests hold them together.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avtr_cli.core.arrays import Floats
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.timing import CHUNK_FRAMES, LOOKAHEAD_FRAMES, PAST_FRAMES
from avtr_cli.motion.gestures import CURVES
from avtr_cli.motion.lmfm import event_head, hearing
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.guidance import Branch
from avtr_cli.motion.lmfm.log_mel import FEATURES
from avtr_cli.motion.lmfm.network import CURVE_UNITS, Layer, Lmfm, Track
from avtr_cli.motion.lmfm.onnx_file import MICROSOFT, Graph, Value

_CHUNK, _SEEN = CHUNK_FRAMES, PAST_FRAMES + CHUNK_FRAMES
_EPSILON = 1e-5  # of every LayerNorm here


class Writer(Graph):
    """A graph that knows the layers of which the network is made."""

    def of(self, tensor: Tensor) -> Value:
        """A tensor of the network as a constant."""
        array: Floats = tensor.detach().float().cpu().numpy()
        return self.constant(array)

    def linear(self, x: Value, layer: nn.Linear) -> Value:
        """(..., in) -> (..., out)."""
        return self.affine(x, layer.weight.T, layer.bias)

    def affine(self, x: Value, weight: Tensor, bias: Tensor) -> Value:
        """x @ weight + bias."""
        return self.op("MatMul", x, self.of(weight)) + self.of(bias)

    def convolved(self, x: Value, layer: nn.Conv1d, frames: int) -> Value:
        """(B, T, in) -> (B, T - reach, out): the taps of every frame side by side, then one product of matrices."""
        taps, step = layer.kernel_size[0], layer.dilation[0]
        at = torch.arange(frames - (taps - 1) * step).unsqueeze(1) + step * torch.arange(taps)
        rows = x.take(1, at.numpy())  # (B, T', taps, in)
        weight = layer.weight.permute(2, 1, 0).flatten(0, 1)
        assert layer.bias is not None
        return self.affine(self.flat(rows), weight, layer.bias)

    def flat(self, x: Value) -> Value:
        """(B, T, taps, C) -> (B, T, taps C)."""
        return self.op("Reshape", x, self.ints(0, 0, -1))

    def ints(self, *numbers: int) -> Value:
        """An int64 constant."""
        return self.constant(torch.tensor(numbers).numpy())

    def gelu(self, x: Value) -> Value:
        """The exact one."""
        return self.op("Gelu", x, domain=MICROSOFT)

    def norm(self, x: Value, scale: Tensor, shift: Tensor) -> Value:
        """LayerNorm along the last axis."""
        return self.op("LayerNormalization", x, self.of(scale), self.of(shift), axis=-1, epsilon=_EPSILON)

    def sequence(self, x: Value, layers: nn.Module) -> Value:
        """Linear layers, norms and GELUs in a row; dropout does nothing here."""
        for layer in layers.children():
            if isinstance(layer, nn.Linear):
                x = self.linear(x, layer)
            elif isinstance(layer, nn.LayerNorm):
                x = self.norm(x, layer.weight, layer.bias)
            elif isinstance(layer, nn.GELU):
                x = self.gelu(x)
            else:
                assert isinstance(layer, nn.Dropout)
        return x


def hearing_graph(model: Lmfm, deaf: bool) -> bytes:
    """Sound of a chunk -> what is known of it.

    In: features (2, 26, 320), encoded (2, 44, D), flags (48, 12): history and, of the features, the chunk and what
    lies ahead. Out: new (2, 5, D), fresh flags (5, 12), said (5, 3) logits (bilabial, labiodental, activity), and
    memory (1 or 2, 5, 60) of the event head; the second is without the partner, where `deaf` asks for it.
    """
    g, ears, width = Writer(), model.hearing, model.shape.width
    frames = hearing.HISTORY + _CHUNK + LOOKAHEAD_FRAMES
    features = g.input("features", 2, frames, FEATURES)
    new, logits = _encoded(g, ears, features, frames)
    encoded = g.concat(1, g.input("encoded", 2, hearing.FLAG_HISTORY, width), new)
    flags = g.op("Sigmoid", _flags(g, ears, encoded))
    fresh = g.concat(1, *(_side(flags, side) for side in (0, 1)))  # (5, 12)
    recent = g.concat(0, g.input("flags", event_head.HISTORY, 2 * hearing.FLAGS), fresh)
    memory = _event_memory(g, model.events, recent, deaf)
    said = _side(logits, 0).slice(1, hearing.SUBFRAMES * hearing.VISEMES, hearing.SUBFRAMES * hearing.VISEMES + 3)
    g.output("new", new, 2, _CHUNK, width)
    g.output("said", said, _CHUNK, 3)
    g.output("fresh", fresh, _CHUNK, 2 * hearing.FLAGS)
    g.output("memory", memory, 2 if deaf else 1, _CHUNK, model.events.width)
    return g.to_bytes()


def _side(x: Value, side: int) -> Value:
    """One side of (2, T, C): (T, C)."""
    return x.graph.op("Squeeze", x.slice(0, side, side + 1), x.graph.constant(torch.tensor([0]).numpy()))


def _encoded(g: Writer, ears: hearing.Hearing, features: Value, frames: int) -> tuple[Value, Value]:
    """`Hearing.forward`: the chunk's frames as encoded (2, 5, D), and the phone head's logits (2, 5, 59)."""
    x = g.gelu(g.linear(g.gelu(g.linear(features, ears.inlet)), ears.squeeze))
    y = x.slice(1, 4, frames) + g.gelu(g.convolved(x, ears.first, frames))
    y = y.slice(1, 8, frames - 4) + g.gelu(g.convolved(y, ears.second, frames - 4))
    left = frames - 12  # 14
    y = y.slice(1, 4, left - LOOKAHEAD_FRAMES) + g.convolved(y, ears.ahead, left)
    own = y.slice(0, 0, 1) + _diction(g, ears.diction, features.slice(0, 0, 1), frames)
    encoded = g.norm(g.concat(0, own, y.slice(0, 1, 2)), ears.norm.weight, ears.norm.bias)
    logits = g.sequence(encoded, ears.articulate)
    phones = hearing.SUBFRAMES * hearing.VISEMES
    visemes = logits.slice(2, 0, phones).reshape(2, _CHUNK, hearing.SUBFRAMES, hearing.VISEMES)
    rest = g.op("Sigmoid", logits.slice(2, phones, phones + 3))
    heard = g.concat(2, g.op("Softmax", visemes, axis=-1).reshape(2, _CHUNK, phones), rest)
    return encoded + g.linear(heard, ears.back), logits


def _diction(g: Writer, net: hearing.Diction, features: Value, frames: int) -> Value:
    """`Diction.forward`: (1, 26, 320) -> (1, 5, D)."""
    x = g.gelu(g.linear(features, net.inlet))
    for layer in net.delays:
        assert isinstance(layer, hearing.Delays)
        y, step = g.norm(x, layer.norm.weight, layer.norm.bias), layer.dilation
        taps = [y.slice(1, at, frames - 2 * step + at) for at in (0, step, 2 * step)]
        x = x.slice(1, 2 * step, frames) + g.sequence(g.concat(2, *taps), layer.mix)
        frames -= 2 * step
    x = g.norm(x, net.norm.weight, net.norm.bias)
    at = torch.arange(_CHUNK).unsqueeze(1) + torch.arange(frames - _CHUNK + 1)
    y = g.gelu(g.linear(g.flat(x.take(1, at.numpy())), net.ahead))
    return g.linear(y + g.sequence(y, net.after), net.out)


def _flags(g: Writer, ears: hearing.Hearing, encoded: Value) -> Value:
    """`Hearing.flags`: (2, 49, D) -> logits (2, 5, 6)."""
    frames = hearing.FLAG_HISTORY + _CHUNK
    near = g.gelu(g.convolved(encoded, ears.listen_near, frames))
    far = g.gelu(g.convolved(near, ears.listen_far, frames - 12))
    both = far + near.slice(1, 32, frames - 12)
    return g.linear(g.concat(2, both, encoded.slice(1, hearing.FLAG_HISTORY, frames)), ears.flag)


def _event_memory(g: Writer, head: event_head.EventHead, recent: Value, deaf: bool) -> Value:
    """`EventHead.history_memory`: (53, 12) -> (1 or 2, 5, 60)."""
    frames = event_head.HISTORY + _CHUNK
    flags = recent.reshape(1, frames, 2 * hearing.FLAGS)
    if deaf:
        own = torch.ones(2, 1, 2 * hearing.FLAGS)
        own[1, :, hearing.FLAGS :] = 0
        flags = flags * g.of(own)
    y = g.gelu(g.convolved(flags, head.first, frames))
    y = y.slice(1, 12, frames - 4) + g.gelu(g.convolved(y, head.second, frames - 4))
    y = y.slice(1, 32, frames - 16) + g.gelu(g.convolved(y, head.third, frames - 16))
    return g.concat(2, y, flags.slice(1, event_head.HISTORY, frames))


def motion_graph(model: Lmfm, config: MotionConfig, branches: Sequence[Branch], noise_sd: float) -> bytes:
    """What is known of a chunk and its past, and noise -> the chunk's motion.

    In: encoded (2, 80, D), flags (80, 12), curves (80, 8), seen (1, 1, 80): 0 for a frame of the call, -inf before it,
    mouth (76, 7), face (76, F), mouth_noise (5, 7), face_noise (5, F). Out: mouth_z (5, 7), and codes (5, F), the
    face's innovations.
    """
    g, width = Writer(), model.shape.width
    encoded = g.input("encoded", 2, _SEEN, width)
    flags, curves = g.input("flags", _SEEN, 2 * hearing.FLAGS), g.input("curves", _SEEN, len(CURVES))
    seen = g.input("seen", 1, 1, _SEEN)
    avatar, fused = _conditions(g, model, branches, encoded, flags, curves)
    tracks = {"mouth": model.mouth_track, "face": model.face_track}
    told = {"mouth": [at for at, one in enumerate(branches) if one.mouth], "face": list(range(len(branches)))}
    heard = {"mouth": avatar if len(told["mouth"]) == len(branches) else _rows(avatar, told["mouth"]), "face": fused}
    for name, track in tracks.items():
        channels = len(MOUTH) if name == "mouth" else len(FACE)
        chosen = [branches[at] for at in told[name]]
        history = g.input(name, PAST_FRAMES + 1, channels)
        x = g.input(f"{name}_noise", _CHUNK, channels).reshape(1, _CHUNK, channels)
        flow = _Flow(g, track, chosen, heard[name], history, seen)
        mean, variance = _guess(g, model, chosen, heard[name] if name == "mouth" else None)
        base = noise_sd if name == "mouth" else 1.0
        for step in range(config.euler_steps):
            t = step / config.euler_steps
            velocity = _skip(g, x, t, mean, variance, base) + flow.departure(x, t)
            x = x + _guided(g, velocity, chosen) * (1 / config.euler_steps)
        g.output("mouth_z" if name == "mouth" else "codes", x.reshape(_CHUNK, channels), _CHUNK, channels)
    return g.to_bytes()


def _rows(x: Value, rows: Sequence[int]) -> Value:
    return x.take(0, torch.tensor(rows).numpy())


def _conditions(
    g: Writer, model: Lmfm, branches: Sequence[Branch], encoded: Value, flags: Value, curves: Value
) -> tuple[Value, Value]:
    """`Lmfm.conditions`, every branch a row: own voice (B, 80, D), both voices and gestures (B, 80, D + 8)."""
    own, other = encoded.slice(0, 0, 1), encoded.slice(0, 1, 2)

    def absent(instead: Tensor) -> Value:
        return g.of(instead.expand(1, _SEEN, -1))

    avatars = [absent(model.no_avatar) if one.without == "avatar" else own for one in branches]
    partners = [absent(model.no_partner) if one.without == "partner" else other for one in branches]
    avatar, partner = (sides[0] if len(sides) == 1 else g.concat(0, *sides) for sides in (avatars, partners))
    told = flags.reshape(1, _SEEN, 2 * hearing.FLAGS)
    if len(branches) > 1:
        told = told * g.of(torch.stack([one.flags() for one in branches]).unsqueeze(1))
    fusion = model.fusion
    gate = g.op("Sigmoid", g.linear(g.concat(2, avatar, partner), fusion.gate))
    mixed = gate * g.linear(avatar, fusion.avatar) + (g.constant(1.0) - gate) * g.linear(partner, fusion.partner)
    fused = g.norm(mixed, fusion.norm.weight, fusion.norm.bias) + g.linear(told, model.flag_back)
    drawn = (curves * g.of(CURVE_UNITS)).reshape(1, _SEEN, len(CURVES))
    drawn = drawn if len(branches) == 1 else g.concat(0, *[drawn] * len(branches))
    return avatar, g.concat(2, fused, drawn)


def _guess(
    g: Writer, model: Lmfm, branches: Sequence[Branch], avatar: Value | None
) -> tuple[Value | None, Value | Tensor]:
    """What every branch expects of a track: of the mouth (its voice given) mean and variance, two of (B, 5, 7).

    Of the face no mean and a variance (B, 1, F) that identity alone decides. `Lmfm.guess_mouth`, `Lmfm.scale_face`.
    """
    people = torch.stack([one.person for one in branches]).unsqueeze(1)
    if avatar is None:
        with torch.no_grad():
            return None, model.scale_face(people).square()
    x = g.concat(2, avatar.slice(1, PAST_FRAMES, _SEEN), g.of(people.expand(-1, _CHUNK, -1)))
    mean, log_scale = g.ops("Split", 2, g.sequence(x, model.mouth_guess), axis=-1)
    scale = g.op("Exp", g.op("Clip", log_scale, *model.log_scale))
    return mean, scale * scale


def _skip(g: Writer, x: Value, t: float, mean: Value | None, variance: Value | Tensor, base: float) -> Value:
    """`flow.gaussian_skip`."""
    noise = base * base
    if mean is None:
        assert isinstance(variance, Tensor)
        return x * g.of((t * variance - (1 - t) * noise) / (t * t * variance + (1 - t) * (1 - t) * noise))
    assert isinstance(variance, Value)
    factor = (variance * t - (1 - t) * noise) / (variance * (t * t) + (1 - t) * (1 - t) * noise)
    return mean + factor * (x - mean * t)


def _guided(g: Writer, velocity: Value, branches: Sequence[Branch]) -> Value:
    """`flow.guided`: (B, 5, C) -> (1, 5, C)."""
    if len(branches) == 1:
        return velocity
    others = [1.0 - one.weight for one in branches[1:]]
    shares = torch.tensor([1.0 - sum(others), *others]).reshape(-1, 1, 1)
    return g.op("ReduceSum", velocity * g.of(shares), g.ints(0), keepdims=1)


class _Flow:
    """`Track` for one chunk: what the steps share (memory, sound, bias, weights) is written down once."""

    def __init__(
        self, g: Writer, track: Track, branches: Sequence[Branch], heard: Value, history: Value, seen: Value
    ) -> None:
        self.g, self.track, self.rows = g, track, len(branches)
        self.people = torch.stack([one.person for one in branches])
        told = g.linear(heard.slice(1, PAST_FRAMES, _SEEN), track.now)
        self.told = told + g.of(track.place)
        with torch.no_grad():
            bias = track.bias(PAST_FRAMES, _CHUNK, 0, PAST_FRAMES)
        self.bias = g.of(bias) + seen
        tokens = self._past_tokens(heard.slice(1, 0, PAST_FRAMES), history)
        self.layers = [_LayerOf(g, layer, self.rows, tokens) for layer in track.blocks()]

    def _past_tokens(self, heard: Value, history: Value) -> Value:
        """`Track.past_memory` up to its tokens: (B, 75, D)."""
        g = self.g
        now, before = history.slice(0, 1, PAST_FRAMES + 1), history.slice(0, 0, PAST_FRAMES)
        moved = g.concat(1, now, now - before)
        moved = g.op("Unsqueeze", moved, g.ints(0))
        moved = moved if self.rows == 1 else g.concat(0, *[moved] * self.rows)
        return g.sequence(g.concat(2, moved, heard), self.track.past)

    def departure(self, x: Value, t: float) -> Value:
        """`Track.forward` at time t: x (1, 5, C) -> (B, 5, C)."""
        g, track = self.g, self.track
        y = g.linear(x, track.noisy) + self.told
        with torch.no_grad():
            person = self.people.unsqueeze(1).expand(-1, _CHUNK, -1)
            modulations = track.modulations(torch.full((self.rows, _CHUNK), t), person)
        for layer, modulation in zip(self.layers, modulations, strict=True):
            y = layer(y, [part[:, :1] for part in modulation], self.bias)
        return g.linear(g.norm(y, track.norm.weight, track.norm.bias), track.out)


class _LayerOf:
    """`Layer` for one chunk; its weights and its memory of the past are written down once."""

    def __init__(self, g: Writer, layer: Layer, rows: int, tokens: Value) -> None:
        self.g, self.heads, self.rows = g, layer.heads, rows
        self.width = layer.query.in_features
        weights = [layer.query.weight, layer.keys_values.weight]
        self.inward = g.of(torch.cat(weights).T), g.of(torch.cat([layer.query.bias, layer.keys_values.bias]))
        self.outward = g.of(layer.out.weight.T), g.of(layer.out.bias)
        linear = (one for one in layer.mlp if isinstance(one, nn.Linear))
        self.mlp = [(g.of(one.weight.T), g.of(one.bias)) for one in linear]
        both = g.linear(tokens, layer.past_keys_values)
        self.past = self._parts(both, PAST_FRAMES, 2)

    def __call__(self, x: Value, modulation: Sequence[Tensor], bias: Value) -> Value:
        """`Layer.forward`: (B, 5, D) -> (B, 5, D); modulation six of (B, 1, D)."""
        g = self.g
        shift, scale, gate, shift2, scale2, gate2 = modulation
        made = self._product(self._modulated(x, scale, shift), self.inward)
        query, *own = self._parts(made, _CHUNK, 3)
        keys, values = (g.concat(3, past, now) for past, now in zip(self.past, own, strict=True))
        scores = g.op("FusedMatMul", query, keys, domain=MICROSOFT, transB=1, alpha=(self.width // self.heads) ** -0.5)
        attended = g.op("MatMul", g.op("Softmax", scores + bias, axis=-1), values)  # (1, B, heads, 5, D / heads)
        attended = attended.transpose(0, 1, 3, 2, 4).reshape(self.rows, _CHUNK, self.width)
        x = x + self._product(attended, self.outward) * g.of(gate)
        inner = g.gelu(self._product(self._modulated(x, scale2, shift2), self.mlp[0]))
        return x + self._product(inner, self.mlp[1]) * g.of(gate2)

    def _parts(self, made: Value, frames: int, count: int) -> list[Value]:
        """(B, T, count D) -> `count` of (1, B, heads, T, D / heads)."""
        apart = made.reshape(self.rows, frames, count, self.heads, self.width // self.heads).transpose(2, 0, 3, 1, 4)
        return self.g.ops("Split", count, apart, axis=0)

    def _product(self, x: Value, weights: tuple[Value, Value]) -> Value:
        return self.g.op("MatMul", x, weights[0]) + weights[1]

    def _modulated(self, x: Value, scale: Tensor, shift: Tensor) -> Value:
        """The norm set by time and identity: one scale for all branches is the norm's own, else each has its own."""
        if torch.equal(scale, scale[:1].expand_as(scale)):
            return self.g.norm(x, scale[0, 0], shift[0, 0])
        plain = self.g.norm(x, torch.ones(self.width), torch.zeros(self.width))
        return plain * self.g.of(scale) + self.g.of(shift)
