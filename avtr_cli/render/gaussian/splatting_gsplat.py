"""Gaussians into pictures by gsplat's CUDA kernels (Apache-2.0, extra `gaussian`), where it is installed.

Its pictures differ by rounding: a splat of 1/255 more or less in rare pixels, and another order of two whose depths
are equal to the last bit. gsplat compiles its kernels when they are first asked for, which takes minutes, once.
"""

from __future__ import annotations

import numpy as np
import torch
from gsplat import rasterization
from torch import Tensor

from avtr_cli.core.arrays import Floats
from avtr_cli.core.camera import Pinhole
from avtr_cli.kernels.splat_measures import LOW_PASS, NEAR
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.splatting_torch import TorchSplatter


class GsplatSplatter(TorchSplatter):
    """As `Splatter`, on a CUDA device."""

    kernels = "gsplat"

    def __init__(self, height: int, width: int, device: torch.device, low_pass: float = LOW_PASS):
        """Draws one Gaussian, so that a compiler or driver that is not there is missed here: anything may be raised."""
        super().__init__(height, width, device, low_pass)
        one, centre = np.ones(1, np.float32), (width / 2, height / 2)
        first = Gaussians(
            np.array([[0, 0, 1]], np.float32), np.zeros((1, 3, 3), np.float32), one, np.ones((1, 3), np.float32)
        )
        self.splat(first, Pinhole((1.0, 1.0), centre, (width, height)))

    @torch.inference_mode()
    def splat(self, gaussians: Gaussians, camera: Pinhole) -> tuple[Floats, Floats]:
        """See `Splatter.splat`."""
        height, width = self._drawn.shape[:2]
        assert camera.size == (width, height), camera.size

        def given(array: Floats) -> Tensor:
            return torch.from_numpy(array).to(self.device)

        means, axes, opacities, colours = map(
            given, (gaussians.means, gaussians.axes, gaussians.opacities, gaussians.colours)
        )
        parts = (means, axes.flatten(1), opacities[:, None], colours)
        finite = torch.stack([part.isfinite().all(dim=1) for part in parts]).all(dim=0)
        lens = np.diag([*camera.focal_px, 1.0])
        lens[:2, 2] = camera.centre_px
        if not finite.any():
            self._drawn = torch.zeros_like(self._drawn)
            return self.drawn[..., :3], self.drawn[..., 3]
        drawn, covered, _ = rasterization(
            means[finite],
            None,
            None,
            opacities[finite],
            colours[finite],
            given(np.vstack([camera.view, [0, 0, 0, 1]]).astype(np.float32))[None],
            given(lens.astype(np.float32))[None],
            width,
            height,
            near_plane=NEAR,
            eps2d=self.low_pass,
            packed=False,
            rasterize_mode="classic",
            covars=(axes @ axes.mT)[finite],
        )
        self._drawn = torch.cat([drawn[0], covered[0]], dim=2)
        return self.drawn[..., :3], self.drawn[..., 3]
