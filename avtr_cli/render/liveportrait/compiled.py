"""W and G as torch.compile makes them: the plain networks, since the compiler fuses best what is written plainly.

Called as the fast forms are (`fast_warping.py`, `fast_spade.py`), which judge them. Nothing is made beforehand of what
depends on the portrait alone, and a compiled network takes one size of batch, so frames go through in fixed portions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avtr_cli.core import runtime
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.render.liveportrait.spade import SpadeGenerator
from avtr_cli.render.liveportrait.warping import WarpingModule


@dataclass(frozen=True)
class PlainSource:
    """What of a portrait the plain warp takes."""

    feature: Tensor  # (1, 32, 16, 64, 64)
    keypoints: Tensor  # (1, 21, 3)


def portion(device: torch.device) -> int:
    """Frames at once: a chunk's; on a CPU one, as more would leave the cache."""
    return 1 if device.type == "cpu" else CHUNK_FRAMES


class CompiledWarpingModule:
    """A prepared portrait and driving keypoints to what `plain` returns for them; `plain` is taken over."""

    def __init__(self, plain: WarpingModule, device: torch.device, dtype: torch.dtype = torch.float32):
        self._device, self._dtype = device, dtype
        self._network = runtime.compiled(plain.to(device, dtype))

    def prepare(self, feature_3d: Tensor, kp_source: Tensor) -> PlainSource:
        """One portrait: feature_3d (1, 32, 16, 64, 64), kp_source (1, 21, 3)."""
        return PlainSource(feature_3d.to(self._device, self._dtype), kp_source.to(self._device, torch.float32))

    def __call__(self, source: PlainSource | Sequence[PlainSource], kp_driving: Tensor) -> dict[str, Tensor]:
        """kp_driving (B, 21, 3) to `out`, `deformation` and `occlusion_map`; `source` as for the fast form."""
        moved = kp_driving.to(self._device, torch.float32)
        sources = [source] * len(moved) if isinstance(source, PlainSource) else source
        at_once = portion(self._device)
        parts = [
            self._network(
                feature_3d=torch.cat([one.feature for one in sources[at : at + at_once]]),
                kp_source=torch.cat([one.keypoints for one in sources[at : at + at_once]]),
                kp_driving=moved[at : at + at_once],
            )
            for at in range(0, len(moved), at_once)
        ]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


class CompiledSpadeGenerator:
    """feature (B, 256, 64, 64) to pictures (B, 3, 512, 512), RGB in [0, 1]; `plain` is taken over."""

    def __init__(self, plain: SpadeGenerator, device: torch.device, dtype: torch.dtype = torch.float32):
        self._device, self._dtype = device, dtype
        self._network = runtime.compiled(plain.to(device, dtype))

    def __call__(self, feature: Tensor) -> Tensor:
        parts = feature.to(self._device, self._dtype).split(portion(self._device))
        return torch.cat([self._network(feature=part) for part in parts])
