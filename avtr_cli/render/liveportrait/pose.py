"""What the motion extractor says, in degrees and keypoints; and the driving keypoints, by either published convention.

A face is 21 keypoints in three dimensions (x right, y down, z inward, the crop spanning -1 to 1): at rest `kp`, moved
by an expression, rotated with the head, scaled, shifted. Points are **row vectors**: a rotated point is p R.
LivePortrait (Guo et al. 2024, arXiv:2407.03168) adds the expression after rotating; AVTR-1 rotates it with the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from avtr_cli.render.liveportrait.motion import POSE_BINS
from avtr_cli.render.liveportrait.regions import ABSOLUTE, Region, expression_mask

_DEGREES_PER_BIN, _FIRST_BIN = 3.0, -97.5


@dataclass(frozen=True)
class FacePose:
    """B faces: rotation (B, 3, 3), t (B, 3), scale (B, 1), exp (B, 21, 3) and kp (B, 21, 3), the keypoints at rest."""

    rotation: Tensor
    t: Tensor
    scale: Tensor
    exp: Tensor
    kp: Tensor

    @classmethod
    def from_heads(cls, heads: Mapping[str, Tensor]) -> FacePose:
        """From what `MotionExtractor` returns."""
        angles = (degrees(heads[name]) for name in ("pitch", "yaw", "roll"))
        exp, kp = (heads[name].unflatten(1, (-1, 3)) for name in ("exp", "kp"))
        return cls(rotation_matrix(*angles), heads["t"], heads["scale"], exp, kp)

    def __getitem__(self, frames: slice) -> FacePose:
        return FacePose(self.rotation[frames], self.t[frames], self.scale[frames], self.exp[frames], self.kp[frames])

    def keypoints(self) -> Tensor:
        """scale * (kp R + exp), shifted by t in x and y: (B, 21, 3). LivePortrait's, for a portrait and for Ditto."""
        return _scaled(self.scale, self.kp @ self.rotation + self.exp) + flat_shift(self.t)


def degrees(bins: Tensor) -> Tensor:
    """The expected angle of logits (B, 66) over bins of 3 degrees: (B, 1). Another width is degrees already."""
    if bins.shape[-1] != POSE_BINS:
        return bins
    index = torch.arange(POSE_BINS, dtype=bins.dtype, device=bins.device)
    return (bins.softmax(dim=-1) * index).sum(dim=-1, keepdim=True) * _DEGREES_PER_BIN + _FIRST_BIN


def rotation_matrix(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """R (B, 3, 3), for row vectors, from degrees (B, 1): the transpose of Z Y X."""
    x, y, z = (torch.deg2rad(angle.reshape(-1)) for angle in (pitch, yaw, roll))
    zero, one = torch.zeros_like(x), torch.ones_like(x)

    def matrix(*rows: Tensor) -> Tensor:
        matrix: Tensor = torch.stack(rows, dim=-1).unflatten(-1, (3, 3))
        return matrix

    about_x = matrix(one, zero, zero, zero, x.cos(), -x.sin(), zero, x.sin(), x.cos())
    about_y = matrix(y.cos(), zero, y.sin(), zero, one, zero, -y.sin(), zero, y.cos())
    about_z = matrix(z.cos(), -z.sin(), zero, z.sin(), z.cos(), zero, zero, zero, one)
    return (about_z @ about_y @ about_x).mT


def rotation_angles(rotation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """pitch, yaw, roll in degrees, each (B, 1), of R (B, 3, 3): undoes `rotation_matrix` for |yaw| < 90."""
    q = rotation.mT
    pitch = torch.atan2(q[:, 2, 1], q[:, 2, 2])
    yaw = torch.asin(-q[:, 2, 0].clamp(-1, 1))
    roll = torch.atan2(q[:, 1, 0], q[:, 0, 0])
    return torch.rad2deg(pitch)[:, None], torch.rad2deg(yaw)[:, None], torch.rad2deg(roll)[:, None]


def relative_keypoints(source: FacePose, driving: FacePose, reference: FacePose, region: Region = "all") -> Tensor:
    """LivePortrait's relative driving: the portrait moves as `driving` has moved since `reference`; (B, 21, 3).

    `source` and `reference` hold one face, `driving` B. `region` limits what moves: outside it the portrait stays.
    """
    rotation = source.rotation
    t, scale = flat_shift(source.t), source.scale
    if region in ("all", "pose"):
        rotation = driving.rotation @ reference.rotation.mT @ source.rotation
        t = flat_shift(source.t + driving.t - reference.t)
    if region == "all":
        scale = source.scale * driving.scale / reference.scale
    exp = source.exp + torch.where(_mask(region, source.exp), driving.exp - reference.exp, 0)
    return _scaled(scale, source.kp @ rotation + exp) + t


def absolute_keypoints(source: FacePose, driving: FacePose, region: Region = "all") -> Tensor:
    """LivePortrait's absolute driving: the portrait takes the pose and expression of `driving`; (B, 21, 3)."""
    moves = region in ("all", "pose")
    rotation, t = (driving.rotation, driving.t) if moves else (source.rotation, source.t)
    mask = _mask(region, source.exp) & _placed(ABSOLUTE, source.exp.device)
    exp = torch.where(mask, driving.exp, source.exp)
    return _scaled(source.scale, source.kp @ rotation + exp) + flat_shift(t)


def avtr1_keypoints(source: FacePose, rotation: Tensor, exp: Tensor) -> Tensor:
    """AVTR-1's driving: scale * ((kp + exp) R) + t, t with all three components; (B, 21, 3).

    `rotation` (B, 3, 3) and `exp` (B, 21, 3) are the predicted ones; `source` is one face, whose scale and t are kept.
    """
    return _scaled(source.scale, (source.kp + exp) @ rotation) + source.t[:, None]


def friendlier(x_s: Tensor, x_d: Tensor, reference: Tensor) -> Tensor:
    """The "expression-friendly" option: the motion since `reference` scaled to the size of the portrait's face.

    x_s and reference (1, 21, 3), x_d (B, 21, 3); the factor is the root of the ratio of their hulls' volumes.
    """
    from scipy.spatial import ConvexHull

    own, other = (ConvexHull(points[0].double().cpu().numpy()).volume for points in (x_s, reference))
    scaled: Tensor = x_s + (x_d - reference) * (own / other) ** 0.5
    return scaled


def flat_shift(t: Tensor) -> Tensor:
    """t (B, 3) as a shift of keypoints (B, 1, 3) that leaves z alone, as LivePortrait does."""
    return torch.cat([t[:, :2], torch.zeros_like(t[:, 2:])], dim=-1)[:, None]


def _scaled(scale: Tensor, points: Tensor) -> Tensor:
    return scale[..., None] * points


def _mask(region: Region, like: Tensor) -> Tensor:
    return _placed(expression_mask(region), like.device)


@cache
def _placed(mask: Tensor, device: torch.device) -> Tensor:
    """A constant mask where it is needed: brought there once, as a copy for every chunk would wait for the device."""
    return mask.to(device)
