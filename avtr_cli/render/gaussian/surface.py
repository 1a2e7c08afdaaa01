"""The skin of a posed body as a surface: its normals, what lies beside what, what of it a camera sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from avtr_cli.core.arrays import Doubles, Floats, Mask, Reals
from avtr_cli.core.folders import cache_folder
from avtr_cli.kernels import compiling, skinning
from avtr_cli.kernels import triangles as drawing
from avtr_cli.render.gaussian.body_model import BodyModel, Whole
from avtr_cli.render.gaussian.fitting import Lens

Sparse = Any  # scipy.sparse has no types


@dataclass(frozen=True)
class View:
    """What each pixel shows of a mesh: `which` triangle (H, W), -1 for none, `weights` (H, W, 3), `depth` (H, W) m."""

    which: Whole
    weights: Floats
    depth: Floats

    @property
    def shown(self) -> Mask:
        """(H, W): where the mesh is."""
        return np.asarray(self.which >= 0)


class Surface:
    """The triangles of a body, without places."""

    def __init__(self, model: BodyModel):
        self.triangles, self.count = model.triangles, len(model.mean)
        compiling.load(cache_folder() / "kernels", lambda _: None)

    @cached_property
    def beside(self) -> Sparse:
        """(V, V) with rows that are 1 together: the mean of a vertex's neighbours."""
        return _mean_of(self._edges())

    def beside_within(self, label: NDArray[Any]) -> Sparse:
        """As `beside`, of neighbours with the same `label` (V,) alone; a row is 0 where there is none."""
        edges = self._edges().tocoo()
        same = label[edges.row] == label[edges.col]
        kept = (edges.data[same], (edges.row[same], edges.col[same]))
        return _mean_of(sparse.coo_matrix(kept, edges.shape).tocsr())

    def _edges(self) -> Sparse:
        begin, end = self.triangles.T.ravel(), self.triangles[:, [1, 2, 0]].T.ravel()
        both = np.concatenate([begin, end]), np.concatenate([end, begin])
        edges = sparse.coo_matrix((np.ones(2 * len(begin), np.float32), both), (self.count, self.count)).tocsr()
        edges.data[:] = 1
        return edges

    @cached_property
    def _corners(self) -> Sparse:
        """(V, T): which triangles meet in a vertex."""
        ones = np.ones(self.triangles.size, np.float32)
        triangle = np.repeat(np.arange(len(self.triangles)), 3)
        return sparse.coo_matrix((ones, (self.triangles.ravel(), triangle)), (self.count, len(self.triangles))).tocsr()

    def facing(self, vertices: Floats) -> Floats:
        """Normals (T, 3) of the triangles, as long as twice their areas, outwards."""
        a, b, c = (vertices[self.triangles[:, corner]] for corner in range(3))
        return np.asarray(np.cross(b - a, c - a))

    def normals(self, vertices: Floats) -> Floats:
        """Unit normals (V, 3) of the vertices."""
        return unit(self._corners @ self.facing(vertices))

    def seen(self, vertices: Floats, lens: Lens, width: int, height: int, only: Mask | None = None) -> View:
        """What the photo's camera sees of it, or would see of the triangles `only` (T,)."""
        which, depth = np.empty((height, width), np.int32), np.empty((height, width), np.float32)
        weights = np.empty((height, width, 3), np.float32)
        points = np.column_stack([lens.project(vertices), vertices[:, 2]]).astype(np.float32)
        if only is None:
            drawing.nearest(points, self.triangles, which, weights, depth)
            return View(which, weights, depth)
        drawing.nearest(points, self.triangles[only], which, weights, depth)
        numbers = np.append(np.flatnonzero(only), -1).astype(np.int32)
        return View(numbers[which], weights, depth)


def unit(vectors: Reals) -> Floats:
    """`vectors` (n, 3) of length 1."""
    made: Floats = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return made


def _mean_of(edges: Sparse) -> Sparse:
    degree = np.asarray(edges.sum(1)).ravel()
    return (sparse.diags(1 / np.maximum(degree, 1)) @ edges).tocsr().astype(np.float32)


def bone_maps(model: BodyModel, heads: Doubles, turns: Doubles, shift: Doubles) -> Floats:
    """What each bone does to the points it carries, float32 (J, 3, 4); arguments as `BodyModel.posed`."""
    count = len(heads)
    turned, placed = np.empty((count, 3, 3)), np.empty((count, 3))
    maps = np.empty((count, 3, 4), np.float32)
    skinning.chain(model.parents.astype(np.int64), heads, turns, shift, turned, placed, maps)
    return maps


def blended(maps: Floats, carried_by: Whole, shares: Floats) -> Floats:
    """What several bones do together, (n, 3, 4)."""
    mixed: Floats = np.einsum("nk,nkij->nij", shares, maps[carried_by]).astype(np.float32)
    return mixed
