"""OpenCV's extra filters, as far as we call them."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)

def guidedFilter(guide: NDArray[Any], src: NDArray[_T], radius: int, eps: float) -> NDArray[_T]: ...
