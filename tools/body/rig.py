"""MakeHuman's default rig with the bones that talking needs: heads and tails, and which bones carry which vertex.

Bones of the face, toes and breasts are left out, and what they carry goes to their parent: no bone moves a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.body.makehuman import MakeHuman

LEFT_OUT = (
    "breast", "jaw", "levator", "oculi", "orbicularis", "oris", "risorius", "special", "temporalis", "tongue", "toe",
)  # fmt: skip
RIGID = {
    "helper-l-eye": "eye.L", "helper-r-eye": "eye.R",
    "helper-upper-teeth": "head", "helper-lower-teeth": "head", "helper-tongue": "head",
}  # fmt: skip
CARRIED_BY = 6  # bones at most


@dataclass(frozen=True)
class Rig:
    """The bones, each after its parent."""

    source: MakeHuman

    @cached_property
    def _all(self) -> dict[str, Any]:
        return dict(self.source.table("rigs/standard/rig.default"))

    @cached_property
    def names(self) -> list[str]:
        """Of the bones that are kept."""
        children: dict[str, list[str]] = {}
        for name in sorted(self._all):
            children.setdefault(self._all[name]["parent"], []).append(name)

        def walk(name: str) -> list[str]:
            below = [kept for child in children.get(name, []) for kept in walk(child)]
            return [name, *below] if self._kept(name) == name else below

        return walk("root")

    @cached_property
    def parents(self) -> list[int]:
        """Number of each bone's parent; -1 of the root."""
        kept = [self._kept(self._all[name]["parent"]) if name != "root" else "" for name in self.names]
        return [self.names.index(name) if name else -1 for name in kept]

    def _kept(self, name: str) -> str:
        """The bone itself, or its first ancestor that is kept."""
        while name.startswith(LEFT_OUT):
            name = self._all[name]["parent"]
        return name

    def joints(self, vertices: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Heads and tails (2, bones, 3) in a body, or in a change of one: linear in its `vertices` (n, 3)."""
        return np.array([[vertices[self._marks(name, end)].mean(0) for name in self.names] for end in ("head", "tail")])

    def _marks(self, name: str, end: str) -> list[int]:
        """Vertices whose mean is a joint."""
        place = self._all[name][end]
        if place["strategy"] == "CUBE":
            groups = self._groups[place["cube_name"]]
            return [n for first, last in groups for n in range(first, last + 1)]
        return [place["vertex_index"]] if place["strategy"] == "VERTEX" else list(place["vertex_indices"])

    @cached_property
    def _groups(self) -> dict[str, list[list[int]]]:
        return dict(self.source.table("mesh_metadata/basemesh_vertex_groups"))

    def weights(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Bones (n, CARRIED_BY) of all vertices and their shares, which are 1 together."""
        mesh = self.source.mesh
        shares = np.zeros((len(mesh.vertices), len(self.names)))
        for bone, carried in self.source.table("rigs/standard/weights.default")["weights"].items():
            for vertex, share in carried if bone in self._all else ():
                shares[vertex, self.names.index(self._kept(bone))] += share
        for part, bone in RIGID.items():
            vertices = sorted({n for face in mesh.faces[part] for n in face})
            shares[vertices] = 0
            shares[vertices, self.names.index(bone)] = 1
        bones = np.argsort(-shares, axis=1, kind="stable")[:, :CARRIED_BY]
        kept = np.take_along_axis(shares, bones, axis=1)
        return bones, kept / np.maximum(kept.sum(1, keepdims=True), 1e-9)
