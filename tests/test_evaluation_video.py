"""A video measured from outside, with Face Mesh: what was drawn is what is found."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from avtr_cli.cli import app
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.errors import InputError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Motion, Portrait
from avtr_cli.evaluation.motion.follower import follow_loudness
from avtr_cli.evaluation.stats import correlation
from avtr_cli.evaluation.video import evaluate_video, sound_of, track_face
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh.renderer import MeshRenderer
from tests.evaluation_signals import add_blinks, call, put

pytestmark = pytest.mark.slow


def write_video(path: Path, pictures: list[np.ndarray], sound: np.ndarray | None = None, fps: int = 25) -> Path:
    """H.264 of uint8 (H, W, 3) pictures, with (n,) sound at 16 kHz where given."""
    heard = {}
    if sound is not None:
        soundfile.write(path.with_suffix(".wav"), sound, 16_000)
        heard = {"audio_path": str(path.with_suffix(".wav")), "audio_codec": "aac"}
    height, width = pictures[0].shape[:2]
    quality = ["-crf", "18"]
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=fps, quality=None, output_params=quality, **heard
    )
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture))
    writer.close()
    return path


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


def test_a_still_video_has_a_face_and_nothing_else(portrait, tmp_path):
    path = write_video(tmp_path / "still.mp4", [portrait.photo] * 50)
    rows = evaluate_video(path, portrait, call(2, own=[(0.5, 1.5)], partner=[]).sound)["measures"]
    assert rows["face.found"]["mean"] == 1
    assert rows["blink.per_minute"]["mean"] == 0
    assert rows["head.sd_speaking"]["mean"] is None or rows["head.sd_speaking"]["mean"] < 0.1
    assert rows["background.moved_max"]["mean"] < 1.5
    assert rows["background.differs_from_photo"]["mean"] < 4


def test_a_background_that_moves_is_found_out(portrait, tmp_path):
    pictures = [np.roll(portrait.photo, k % 8, axis=1) for k in range(26)]
    rows = evaluate_video(write_video(tmp_path / "shaky.mp4", pictures), portrait, np.zeros((2, 26 * 640)))["measures"]
    assert rows["background.moved_p999"]["mean"] > 10
    assert rows["background.moved_p999"]["met"] is False


def test_frames_without_a_face_are_counted(portrait, tmp_path):
    blank = cv2.GaussianBlur(portrait.photo, (0, 0), 60)
    path = write_video(tmp_path / "gaps.mp4", [portrait.photo] * 15 + [blank] * 5)
    rows = evaluate_video(path, portrait, np.zeros((2, 20 * 640), np.float32))["measures"]
    assert rows["face.found"]["mean"] == pytest.approx(0.75)
    assert rows["face.found"]["met"] is False


def test_a_video_without_any_face_is_refused(portrait, tmp_path):
    path = write_video(tmp_path / "grey.mp4", [np.full((512, 512, 3), 90, np.uint8)] * 10)
    with pytest.raises(InputError, match="no face in any of its 10 frames"):
        evaluate_video(path, portrait, np.zeros((2, 6400), np.float32))


def test_what_cannot_be_measured_is_refused_in_one_sentence(portrait, tmp_path):
    silent = write_video(tmp_path / "silent.mp4", [portrait.photo] * 10)
    with pytest.raises(InputError, match="no sound"):
        evaluate_video(silent, portrait, None)
    with pytest.raises(InputError, match=r"0\.40 s but the sound lasts 5\.00 s"):
        evaluate_video(silent, portrait, np.zeros((2, 80_000), np.float32))
    with pytest.raises(InputError, match="30 frames a second"):
        track_face(write_video(tmp_path / "fast.mp4", [portrait.photo] * 10, fps=30), portrait)
    with pytest.raises(InputError, match="no such file"):
        evaluate_video(tmp_path / "none.mp4", portrait, None)
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(InputError, match="no video"):
        track_face(tmp_path / "text.mp4", portrait)


def test_the_sound_of_a_video_is_read_at_16_khz(portrait, tmp_path):
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)).astype(np.float32)
    heard = sound_of(write_video(tmp_path / "tone.mp4", [portrait.photo] * 50, tone))
    assert abs(len(heard) - 32_000) < 1500
    assert np.argmax(np.abs(np.fft.rfft(heard[4000:20_000]))) == 440


def test_a_rendered_face_shows_what_it_was_told(portrait, photo, tmp_path):

    dialogue = call(5, own=[(0.5, 1.6), (3.4, 4.4)], partner=[(1.9, 2.9)])
    controls = add_blinks(follow_loudness(dialogue.sound), [6, 50, 92])
    yaw = np.radians(4 * np.sin(np.arange(len(controls)) / 12))
    put(controls, "headYaw", yaw)
    renderer = MeshRenderer(RenderConfig(size=320), torch.device("cpu"))
    identity = renderer.prepare(portrait)
    pictures = []
    for first in range(0, len(controls), 5):
        drawn = renderer.draw(identity, Motion(CONTROLS, torch.from_numpy(controls[first : first + 5]), first))
        pictures += [np.array(picture) for picture in drawn]
    path = write_video(tmp_path / "face.mp4", pictures, dialogue.sound[0])

    seen = track_face(path, portrait)
    assert correlation(seen.face.aperture, controls[:, CONTROLS.index("jawOpen")]) > 0.95
    assert correlation(seen.face.head[:, 1], yaw) > 0.97

    report = tmp_path / "report.json"
    done = CliRunner().invoke(
        app, ["eval", "video", str(path), "--photo", str(photo), "--report", str(report), "--quiet"]
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(report.read_text())["measures"]
    assert rows["face.found"]["mean"] == 1
    assert rows["mouth.energy_r"]["mean"] > 0.9
    assert rows["mouth.lag_frames"]["mean"] == 0
    assert rows["mouth.quiet_over_speaking"]["met"] is True
    assert rows["blink.per_minute"]["count"] == 3
    assert rows["background.moved_p999"]["met"] is True
