"""Checks the demo clips: each exists, decodes, has the frames its report promises, and sound as long as the picture."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg

from avtr_cli.jobs.demos import choose_demos

FPS = 25


def ffmpeg(*arguments: str) -> str:
    done = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def check(video: Path) -> str:
    report = json.loads(video.with_suffix(".json").read_text())
    log = ffmpeg("-hide_banner", "-i", str(video), "-map", "0:v:0", "-f", "null", "-")
    frames = int(re.findall(r"frame=\s*(\d+)", log)[-1])
    assert frames == report["output"]["frames"] > FPS, f"{video}: {frames} frames, the report says {report['output']}"
    assert "Audio: aac" in log, f"{video}: no sound"
    sound = ffmpeg("-hide_banner", "-i", str(video), "-map", "0:a:0", "-f", "null", "-")
    hours, minutes, seconds = re.findall(r"time=(\d+):(\d+):([\d.]+)", sound)[-1]
    length = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    assert abs(length - frames / FPS) <= 1 / FPS + 0.011, f"{video}: sound {length} s, picture {frames / FPS} s"
    return f"{video}: {frames} frames, sound {length:.2f} s"


def main() -> None:
    folder = Path(sys.argv[1])
    for demo in choose_demos():
        print(check(folder / f"{demo.name}.mp4"))


main()
