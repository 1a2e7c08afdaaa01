"""A made-up head with the shapes and pickle classes of FLAME's generic_model.pkl, as the goldens have it: an ellipsoid
of 3931 points (metres, y up, z out of the face) and two spheres of 546 as eyeballs. No number of FLAME's is in it.
"""

from __future__ import annotations

import io
import pickle
import sys
import types
from unittest import mock

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles
from avtr_cli.diagnostics.made_up.numbers import stream

HEAD, EYE = 3931, 546
JOINTS = [[0, -0.12, -0.02], [0, -0.06, -0.01], [0, -0.005, 0.0], [0.031, 0.022, 0.06], [-0.031, 0.022, 0.06]]


def ball(count: int) -> Doubles:
    """Points on the unit sphere, in golden-angle order from the top."""
    k = np.arange(count) + 0.5
    y, angle = 1 - 2 * k / count, k * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - y * y)
    return np.stack([radius * np.sin(angle), y, radius * np.cos(angle)], 1)


def arrays(salt: str) -> dict[str, AnyArray | str]:
    """float64 arrays by FLAME's names."""
    eyes = [ball(EYE) * 0.012 + (x, 0.022, 0.06) for x in (0.031, -0.031)]
    v = np.concatenate([ball(HEAD) * (0.075, 0.12, 0.095) + (0, -0.02, 0), *eyes])
    modes = np.zeros((len(v), 3, 400))
    for axis in range(3):
        waves = stream(f"{salt}/flame/waves{axis}", 36).reshape(12, 3) * 25
        basis = np.sin(v @ waves.T + stream(f"{salt}/flame/phase{axis}", 12))
        modes[:, axis] = basis @ (stream(f"{salt}/flame/mix{axis}", 12 * 400).reshape(12, 400) * 0.0008)
    modes *= np.concatenate([1 / np.sqrt(1 + np.arange(300)), 1 / np.sqrt(1 + np.arange(100) / 4)])
    regress = np.zeros((5, len(v)))
    for j, at in enumerate(np.array(JOINTS)):
        near = (
            np.argsort(((v - at) ** 2).sum(1), kind="stable")[:40] if j < 3 else np.arange(EYE) + HEAD + EYE * (j - 3)
        )
        regress[j, near] = 1 / len(near)
    low = np.clip((-0.03 - v[:, 1]) / 0.04, 0, 1) * np.clip((v[:, 2] - 0.0) / 0.03, 0, 1)
    weights = np.zeros((len(v), 5))
    weights[:, 2], weights[:, 0] = low, np.clip((-0.09 - v[:, 1]) / 0.04, 0, 1) * (1 - low)
    weights[HEAD:] = 0
    weights[HEAD : HEAD + EYE, 3] = weights[HEAD + EYE :, 4] = 1
    weights[:HEAD, 1] = 1 - weights[:HEAD].sum(1)
    corners = np.arange(9976) % 3929
    return {
        "f": np.stack([corners, corners + 1, corners + 2], 1).astype(np.uint32),
        "v_template": v,
        "shapedirs": modes,
        "posedirs": stream(f"{salt}/flame/posedirs", len(v) * 3 * 36).reshape(len(v), 3, 36) * 0.0004,
        "J_regressor": regress,
        "J": regress @ v,
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
        "weights": weights,
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def as_python2_pickle(model: dict[str, AnyArray | str]) -> bytes:
    """Protocol 2, with a chumpy object for shapedirs, a scipy matrix for J_regressor and Python 2's module names."""

    class Ch:
        def __init__(self, x):
            self.__dict__.update(x=x, _dirty_vars=set(), _itr=None, _parents=[], is_valid=False)

    class Csc:
        def __init__(self, dense):
            columns = [np.flatnonzero(column) for column in dense.T]
            self.__dict__.update(
                data=np.concatenate([dense[rows, at] for at, rows in enumerate(columns)]),
                indices=np.concatenate(columns).astype(np.int32),
                indptr=np.concatenate([[0], np.cumsum([len(rows) for rows in columns])]).astype(np.int32),
                _shape=dense.shape,
                maxprint=50,
            )

    stand_ins = {"chumpy": types.ModuleType("chumpy")}
    for module, name, kind in (("chumpy.ch", "Ch", Ch), ("scipy.sparse.csc", "csc_matrix", Csc)):
        kind.__module__, kind.__qualname__, kind.__name__ = module, name, name
        stand_ins[module] = types.ModuleType(module)
        setattr(stand_ins[module], name, kind)
    out = io.BytesIO()
    with mock.patch.dict(sys.modules, stand_ins):
        held = {**model, "shapedirs": Ch(model["shapedirs"]), "J_regressor": Csc(model["J_regressor"])}
        pickle.dump(held, out, protocol=2, fix_imports=True)
    return out.getvalue()
