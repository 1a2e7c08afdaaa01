"""How bodies differ, as a few numbers: principal components of random adults, and local changes such as longer arms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.body.makehuman import MakeHuman

ADULTS = 140  # drawn at random
COMPONENTS = 14  # 99.99 % of their variance
ORIGINS = ("african", "asian", "caucasian")
PHENOTYPE = ("male", "age", "muscle", "weight", "height", "proportions", *ORIGINS)  # each 0 .. 1
LOCAL = (
    "torso/torso-scale-horiz", "torso/torso-scale-vert", "torso/torso-scale-depth", "torso/torso-vshape",
    "hip/hip-scale-horiz", "hip/hip-scale-depth", "neck/neck-scale-vert", "neck/neck-scale-horiz",
    "head/head-scale-vert", "head/head-scale-horiz", "head/head-scale-depth",
    "arms/*-upperarm-scale-vert", "arms/*-lowerarm-scale-vert", "arms/*-upperarm-scale-horiz",
    "arms/*-lowerarm-scale-horiz", "arms/*-lowerarm-scale-depth", "hands/*-hand-scale",
    "legs/upperlegs-height", "legs/lowerlegs-height", "legs/*-upperleg-scale-horiz", "legs/*-lowerleg-scale-horiz",
    "stomach/stomach-pregnant", "buttocks/buttocks-volume", "feet/*-foot-scale",
)  # fmt: skip
Shape = NDArray[np.float32]


@dataclass(frozen=True)
class Shapes:
    """A body is `mean` + coefficients @ `changes`.

    mean       (n, 3)
    changes    (k, n, 3): COMPONENTS of one standard deviation each, then LOCAL, -1 .. 1
    phenotype  (COMPONENTS + 1, 9): (coefficients, 1) @ it are about PHENOTYPE
    """

    mean: Shape
    changes: Shape
    phenotype: NDArray[np.float64]


def shapes(source: MakeHuman) -> Shapes:
    """Of the adults that one random generator draws."""
    random = np.random.default_rng(0)
    drawn = [_drawn(random) for _ in range(ADULTS)]
    adults = np.array([_adult(source, person) for person in drawn]).reshape(ADULTS, -1)
    mean = adults.mean(0)
    scores, spread, axes = np.linalg.svd(adults - mean, full_matrices=False)
    deviation = spread[:COMPONENTS] / np.sqrt(ADULTS)
    components = (axes[:COMPONENTS] * deviation[:, None]).reshape(COMPONENTS, -1, 3)
    coefficients = np.column_stack([scores[:, :COMPONENTS] * np.sqrt(ADULTS), np.ones(ADULTS)])
    phenotype = np.linalg.lstsq(coefficients, np.array(drawn), rcond=None)[0]
    local = np.array([_local(source, name) for name in LOCAL])
    return Shapes(mean.reshape(-1, 3), np.concatenate([components, local]).astype(np.float32), phenotype)


def _drawn(random: np.random.Generator) -> list[float]:
    """One adult as PHENOTYPE: most are wholly of one sex, few are old, most are of middle build."""
    male = float(random.random() < 0.5) if random.random() < 0.7 else random.random()
    age = max(0.0, random.beta(1.2, 2.2) - 0.05)
    muscle, weight = random.normal(0.5, 0.17, 2).clip(0.05, 0.95)
    height, proportions = np.clip(random.normal([0.5, 0.6], [0.13, 0.15]), 0.1, 0.95)
    return [male, age, muscle, weight, height, proportions, *random.dirichlet([0.6] * 3)]


def _adult(source: MakeHuman, person: list[float]) -> Shape:
    """All vertices of an adult: MakeHuman's macro targets, weighted by tents over their grid."""
    male, age, muscle, weight, height, proportions, *origins = person
    body = source.mesh.vertices.astype(np.float32)
    for sex, of_sex in (("female", 1 - male), ("male", male)):
        for years, of_years in (("young", 1 - age), ("old", age)):
            for origin, share in zip(ORIGINS, origins, strict=True):
                body += of_sex * of_years * share * _macro(source, f"{origin}-{sex}-{years}")
            for much, of_muscle in _tents(muscle):
                for heavy, of_weight in _tents(weight):
                    share, build = (
                        of_sex * of_years * of_muscle * of_weight,
                        f"{sex}-{years}-{much}muscle-{heavy}weight",
                    )
                    if share <= 1e-4:
                        continue
                    body += share * _macro(source, f"universal-{build}")
                    tall = "max" if height > 0.5 else "min"
                    body += share * abs(2 * height - 1) * _macro(source, f"height/{build}-{tall}height")
                    model = "ideal" if proportions > 0.5 else "uncommon"
                    changed = _macro(source, f"proportions/{build}-{model}proportions")
                    body += share * abs(2 * proportions - 1) * changed
    return body


def _tents(value: float) -> Iterator[tuple[str, float]]:
    """Weights of the three nodes of one of MakeHuman's sliders."""
    yield "min", max(0.0, 1 - 2 * value)
    yield "average", 1 - abs(2 * value - 1)
    yield "max", max(0.0, 2 * value - 1)


_macros: dict[str, Shape] = {}


def _macro(source: MakeHuman, name: str) -> Shape:
    """A target of `macrodetails`; one that does not exist changes nothing."""
    if name not in _macros:
        found = source.target(f"macrodetails/{name}")
        _macros[name] = np.zeros((1, 3), np.float32) if found is None else found
    return _macros[name]


def _local(source: MakeHuman, name: str) -> Shape:
    """Half of what lies between less and more of one local change, both sides alike."""
    change = np.zeros_like(source.mesh.vertices, np.float32)
    for side in ("l", "r") if "*" in name else ("",):
        for end, sign in (("incr", 0.5), ("decr", -0.5)):
            found = source.target(f"{name.replace('*', side)}-{end}")
            change += 0 if found is None else sign * found
    if not change.any():
        raise SystemExit(f"no target is called {name}")
    return change
