"""Clips of 16 pictures into the 400 numbers that FVD is computed from: I3D (Carreira & Zisserman 2017), as TorchScript.

TorchScript runs what is in the file, and nobody vouches for this one. So it is loaded and run in a process of its own,
which has none of this one's environment and may make no file grow; only numbers come back from it.
"""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import weakref
from pathlib import Path
from typing import BinaryIO

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Frames
from avtr_cli.core.errors import WeightsError
from avtr_cli.weights.tensors import again

FILES = "eval/i3d"  # in the registry of published weights
CLIP_FRAMES = 16
SIDE = 224  # px
FEATURES = 400
ISOLATED = "in a process of its own, without environment, that can make no file grow"
_CLIP_BYTES = CLIP_FRAMES * SIDE * SIDE * 3
_HEAD = struct.Struct("<cI")  # of an answer: what it is, and how many bytes follow
_READY, _NUMBERS, _FAILED = b"r", b"n", b"f"
_KEPT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "LD_LIBRARY_PATH")  # of the environment


class I3D:
    """The network of `path`, running in a process of its own until `close`, or until nobody holds this.

    Raises WeightsError where the file is not the network.
    """

    def __init__(self, path: Path):
        self._path = path
        known = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=known | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            cwd="/",
        )
        self._end = weakref.finalize(self, _end, self._process)
        self._answer(_READY)

    def features(self, clip: Frames) -> Doubles:
        """A clip (16, 224, 224, 3), RGB -> (400,). Raises WeightsError where the network does not give that."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(clip).tobytes())
            self._process.stdin.flush()
        except (OSError, ValueError) as error:  # a broken pipe, or one that was closed
            raise self._wrong("its process ended") from error
        found = np.frombuffer(self._answer(_NUMBERS), np.float32)
        if found.shape != (FEATURES,) or not np.isfinite(found).all():
            raise self._wrong(f"it gives {found.size} numbers for a clip, not {FEATURES} finite ones")
        return found.astype(np.float64)

    def close(self) -> None:
        """End the process; may be called again."""
        self._end()

    def _answer(self, wanted: bytes) -> bytes:
        assert self._process.stdout is not None
        head = self._process.stdout.read(_HEAD.size)
        if len(head) < _HEAD.size:
            self.close()
            raise self._wrong("its process ended")
        kind, size = _HEAD.unpack(head)
        told = self._process.stdout.read(size)
        if kind != wanted:
            self.close()
            raise self._wrong(told.decode("utf-8", "replace"))
        return told

    def _wrong(self, why: str) -> WeightsError:
        return WeightsError(f"{self._path}: is not I3D as TorchScript: {why}; {again(FILES)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:
        pass  # closes its pipes and waits for it


def _serve(path: str) -> None:
    """The other process: clips on standard input, answers on standard output, until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a network prints is no answer
    import torch

    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    try:
        network = torch.jit.load(path, map_location="cpu").eval()
        _put(answers, _READY)
        while len(clip := sys.stdin.buffer.read(_CLIP_BYTES)) == _CLIP_BYTES:
            shown = np.frombuffer(clip, np.uint8).reshape(CLIP_FRAMES, SIDE, SIDE, 3)
            _put(answers, _NUMBERS, _run(network, shown).tobytes())
    except Exception as error:  # what a file makes torch raise is of any kind
        lines = str(error).strip().splitlines() or [type(error).__name__]
        _put(answers, _FAILED, lines[-1][:160].encode())


def _put(answers: BinaryIO, kind: bytes, told: bytes = b"") -> None:
    answers.write(_HEAD.pack(kind, len(told)) + told)
    answers.flush()


def _run(network: object, clip: Frames) -> AnyArray:
    import torch

    assert callable(network)
    x = torch.from_numpy(clip.copy()).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.inference_mode():
        found = network(x, rescale=False, resize=False, return_features=True)
    numbers: AnyArray = found.detach().float().numpy().ravel()
    return numbers


if __name__ == "__main__":
    _serve(sys.argv[1])
