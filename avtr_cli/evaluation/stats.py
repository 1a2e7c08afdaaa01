"""The few statistics that several measures share: correlation with a lag, AUC, intervals, permutation tests."""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Reals

DRAWS = 2000  # of a bootstrap or a permutation test; the second digit of a p-value stands still


def correlation(x: Reals, y: Reals) -> float:
    """Pearson's r of two (T,) series; NaN where one of them does not vary or fewer than 3 values are given."""
    if len(x) < 3:
        return float("nan")
    a, b = x - x.mean(), y - y.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 1e-12 else float("nan")


def lagged_correlation(leader: Reals, follower: Reals, reach: int) -> tuple[float, int]:
    """The highest r over lags -reach .. reach and its lag: `follower[t + lag]` goes with `leader[t]`.

    A positive lag means that the follower is late. On a tie the lag nearest to zero wins.
    """
    best, at = float("nan"), 0
    count = len(leader)
    for lag in sorted(range(-reach, reach + 1), key=abs):
        now = slice(max(0, -lag), min(count, count - lag))
        then = slice(max(0, lag), min(count, count + lag))
        r = correlation(leader[now], follower[then])
        if np.isfinite(r) and not r <= best:
            best, at = r, lag
    return best, at


def auc(higher: Reals, lower: Reals) -> float:
    """The chance that a draw of `higher` exceeds one of `lower`, ties counting half; 0.5 tells nothing apart."""
    if not len(higher) or not len(lower):
        return float("nan")
    difference = np.asarray(higher)[:, None] - np.asarray(lower)[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def auc_interval(higher: Reals, lower: Reals, rng: np.random.Generator, level: float = 0.95) -> tuple[float, float]:
    """Bootstrap interval of the AUC of (units, repeats) scores: whole units are drawn, since repeats are not new."""
    units = len(higher)
    if units < 2:
        return float("nan"), float("nan")
    drawn = []
    for _ in range(DRAWS):
        rows = rng.integers(units, size=units)
        drawn.append(auc(higher[rows].ravel(), lower[rows].ravel()))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_p(differences: Reals, rng: np.random.Generator) -> float:
    """One-sided p of a mean above zero when the sign of each difference is exchangeable (sign-flip test)."""
    if not len(differences):
        return float("nan")
    signs = rng.choice((-1.0, 1.0), size=(DRAWS, len(differences)))
    return float((1 + ((signs * differences).mean(1) >= differences.mean()).sum()) / (1 + DRAWS))


def upper_p(value: float, chance: Reals) -> float:
    """One-sided p of `value` among values drawn under chance; NaN where there are none."""
    chance = chance[np.isfinite(chance)]
    if not len(chance) or not np.isfinite(value):
        return float("nan")
    return float((1 + (chance >= value).sum()) / (1 + len(chance)))
