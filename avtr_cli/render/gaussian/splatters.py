"""What draws Gaussians on a device: compiled loops on a CPU, torch elsewhere and where there are none."""

from __future__ import annotations

import logging
from typing import Protocol

import torch

from avtr_cli.core.arrays import Floats, Image
from avtr_cli.core.camera import Pinhole
from avtr_cli.core.runtime import kernels_on
from avtr_cli.kernels.splat_measures import LOW_PASS
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.splatting_torch import TorchSplatter

logger = logging.getLogger(__name__)


class Splats(Protocol):
    """Draws Gaussians into frames of one size; see `Splatter`, whose contract all keep."""

    kernels: str  # what draws: `compiled` loops or the `plain` form

    @property
    def drawn(self) -> Floats:
        """The last picture, (h, w, 4)."""

    def splat(self, gaussians: Gaussians, camera: Pinhole) -> tuple[Floats, Floats]:
        """Premultiplied colours (h, w, 3) and coverage (h, w)."""

    def over(self, plate: Image, out: Image) -> None:
        """The last picture over a plate."""

    def cut_out(self, out: Image) -> None:
        """The last picture with straight alpha."""


def choose_splatter(
    height: int, width: int, device: torch.device, kernels: str = "auto", low_pass: float = LOW_PASS
) -> Splats:
    """`kernels` as `runtime.kernels`. Compiled loops share a frame among as many threads as torch has."""
    if kernels_on(device, kernels):
        try:
            from avtr_cli.render.gaussian.splatting import Splatter

            return Splatter(height, width, low_pass, torch.get_num_threads())
        except Exception as error:  # Numba missing, switched off, or at odds with this NumPy, LLVM or CPU
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            logger.warning("frames are drawn by the plain form, which is slower: Numba does not work here (%s)", said)
    return TorchSplatter(height, width, device, low_pass)
