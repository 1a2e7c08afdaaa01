"""Pictures one by one: names that ffmpeg and Blender know, every frame unchanged, marked, and all there or none."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core import ffmpeg_program
from avtr_cli.core.config import OutputConfig
from avtr_cli.core.errors import OutputError
from avtr_cli.jobs import finishing, placement, production
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.placement import place_outputs
from avtr_cli.jobs.production import render_file
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.output import ffmpeg, png
from avtr_cli.output.formats import format_of
from avtr_cli.output.sequence import OURS, PICTURES, PictureSequence, make_pictures, named_output
from avtr_cli.output.video import SegmentWriter, SoundWriter, assemble
from avtr_cli.provenance import xmp
from avtr_cli.provenance.origin import DIGITAL_SOURCE_TYPE
from avtr_cli.provenance.verification import INTACT, verify
from tests import videos

pytestmark = pytest.mark.slow

SIZE = 48


def noise(count: int, channels: int = 4) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIZE, SIZE, channels), np.uint8)


def write(out: Path, frames: np.ndarray, with_sound: bool = False, mark=None) -> None:
    with WorkFolder(out).claim("key") as folder:
        segments = []
        for number, part in enumerate(np.array_split(frames, 2)):
            writer = SegmentWriter(folder.video(number), part.shape[1:], format_of(out, OutputConfig()))
            for frame in part:
                writer.write(frame)
            writer.close()
            segments.append(writer.path)
        track = None
        if with_sound:
            track = folder.path / "sound.w64"
            sound = SoundWriter(track, 48_000, 1)
            sound.close(len(frames))
        words, form = {"comment": "made in a test"}, format_of(out, OutputConfig())
        finished = assemble(segments, len(frames), track, out, form, 128, words, mark)
        place_outputs(folder, finished, True, finishing.outdated(out, len(frames)))


@pytest.mark.parametrize(
    ("typed", "first", "sound"),
    [
        ("clip_%06d.png", "clip_000001.png", "clip_sound.wav"),
        ("clip_####.png", "clip_0001.png", "clip_sound.wav"),
        ("clip.png", "clip_000001.png", "clip_sound.wav"),
        ("%d-left.png", "1-left.png", "left_sound.wav"),
        ("frames/", "frames/000001.png", "frames/sound.wav"),
    ],
)
def test_pictures_are_called_as_ffmpeg_and_blender_call_them(typed, first, sound):
    sequence = PictureSequence(named_output(typed))
    assert (sequence.picture(1), sequence.sound) == (Path(first), Path(sound))


def test_only_a_slash_asks_for_a_folder_of_pictures(tmp_path):
    assert named_output(str(tmp_path)) == tmp_path
    assert named_output("a.mp4") == Path("a.mp4")


@pytest.mark.parametrize("name", ["%d_%d.png", "50%.png", "##_%03d.png"])
def test_a_name_that_cannot_be_numbered_is_refused(name):
    with pytest.raises(OutputError, match="number the pictures once"):
        format_of(Path(name), OutputConfig())


@pytest.mark.parametrize("channels", [3, 4])
def test_every_frame_is_kept_to_the_bit_with_its_alpha(tmp_path, channels):
    frames = noise(7, channels)
    write(tmp_path / "50% done" / "a_%03d.png", frames)
    read = [np.array(Image.open(tmp_path / "50% done" / f"a_{number:03d}.png")) for number in range(1, 8)]
    assert np.array_equal(read, frames)


def test_every_picture_carries_words_that_other_programs_read(tmp_path):
    write(tmp_path / "a.png", noise(3))
    for number in (1, 2, 3):
        with Image.open(tmp_path / f"a_{number:06d}.png") as picture:
            picture.load()
            assert picture.text["Comment"] == "made in a test"
    assert "png" in videos.describe(tmp_path / "a_000002.png")


def test_the_sound_lies_beside_and_is_as_long_as_the_pictures(tmp_path):
    write(tmp_path / "a.png", noise(5), with_sound=True)
    assert soundfile.info(tmp_path / "a_sound.wav").frames == 5 * 1_920


def test_a_shorter_take_leaves_nothing_of_the_longer_and_nothing_else_is_touched(tmp_path):
    other = tmp_path / "a_000004_note.png"
    write(tmp_path / "a.png", noise(6))
    other.write_bytes(b"mine")
    write(tmp_path / "a.png", noise(2))
    assert len(PictureSequence(tmp_path / "a.png").pictures()) == 2
    assert {path.name for path in tmp_path.glob("a_*")} == {"a_000001.png", "a_000002.png", other.name}


def test_a_sequence_is_there_once_its_first_picture_is(tmp_path, monkeypatch):
    out, replace = tmp_path / "a.png", os.replace

    def killed_before_the_first(path: Path, target: Path) -> None:
        if target.name == "a_000001.png":
            raise KeyboardInterrupt
        replace(path, target)

    monkeypatch.setattr(placement.os, "replace", killed_before_the_first)
    with pytest.raises(KeyboardInterrupt):
        write(out, noise(4))
    assert (tmp_path / "a_000002.png").exists()
    assert not PictureSequence(out).exists
    monkeypatch.undo()
    write(out, noise(3))
    assert PictureSequence(out).exists
    assert len(list(tmp_path.glob("a_*"))) == 3


def test_the_ffmpeg_of_a_killed_run_writes_nothing_among_the_new_pictures(tmp_path, monkeypatch):
    writer = SegmentWriter(tmp_path / "segment.mkv", (SIZE, SIZE, 4), format_of(tmp_path / "a.png", OutputConfig()))
    for frame in noise(40):
        writer.write(frame)
    writer.close()
    (tmp_path / "segments.txt").write_text("file 'segment.mkv'\n")
    left = []

    def killed(arguments: list[str], purpose: str, folder: Path) -> None:
        """It goes on alone, at 25 pictures a second."""
        command = [ffmpeg_program.executable(), "-re", *arguments]
        left.append(subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL))
        while len(list((tmp_path / PICTURES).iterdir())) < 3:
            time.sleep(0.001)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ffmpeg, "run", killed)
        with pytest.raises(KeyboardInterrupt):
            make_pictures(tmp_path, tmp_path / "a.png", {}, None)
    made = make_pictures(tmp_path, tmp_path / "a.png", {}, None)
    left[0].wait()
    assert len(made) == 40
    assert all(png.read_words(path) == OURS for path in made)


def test_a_failure_while_marking_leaves_the_old_sequence_whole(tmp_path):
    out = tmp_path / "a.png"
    write(out, noise(3))

    def fails(path: Path) -> None:
        raise OutputError("no")

    with pytest.raises(OutputError):
        write(out, noise(5), mark=fails)
    assert len(PictureSequence(out).pictures()) == 3


def test_an_interrupted_job_goes_on_and_its_pictures_can_be_verified(engine, photo, wav, tmp_path, monkeypatch):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 5)
    out = tmp_path / "take_%04d.png"
    job = Job(photo=photo, sound=DialogueFiles(dialogue=wav(0.5)), out=out, preset=engine.preset)

    def stop(done: int, total: int) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_file(job, engine, stop)
    assert list(tmp_path.glob("take_*.png")) == []
    report = render_file(job, engine)
    assert report["output"]["resumed_from_frame"] >= 5
    assert {path.name for path in tmp_path.iterdir()} == {
        "take_sound.wav", *(f"take_{n:04d}.png" for n in range(1, 14))
    }  # fmt: skip
    report.write(tmp_path / "r.json")
    for named in (out, tmp_path / "take_0003.png"):
        verdict = verify(named, tmp_path / "r.json")
        assert verdict.generated
        assert verdict.integrity == INTACT
    packet = Image.open(tmp_path / "take_0003.png").info["XML:com.adobe.xmp"]
    packet = packet if isinstance(packet, bytes) else packet.encode()
    assert xmp.read(packet)["Iptc4xmpExt:DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    (tmp_path / "take_0005.png").write_bytes((tmp_path / "take_0006.png").read_bytes())
    assert not verify(out, tmp_path / "r.json").good
