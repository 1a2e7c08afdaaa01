"""Gaussians into pictures by torch, for any device: the plain form of `splatting.py`, which it judges, and CUDA's.

Every splat is written out as the pixels of its box; these are put in order of pixel, then depth, and what a pixel lets
through before each of them is a product along that list, as a sum of logarithms. Sums are of whole numbers, whose order
changes no bit: so a GPU, which adds in any order, draws the same picture again.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Floats, Image
from avtr_cli.core.camera import Pinhole
from avtr_cli.kernels.splat_measures import BEYOND, LARGEST, LEAST_ALPHA, LEAST_LIGHT, LOW_PASS, MOST_ALPHA, NEAR, REACH
from avtr_cli.render.gaussian.gaussians import Gaussians

_STEPS = 2.0**40  # of a whole number, to 1
_AT_ONCE = 1 << 20  # pixels of splats, which bounds the memory: some 300 bytes for each


class TorchSplatter:
    """As `Splatter`. Pictures agree with its to a few hundredths of 1/255, but for rare flips at opacities of 1/255."""

    kernels = "plain"

    def __init__(
        self,
        height: int,
        width: int,
        device: torch.device,
        low_pass: float = LOW_PASS,
        dtype: torch.dtype = torch.float32,
    ):
        """`dtype` is what is computed in: float64 to judge others."""
        self.low_pass, self.device, self.dtype = low_pass, device, dtype
        self._drawn = torch.zeros((height, width, 4), device=device)

    @property
    def drawn(self) -> Floats:
        """The last picture, (h, w, 4): premultiplied colours and coverage."""
        picture: Floats = self._drawn.cpu().numpy()
        return picture

    @torch.inference_mode()
    def splat(self, gaussians: Gaussians, camera: Pinhole) -> tuple[Floats, Floats]:
        """See `Splatter.splat`."""
        height, width = self._drawn.shape[:2]
        assert camera.size == (width, height), camera.size
        seen = self._project(gaussians, camera)
        self._drawn = torch.cat([self._blend(seen, *rows) for rows in _bands(seen["box"], height)])
        drawn = self.drawn
        return drawn[..., :3], drawn[..., 3]

    def over(self, plate: Image, out: Image) -> None:
        """See `Splatter.over`."""
        behind = torch.from_numpy(plate).to(self.device, torch.float32)
        value = 255 * self._drawn[..., :3] + (1 - self._drawn[..., 3:]) * behind
        np.copyto(out, _bytes(value).cpu().numpy())

    def cut_out(self, out: Image) -> None:
        """See `Splatter.cut_out`."""
        alpha = _bytes(255 * self._drawn[..., 3:])
        colours = _bytes(torch.where(alpha > 0, 255 * self._drawn[..., :3] / self._drawn[..., 3:], 0))
        np.copyto(out, torch.cat([colours, alpha], dim=2).cpu().numpy())

    def _project(self, gaussians: Gaussians, camera: Pinhole) -> dict[str, Tensor]:
        """Of the splats that are seen, from near to far: centre, conic, opacity, colour, and box x0 y0 x1 y1, px."""

        def given(array: object) -> Tensor:
            return torch.as_tensor(array).to(self.device, self.dtype)

        view, (width, height) = given(camera.view), camera.size
        means, opacity, colour = given(gaussians.means), given(gaussians.opacities), given(gaussians.colours)
        rotation = view[:, :3]
        at = means @ rotation.T + view[:, 3]
        depth, focal, centre = at[:, 2:], given(camera.focal_px), given(camera.centre_px)
        slope = at[:, :2] / depth
        where = focal * slope + centre
        # Beside the picture the projection's slope is that at BEYOND of its half.
        size = given((float(width), float(height)))
        margin = 0.5 * BEYOND * size / focal
        slope = torch.minimum(torch.maximum(slope, -centre / focal - margin), (size - centre) / focal + margin)
        jacobian = focal[:, None] / depth[:, None] * (rotation[:2] - slope[:, :, None] * rotation[2])
        half = jacobian @ given(gaussians.axes)
        spread = half @ half.mT + self.low_pass * torch.eye(2, device=self.device, dtype=self.dtype)
        area = (spread[:, 0, 0] * spread[:, 1, 1] - spread[:, 0, 1] ** 2).clamp(min=1e-10)
        conic = torch.stack([spread[:, 1, 1], -spread[:, 0, 1], spread[:, 0, 0]], dim=1) / area[:, None]
        reach = (2 * (255 * opacity).clamp(min=1).log()).sqrt().clamp(max=REACH)
        reaches = (reach[:, None] * spread.diagonal(dim1=1, dim2=2).sqrt()).ceil()
        kept = (opacity >= LEAST_ALPHA) & opacity.isfinite() & colour.isfinite().all(dim=1)
        kept &= (depth[:, 0] >= NEAR) & depth[:, 0].isfinite() & (reaches < LARGEST).all(dim=1)
        kept &= ((where + reaches > 0) & (where - reaches < size)).all(dim=1)
        ids = torch.nonzero(kept)[:, 0]
        ids = ids[torch.argsort(_depths(means, view[2])[ids], stable=True)]
        where, reaches = where[ids], reaches[ids]
        low = torch.maximum((where - reaches).floor(), torch.zeros_like(where))
        high = torch.minimum((where + reaches).ceil(), size)
        box = torch.cat([low, high], dim=1).long()
        return {"where": where, "conic": conic[ids], "opacity": opacity[ids], "colour": colour[ids], "box": box}

    def _blend(self, seen: dict[str, Tensor], first: int, last: int) -> Tensor:
        """The rows `first` .. `last` of the picture, (rows, w, 4)."""
        width = self._drawn.shape[1]
        x0, y0, x1, y1 = seen["box"].T
        y0, y1 = y0.clamp(min=first), y1.clamp(max=last)
        wide, counts = x1 - x0, (x1 - x0) * (y1 - y0).clamp(min=0)
        splat = torch.repeat_interleave(torch.arange(len(counts), device=self.device), counts)
        within = torch.arange(len(splat), device=self.device) - (counts.cumsum(0) - counts)[splat]
        x, y = x0[splat] + within % wide[splat], y0[splat] + within // wide[splat]
        dx, dy = (seen["where"][splat] - torch.stack([x, y], dim=1) - 0.5).T
        a, b, c = seen["conic"][splat].T
        exponent = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
        alpha = (seen["opacity"][splat] * (-exponent).exp()).clamp(max=MOST_ALPHA)
        kept = (exponent >= 0) & (alpha >= LEAST_ALPHA)
        pixel, order = ((y - first) * width + x)[kept].sort(stable=True)
        alpha, splat = alpha[kept][order], splat[kept][order]

        through = _whole((1 - alpha).log())
        after = through.cumsum(0)
        before = after - through
        starts = torch.searchsorted(pixel, pixel)  # the first of each pixel's splats
        base = before[starts]
        light, left = _real(before - base).exp(), _real(after - base).exp()
        goes_on = left > LEAST_LIGHT
        share = torch.where(goes_on, alpha * light, 0)
        sums = torch.zeros(((last - first) * width, 4), dtype=torch.int64, device=self.device)
        shares = torch.cat([share[:, None] * seen["colour"][splat], share[:, None]], dim=1)
        sums.index_add_(0, pixel, _whole(shares))
        return _real(sums).float().view(last - first, width, 4)


def _bands(box: Tensor, height: int) -> list[tuple[int, int]]:
    """First row and the one after the last of bands that hold about `_AT_ONCE` pixels of splats each."""
    changes = torch.zeros(height + 1, dtype=torch.int64, device=box.device)
    wide = box[:, 2] - box[:, 0]
    changes.index_add_(0, box[:, 1], wide).index_add_(0, box[:, 3], -wide)
    full = (changes[:height].cumsum(0).cumsum(0) // _AT_ONCE).tolist()
    cuts = [0, *(row for row in range(1, height) if full[row] != full[row - 1]), height]
    return list(pairwise(cuts))


def _depths(means: Tensor, row: Tensor) -> Tensor:
    """As the loops reckon them, step by step: what is nearer by the last bit is nearer for both."""
    x, y, z = means.float().T
    a, b, c, d = row.float()
    depths: Tensor = a * x + b * y + c * z + d
    return depths


def _whole(values: Tensor) -> Tensor:
    """In whole steps. Their sums may run over; differences and what fits are right all the same."""
    return (values.double() * _STEPS).round().long()


def _real(steps: Tensor) -> Tensor:
    return steps.double() / _STEPS


def _bytes(values: Tensor) -> Tensor:
    return (values + 0.5).clamp(0, 255).to(torch.uint8)
