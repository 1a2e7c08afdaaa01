"""How much of people's covariance between the voice heard and the face shown is in a model's: `coupling`, ours.

1 is as people, 0 none, negative the other way round. Products are taken between different conversations alone, so what
is a person's or a call's own cancels, and chance adds nothing however few the calls are: specificity has a bias there,
this has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices
from avtr_cli.evaluation.joint import NOTHING, numbered
from avtr_cli.evaluation.pairs import Pair, begun_again, derangement
from avtr_cli.evaluation.replicates import FEWEST, Replicates

SHRUNK = 0.95  # correlations between columns, before they are taken out
CONSTANT = 1e-9  # a column that varies less than this does not vary
CLEARLY = 2.0  # standard errors above 0


@dataclass(frozen=True)
class Coupled:
    """What one model's faces have of people's coupling. `p` is NaN where nothing was shuffled, or too few calls are.

    seen   whether people's own reaction is clear in these calls; where not, nothing can be told from them
    clear  whether the model's own is: a pattern of nothing is none
    """

    coupling: Replicates
    pattern: Replicates
    p: float
    seen: bool
    clear: bool


def couple(pairs: Sequence[Pair], shuffles: int = 0, seed: int = 0) -> Coupled:
    """The coupling of pairs that all have frames; `p` by as many shuffles of partners."""
    owner = numbered([pair["group"] for pair in pairs])
    if len(set(owner.tolist())) < 2:
        none = Replicates(math.nan, np.zeros(0))
        return Coupled(none, none, math.nan, False, False)
    hears = _whitening([pair["audio"] for pair in pairs])
    shows = _whitening([pair["truth"] for pair in pairs])
    model = _summed([_crossed(p["audio"], p["model"], hears, shows) for p in pairs], owner)
    truth = _summed([_crossed(p["audio"], p["truth"], hears, shows) for p in pairs], owner)
    both, people, own = _product(model, truth), _product(truth, truth), _product(model, model)
    with np.errstate(divide="ignore", invalid="ignore"):
        coupling = Replicates(both.value / people.value, both.without / people.without)
        size = Replicates(own.value * people.value, own.without * people.without)
        pattern = Replicates(
            both.value / math.sqrt(size.value) if own.value > NOTHING and people.value > NOTHING else math.nan,
            both.without / np.sqrt(size.without),
        )
    seen = _clear(people)
    p = _p(pairs, coupling.value, people.value, truth, (hears, shows), (shuffles, seed)) if seen else math.nan
    if not seen:
        coupling = pattern = Replicates(math.nan, np.full(len(truth), np.nan))
    return Coupled(coupling, pattern, p, seen, _clear(own))


def _whitening(sides: list[Doubles]) -> Doubles:
    """(c, c): columns to spread 1 and nearly without correlation, from what varies within each of the pairs."""
    width = sides[0].shape[1]
    covariance = np.zeros((width, width))
    for rows in sides:
        centred = rows - rows.mean(0)
        covariance += centred.T @ centred
    covariance /= sum(map(len, sides))
    spread = np.sqrt(np.diag(covariance))
    scale = np.where(spread > CONSTANT, 1 / np.maximum(spread, CONSTANT), 0.0)
    correlation = SHRUNK * scale[:, None] * covariance * scale
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    inverse_root = (vectors / np.sqrt(values)) @ vectors.T
    whitening: Doubles = inverse_root * scale
    return whitening


def _crossed(heard: Doubles, shown: Doubles, hears: Doubles, shows: Doubles) -> Doubles:
    """A pair's sum of products of what varies in both, whitened, (a * v,)."""
    products: Doubles = hears @ (heard - heard.mean(0)).T @ (shown - shown.mean(0)) @ shows.T
    return products.ravel()


def _summed(crossed: list[Doubles], owner: Indices) -> Doubles:
    """The sums over each conversation, (G, a * v)."""
    sums = np.zeros((int(owner.max()) + 1, len(crossed[0])))
    np.add.at(sums, owner, np.array(crossed))
    return sums


def _product(x: Doubles, y: Doubles) -> Replicates:
    """The sum of <x_i, y_j> over pairs of different conversations, and without each of them."""
    all_x, all_y, same = x.sum(0), y.sum(0), (x * y).sum(1)
    without = ((all_x - x) * (all_y - y)).sum(1) - (same.sum() - same)
    return Replicates(float(all_x @ all_y - same.sum()), without)


def _clear(product: Replicates) -> bool:
    """Whether it lies above 0 by more than its error; of too few conversations nobody knows, and any counts."""
    if len(product.without) < FEWEST:
        return product.value > NOTHING
    return product.value > NOTHING and product.value >= CLEARLY * product.se


def _p(
    pairs: Sequence[Pair],
    value: float,
    people: float,
    truth: Doubles,
    whitenings: tuple[Doubles, Doubles],
    shuffling: tuple[int, int],
) -> float:
    """How often the model's faces, set beside other calls' partners, are coupled as much."""
    owner = numbered([pair["group"] for pair in pairs])
    shuffles, seed = shuffling
    reached = 0
    for k in range(shuffles):
        order = derangement([pair["group"] for pair in pairs], seed, k)
        if order is None:
            return math.nan
        crossed = [
            _crossed(begun_again(pairs[at]["audio"], len(pair["model"])), pair["model"], *whitenings)
            for at, pair in zip(order, pairs, strict=True)
        ]
        reached += _product(_summed(crossed, owner), truth).value / people >= value
    return (1 + reached) / (1 + shuffles) if shuffles else math.nan
