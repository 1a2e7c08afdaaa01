"""From photo and dialogue to video by a made-up weight set in the published file formats, on smaller maps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from avtr_cli.core.config import RuntimeConfig, load_preset
from avtr_cli.diagnostics.made_up.weight_set import write_set
from avtr_cli.motion.file import load_motion
from avtr_cli.render.liveportrait.renderer import LivePortraitRenderer
from avtr_cli.weights.registry import registry
from tests import made_unils, small_liveportrait

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("published"), small=True)


@pytest.fixture(autouse=True)
def with_the_set(weights, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(weights.root))


@pytest.mark.parametrize("preset", ["avtr1", "liveportrait"])
def test_without_weights_a_render_ends_with_one_sentence_and_exit_code_4(
    preset, avtr, photo, wav, tmp_path, monkeypatch
):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "none"))
    code, _, stderr = avtr("render", photo, wav(2.0), "-o", tmp_path / "out.mp4", "--preset", preset)
    assert code == 4
    assert "avtr weights pull" in stderr
    assert "Traceback" not in stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.fixture(scope="module")
def on_smaller_maps(weights):
    """What the store's files make, made once: both presets have the same renderer."""
    with pytest.MonkeyPatch.context() as patch:
        small_liveportrait.use_in_renderers(patch)
        renderer = LivePortraitRenderer.from_store(
            load_preset("avtr1").render, RuntimeConfig(), torch.device("cpu"), weights
        )
        assert renderer.config == load_preset("liveportrait").render
        patch.setattr(LivePortraitRenderer, "from_store", lambda *_: renderer)
        yield


@pytest.mark.usefixtures("on_smaller_maps")
def test_unils_moves_the_published_renderer_through_flame_and_controls(avtr, photo, wav, tmp_path):
    downloads = made_unils.write_downloads(tmp_path)
    code, _, stderr = avtr("weights", "pull", "unils", "flame", "--from", downloads, "--accept-licence", "-q")
    assert code == 0, stderr
    out, report, motion = (tmp_path / name for name in ("out.mp4", "out.json", "motion.safetensors"))
    code, _, stderr = avtr(
        "render", photo, wav(2.0), "-o", out, "--preset", "unils", "--set", "render.renderer=liveportrait",
        "--duration", 0.2, "--device", "cpu", "--report", report, "--motion-out", motion,
    )  # fmt: skip
    assert code == 0, stderr
    told = json.loads(report.read_text())
    is_a_video_of_the_published_networks(out, told, motion)
    assert any("UniLS" in notice for notice in told["attribution"])


@pytest.mark.usefixtures("on_smaller_maps")
@pytest.mark.parametrize("preset", ["avtr1", "liveportrait"])
def test_a_dialogue_is_rendered_by_the_published_networks(preset, avtr, photo, wav, tmp_path):
    out, report, motion = (tmp_path / name for name in ("out.mp4", "out.json", "motion.safetensors"))
    code, _, stderr = avtr(
        "render", photo, wav(2.0), "-o", out, "--preset", preset, "--duration", 0.2, "--device", "cpu",
        "--report", report, "--motion-out", motion,
    )  # fmt: skip
    assert code == 0, stderr
    is_a_video_of_the_published_networks(out, json.loads(report.read_text()), motion)


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


def test_verify_tells_the_set_from_the_published_files(avtr):
    code, stdout, _ = avtr("weights", "verify", "avtr1")
    assert code == 0
    assert stdout.count("made up") == len(registry().choose(["avtr1"]))


@pytest.mark.usefixtures("on_smaller_maps")
def test_a_damaged_weight_file_ends_a_render_with_one_sentence_and_exit_code_4(weights, avtr, photo, wav, tmp_path):
    path = weights.target(registry().files["avtr1/motion"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        code, _, stderr = avtr("render", photo, wav(2.0), "-o", tmp_path / "o.mp4", "--preset", "avtr1")
    finally:
        path.write_bytes(whole)
    assert code == 4
    assert "avtr1.scripted.pt: damaged" in stderr
    assert "Traceback" not in stderr
