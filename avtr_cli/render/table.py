"""Renderers by the name that `render.renderer` gives them: what makes one, what it draws, which settings it ignores.

Nothing heavy is loaded before one is made. The words that the setting may be stand in core/config.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avtr_cli.core.config import Preset, RenderConfig
from avtr_cli.core.limits import turned
from avtr_cli.core.motion_space import CONTROLS, FULL, KEYPOINTS, MotionSpace
from avtr_cli.core.protocols import Renderer

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RendererEntry:
    """One renderer; `make` raises WeightsError where its weights are missing or damaged."""

    make: Callable[[Preset, torch.device], Renderer]
    space: MotionSpace
    ignores: tuple[str, ...]  # fields of RenderConfig: one that does nothing would mislead, so it is refused
    heavy: bool = False  # on a CPU a frame takes most of its 40 ms: see `runtime.use_threads`


def _mesh(preset: Preset, device: torch.device) -> Renderer:
    from avtr_cli.render.mesh.renderer import MeshRenderer

    return MeshRenderer(preset.render, device, preset.runtime.kernels)


def _liveportrait(preset: Preset, device: torch.device) -> Renderer:
    from avtr_cli.render.liveportrait.renderer import LivePortraitRenderer

    return LivePortraitRenderer.from_store(preset.render, preset.runtime, device)


def _body(preset: Preset, device: torch.device) -> Renderer:
    from avtr_cli.render.gaussian.renderer import BodyRenderer

    return BodyRenderer(preset.render, device, preset.runtime.kernels)


_BODY = ("camera", "framing", "shadow")
_PUBLISHED = ("region", "driving", "eyes_open", "lips_open", "close_lips")
RENDERERS = {
    "mesh": RendererEntry(_mesh, CONTROLS, (*_PUBLISHED, *_BODY)),
    "body": RendererEntry(_body, FULL, (*_PUBLISHED, "relight"), heavy=True),
    "liveportrait": RendererEntry(_liveportrait, KEYPOINTS, ("breathing", "relight", *_BODY)),
}


def ignored(config: RenderConfig) -> tuple[str, ...]:
    """Names of the settings turned from their default though the renderer ignores them."""
    return turned(config, RENDERERS[config.renderer].ignores)
