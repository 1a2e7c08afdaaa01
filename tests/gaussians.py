"""Gaussians for tests: the scenes whose pictures are held as they should be, and clouds drawn at random.

`draw` and `draw_plainly` take a scene as its file has it, for programs that judge others' scenes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.camera import Pinhole
from avtr_cli.render.gaussian.gaussians import Gaussians, axes_of_rotations
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.render.gaussian.splatting_torch import TorchSplatter

FOLDER = Path(__file__).parent / "data" / "splats"
SCENES = sorted(path.stem for path in FOLDER.glob("*.npz"))
MOST, SOME, SHARE = 1.05 / 255, 0.1 / 255, 2e-3  # one flip at alpha = 1/255 may cost 1/255, and flips are rare


@dataclass(frozen=True)
class Scene:
    """Gaussians, a camera, and the picture (H, W, 4) that float64 arithmetic makes of them."""

    gaussians: Gaussians
    camera: Pinhole
    drawn: Floats


def scene(name: str) -> Scene:
    """One of SCENES."""
    held = np.load(FOLDER / f"{name}.npz")
    height, width = held["rgba"].shape[:2]
    asked = _asked(*(held[key] for key in ("means", "quats", "scales", "opac", "rgb", "view", "K")), width, height)
    return Scene(*asked, held["rgba"])


def draw(*asked: Any) -> Floats:
    """By compiled loops: means, quaternions, scales, opacities, colours, world to camera (4, 4), K, width, height."""
    splatter = Splatter(asked[-1], asked[-2])
    splatter.splat(*_asked(*asked))
    return splatter.drawn


def draw_plainly(*asked: Any) -> Floats:
    """The same by the plain form."""
    splatter = TorchSplatter(asked[-1], asked[-2], torch.device("cpu"))
    splatter.splat(*_asked(*asked))
    return splatter.drawn


def _asked(
    means: Floats, quaternions: Floats, scales: Floats, opacities: Floats, colours: Floats, view: Floats,
    intrinsics: Floats, width: int, height: int,
) -> tuple[Gaussians, Pinhole]:  # fmt: skip
    axes = axes_of_rotations(quaternions, scales)
    return Gaussians(means, axes, opacities, colours), pinhole(view, intrinsics, (width, height))


def pinhole(view: Floats, intrinsics: Floats, size: tuple[int, int]) -> Pinhole:
    """From matrices as computer vision has them: world to camera (4, 4), and K (3, 3)."""
    rotation: Doubles = view[:3, :3].astype(np.float64)
    k, position = intrinsics.astype(float), -np.linalg.solve(rotation, view[:3, 3].astype(np.float64))
    rows = tuple(tuple(map(float, row)) for row in rotation)
    focal, centre = (k[0, 0], k[1, 1]), (k[0, 2], k[1, 2])
    return Pinhole(focal_px=focal, centre_px=centre, size=size, rotation=rows, position=tuple(map(float, position)))


def cloud(n: int, seed: int = 0) -> Gaussians:
    """`n` of them at random in a ball of half a metre about (0, 0, 3), of all shapes."""
    random = np.random.default_rng(seed)
    means = random.normal((0, 0, 3), 0.2, (n, 3))
    axes = axes_of_rotations(random.normal(size=(n, 4)), random.uniform(0.001, 0.06, (n, 3)))
    opacities, colours = random.uniform(0, 1, n), random.uniform(0, 1, (n, 3))
    return Gaussians(*(np.asarray(a, np.float32) for a in (means, axes, opacities, colours)))


def camera(width: int = 48, height: int = 40) -> Pinhole:
    """Sees a `cloud` whole."""
    return Pinhole((1.2 * height, 1.2 * height), (width / 2, height / 2), (width, height))


def wrong(drawn: Floats, wanted: Floats) -> str:
    """What is wrong with a picture, by the bounds above; nothing where it is right."""
    off = np.abs(drawn.astype(np.float64) - wanted)
    most, share = float(off.max(initial=0)), float((off > SOME).mean()) if off.size else 0.0
    return "" if most <= MOST and share <= SHARE else f"off by {255 * most:.2f}/255, {share:.1e} by more than a tenth"


def ball(n: int, sigma: float) -> Gaussians:
    """`n` flat discs, `sigma` metres wide, on a ball of half a metre about (0, 0, 3), coloured as its normals."""
    random = np.random.default_rng(0)
    normals = random.normal(size=(n, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    aside = np.cross(normals, (0.36, 0.48, 0.8))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    axes = sigma * np.stack([aside, np.cross(normals, aside), 0.1 * normals], axis=2)
    parts = (0.5 * normals + (0, 0, 3), axes, np.full(n, 0.9), 0.5 + 0.4 * normals)
    return Gaussians(*(np.ascontiguousarray(a, np.float32) for a in parts))
