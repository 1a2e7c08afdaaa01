"""A HuBERT in ONNX becomes torchaudio's HuBERT: the same weights, in torch, on the GPU.

Exporters keep the names of biases and norms (`encoder.layers.3.attention.k_proj.bias`) but turn a linear layer
into MatMul with an unnamed, transposed weight; it is found as the one whose product that bias is added to. A
convolution whose weight was computed (the positional one) is unnamed as well, and found by its bias. Names are
those of the Hugging Face implementation, from which published HuBERTs are exported. Whether the mapping is right
is for the caller to prove by comparing outputs (hubert.py does).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avtr_cli.audio.torchaudio_cpu import torchaudio
from avtr_cli.core.arrays import AnyArray
from avtr_cli.motion.avtr1.rows import frame_rows

STRIDES = (5, 2, 2, 2, 2, 2, 2)  # of HuBERT's convolutions, 320 samples a row
HEAD_WIDTH = 64  # of attention, in every published size
_FIRST = "feature_extractor.conv_layers.0.conv.weight"
_RENAMED = {
    "feature_projection.": "encoder.feature_projection.",
    "encoder.pos_conv_embed.": "encoder.transformer.pos_conv_embed.",
    "encoder.layer_norm.": "encoder.transformer.layer_norm.",
    "encoder.layers.": "encoder.transformer.layers.",
}


class Unmapped(Exception):
    """The graph is not one whose weights are recognised; the message says what is missing."""


class TorchHubert(nn.Module):
    """torchaudio's HuBERT with the weights of the ONNX file at `path`. Raises Unmapped."""

    def __init__(self, path: Path, device: torch.device):
        super().__init__()
        weights = _torchaudio_names(read_weights(path))
        self.net = _build(weights)
        missing, surplus = self.net.load_state_dict(weights, strict=False)
        if missing or surplus:
            raise Unmapped(f"lacks {missing[:3]}, does not know {surplus[:3]}")
        self.net.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def rows(self, windows: Tensor) -> Tensor:
        """All rows, (B, T, width) at 50 Hz, of samples (B, N) at 16 kHz."""
        rows: Tensor = self.net(windows)[0]
        return rows

    def forward(self, windows: Tensor) -> Tensor:
        """Sound (B, n) at 16 kHz to the rows of its new frames, (B, 10, 1024) at 25 Hz."""
        return frame_rows(self.rows(windows))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The file's weights under their Hugging Face names, without the exporter's prefix. Raises Unmapped."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise Unmapped("the package onnx is not installed") from None
    graph = onnx.load(str(path)).graph
    arrays = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    for node in graph.node:  # one tensor under several names is stored once and passed on by Identity
        if node.op_type == "Identity" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
        elif node.op_type == "Constant" and node.attribute[0].name == "value":
            arrays[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    arrays |= _weights_by_bias(graph, arrays)
    first = next((name for name in arrays if name.endswith(_FIRST)), None)
    if first is None:
        raise Unmapped(f"no weight is called {_FIRST}")
    prefix = first[: -len(_FIRST)]
    return {
        name[len(prefix) :]: torch.from_numpy(np.array(array))
        for name, array in arrays.items()
        if name.startswith(prefix) and re.search(r"\.(weight|bias|weight_g|weight_v|original[01])$", name)
    }


def _weights_by_bias(graph: Any, arrays: dict[str, AnyArray]) -> dict[str, AnyArray]:
    """The weights of linear layers, (out, in), and of convolutions, named after their bias."""
    products = {
        node.output[0]: arrays[node.input[1]].T
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in arrays
    }
    found = {}
    for node in graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and node.input[1] in arrays:
            found[node.input[2].removesuffix("bias") + "weight"] = arrays[node.input[1]]
        if node.op_type == "Add":
            for bias, product in (node.input, reversed(node.input)):
                if bias.endswith(".bias") and product in products:
                    found[bias[: -len("bias")] + "weight"] = products[product]
    return found


def _torchaudio_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renamed, with the positional convolution's weight split in norm and direction as torchaudio keeps it."""
    renamed = {}
    for name, tensor in weights.items():
        for old, new in _RENAMED.items():
            if name.startswith(old):
                name = new + name[len(old) :]
                break
        renamed[name.replace("conv.weight_g", "conv.parametrizations.weight.original0")] = tensor
    conv = "encoder.transformer.pos_conv_embed.conv."
    if f"{conv}weight_v" in renamed:
        renamed[f"{conv}parametrizations.weight.original1"] = renamed.pop(f"{conv}weight_v")
    if f"{conv}weight" in renamed:  # the exporter has multiplied norm and direction
        whole = renamed.pop(f"{conv}weight")
        renamed[f"{conv}parametrizations.weight.original0"] = whole.norm(dim=(0, 1), keepdim=True)
        renamed[f"{conv}parametrizations.weight.original1"] = whole
    return renamed


def _build(weights: dict[str, Tensor]) -> nn.Module:
    """An empty network of the sizes that the weights have."""
    try:
        convolutions = [weights[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(len(STRIDES))]
        position = weights["encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original1"]
        inner = weights["encoder.transformer.layers.0.feed_forward.intermediate_dense.weight"]
    except KeyError as error:
        raise Unmapped(f"no weight is called {error}") from None
    width = position.shape[0]
    layers = {int(m[1]) for name in weights if (m := re.match(r"encoder\.transformer\.layers\.(\d+)\.", name))}
    model: nn.Module = torchaudio.models.wav2vec2_model(
        extractor_mode="layer_norm" if "feature_extractor.conv_layers.1.layer_norm.weight" in weights else "group_norm",
        extractor_conv_layer_config=[
            (weight.shape[0], weight.shape[2], stride) for weight, stride in zip(convolutions, STRIDES, strict=True)
        ],
        extractor_conv_bias="feature_extractor.conv_layers.0.conv.bias" in weights,
        encoder_embed_dim=width,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=position.shape[2],
        encoder_pos_conv_groups=width // position.shape[1],
        encoder_num_layers=len(layers),
        encoder_num_heads=width // HEAD_WIDTH,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=inner.shape[0],
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=True,
        encoder_layer_drop=0.0,
        aux_num_out=None,
    )
    return model
