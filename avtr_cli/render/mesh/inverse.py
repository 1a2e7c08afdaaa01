"""Where skin comes from, given where it goes: a displacement field inverted on its grid by Newton's method.

Beside the corners of an opening mouth skin is stretched to more than twice its height, where a fixed point does not
converge. Where a far turned cheek folds over itself there is no inverse; such nodes follow their neighbours.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from avtr_cli.render.mesh.controls import Controls
from avtr_cli.render.mesh.field import FieldBasis, read_nodes
from avtr_cli.render.mesh.shapes import LOWER

HALF_STEPS = 3  # half of what is missed: Newton's method strays from afar where lips part wide
COARSE_STEPS = 2  # of Newton's, from there
LEAST_AREA = 0.35  # to which a field may shrink an area before a step takes it for that: at a fold there is no inverse
FOLDS_BEGIN = 9.0  # degrees of turn before which no cheek hides itself
LOST, MEND = 0.4, 4  # px that an inverse may miss a node by, and nodes across which those that miss more are smoothed
LIPS_REACH = 0.50  # EO that shapes move the lips' layer at most


def invert(field: FieldBasis, displaced: Tensor, lips: tuple[slice, slice] | None = None) -> Tensor:
    """Where the nodes' skin comes from: `source - node`, (2 layers, 2, rows, columns) px, of `displacement`'s field.

    Newton's method for source + displacement(source) = node, first for every other node, then for all. Outside the rows
    and columns `lips` of nodes the layers are taken to be one.
    """
    table = _newton_table(displaced * field.per_px)
    source = field.coarse_home
    for _ in range(HALF_STEPS):
        source = source - 0.5 * (read_nodes(table[:, :2], source) + source - field.coarse_home)
    for _ in range(COARSE_STEPS):
        source = _newton_step(table, field.coarse_home, source)
    moved = functional.interpolate(source - field.coarse_home, field.grid, mode="bilinear", align_corners=True)
    rows, columns = lips or (slice(None), slice(None))
    back = torch.empty_like(displaced)
    back[:] = _finish(table[:1], field.home, moved[:1])
    back[LOWER, :, rows, columns] = _finish(table[1:], field.home[..., rows, columns], moved[1:, :, rows, columns])[0]
    return back.div_(field.per_px)


def mend_folds(field: FieldBasis, displaced: Tensor, back: Tensor) -> Tensor:
    """`back` of a far turned head, smoothed where the far cheek folds over itself.

    There the field has no inverse, and each node would take its own guess: a ragged cheek. They give way to the
    mean of the nodes around them that did find where they come from.
    """
    missed = residual(field, displaced[:1], back[:1])[None]
    found = (1 - missed).clamp(0.001, 1)
    lost = (missed > LOST).to(back.dtype)
    mean = torch.cat([back[:1] * found, found, lost], dim=1)
    mean = functional.avg_pool2d(mean, MEND, ceil_mode=True)
    mean = functional.interpolate(mean, scale_factor=MEND, mode="bilinear", align_corners=False)
    mean = mean[..., : field.grid[0], : field.grid[1]]
    mended = torch.lerp(back[:1], mean[:, :2] / mean[:, 2:3], (4 * mean[:, 3:]).clamp(0, 1))
    return back + (mended - back[:1])


def lips_in_frame(field: FieldBasis, controls: Controls) -> tuple[slice, slice]:
    """Rows and columns of nodes that the lips' layer may cover under these controls."""
    pose, cell = controls.pose, field.cell
    moved = (pose.rotation[:2] * pose.zoom) @ field.lips_arms - field.lips_arms[:2]
    moved += pose.shift[:, None] * field.unit
    reach = LIPS_REACH * field.unit
    spans = []
    for part, moves, nodes in zip((field.lips.rows, field.lips.columns), moved[::-1], field.grid, strict=True):
        first = part.start + math.floor((min(moves.min(), 0) - reach) / cell)
        last = part.stop + math.ceil((max(moves.max(), 0) + reach) / cell)
        spans.append(slice(min(max(first, 0), nodes - 1), max(min(last, nodes), 1)))
    return spans[0], spans[1]


def residual(field: FieldBasis, displaced: Tensor, back: Tensor) -> Tensor:
    """How far `invert` missed, px (2, rows, columns): |source + displacement(source) - node|."""
    source = field.home + back * field.per_px
    missed = (source + read_nodes(displaced * field.per_px, source) - field.home) / field.per_px
    return torch.hypot(missed[:, 0], missed[:, 1])


def _newton_table(scaled: Tensor) -> Tensor:
    """A displacement (B, 2, rows, columns) in grid_sample units, and four channels: the columns of the inverse of the
    Jacobian of x + displacement(x)."""
    rows, columns = scaled.shape[2:]
    down, across = torch.gradient(scaled, spacing=(2 / rows, 2 / columns), dim=(2, 3))
    a, b, c, d = across[:, 0].add_(1), down[:, 0].neg_(), across[:, 1].neg_(), down[:, 1].add_(1)
    area = (a * d).addcmul_(b, c, value=-1).clamp_(min=LEAST_AREA)
    table = scaled.new_empty((len(scaled), 6, rows, columns))
    table[:, :2] = scaled
    for channel, values in enumerate((d, c, b, a), start=2):
        torch.div(values, area, out=table[:, channel])
    return table


def _newton_step(table: Tensor, home: Tensor, source: Tensor) -> Tensor:
    read = read_nodes(table, source)
    return _stepped(source, read[:, :2] + source - home, read[:, 2:])


def _finish(table: Tensor, home: Tensor, moved: Tensor) -> Tensor:
    """`source - home` after two more steps from `moved`; the second goes by the first one's slopes."""
    source = home + moved
    read = read_nodes(table, source)
    source = _stepped(source, read[:, :2] + source - home, read[:, 2:])
    return _stepped(source, read_nodes(table[:, :2], source) + source - home, read[:, 2:]) - home


def _stepped(source: Tensor, missed: Tensor, inverse: Tensor) -> Tensor:
    return source.addcmul(inverse[:, :2], missed[:, :1], value=-1).addcmul_(inverse[:, 2:], missed[:, 1:], value=-1)
