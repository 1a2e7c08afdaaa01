"""The networks that see faces, people and hands: uint8 pictures in, float32 numbers out, by onnxruntime on one thread.

`assets/networks` holds them: MediaPipe's weights, converted by `tools/networks`. A network is loaded when it is first
asked and kept for the process. It has no state, so any number of threads may ask it at once, and each gets what it
would get alone.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avtr_cli.core.arrays import Floats
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.shipped import asset
from avtr_cli.perception.silence import quiet

FOLDER = asset("networks")


class Network:
    """One file of FOLDER, by its name."""

    def __init__(self, name: str):
        self._path = FOLDER / f"{name}.onnx"
        self._session: Any = None
        self._loading = threading.Lock()

    def __call__(self, pictures: NDArray[np.uint8]) -> list[Floats]:
        """What it says of (n, h, w, 3) RGB pictures of its own size: its outputs, each (n, ...), in the file's order.

        Raises WeightsError where the file is missing or damaged.
        """
        answers: list[Floats] = self._loaded().run(None, {"pictures": pictures})
        return answers

    def about(self, fact: str) -> str:
        """What the file says of itself under the name `fact`. Raises WeightsError as a call does."""
        return str(self._loaded().get_modelmeta().custom_metadata_map[fact])

    def _loaded(self) -> Any:
        with self._loading:
            if self._session is None:
                self._session = self._load()
            return self._session

    def _load(self) -> Any:
        if not self._path.is_file():
            raise WeightsError(f"{self._path}: this network is missing; install avtr again")
        with quiet():  # it tells standard error about GPUs that it does not find
            import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a second one gains less than it takes
        options.log_severity_level = 4  # what is wrong is said in one sentence below
        try:
            return onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no common base class for what a bad file makes it raise
            reason = str(error).strip().splitlines()[0][:160]
            raise WeightsError(f"{self._path}: this network is damaged ({reason}); install avtr again") from error
