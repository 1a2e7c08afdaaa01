"""The event head frame by frame, in NumPy: ten products of a matrix and a vector, too small to be worth a torch call.

`event_head.EventHead.forward` is the plain form.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.motion.gestures import EVENTS
from avtr_cli.motion.lmfm.decisions import Hazards
from avtr_cli.motion.lmfm.event_head import HALF_LIVES, EventHead


class HazardHead:
    """One person's hazards and gaze cells, guided by the partner.

    `guidance` above 1 sets answers off from what would happen without a partner.
    """

    def __init__(self, head: EventHead, person: Tensor, guidance: float) -> None:
        first, last = (layer for layer in head.decide if isinstance(layer, nn.Linear))
        weights = first.weight.detach().T.contiguous()
        ages = len(HALF_LIVES) * len(EVENTS)
        self._of_memory, of_ages, of_person = (part.numpy() for part in weights.split([head.width, ages, len(person)]))
        self._of_ages: Floats = of_ages
        self._bias: Floats = person.numpy() @ of_person + first.bias.detach().numpy()
        self._last: Floats = last.weight.detach().T.contiguous().numpy()
        self._last_bias: Floats = last.bias.detach().numpy()
        self._lives = np.array(HALF_LIVES, np.float32)[:, None]
        self._guidance = np.float32(guidance)

    @property
    def deaf(self) -> bool:
        """Whether it also has to know what would be without the partner."""
        return bool(self._guidance != 1)

    def of(self, memory: Floats) -> Hazards:
        """The hazards of a chunk whose event memory is (1 or 2, T, 60), the second row without the partner."""
        known = memory @ self._of_memory + self._bias

        def hazards(frame: int, since: Floats) -> tuple[Doubles, Doubles]:
            ages = np.exp(-since.astype(np.float32) / self._lives).reshape(-1)
            hidden = known[:, frame] + ages @ self._of_ages
            out = _gelu(hidden) @ self._last + self._last_bias
            logits, cells = out[0, : len(EVENTS)], out[0, len(EVENTS) :]
            if self.deaf:
                logits = logits + (self._guidance - 1) * (logits - out[1, : len(EVENTS)])
            return logits.astype(np.float64), cells.astype(np.float64)

        return hazards


def _gelu(x: Floats) -> Floats:
    """The exact one; NumPy has no error function."""
    half: Floats = np.float32(0.5) * x
    smooth: Floats = half * (1 + torch.erf(torch.from_numpy(x * np.float32(0.5**0.5))).numpy())
    return smooth
