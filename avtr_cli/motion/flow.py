"""Flow matching for motion, as pure functions: base noise, Gaussian skip, guidance, Euler steps, innovations.

A flow carries noise x_0 to motion x_1 along dx/dt = v(x, t) (Lipman et al. 2023, arXiv:2210.02747), trained on
straight lines x_t = (1 - t) x_0 + t x_1, whose velocity is x_1 - x_0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

Velocity = Callable[[Tensor, float], Tensor]


def euler(velocity: Velocity, noise: Tensor, steps: int) -> Tensor:
    """Follow the velocity from noise (t = 0) to motion (t = 1); the same shape out. The error falls as 1 / steps."""
    x = noise
    for i in range(steps):
        x = x + velocity(x, i / steps) / steps
    return x


def truncated_normal(uniform: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """N(0, 1) cut to [low, high], by its inverse distribution function at `uniform` in [0, 1)."""
    return _between(uniform, *(0.5 + 0.5 * torch.erf(torch.as_tensor(end) / 2**0.5) for end in (low, high)))


def _between(uniform: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The normal draw whose distribution function is `uniform` of the way from `low` to `high`."""
    p = (low + (high - low) * uniform).clamp(1e-6, 1 - 1e-6)
    return torch.erfinv(2 * p - 1) * 2**0.5


def ar1_noise(uniform: Tensor, last: Tensor | None, correlation: float, limit: float) -> Tensor:
    """AR(1) base noise along frames, within +-limit; `uniform` (..., T, C) in [0, 1), `last` (..., C) carried or None.

    n_t = c n_(t-1) + s e_t with c = a / sqrt(1 + a^2), s = 1 / sqrt(1 + a^2); e_t is a normal draw cut so that
    |n_t| <= limit (the AVTR-1 page; a is `correlation`). Without `last` the first row is drawn by itself.
    """
    s = (1 + correlation**2) ** -0.5
    c = correlation * s
    ends = uniform.new_tensor([[limit], [-limit]])
    rows = []
    for t in range(uniform.shape[-2]):
        u = uniform[..., t, :]
        if last is None:
            last = truncated_normal(u, -limit, limit)
        else:
            kept = c * last
            low, high = (0.5 + 0.5 * torch.erf((kept.unsqueeze(-2) + ends) / -s / 2**0.5)).unbind(-2)
            last = kept + s * _between(u, low, high)
        rows.append(last)
    return torch.stack(rows, dim=-2)


@lru_cache(maxsize=8)
def ar1_sd(correlation: float, limit: float) -> float:
    """Standard deviation of `ar1_noise` once it has run in.

    Density of the chain: phi(x) times the chance that a step from x stays within the limit, because
    phi(x) phi((y - c x) / s) is the same both ways.
    """
    s = (1 + correlation**2) ** -0.5
    x = torch.linspace(-limit, limit, 4001, dtype=torch.float64)
    stays = _normal((limit - correlation * s * x) / s) - _normal((-limit - correlation * s * x) / s)
    density = torch.exp(-0.5 * x * x) * stays
    return float(((x * x * density).sum() / density.sum()).sqrt())


def _normal(x: Tensor) -> Tensor:
    """The standard normal's distribution function."""
    return 0.5 * (1 + torch.erf(x / 2**0.5))


def gaussian_skip(x: Tensor, t: Tensor | float, mean: Tensor, scale: Tensor, base: float) -> Tensor:
    """The exact velocity when motion is N(mean, scale^2) and base noise N(0, base^2), both independent per channel.

    v = mean + c (x - t mean), c = (t scale^2 - (1 - t) base^2) / (t^2 scale^2 + (1 - t)^2 base^2). With it the
    network only has to learn how motion departs from a Gaussian around a predicted mean.
    """
    var, noise = scale * scale, base * base
    c = (t * var - (1 - t) * noise) / (t * t * var + (1 - t) * (1 - t) * noise)
    return mean + c * (x - t * mean)


def euler_gain(steps: int) -> float:
    """What `euler` makes of a unit Gaussian that should stay one: few steps cut the corner and lose spread.

    0.72 for 4 steps; base noise divided by it comes out with the spread that was learned. One step leads to the mean
    from anywhere, so that no division brings the spread back: 1.
    """
    if steps == 1:
        return 1.0
    gain = 1.0
    for i in range(steps):
        t = i / steps
        gain *= 1 + (2 * t - 1) / (t * t + (1 - t) * (1 - t)) / steps
    return gain


def guided(full: Tensor, without: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Classifier-free guidance, anchored: v + sum (w - 1) (v - v_without). A weight of 1 changes nothing.

    Ho & Salimans 2022, arXiv:2207.12598, with one term per condition.
    """
    out = full
    for velocity, weight in zip(without, weights, strict=True):
        out = out + (weight - 1.0) * (full - velocity)
    return out


class Innovations:
    """Smooth channels in coordinates where their unpredictable part is white.

    The next K frames' change from the last frame is predicted linearly from (last, last three differences);
    what remains has a K x K covariance U L U^T per channel, and the code is L^-1/2 U^T remainder. White noise
    decoded this way already moves with the data's own speed and smoothness, and the level's part in the
    prediction pulls it home, so it cannot drift.

    past (..., 4, C) are the last four frames, oldest first; frames (..., K, C); codes (..., K, C).
    """

    def __init__(self, predictor: Tensor, whiten: Tensor, colour: Tensor) -> None:
        self.predictor, self.whiten, self.colour = predictor, whiten, colour  # (C,K,4), (C,K,K), (C,K,K)

    def predict(self, past: Tensor) -> Tensor:
        """The next K frames (..., K, C) expected after the last four, `past` (..., 4, C)."""
        d = past[..., 1:, :] - past[..., :-1, :]
        seen = torch.stack([past[..., 3, :], d[..., 2, :], d[..., 1, :], d[..., 0, :]], dim=-1)
        change = torch.einsum("...cj,ckj->...kc", seen, self.predictor)
        return past[..., 3:4, :] + change

    def encode(self, frames: Tensor, past: Tensor) -> Tensor:
        """The codes of `frames`: what of them the prediction from `past` misses, whitened."""
        return torch.einsum("...kc,cmk->...mc", frames - self.predict(past), self.whiten)

    def decode(self, codes: Tensor, past: Tensor) -> Tensor:
        """The frames of `codes` after `past`: the inverse of `encode`."""
        return self.predict(past) + torch.einsum("...mc,ckm->...kc", codes, self.colour)

    @classmethod
    def fit(cls, paths: Tensor, frames: int) -> Innovations:
        """Least squares over `paths` (N, T, C), z-scored; T >= frames + 4."""
        blocks = paths.double().unfold(1, frames + 4, 2)  # (N, M, C, 4 + K)
        blocks = blocks.reshape(-1, *blocks.shape[2:])
        past, future = blocks[..., :4], blocks[..., 4:]
        d = past[..., 1:] - past[..., :-1]
        seen = torch.stack([past[..., 3], d[..., 2], d[..., 1], d[..., 0]], dim=-1).transpose(0, 1)  # (C, n, 4)
        change = (future - past[..., 3:]).transpose(0, 1)  # (C, n, K)
        gram = seen.transpose(1, 2) @ seen + 1e-6 * torch.eye(4, dtype=torch.float64)
        predictor = torch.linalg.solve(gram, seen.transpose(1, 2) @ change)  # (C, 4, K)
        remainder = change - seen @ predictor
        covariance = remainder.transpose(1, 2) @ remainder / remainder.shape[1]
        values, vectors = torch.linalg.eigh(covariance)
        sd = values.clamp_min(1e-12).sqrt()
        whiten = vectors.transpose(1, 2) / sd.unsqueeze(-1)
        colour = vectors * sd.unsqueeze(1)
        return cls(predictor.transpose(1, 2).float(), whiten.float(), colour.float())
