"""The user's FLAME file and our own face, fitted to each other: where motion in FLAME's numbers becomes ours.

Fitting takes a second and is kept while the files stay the same; nothing made of FLAME is written down.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import reason
from avtr_cli.core.motion_space import FACE_WEIGHTS
from avtr_cli.motion.bridges.flame import FlameBridge
from avtr_cli.weights.store import Store

logger = logging.getLogger(__name__)

MISSED = 0.5  # share of a weight's movement that a FLAME cannot say, from which on it is told
_kept: dict[tuple[tuple[Path, int, int], ...], FlameBridge] = {}
_one_at_a_time = threading.Lock()


def users_bridge(flame: Path | None = None, landmarks: Path | None = None) -> FlameBridge:
    """Between controls and FLAME, by these files or those of `avtr weights`. Raises WeightsError."""
    from avtr_cli.render.mesh.face_points import face_displacements

    store = Store()
    paths = (flame or store.find("flame/model"), landmarks or store.find("flame/landmarks"))
    key = tuple(_stamp(path) for path in paths)
    with _one_at_a_time:
        if key not in _kept:
            _kept.clear()
            _kept[key] = FlameBridge.of_files(*paths, face_displacements())
            _tell(_kept[key])
        return _kept[key]


def _stamp(path: Path) -> tuple[Path, int, int]:
    try:
        about = path.stat()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}); name FLAME's file that you have") from error
    return path, about.st_size, about.st_mtime_ns


def _tell(bridge: FlameBridge) -> None:
    """Which weights this FLAME says badly."""
    shares = sorted(zip(bridge.missed, FACE_WEIGHTS, strict=True), reverse=True)
    told = ", ".join(f"{name} {share:.0%}" for share, name in shares if share >= MISSED)
    logger.info("FLAME cannot say, of what each weight does: %s", told or f"nothing beyond {MISSED:.0%}")
    for share, name in shares:
        logger.debug("FLAME misses %.0f %% of %s", 100 * share, name)
