"""WAV headers that lie: only what is missing of the sound itself makes a file cut off."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from avtr_cli.audio.chunks import find_sound
from avtr_cli.audio.opening import OpenedFile
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AudioError
from tests.fuzz.sounds import originals

SOUND = np.random.default_rng(5).integers(-9_000, 9_000, (4_001, 2), np.int16)
PCM = SOUND.tobytes()
FMT = struct.pack("<HHIIHH", 1, 2, 16_000, 64_000, 4, 16)


def chunk(name: bytes, content: bytes, size: int | None = None, pad: bool = True) -> bytes:
    stated = len(content) if size is None else size
    return name + struct.pack("<I", stated & 0xFFFFFFFF) + content + (b"\0" if pad and len(content) % 2 else b"")


def wav(*chunks: bytes, riff: int | None = None, more: int = 0) -> bytes:
    """`riff`: the size that the header states for the file; `more`: by how much it is wrong."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) + more if riff is None else riff) + body


def heard(path: Path, content: bytes) -> np.ndarray:
    path.write_bytes(content)
    with DialogueSource(DialogueFiles(dialogue=path)) as source:
        return np.concatenate(list(source.blocks()), axis=1)


def odd_chunks(pad: bool) -> list[bytes]:
    return [chunk(name, b"\1" * size, pad=pad) for name, size in ((b"JUNK", 27), (b"bext", 603), (b"LIST", 9))]


DATA = chunk(b"data", PCM)
WHOLE = {
    "true sizes": wav(chunk(b"fmt ", FMT), DATA),
    "the file's size 8 too large, as RecordRTC writes": wav(chunk(b"fmt ", FMT), DATA, more=8),
    "the file's size 4 too large": wav(chunk(b"fmt ", FMT), DATA, more=4),
    "the file's size too small": wav(chunk(b"fmt ", FMT), DATA, more=-100),
    "the placeholders of sox": wav(chunk(b"fmt ", FMT), chunk(b"data", PCM, 0x7FFFF000), riff=0x7FFFF024),
    "the placeholders of ffmpeg": wav(chunk(b"fmt ", FMT), chunk(b"data", PCM, 0xFFFFFFFF), riff=0xFFFFFFFF),
    "a recorder that died": wav(chunk(b"fmt ", FMT), chunk(b"data", PCM, 0), riff=36),
    "a recorder that died early": wav(chunk(b"fmt ", FMT), chunk(b"data", PCM, 0), riff=0),
    "an odd chunk at the end, its pad byte counted but not there": wav(
        chunk(b"fmt ", FMT), DATA, chunk(b"LIST", b"INFOISFT1", pad=False), more=1
    ),
    "odd chunks before": wav(*odd_chunks(True), chunk(b"fmt ", FMT), DATA),
    "odd chunks before without pad bytes": wav(*odd_chunks(False), chunk(b"fmt ", FMT), DATA),
    "RF64 as a stream": b"RF64" + wav(chunk(b"ds64", bytes(28)), chunk(b"fmt ", FMT), chunk(b"data", PCM, -1))[4:],
}


@pytest.mark.parametrize("header", WHOLE)
def test_a_whole_sound_is_read_to_its_last_sample_whatever_else_the_header_says(tmp_path, header):
    assert np.array_equal(heard(tmp_path / "a.wav", WHOLE[header]), (SOUND / 32_768).T.astype(np.float32))


@pytest.mark.parametrize("missing", [1, 3, 4, 1_000, 15_000])
def test_a_wav_with_less_sound_than_it_states_is_refused(tmp_path, missing):
    with pytest.raises(AudioError, match=f"is cut off after {len(PCM) - missing} of {len(PCM)} bytes of sound"):
        heard(tmp_path / "a.wav", WHOLE["true sizes"][:-missing])


@pytest.mark.parametrize("form", ["wav", "wav24", "wavf", "wavex", "rf64", "w64", "aiff", "au", "caf", "flac", "mp3"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_cut_file_of_any_format_that_states_its_length_is_refused(tmp_path, form, share):
    content = originals(False)[form]
    with pytest.raises(AudioError, match=r"cut off|cannot be read to its end"):
        heard(tmp_path / f"a.{form}", content[: int(len(content) * share)])


def test_a_wav_that_holds_no_sound_but_chunks_behind_it_is_told_to_be_empty(tmp_path):
    with pytest.raises(AudioError, match="no sound at all"):
        heard(tmp_path / "a.wav", wav(chunk(b"fmt ", FMT), chunk(b"data", b""), chunk(b"LIST", b"INFOISFT")))


def test_a_sound_of_more_than_4_gb_behind_a_placeholder_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(chunk(b"fmt ", FMT), chunk(b"data", b"", 0xFFFFFFFF), riff=0xFFFFFFFF))
    frames = 5 * 2**30 // 4
    with path.open("r+b") as file:
        file.truncate(44 + 4 * frames)  # holes, not bytes
    with DialogueSource(DialogueFiles(dialogue=path, start_s=frames / 16_000 - 1)) as source:
        assert source.facts.samples == 16_000
        assert sum(block.shape[1] for block in source.blocks()) == 16_000


def test_a_file_of_chunks_without_sound_has_none(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(chunk(b"fmt ", FMT), chunk(b"LIST", b"abcd")))
    file = OpenedFile(path)
    assert find_sound(file) is None
    file.close()
