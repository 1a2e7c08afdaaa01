"""Where a video's last picture had what is followed, and so where the next one is looked at; what is lost is found."""

from __future__ import annotations

from collections.abc import Callable

from avtr_cli.perception.rects import Rect, each_once


class Places:
    """Rectangles from picture to picture; a picture of another size is another video's."""

    def __init__(self, most: int):
        """At most so many are followed."""
        self._most = most
        self._shape: tuple[int, ...] = ()
        self._rects: list[Rect] = []

    def in_next(self, shape: tuple[int, ...], detected: Callable[[], list[Rect]]) -> list[Rect]:
        """Where to look in a picture of `shape`: each place once, what is `detected` too while fewer are known."""
        known = self._rects if shape == self._shape else []
        return each_once((detected() if len(known) < self._most else []) + known)

    def keep(self, shape: tuple[int, ...], rects: list[Rect]) -> None:
        """What was seen in a picture of `shape` lies in `rects`."""
        self._shape, self._rects = shape, rects
