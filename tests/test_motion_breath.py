"""What the shipped model does with sounds of a mouth that are not speech."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from avtr_cli.core.config import MotionConfig
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.evaluation.motion.face import lip_aperture
from avtr_cli.evaluation.motion.rollout import SessionPerformer
from avtr_cli.motion.lmfm.generator import LmfmGenerator

QUIET = SAMPLE_RATE  # samples of near silence before and after


@cache
def performer() -> SessionPerformer:
    return SessionPerformer(LmfmGenerator(MotionConfig()))


def breath(seconds: float, low: float, high: float, level_db: float, seed: int) -> np.ndarray:
    """Noise of one band that swells and fades."""
    noise = np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))
    swelling = sosfilt(butter(2, [low, high], "band", fs=SAMPLE_RATE, output="sos"), noise)
    swelling *= np.sin(np.linspace(0, np.pi, len(noise)))
    return swelling * 10 ** (level_db / 20) / np.sqrt((swelling**2).mean())


def performed(own: np.ndarray) -> np.ndarray:
    """Controls (T, 58) of an avatar whose side is `own` between two seconds of near silence."""
    rng = np.random.default_rng(0)
    around = np.pad(own, QUIET) + 1e-4 * rng.standard_normal(len(own) + 2 * QUIET)
    partner = 1e-4 * rng.standard_normal(len(around))
    return performer()(np.stack([around, partner]).astype(np.float32), 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "low", "high", "level_db"),
    [(0.5, 300, 3000, -45), (0.37, 800, 6000, -32), (0.9, 200, 2500, -24), (0.21, 1500, 7000, -38)],
)
def test_a_loud_breath_opens_no_mouth(seconds: float, low: float, high: float, level_db: float) -> None:
    controls = performed(breath(seconds, low, high, level_db, seed=int(1000 * seconds)))
    assert float(lip_aperture(controls).max()) < 0.1  # an open vowel is .3 and more
