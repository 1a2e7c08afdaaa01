"""What is asked of gsplat, by a stand-in that has its signature and draws by the plain form: gsplat needs CUDA."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import logging
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from avtr_cli.render.gaussian.gaussians import Gaussians, axes_of_covariances
from avtr_cli.render.gaussian.splatters import gsplat_splatter
from avtr_cli.render.gaussian.splatting_torch import TorchSplatter
from tests.gaussians import SCENES, camera, cloud, pinhole, scene, wrong

CPU = torch.device("cpu")


def rasterization(
    means: Tensor, quats: None, scales: None, opacities: Tensor, colors: Tensor, viewmats: Tensor, Ks: Tensor,
    width: int, height: int, *, near_plane: float, eps2d: float, packed: bool, rasterize_mode: str, covars: Tensor,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:  # fmt: skip
    """As gsplat 1.5.3 for one picture: premultiplied colours (1, h, w, 3) and coverage (1, h, w, 1)."""
    n = len(means)
    shapes = [tuple(a.shape) for a in (means, opacities, colors, viewmats, Ks, covars)]
    assert shapes == [(n, 3), (n,), (n, 3), (1, 4, 4), (1, 3, 3), (n, 3, 3)]
    assert {a.dtype for a in (means, opacities, colors, viewmats, Ks, covars)} == {torch.float32}
    assert (near_plane, packed, rasterize_mode) == (0.01, False, "classic")
    plain = TorchSplatter(height, width, CPU, eps2d)
    asked = Gaussians(means.numpy(), axes_of_covariances(covars.numpy()), opacities.numpy(), colors.numpy())
    plain.splat(asked, pinhole(viewmats[0].numpy(), Ks[0].numpy(), (width, height)))
    drawn = torch.from_numpy(plain.drawn)[None]
    return drawn[..., :3], drawn[..., 3:], {}


@pytest.fixture
def gsplat(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("gsplat")
    module.__spec__ = importlib.machinery.ModuleSpec("gsplat", None)
    module.rasterization = rasterization
    monkeypatch.setitem(sys.modules, "gsplat", module)
    monkeypatch.delitem(sys.modules, "avtr_cli.render.gaussian.splatting_gsplat", raising=False)
    return module


@pytest.mark.parametrize("name", SCENES)
def test_it_is_asked_for_the_scene(gsplat: ModuleType, name: str):
    asked = scene(name)
    width, height = asked.camera.size
    splatter = gsplat_splatter(height, width, CPU, 0.3)
    assert splatter is not None
    assert splatter.kernels == "gsplat"
    colours, alpha = splatter.splat(asked.gaussians, asked.camera)
    assert wrong(np.dstack([colours, alpha]), asked.drawn) == ""


def test_what_is_not_finite_never_reaches_it(gsplat: ModuleType):
    splatter = gsplat_splatter(40, 48, CPU, 0.1)
    assert splatter is not None
    spoiled = cloud(9)
    spoiled.means[2, 1], spoiled.axes[4, 0, 0], spoiled.colours[5, 2] = np.nan, np.inf, -np.inf
    splatter.splat(spoiled, camera())
    drawn = splatter.drawn
    splatter.splat(spoiled.take(np.array([0, 1, 3, 6, 7, 8])), camera())
    assert np.array_equal(splatter.drawn, drawn)
    splatter.splat(replace(cloud(9), opacities=np.full(9, np.nan, np.float32)), camera())
    assert not splatter.drawn.any()


def test_where_it_is_not_or_does_not_work_the_plain_form_draws(gsplat: ModuleType, monkeypatch, caplog):
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("nvcc: not found\nand more")

    gsplat.rasterization = fails
    assert gsplat_splatter(8, 8, CPU, 0.3) is None
    assert caplog.messages == [
        "frames are drawn by the plain form, which is slower: gsplat does not work here (nvcc: not found)"
    ]
    caplog.clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.INFO):
        assert gsplat_splatter(8, 8, CPU, 0.3) is None
    assert caplog.messages == []
