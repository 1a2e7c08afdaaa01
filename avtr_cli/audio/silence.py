"""Silence as a sound file: what a video without a call is timed by."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from avtr_cli.core.errors import OutputError
from avtr_cli.core.timing import SAMPLE_RATE

NAME = Path("silence")  # as it is called in sentences and reports
_BLOCK = 60 * SAMPLE_RATE


@contextlib.contextmanager
def silent_sound(seconds: float) -> Iterator[Path]:
    """A mono file of so many seconds, gone afterwards; the same bytes for the same seconds. Raises OutputError."""
    left = round(seconds * SAMPLE_RATE)
    with tempfile.TemporaryDirectory(prefix="avtr-silence-") as folder:
        path = Path(folder) / "silence.flac"
        try:
            with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
                while left > 0:
                    count = min(left, _BLOCK)
                    file.write(np.zeros(count, np.int16))
                    left -= count
        except (OSError, soundfile.LibsndfileError) as error:
            raise OutputError(f"{path}: the temporary disk cannot hold it ({error}); set TMPDIR") from error
        yield path
