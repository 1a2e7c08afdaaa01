"""Motion models by the name that `motion.generator` gives them: what makes one, and which settings it ignores.

Nothing heavy is loaded before one is made. The words that the setting may be stand in core/config.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avtr_cli.core.config import MotionConfig, Preset
from avtr_cli.core.limits import turned
from avtr_cli.core.protocols import MotionGenerator

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class GeneratorEntry:
    """One motion model; `make` raises WeightsError where its weights are missing or damaged."""

    make: Callable[[Preset, torch.device], MotionGenerator]
    ignores: tuple[str, ...]  # fields of MotionConfig: one that does nothing would mislead, so it is refused
    touchable: bool = False  # whether it answers interactions


def _lmfm(preset: Preset, device: torch.device) -> MotionGenerator:
    from avtr_cli.motion.lmfm.generator import LmfmGenerator

    return LmfmGenerator(preset.motion, kernels=preset.runtime.kernels)


def _avtr1(preset: Preset, device: torch.device) -> MotionGenerator:
    from avtr_cli.motion.avtr1.generator import Avtr1Generator

    return Avtr1Generator.from_store(preset.motion, device, graphs=preset.runtime.cuda_graphs)


GENERATORS = {
    "lmfm": GeneratorEntry(_lmfm, (), touchable=True),
    "avtr1": GeneratorEntry(_avtr1, ("manner", "blink_rate", "gaze", "smile", "emotion", "emotion_intensity")),
}


def ignored(config: MotionConfig, by: str = "") -> tuple[str, ...]:
    """Names of the settings turned from their default though the generator (or another, `by`) ignores them."""
    return turned(config, GENERATORS[by or config.generator].ignores)
