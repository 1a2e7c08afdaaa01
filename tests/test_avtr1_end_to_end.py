"""The published path from photo and dialogue to video, on a made-up weight set in the published file formats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core.config import load_preset
from avtr_cli.diagnostics.made_up.weight_set import write_set
from avtr_cli.jobs import preparation
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.motion.file import load_motion
from avtr_cli.weights.registry import registry

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("published"), small=True)


def avtr(*arguments: object, weights: Path) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from avtr_cli.cli import main; main()", *map(str, arguments)],
        env=os.environ | {"AVTR_WEIGHTS": str(weights), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_a_dialogue_is_rendered_by_the_published_networks(weights, photo, wav, tmp_path):
    out, report, motion = (tmp_path / name for name in ("out.mp4", "out.json", "motion.safetensors"))
    done = avtr(
        "render", photo, wav(2.0), "-o", out, "--preset", "avtr1", "--duration", 0.2, "--device", "cpu",
        "--report", report, "--motion-out", motion, weights=weights.root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    is_a_video_of_the_published_networks(out, json.loads(report.read_text()), motion)


def test_a_dialogue_moves_a_published_portrait_by_our_own_model(weights, photo, wav, tmp_path, monkeypatch):
    """In this process, and without the chunk that only warms up: the networks take seconds for every frame."""
    monkeypatch.setenv("AVTR_WEIGHTS", str(weights.root))
    monkeypatch.setattr(preparation, "_warm_up", lambda *_: None)
    out, motion = tmp_path / "out.mp4", tmp_path / "motion.safetensors"
    preset = load_preset("liveportrait", ["runtime.device=cpu"])
    sound = DialogueFiles(dialogue=wav(2.0), duration_s=0.2)
    report = render_file(Job(photo=photo, sound=sound, out=out, preset=preset, motion_out=motion))
    is_a_video_of_the_published_networks(out, report, motion)


def is_a_video_of_the_published_networks(out: Path, told: Mapping[str, Any], motion: Path) -> None:
    assert told["output"]["frames"] == 5
    assert any("LivePortrait" in notice for notice in told["attribution"])
    frames = decoded(out)
    assert len(frames) == 5
    assert min(frame.std() for frame in frames) > 1
    space, values, _ = load_motion(motion)
    assert space.name == "keypoints"
    assert values.shape == (5, 66)
    assert float(values.std(dim=0).max()) > 1e-4  # it moves


def decoded(path: Path) -> list:

    video, frames = cv2.VideoCapture(str(path)), []
    while True:
        read, picture = video.read()
        if not read:
            return frames
        frames.append(picture)


def test_verify_tells_the_set_from_the_published_files(weights):
    done = avtr("weights", "verify", weights=weights.root)
    assert done.returncode == 0
    assert done.stdout.count("made up") == len(registry().files)


@pytest.mark.parametrize("preset", ["avtr1", "liveportrait"])
def test_without_weights_a_render_ends_with_one_sentence_and_exit_code_4(preset, photo, wav, tmp_path):
    done = avtr("render", photo, wav(2.0), "-o", tmp_path / "out.mp4", "--preset", preset, weights=tmp_path / "none")
    assert done.returncode == 4
    assert "avtr weights pull" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.mp4").exists()


def test_a_damaged_weight_file_ends_a_render_with_one_sentence_and_exit_code_4(weights, photo, wav, tmp_path):
    store = weights
    path = store.target(registry().files["avtr1/motion"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        done = avtr("render", photo, wav(2.0), "-o", tmp_path / "o.mp4", "--preset", "avtr1", weights=store.root)
    finally:
        path.write_bytes(whole)
    assert done.returncode == 4
    assert "avtr1.scripted.pt: damaged" in done.stderr
    assert "Traceback" not in done.stderr
