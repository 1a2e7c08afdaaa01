"""The golden data of the measures, by name, and how far a result may lie from them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data" / "evaluation"


@cache
def arrays(name: str = "metrics") -> dict[str, np.ndarray]:
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)


@cache
def results(name: str = "metrics") -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


def pairs(case: str) -> list[dict[str, Any]]:
    return [
        {"group": group} | {side: arrays()[f"cjfd/{case}/{at}/{side}"] for side in ("audio", "model", "truth")}
        for at, group in enumerate(results()["cjfd"][case]["groups"])
    ]


def assert_numbers(found: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float = 1e-6) -> None:
    """Every number of `wanted`, None where it says None; lists item by item."""
    for name, value in wanted.items():
        got = found[name]
        if isinstance(value, list):
            np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance, err_msg=name)
        elif value is None:
            assert got is None, f"{name} is {got}"
        else:
            assert got is not None, name
            assert math.isclose(got, value, rel_tol=tolerance, abs_tol=tolerance), f"{name}: {got} for {value}"
