"""The one way in to torchaudio: its Python part, also where its compiled part cannot load.

PyPI's torchaudio wheel is linked against CUDA, so beside a CPU build of torch `import torchaudio` dies with
OSError inside `torchaudio._extension`. Nothing we use needs the compiled part (mel filterbanks, resampling,
HuBERT's layers are Python), so a stand-in that says "not available" takes its place in `sys.modules`.

    from avtr_cli.audio.torchaudio_cpu import torchaudio
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

_EXTENSION = "torchaudio._extension"


def _unavailable(name: str = "") -> NoReturn:
    raise RuntimeError(f"torchaudio's compiled part is not loaded beside this build of torch; {name} needs it")


def _stand_in() -> ModuleType:
    """What the Python part reads from `_extension`: two flags, a decorator for functions that need the library."""
    module = ModuleType(_EXTENSION)

    def fail_if_no_align(function: Callable[..., object]) -> Callable[..., NoReturn]:
        return lambda *args, **kwargs: _unavailable(function.__name__)

    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=fail_if_no_align,
        _load_lib=lambda library: False,
        _check_cuda_version=lambda: None,
    )
    return module


def load() -> ModuleType:
    """torchaudio, whole where its compiled part loads, else its Python part."""
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        for name in list(sys.modules):  # a copy: other threads may import meanwhile
            if name == "torchaudio" or name.startswith("torchaudio."):
                del sys.modules[name]
        sys.modules[_EXTENSION] = _stand_in()
        return importlib.import_module("torchaudio")


torchaudio = load()
