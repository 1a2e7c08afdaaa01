"""What the mesh renderer keeps of an identity: made once of a photo, read for every frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from avtr_cli.core.arrays import Image
from avtr_cli.core.packing import MADE_ANEW
from avtr_cli.kernels.sampling import Texture
from avtr_cli.render.mesh.calibration import UNCALIBRATED, Calibration
from avtr_cli.render.mesh.eyes import Eye
from avtr_cli.render.mesh.field import FieldBasis
from avtr_cli.render.mesh.geometry import Geometry
from avtr_cli.render.mesh.mouth import Mouth
from avtr_cli.render.mesh.shading import Shading
from avtr_cli.render.mesh.stage import Stage

if TYPE_CHECKING:
    from avtr_cli.render.mesh.loop_tables import Tables


@dataclass(frozen=True)
class Avatar:
    """What the mesh renderer keeps of an identity."""

    stage: Stage
    geometry: Geometry
    field: FieldBasis
    shading: Shading
    eyes: list[Eye]
    mouth: Mouth
    person: Texture  # texture (2 h - 1, 2 w - 1, 4) of the stage
    plate: Tensor  # (3, h, w) behind the visible part of the stage, 0 .. 255
    still: Image  # uint8 (H, W, 3 or 4): the frame at rest
    columns: Tensor  # (1, w) and rows (h, 1): stage pixels of the visible part
    rows: Tensor
    photo_size: tuple[int, int]  # (width, height)
    mouth_hidden: bool = False  # behind a mask or a hand: it does not move
    calibration: Calibration = UNCALIBRATED
    # Of the compiled loops, where they draw.
    tables: Tables | None = dataclasses.field(default=None, metadata=MADE_ANEW)
