"""How listeners react to whom they hear, and whether a model does alike: the published CJFD family, and ours beside it.

Numbers of one call each; None where there is none. Conversations, not frames, are what can be left out or drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.evaluation import coupling as coupled
from avtr_cli.evaluation import joint
from avtr_cli.evaluation.pairs import Pair, derangement, reactive_frames, with_frames
from avtr_cli.evaluation.replicates import Replicates

__all__ = ["bootstrap", "cjfd", "coupling", "derangement", "jackknife", "quality", "reactive_frames", "within"]

FEWEST_FRAMES = 2


def cjfd(
    pairs: Sequence[Pair], shuffles: int = 5, seed: int = 0, centre: bool = False, norm: bool = False
) -> dict[str, Any]:
    """The family as published, and FMD, over all frames of all pairs; `per_shuffle` lists the distances."""
    kept = joint.prepared(with_frames(pairs), centre, norm)
    found: dict[str, Any] = {
        "pairs": len(kept),
        "groups": len({pair["group"] for pair in kept}),
        "frames": sum(len(pair["audio"]) for pair in kept),
    }
    if found["groups"] < 2 or found["frames"] < FEWEST_FRAMES:
        return found | dict.fromkeys(joint.NAMES)
    made = joint.between(kept, shuffles, seed)
    _, shuffled, of_truth = made.distances(np.ones(len(made.owner)))
    return found | {"per_shuffle": shuffled, "per_shuffle_truth": of_truth} | _known(made.measures())


def within(pairs: Sequence[Pair], shuffles: int = 5) -> dict[str, Any]:
    """The family with each pair's own sound turned round in time: who is shown makes no difference."""
    made = joint.within(with_frames(pairs), shuffles)
    if not made.pairs:
        return {"pairs": 0} | dict.fromkeys(("real", "shuffled", "shuffled_truth", "specificity", "marginal_fit"))
    real, shuffled, of_truth = made.distances(np.ones(len(made.owner)))
    distances = [real, float(np.mean(shuffled)), float(np.mean(of_truth))]
    named = dict(zip(("real", "shuffled", "shuffled_truth"), distances, strict=True))
    return {"pairs": made.pairs} | _known(named | joint.ratios(*distances))


def coupling(pairs: Sequence[Pair], shuffles: int = 0, seed: int = 0) -> dict[str, float | None]:
    """`coupling`, its `se`, `pattern`, and `p` where partners are shuffled."""
    found = coupled.couple(with_frames(pairs), shuffles, seed)
    told = {"coupling": found.coupling.value, "se": found.coupling.se, "pattern": found.pattern.value, "p": found.p}
    return _known(told)


def jackknife(
    pairs: Sequence[Pair], shuffles: int = 5, seed: int = 0, mode: str = "between"
) -> dict[str, float | None]:
    """Specificity with its interval over conversations; `mode` is between or within."""
    found = replicated(_made(pairs, shuffles, seed, mode))["specificity"]
    told = {name: float(getattr(found, name)) for name in ("value", "se", "low", "high", "corrected")}
    return _known(told)


def bootstrap(
    pairs: Sequence[Pair], draws: int, shuffles: int = 5, seed: int = 0, mode: str = "between"
) -> list[float]:
    """Specificity of as many draws of conversations: for checks alone, since a draw repeats some and so adds bias."""
    made = _made(pairs, shuffles, seed, mode)
    rng = np.random.default_rng([seed, 1000])
    values = []
    for _ in range(draws):
        times = np.bincount(rng.integers(made.groups, size=made.groups), minlength=made.groups)
        values.append(made.measures(times[made.owner].astype(np.float64))["specificity"])
    return values


def quality(fit: float | None, specificity: float | None, gain: float | None) -> float | None:
    """Cube root of the product of the three, each kept within 0 .. 1; None where one is."""
    value = joint.quality(fit, specificity, gain)
    return value if math.isfinite(value) else None


def replicated(made: joint.Joint) -> dict[str, Replicates]:
    """Every number of the family, and what it is without each conversation; shuffles stay as they are."""
    whole = made.measures()
    without: list[Mapping[str, float]] = []
    for group in range(made.groups):
        kept: Doubles = (made.owner != group).astype(np.float64)
        without.append(made.measures(kept))
    return {name: Replicates(value, np.array([one[name] for one in without])) for name, value in whole.items()}


def _made(pairs: Sequence[Pair], shuffles: int, seed: int, mode: str) -> joint.Joint:
    kept = with_frames(pairs)
    return joint.between(kept, shuffles, seed) if mode == "between" else joint.within(kept, shuffles)


def _known(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
