"""Gaussians into pictures on a CPU, by the loops of `kernels/splats.py`; `splatting_torch.py` has the plain form.

The picture is a function of Gaussians and camera alone: memory is kept from one to the next, and shapes nothing.
100 000 small splats take 20 to 40 ms of one core, in which the size of the frame hardly counts.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image
from avtr_cli.core.camera import Pinhole
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.logs import NOTICE
from avtr_cli.kernels import compiling, splats
from avtr_cli.kernels.splat_measures import LOW_PASS
from avtr_cli.render.gaussian.gaussians import Gaussians

logger = logging.getLogger(__name__)

_SPARE = 1.25  # as much memory as is asked for, so that the next frame may need a little more


class Splatter:
    """Draws Gaussians into frames of one size; one thread at a time may ask it."""

    kernels = "compiled"

    def __init__(self, height: int, width: int, low_pass: float = LOW_PASS, threads: int = 1):
        """`low_pass` px^2; `threads` share each frame and change no bit of it.

        Anything may be raised where Numba does not go with this NumPy, LLVM or CPU.
        """
        compiling.load(cache_folder() / "kernels", lambda said: logger.log(NOTICE, said))
        self.low_pass = low_pass
        self.drawn: Floats = np.zeros((height, width, 4), np.float32)
        tiles = -(-width // splats.TILE_WIDTH) * -(-height // splats.TILE_HEIGHT)
        self._starts = np.zeros(tiles + 1, np.int64)
        self._ends = np.empty(tiles, np.int64)
        self._counts = np.empty(2048, np.int32)
        self._listed = np.empty(0, np.int32)
        self._bands = [
            (_aligned(splats.TILE_HEIGHT, splats.PLANES), _aligned(splats.BATCH, splats.RECORD)) for _ in range(threads)
        ]
        self._crew = ThreadPoolExecutor(threads - 1, "splats") if threads > 1 else None
        self._make_room(0)

    def splat(self, gaussians: Gaussians, camera: Pinhole) -> tuple[Floats, Floats]:
        """Premultiplied colours (h, w, 3) and coverage 0 .. 1 (h, w), both float32 and valid until the next call.

        `camera` has this splatter's size. Gaussians that are not finite, nearer than a centimetre or behind the camera
        are left out. Colours may be anything else that is to be averaged over a pixel: distances, say.
        """
        height, width = self.drawn.shape[:2]
        assert camera.size == (width, height), camera.size
        if len(gaussians) > len(self._depths):
            self._make_room(int(_SPARE * len(gaussians)))
        lens = np.array([*camera.focal_px, *camera.centre_px], np.float64)
        while (entries := self._arrange(gaussians, camera.view, lens)) > len(self._listed):
            self._listed = np.empty(int(_SPARE * entries), np.int32)
        self._blend(entries)
        return self.drawn[..., :3], self.drawn[..., 3]

    def over(self, plate: Image, out: Image) -> None:
        """What was drawn last, over `plate`, into `out`, both uint8 (h, w, 3); the plate exactly where nothing is."""
        splats.lay_over(self.drawn, self._starts, plate, out)

    def cut_out(self, out: Image) -> None:
        """What was drawn last as a transparent picture, into `out`: uint8 (h, w, 4), contiguous."""
        splats.cut_out(self.drawn, out)

    @property
    def scratch_bytes(self) -> int:
        """Memory kept between frames, without the frame itself."""
        lists = (self._order, self._other, self._starts, self._ends, self._listed)
        return sum(array.nbytes for array in (self._records, self._depths, self._spans, *lists))

    def _make_room(self, n: int) -> None:
        self._records = _aligned(n, splats.RECORD)
        self._depths = np.empty(n, np.float32)
        self._bits = self._depths.view(np.uint32)
        self._spans = np.empty((n, 4), np.int16)
        self._order, self._other = np.empty(n, np.int32), np.empty(n, np.int32)

    def _arrange(self, gaussians: Gaussians, view: Doubles, lens: Doubles) -> int:
        height, width = self.drawn.shape[:2]
        entries: int = splats.arrange(
            gaussians.means, gaussians.axes, gaussians.opacities, gaussians.colours, view, lens, width, height,
            self.low_pass, self._records, self._depths, self._bits, self._spans, self._order, self._other,
            self._counts, self._starts, self._ends, self._listed,
        )  # fmt: skip
        return entries

    def _blend(self, entries: int) -> None:
        """All tiles, in bands of about as many entries each."""
        shares = np.linspace(0, entries, len(self._bands) + 1)[1:-1]
        cuts = [0, *np.searchsorted(self._starts, shares).tolist(), len(self._starts) - 1]

        def band(number: int) -> None:
            splats.blend(
                self._records,
                self._listed,
                self._starts,
                cuts[number],
                cuts[number + 1],
                *self._bands[number],
                self.drawn,
            )

        if self._crew is None:
            return band(0)
        others = [self._crew.submit(band, number) for number in range(1, len(self._bands))]
        band(0)
        for other in others:
            other.result()


def _aligned(rows: int, columns: int) -> Floats:
    """Uninitialised float32 (rows, columns) that begins with a cache line."""
    memory = np.empty(rows * columns + 16, np.float32)
    skip = -memory.ctypes.data % 64 // 4
    return memory[skip : skip + rows * columns].reshape(rows, columns)
