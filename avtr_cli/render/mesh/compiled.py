"""A frame drawn by compiled loops (`kernels/`): the order in which they draw, from tables made once (`loop_tables`).

The plain form is `MeshRenderer.draw_stage`; a test holds that both agree to a few 1/255. Frames are the same bits for
any number of threads, as these share rows of the picture and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Indices
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.logs import NOTICE
from avtr_cli.kernels import compiling, contact, eyes, grid, mouth, picture, points, strips, yuv
from avtr_cli.render.mesh import mouth as mouth_parts
from avtr_cli.render.mesh.contact import blood_shares
from avtr_cli.render.mesh.controls import Controls
from avtr_cli.render.mesh.eyes import how_closed, how_drawn, how_unfolded
from avtr_cli.render.mesh.interior import LEAST_LIT, SHADE_HUE, Look, look, shade_reach
from avtr_cli.render.mesh.inverse import FOLDS_BEGIN, lips_in_frame
from avtr_cli.render.mesh.loop_tables import MOUTH_POINTS, PointTables, Tables
from avtr_cli.render.mesh.rectangle import Rectangle
from avtr_cli.render.mesh.shading import LAMP, lamp_change
from avtr_cli.render.mesh.shapes import LOWER, UPPER

if TYPE_CHECKING:
    from avtr_cli.render.mesh.avatar import Avatar

logger = logging.getLogger(__name__)

_EVERY_FRAME = [module.__name__ for module in (eyes, grid, mouth, picture, points, yuv)]
KEPT = 4  # sizes of scratch memory, for each thread


class Scratch:
    """Memory of one thread for frames of one size; no frame depends on what it holds."""

    def __init__(self, rows: int, columns: int, shapes_wide: int, width: int, height: int, bands: int):
        self.moved = np.empty((2, 2, rows, columns), np.float32)
        self.back = np.empty((2, 2, rows, columns), np.float32)
        self.table = np.empty((rows, columns, 6), np.float32)
        self.coarse = np.empty((2, (rows + 1) // 2, (columns + 1) // 2), np.float32)
        self.pooled = np.empty((4, -(-rows // grid.MEND), -(-columns // grid.MEND)), np.float32)
        self.nodes = np.empty((3, rows, columns), np.float32)
        self.change = np.empty((rows, columns), np.float32)
        self.red = np.empty((rows, columns), np.float32)
        self.shows = np.empty((rows - 1, columns - 1), np.uint8)
        self.line = np.empty((3, shapes_wide), np.float32)
        self.bands = [strips.scratch() for _ in range(bands)]
        self.mouth = np.empty(5 * width * height, np.float32)
        self.gap, self.light, self.other = (np.empty(width * height, np.float32) for _ in range(3))


def _load(only: Collection[str] | None = None) -> Path | None:
    return compiling.load(cache_folder() / "kernels", lambda said: logger.log(NOTICE, said), only)


class Loops:
    """Draws avatars by compiled loops, on `threads` threads."""

    def __init__(self, threads: int = 1, touched: bool = False) -> None:
        """Make the loops ready, with the encoder's; those that draw contacts only where `touched`, else for the first.

        Anything may be raised where Numba does not go with this NumPy, LLVM or CPU.
        """
        self._touched = touched
        self.folder = _load(None if touched else _EVERY_FRAME)
        self._own = threading.local()
        self._threads = threads
        self._crew = ThreadPoolExecutor(self._threads - 1, "rows") if self._threads > 1 else None

    def draw(
        self, avatar: Avatar, tables: Tables, controls: Controls, out: Image, touching: Floats | None = None
    ) -> None:
        """The visible part of the stage into `out`, uint8 (h, w, 3 or 4), contiguous.

        `touching` are the contacts of the frame, see `contact_table`.
        """
        if touching is not None and not self._touched:
            _load()
            self._touched = True
        scratch = self._scratch(avatar, tables)
        self._find_nodes(avatar, tables, controls, scratch, touching)
        self._picture(avatar, tables, scratch, out)
        reach = _reach(avatar, tables.points, controls)
        drawn, box = self._mouth(avatar, tables, controls, scratch, out, reach)
        self._eyes(avatar, tables, controls, scratch, out, drawn, box, reach[len(MOUTH_POINTS) :])
        if touching is not None:
            visible, shares = avatar.stage.visible, blood_shares(avatar.shading.tint)
            contact.redden(
                out, tables.plate, tables.person, scratch.nodes, scratch.red, avatar.stage.cell, visible.x, visible.y,
                shares,
            )  # fmt: skip

    def _scratch(self, avatar: Avatar, tables: Tables) -> Scratch:
        kept: dict[tuple[int, ...], Scratch] = self._own.__dict__.setdefault("kept", {})
        visible, wide = avatar.stage.visible, max(tables.skin.shape[3], tables.lips.shape[3])
        size = (*avatar.field.grid, wide, visible.width, visible.height)
        if size not in kept:
            while len(kept) >= KEPT:
                kept.pop(next(iter(kept)))
            kept[size] = Scratch(*size, bands=self._threads)
        return kept[size]

    def _find_nodes(
        self, avatar: Avatar, tables: Tables, controls: Controls, scratch: Scratch, touching: Floats | None = None
    ) -> None:
        """Where the nodes come from, and their light: `scratch.nodes`, and `back` of both layers."""
        field, pose, cell = avatar.field, controls.pose, avatar.stage.cell
        rows, columns = field.grid
        moved, back, nodes = scratch.moved, scratch.back, scratch.nodes
        _displace(avatar, tables, controls, scratch)
        if touching is not None:
            turned = np.ascontiguousarray(pose.rotation[:2, :2] * pose.zoom, np.float32)
            contact.dent(moved, touching, cell, turned, field.inside.numpy())
        table, coarse, (line, words, _) = scratch.table, scratch.coarse, scratch.bands[0]
        grid.slopes(moved[UPPER], cell, table, 0, rows, 0, columns)
        grid.guess(table, coarse, 0, coarse.shape[1], 0, coarse.shape[2], line, words)
        grid.invert(table, coarse, cell, back[UPPER], 0, rows, 0, columns, line, words)
        np.copyto(back[LOWER], back[UPPER])
        torn, down, across = field.lips, *lips_in_frame(field, controls)
        lips = (down.start, down.stop, across.start, across.stop)
        # The layers' slopes differ one node around the lips' block.
        grid.slopes(
            moved[LOWER], cell, table, max(torn.rows.start - 1, 0), min(torn.rows.stop + 1, rows),
            max(torn.columns.start - 1, 0), min(torn.columns.stop + 1, columns),
        )  # fmt: skip
        grid.guess(
            table, coarse, down.start // 2, min(down.stop // 2 + 2, coarse.shape[1]), across.start // 2,
            min(across.stop // 2 + 2, coarse.shape[2]), line, words,
        )  # fmt: skip
        grid.invert(table, coarse, cell, back[LOWER], *lips, line, words)
        if pose.turn > FOLDS_BEGIN:
            grid.find_lost(moved[UPPER], back[UPPER], cell, scratch.pooled)
            grid.mend(back, scratch.pooled)
        np.copyto(nodes[:2], back[UPPER])
        grid.merge(back, tables.lower_side, cell, nodes, *lips)
        which = np.flatnonzero(controls.weights)
        which = which[tables.folded[which] >= 0]
        lamp = lamp_change(pose.rotation)
        if len(which) or lamp.any():
            weights, strength = controls.weights[which], avatar.shading.strength
            lit = (tables.normals, lamp, back[UPPER], cell, strength, scratch.change, nodes, line, words)
            grid.light(tables.folded[which], weights, tables.folds, *lit)
        else:
            nodes[2] = 0
        if touching is not None:
            contact.colour_nodes(nodes, touching, cell, LAMP[0], LAMP[1], scratch.red)

    def _picture(self, avatar: Avatar, tables: Tables, scratch: Scratch, out: Image) -> None:
        stage, (high, wide) = avatar.stage, tables.texels.shape
        picture.find_person(scratch.nodes, stage.cell, tables.before, high, wide, scratch.shows, scratch.bands[0][1])

        def rows(band: int, first: int, last: int) -> None:
            picture.draw(
                scratch.nodes, stage.cell, stage.visible.x, stage.visible.y, tables.starts, tables.fractions,
                tables.columns, scratch.shows, tables.texels, tables.plate, tables.tint, out, first, last,
                *scratch.bands[band],
            )  # fmt: skip

        self._shared(rows, len(out))

    def _shared(self, rows: Callable[[int, int, int], None], height: int) -> None:
        """Calls `rows(band, first, last)` for bands of `height` rows, each in a thread."""
        if self._crew is None:
            return rows(0, 0, height)
        cuts = np.linspace(0, height, self._threads + 1).astype(int)
        others = [self._crew.submit(rows, band, cuts[band], cuts[band + 1]) for band in range(1, self._threads)]
        rows(0, 0, cuts[1])
        for other in others:
            other.result()

    def _mouth(
        self, avatar: Avatar, tables: Tables, controls: Controls, scratch: Scratch, out: Image, reach: Doubles
    ) -> tuple[Floats, Indices]:
        """Draws the mouth's region; returns what was drawn there, (5, h, w), and its box, both empty for a still mouth.

        `reach` is that of `_reach`.
        """
        stage, unit = avatar.stage, avatar.geometry.unit
        visible, cell = stage.visible, stage.cell
        activity = mouth_parts.mouth_activity(avatar.mouth, controls)
        least, most = reach[:, :2], reach[:, 2:]
        region = mouth_parts.around_lips(least[:2].min(axis=0), most[:2].max(axis=0), stage.unit).within(visible)
        if not activity or region.empty:
            return np.empty((5, 0, 0), np.float32), np.zeros(4, np.int64)
        high, wide = region.height, region.width
        drawn = scratch.mouth[: 5 * high * wide].reshape(5, high, wide)
        gap = scratch.gap[: high * wide].reshape(high, wide)
        at = avatar.mouth.masks_at
        line, words, planes = scratch.bands[0]
        along = (tables.fractions, tables.columns)
        mouth.lips(
            scratch.back, cell, region.x, region.y, visible.x, *along, tables.texels, tables.mouth_masks, *at, drawn,
            gap, line, words,
        )  # fmt: skip
        down, across = mouth_parts.around_gap(least[2:4].min(axis=0), most[2:4].max(axis=0), unit, region)
        opening = (len(range(high)[down]), len(range(wide)[across]))
        if all(opening):
            light, other = (
                memory[: opening[0] * opening[1]].reshape(opening) for memory in (scratch.light, scratch.other)
            )
            left, top = range(wide)[across].start, range(high)[down].start
            averaged, fall = shade_reach(unit)
            mouth.shade(gap, left, top, averaged, light, other)
            interior = avatar.mouth.interior
            shown = look(interior, avatar.geometry, controls)
            mouth.inside(
                drawn, gap, light, region.x, region.y, left, top, fall, interior.tongue, interior.lower_teeth,
                interior.upper_teeth, interior.cavity.numpy().ravel().astype(np.float64),
                shown.warmth * np.array(SHADE_HUE),
                np.array([*shown.to_plane.ravel(), *shown.skull, *shown.jaw, interior.half_width, interior.per_eo]),
                _looks(shown),
            )  # fmt: skip
        mouth.blend(
            drawn, scratch.nodes, cell, region.x, region.y, visible.x, visible.y, *along, activity, 2 * cell,
            tables.texels, tables.plate, tables.tint, out, line, words, planes,
        )  # fmt: skip
        return drawn, _box(region, visible)

    def _eyes(
        self, avatar: Avatar, tables: Tables, controls: Controls, scratch: Scratch, out: Image,
        drawn: Floats, mouth_box: Indices, reach: Doubles,
    ) -> None:  # fmt: skip
        """Draws the boxes of the eyes that are not at rest."""
        visible = avatar.stage.visible
        boxes = np.zeros((len(avatar.eyes), 4), np.int64)
        doing = np.zeros((len(avatar.eyes), 9), np.float32)
        for one, eye in enumerate(avatar.eyes):
            control = controls.eyes[eye.side]
            region = eye.region_about((reach[one, :2] + reach[one, 2:]) / 2, controls).within(visible)
            if control.at_rest or region.empty:
                continue
            boxes[one] = _box(region, visible)
            closing = how_closed(control)
            lids = (closing, control.wide, control.squint, control.look_x, control.look_y)
            doing[one] = (*lids, *how_unfolded(closing), how_drawn(control))
        if not boxes.any():
            return
        of = tables.eyes
        eyes.draw(
            scratch.nodes, avatar.stage.cell, visible.x, visible.y, tables.fractions, tables.columns, boxes, of.shapes,
            doing, of.sclera, of.iris, of.lid, of.lashes, tables.texels, tables.plate, tables.tint, drawn, mouth_box,
            out, *scratch.bands[0],
        )  # fmt: skip


def _displace(avatar: Avatar, tables: Tables, controls: Controls, scratch: Scratch) -> None:
    """Where skin goes: `scratch.moved`, px; as `field.displacement`."""
    field, pose, moved = avatar.field, controls.pose, scratch.moved
    turned = (pose.rotation[:2] * pose.zoom).astype(np.float32)
    turn = (pose.rotation[:2] * pose.zoom - np.eye(3)[:2]).astype(np.float32)
    shift = (pose.shift * field.unit).astype(np.float32)
    held = (tables.head, tables.body, tables.breath, turn, shift, controls.breath)
    grid.pose(moved[UPPER].reshape(2, -1), tables.arms, *held)
    which = np.flatnonzero(controls.weights)
    weights = controls.weights[which]
    skin, lips = field.skin, field.lips
    line = scratch.line[:, : skin.size[1]]
    grid.add_shapes(
        moved[UPPER], which, weights, tables.skin, tables.skin_reach, turned, skin.rows.start, skin.columns.start, line
    )
    np.copyto(moved[LOWER], moved[UPPER])
    grid.add_shapes(
        moved[LOWER], which, weights, tables.lips, tables.lips_reach, turned, lips.rows.start, lips.columns.start, line
    )
    if tables.inside is not None:
        grid.hold_sides(moved, tables.inside)


def _looks(shown: Look) -> Doubles:
    """See mouth.inside."""
    return np.array([
        shown.tongue_top, shown.tongue_stretch, shown.tongue_light, shown.raised, shown.lower_edge, shown.lower_light,
        shown.upper_edge, shown.upper_dark, shown.upper_lit, LEAST_LIT, shown.shaded,
    ])  # fmt: skip


def _box(region: Rectangle, visible: Rectangle) -> Indices:
    """First column and row, and those after the last, of the picture of `visible`."""
    x, y = region.x - visible.x, region.y - visible.y
    return np.array([x, y, x + region.width, y + region.height])


def _reach(avatar: Avatar, of: PointTables, controls: Controls) -> Doubles:
    """Least x and y, largest x and y of each group of points in this frame, px; as `Geometry.moved_points`."""
    geometry, pose = avatar.geometry, controls.pose
    which = np.flatnonzero(controls.weights)
    turned = (pose.rotation * pose.zoom)[:2]
    start = turned @ (geometry.shift - geometry.pivot) + geometry.pivot[:2] + pose.shift * geometry.unit
    found = np.empty((len(of.ends), 4))
    lead = turned @ geometry.rotation * geometry.unit
    points.bounds(which, controls.weights[which], of.rest, of.deltas, of.ends, lead, start, found)
    return found
