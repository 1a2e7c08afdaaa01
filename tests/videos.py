"""Reading videos back in tests, by the same ffmpeg."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from avtr_cli.output.isobmff import boxes


def ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", *arguments]
    return subprocess.run(command, capture_output=True, check=False)


def describe(path: Path) -> str:
    return ffmpeg("-i", str(path)).stderr.decode(errors="replace")


def decode(path: Path, pixels: str = "rgb24") -> np.ndarray:
    """All frames, uint8 (T, H, W, C)."""
    width, height = map(int, re.search(r"Video:.*? (\d{2,5})x(\d{2,5})", describe(path)).groups())
    channels = {"rgb24": 3, "rgba": 4}[pixels]
    decoder = ("-c:v", "libvpx-vp9") if path.suffix == ".webm" else ()
    raw = ffmpeg(*decoder, "-i", str(path), "-f", "rawvideo", "-pix_fmt", pixels, "-").stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, channels)


def times(path: Path) -> list[float]:
    """When each frame is shown, in seconds."""
    log = ffmpeg("-i", str(path), "-map", "0:v", "-vf", "showinfo", "-f", "null", "-").stderr.decode(errors="replace")
    return [float(time) for time in re.findall(r"pts_time:([\d.]+)", log)]


def sound(path: Path, rate: int = 48_000) -> np.ndarray:
    """float32 (n, channels)."""
    channels = 2 if "stereo" in describe(path) else 1
    raw = ffmpeg("-i", str(path), "-map", "0:a", "-f", "f32le", "-ar", str(rate), "-ac", str(channels), "-").stdout
    return np.frombuffer(raw, np.float32).reshape(-1, channels)


def has_faststart(path: Path) -> bool:
    with path.open("rb") as file:
        kinds = [box.kind for box in boxes(file)]
    return kinds.index(b"moov") < kinds.index(b"mdat")


def report_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())
