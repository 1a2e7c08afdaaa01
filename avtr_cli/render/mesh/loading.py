"""The compiled loops made ready in a thread, while a photo is prepared; where they cannot be, one line says why.

They are compiled on a machine's first run, and else read from its cache: either takes time that nobody need wait for.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING

from avtr_cli.core.background import begun

if TYPE_CHECKING:
    from avtr_cli.render.mesh.compiled import Loops

logger = logging.getLogger(__name__)


def begin_compiled_loops(threads: int) -> Future[Loops | None] | None:
    """The compiled loops, being made ready to draw on `threads` threads; compiled where this machine has none yet.

    None, now or later, where they cannot be.
    """
    try:
        from avtr_cli.render.mesh.compiled import Loops  # not in the thread: modules are best loaded by one at a time
    except Exception as error:
        _tell_unusable(error)
        return None

    def load() -> Loops | None:
        try:
            return Loops(threads)
        except Exception as error:
            _tell_unusable(error)
            return None

    return begun(load, "loops")


def _tell_unusable(error: Exception) -> None:
    """Says that Numba is missing, switched off, or at odds with this NumPy, LLVM or CPU."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    logger.warning("frames are drawn by the plain form, which is slower: Numba does not work here (%s)", said)
