"""Made-up weights and inputs from a text label, the same bits on every machine.

The published weights may not be copied to everyone who tests; speed does not depend on their values, and
correctness can be proven on any values that both sides agree on. So weights are numbers drawn by a written rule
(`tests/data/liveportrait/README.md`, section 2): bell-shaped, of deviation 1, from a 64-bit counter mixed as in
SplitMix64 (Steele et al. 2014), then scaled so that activations keep a sensible size through every network.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch

from avtr_cli.core.arrays import AnyArray, Doubles, Floats
from avtr_cli.render.liveportrait import networks

PUBLIC_SALT = "public"
_STEP, _MIX_1, _MIX_2 = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_EVEN_PIECES, _LOW_HALF = np.uint64(0x0000FFFF0000FFFF), np.uint64(0x00000000FFFFFFFF)
_SUM_MEAN, _SUM_DEVIATION = 131070.0, 37837.0  # of four independent 16-bit numbers added up
_BLOCK = 1 << 18  # numbers made at once: the intermediate ones stay in the cache

# Variance of a weight times its fan-in; 2 keeps the size of activations through ReLU.
_GAIN = {
    **{("appearance_feature_extractor", f"resblocks_3d.3dr{i}.conv2.weight"): 0.25 for i in range(6)},
    ("motion_extractor", "detector.fc_kp.weight"): 0.04,
    ("motion_extractor", "detector.fc_exp.weight"): 0.004,
    ("motion_extractor", "detector.fc_scale.weight"): 0.004,
    ("motion_extractor", "detector.fc_t.weight"): 0.006,
    ("spade_generator", "conv_img.0.weight"): 0.1,
    ("stitching", "mlp.6.weight"): 0.06,
    ("lip", "mlp.6.weight"): 0.06,
    ("eye", "mlp.10.weight"): 0.06,
}
# Mean and deviation of a bias.
_BIAS = {
    ("motion_extractor", "detector.fc_exp.bias"): (0.0, 0.01),
    ("motion_extractor", "detector.fc_t.bias"): (0.0, 0.01),
    ("motion_extractor", "detector.fc_scale.bias"): (1.5, 0.1),
    ("stitching", "mlp.6.bias"): (0.0, 0.02),
    ("lip", "mlp.6.bias"): (0.0, 0.02),
    ("eye", "mlp.10.bias"): (0.0, 0.02),
}


def stream(label: str, count: int) -> Doubles:
    """`count` float64 numbers of mean 0 and deviation 1, never beyond 3.4642, that `label` alone decides."""
    seed = np.uint64(int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little"))
    numbers = np.empty(count)
    for start in range(0, count, _BLOCK):
        block = numbers[start : start + _BLOCK]
        z = np.arange(start + 1, start + 1 + block.size, dtype=np.uint64)
        z *= _STEP
        z += seed
        z ^= z >> np.uint64(30)
        z *= _MIX_1
        z ^= z >> np.uint64(27)
        z *= _MIX_2
        z ^= z >> np.uint64(31)
        z = (z & _EVEN_PIECES) + (z >> np.uint64(16) & _EVEN_PIECES)  # two sums of two pieces, 32 bits each
        block[:] = (z & _LOW_HALF) + (z >> np.uint64(32))
        block -= _SUM_MEAN
        block /= _SUM_DEVIATION
    return numbers


def tensor(network: str, key: str, shape: tuple[int, ...], salt: str = PUBLIC_SALT) -> AnyArray:
    """The weights called `key`, float32 of `shape` (int64 for `num_batches_tracked`)."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    n = stream(f"{salt}/{network}/{key}", math.prod(shape)).reshape(shape)
    fan_in = n.size // shape[0]
    if key.endswith("running_mean"):
        n = 0.1 * n
    elif key.endswith("running_var"):
        n = 1 + 0.1 * np.abs(n)
    elif key.endswith(("weight_u", "weight_v")):
        n = n / math.sqrt(math.fsum(n * n))
    elif key.endswith("grn.gamma"):
        n = 0.5 * n
    elif key.endswith("grn.beta"):
        n = 0.1 * n
    elif key.endswith(".weight_orig"):
        u, v = (
            tensor(network, key.replace("weight_orig", sibling), (size,), salt).astype(np.float64)
            for sibling, size in (("weight_u", shape[0]), ("weight_v", fan_in))
        )
        n = n * math.sqrt(2 / fan_in) + ((2 * u)[:, None] * v).reshape(shape)
    elif key.endswith(".weight") and len(shape) >= 2:
        n = n * math.sqrt(_GAIN.get((network, key), 2) / fan_in)
    elif key.endswith(".weight"):
        n = 1 + 0.1 * n
    else:
        mean, deviation = _BIAS.get((network, key), (0.0, 0.1))
        n = mean + deviation * n
    return n.astype(np.float32)


def weights(network: str, salt: str = PUBLIC_SALT) -> dict[str, torch.Tensor]:
    """A whole state dict of one of `networks.NAMES`, in its order."""
    return {
        key: torch.from_numpy(tensor(network, key, tuple(shape), salt))
        for key, (shape, _) in networks.layout(network).items()
    }


def plain(label: str, shape: tuple[int, ...], deviation: float) -> Floats:
    """An input without structure: float32 of mean 0."""
    return (deviation * stream(label, math.prod(shape)).reshape(shape)).astype(np.float32)


def image(label: str, batch: int) -> Floats:
    """Coarse blocks with grain, float32 (batch, 3, 256, 256) in [0, 1]."""
    coarse, fine = _coarse_and_fine(label, (batch, 3, 256, 256), (batch, 3, 4, 4))
    return np.clip(0.5 + (0.25 * coarse + 0.1 * fine), 0, 1).astype(np.float32)


def volume(label: str, shape: tuple[int, ...]) -> Floats:
    """Coarse blocks with as much grain: float32 of `shape`, (B, C, 16, 64, 64) or (B, C, 64, 64)."""
    blocks = (4, 8, 8) if len(shape) == 5 else (8, 8)
    coarse, fine = _coarse_and_fine(label, shape, (*shape[:2], *blocks))
    return (0.7 * coarse + 0.7 * fine).astype(np.float32)


def _coarse_and_fine(label: str, shape: tuple[int, ...], blocks: tuple[int, ...]) -> tuple[Doubles, Doubles]:
    coarse = stream(f"{label}:coarse", math.prod(blocks)).reshape(blocks)
    for axis, (size, count) in enumerate(zip(shape, blocks, strict=True)):
        coarse = coarse.repeat(size // count, axis=axis)
    return coarse, stream(label, math.prod(shape)).reshape(shape)
