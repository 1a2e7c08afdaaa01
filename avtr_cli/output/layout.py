"""Two pictures into one: both sides of a call in a single video.

`side-by-side` and `stack` show both at the same size; `active-speaker` shows who has the turn large and the
listener in the lower right corner, below the head of most pictures, with a short fade when the turn passes.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Floats, Image, Labels
from avtr_cli.output.layouts import LAYOUTS, layout_size

FADE_FRAMES = 6  # 240 ms
_INSET = 0.28  # side of the listener's picture, as a share of the frame's
_MARGIN = 0.03  # between it and the frame's edge
_BORDER = 0.004  # of a light line around it
_LIGHT = 235  # its grey


class Layout:
    """Composes frames of `sizes` [(width, height)] of the two avatars; `size` is that of the result.

    The second picture is fitted into a cell as large as the first. `shown` is uint8 (frames,), who has the turn;
    only `active-speaker` looks at it. A frame depends on its index and the two pictures alone.
    """

    def __init__(self, name: str, sizes: list[tuple[int, int]], shown: Labels | None = None):
        assert name in LAYOUTS
        self.name = name
        self._cell = sizes[0]
        self.size = layout_size(name, self._cell)
        self._weights = None if shown is None else _faded(shown)
        self._canvas = np.zeros((0,), np.uint8)
        self._fitted = np.zeros((0,), np.uint8)

    def compose(self, first: Image, second: Image, index: int) -> Image:
        """Frame `index` of two pictures uint8 (H, W, C); scratch memory that the next call overwrites."""
        width, height = self._cell
        if self._canvas.shape[2:] != first.shape[2:]:
            self._canvas = np.zeros((self.size[1], self.size[0], first.shape[2]), np.uint8)
            self._fitted = np.zeros((height, width, first.shape[2]), np.uint8)
        second = self._fit(second)
        if self.name == "active-speaker":
            return self._active(first, second, index)
        self._canvas[:height, :width] = first
        self._canvas[-height:, -width:] = second
        return self._canvas

    def _fit(self, picture: Image) -> Image:
        """The picture at the size of a cell: scaled to fit, centred, dark around."""
        import cv2

        (width, height), (own_height, own_width) = self._cell, picture.shape[:2]
        if (own_width, own_height) == (width, height):
            return picture
        scale = min(width / own_width, height / own_height)
        new = (max(1, round(own_width * scale)), max(1, round(own_height * scale)))
        scaled = cv2.resize(picture, new, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        left, top = (width - new[0]) // 2, (height - new[1]) // 2
        self._fitted[top : top + new[1], left : left + new[0]] = scaled
        return self._fitted

    def _active(self, first: Image, second: Image, index: int) -> Image:
        import cv2

        assert self._weights is not None, "active-speaker needs the turns"
        weight = float(self._weights[index])  # of the second picture
        _mix(first, second, weight, self._canvas)
        width, height = self._cell
        inset = (round(width * _INSET), round(height * _INSET))
        right, top = width - round(width * _MARGIN), height - round(width * _MARGIN) - inset[1]
        line = max(1, round(width * _BORDER))
        outer = self._canvas[top - line : top + inset[1] + line, right - inset[0] - line : right + line]
        outer[..., :3] = _LIGHT
        outer[..., 3:] = 255
        inner = self._canvas[top : top + inset[1], right - inset[0] : right]
        small = [
            cv2.resize(p, inset, interpolation=cv2.INTER_AREA)
            for p, seen in ((second, 1 - weight), (first, weight))
            if seen
        ]
        _mix(small[0], small[-1], weight if len(small) > 1 else 0.0, inner)
        return self._canvas


def _mix(first: Image, second: Image, weight: float, out: Image) -> None:
    """first * (1 - weight) + second * weight; one of them as it is at either end."""
    import cv2

    if weight in (0.0, 1.0):
        np.copyto(out, second if weight else first)
    else:
        np.copyto(out, cv2.addWeighted(first, 1 - weight, second, weight, 0))


def _faded(shown: Labels) -> Floats:
    """float32 (frames,): how much of the second picture is large; goes linearly when the turn passes."""
    padded = np.concatenate([np.repeat(shown[:1], FADE_FRAMES - 1), shown]).astype(np.float32)
    return np.convolve(padded, np.full(FADE_FRAMES, 1 / FADE_FRAMES, np.float32), "valid").clip(0, 1)
