"""MP3 frame by frame: how many recordings lie in a file, and whether each says truly how long it is.

libsndfile believes the first frame (the "Xing" or "Info" tag) and guesses without one, so what follows the first
recording is lost, a guess that is too low cuts the end, and one too high looks like a damaged file. Walking the frame
headers, four bytes each, tells before any of it is decoded: an hour takes some tenths of a second. ISO/IEC 11172-3.
"""

from __future__ import annotations

from dataclasses import dataclass

from avtr_cli.audio.opening import Bytes

WINDOW_BYTES = 1 << 20  # read at a time
LARGEST_FRAME = 2_048  # bytes; 1441 at 320 kbit/s and 32 kHz
_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version bits


@dataclass(frozen=True)
class Run:
    """Frames of one kind that follow each other."""

    start: int  # first byte, tags before it included
    end: int
    frames: int  # that are whole, the tag's own not counted
    stated: int | None  # what its tag says; None without one
    stated_end: int | None  # the byte where its tag says that it ends

    @property
    def is_true(self) -> bool:
        """Whether its tag says what is there: all frames, and the bytes to a hundredth."""
        apart = 0 if self.stated_end is None else abs(self.stated_end - self.end)
        return self.frames == self.stated and 100 * apart <= self.end - self.start


@dataclass(frozen=True)
class Walked:
    """All runs of a file, up to the end or to what is neither frame nor tag."""

    runs: tuple[Run, ...]
    rest: int  # bytes that were not walked

    @property
    def is_true(self) -> bool:
        """Whether libsndfile reads each run to its end, and has nothing to say of it on stderr."""
        return bool(self.runs) and not self.rest and all(run.is_true for run in self.runs)

    def is_cut_off(self, size: int) -> bool:
        """Whether the last tag promises frames beyond the end of the file."""
        if not self.runs:
            return False
        last = self.runs[-1]
        short = last.stated is not None and last.frames < last.stated and self.rest < LARGEST_FRAME
        return short and (last.stated_end is None or last.stated_end > size)


def walk(file: Bytes) -> Walked | None:
    """The MP3 frames of `file`; None if it does not begin with anything like one (after its ID3 tags)."""
    data = _Window(file)
    at = start = 0
    runs: list[Run] = []
    while True:
        at = _after_tags(data, at, zeros=bool(runs))
        frame = _frame(data.at(at, 4))
        if not frame or at + frame.size > file.size:
            break
        found = _run(data, start, at, frame)
        runs.append(found)
        at = start = found.end
    begins = data.at(at, 2)
    like = len(begins) == 2 and begins[0] == 0xFF and begins[1] >= 0xE0  # AAC, and layers I and II, do too
    return Walked(tuple(runs), max(file.size - at, 0)) if runs or like else None


@dataclass(frozen=True)
class _Frame:
    kind: tuple[int, int]  # version and rate: the same in all frames of a run
    size: int
    side: int  # bytes of side information: the tag lies behind them


def _frame(header: bytes) -> _Frame | None:
    """The frame of these four bytes, if they are a header of layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, kbps, hertz, padding = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or kbps in (0, 15) or hertz == 3:
        return None
    mono, newest = header[3] >> 6 == 3, version == 3
    rate = _HERTZ[version][hertz]
    size = (144_000 * _KBPS_1[kbps] if newest else 72_000 * _KBPS_2[kbps]) // rate + padding
    side = (17 if mono else 32) if newest else (9 if mono else 17)
    return _Frame((version, rate), size, side + (0 if header[1] & 1 else 2))


def _run(data: _Window, start: int, at: int, first: _Frame) -> Run:
    tag = data.at(at + 4 + first.side, 16)
    stated = stated_end = None
    count = 0
    if tag[:4] in (b"Xing", b"Info") and len(tag) == 16:
        flags = tag[7]
        if flags & 1:
            stated = int.from_bytes(tag[8:12], "big")
        if flags & 3 == 3:
            stated_end = at + int.from_bytes(tag[12:16], "big")
        at += first.size
    frame: _Frame | None = first
    while frame := _frame(data.at(at, 4)):
        if frame.kind != first.kind or at + frame.size > data.size or (count and _is_tag(data, at, frame)):
            break
        at += frame.size
        count += 1
    return Run(start, at, count, stated, stated_end)


def _is_tag(data: _Window, at: int, frame: _Frame) -> bool:
    return data.at(at + 4 + frame.side, 4) in (b"Xing", b"Info")


def _after_tags(data: _Window, at: int, zeros: bool) -> int:
    """Where the tags (ID3, APE) and, if asked for, the zeros that begin at `at` end."""
    while at < data.size:
        head = data.at(at, 32)
        if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            at += 10 + size + (10 if head[5] & 16 else 0)
        elif head[:3] == b"TAG":
            at += 128
        elif head[:8] == b"APETAGEX":
            before = len(head) == 32 and head[23] & 0x20
            at += 32 + (int.from_bytes(head[12:16], "little") if before else 0)
        elif zeros and head[:1] == b"\0":
            at = data.after_zeros(at)
        else:
            return at
    return data.size


class _Window:
    """A file's bytes one after another, read in large pieces."""

    def __init__(self, file: Bytes):
        self._file, self.size = file, file.size
        self._begin, self._bytes = 0, b""

    def at(self, at: int, count: int) -> bytes:
        begin = at - self._begin
        if begin < 0 or begin + count > len(self._bytes):
            self._begin, self._bytes, begin = at, self._file.read_at(at, WINDOW_BYTES), 0
        return self._bytes[begin : begin + count]

    def after_zeros(self, at: int) -> int:
        while at < self.size:
            piece = self.at(at, 4096)
            left = piece.lstrip(b"\0")
            if not piece or left:
                return at + len(piece) - len(left)
            at += len(piece)
        return at
