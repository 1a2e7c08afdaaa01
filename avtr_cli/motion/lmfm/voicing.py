"""How sure the hearing is of the own voice into how far that voice moves the face: mouth at once, head by and by.

Lips stay parted over short pauses and come to rest after long ones, as people's do; what brows and smile add while
their owner talks comes over half a second and goes with the lips, so that neither jumps. The head stays where talk
left it and comes back over seconds, so that a listener's head is calm. Causal, and the same in training's truth.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.timing import FPS
from avtr_cli.motion.lmfm.articulation import FACE

_OPENS, _RESTS = 1 / 3, 1 / 8  # of the mouth's way, a frame
_HELD = 7  # frames of silence over which the lips stay parted; the look-ahead of 5 frames is part of the hearing
_SETTLE = 0.11  # of the distance, a frame and twice over: head and brows take about half a second to join
_WAITS, _LEAVES = 2, 1 / 8  # frames of silence before they leave; of their way, a frame
_LEAK = 1 / (6.0 * FPS)  # of the way back to rest, a frame: six seconds for a head that talk has left somewhere
_TALK = [column for column, name in enumerate(FACE) if name.startswith("talk") or name == "browSide"]
_HEAD = [FACE.index(f"talk{axis}") for axis in ("Pitch", "Yaw", "Roll", "X", "Y", "Z")]


def at_rest() -> Tensor:
    """The state before anything was said, float64 (5,): mouth, frames of silence, two steps of joining, and leaving."""
    return torch.tensor([0.0, float(_HELD), 0.0, 0.0, 0.0], dtype=torch.float64)


def follow(activity: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Activity (T,) in [0, 1] and the state (5,) -> (mouth (T,), presence (T,), state), all but the count in [0, 1]."""
    mouth, silent, near, joined, left = (float(number) for number in state)
    gates, presences = [], []
    for voice in activity.tolist():
        silent = 0.0 if voice > 0.5 else silent + 1
        wanted = max(voice, mouth if silent <= _HELD else 0.0)
        mouth = min(max(wanted, mouth - _RESTS), mouth + _OPENS)
        near += _SETTLE * (mouth - near)
        joined += _SETTLE * (near - joined)
        left = min(max(float(silent <= _WAITS), left - _LEAVES), left + _LEAVES)
        gates.append(mouth)
        presences.append(joined * left * left * (3 - 2 * left))
    out = activity.new_tensor([gates, presences])
    after = torch.tensor([mouth, min(silent, 2.0 * _HELD), near, joined, left], dtype=torch.float64)
    return out[0], out[1], after


def unmoved() -> Tensor:
    """Where talk has left the head before anything was said, float64 (6,)."""
    return torch.zeros(len(_HEAD), dtype=torch.float64)


def let_through(face: Tensor, presence: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """What talk adds to the face, as far as it is shown: (face (T, 26), where the head is left (6,)).

    Brows and smile are as large as the presence (T,). The head follows talk the closer the more of its owner is
    present; in a pause it stays, and leaks back to rest.
    """
    shown = face.clone()
    shown[:, _TALK] *= presence.unsqueeze(-1)
    told, left = face[:, _HEAD].double().numpy(), held.numpy()
    passed = []
    for present, there in zip(presence.tolist(), told, strict=True):
        left = left + gain(present) * (there - left) - leak(present) * left
        passed.append(left)
    shown[:, _HEAD] = torch.from_numpy(np.stack(passed)).to(face)
    return shown, torch.from_numpy(left)


def gain(presence: float) -> float:
    """Of the distance from where the head is to where talk wants it, a frame."""
    return presence**3


def leak(presence: float) -> float:
    """Of the head's way back to rest, a frame."""
    return (1 - presence) * _LEAK


def of_whole(activity: Tensor, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A call (T,), (T, 26) from its beginning: mouth (T,), presence (T,), and the face as it is shown (T, 25)."""
    mouth, presence, _ = follow(activity, at_rest())
    return mouth, presence, let_through(face, presence, unmoved())[0]
