"""What a job is busy with, for whoever watches it: a bar, a log, a program."""

from __future__ import annotations

import enum
from collections.abc import Callable


class Step(enum.Enum):
    """In the order in which they come; a job without a mark or a page leaves theirs out, and
    one whose motion is made as it goes has none to make before. The values are for people."""

    START = "starting"
    LISTEN = "listening to the sound"
    LOAD = "loading models"
    FACE = "finding the face"
    MOVE = "making the motion of the call"
    WARM_UP = "warming up"
    RENDER = "rendering"
    JOIN = "joining"
    SIGN = "signing"
    PAGE = "drawing the page"


OnStep = Callable[[Step], None]
"""Called when a step begins."""


def unwatched(step: Step) -> None:
    """Nobody looks."""
