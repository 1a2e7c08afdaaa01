"""What commands that measure motion share: sounds out of folders, and a motion model that performs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.core.config import Preset
    from avtr_cli.evaluation.motion.takes import Perform


def sounds_in(given: Path) -> list[Path]:
    """A file itself, or the .wav files of a folder. Raises ConfigError where it holds none."""
    if not given.is_dir():
        return [given]
    inside = sorted(given.glob("*.wav"))
    if not inside:
        raise ConfigError(f"{given}: this folder holds no .wav files")
    return inside


def performer(preset: Preset, weights: Path | None = None, follower: bool = False) -> Perform:
    """The preset's motion model, with `weights` of an LMFM checkpoint in place of its own; or the loudness follower."""
    from avtr_cli.core import runtime
    from avtr_cli.core.motion_space import CONTROLS
    from avtr_cli.evaluation.motion.follower import follow_loudness
    from avtr_cli.evaluation.motion.rollout import SessionPerformer
    from avtr_cli.streaming.engine import motion_generator

    if follower:
        return follow_loudness
    runtime.use_threads(preset.runtime.threads)
    if weights is not None:
        from avtr_cli.motion.lmfm.generator import LmfmGenerator

        return SessionPerformer(LmfmGenerator(preset.motion, weights, preset.runtime.kernels))
    return SessionPerformer(motion_generator(preset, CONTROLS, runtime.choose_device(preset.runtime.device)))
