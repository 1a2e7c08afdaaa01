"""Frames into a file: every frame once, at its time, with sound as long as the picture, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avtr_cli.core.config import OutputConfig
from avtr_cli.core.errors import OutputError
from avtr_cli.output.formats import format_of
from avtr_cli.output.video import SegmentWriter, SoundWriter, assemble, frames_hash
from tests import videos

pytestmark = pytest.mark.slow

SIZE = 96


def picture(index: int, channels: int = 3) -> np.ndarray:
    """A grey ramp whose brightness tells its index."""
    frame = np.full((SIZE, SIZE, channels), 20 + index * 3, np.uint8)
    frame[: SIZE // 2, :, 0] = 200
    if channels == 4:
        frame[..., 3] = np.linspace(0, 255, SIZE).astype(np.uint8)
    return frame


def video(out: Path, counts: list[int], with_sound: bool = True, channels: int = 3) -> bytes:
    form = format_of(out, OutputConfig())
    digests, segments, first = b"", [], 0
    for number, count in enumerate(counts):
        path = out.with_name(f"segment{number}.mkv")
        writer = SegmentWriter(path, (SIZE, SIZE, channels), form)
        for index in range(first, first + count):
            writer.write(picture(index, channels))
        writer.close()
        digests += writer.digests
        segments.append(path)
        first += count
    track = None
    if with_sound:
        track = out.with_name("sound.w64")
        writer = SoundWriter(track, 48_000, 1)
        writer.write(0.2 * np.sin(np.arange(first * 1_920 - 777) / 20)[:, None].astype(np.float32))
        writer.close(first)
    (finished,) = assemble(segments, first, track, out, form, 128, {"comment": "made in a test"})
    finished.made.replace(finished.target)
    return digests


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("counts", [[1], [33], [25, 25, 3]])
def test_every_frame_is_there_once_and_at_its_time(tmp_path, counts, suffix):
    out = tmp_path / f"a{suffix}"
    video(out, counts)
    frames = videos.decode(out)
    assert len(frames) == sum(counts)
    levels = frames[:, -20:, :, 1].mean((1, 2))
    assert np.abs(levels - (20 + 3 * np.arange(len(frames)))).max() < 3
    assert np.allclose(videos.times(out), np.arange(len(frames)) / 25, atol=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
def test_sound_and_picture_begin_and_end_together(tmp_path, suffix):
    out = tmp_path / f"a{suffix}"
    video(out, [50, 13])
    heard = videos.sound(out)
    assert abs(len(heard) / 48_000 - 63 / 25) <= 1 / 25
    assert np.flatnonzero(np.abs(heard) > 0.05)[0] < 48  # the tone is there from the first millisecond
    assert videos.times(out)[0] == 0


def test_in_matroska_lie_the_very_pictures_of_the_mp4(tmp_path):
    one, two = video(tmp_path / "a.mp4", [25, 8]), video(tmp_path / "b.mkv", [25, 8])
    assert frames_hash(one) == frames_hash(two)
    assert (videos.decode(tmp_path / "a.mp4") == videos.decode(tmp_path / "b.mkv")).all()
    assert "matroska" in videos.describe(tmp_path / "b.mkv")
    assert "made in a test" in videos.describe(tmp_path / "b.mkv")


def test_the_file_starts_playing_before_it_is_loaded_and_carries_its_metadata(tmp_path):
    out = tmp_path / "a.mp4"
    video(out, [10])
    assert videos.has_faststart(out)
    assert "made in a test" in videos.describe(out)
    assert "bt709" in videos.describe(out)


def test_a_silent_video_has_no_sound_track(tmp_path):
    out = tmp_path / "a.mp4"
    video(out, [10], with_sound=False)
    assert "Audio:" not in videos.describe(out)


@pytest.mark.parametrize("suffix", [".webm", ".mov"])
def test_an_alpha_channel_survives_where_the_format_keeps_it(tmp_path, suffix):
    out = tmp_path / f"a{suffix}"
    video(out, [5, 5], channels=4)
    frames = videos.decode(out, "rgba")
    assert len(frames) == 10
    assert np.abs(frames[7, SIZE // 2, :, 3].astype(int) - np.linspace(0, 255, SIZE)).max() < 12


def test_equal_frames_have_equal_hashes_and_other_frames_do_not(tmp_path):
    one, two = video(tmp_path / "a.mp4", [5, 5]), video(tmp_path / "b.mp4", [10])
    assert frames_hash(one) == frames_hash(two)
    assert frames_hash(one) != frames_hash(video(tmp_path / "c.mp4", [9]))


def test_nothing_stays_when_the_encoder_fails(tmp_path):
    form = format_of(tmp_path / "a.mp4", OutputConfig())
    with pytest.raises(OutputError, match="cannot be written"):
        SegmentWriter(tmp_path / "no folder" / "a.mkv", (SIZE, SIZE, 3), form)
    writer = SegmentWriter(tmp_path / "fine.mkv", (SIZE, SIZE, 3), form)
    writer._pipe._process.kill()
    with pytest.raises(OutputError, match="cannot be written"):
        _write_many(writer)
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_other_frames_than_were_rendered_is_not_let_out(tmp_path):
    form = format_of(tmp_path / "a.mp4", OutputConfig())
    writer = SegmentWriter(tmp_path / "s.mkv", (SIZE, SIZE, 3), form)
    for index in range(7):
        writer.write(picture(index))
    writer.close()
    with pytest.raises(OutputError, match="7 of 8 frames"):
        assemble([writer.path], 8, None, tmp_path / "a.mp4", form, 128, {})


def _write_many(writer: SegmentWriter) -> None:
    for _ in range(1_000):
        writer.write(picture(0))
    writer.close()


ENDS = [OutputConfig(crf=crf, audio_kbps=kbps) for crf in (0, 51) for kbps in (16, 512)]
ENDS += [OutputConfig(speed=speed) for speed in ("ultrafast", "slow")]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".png"])
def test_every_setting_of_the_output_works_at_both_ends_in_every_format(tmp_path, suffix, channels):
    for number, config in enumerate(ENDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        form = format_of(folder / f"a{suffix}", config)
        writer = SegmentWriter(folder / "s.mkv", (64, 64, 3), form)
        for index in range(3):
            writer.write(np.full((64, 64, 3), 80 * index, np.uint8))
        writer.close()
        sound = SoundWriter(folder / "sound.w64", 48_000, channels)
        sound.close(3)
        out = folder / f"a{suffix}"
        finished = assemble([writer.path], 3, folder / "sound.w64", out, form, config.audio_kbps, {})
        assert len(finished) == (4 if suffix == ".png" else 1)
        assert all(one.made.stat().st_size for one in finished)


def test_an_unknown_kind_of_file_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(OutputError, match=r"\.mp4"):
        format_of(tmp_path / "a.avi", OutputConfig())
