"""What draws Gaussians on a device: compiled loops on a CPU, gsplat on CUDA, and torch where there is neither."""

from __future__ import annotations

import importlib.util
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

    kernels: str  # what draws: `compiled` loops, `gsplat` or the `plain` form

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
    height: int, width: int, device: torch.device, kernels: str = "auto", low_pass: float = LOW_PASS, threads: int = 1
) -> Splats:
    """`kernels` as `runtime.kernels`: off is the plain form. Compiled loops draw a frame on `threads` threads."""
    if kernels_on(device, kernels):
        try:
            from avtr_cli.render.gaussian.splatting import Splatter

            return Splatter(height, width, low_pass, threads)
        except Exception as error:  # Numba missing, switched off, or at odds with this NumPy, LLVM or CPU
            _tell("Numba", error)
    if device.type == "cuda" and kernels == "auto" and (splatter := gsplat_splatter(height, width, device, low_pass)):
        return splatter
    return TorchSplatter(height, width, device, low_pass)


def gsplat_splatter(height: int, width: int, device: torch.device, low_pass: float) -> Splats | None:
    """One that draws by gsplat; None where that is not installed, or does not work, which is told."""
    if importlib.util.find_spec("gsplat") is None:
        return None
    try:
        from avtr_cli.render.gaussian.splatting_gsplat import GsplatSplatter

        return GsplatSplatter(height, width, device, low_pass)
    except Exception as error:  # no compiler, another CUDA than torch's, too old a GPU
        _tell("gsplat", error)
        return None


def _tell(what: str, error: Exception) -> None:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    logger.warning("frames are drawn by the plain form, which is slower: %s does not work here (%s)", what, said)
