"""A rectangle of whole pixels of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True)
class Rectangle:
    """Whole pixels of a picture: its first column and row, and how many there are."""

    x: int
    y: int
    width: int
    height: int

    @property
    def empty(self) -> bool:
        """Whether no pixel lies in it."""
        return self.width <= 0 or self.height <= 0

    def of(self, picture: NDArray[_Value]) -> NDArray[_Value]:
        """A view of these pixels of `picture` (H, W) or (H, W, C), which holds them all."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]

    def within(self, other: Rectangle) -> Rectangle:
        """The part of it that lies in `other`."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = (
            min(self.x + self.width, other.x + other.width),
            min(self.y + self.height, other.y + other.height),
        )
        return Rectangle(x, y, right - x, bottom - y)
