"""The seven published networks by name: `build("spade_generator")` gives the plain module, ready for a state dict."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Literal, overload

import torch
from torch import nn

from avtr_cli.render.liveportrait.appearance import AppearanceFeatureExtractor
from avtr_cli.render.liveportrait.mlp import WIDTHS, KeypointMlp
from avtr_cli.render.liveportrait.motion import MotionExtractor
from avtr_cli.render.liveportrait.spade import SpadeGenerator
from avtr_cli.render.liveportrait.warping import WarpingModule

_MAKERS: dict[str, Callable[[], nn.Module]] = {
    "appearance_feature_extractor": AppearanceFeatureExtractor,
    "motion_extractor": MotionExtractor,
    "warping_module": WarpingModule,
    "spade_generator": SpadeGenerator,
    **{name: partial(KeypointMlp, widths) for name, widths in WIDTHS.items()},
}
NAMES = tuple(_MAKERS)


def build(name: str) -> nn.Module:
    """One of `NAMES`, in evaluation mode, its weights not trainable and still meaningless: load a state dict.

    Called by keyword: appearance_feature_extractor and motion_extractor (image), warping_module (feature_3d, kp_source,
    kp_driving), spade_generator (feature), stitching, eye and lip (x). Raises KeyError for another name.
    """
    return _MAKERS[name]().eval().requires_grad_(False)


@overload
def load(name: Literal["warping_module"], state: dict[str, torch.Tensor]) -> WarpingModule: ...
@overload
def load(name: Literal["spade_generator"], state: dict[str, torch.Tensor]) -> SpadeGenerator: ...
@overload
def load(name: str, state: dict[str, torch.Tensor]) -> nn.Module: ...
def load(name: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """The network with `state` as its weights (taken over, not copied), which must fit exactly."""
    with torch.device("meta"):
        network = build(name)
    network.load_state_dict(state, strict=True, assign=True)
    return network.requires_grad_(False)


@cache
def layout(name: str) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Shape and type of every tensor of the network's state dict, in order; no memory is spent on values."""
    with torch.device("meta"):
        return {key: (tensor.shape, tensor.dtype) for key, tensor in build(name).state_dict().items()}
