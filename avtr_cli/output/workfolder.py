"""The hidden folder beside a video in the making: closed segments, and the session's state at each border.

A segment counts once its `.json` lies there, which is written last and by renaming. So after a `kill -9`
everything up to the last border is whole, and the same job (by its key) goes on from it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.errors import OutputError

_KEY = "job.json"
_DESCRIPTION = "segment-{:05d}.json"


@dataclass(frozen=True)
class Segment:
    """One closed piece of the video."""

    frames: int
    digests: bytes  # SHA-256 of every frame, one after the other


class WorkFolder:
    """`.NAME.avtr` beside the output NAME; belongs to one job key, anything else in it is thrown away."""

    def __init__(self, out: Path, key: str, resume: bool):
        self.path = _beside(out)
        try:
            self.closed = self._found() if resume and self._key() == key else []
            if not self.closed:
                shutil.rmtree(self.path, ignore_errors=True)
                self.path.mkdir(parents=True)
                _write(self.path / _KEY, {"key": key})
        except OSError as error:
            raise OutputError(
                f"{out}: nothing can be written beside it ({error.strerror}); choose another -o"
            ) from error

    @property
    def frames(self) -> int:
        return sum(segment.frames for segment in self.closed)

    @property
    def digests(self) -> bytes:
        return b"".join(segment.digests for segment in self.closed)

    def video(self, index: int) -> Path:
        return self.path / f"segment-{index:05d}.mkv"

    def motion(self, index: int, avatar: int = 0) -> Path:
        return self.path / f"motion-{index:05d}-{avatar}.safetensors"

    def state(self, index: int, avatar: int = 0) -> Path:
        """Where the state after segment `index` lies of the session of `avatar`, counted from 0."""
        return self.path / f"state-{index:05d}-{avatar}.safetensors"

    def close_segment(self, segment: Segment) -> None:
        """Its video, motion and state are written: from now on it counts."""
        index = len(self.closed)
        _write(self._description(index), {"frames": segment.frames, "digests": segment.digests.hex()})
        self.closed.append(segment)
        for outdated in self.path.glob(f"state-{index - 1:05d}-*.safetensors"):
            outdated.unlink(missing_ok=True)

    def remove(self) -> None:
        """The key goes first: nobody goes on from a folder that was half removed."""
        with contextlib.suppress(OSError):
            (self.path / _KEY).unlink()
        shutil.rmtree(self.path, ignore_errors=True)

    def _key(self) -> str | None:
        try:
            return json.loads((self.path / _KEY).read_text(encoding="utf-8"))["key"]
        except (OSError, ValueError, KeyError):
            return None

    def _found(self) -> list[Segment]:
        """The closed segments of an earlier run, none where one cannot go on from the last."""
        found: list[Segment] = []
        while (path := self._description(len(found))).is_file():
            described = json.loads(path.read_text(encoding="utf-8"))
            found.append(Segment(described["frames"], bytes.fromhex(described["digests"])))
        return found if found and self.state(len(found) - 1).is_file() else []

    def _description(self, index: int) -> Path:
        return self.path / _DESCRIPTION.format(index)


def remove_if_useless(out: Path) -> None:
    """After a failure, or after who worked at `out` was killed: keep only what another run can go on from."""
    path = _beside(out)
    if not (path / _KEY).is_file() or not (path / _DESCRIPTION.format(0)).is_file():
        shutil.rmtree(path, ignore_errors=True)


def _beside(out: Path) -> Path:
    return out.with_name(f".{out.name}.avtr")


def _write(path: Path, value: dict[str, object]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value), encoding="utf-8")
    partial.replace(path)
