"""Which part of the person lies where in a photo: regions with soft borders, each with a place that stands for it.

Left is the subject's own, so it is the right side of the picture. `perception.regions` makes the map.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.textfile import quoted

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Floats, Matte, Vector

HEAD = (
    "hair", "forehead", "left_brow", "right_brow", "left_eye", "right_eye", "nose", "left_cheek", "right_cheek",
    "mouth", "chin", "left_jaw", "right_jaw", "left_ear", "right_ear", "neck",
)  # fmt: skip
BODY = (
    "left_shoulder", "right_shoulder", "left_arm", "right_arm", "left_hand", "right_hand", "chest", "abdomen", "legs",
)  # fmt: skip
REGIONS = (*HEAD, *BODY)

LEAST_SHARE = 0.12  # of a place that a region must have to count there
MOST_REGIONS = 2  # that count at one place
ON_PERSON = 0.5  # of the matte: below, a place is background


@dataclass(frozen=True)
class RegionMap:
    """The regions of one photo.

    names    those that the photo shows, in the order of REGIONS
    shares   float32 (n, h, w): of each region at each pixel of the map, together 1 on the person
    person   float32 (h, w) in 0 .. 1: what is the person
    centres  by name: (x, y) in shares of the photo, where somebody touches who only says the region's name
    size     (width, height) of the photo, px
    unit     px of the photo per EO
    middle, nose, down  (2,) px of the photo: between the eyes; on the line along the nose; direction of the chin
    """

    names: tuple[str, ...]
    shares: Floats
    person: Matte
    centres: Mapping[str, tuple[float, float]]
    size: tuple[int, int]
    unit: float
    middle: Vector
    nose: Vector
    down: Vector

    def at(self, x: float, y: float) -> tuple[tuple[str, float], ...]:
        """What lies at a place, in shares of the photo: (region, share), the largest first; () is the background."""
        high, wide = self.person.shape
        row, column = min(int(y * high), high - 1), min(int(x * wide), wide - 1)
        if self.person[row, column] < ON_PERSON:
            return ()
        shares = self.shares[:, row, column]
        largest = sorted(range(len(self.names)), key=lambda at: -float(shares[at]))[:MOST_REGIONS]
        return tuple((self.names[at], round(float(shares[at]), 4)) for at in largest if shares[at] > LEAST_SHARE)

    def offset(self, x: float, y: float) -> tuple[float, float]:
        """(aside, below) of a place, EO, as `Interaction` has them."""
        wide, high = self.size
        px, py = x * wide - 0.5, y * high - 0.5  # pixel centres are whole numbers
        down_x, down_y = (float(value) for value in self.down)
        aside = (px - float(self.nose[0])) * down_y - (py - float(self.nose[1])) * down_x
        below = (px - float(self.middle[0])) * down_x + (py - float(self.middle[1])) * down_y
        return aside / self.unit, below / self.unit

    def centre(self, region: str) -> tuple[float, float]:
        """Where somebody touches who says `region`. Raises ConfigError for one that the photo does not show."""
        if region in self.centres:
            return self.centres[region]
        if region in REGIONS:
            why = f"the photo shows no {region}"
        else:
            why = f"no region is called {quoted(region)}"
            if near := difflib.get_close_matches(region, REGIONS, 2):
                why += f", did you mean {' or '.join(near)}"
        raise ConfigError(f"{why}; it has {', '.join(self.names)}")

    def touched(
        self, frame: int, do: str, x: float, y: float, tone: str = "", strength: float = 1.0
    ) -> Interaction:  # fmt: skip
        """The interaction that somebody has who does `do` at a place of this photo. Raises ConfigError."""
        unplaced = Interaction(frame, do, x, y, tone=tone, strength=strength)  # refuses what is no place at all
        aside, below = self.offset(x, y)
        return Interaction(
            frame, unplaced.do, float(x), float(y), self.at(x, y), round(aside, 4), round(below, 4), unplaced.tone,
            float(strength),
        )  # fmt: skip
