"""What compiled loops read of one avatar, made once beside what the plain form reads: mostly views of its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Indices
from avtr_cli.kernels import compiling, picture
from avtr_cli.perception.topology import INNER_LOWER_LIP, INNER_UPPER_LIP
from avtr_cli.render.mesh import mouth
from avtr_cli.render.mesh.eyes import Eye
from avtr_cli.render.mesh.shapes import LOWER, SHAPES, UPPER

if TYPE_CHECKING:
    from avtr_cli.render.mesh.avatar import Avatar

FAR = 1e6  # half eye widths, for a brow that is nowhere: loops compute with it, as they cannot with infinity
UNSEEN = 1e-4  # px: by less no shape is said to move a node, though its spline goes on
MOUTH_POINTS = (
    (mouth.OUTLINE, UPPER), (mouth.OUTLINE, LOWER), (INNER_UPPER_LIP, UPPER), (INNER_LOWER_LIP, LOWER),
)  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """See the module; n nodes, (h, w) pixels of the visible part of the stage."""

    skin: Floats  # (shapes, 3, h, w) px
    lips: Floats
    skin_reach: Indices  # (shapes, 4) first row and column that a shape moves, and those after the last
    lips_reach: Indices
    arms: Floats  # (3, n)
    head: Floats  # (n,)
    body: Floats
    breath: Floats  # (2, n)
    inside: Floats | None  # (rows, columns), None where nothing is held
    lower_side: Floats  # (rows, columns)
    folded: Indices  # (shapes,) row of `folds`, -1 for a shape that folds nothing
    folds: Floats  # (m, rows, columns)
    normals: Floats  # (3, rows, columns)
    tint: Floats  # (3,)
    person: Image  # uint8 (H, W, 4)
    texels: compiling.Words  # (H, W), the same
    before: compiling.Counts  # see picture.filled_before
    plate: Image  # uint8 (h, w, 3)
    starts: compiling.Counts  # see picture.draw
    columns: compiling.Counts
    fractions: Floats
    eyes: EyeTables
    points: PointTables
    mouth_masks: compiling.Words


@dataclass(frozen=True)
class EyeTables:
    """Of all eyes of one avatar: see eyes.draw."""

    shapes: Floats
    sclera: compiling.Words
    iris: compiling.Words
    lid: compiling.Words
    lashes: compiling.Words


@dataclass(frozen=True)
class PointTables:
    """Points that bound the regions to be drawn anew, n in groups: the mouth's, then the corners of each eye."""

    rest: Doubles  # (n, 3) EO
    deltas: Floats  # (shapes, n, 3) EO
    ends: Indices  # (groups,)


def tables_of(avatar: Avatar) -> Tables:
    """The tables of an avatar that is prepared on the CPU, its textures kept as pictures."""
    field, shading, stage = avatar.field, avatar.shading, avatar.stage
    rows, columns = field.grid
    count, visible = len(SHAPES), stage.visible
    folds = shading.folds.numpy().reshape(count, rows, columns)
    folding = np.flatnonzero(np.abs(folds).max(axis=(1, 2)) > 0)
    folded = np.full(count, -1)
    folded[folding] = np.arange(len(folding))
    inside = field.inside.numpy()
    nodes = np.clip((np.arange(visible.width) + visible.x + 0.5) / stage.cell - 0.5, 0, columns - 1)
    before = np.minimum(nodes.astype(np.int32), columns - 2)
    skin, lips = (part.table.numpy().reshape(count, 3, *part.size) for part in (field.skin, field.lips))
    return Tables(
        skin=skin,
        lips=lips,
        skin_reach=_reach(skin),
        lips_reach=_reach(lips),
        arms=field.arms.numpy(),
        head=field.head_weight.numpy(),
        body=field.body_weight.numpy(),
        breath=field.breath.numpy(),
        inside=None if (inside == 1).all() else inside,
        lower_side=field.lower_side.numpy()[0, 0],
        folded=folded,
        folds=np.ascontiguousarray(folds[folding]),
        normals=shading.normals.numpy().reshape(3, rows, columns),
        tint=np.array(shading.tint, np.float32),
        person=avatar.person,
        texels=avatar.person.view(np.uint32)[..., 0],
        before=picture.filled_before(avatar.person),
        plate=np.ascontiguousarray(avatar.plate.numpy().transpose(1, 2, 0)).astype(np.uint8),
        starts=np.searchsorted(before, np.arange(columns)).astype(np.int32),
        columns=before,
        fractions=(nodes - before).astype(np.float32),
        eyes=_eye_tables(avatar.eyes),
        points=_point_tables(avatar),
        mouth_masks=_texels([avatar.mouth.masks])[0],
    )


def _reach(shapes: Floats) -> Indices:
    """The nodes, of (shapes, 3, h, w) px, that each shape moves: see `Tables.skin_reach`."""
    found = np.zeros((len(shapes), 4), np.int64)
    for into, moved in zip(found, (np.abs(shapes) > UNSEEN).any(axis=1), strict=True):
        rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
        if len(rows):
            into[:] = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    return found


def _eye_tables(both: list[Eye]) -> EyeTables:
    def shape(eye: Eye) -> list[float]:
        axes = (*eye.centre, eye.half_width, *eye.across, *eye.down, min(eye.brow, FAR), eye.fold)
        return [*map(float, axes), *map(float, eye.upper), *map(float, eye.lower), 1 / eye.half_width]

    return EyeTables(
        shapes=np.array([shape(eye) for eye in both], np.float32).reshape(len(both), 18),
        sclera=_texels([eye.sclera for eye in both]),
        iris=_texels([eye.iris_picture for eye in both]),
        lid=_texels([eye.lid for eye in both]),
        lashes=_texels([eye.lashes for eye in both]),
    )


def _texels(pictures: list[Image]) -> compiling.Words:
    """Pictures (H, W), or (H, W, C) of up to 4 channels, as (n, H, W) texels of 4 bytes; channels they lack are 0."""
    high, wide = pictures[0].shape[:2] if pictures else (2, 2)
    texels = np.zeros((len(pictures), high, wide, 4), np.uint8)
    for into, picture_of in zip(texels, pictures, strict=True):
        channels = np.atleast_3d(picture_of)
        into[..., : channels.shape[2]] = channels
    return texels.view(np.uint32)[..., 0]


def _point_tables(avatar: Avatar) -> PointTables:
    groups = [*MOUTH_POINTS, *((eye.corners, UPPER) for eye in avatar.eyes)]
    geometry = avatar.geometry
    rest = np.concatenate([geometry.head[list(points)] for points, _ in groups])
    deltas = np.concatenate([geometry.deltas[layer][:, list(points)] for points, layer in groups], axis=1)
    return PointTables(
        rest=np.ascontiguousarray(rest, np.float64),
        deltas=np.ascontiguousarray(deltas, np.float32),
        ends=np.cumsum([len(points) for points, _ in groups]),
    )
