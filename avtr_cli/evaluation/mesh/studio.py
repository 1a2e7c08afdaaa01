"""One portrait before the renderer, as the checks see it: commanded by name, read by Face Mesh or pixel by pixel."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Frames, Image, Indices, Points
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Motion, Portrait
from avtr_cli.perception.landmarks import face_points
from avtr_cli.render.mesh.avatar import Avatar
from avtr_cli.render.mesh.calibration import eye_distance
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.field import displacement
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.render.split import LUMA

Numbers = dict[str, float]
AXES = (("pitch", "headPitch", 11.0), ("yaw", "headYaw", 15.0), ("roll", "headRoll", 10.0))


class Studio:
    """One portrait before the renderer, 512 px square, without breath."""

    def __init__(self, portrait: Portrait, device: torch.device):
        self.portrait = portrait
        self.renderer = MeshRenderer(RenderConfig(breathing=0), device)
        started = time.perf_counter()
        self.identity = self.renderer.prepare(portrait)
        self.preparation_s = time.perf_counter() - started
        self.avatar: Avatar = self.identity.kept
        self.photo = np.ascontiguousarray(self.avatar.stage.frame.of(self.avatar.stage.canvas))
        stage = self.avatar.stage
        self.offset = np.array([stage.frame.x - stage.place.x, stage.frame.y - stage.place.y])  # of the frame, stage px
        self.points = stage.points - np.append(self.offset, 0)

    @property
    def unit(self) -> float:
        """Pixels of the frame per EO."""
        return self.avatar.stage.unit

    def frames(self, rows: Sequence[Doubles]) -> Frames:
        """A picture for every row of controls (58,), as frames 0, 1, 2 ... of a video."""
        values = torch.from_numpy(np.stack(rows).astype(np.float32))
        return self.renderer.draw(self.identity, Motion(CONTROLS, values))

    def frame(self, **wanted: float) -> Image:
        """The picture of one `command`."""
        return np.asarray(self.frames([command(**wanted)])[0])

    def face(self, **wanted: float) -> Points:
        """Face Mesh's points of that frame, NaN where it finds no face."""
        return found(self.frame(**wanted))

    def taken(self, places: Points, **wanted: float) -> Points:
        """Where the field takes the skin at `places` (n, 2) px of the frame at rest, px of that frame."""
        stage = self.avatar.stage
        controls = read_controls(command(**wanted), 0, 0, self.avatar.calibration)
        moves = displacement(self.avatar.field, controls).mean(dim=0).cpu().numpy()
        at = ((places + self.offset + 0.5) / stage.cell - 0.5).astype(np.float32)
        read = [cv2.remap(plane, at[:, 0], at[:, 1], cv2.INTER_LINEAR)[:, 0] for plane in moves]
        moved: Points = places + np.stack(read, axis=1)
        return moved


def command(**wanted: float) -> Doubles:
    """A row of controls; names without a side set both, `pitch`, `yaw`, `roll` are degrees."""
    row = np.zeros(len(CONTROLS))
    angles = {short: name for short, name, _ in AXES}
    for name, value in wanted.items():
        if name in angles:
            row[CONTROLS.index(angles[name])] = math.radians(value)
        elif name in CONTROLS.channels:
            row[CONTROLS.index(name)] = value
        else:
            row[[CONTROLS.index(f"{name}Left"), CONTROLS.index(f"{name}Right")]] = value
    return row


def found(frame: Image) -> Points:
    """Face Mesh's points (478, 3) px of a frame, NaN where it finds no face."""
    points = face_points(frame)
    return np.full((478, 3), np.nan) if points is None else points


def change(frame: Image, other: Image) -> Indices:
    """The largest difference of a channel between two frames, (H, W), of 255."""
    most: Indices = np.abs(frame.astype(int) - other.astype(int)).max(axis=2)
    return most


def distance(points: Points, a: int, b: int) -> float:
    """Between the points `a` and `b` of a face (478, 3), in EO of these points."""
    return float(np.linalg.norm(points[a, :2] - points[b, :2])) / eye_distance(points)


def luma_at(frame: Image, places: Points) -> Doubles:
    """Luma of the frame, (n,) of 255, at the pixels nearest to `places` (n, 2); the edge's outside."""
    x, y = np.nan_to_num(np.rint(places)).astype(int).T
    return np.asarray((frame @ LUMA)[y.clip(0, frame.shape[0] - 1), x.clip(0, frame.shape[1] - 1)])
