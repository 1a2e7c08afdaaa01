"""FLAME, from the user's own file: its motion, its vertices, and UniLS's measures of them."""

from __future__ import annotations

from avtr_cli.motion.flame.measures import metrics
from avtr_cli.motion.flame.model import load, vertices

__all__ = ["load", "metrics", "vertices"]
