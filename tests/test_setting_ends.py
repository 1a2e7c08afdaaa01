"""Every setting of motion and picture, at both its ends and for every word, gives two frames that are pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from avtr_cli.core.config import MotionConfig, RenderConfig
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.limits import OneOf, Within, limit_of
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import WINDOW_SAMPLES
from avtr_cli.core.types import Identity, Motion, Portrait, Window
from avtr_cli.motion import flow
from avtr_cli.motion.lmfm.checkpoint import SHIPPED, load_lmfm
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.motion.lmfm.network import NOISE_SD
from avtr_cli.motion.table import GENERATORS
from avtr_cli.motion.table import ignored as motion_ignored
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.render.table import RENDERERS
from avtr_cli.render.table import ignored as render_ignored

CPU = torch.device("cpu")
BACKGROUNDS = ("none", "blur", "transparent", "#204060")
ELSEWHERE = ("generator", "renderer")  # need published weights, or are the two that are tested here


def cases(config: type) -> list[tuple[str, object]]:
    """(setting, value): both ends of every number, every word, true and false; as `limits` knows them."""
    made: list[tuple[str, object]] = []
    for field in dataclasses.fields(config):
        limit = limit_of(field)
        if field.name in (*ELSEWHERE, *RENDERERS["mesh"].ignores, *GENERATORS["lmfm"].ignores):
            continue
        if isinstance(limit, Within):
            made += [(field.name, type(field.default)(end)) for end in (limit.low, limit.high)]
        elif isinstance(limit, OneOf):
            made += [(field.name, word) for word in limit.words]
        elif isinstance(field.default, bool):
            made += [(field.name, False), (field.name, True)]
        else:
            assert field.name == "background"
            made += [(field.name, word) for word in BACKGROUNDS]
    return [case for case in made if case != ("size", 4096)]  # takes a minute and two gigabytes


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


@pytest.fixture(scope="module")
def speaking(dialogue: np.ndarray) -> list[Window]:
    step = 3_200
    return [Window(dialogue[:, k * step : k * step + WINDOW_SAMPLES].copy(), k) for k in range(6)]


@pytest.fixture(scope="module")
def small(portrait: Portrait) -> tuple[MeshRenderer, Identity]:
    """A renderer of 64 px and the portrait prepared by it."""
    renderer = MeshRenderer(RenderConfig(size=64), CPU)
    return renderer, renderer.prepare(portrait)


def drawn(portrait: Portrait, values: torch.Tensor, config: RenderConfig) -> np.ndarray:
    renderer = MeshRenderer(config, CPU)
    return drawn_by(renderer, renderer.prepare(portrait), values)


def drawn_by(renderer: MeshRenderer, identity: Identity, values: torch.Tensor) -> np.ndarray:
    frames = renderer.draw(identity, Motion(CONTROLS, values, 0))
    assert frames.shape[2:0:-1] == identity.size
    assert not any(side % 2 for side in identity.size)
    assert (frames[..., :3].std(axis=(1, 2, 3)) > 10).all()
    return frames


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), cases(MotionConfig), ids=str)
def test_every_motion_setting_moves_a_face_at_its_ends(small, speaking, name, value):
    generator = LmfmGenerator(MotionConfig(**{name: value}))
    state = generator.start(None, 3)
    for window in speaking[: 3 if name == "euler_steps" else 6]:
        motion, state = generator.step(window, state)
        assert torch.isfinite(motion.values).all()
        assert motion.values[:, :52].min() >= 0
        assert motion.values[:, :52].max() <= 1
    drawn_by(*small, motion.values[:2])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), cases(RenderConfig), ids=str)
def test_every_render_setting_draws_at_its_ends(portrait, name, value):
    row = torch.zeros(2, len(CONTROLS))
    row[1, [CONTROLS.index("jawOpen"), CONTROLS.index("eyeBlinkLeft")]] = 0.5
    drawn(portrait, row, RenderConfig(**({"size": 64} | {name: value})))


@pytest.mark.slow
@pytest.mark.parametrize("view", ["crop", "photo"])
@pytest.mark.parametrize("size", [65, 97, 511])
def test_frames_are_even_whatever_size_is_asked_for(portrait, view, size):
    frames = drawn(portrait, torch.zeros(2, len(CONTROLS)), RenderConfig(size=size, view=view))
    assert frames.shape[1:3] == (size - 1, size - 1)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2_400, 300), (300, 2_401)])
def test_the_photo_view_of_a_long_picture_is_drawn(photo: Path, tmp_path: Path, shape):
    picture = Image.new("RGB", shape, (150, 140, 130))
    picture.paste(Image.open(photo).convert("RGB").crop((80, 0, 380, 300)), (shape[0] // 3, shape[1] // 3))
    picture.save(tmp_path / "long.png")
    frames = drawn(find_portrait(tmp_path / "long.png"), torch.zeros(2, 58), RenderConfig(size=512, view="photo"))
    assert sorted(frames.shape[1:3]) == [64, 512]


def teeth_of(portrait: Portrait, size: int) -> float:
    """How bright the photo's own teeth are in an opened mouth of a frame of `size` px, 0 .. 255."""
    row = torch.zeros(1, len(CONTROLS))
    row[0, CONTROLS.index("jawOpen")] = 0.3
    renderer = MeshRenderer(RenderConfig(size=size, breathing=0), CPU)
    identity = renderer.prepare(portrait)
    assert identity.kept.mouth.interior.own_upper
    frame = renderer.draw(identity, Motion(CONTROLS, row, 0))[0]
    stage = identity.kept.stage
    x, y = (stage.points[13, :2] - (stage.frame.x, stage.frame.y)).astype(int)
    half, down = round(0.16 * stage.unit), round(0.14 * stage.unit)
    return float(np.percentile(frame[y : y + down, x - half : x + half].mean(axis=2), 90))


@pytest.fixture(scope="module")
def large_teeth(portrait: Portrait) -> float:
    return teeth_of(portrait, 256)


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 96, 128, 160])
def test_teeth_that_the_photo_shows_are_seen_in_small_frames_as_in_large_ones(portrait, large_teeth, size):
    assert teeth_of(portrait, size) > 0.75 * large_teeth


def test_one_euler_step_keeps_its_noise_and_more_steps_are_what_they_were():
    assert flow.euler_gain(1) == 1.0
    assert [round(flow.euler_gain(steps), 6) for steps in (2, 4, 8)] == [0.5, 0.72, 0.850822]


@pytest.mark.parametrize(("correlation", "limit"), [(2.0, 1.2), (2.0, 3.0), (0.5, 0.5), (5.0, 2.0)])
def test_the_spread_of_the_base_noise_is_what_its_draws_have(correlation: float, limit: float):
    uniform = torch.rand(3_000, 200, 1, generator=torch.Generator().manual_seed(0))
    noise = flow.ar1_noise(uniform, None, correlation, limit)[:, 80:]
    assert flow.ar1_sd(correlation, limit) == pytest.approx(float(noise.std()), rel=0.02)


def test_the_trained_noise_keeps_the_number_it_was_trained_with():
    assert LmfmGenerator(MotionConfig())._noise_sd == NOISE_SD
    assert LmfmGenerator(MotionConfig(noise_limit=3.0))._noise_sd == pytest.approx(0.982, abs=2e-3)
    assert flow.ar1_sd(2.0, 1.2) == pytest.approx(NOISE_SD, abs=5e-4)


def test_settings_that_do_nothing_are_known_by_name():
    assert motion_ignored(MotionConfig(generator="avtr1", gaze=0.5)) == ("gaze",)
    assert motion_ignored(MotionConfig(gaze=0.5)) == ()
    assert render_ignored(RenderConfig(region="lips")) == ("region",)
    assert render_ignored(RenderConfig(renderer="liveportrait", breathing=0.5, region="lips")) == ("breathing",)
    for table, config in ((GENERATORS, MotionConfig), (RENDERERS, RenderConfig)):
        known = {field.name for field in dataclasses.fields(config)}
        assert {name for entry in table.values() for name in entry.ignores} <= known


@pytest.mark.parametrize(
    ("table", "config", "name"), [(GENERATORS, MotionConfig, "generator"), (RENDERERS, RenderConfig, "renderer")]
)
def test_a_setting_takes_the_words_that_its_table_has_entries_for(table, config, name):
    (setting,) = [field for field in dataclasses.fields(config) if field.name == name]
    assert limit_of(setting).words == tuple(table)


def test_a_checkpoint_without_numbers_is_refused(tmp_path: Path):

    with safe_open(SHIPPED, "pt") as held:
        tensors, about = {name: held.get_tensor(name) for name in held.keys()}, held.metadata()  # noqa: SIM118
    tensors["face_sd"][3] = float("nan")
    save_file(tensors, tmp_path / "nan.safetensors", about)
    with pytest.raises(WeightsError, match=r"nan\.safetensors.*no numbers"):
        load_lmfm(tmp_path / "nan.safetensors")
