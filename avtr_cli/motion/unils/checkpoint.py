"""UniLS's published checkpoint into a network: sizes from its own `meta_cfg`, keys to the letter, nothing run.

A `.pt` file holds {"model": tensors, "meta_cfg": plain values}. The published final file has its voices trained as
LoRA, merged already; files of the earlier stages lack them and are told by their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avtr_cli.core.errors import WeightsError
from avtr_cli.motion.unils.config import CLIP_FRAMES, HEAD_WIDTH, MOTION_WIDTH, PUBLISHED, CodecConfig, NetworkConfig
from avtr_cli.motion.unils.loading import load_plain, strictly
from avtr_cli.motion.unils.network import UnilsNetwork

WHAT = "UniLS's final checkpoint"
PULL = "bring the final iter_*.pt with `avtr weights pull unils/model --from FOLDER`"
TABLES = ("model", "state_dict", "model_state_dict", "net")  # under which the tensors may lie
PREFIXES = ("module.", "model.", "net.")  # that wrappers of a network leave before keys
NOT_OURS = "audio_encoder."  # has a file of its own
DEEPEST, WIDEST, LONGEST_CODE = 64, 8192, 1024  # beyond which a `meta_cfg` is no network that fits anywhere


def load_network(path: Path, device: torch.device) -> UnilsNetwork:
    """The dual-track generator at `path`. Raises WeightsError where it is anything else, or damaged."""
    held = load_plain(path, PULL)
    if not isinstance(held, Mapping):
        raise WeightsError(f"{path}: holds no table of tensors; {PULL}")
    state = _tensors(held, path)
    _check_stage(state, path)
    config = _config(held.get("meta_cfg"), state, path)
    with torch.device("meta"):
        network = UnilsNetwork(config)
    strictly(network, state, path, WHAT, PULL)
    if not (network.base_codec.motion_std > 0).all():
        raise WeightsError(f"{path}: not {WHAT}: base_codec.motion_std is not above zero; {PULL}")
    return network.to(device).eval().requires_grad_(False)


def _tensors(held: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The state dict, wherever it lies, its keys without what wrappers put before them."""
    table: Any = next((held[name] for name in TABLES if isinstance(held.get(name), Mapping)), held)
    state = {}
    for key, tensor in table.items():
        if not isinstance(tensor, Tensor) or not isinstance(key, str):
            continue
        for prefix in PREFIXES:
            key = key.removeprefix(prefix)
        if not key.startswith(NOT_OURS):
            state[key] = tensor
    if not state:
        raise WeightsError(f"{path}: holds no table of tensors; {PULL}")
    return state


def _check_stage(state: Mapping[str, Tensor], path: Path) -> None:
    """Raises WeightsError for a file of an earlier stage, which would move a face without hearing anything."""
    if not any(key.startswith("attn_blocks.") for key in state) and any("encoder_transformer" in key for key in state):
        stage = "the codec alone, the first of three stages"
    elif "attn_blocks.self_pos" not in state and "sos_embed" in state:
        stage = "the audio-free stage, the second of three"
    else:
        return
    raise WeightsError(
        f"{path}: this is {stage}, and hears no voices; the final file (iter_*.pt of the dual-track stage) is needed: "
        f"{PULL}"
    )


def _config(meta: object, state: Mapping[str, Tensor], path: Path) -> NetworkConfig:
    """Sizes, of `meta_cfg` where the file has one, else of the published network with as many levels and channels."""
    if meta is None:
        return _published(state, path)
    try:
        model: Any = meta["MODEL"]  # type: ignore[index]
        codec = model["VAE_CONFIG"]
        encoder = model.get("AUDIO_ENCODER", "wav2vec")
        config = NetworkConfig(
            codec=CodecConfig(
                depth=_size(codec["T_DEPTH"], DEEPEST),
                heads=_size(codec["T_NUM_HEADS"], WIDEST),
                width=_size(codec["T_HIDDEN_DIM"], WIDEST),
                scales=tuple(_size(rows, CLIP_FRAMES) for rows in codec["V_PATCH_NUMS"]),
                code_width=_size(codec["V_CODE_DIM"], LONGEST_CODE),
            ),
            depth=_size(model["T_DEPTH"], DEEPEST),
            heads=_size(model["T_NUM_HEAD"], WIDEST),
            width=_size(model["T_EMBED_DIM"], WIDEST),
        )
        motion_width = codec["MOTION_DIM"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path}: not {WHAT}: its meta_cfg says no sizes ({error!r}); {PULL}") from error
    if encoder != "wav2vec":
        raise WeightsError(
            f"{path}: hears by the speech encoder {str(encoder)[:20]!r}, and avtr has wav2vec alone; use the "
            "checkpoint that was trained with it"
        )
    whole = all(one.width == one.heads * HEAD_WIDTH for one in (config, config.codec))
    if not whole or motion_width != MOTION_WIDTH or config.codec.scales[-1:] != (CLIP_FRAMES,):
        raise WeightsError(f"{path}: not {WHAT}: its meta_cfg says sizes that no such network has; {PULL}")
    return config


def _size(number: object, most: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
        raise ValueError(f"{number!r} is no size")
    return number


def _published(state: Mapping[str, Tensor], path: Path) -> NetworkConfig:
    levels = state.get("attn_blocks.lvl_embed.weight", torch.zeros(0))
    for config in PUBLISHED.values():
        if not isinstance(config, NetworkConfig) or not config.voices:
            continue
        if tuple(levels.shape) == (len(config.codec.scales), config.width):
            return config
    raise WeightsError(f"{path}: not {WHAT}: it has no meta_cfg, and its sizes are none that were published; {PULL}")
