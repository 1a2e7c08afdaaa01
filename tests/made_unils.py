"""UniLS, its speech encoder and FLAME made up: the published file formats, small, with no published number in them.

Weights and inputs follow the written rule of the goldens (tests/data/unils/README.md), so that a salt decides them. The
head is our own average face in FLAME's topology: a face whose expressions mix what our controls do with other waves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avtr_cli.core.arrays import AnyArray, Doubles
from avtr_cli.core.motion_space import FACE_WEIGHTS
from avtr_cli.diagnostics.made_up.numbers import stream
from avtr_cli.motion.bridges.flame import RIGID
from avtr_cli.motion.unils import build
from avtr_cli.motion.unils.config import CodecConfig, NetworkConfig
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import (
    EYES,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
    SKIN_POINTS,
)
from avtr_cli.render.mesh.face_points import face_displacements
from avtr_cli.render.mesh.shapes import JAW_DROP

GAINS = (
    ("to_out.weight", 0.5), ("out_proj.weight", 0.5), ("ffn.3.weight", 0.25), ("out_mapping.weight", 0.25),
    ("logits_head.1.weight", 2.0), ("encoder.inp_mapping.0.weight", 8.0), ("decoder.inp_mapping.0.weight", 64.0),
    ("code_token_embed.weight", 64.0),
)  # fmt: skip
TINY = NetworkConfig(
    codec=CodecConfig(depth=1, heads=1, width=64, scales=(1, 25, 100), code_width=8), depth=1, heads=1, width=64
)
METRES = 0.092  # of an EO


def weight(salt: str, network: str, key: str, shape: Iterable[int]) -> Tensor:
    """The tensor of a key by the rule of the goldens, float32."""
    shape = tuple(shape)
    count = math.prod(shape)
    n = stream(f"{salt}/{network}/{key}", count)
    if key.endswith("motion_mean"):
        n = 0.3 * n
        n[100:103] = 0
    elif key.endswith("motion_std"):
        n = 0.3 + 0.1 * np.abs(n)
    elif key.endswith(("_pos", "lvl_embed.weight")):
        n = 0.5 * n
    elif key.endswith("sos_embed"):
        pass
    elif key.endswith(".weight") and len(shape) > 1:
        other = 0.25 if "transformer" in key and key.endswith(".2.weight") else 1.0
        gain = next((gain for end, gain in GAINS if key.endswith(end)), other)
        n = n * math.sqrt(gain / (count // shape[0]))
    elif key.endswith(".weight"):
        n = 1 + 0.1 * n
    else:
        n = 0.1 * n
    return torch.from_numpy(n.reshape(shape).astype(np.float32))


def with_weights(network: nn.Module, salt: str, name: str) -> nn.Module:
    """`network` filled by the rule."""
    state = {key: weight(salt, name, key, tensor.shape) for key, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def clip_of(label: str, rows: int, width: int, held: int, coarse: float, fine: float = 0.15) -> Tensor:
    """An input of the rule: held numbers and finer ones, float32 (1, rows, width)."""
    steps = stream(f"{label}:coarse", -(-rows // held) * width).reshape(-1, width).repeat(held, 0)[:rows]
    made = coarse * steps + fine * stream(label, rows * width).reshape(rows, width)
    return torch.from_numpy(made.astype(np.float32)[None])


def motion_of(label: str) -> Tensor:
    """A clip (1, 100, 108)."""
    return clip_of(label, 100, 108, 10, 0.4)


def features_of(label: str) -> Tensor:
    """A voice's features (1, 199, 1024)."""
    return clip_of(label, 199, 1024, 8, 0.25)


def meta_cfg(config: NetworkConfig) -> dict:
    """What the authors' training writes beside the weights, with paths of nobody."""
    codec = {
        "LOADER": "unils_codec.UniLSCodec", "MOTION_DIM": 108, "V_CODE_DIM": config.codec.code_width,
        "V_PATCH_NUMS": list(config.codec.scales), "T_DEPTH": config.codec.depth, "T_NUM_HEADS": config.codec.heads,
        "T_HIDDEN_DIM": config.codec.width, "STATS_PATH": "/nowhere", "VAE_PATH": "/nowhere",
    }  # fmt: skip
    model = {
        "NAME": "UniLSLoRAGen", "LOADER": "unils_gen.UniLSGen", "AUDIO_ENCODER": "wav2vec", "T_DEPTH": config.depth,
        "T_NUM_HEAD": config.heads, "T_EMBED_DIM": config.width, "VAE_CONFIG": codec,
    }  # fmt: skip
    return {"PIPELINE": "x", "DATASET": {"CLIP_LENGTH": 100}, "MODEL": model}


def checkpoint_of(config: NetworkConfig = TINY, salt: str = "tiny") -> dict:
    """What the final file holds: noise for weights, and moments of motion as people's are."""
    network = with_weights(build("dual", config), salt, "dual")
    network.base_codec.motion_mean.copy_(torch.tensor([0.0] * 103 + [0.075, 0.017, 0.049, 0.017, -0.05]))
    network.base_codec.motion_std.copy_(torch.tensor([0.5] * 100 + [0.12, 0.17, 0.12, 0.06, 0.13, 0.16, 0.13, 0.16]))
    return {"model": network.state_dict(), "meta_cfg": meta_cfg(config)}


def speech_encoder(
    width: int = 1024, layers: int = 1, convolutions: int = 16, heads: int = 16, inner: int = 64, kernel: int = 16,
    groups: int = 256,
) -> nn.Module:  # fmt: skip
    """XLS-R's encoder, one layer deep and thin."""
    from avtr_cli.audio.torchaudio_cpu import torchaudio

    shapes = zip((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True)
    return torchaudio.models.wav2vec2_model(
        "layer_norm", [(convolutions, *shape) for shape in shapes], True, width, 0.0, kernel, groups, layers, heads,
        0.0, inner, 0.0, 0.0, True, 0.0, None,
    ).eval()  # fmt: skip


def published_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchaudio's keys as the hub's file has them."""
    renamed = {}
    for key, tensor in state.items():
        key = key.replace("encoder.feature_projection", "feature_projection").replace(
            "encoder.transformer.", "encoder."
        )
        key = key.replace("parametrizations.weight.original0", "weight_g")
        renamed["wav2vec2." + key.replace("parametrizations.weight.original1", "weight_v")] = tensor
    return renamed


def speech_weights(encoder: nn.Module, salt: str) -> dict[str, Tensor]:
    """The published file of an encoder with weights by the rule of the goldens."""
    made = {}
    for key, tensor in published_names(encoder.state_dict()).items():
        n = stream(f"{salt}/speech/{key.removeprefix('wav2vec2.')}", tensor.numel())
        if key.endswith("weight_g"):
            n = 1 + 0.1 * np.abs(n)
        elif key.endswith(".bias"):
            n = 0.1 * n
        elif tensor.dim() > 1:
            n = n / math.sqrt(tensor.numel() // tensor.shape[0])
        else:
            n = 1 + 0.1 * n
        made[key] = torch.from_numpy(n.reshape(tuple(tensor.shape)).astype(np.float32))
    only_pretraining = {"wav2vec2.masked_spec_embed": torch.zeros(64), "quantizer.codevectors": torch.zeros(1, 4, 2)}
    return made | only_pretraining


def landmark_points() -> list[int]:
    """Those of brows, lids, nose and lips, as FLAME's embedding has."""
    rings = [*OUTER_UPPER_LIP, *OUTER_LOWER_LIP, *INNER_UPPER_LIP, *INNER_LOWER_LIP, *RIGID]
    for eye in EYES:
        rings += [*eye.upper, *eye.lower, *eye.brow]
    return sorted(set(rings))


def head(spans: float = 1.0) -> dict[str, AnyArray]:
    """A FLAME-like file: `spans` is the share of what our face weights do that its expressions mix in."""
    points, _ = template()
    skin = points[:SKIN_POINTS] * (1, -1, -1) * METRES
    joints = np.array([[0, -1.4, -0.9], [0, -1.0, -0.7], [0, -0.35, -0.75], [0.35, 0, -0.1], [-0.35, 0, -0.1]]) * METRES
    v = np.zeros((5023, 3))
    v[:SKIN_POINTS] = skin
    v[SKIN_POINTS : SKIN_POINTS + 5] = joints
    v[SKIN_POINTS + 5 :] = 0.1 * stream("head/back", (5018 - SKIN_POINTS) * 3).reshape(-1, 3) - (0, 0, 0.1)
    moved = face_displacements()[:, :SKIN_POINTS] * (1, -1, -1) * METRES  # (43, 468, 3)
    modes = np.zeros((5023, 3, 400), np.float32)
    mix = stream("head/mix", 70 * len(FACE_WEIGHTS)).reshape(70, -1) / np.sqrt(len(FACE_WEIGHTS))
    mix[:, FACE_WEIGHTS.index("jawOpen")] = 0  # is the jaw joint's business
    mix[:, : round(len(FACE_WEIGHTS) * (1 - spans))] = 0
    modes[:SKIN_POINTS, :, 300:370] = np.einsum("km,mvi->vik", mix, 0.3 * moved)
    waves = stream("head/waves", 36).reshape(12, 3) * 25
    smooth = np.sin(skin @ waves.T + stream("head/phase", 12))
    spread = 0.0008 * stream("head/smooth", 3 * 12 * 30).reshape(3, 12, 30)
    modes[:SKIN_POINTS, :, 370:] = np.einsum("vw,iwk->vik", smooth, spread)
    weights = np.zeros((5023, 5))
    opening = face_displacements()[FACE_WEIGHTS.index("jawOpen"), :SKIN_POINTS, 1] / JAW_DROP
    weights[:SKIN_POINTS, 2] = opening.clip(0, 1)
    weights[:, 1] = 1 - weights.sum(1)
    regressor = np.zeros((5, 5023))
    regressor[range(5), range(SKIN_POINTS, SKIN_POINTS + 5)] = 1
    faces = np.arange(9976)[:, None] % 5000 + np.arange(3)
    return {
        "v_template": v, "shapedirs": modes, "posedirs": np.zeros((5023, 3, 36), np.float32), "J_regressor": regressor,
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32), "weights": weights,
        "f": faces.astype(np.uint32),
    }  # fmt: skip


def write_head(path: Path, spans: float = 1.0) -> Path:
    """The head as `.npz`."""
    np.savez(path, **head(spans))
    return path


def write_landmarks(path: Path) -> Path:
    """Its landmark embedding: every point a corner of a triangle."""
    points = landmark_points()
    corner = np.tile(np.array([1.0, 0.0, 0.0]), (len(points), 1))
    np.savez(path, lmk_face_idx=np.array(points), lmk_b_coords=corner, landmark_indices=np.array(points))
    return path


def write_downloads(folder: Path) -> Path:
    """What a user has downloaded, by the names it has there: both of UniLS's files, and both of FLAME's."""
    torch.save(checkpoint_of(), folder / "iter_300000.pt")
    torch.save(speech_weights(speech_encoder(), "tiny"), folder / "pytorch_model.bin")
    write_head(folder / "generic_model.npz")
    write_landmarks(folder / "mediapipe_landmark_embedding.npz")
    return folder


def plausible(frames: int, seed: int = 0) -> Doubles:
    """Controls (T, 58) of a face that talks and looks about: a few weights at a time, 0 to 0.7."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 25
    values = np.zeros((frames, 58))
    waves = np.sin(2 * np.pi * (random.uniform(0.1, 1.5, 52) * time + random.uniform(0, 1, 52)))
    values[:, :52] = (0.7 * waves * random.uniform(0.3, 1, 52) - 0.2).clip(0, None)
    for side in (0, 7):  # an eye looks one way at a time
        values[:, 1 + side], values[:, 4 + side] = 0.4 * waves[:, 1].clip(0), 0.4 * (-waves[:, 1]).clip(0)
        values[:, 2 + side], values[:, 3 + side] = 0.4 * waves[:, 2].clip(0), 0.4 * (-waves[:, 2]).clip(0)
    values[:, 51] = 0
    values[:, 52:55] = 0.2 * np.sin(2 * np.pi * (time * [0.2, 0.3, 0.1]))
    return values
