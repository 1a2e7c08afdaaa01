"""The hidden folder beside an output in the making: closed segments, and the session's state at each border.

A segment counts once its `.json` lies there, written last and by renaming, with the SHA-256 of every file that belongs
to it. So after a `kill -9` or a power cut everything up to the last whole border is found, what is damaged behind it is
dropped, and the same job (by its key) goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import file_sha256, reason, remove, remove_folder, replacing, sync
from avtr_cli.core.interruption import interruptible
from avtr_cli.core.textfile import json_text
from avtr_cli.jobs import lock
from avtr_cli.output.sequence import PICTURES

_KEY, _PLACING = "job.json", "placing.json"
_DESCRIPTION = "segment-{:05d}.json"
_OURS = (
    "segment-*",
    "motion-*",
    "state-*",
    "staged-*",
    "joined.*",
    ".signed*",
    "sound.w64",
    "segments.txt",
    ".*.partial",
)


@dataclass(frozen=True)
class Segment:
    """One closed piece of the video."""

    frames: int
    digests: bytes  # SHA-256 of every frame, one after the other


class WorkFolder:
    """`.NAME.avtr` beside the output NAME, for one process at a time; `claim` makes it a job's.

    A context: at its end what another run of the job can go on from is kept, all else is removed.
    Raises OutputError where nothing can be written there, or another process is at work in it.
    """

    def __init__(self, out: Path):
        self.path, self._out = beside(out), out
        self.closed: list[Segment] = []
        self.placed: frozenset[Path] = frozenset()  # outputs that this job began to put under their names
        self._claimed = False
        try:
            self._lock = lock.Lock(self.path, out)
        except OSError as error:
            raise _unwritable(out, error) from error

    def claim(self, key: str, resume: bool = True) -> WorkFolder:
        """For the job of this key: its closed segments are found, what anybody else left is removed."""
        try:
            with interruptible():  # all that lies there is read
                self.closed = self._found() if resume and self._read(_KEY).get("key") == key else []
            self._claimed = True
            if self.closed:
                self.placed = frozenset(Path(name) for name in self._read(_PLACING).get("targets", ()))
                self._drop_after(len(self.closed))
            else:
                self._clear()
                self._write(_KEY, {"key": key})
        except OSError as error:
            raise _unwritable(self._out, error) from error
        return self

    @property
    def frames(self) -> int:
        """How many frames the closed segments hold."""
        return sum(segment.frames for segment in self.closed)

    @property
    def digests(self) -> bytes:
        """SHA-256 of the closed segments' frames, end to end."""
        return b"".join(segment.digests for segment in self.closed)

    def video(self, index: int) -> Path:
        """The file of segment `index`."""
        return self.path / f"segment-{index:05d}.mkv"

    def motion(self, index: int, avatar: int = 0) -> Path:
        """The file of one avatar's motion in segment `index`."""
        return self.path / f"motion-{index:05d}-{avatar}.safetensors"

    def state(self, index: int, avatar: int = 0) -> Path:
        """Where the state after segment `index` lies of the session of `avatar`, counted from 0."""
        return self.path / f"state-{index:05d}-{avatar}.safetensors"

    def close_segment(self, segment: Segment) -> None:
        """Its video, motion and state are written: flush them, and from now on it counts. Raises OSError."""
        index = len(self.closed)
        files = self._files_of(index)
        for path in files:
            sync(path)
        described = {
            "frames": segment.frames,
            "digests": segment.digests.hex(),
            "files": {path.name: file_sha256(path) for path in files},
        }
        self._write(_DESCRIPTION.format(index), described)
        self.closed.append(segment)

    def begin_placing(self, targets: Iterable[Path]) -> None:
        """Note, before the first gets its name, which outputs are being put there: after a kill they are ours."""
        targets = [Path(os.path.abspath(target)) for target in targets]
        self._write(_PLACING, {"targets": [str(target) for target in targets]})
        self.placed |= frozenset(targets)

    def remove(self) -> None:
        """All is done. The key goes first: nobody goes on from a folder that was half removed."""
        self.closed = []
        self._clear()

    def close(self) -> None:
        """Let go of it; closed segments remain, be they of this run or of an earlier one that none has claimed."""
        waits = self.closed if self._claimed else (self.path / _DESCRIPTION.format(0)).is_file()
        if not waits:
            self._clear()
        self._lock.release()

    def __enter__(self) -> WorkFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _found(self) -> list[Segment]:
        """The closed segments of an earlier run that are as they were written, up to the first that is not."""
        found: list[Segment] = []
        while (segment := self._whole(len(found))) is not None:
            found.append(segment)
        return found

    def _whole(self, index: int) -> Segment | None:
        described = self._read(_DESCRIPTION.format(index))
        try:
            segment = Segment(int(described["frames"]), bytes.fromhex(described["digests"]))
            intact = all(file_sha256(self.path / name) == digest for name, digest in described["files"].items())
        except (KeyError, ValueError, TypeError, AttributeError, InputError):
            return None
        return segment if intact and 0 < segment.frames * 32 == len(segment.digests) else None

    def _drop_after(self, index: int) -> None:
        """Remove what lies there of segment `index` and later ones."""
        while files := [*self._files_of(index), *self.path.glob(_DESCRIPTION.format(index))]:
            for path in files:
                path.unlink()
            index += 1

    def _files_of(self, index: int) -> list[Path]:
        names = (f"segment-{index:05d}.mkv", f"motion-{index:05d}-*.safetensors", f"state-{index:05d}-*.safetensors")
        return sorted(path for name in names for path in self.path.glob(name))

    def _clear(self) -> None:
        """Remove what we made in it, and nothing else: the key first, and last the note of what was placed."""
        self.placed = frozenset()
        for path in (self.path / _KEY, *(p for name in _OURS for p in self.path.glob(name))):
            remove(path)
        remove_folder(self.path / PICTURES)
        remove(self.path / _PLACING)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads((self.path / name).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def _write(self, name: str, value: dict[str, object]) -> None:
        with replacing(self.path / name) as partial:
            partial.write_text(json_text(value), encoding="utf-8")


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(f"{out}: nothing can be written beside it ({reason(error)}); choose another -o")


def remove_if_useless(out: Path) -> None:
    """After who worked at `out` was killed: keep only what another run can go on from, and what another works at."""
    if beside(out).is_dir():
        with contextlib.suppress(OutputError), WorkFolder(out):
            pass


def frames_kept(out: Path) -> int:
    """How many frames of an interrupted job lie there in closed segments, as their descriptions say."""
    frames = 0
    for path in sorted(beside(out).glob("segment-*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            frames += int(json.loads(path.read_bytes())["frames"])
    return frames


def in_use(out: Path) -> OutputError | None:
    """The error of whoever wants to write `out` while another avtr does, or None."""
    return lock.busy(out, beside(out) / lock.NAME) if lock.holder(beside(out)) is not None else None


def being_placed(out: Path) -> frozenset[Path]:
    """Outputs that a run of the job at `out` was about to put under their names when it was killed."""
    try:
        targets = json.loads((beside(out) / _PLACING).read_bytes())["targets"]
        return frozenset(Path(target) for target in targets)
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def beside(out: Path) -> Path:
    """The hidden work folder of the output `out`."""
    return out.with_name(f".{out.name}.avtr")
