"""What is heard and shown, frame by frame, into one Gaussian; and how far a model's lies from people's: CJFD and FMD.

Only moments are kept of each pair, about the pooled mean of truth, so that any choice of conversations is a weighted
sum: the jackknife and the bootstrap read no frame again. From WIDE dimensions on, the moments of all pairs are kept
together, since each takes megabytes and every distance seconds: there is no interval then. Definitions: the AVTR-1
page; where it is silent, ours (see docs/evaluation.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices
from avtr_cli.evaluation.frechet import root, rooted_frechet, wide_frechet
from avtr_cli.evaluation.pairs import Pair, begun_again, derangement

NOTHING = 1e-12  # a denominator, or the length of a vector, below this is none
WIDE = 512  # dimensions of sound and face together
SHORTEST_ROLL = 50  # frames between two rolls of `within`

NAMES = (
    "cjfd_real", "cjfd_shuffled", "cjfd_shuffled_truth", "specificity", "marginal_fit", "fmd_real", "fmd_shuffled",
    "fmd_shuffled_truth", "fmd_gain", "quality",
)  # fmt: skip
"""Of `Joint.measures`, in their order."""

Numbers = dict[str, float]


@dataclass(frozen=True)
class Moments:
    """Frames' counts (P,), sums (P, d) and products (P, d, d), pair by pair, about one common point."""

    count: Doubles
    sums: Doubles
    products: Doubles

    def pooled(self, weights: Doubles) -> tuple[Doubles, Doubles]:
        """Mean and covariance (n - 1) of all frames of the pairs, each pair counted `weights` (P,) times."""
        total = float(weights @ self.count)
        if total < 2:
            size = self.sums.shape[1]
            return np.full(size, np.nan), np.full((size, size), np.nan)
        mean = weights @ self.sums / total
        products = np.tensordot(weights, self.products, 1)
        return mean, (products - total * np.outer(mean, mean)) / (total - 1)


@dataclass(frozen=True)
class Cosines:
    """Sums and counts (P,) of 1 - cos between two vectors a frame; a vector without length counts nowhere."""

    sums: Doubles
    count: Doubles

    def mean(self, weights: Doubles) -> float:
        """Mean over all frames of the pairs, each pair counted `weights` (P,) times."""
        total = float(weights @ self.count)
        return float(weights @ self.sums / total) if total > 0 else math.nan


@dataclass(frozen=True)
class Joint:
    """All that CJFD and FMD are computed from. `shuffled` and its kin have an entry for every shuffle.

    pairs  how many there are
    owner  (P,): number of each pair's conversation, in order of appearance; (1,) where they are kept together
    """

    pairs: int
    owner: Indices
    truth: Moments
    model: Moments
    shuffled: list[Moments]
    shuffled_truth: list[Moments]
    faces: Cosines
    faces_shuffled: list[Cosines]
    faces_shuffled_truth: list[Cosines]

    @property
    def groups(self) -> int:
        """How many conversations there are."""
        return int(self.owner.max()) + 1 if len(self.owner) else 0

    def distances(self, weights: Doubles) -> tuple[float, list[float], list[float]]:
        """CJFD of the model, of the model in every shuffle, and of truth in every shuffle, from truth."""
        mean, covariance = self.truth.pooled(weights)
        if not np.isfinite(covariance).all():
            return math.nan, [], []
        rooted = root(covariance)

        def away(moments: Moments) -> float:
            other_mean, other = moments.pooled(weights)
            if len(mean) >= WIDE:
                return wide_frechet(other_mean, other, mean, covariance, rooted)
            return rooted_frechet(other_mean, other, root(other), mean, covariance, rooted)

        return away(self.model), [away(one) for one in self.shuffled], [away(one) for one in self.shuffled_truth]

    def measures(self, weights: Doubles | None = None) -> Numbers:
        """Every number of the family for the pairs, each counted `weights` (P,) times; NaN where there is none."""
        chosen = np.ones(len(self.owner)) if weights is None else weights
        real, shuffled, of_truth = self.distances(chosen)
        found = {
            "cjfd_real": real,
            "cjfd_shuffled": _mean(shuffled),
            "cjfd_shuffled_truth": _mean(of_truth),
            **ratios(real, _mean(shuffled), _mean(of_truth)),
            "fmd_real": self.faces.mean(chosen),
            "fmd_shuffled": _mean([one.mean(chosen) for one in self.faces_shuffled]),
            "fmd_shuffled_truth": _mean([one.mean(chosen) for one in self.faces_shuffled_truth]),
        }
        found["fmd_gain"] = over(found["fmd_shuffled"] - found["fmd_real"], found["fmd_shuffled_truth"])
        found["quality"] = quality(found["marginal_fit"], found["specificity"], found["fmd_gain"])
        return found


def between(pairs: Sequence[Pair], shuffles: int, seed: int) -> Joint:
    """The published family: in a shuffle a pair hears the partner of another conversation."""
    drawn = [derangement([pair["group"] for pair in pairs], seed, k) for k in range(shuffles)]
    partners = [order for order in drawn if order is not None] if None not in drawn else []

    def shuffled() -> Iterator[tuple[list[Doubles], list[Doubles]]]:
        for order in partners:
            others = [(pairs[at], len(pair["audio"])) for at, pair in zip(order, pairs, strict=True)]
            heard = [begun_again(other["audio"], count) for other, count in others]
            yield heard, [begun_again(other["truth"], count) for other, count in others]

    return _joint(pairs, shuffled())


def within(pairs: Sequence[Pair], shuffles: int) -> Joint:
    """The same without identity: in a shuffle a pair hears its own partner at another time. Leaves short pairs out."""
    kept = [pair for pair in pairs if len(pair["audio"]) // (shuffles + 1) >= SHORTEST_ROLL]

    def turned() -> Iterator[tuple[list[Doubles], None]]:
        for k in range(shuffles):
            steps = [round(len(pair["audio"]) * (k + 1) / (shuffles + 1)) for pair in kept]
            yield [np.roll(pair["audio"], step, axis=0) for pair, step in zip(kept, steps, strict=True)], None

    return _joint(kept, turned())


def ratios(real: float, shuffled: float, of_truth: float) -> Numbers:
    """Specificity and marginal fit from the distances; NaN where shuffled truth lies on the real one."""
    return {
        "specificity": over(shuffled - real, of_truth),
        "marginal_fit": over(1.0, 1 + over(real, of_truth)),
    }


def quality(fit: float | None, specificity: float | None, gain: float | None) -> float:
    """Cube root of the product of the three, each kept within 0 .. 1; NaN where one is not known."""
    parts = [math.nan if part is None else float(part) for part in (fit, specificity, gain)]
    return float(np.cbrt(np.prod(np.clip(parts, 0.0, 1.0)))) if all(map(math.isfinite, parts)) else math.nan


def over(value: float, size: float) -> float:
    """`value` / `size`; NaN where `size` is nothing."""
    return value / size if abs(size) >= NOTHING else math.nan


def prepared(pairs: Sequence[Pair], centre: bool, norm: bool) -> list[Pair]:
    """Rows brought to length 1 (`norm`), then every pair's columns moved to mean 0 (`centre`)."""
    changes: list[tuple[bool, Callable[[Doubles], Doubles]]] = [(norm, _to_length_1), (centre, _to_mean_0)]
    made = list(pairs)
    for change in [change for wanted, change in changes if wanted]:
        made = [
            Pair(group=p["group"], audio=change(p["audio"]), model=change(p["model"]), truth=change(p["truth"]))
            for p in made
        ]
    return made


def numbered(groups: Sequence[Hashable]) -> Indices:
    """Each pair's conversation as a number, in order of appearance."""
    number = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    return np.array([number[group] for group in groups], np.intp)


def _joint(pairs: Sequence[Pair], shuffles: Iterator[tuple[list[Doubles], list[Doubles] | None]]) -> Joint:
    """In each shuffle: what the pairs hear, and whose faces their own are held against (None: nobody's)."""
    audio, model, truth = [p["audio"] for p in pairs], [p["model"] for p in pairs], [p["truth"] for p in pairs]
    middle = _middle(audio, truth)
    together = len(middle) >= WIDE
    shuffled, shuffled_truth, faces_shuffled, faces_shuffled_truth = [], [], [], []
    for heard, shown in shuffles:
        shuffled.append(_moments(heard, model, middle, together))
        shuffled_truth.append(_moments(heard, truth, middle, together))
        if shown is not None:
            faces_shuffled.append(_cosines(model, shown, together))
            faces_shuffled_truth.append(_cosines(truth, shown, together))
    return Joint(
        len(pairs),
        np.zeros(1, np.intp) if together else numbered([pair["group"] for pair in pairs]),
        _moments(audio, truth, middle, together),
        _moments(audio, model, middle, together),
        shuffled,
        shuffled_truth,
        _cosines(model, truth, together),
        faces_shuffled,
        faces_shuffled_truth,
    )


def _middle(audio: list[Doubles], truth: list[Doubles]) -> Doubles:
    if not audio:
        return np.zeros(0)
    count = sum(map(len, audio))
    return np.concatenate([sum(rows.sum(0) for rows in side) / count for side in (audio, truth)])


def _moments(audio: list[Doubles], face: list[Doubles], middle: Doubles, together: bool) -> Moments:
    """Of each pair, or of all in one; pair by pair, so that no second copy of all frames is made."""
    count: list[float] = []
    sums: list[Doubles] = []
    products: list[Doubles] = []
    for heard, shown in zip(audio, face, strict=True):
        rows = np.concatenate([heard, shown], axis=1) - middle
        if together and count:
            count[0] += len(rows)
            sums[0] += rows.sum(0)
            products[0] += rows.T @ rows
        else:
            count.append(len(rows))
            sums.append(rows.sum(0))
            products.append(rows.T @ rows)
    return Moments(np.array(count, np.float64), np.array(sums), np.array(products))


def _cosines(one: list[Doubles], other: list[Doubles], together: bool) -> Cosines:
    sums, count = [], []
    for a, b in zip(one, other, strict=True):
        lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        there = (lengths[0] >= NOTHING) & (lengths[1] >= NOTHING)
        cosine = (a[there] * b[there]).sum(1) / (lengths[0][there] * lengths[1][there])
        sums.append((1 - cosine).sum())
        count.append(there.sum())
    found = np.array([sums, count], np.float64)
    if together:
        found = found.sum(1, keepdims=True)
    return Cosines(found[0], found[1])


def _to_length_1(rows: Doubles) -> Doubles:
    unit: Doubles = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), NOTHING)
    return unit


def _to_mean_0(rows: Doubles) -> Doubles:
    moved: Doubles = rows - rows.mean(0)
    return moved


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
