"""Frames into closed video segments, segments and sound into one file that appears only when it is whole.

A thread sends frames to ffmpeg while the next chunk is rendered. A segment is a video of its own, so a job
that is killed goes on from the last closed one; joining them copies the encoded pictures as they are.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from avtr_cli.errors import OutputError
from avtr_cli.interruption import allowed
from avtr_cli.output import ffmpeg
from avtr_cli.output.formats import Format
from avtr_cli.output.label import Label
from avtr_cli.output.sequence import is_sequence, lay_out
from avtr_cli.timing import FPS

QUEUE_FRAMES = 20  # that may wait for the encoder; beyond that rendering waits


class SegmentWriter:
    """One closed piece of video: `write` frames, then `close`; the encoder works meanwhile.

    `digests` are the SHA-256 of every frame's bytes, in order; `encode_ms` the time each took to hand over.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], form: Format, label: Label | None = None):
        self._label = label
        self.path, self.digests, self.encode_ms = path, bytearray(), list[float]()
        height, width, channels = shape
        path.unlink(missing_ok=True)  # the encoder of a killed run may still be writing to it
        pixels = "rgba" if channels == 4 else "rgb24"
        source = ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-r", str(FPS), "-i", "pipe:0"]
        target = ["-an", *form.video, "-r", str(FPS), "-f", "matroska", str(path)]
        self._pipe = ffmpeg.FramePipe([*source, *target], f"{path}: the video cannot be written")
        self._free: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()
        for _ in range(QUEUE_FRAMES):
            self._free.put(np.empty((height, width, channels), np.uint8))
        self._waiting: queue.SimpleQueue[np.ndarray | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._send, name="avtr-encoder", daemon=True)
        self._thread.start()

    def write(self, pixels: np.ndarray) -> None:
        """Take a copy of one frame and burn the label into it. Raises OutputError when the encoder has failed."""
        with allowed():
            buffer = self._free.get()
        if self._failure is not None:
            raise self._failure
        np.copyto(buffer, pixels)
        if self._label is not None:
            self._label.burn(buffer)
        self._waiting.put(buffer)

    def close(self) -> None:
        """Wait for the last frame and for ffmpeg; the file is whole then. Raises OutputError."""
        self._waiting.put(None)
        with allowed():
            self._thread.join()
        if self._failure is not None:
            self._pipe.kill()
            raise self._failure
        with allowed():
            self._pipe.close()

    def abandon(self) -> None:
        """Give up: end ffmpeg and remove what it wrote."""
        self._pipe.kill()
        self._waiting.put(None)
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def _send(self) -> None:
        while (buffer := self._waiting.get()) is not None:
            if self._failure is None:
                try:
                    began = time.perf_counter()
                    view = buffer.data.cast("B")
                    self._pipe.write(view)
                    self.digests += hashlib.sha256(view).digest()
                    self.encode_ms.append((time.perf_counter() - began) * 1e3)
                except BaseException as failure:
                    self._failure = failure
            self._free.put(buffer)


def frames_hash(digests: bytes) -> str:
    """One SHA-256 (hex) for all frames, from the digests of each; equal videos before encoding have equal hashes."""
    return hashlib.sha256(digests).hexdigest()


class SoundWriter:
    """A temporary PCM file exactly as long as the frames: padded with silence, so picture and sound end together."""

    def __init__(self, path: Path, rate: int, channels: int):
        self._path, self._rate, self._channels, self._written = path, rate, channels, 0
        self._file = soundfile.SoundFile(path, "w", rate, channels, format="W64", subtype="PCM_16")

    def write(self, samples: np.ndarray) -> None:
        """float32 (n, channels)."""
        try:
            self._file.write(samples)
        except (soundfile.LibsndfileError, OSError) as error:
            raise OutputError(f"{self._path}: the sound cannot be written ({error}); is the disk full?") from error
        self._written += len(samples)

    def close(self, frames: int) -> None:
        missing = round(frames * self._rate / FPS) - self._written
        if missing > 0:
            self.write(np.zeros((missing, self._channels), np.float32))
        self._file.close()


def join(
    segments: list[Path],
    sound: Path | None,
    out: Path,
    form: Format,
    audio_kbps: int,
    metadata: dict[str, str],
    before_rename: Callable[[Path], None] | None = None,
) -> None:
    """Segments and sound into `out`, which appears under its name when complete. Raises OutputError.

    What is not complete lies beside the segments, which are on the same disk.
    """
    listing = segments[0].with_name("segments.txt")
    listing.write_text("".join(f"file '{_quoted(path.resolve())}'\n" for path in segments), encoding="utf-8")
    if is_sequence(out):
        lay_out(listing, sound, out, metadata, before_rename)
        return
    partial = listing.with_name(f"joined{out.suffix}")
    arguments = ["-f", "concat", "-safe", "0", "-i", str(listing)]
    arguments += ["-i", str(sound)] if sound else []
    arguments += ["-map", "0:v:0", "-c:v", "copy"]
    arguments += ["-map", "1:a:0", *form.audio_arguments(audio_kbps)] if sound else []
    for key, value in metadata.items():
        arguments += ["-metadata", f"{key}={value}"]
    arguments += [*form.finish, "-f", form.container, str(partial)]
    try:
        partial.unlink(missing_ok=True)  # the ffmpeg of a killed run may still be writing to it
        ffmpeg.run(arguments, f"{out}: the video cannot be written")
        if before_rename is not None:
            before_rename(partial)
        partial.replace(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "'\\''")
