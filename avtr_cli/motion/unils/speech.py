"""Speech into features: 4 s of one voice become 199 rows of 1024 numbers, by wav2vec 2.0 XLS-R 300M.

Baevski et al. 2020 (arXiv:2006.11477), Babu et al. 2021 (arXiv:2111.09296); torchaudio's network under the published
weights (facebook/wav2vec2-xls-r-300m). Every 4 s are heard alone and at full level, as UniLS was trained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.timing import SAMPLES_PER_FRAME
from avtr_cli.motion.unils.config import CLIP_FRAMES, HEAD_WIDTH, SPEECH_WIDTH
from avtr_cli.motion.unils.loading import load_tensors, strictly

CLIP_SAMPLES = CLIP_FRAMES * SAMPLES_PER_FRAME  # 64,000
DEVIATION_EPS = 1e-6
SILENCE_DBFS = -60.0  # a voice below is silence: at full level its hiss, or the partner's leakage, would speak
STRIDES = (5, 2, 2, 2, 2, 2, 2)  # of the convolutions: 320 samples a row
WHAT = "wav2vec2-xls-r-300m"
PULL = "fetch it again with `avtr weights pull unils/speech`"
NOT_NEEDED = ("masked_spec_embed", "quantizer.", "project_hid.", "project_q.", "lm_head.")  # of its pretraining


def normalise(sound: Tensor) -> Tensor:
    """(B, n) of zero mean and unit deviation (n - 1); silence stays zero."""
    deviation = sound.std(-1, keepdim=True)
    return (sound - sound.mean(-1, keepdim=True)) / (deviation + DEVIATION_EPS)


def gated(sound: Tensor) -> Tensor:
    """(B, n) with voices below SILENCE_DBFS silenced."""
    level = sound.square().mean(-1, keepdim=True).sqrt()
    return torch.where(level < 10 ** (SILENCE_DBFS / 20), 0.0, sound)


def speech_state(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors under torchaudio's names; what only pretraining needs is left out."""
    state = {}
    for key, tensor in published.items():
        key = key.removeprefix("wav2vec2.")
        if key.startswith(NOT_NEEDED):
            continue
        key = re.sub(r"^feature_projection\.", "encoder.feature_projection.", key)
        key = re.sub(r"^encoder\.(?!feature_projection\.)", "encoder.transformer.", key)
        key = key.replace("conv.weight_g", "conv.parametrizations.weight.original0")
        state[key.replace("conv.weight_v", "conv.parametrizations.weight.original1")] = tensor
    return state


class Speech(nn.Module):
    """float32 sound (B, 64000) at 16 kHz -> (B, 199, 1024)."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, sound: Tensor) -> Tensor:
        """(B, 64000) -> (B, 199, 1024); other lengths give other numbers of rows."""
        rows: Tensor = self.encoder(normalise(sound))[0]
        return rows


def load_speech(path: Path, device: torch.device) -> Speech:
    """The published encoder at `path` (.bin, .pt or .safetensors). Raises WeightsError."""
    state = speech_state(load_tensors(path, PULL))
    with torch.device("meta"):
        encoder = _encoder(state, path)
    strictly(encoder, state, path, WHAT, PULL)
    speech = Speech(encoder).to(device).eval().requires_grad_(False)
    if not torch.isfinite(speech(torch.zeros(1, CLIP_SAMPLES, device=device))).all():
        raise WeightsError(f"{path}: makes no numbers of silence; {PULL}")
    return speech


def _encoder(state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """An encoder of XLS-R's kind, as deep and wide as the tensors say. Raises WeightsError."""
    from avtr_cli.audio.torchaudio_cpu import torchaudio

    try:
        layers = [key for key in state if re.fullmatch(r"encoder\.transformer\.layers\.\d+\.layer_norm\.weight", key)]
        width, _ = state["encoder.feature_projection.projection.weight"].shape
        inner, _ = state["encoder.transformer.layers.0.feed_forward.intermediate_dense.weight"].shape
        channels = [len(state[f"feature_extractor.conv_layers.{k}.conv.weight"]) for k in range(len(STRIDES))]
        kernels = [state[f"feature_extractor.conv_layers.{k}.conv.weight"].shape[2] for k in range(len(STRIDES))]
        _, grouped, spread = state["encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original1"].shape
    except (KeyError, ValueError, IndexError) as error:
        raise WeightsError(f"{path}: not {WHAT}: it lacks {error}; {PULL}") from error
    if width != SPEECH_WIDTH or not grouped or width % grouped or not layers:
        raise WeightsError(f"{path}: not {WHAT}: its features are {width} wide, not {SPEECH_WIDTH}; {PULL}")
    made: nn.Module = torchaudio.models.wav2vec2_model(
        extractor_mode="layer_norm",
        extractor_conv_layer_config=list(zip(channels, kernels, STRIDES, strict=True)),
        extractor_conv_bias=True,
        encoder_embed_dim=width,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=spread,
        encoder_pos_conv_groups=width // grouped,
        encoder_num_layers=len(layers),
        encoder_num_heads=width // HEAD_WIDTH,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=inner,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=True,
        encoder_layer_drop=0.0,
        aux_num_out=None,
    )
    return made
