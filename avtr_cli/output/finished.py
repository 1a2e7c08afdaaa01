"""A finished file on its way to its name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Finished(NamedTuple):
    """A finished file: where it was made, and the name it is to have."""

    made: Path
    target: Path
