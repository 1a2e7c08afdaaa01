"""Frames into closed video segments, segments and sound into finished files.

A thread sends frames to ffmpeg while the next chunk is rendered. A segment is a video of its own, so a job
that is killed goes on from the last closed one; joining them copies the encoded pictures as they are.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from avtr_cli.core.arrays import Grey, Image, Sound
from avtr_cli.core.errors import OutputError
from avtr_cli.core.interruption import interruptible
from avtr_cli.core.timing import FPS
from avtr_cli.kernels.yuv_measures import planes_size
from avtr_cli.output import ffmpeg, planes
from avtr_cli.output.finished import Finished
from avtr_cli.output.formats import Format
from avtr_cli.output.label import Label
from avtr_cli.output.sequence import FIRST, PictureSequence, is_sequence, make_pictures

QUEUE_FRAMES = 20  # that may wait for the encoder, large ones fewer; beyond that rendering waits
QUEUE_BYTES = 256 << 20


class SegmentWriter:
    """One closed piece of video: `write` frames, then `close`; the encoder works meanwhile.

    `digests` are the SHA-256 of every frame's bytes, in order; `encode_ms` the time each took to hand over, and
    `encode_cpu_ms` what the thread did for it.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], form: Format, label: Label | None = None, kernels: str = "auto"
    ):
        """For frames of `shape`, (H, W, 3), or (H, W, 4) where `form` keeps alpha; `kernels` as `runtime.kernels`."""
        self._label = label
        self.path, self.digests = path, bytearray()
        self.encode_ms, self.encode_cpu_ms = list[float](), list[float]()
        height, width, channels = shape
        path.unlink(missing_ok=True)  # the encoder of a killed run may still be writing to it
        self._planes: tuple[planes.ToPlanes, Grey] | None = None  # how they are made, and where
        source = ["-f", "rawvideo", "-pix_fmt", "rgba" if channels == 4 else "rgb24"]
        if form.planar:
            assert channels == 3, "such a format keeps no alpha"
            self._planes = planes.converter(kernels), np.empty(planes_size(height, width), np.uint8)
            source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", *planes.TAGS]
        source += ["-s", f"{width}x{height}", "-r", str(FPS), "-i", "pipe:0"]
        target = ["-an", *form.video, "-r", str(FPS), "-f", "matroska", path.name]
        self._pipe = ffmpeg.FramePipe([*source, *target], f"{path}: the video cannot be written", path.parent)
        self._free: queue.SimpleQueue[Image] = queue.SimpleQueue()
        for _ in range(max(2, min(QUEUE_FRAMES, QUEUE_BYTES // (height * width * channels)))):
            self._free.put(np.empty((height, width, channels), np.uint8))
        self._waiting: queue.SimpleQueue[Image | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._send, name="avtr-encoder", daemon=True)
        self._thread.start()

    def write(self, pixels: Image) -> None:
        """Take a copy of one frame and burn the label into it. Raises OutputError when the encoder has failed."""
        with interruptible():
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
        with interruptible():
            self._thread.join()
        if self._failure is not None:
            self._pipe.kill()
            raise self._failure
        with interruptible():
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
                    began, had_done = time.perf_counter(), time.thread_time()
                    self._pipe.write(self._to_encode(buffer).data.cast("B"))
                    self.digests += hashlib.sha256(buffer.data).digest()
                    self.encode_ms.append((time.perf_counter() - began) * 1e3)
                    self.encode_cpu_ms.append((time.thread_time() - had_done) * 1e3)
                except BaseException as failure:
                    self._failure = failure
            self._free.put(buffer)

    def _to_encode(self, picture: Image) -> Image | Grey:
        """What ffmpeg is given of a picture."""
        if self._planes is None:
            return picture
        convert, into = self._planes
        convert(picture, into)
        return into


def frames_hash(digests: bytes) -> str:
    """One SHA-256 (hex) for all frames, from the digests of each; equal videos before encoding have equal hashes."""
    return hashlib.sha256(digests).hexdigest()


class SoundWriter:
    """A temporary PCM file exactly as long as the frames: padded with silence, so picture and sound end together."""

    def __init__(self, path: Path, rate: int, channels: int):
        self._path, self._rate, self._channels, self._written = path, rate, channels, 0
        with self._told():
            self._file = soundfile.SoundFile(os.fsencode(path), "w", rate, channels, format="W64", subtype="PCM_16")

    def write(self, samples: Sound) -> None:
        """float32 (n, channels). Raises OutputError."""
        with self._told():
            self._file.write(samples)
        self._written += len(samples)

    def close(self, frames: int) -> None:
        """Fill up with silence to `frames` of video, and close. Raises OutputError where not all of it was written."""
        missing = round(frames * self._rate / FPS) - self._written
        if missing > 0:
            self.write(np.zeros((missing, self._channels), np.float32))
        with self._told():
            self._file.close()
            if soundfile.info(os.fsencode(self._path)).frames < self._written:
                raise OSError(errno.EIO, "it was not written whole")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:
            raise OutputError(f"{self._path}: the sound cannot be written ({error}); is the disk full?") from error


def assemble(
    segments: list[Path],
    frames: int,
    sound: Path | None,
    out: Path,
    form: Format,
    audio_kbps: int,
    metadata: dict[str, str],
    mark: Callable[[Path], None] | None = None,
) -> list[Finished]:
    """Segments and sound, which lie in one work folder, as the finished files of `out`; that of frame 1 is the last.

    They lie in that folder too, whole and marked; `placement.place` gives them their names. Raises OutputError where
    they cannot be written, or the video holds another number of pictures than `frames`; OSError.
    """
    folder = segments[0].parent
    listing = "".join(f"file '{path.name}'\n" for path in segments)
    (folder / "segments.txt").write_text(listing, encoding="utf-8")
    if is_sequence(out):
        finished = _pictures(folder, sound, out, metadata, mark)
        _check_count(out, len(finished) - (sound is not None), frames)
        return finished
    joined = folder / f"joined{form.suffix}"
    arguments = ["-f", "concat", "-safe", "0", "-i", "segments.txt"]
    arguments += ["-i", sound.name] if sound else []
    arguments += ["-map", "0:v:0", "-c:v", "copy"]
    if sound:
        channels = soundfile.info(os.fsencode(sound)).channels
        arguments += ["-map", "1:a:0", *form.audio_arguments(audio_kbps, channels)]
    for key, value in metadata.items():
        arguments += ["-metadata", f"{key}={value}"]
    arguments += [*form.finish, "-f", form.container, joined.name]
    joined.unlink(missing_ok=True)  # the ffmpeg of a killed run may still be writing to it
    ffmpeg.run(arguments, f"{out}: the video cannot be written", folder)
    _check_count(out, count_frames(joined), frames)
    if mark is not None:
        mark(joined)
    return [Finished(joined, out)]


def _pictures(
    folder: Path, sound: Path | None, out: Path, metadata: dict[str, str], mark: Callable[[Path], None] | None
) -> list[Finished]:
    sequence = PictureSequence(out)
    pictures = make_pictures(folder, out, metadata, mark)
    finished = [Finished(path, sequence.picture(number)) for number, path in enumerate(pictures, FIRST)][::-1]
    if sound is not None:
        wav = folder / "staged-sound.wav"
        encoded = ["-i", sound.name, "-c:a", "pcm_s16le", "-rf64", "auto", wav.name]
        ffmpeg.run(encoded, f"{sequence.sound}: the sound cannot be written", folder)
        finished.insert(0, Finished(wav, sequence.sound))
    return finished


def _check_count(out: Path, found: int, frames: int) -> None:
    """What is to be vouched for is looked at once more."""
    if found != frames:
        raise OutputError(
            f"{out}: {found} of {frames} frames are in the joined file; was its hidden folder changed? Run it again"
        )


def count_frames(video: Path) -> int:
    """How many pictures a video file holds, counted by reading it through without decoding. Raises OutputError."""
    arguments = ["-i", video.name, "-map", "0:v:0", "-c", "copy", "-progress", "pipe:1", "-f", "null", "-"]
    said = ffmpeg.capture(arguments, f"{video}: cannot be read back", video.parent)
    counts = re.findall(rb"^frame=\s*(\d+)", said, re.MULTILINE)
    return int(counts[-1]) if counts else 0
