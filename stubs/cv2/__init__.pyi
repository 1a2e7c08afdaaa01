"""The part of OpenCV that we call, with the dtypes that its own stubs lose: most functions return what they were given.

A name that is missing here is an error of mypy, and wants a line.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import ximgproc as ximgproc

_T = TypeVar("_T", bound=np.generic)
_Array = NDArray[Any]
_Size = tuple[int, int]
_Scalar = Sequence[float] | float

BORDER_CONSTANT: int
BORDER_REFLECT: int
BORDER_REPLICATE: int
CAP_PROP_POS_MSEC: int
COLOR_GRAY2RGB: int
COLOR_RGB2BGR: int
COLOR_BGR2RGB: int
COLOR_RGB2GRAY: int
COLOR_RGB2LAB: int
CV_32F: int
CV_64F: int
DIST_L2: int
DIST_MASK_PRECISE: int
INTER_AREA: int
INTER_CUBIC: int
INTER_LINEAR: int
INTER_NEAREST: int
LINE_AA: int
MORPH_CLOSE: int
MORPH_ELLIPSE: int
TM_CCOEFF_NORMED: int
WARP_INVERSE_MAP: int

class error(Exception): ...

class VideoCapture:
    def __init__(self, filename: str) -> None: ...
    def read(self) -> tuple[bool, NDArray[np.uint8]]: ...
    def set(self, propId: int, value: float) -> bool: ...
    def release(self) -> None: ...

def GaussianBlur(
    src: NDArray[_T], ksize: _Size, sigmaX: float, dst: NDArray[_T] | None = ..., sigmaY: float = ...,
    borderType: int = ...,
) -> NDArray[_T]: ...  # fmt: skip
def Laplacian(src: _Array, ddepth: int) -> NDArray[np.floating[Any]]: ...
def absdiff(src1: NDArray[_T], src2: NDArray[_T], dst: NDArray[_T] | None = ...) -> NDArray[_T]: ...
def addWeighted(
    src1: NDArray[_T], alpha: float, src2: NDArray[_T], beta: float, gamma: float, dst: NDArray[_T] | None = ...
) -> NDArray[_T]: ...
def calcOpticalFlowPyrLK(
    prevImg: NDArray[np.uint8], nextImg: NDArray[np.uint8], prevPts: NDArray[np.float32],
    nextPts: NDArray[np.float32] | None, status: None = ..., err: None = ..., winSize: _Size = ..., maxLevel: int = ...,
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]: ...  # fmt: skip
def circle(
    img: NDArray[_T], center: tuple[int, int], radius: int, color: _Scalar, thickness: int = ..., lineType: int = ...
) -> NDArray[_T]: ...
def connectedComponents(image: NDArray[np.uint8]) -> tuple[int, NDArray[np.int32]]: ...
def convertScaleAbs(src: _Array, dst: NDArray[np.uint8] | None = ..., alpha: float = ...) -> NDArray[np.uint8]: ...
def copyMakeBorder(
    src: NDArray[_T], top: int, bottom: int, left: int, right: int, borderType: int, *, value: _Scalar = ...
) -> NDArray[_T]: ...
def copyTo(src: NDArray[_T], mask: NDArray[np.uint8], dst: NDArray[_T] | None = ...) -> NDArray[_T]: ...
def createHanningWindow(winSize: _Size, type: int) -> NDArray[np.floating[Any]]: ...
def cvtColor(src: NDArray[_T], code: int, dst: NDArray[_T] | None = ...) -> NDArray[_T]: ...
def dilate(
    src: NDArray[_T], kernel: _Array, dst: NDArray[_T] | None = ..., *, iterations: int = ...
) -> NDArray[_T]: ...
def distanceTransform(src: NDArray[np.uint8], distanceType: int, maskSize: int) -> NDArray[np.float32]: ...
def ellipse(
    img: NDArray[_T], center: tuple[int, int], axes: tuple[int, int], angle: float, startAngle: float, endAngle: float,
    color: _Scalar, thickness: int = ..., lineType: int = ...,
) -> NDArray[_T]: ...  # fmt: skip
def erode(
    src: NDArray[_T], kernel: _Array, dst: NDArray[_T] | None = ..., *, iterations: int = ...,
    borderType: int = ..., borderValue: _Scalar = ...,
) -> NDArray[_T]: ...  # fmt: skip
def fillPoly(
    img: NDArray[_T], pts: Sequence[NDArray[np.int32]], color: _Scalar, lineType: int = ..., shift: int = ...
) -> NDArray[_T]: ...
def getStructuringElement(shape: int, ksize: _Size) -> NDArray[np.uint8]: ...
def goodFeaturesToTrack(
    image: NDArray[Any], maxCorners: int, qualityLevel: float, minDistance: float, corners: None = ...,
    mask: NDArray[np.uint8] | None = ...,
) -> NDArray[np.float32] | None: ...  # fmt: skip
def imencode(ext: str, img: _Array, params: Sequence[int] = ...) -> tuple[bool, NDArray[np.uint8]]: ...
def imread(filename: str, flags: int = ...) -> NDArray[np.uint8] | None: ...
def imwrite(filename: str, img: _Array, params: Sequence[int] = ...) -> bool: ...
def invertAffineTransform(M: NDArray[_T]) -> NDArray[_T]: ...
def matchTemplate(image: NDArray[_T], templ: NDArray[_T], method: int) -> NDArray[np.float32]: ...
def merge(mv: Sequence[NDArray[_T]]) -> NDArray[_T]: ...
def morphologyEx(src: NDArray[_T], op: int, kernel: _Array) -> NDArray[_T]: ...
def phaseCorrelate(
    src1: NDArray[_T], src2: NDArray[_T], window: _Array | None = ...
) -> tuple[tuple[float, float], float]: ...
def polylines(
    img: NDArray[_T], pts: Sequence[NDArray[np.int32]], isClosed: bool, color: _Scalar, thickness: int = ...,
    lineType: int = ..., shift: int = ...,
) -> NDArray[_T]: ...  # fmt: skip
def pyrDown(src: NDArray[_T]) -> NDArray[_T]: ...
def pyrUp(src: NDArray[_T], dst: NDArray[_T] | None = ..., dstsize: Sequence[int] = ...) -> NDArray[_T]: ...
def remap(
    src: NDArray[_T], map1: NDArray[np.float32], map2: NDArray[np.float32], interpolation: int,
    dst: NDArray[_T] | None = ..., borderMode: int = ..., borderValue: _Scalar = ...,
) -> NDArray[_T]: ...  # fmt: skip
def resize(
    src: NDArray[_T], dsize: _Size | None, dst: NDArray[_T] | None = ..., fx: float = ..., fy: float = ...,
    interpolation: int = ...,
) -> NDArray[_T]: ...  # fmt: skip
def sepFilter2D(
    src: NDArray[_T], ddepth: int, kernelX: _Array, kernelY: _Array, dst: NDArray[_T] | None = ...,
    anchor: tuple[int, int] = ..., delta: float = ..., borderType: int = ...,
) -> NDArray[_T]: ...  # fmt: skip
def setNumThreads(nthreads: int) -> None: ...
def split(m: NDArray[_T]) -> tuple[NDArray[_T], ...]: ...
def warpAffine(
    src: NDArray[_T], M: _Array, dsize: _Size, dst: NDArray[_T] | None = ..., flags: int = ..., borderMode: int = ...,
    borderValue: _Scalar = ...,
) -> NDArray[_T]: ...  # fmt: skip
