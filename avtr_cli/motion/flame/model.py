"""FLAME's head from the user's own file: 108 numbers a frame become 5023 vertices.

Li et al. 2017, "Learning a model of facial shape and expression from 4D scans". The file is never shipped and never
fetched: it comes from flame.is.tue.mpg.de to whoever has registered there. Lengths are metres, x to the left of the
subject, y up, z out of the face.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Floats, Indices, Reals
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import reason
from avtr_cli.motion.flame.codes import CODES, EXPRESSION, EYES, HEAD, JAW
from avtr_cli.motion.flame.pickles import Refused, arrays_of

logger = logging.getLogger(__name__)

VERTICES, FACES, JOINTS = 5023, 9976, 5
IDENTITY = 300  # columns of `shapedirs` before the expression's 100
PARENTS = (-1, 0, 1, 1, 1)  # of root, neck, jaw, left eye, right eye
ROOT, NECK, JAW_JOINT, LEFT_EYE, RIGHT_EYE = range(JOINTS)
SHAPES: dict[str, tuple[int, ...]] = {
    "v_template": (VERTICES, 3),
    "shapedirs": (VERTICES, 3, IDENTITY + EXPRESSION),
    "posedirs": (VERTICES, 3, 9 * (JOINTS - 1)),
    "J_regressor": (JOINTS, VERTICES),
    "kintree_table": (2, JOINTS),
    "weights": (VERTICES, JOINTS),
    "f": (FACES, 3),
}
INDICES = ("kintree_table", "f")
LARGEST = 100.0  # of any other number: metres, and shares
SMALLEST = 0.02  # m that a head has in every direction
BRING = "bring FLAME 2020's generic_model.pkl with `avtr weights pull flame --from FOLDER`"
FRAMES_AT_ONCE = 32  # 12 MB of vertices


@dataclass(frozen=True)
class FlameModel:
    """What moves the vertices; float64, as the file has it."""

    template: Doubles  # (5023, 3)
    expression: Doubles  # (5023, 3, 100)
    correctives: Doubles  # (5023, 3, 36), by the joints' rotations
    regressor: Doubles  # (5, 5023): joints of vertices
    weights: Doubles  # (5023, 5): how far each vertex follows each joint
    faces: Indices  # (9976, 3)


def load(path: Path) -> FlameModel:
    """Read `generic_model.pkl`, a `.pt` or a `.npz` of the same names. Runs nothing in it. Raises WeightsError."""
    path = Path(path)
    if "2023" in path.name:
        logger.warning(
            "%s: expression numbers of FLAME 2020, which UniLS speaks, mean other faces on FLAME 2023; use "
            "generic_model.pkl of 2020",
            path,
        )
    held = _read(path)
    for name, shape in SHAPES.items():
        if name not in held:
            raise WeightsError(f"{path}: no FLAME model: it has no {name}; {BRING}")
        array = held[name]
        if array.shape != shape or array.dtype.kind not in "fiu":
            said = f"{array.dtype} {array.shape}, not numbers {shape}"
            raise WeightsError(f"{path}: no FLAME model: {name} is {said}; {BRING}")
        if not np.isfinite(array).all():
            raise WeightsError(f"{path}: {name} holds values that are no numbers (NaN or infinite); {BRING}")
        if name not in INDICES and (most := np.abs(array).max()) > LARGEST:
            raise WeightsError(f"{path}: no FLAME model: {name} holds {most:.3g}, which is no head in metres; {BRING}")
    if tuple(held["kintree_table"][0, 1:]) != PARENTS[1:]:
        raise WeightsError(f"{path}: no FLAME model: its joints hang together in another way; {BRING}")
    if held["f"].min() < 0 or held["f"].max() >= VERTICES:
        raise WeightsError(f"{path}: no FLAME model: its faces name vertices that it has not; {BRING}")
    if (size := np.ptp(held["v_template"], axis=0).min()) < SMALLEST:
        raise WeightsError(f"{path}: no FLAME model: its head is {size:.3g} m deep or wide; {BRING}")
    if not held["shapedirs"][..., IDENTITY:].any():
        raise WeightsError(f"{path}: no FLAME model: its expressions move nothing; {BRING}")
    return FlameModel(
        template=held["v_template"].astype(np.float64),
        expression=held["shapedirs"][..., IDENTITY:].astype(np.float64),
        correctives=held["posedirs"].astype(np.float64),
        regressor=held["J_regressor"].astype(np.float64),
        weights=held["weights"].astype(np.float64),
        faces=held["f"].astype(np.intp),
    )


def vertices(model: FlameModel, codes: Reals, head: bool = True) -> Floats:
    """(T, 108) -> float32 (T, 5023, 3) in metres, of the average identity; `head` false: it does not turn."""
    codes = np.asarray(codes, np.float64)
    assert codes.ndim == 2
    assert codes.shape[1] == CODES
    made = np.empty((len(codes), VERTICES, 3), np.float32)
    for at in range(0, len(codes), FRAMES_AT_ONCE):
        made[at : at + FRAMES_AT_ONCE] = _vertices(model, codes[at : at + FRAMES_AT_ONCE], head)
    return made


def _vertices(model: FlameModel, codes: Doubles, head: bool) -> Doubles:
    """Linear blend skinning, float64."""
    from scipy.spatial.transform import Rotation  # a fifth of a second of loading, which most jobs do without

    count = len(codes)
    shaped = model.template + (codes[:, :EXPRESSION] @ model.expression.reshape(-1, EXPRESSION).T).reshape(
        count, VERTICES, 3
    )
    joints = model.regressor @ shaped  # (T, 5, 3), at rest
    turns = np.zeros((count, JOINTS, 3))
    if head:
        turns[:, ROOT] = codes[:, HEAD]
    turns[:, JAW_JOINT, 0] = codes[:, JAW]
    turns[:, LEFT_EYE, :2], turns[:, RIGHT_EYE, :2] = codes[:, EYES][:, :2], codes[:, EYES][:, 2:]
    rotations = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(count, JOINTS, 3, 3)
    bent = (rotations[:, 1:] - np.eye(3)).reshape(count, -1)
    shaped = shaped + (bent @ model.correctives.reshape(-1, bent.shape[1]).T).reshape(count, VERTICES, 3)
    turned, moved = np.empty_like(rotations), np.empty_like(joints)
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            turned[:, joint], moved[:, joint] = rotations[:, joint], joints[:, joint]
            continue
        turned[:, joint] = turned[:, parent] @ rotations[:, joint]
        arm = joints[:, joint] - joints[:, parent]
        moved[:, joint] = moved[:, parent] + np.einsum("tij,tj->ti", turned[:, parent], arm)
    shifts = moved - np.einsum("tjik,tjk->tji", turned, joints)
    blended = (model.weights @ turned.reshape(count, JOINTS, 9)).reshape(count, VERTICES, 3, 3)
    made: Doubles = np.einsum("tvij,tvj->tvi", blended, shaped) + model.weights @ shifts
    return made


def _read(path: Path) -> dict[str, AnyArray]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as table:
                return {name: table[name] for name in SHAPES if name in table}
        if path.suffix == ".pt":
            import torch

            held = torch.load(path, map_location="cpu", weights_only=True)
            return {name: held[name].numpy() for name in SHAPES if name in held}
        return arrays_of(path.read_bytes())
    except Refused as error:
        raise WeightsError(
            f"{path}: asks for {error}, which is no part of a FLAME model, and is not loaded, as that would run it; "
            f"{BRING}"
        ) from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}); {BRING}") from error
    except MemoryError as error:
        raise WeightsError(f"{path}: asks for more memory than there is, damaged; {BRING}") from error
    except Exception as error:  # what a damaged file raises is of almost any kind
        lines = str(error).strip().splitlines()
        said = lines[0][:120] if lines else type(error).__name__
        raise WeightsError(f"{path}: damaged, or no FLAME model ({said}); {BRING}") from error
