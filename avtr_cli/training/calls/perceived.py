"""A person's video by our own perception into controls at 25 fps: as `avtr train import FOLDER` reads faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.errors import InputError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.training.people import gates
from avtr_cli.training.people.solver import shipped
from avtr_cli.training.people.telling import activity_of
from avtr_cli.training.people.watching import watch

KNOWN = tuple(name for name in CONTROLS.channels if name != "tongueOut")
SHORTEST = FPS  # frames of a stretch whose face is solved
_QUIET = 0.1  # of the own voice, below which a face may be calm
_PER_FRAME = RATE // FPS


def perceived(who: str, video: Path, speech: Mask) -> tuple[Doubles, Mask]:
    """Controls (T, 58) and where they are told (T,); `speech` (n,) at 100 Hz is the own voice.

    Raises InputError where the video cannot be read or shows no face that can be followed.
    """
    seen = watch(video)
    checked = gates.check(seen, None, None)
    if checked.refusals:
        raise InputError(f"{who}: its .mp4 {checked.refusals[0]}")
    frames = len(seen)
    heard = np.pad(speech[: frames * _PER_FRAME], (0, max(frames * _PER_FRAME - len(speech), 0)))
    quiet = ~(activity_of(heard) > _QUIET)
    controls, told = np.zeros((frames, len(CONTROLS))), np.zeros(frames, bool)
    for first, last in gates.stretches(checked.usable, checked.cuts, SHORTEST):
        points = gates.without_gaps(seen.points[first:last])
        controls[first:last] = shipped().of(points, quiet[first:last])
        told[first:last] = True
    return controls, told
