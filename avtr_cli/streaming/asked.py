"""What is asked of a session and is not yet due: may it be, and how it lies beside the rest that is saved."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, replace
from typing import Any

import torch

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.protocols import MotionGenerator, is_touchable
from avtr_cli.core.types import BODY_CUES, Asked, Cue


def check_known(motion: MotionGenerator, asked: Iterable[Cue | Interaction]) -> None:
    """Raises ConfigError for a cue that `motion` cannot do, and for an interaction where it answers none."""
    asked = tuple(asked)
    if any(isinstance(one, Interaction) for one in asked) and not is_touchable(motion):
        raise ConfigError("this motion model answers no interactions; leave them out, or use motion.generator lmfm")
    if unknown := sorted({one.name for one in asked if isinstance(one, Cue)} - motion.cues):
        if unknown[0] in BODY_CUES and motion.cues:
            raise ConfigError(f"the cue '{unknown[0]}' is for a whole body; leave it out, or use --preset body")
        known = f"it knows {', '.join(sorted(motion.cues))}" if motion.cues else "it knows none"
        raise ConfigError(
            f"the cue '{unknown[0]}' is none that this motion model can do ({known}); "
            "leave it out, or use motion.generator lmfm"
        )


def as_tensor(asked: Asked) -> torch.Tensor:
    """What is asked as the bytes of a JSON list, to lie beside other tensors."""
    text = json.dumps([[type(one).__name__, *astuple(one)] for one in asked])
    return torch.frombuffer(bytearray(text, "utf-8"), dtype=torch.uint8)


def from_tensor(tensor: torch.Tensor) -> Asked:
    """What `as_tensor` made of them."""
    return tuple(_one_asked(*entry) for entry in json.loads(bytes(tensor.tolist())))


def _one_asked(kind: str, *fields: Any) -> Cue | Interaction:
    if kind == Cue.__name__:
        return Cue(*fields)
    touched = Interaction(*fields)
    return replace(touched, regions=tuple((name, share) for name, share in touched.regions))
