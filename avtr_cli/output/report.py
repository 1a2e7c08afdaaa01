"""The report: one JSON with stable keys about what went in, what came out, how long each stage took.

docs/report.md names every key.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from avtr_cli.errors import OutputError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a whole text file or none: to a temporary name, then renamed. Raises OutputError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")  # a pipe or device, as in /dev/stdout
            return
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def summary(report: dict[str, Any]) -> list[str]:
    """The lines a person wants to see when a job is done."""
    timing, output = report["timing"], report["output"]
    chunk = timing["chunk_ms"]
    return [
        f"{output['path']}: {output['frames']} frames, {output['width']}x{output['height']}, {output['duration_s']:.2f} s",
        f"{timing['realtime_factor']:.2f} times real time (wall {timing['wall_s']:.1f} s; "
        f"start-up {sum(timing['startup_s'].values()):.1f} s)",
        f"chunk of 200 ms: p50 {chunk['p50']:.0f} ms, p99 {chunk['p99']:.0f} ms, "
        f"{timing['deadline_misses']} of {chunk['count']} missed the deadline",
    ]
