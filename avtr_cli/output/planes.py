"""Pictures as H.264 keeps them, made here and not by ffmpeg: half the bytes to hand over, and no conversion there.

BT.709 in limited range, the same bytes whichever form makes them: the compiled loop (`kernels/yuv.py`), or `plain`,
which takes some ten times as long. A job's frames are hashed before, as they were drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from avtr_cli.core.arrays import Grey, Image
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.logs import NOTICE
from avtr_cli.kernels.yuv_measures import BLACK, BLUENESS, BRIGHTNESS, GREY, HALF, REDNESS, SHIFT

logger = logging.getLogger(__name__)

TAGS = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
"""What ffmpeg is told of the colours, where it reads and where it writes them: else it would convert them."""
ToPlanes = Callable[[Image, Grey], object]
"""Takes a picture, uint8 (H, W, 3), and fills `planes`, uint8 (`planes_size`,): ffmpeg's yuv420p."""


def converter(kernels: str = "auto") -> ToPlanes:
    """The compiled loop, made ready; `plain` where `kernels`, as `runtime.kernels`, is off or Numba does not work."""
    if kernels == "off":
        return plain
    try:
        from avtr_cli.kernels import compiling, yuv

        compiling.load(cache_folder() / "kernels", lambda said: logger.log(NOTICE, said), [yuv.__name__])
    except Exception as error:  # whatever Numba raises where it does not go with this NumPy, LLVM or CPU
        logger.info("pictures are converted by the plain form: %s", error)
        return plain
    return yuv.to_planes


def plain(picture: Image, planes: Grey) -> None:
    """As `kernels.yuv.to_planes`."""
    height, width = picture.shape[:2]
    whole = picture.astype(np.int32)
    light = _weighed(whole, BRIGHTNESS) + BLACK + HALF >> SHIFT
    even = np.pad(whole, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    four = even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]
    differences = (_weighed(four, weights) + 4 * (GREY + HALF) >> SHIFT + 2 for weights in (BLUENESS, REDNESS))
    np.concatenate([part.ravel() for part in (light, *differences)], out=planes, casting="unsafe")


def _weighed(colours: NDArray[np.int32], weights: tuple[int, int, int]) -> NDArray[np.int32]:
    red, green, blue = (np.int32(weight) for weight in weights)
    weighed: NDArray[np.int32] = red * colours[..., 0] + green * colours[..., 1] + blue * colours[..., 2]
    return weighed
