"""LivePortrait's warp and decoder with all their weights on smaller maps: a frame in a tenth of the time.

For tests of what lies around the networks. The networks themselves are judged at full size, by the goldens
(test_liveportrait_networks.py, test_liveportrait_fast.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F

from avtr_cli.render.liveportrait import fast_spade, fast_warping, renderer
from avtr_cli.render.liveportrait.convolution import DirectConvolution
from avtr_cli.render.liveportrait.fast_spade import FastSpadeGenerator
from avtr_cli.render.liveportrait.fast_warping import FastWarpingModule, WarpSource

WARP_SIDE, DECODER_SIDE = 32, 16  # of 64


def use_smaller_maps(patch: pytest.MonkeyPatch) -> None:
    """The fast forms on maps of half the side (warp) and a quarter (decoder), wherever they are made from now on."""
    patch.setattr(fast_warping, "SIDE", WARP_SIDE)
    patch.setattr(fast_spade, "FEATURE_SIDE", DECODER_SIDE)
    patch.setattr(DirectConvolution, "tile", 2)  # the innermost map of so small a warp is no larger


def use_in_renderers(patch: pytest.MonkeyPatch) -> None:
    """Renderers made from now on work inside on smaller maps; what goes in and comes out has the usual size."""
    use_smaller_maps(patch)
    patch.setattr(renderer, "FastWarpingModule", SmallWarp)
    patch.setattr(renderer, "FastSpadeGenerator", SmallDecoder)


class SmallWarp(FastWarpingModule):
    """Takes features of 64 x 64 as usual, warps them averaged to 32 x 32, gives `out` as large as the decoder's."""

    def prepare(self, feature_3d: torch.Tensor, kp_source: torch.Tensor) -> WarpSource:
        return super().prepare(F.avg_pool3d(feature_3d, (1, 2, 2)), kp_source)

    def __call__(self, source: WarpSource | Sequence[WarpSource], kp_driving: torch.Tensor) -> dict[str, torch.Tensor]:
        warped = super().__call__(source, kp_driving)
        return warped | {"out": F.avg_pool2d(warped["out"], WARP_SIDE // DECODER_SIDE)}


class SmallDecoder(FastSpadeGenerator):
    """Decodes 16 x 16 features to 128 x 128 pictures, and enlarges them to 512 x 512."""

    def __call__(self, feature: torch.Tensor) -> torch.Tensor:
        return F.interpolate(super().__call__(feature), scale_factor=4.0, mode="bilinear", align_corners=False)
