"""Sound files for tests: made by ffmpeg, and heard as a job hears them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from avtr_cli.audio.source import DialogueFiles, DialogueSource


def ffmpeg(*arguments: str) -> bytes:
    """What ffmpeg writes to its standard output."""
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-nostdin", *arguments]
    return subprocess.run(program, check=True, capture_output=True).stdout


def heard(path: Path, **more) -> np.ndarray:
    """All of a file, float32 (2, n) at 16 kHz: as long as was promised, and the same when heard again."""
    with DialogueSource(DialogueFiles(dialogue=path, **more)) as source:
        once, again = (np.concatenate(list(source.blocks()), axis=1) for _ in range(2))
        assert once.shape[1] == source.facts.samples
    assert np.array_equal(once, again)
    return once
