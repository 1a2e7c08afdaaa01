"""From where a video is seen, as people ask for it: a word or a file into views, and a view into a camera.

A view walks the photo's camera around the person. Several views with times make a camera that moves from one to the
next and rests at each, as a dolly does.
"""

from __future__ import annotations

import bisect
import itertools
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.core import plain_yaml
from avtr_cli.core.camera import FRONT, Camera, Vector, orbit
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.limits import FURTHEST_DEG, ORBIT, VIEWS_SUFFIXES
from avtr_cli.core.textfile import quoted
from avtr_cli.core.timing import FPS

LIMITS = {  # of a view's numbers
    "at": (0.0, 360_000.0),
    "yaw": (-FURTHEST_DEG[0], FURTHEST_DEG[0]),
    "pitch": (-FURTHEST_DEG[1], FURTHEST_DEG[1]),
    "distance": (0.3, 5.0),
    "right": (-2.0, 2.0),
    "up": (-2.0, 2.0),
}
HOLDS_DEG = 30.0  # to either side: beyond it much is made up


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the camera is, against the photo's; the names are those of a file of views.

    at         s, when a moving camera is there
    yaw, pitch degrees around the person: to the right of the picture, and upwards
    distance   times the photo's
    right, up  metres that it is moved aside
    """

    at: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    distance: float = 1.0
    right: float = 0.0
    up: float = 0.0

    def camera(self, pivot: Vector) -> Camera:
        """It, walked about `pivot`, metres, whose size in the frame is the photo's where `distance` is 1."""
        if self == View(at=self.at):
            return FRONT
        around = orbit(self.yaw, self.pitch, pivot)
        rotation, middle = np.array(around.rotation), np.array(pivot)
        x, y, z = middle - rotation.T @ (self.distance * middle) + rotation.T @ np.array([self.right, -self.up, 0.0])
        return Camera(rotation=around.rotation, position=(float(x), float(y), float(z)))


Views = tuple[View, ...]
"""One, or those of a moving camera in the order of their times."""


def file_of(text: str) -> Path | None:
    """The file of views that `text` names, if it does."""
    return Path(text) if text.lower().endswith(VIEWS_SUFFIXES) else None


def parse_views(text: str) -> Views:
    """What `text`, as render.camera has it, asks for. Raises ConfigError for a file that cannot be understood."""
    if (path := file_of(text)) is not None:
        return _of_file(path)
    if found := ORBIT.fullmatch(text):
        yaw, pitch = map(float, found.groups("0"))
        return (View(yaw=yaw, pitch=pitch),)
    return (View(),)


def view_at(views: Views, frame: int) -> View:
    """Where the camera is at `frame`: it leaves each view and comes to the next without a jolt."""
    seconds = frame / FPS
    after = bisect.bisect_right([view.at for view in views], seconds)
    if after in (0, len(views)):
        return views[min(after, len(views) - 1)]
    one, other = views[after - 1], views[after]
    share = (seconds - one.at) / (other.at - one.at)
    eased = share**3 * (10 - 15 * share + 6 * share**2)  # speed and acceleration are 0 at both ends
    mixed = {f.name: (1 - eased) * getattr(one, f.name) + eased * getattr(other, f.name) for f in fields(View)}
    return View(**mixed)


def doubts(views: Views) -> tuple[str, ...]:
    """What to tell of them: that much of what they show the photo does not know."""
    furthest = max(math.hypot(view.yaw, view.pitch) for view in views)
    if furthest <= HOLDS_DEG:
        return ()
    return (
        f"the camera goes {furthest:.0f} degrees around the person; beyond {HOLDS_DEG:.0f} much of what it sees is "
        "made up, as the photo does not show it",
    )


def _of_file(path: Path) -> Views:
    said = plain_yaml.load_file(path)
    if isinstance(said, dict):
        return (_view(said, str(path)),)
    if not isinstance(said, list) or not said:
        raise ConfigError(
            f"{path}: holds no views; write one, as in 'yaw: 20', or a list with times, - {{at: 0, yaw: 20}}"
        )
    views = tuple(_view(one, f"{path}: view {number}") for number, one in enumerate(said, 1))
    for number, (one, other) in enumerate(itertools.pairwise(views), 2):
        if other.at <= one.at:
            raise ConfigError(
                f"{path}: view {number} is at {other.at:g} s, not after the one before; give each its time"
            )
    return views


def _view(said: Any, where: str) -> View:
    if not isinstance(said, dict):
        raise ConfigError(f"{where}: {quoted(said)} is no view; write it as in {{at: 2, yaw: 20, pitch: 5}}")
    for name, value in said.items():
        if name not in LIMITS:
            raise ConfigError(f"{where}: a view has no {quoted(name)}; there are {', '.join(LIMITS)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not _within(name, value):
            low, high = LIMITS[name]
            raise ConfigError(f"{where}: {name} is {quoted(value)}, but must lie between {low:g} and {high:g}")
    return View(**{name: float(value) for name, value in said.items()})


def _within(name: str, value: float) -> bool:
    low, high = LIMITS[name]
    return low <= value <= high
