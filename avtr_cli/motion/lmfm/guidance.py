"""Which conditions a chunk's motion is told without, so that classifier-free guidance can weigh them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avtr_cli.core.config import MotionConfig
from avtr_cli.motion.lmfm.hearing import FLAGS


@dataclass(frozen=True)
class Branch:
    """What one forward of the flows is told: everything, or all `without` avatar, partner or person.

    person (P,) is who it believes to move; `weight` is the guidance by what it is told without.
    """

    without: str
    weight: float
    person: Tensor

    @property
    def mouth(self) -> bool:
        """Whether the mouth follows it: the partner has no part in the mouth."""
        return self.without != "partner"

    def flags(self) -> Tensor:
        """(12,): 1 for the flags that it is told of, 0 for those it is not."""
        told = torch.ones(2 * FLAGS)
        if self.without == "avatar":
            told[:FLAGS] = 0
        if self.without == "partner":
            told[FLAGS:] = 0
        return told


def branches_of(config: MotionConfig, person: Tensor, no_person: Tensor) -> tuple[Branch, ...]:
    """The whole first, then one for every guidance that is not 1."""
    weights = {
        "avatar": config.avatar_guidance,
        "partner": config.partner_guidance,
        "person": config.identity_guidance,
    }
    others = (
        Branch(name, weight, no_person if name == "person" else person)
        for name, weight in weights.items()
        if weight != 1.0
    )
    return (Branch("", 1.0, person), *others)
