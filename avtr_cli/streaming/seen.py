"""What a session has shown lately, so that a click on a frame is a place on the photo, whatever the head did then."""

from __future__ import annotations

from collections import deque

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.protocols import KnowsPlaces, Renderer
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.core.types import Identity, Motion

FRAMES = 50  # that are remembered: two seconds, longer than anybody takes to click on what was there


class Seen:
    """The motion of the last FRAMES frames of one identity."""

    def __init__(self, identity: Identity, renderer: Renderer):
        self._identity, self._renderer = identity, renderer
        self._motions: deque[Motion] = deque(maxlen=FRAMES // CHUNK_FRAMES)

    def keep(self, motion: Motion) -> None:
        """These frames are handed out."""
        self._motions.append(motion)

    def forget(self) -> None:
        """Nothing is known to have been shown."""
        self._motions.clear()

    def place_on_photo(self, x: float, y: float, frame: int | None = None) -> tuple[float, float]:
        """What the `frame` (None: the last) shows at a place, as a place of the photo; both in shares, 0 .. 1.

        Before any frame it is the picture at rest. Raises ConfigError for a frame that is not remembered, and where
        the renderer cannot tell.
        """
        if not isinstance(self._renderer, KnowsPlaces):
            raise ConfigError("this renderer cannot tell what its frames show where; use render.renderer mesh or body")
        motion, row = self._shown(frame)
        place = self._renderer.locate(self._identity, motion, row, (x, y))
        return min(max(place[0], 0.0), 1.0), min(max(place[1], 0.0), 1.0)

    def _shown(self, frame: int | None) -> tuple[Motion, int]:
        """The motion that holds a frame, and its row."""
        if frame is None:
            if not self._motions:
                return Motion(self._identity.space, self._identity.neutral[None]), 0
            return self._motions[-1], len(self._motions[-1].values) - 1
        for motion in self._motions:
            if 0 <= frame - motion.first < len(motion.values):
                return motion, frame - motion.first
        last = self._motions[-1] if self._motions else None
        shown = f"the last is {last.first + len(last.values) - 1}" if last else "none was shown yet"
        raise ConfigError(f"frame {frame} is none of the last {FRAMES} that were shown ({shown})")
