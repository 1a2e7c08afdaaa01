"""How sure the hearing is of the own voice into how far that voice moves the face: mouth at once, head by and by.

Lips stay parted over short pauses and come to rest after long ones, as people's do; what head and brows add while
their owner talks comes and goes over half a second, so that neither jumps. Causal, and the same in training's truth.
"""

from __future__ import annotations

import torch
from torch import Tensor

_OPENS, _RESTS = 1 / 3, 1 / 8  # of the mouth's way, a frame
_HELD = 7  # frames of silence over which the lips stay parted; the look-ahead of 5 frames is part of the hearing
_SETTLE = 0.11  # of the distance, a frame and twice over: head and brows take about half a second


def at_rest() -> Tensor:
    """The state before anything was said, float64 (4,): mouth, frames of silence, the two steps of the presence."""
    return torch.tensor([0.0, float(_HELD), 0.0, 0.0], dtype=torch.float64)


def follow(activity: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Activity (T,) in [0, 1] and the state (4,) -> (mouth (T,), presence (T,), state), all but the count in [0, 1]."""
    mouth, silent, near, present = (float(number) for number in state)
    gates, presences = [], []
    for voice in activity.tolist():
        silent = 0.0 if voice > 0.5 else silent + 1
        wanted = max(voice, mouth if silent <= _HELD else 0.0)
        mouth = min(max(wanted, mouth - _RESTS), mouth + _OPENS)
        near += _SETTLE * (mouth - near)
        present += _SETTLE * (near - present)
        gates.append(mouth)
        presences.append(present)
    out = activity.new_tensor([gates, presences])
    return out[0], out[1], torch.tensor([mouth, min(silent, 2.0 * _HELD), near, present], dtype=torch.float64)
