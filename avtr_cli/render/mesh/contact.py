"""Touched skin: a touch dents it, takes it along, shades the dent's walls and reddens it, wherever the head went.

The place is one of the skin, so it moves with the person; axes are the photo's, turned with the head. A dent with a
dark middle would look like a bruise, so only walls are shaded: those that face the lamp are lit, half as much as the
others darken. Redness takes green and blue away, for raised red is magenta; a photo without colours darkens a little.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Floats
from avtr_cli.core.interaction import Contact
from avtr_cli.kernels.contact_measures import BRIGHT, FALLS, LIGHT, WALLS, WIDER
from avtr_cli.perception.crop import apply
from avtr_cli.render.mesh.controls import Pose
from avtr_cli.render.mesh.field import FieldBasis
from avtr_cli.render.mesh.shading import LAMP
from avtr_cli.render.mesh.stage import Stage

BLOOD = (0.05, -0.30, -0.27)  # what full redness does to red, green and blue
GREY = -0.12  # and to a photo without colours
STEEPEST = 0.5  # px per px that skin is taken along at most: steeper fields fold, and Newton's method does not end
_SLOPE = 0.61  # of a Gaussian at its steepest, times its width


def contact_table(contacts: Sequence[Contact], stage: Stage, photo_size: tuple[int, int]) -> Floats:
    """float32 (n, 9), px of the stage, as `kernels.contact` has them; `photo_size` is (width, height)."""
    unit = stage.unit
    table = np.empty((len(contacts), 9), np.float32)
    for row, one in zip(table, contacts, strict=True):
        on_photo = np.array([[one.x * photo_size[0] - 0.5, one.y * photo_size[1] - 0.5]])
        x, y = apply(stage.affine, on_photo)[0] - (stage.place.x, stage.place.y)
        steep = _SLOPE * float(np.hypot(one.shift_x, one.shift_y)) / (one.width * WIDER)
        along = unit * min(1.0, STEEPEST / max(steep, 1e-6))
        row[:] = (
            x, y + one.below * unit, one.width * unit, one.pinch, one.shift_x * along, one.shift_y * along, one.shade,
            one.red, one.red_width * unit,
        )  # fmt: skip
    return table


def dented(field: FieldBasis, table: Floats, pose: Pose) -> Tensor:
    """Where the contacts take the skin, (2, rows, columns) px in the frame; adds to both layers' displacement."""
    x, y = _nodes(field)
    moved = torch.zeros((2, *field.grid), device=field.arms.device)
    for row in table.tolist():
        across, down, squared = _around(x, y, row)
        near = torch.exp(-0.5 * squared / row[2] ** 2) * -row[3]
        along = torch.exp(-0.5 * squared / (row[2] * WIDER) ** 2)
        moved[0] += near * across + row[4] * along
        moved[1] += near * down + row[5] * along
    turned = torch.from_numpy((pose.rotation[:2, :2] * pose.zoom).astype(np.float32)).to(moved.device)
    return torch.einsum("ij,jrc->irc", turned, moved).mul_(field.inside)


def coloured(field: FieldBasis, table: Floats, back: Tensor) -> Tensor:
    """Change of gain and redness, (2, rows, columns), of the nodes as the frame shows them.

    `back` (2, rows, columns) px says where they come from, less where they are.
    """
    x, y = _nodes(field)
    x, y = x + back[0], y + back[1]
    light, red = torch.zeros_like(back[0]), torch.zeros_like(back[0])
    for row in table.tolist():
        across, down, squared = _around(x, y, row)
        facing = -(across * LAMP[0] + down * LAMP[1]) / row[2]
        wall = WALLS * row[6] * facing * torch.exp(-0.5 * squared / row[2] ** 2)
        light += torch.minimum(wall, BRIGHT * wall)
        red += row[7] * torch.exp(-0.5 * (squared / row[8] ** 2) ** FALLS)
    return torch.stack([light.clamp(*LIGHT), red])


def blood_shares(tint: tuple[float, float, float]) -> Floats:
    """(3,): by how much full redness changes red, green and blue of a photo of this `Shading.tint`."""
    colourful = float(np.clip((1 - tint[0]) / 0.25, 0, 1))
    return np.array([share * colourful + GREY * (1 - colourful) for share in BLOOD], np.float32)


def redden(picture: Tensor, red: Tensor, shares: Floats) -> None:
    """Changes `picture` (3, h, w) in place by `red` (h, w)."""
    for plane, share in zip(picture, shares.tolist(), strict=True):
        plane.addcmul_(plane, red, value=share)


def _nodes(field: FieldBasis) -> tuple[Tensor, Tensor]:
    """Stage px of the nodes: x (1, columns) and y (rows, 1)."""
    rows, columns = field.grid
    device = field.arms.device
    x = (torch.arange(columns, device=device) + 0.5) * field.cell - 0.5
    y = (torch.arange(rows, device=device) + 0.5) * field.cell - 0.5
    return x[None], y[:, None]


def _around(x: Tensor, y: Tensor, row: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
    """How far places lie to the right of a contact and below it, and the square of their distance, px."""
    across, down = x - row[0], y - row[1]
    return across, down, across**2 + down**2
