"""A parametric body: a few numbers into a person's shape, rotations of 76 bones into where the skin goes.

Baked from MakeHuman's CC0 data by `python -m tools.body`. Metres; x to the right of the picture, which is the body's
left, y down, z away from the camera, at which the body looks, standing with arms half lowered. Rotations turn about
these axes of the body at rest, whatever way a bone lies, so that no rotation is the pose at rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Floats, Indices, Labels
from avtr_cli.core.shipped import asset

Whole = NDArray[np.int32]
COMPONENTS = 14  # of the shape: principal components of adults, in standard deviations; local changes follow
MASKS = ("lips", "inside_mouth", "lids", "nails", "face", "ears")
SKIN, LEFT_EYE, RIGHT_EYE, UPPER_TEETH, LOWER_TEETH, TONGUE = range(6)  # parts of the mesh
HEAD, NECK, TRUNK, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = range(7)  # limbs
_LIMBS = {
    HEAD: ("head", "eye"), NECK: ("neck",), TRUNK: ("root", "pelvis", "spine", "clavicle", "shoulder"),
    LEFT_ARM: ("upperarm", "lowerarm", "wrist", "finger", "metacarpal"), LEFT_LEG: ("upperleg", "lowerleg", "foot"),
}  # fmt: skip
_HAND = ("wrist", "finger", "metacarpal")


@dataclass(frozen=True)
class BodyModel:
    """V vertices, T triangles, J bones, S numbers of a shape.

    mean           float32 (V, 3): the mean adult
    changes        float32 (S, V, 3) of the shape's numbers: what one standard deviation, or one local change, adds
    triangles      int32 (T, 3), seen from outside counter-clockwise
    part           uint8 (V,): SKIN .. TONGUE
    bones          J names, each after its parent's; parents has -1 for the root
    carried_by     int32 (V, 6) bones, and float32 (V, 6) `shares`, 1 together
    joints         float32 (2, J, 3): heads and tails of the mean adult's bones; joint_changes (S, 2, J, 3)
    mirror         intp (V,): the vertex on the other side
    masks          float32 (V,) in 0 .. 1, by the names of MASKS
    face_triangles intp (478,): where MediaPipe's face points lie; face_weights float32 (478, 3)
    phenotype      float32 (COMPONENTS + 1, 9): (components, 1) @ it are about the 9 `phenotype_names`, each 0 .. 1
    """

    mean: Floats
    changes: Floats
    triangles: Whole
    part: Labels
    bones: tuple[str, ...]
    parents: Indices
    carried_by: Whole
    shares: Floats
    joints: Floats
    joint_changes: Floats
    mirror: Indices
    masks: dict[str, Floats]
    face_triangles: Indices
    face_weights: Floats
    local: tuple[str, ...]
    phenotype: Floats
    phenotype_names: tuple[str, ...]
    _number: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number", {name: number for number, name in enumerate(self.bones)})

    def bone(self, name: str) -> int:
        """The number of a bone. Raises KeyError."""
        return self._number[name]

    def vertices(self, shape: Doubles | Floats) -> Floats:
        """The body at rest, float32 (V, 3), of a shape (S,)."""
        made: Floats = self.mean + np.tensordot(shape.astype(np.float32), self.changes, 1)
        return made

    def joints_of(self, shape: Doubles | Floats) -> Floats:
        """Heads and tails of its bones, float32 (2, J, 3)."""
        made: Floats = self.joints + np.tensordot(shape.astype(np.float32), self.joint_changes, 1)
        return made

    @cached_property
    def levels(self) -> list[tuple[Tensor, Tensor]]:
        """Bones in the order of their distance from the root: (bones, where their parents stand in the level above)."""
        depth = np.zeros(len(self.bones), int)
        for bone, parent in enumerate(self.parents):
            depth[bone] = depth[parent] + 1 if parent >= 0 else 0
        found, above = [], np.zeros(0, int)
        for level in range(depth.max() + 1):
            bones = np.flatnonzero(depth == level)
            found.append((torch.from_numpy(bones), torch.from_numpy(np.searchsorted(above, self.parents[bones]))))
            above = bones
        return found

    @cached_property
    def _in_order(self) -> Tensor:
        return torch.argsort(torch.cat([bones for bones, _ in self.levels]))

    def posed(self, heads: Tensor, turns: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Where the bones go: rotations (J, 3, 3) from rest, and places (J, 3) of their heads.

        `heads` (J, 3) at rest, `turns` (J, 3, 3) of each bone against its parent, `shift` (3,) of the whole body.
        """
        (root, _), *others = self.levels
        turned, placed = [turns[root]], [heads[root] + shift]
        for bones, above in others:
            parent, head = turned[-1][above], heads[bones]
            reach = head - heads[torch.from_numpy(self.parents[bones.numpy()])]
            placed.append(placed[-1][above] + (parent @ reach[..., None])[..., 0])
            turned.append(parent @ turns[bones])
        return torch.cat(turned)[self._in_order], torch.cat(placed)[self._in_order]

    def skinned(self, vertices: Tensor, heads: Tensor, turned: Tensor, placed: Tensor) -> Tensor:
        """Linear blend skinning, (V, 3), of what `posed` takes and gives: the plain form of `kernels/skinning.py`."""
        maps = transforms(heads, turned, placed)
        blended = (
            torch.from_numpy(self.shares)[:, :, None, None] * maps[torch.from_numpy(self.carried_by).long()]
        ).sum(1)
        return (blended[:, :, :3] @ vertices[..., None])[..., 0] + blended[:, :, 3]

    @cached_property
    def limb(self) -> Labels:
        """uint8 (J,): the limb of each bone, HEAD .. RIGHT_LEG."""
        return np.array([_limb(name) for name in self.bones], np.uint8)

    def bones_called(self, *begins: str) -> Indices:
        """The bones whose names begin so."""
        return np.array([number for number, name in enumerate(self.bones) if name.startswith(begins)], np.intp)

    @cached_property
    def main_bone(self) -> Indices:
        """intp (V,): the bone that carries most of each vertex."""
        return np.take_along_axis(self.carried_by, self.shares.argmax(1)[:, None], 1)[:, 0].astype(np.intp)

    @cached_property
    def vertex_limb(self) -> Labels:
        """uint8 (V,): the limb of each vertex."""
        return self.limb[self.main_bone]

    @cached_property
    def on_hand(self) -> NDArray[np.bool_]:
        """bool (V,): whether a vertex is of a hand."""
        hands = np.array([name.startswith(_HAND) for name in self.bones])
        return np.asarray(hands[self.main_bone])


def transforms(heads: Tensor, turned: Tensor, placed: Tensor) -> Tensor:
    """What each bone does to the points it carries, (J, 3, 4): as `posed` takes and gives."""
    return torch.cat([turned, (placed - (turned @ heads[..., None])[..., 0])[..., None]], -1)


def _limb(bone: str) -> int:
    side = 1 if bone.endswith(".R") else 0
    limb = next(limb for limb, starts in _LIMBS.items() if bone.startswith(starts))
    return limb + side if limb in (LEFT_ARM, LEFT_LEG) else limb


@lru_cache(maxsize=1)
def shipped_body() -> BodyModel:
    """The body of `assets/body.npz`."""
    with np.load(asset("body.npz")) as file:
        held = dict(file)
    shares = held["shares"].astype(np.float32)
    masks = (held["masks"] / np.float32(255)).astype(np.float32)
    return BodyModel(
        mean=held["mean"],
        changes=held["changes"].astype(np.float32),
        triangles=held["triangles"].astype(np.int32),
        part=held["part"],
        bones=tuple(map(str, held["bones"])),
        parents=held["parents"].astype(np.intp),
        carried_by=held["carried_by"].astype(np.int32),
        shares=shares / shares.sum(1, keepdims=True),
        joints=held["joints"],
        joint_changes=held["joint_changes"],
        mirror=held["mirror"].astype(np.intp),
        masks=dict(zip(MASKS, masks, strict=True)),
        face_triangles=held["face_triangles"].astype(np.intp),
        face_weights=held["face_weights"],
        local=tuple(map(str, held["local"])),
        phenotype=held["phenotype"],
        phenotype_names=tuple(map(str, held["phenotype_names"])),
    )
