"""Classes of speech sounds, by their ARPAbet names, that more than one room speaks of."""

from __future__ import annotations

BILABIAL = frozenset(("p", "b", "m"))
"""Both lips shut."""
