"""Stills from a finished video, as small JPEG pictures."""

from __future__ import annotations

from pathlib import Path

from avtr_cli.core.errors import OutputError
from avtr_cli.output import ffmpeg

WIDTH = 240  # px


def still_times(duration_s: float, count: int) -> list[float]:
    """`count` moments spread over the video, none at its very ends."""
    return [duration_s * (index + 0.5) / count for index in range(count)]


def stills(video: Path, times: list[float], width: int = WIDTH) -> list[bytes]:
    """One JPEG for every time (s); fewer where the file cannot be read there. Seeks, so a long video costs no more.

    `video` may be the pattern of numbered pictures, as ffmpeg writes it.
    """
    taken = []
    for time in times:
        arguments = [
            "-ss",
            f"{time:.3f}",
            "-i",
            ffmpeg.named(Path(video.name)),
            "-frames:v",
            "1",
            "-vf",
            f"scale={width}:-2",
        ]
        arguments += ["-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe", "-"]
        try:
            picture = ffmpeg.capture(arguments, f"{video}: no picture can be taken from it", video.parent)
        except OutputError:
            continue
        if picture:
            taken.append(picture)
    return taken
