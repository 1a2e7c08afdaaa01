"""AVTR-1's published interface, met on a stand-in archive and stand-in features in the published formats."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.testing import assert_close

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from avtr_cli.core.config import MotionConfig
from avtr_cli.core.errors import ConfigError, WeightsError
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.core.rotation import matrix_of
from avtr_cli.core.types import Identity, Window
from avtr_cli.diagnostics.made_up import archive as made_up_archive
from avtr_cli.diagnostics.made_up.onnx_files import SMALL, write_hubert, write_landmark
from avtr_cli.motion.avtr1.archive import LIPSYNC_COORDINATES, Avtr1Archive
from avtr_cli.motion.avtr1.generator import Avtr1Generator
from avtr_cli.motion.avtr1.hubert import OnnxHubert, load_features
from avtr_cli.motion.avtr1.rows import frame_rows
from avtr_cli.weights.store import Store

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
CONFIG = MotionConfig(generator="avtr1", avatar_guidance=2.0, partner_guidance=2.5, identity_guidance=3.0)
random = torch.Generator().manual_seed(5)
POINTS = 0.25 * torch.randn(21, 3, generator=random)
ROTATION = matrix_of(torch.tensor([0.1, -0.2, 0.05]))
EXPRESSION = 0.02 * torch.randn(21, 3, generator=random)
ANATOMY = {"canonical_keypoints": POINTS, "rotation": ROTATION, "expression": EXPRESSION, "scale": torch.ones(1)}
IDENTITY = Identity(KEYPOINTS, torch.zeros(66), None, (512, 512), anatomy=ANATOMY)


class Listening(Avtr1Archive):
    """The real archive, and a note of what it was asked."""

    def __init__(self, path, device):
        self.encoded, self.asked = [], []
        super().__init__(path, device)
        self.encoded, self.asked = [], []

    def encode(self, past, audio, portrait):
        self.encoded.append((past[0], audio[0], portrait[0]))
        return super().encode(past, audio, portrait)

    def velocity(self, x, time, encoded, guidance):
        answer = super().velocity(x, time, encoded, guidance)
        self.asked.append((x[0], time, guidance, answer[0]))
        return answer


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("avtr1")
    made_up_archive.write_archive(folder / "motion.pt", layers=1)
    write_hubert(folder / "hubert.onnx", SMALL)
    return folder


@pytest.fixture(scope="module")
def features(files):
    return load_features(files / "hubert.onnx", CPU)


@pytest.fixture
def archive(files):
    return Listening(files / "motion.pt", CPU)


@pytest.fixture
def generator(archive, features):
    return Avtr1Generator(archive, features, CONFIG)


def windows(dialogue: np.ndarray, count: int) -> list[Window]:
    return [Window(dialogue[:, 3200 * i : 3200 * i + 8400], i) for i in range(count)]


def run(generator: Avtr1Generator, dialogue: np.ndarray, count: int, seed: int = 0):
    state = generator.start(IDENTITY, seed)
    motions, states = [], [state]
    for window in windows(dialogue, count):
        motion, state = generator.step(window, state)
        motions.append(motion)
        states.append(state)
    return motions, states


def test_every_chunk_is_five_frames_of_keypoints(generator, dialogue):
    motions, _ = run(generator, dialogue, 3)
    assert [motion.first for motion in motions] == [0, 5, 10]
    for motion in motions:
        assert motion.space is KEYPOINTS
        assert motion.values.shape == (5, 66)
        assert torch.isfinite(motion.values).all()


def test_the_call_starts_with_three_seconds_of_neutral_motion_and_silence(generator, archive, dialogue):
    run(generator, dialogue, 1)
    past, audio, _ = archive.encoded[0]
    turned = EXPRESSION @ ROTATION.T
    so3 = torch.tensor(Rotation.from_matrix(ROTATION).as_rotvec()).float()
    neutral = torch.cat([so3, turned.flatten()[list(LIPSYNC_COORDINATES)]])
    offset, scale = archive.buffers["motion_offset"], archive.buffers["motion_scale"]
    assert_close(past, ((neutral - offset) / scale).expand(75, 42))
    assert audio.shape == (85, 2048)
    assert float(audio[:75].abs().max()) == 0


def test_the_portrait_is_told_as_rotation_keypoints_and_turned_expression_in_deviations(generator, archive, dialogue):
    run(generator, dialogue, 1)
    portrait = archive.encoded[0][2]
    so3 = torch.tensor(Rotation.from_matrix(ROTATION).as_rotvec()).float()
    b = archive.buffers
    points = (POINTS - b["offset_kp"]) / b["scale_kp"]
    expression = (EXPRESSION @ ROTATION.T - b["offset_exp"]) / b["scale_exp"]
    assert float(points.abs().max()) > 5  # so that the clamp is seen
    wanted = [
        (so3 - b["offset_so3"]) / b["scale_so3"],
        points.clamp(-5, 5).flatten(),
        expression.clamp(-5, 5).flatten(),
    ]
    assert_close(portrait, torch.cat(wanted))


def test_the_sound_ahead_comes_back_as_sound_now_and_then_as_history(generator, archive, features, dialogue):
    run(generator, dialogue, 3)
    for (_, before, _), (_, after, _) in zip(archive.encoded, archive.encoded[1:], strict=False):
        assert_close(after[:75], before[5:80], rtol=0, atol=0)
    own, other = features(torch.from_numpy(dialogue[:, :8400].copy()))
    assert_close(archive.encoded[0][1][75:], torch.cat([own, other], dim=1))


def test_the_last_75_frames_are_carried_still_in_deviations(generator, archive, dialogue):
    motions, states = run(generator, dialogue, 2)
    past = archive.encoded[1][0]
    assert_close(past[:70], archive.encoded[0][0][5:])
    assert_close(states[1]["past"], past)
    values = past[70:] * archive.buffers["motion_scale"] + archive.buffers["motion_offset"]
    assert_close(motions[0].values[:, :3], values[:, :3])


def test_time_runs_uniformly_in_four_euler_steps_with_each_guidance_under_its_own_name(generator, archive, dialogue):
    run(generator, dialogue, 1)
    assert [time for _, time, _, _ in archive.asked] == [0.0, 0.25, 0.5, 0.75]
    for (x, _, _, velocity), (after, _, _, _) in zip(archive.asked, archive.asked[1:], strict=False):
        assert_close(after, x + velocity / 4)
    guidance = archive.asked[0][2]
    strengths = [(g.shape, set(g.tolist())) for g in (guidance.avatar, guidance.partner, guidance.identity)]
    assert strengths == [((512,), {2.0}), ((512,), {2.5}), ((512,), {3.0})]


def test_stronger_partner_guidance_changes_the_motion(archive, features, dialogue):
    def motion(strength: float) -> torch.Tensor:
        config = MotionConfig(generator="avtr1", partner_guidance=strength)
        return run(Avtr1Generator(archive, features, config), dialogue, 1)[0][0].values

    assert float((motion(3.0) - motion(1.0)).abs().max()) > 1e-4


def test_noise_is_bounded_smooth_and_goes_on_over_the_chunk_border(generator, archive, dialogue):
    run(generator, dialogue, 20)
    noise = torch.cat([x for x, time, _, _ in archive.asked if time == 0.0])
    assert float(noise.abs().max()) <= 1.2 + 1e-5
    neighbours = torch.corrcoef(torch.stack([noise[:-1].flatten(), noise[1:].flatten()]))[0, 1]
    assert 0.65 < float(neighbours) < 0.85  # c = 0.894 before the cut at 1.2 takes variance away
    step = (noise[1:] - noise[:-1]).abs().mean(dim=1)
    borders = torch.arange(len(step)) % 5 == 4
    assert float(step[borders].mean()) == pytest.approx(float(step[~borders].mean()), rel=0.15)


def test_the_same_seed_gives_the_same_bits_and_another_seed_other_motion(archive, features, dialogue):
    def motion(seed: int) -> torch.Tensor:
        motions, _ = run(Avtr1Generator(archive, features, CONFIG), dialogue, 3, seed)
        return torch.cat([m.values for m in motions])

    first = motion(1)
    assert torch.equal(first, motion(1))
    assert not torch.equal(first, motion(2))


def test_a_state_that_was_stored_goes_on_bit_for_bit(generator, dialogue, tmp_path):
    from safetensors.torch import load_file, save_file

    motions, states = run(generator, dialogue, 3)
    save_file({name: tensor.contiguous() for name, tensor in states[2].items()}, tmp_path / "state.safetensors")
    again, _ = generator.step(windows(dialogue, 3)[2], load_file(tmp_path / "state.safetensors"))
    assert torch.equal(again.values, motions[2].values)


def test_coordinates_that_the_model_does_not_predict_stay_the_portraits(generator, dialogue):
    values = run(generator, dialogue, 2)[0][1].values[:, 3:]
    others = [i for i in range(63) if i not in LIPSYNC_COORDINATES]
    assert len(others) == 24
    assert_close(values[:, others], EXPRESSION.flatten()[others].expand(5, -1))
    assert float(values[:, list(LIPSYNC_COORDINATES)].std(dim=0).max()) > 0


def test_without_expressiveness_and_head_gain_the_portrait_rests(archive, features, dialogue):
    config = MotionConfig(generator="avtr1", expressiveness=0.0, head_gain=0.0)
    values = run(Avtr1Generator(archive, features, config), dialogue, 1)[0][0].values
    assert_close(matrix_of(values[:, :3]), ROTATION.expand(5, 3, 3), atol=1e-5, rtol=0)
    turned = (EXPRESSION @ ROTATION.T).flatten()[list(LIPSYNC_COORDINATES)]
    assert_close(values[:, 3:][:, list(LIPSYNC_COORDINATES)], turned.expand(5, -1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("setting", [{"smile": 0.5}, {"emotion": "happy"}, {"blink_rate": 2.0}, {"gaze": 0.0}])
def test_a_setting_that_the_model_cannot_follow_is_refused(archive, features, setting):
    with pytest.raises(ConfigError, match=f"motion.{next(iter(setting))} is not a setting of the AVTR-1 model"):
        Avtr1Generator(archive, features, MotionConfig(generator="avtr1", **setting))


def changed(**changes) -> torch.nn.Module:
    """The stand-in with some attributes or buffers replaced; None takes one away."""
    model = made_up_archive.MadeUpAvtr1(layers=1, seed=0)
    for name, value in changes.items():
        delattr(model, name)
        if value is not None:
            if isinstance(value, torch.Tensor):
                model.register_buffer(name, value)
            else:
                setattr(model, name, value)
    return model


class OtherMethods(made_up_archive.MadeUpAvtr1):
    """An archive whose forward takes other arguments."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


WRONG = {
    "chunk_size is 4, not 5": lambda: changed(chunk_size=4),
    "it has no motion_scale": lambda: changed(motion_scale=None),
    "offset_kp is no finite": lambda: changed(offset_kp=torch.zeros(20, 3)),
    "motion_offset is no finite": lambda: changed(motion_offset=torch.full((42,), torch.nan)),
    "lipsync_coords names other coordinates": lambda: changed(lipsync_coords=torch.arange(39)),
    "nfeats is 265, not 42": lambda: changed(nfeats=265),
    "forward": lambda: OtherMethods(layers=1, seed=0),
}


@pytest.mark.parametrize("finding", WRONG)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_another_torchscript_archive_is_told_apart(finding, tmp_path):
    path = tmp_path / "avtr1.scripted.pt"
    torch.jit.save(torch.jit.script(WRONG[finding]()), str(path))
    with pytest.raises(WeightsError, match=rf"avtr1\.scripted\.pt: not the AVTR-1 motion model.*{finding}"):
        Avtr1Archive(path, CPU)


def damaged(kind: str, files, path):
    if kind == "truncated":
        whole = (files / "motion.pt").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "garbage":
        path.write_bytes(b"no archive at all" * 100)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "state dict":
        torch.save({"weight": torch.zeros(3)}, path)
    elif kind == "pickle":
        torch.save(SimpleNamespace(danger=1), path)
    elif kind == "onnx":
        write_landmark(path)


@pytest.mark.parametrize("kind", ["truncated", "garbage", "empty", "state dict", "pickle", "onnx"])
def test_a_damaged_or_swapped_archive_is_one_sentence(kind, files, tmp_path):
    path = tmp_path / "avtr1.scripted.pt"
    damaged(kind, files, path)
    with pytest.raises(WeightsError, match=r"avtr1\.scripted\.pt: cannot be loaded.*avtr weights pull avtr1/motion"):
        Avtr1Archive(path, CPU)


def test_features_are_the_last_twenty_rows_averaged_in_pairs(files, dialogue):
    published = OnnxHubert(files / "hubert.onnx", CPU)
    window = np.ascontiguousarray(dialogue[:, :8400])
    rows = published.rows(window)
    assert rows.shape == (2, 26, 1024)
    ten = published(torch.from_numpy(window))
    assert_close(ten, torch.from_numpy((rows[:, 6::2] + rows[:, 7::2]) / 2))
    assert ten.shape == (2, 10, 1024)


def test_a_chunks_features_do_not_depend_on_the_partner_beside_it(files, dialogue):
    published = OnnxHubert(files / "hubert.onnx", CPU)
    window = np.ascontiguousarray(dialogue[:, :8400])
    swapped = published.rows(window[::-1].copy())
    assert_close(torch.from_numpy(swapped[1]), torch.from_numpy(published.rows(window)[0]))


def test_torchaudios_hubert_with_the_same_weights_gives_the_same_rows(files, dialogue):
    from avtr_cli.motion.avtr1.hubert_torch import TorchHubert

    window = np.ascontiguousarray(dialogue[:, :8400])
    wanted = OnnxHubert(files / "hubert.onnx", CPU).rows(window)
    mapped = TorchHubert(files / "hubert.onnx", CPU)
    difference = np.abs(mapped.rows(torch.from_numpy(window)).numpy() - wanted).max()
    assert difference < 1e-4 * wanted.std()
    assert_close(mapped(torch.from_numpy(window)), frame_rows(torch.from_numpy(wanted)), atol=1e-4, rtol=1e-3)


def test_a_graph_that_is_no_hubert_is_not_mapped(tmp_path):
    from avtr_cli.motion.avtr1.hubert_torch import TorchHubert, Unmapped

    write_landmark(tmp_path / "other.onnx")
    with pytest.raises(Unmapped):
        TorchHubert(tmp_path / "other.onnx", CPU)


def test_another_onnx_file_in_the_features_place_is_told_apart(tmp_path):
    write_landmark(tmp_path / "hubert-lbs-avtr1.onnx")
    with pytest.raises(WeightsError, match=r"hubert-lbs-avtr1\.onnx: not the speech feature model.*pull avtr1/hubert"):
        load_features(tmp_path / "hubert-lbs-avtr1.onnx", CPU)


@pytest.mark.parametrize("keep", [0, 1000, 5_000_000])
def test_a_truncated_features_file_is_one_sentence(keep, files, tmp_path):
    path = tmp_path / "hubert-lbs-avtr1.onnx"
    path.write_bytes((files / "hubert.onnx").read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"hubert-lbs-avtr1\.onnx: cannot be loaded.*avtr weights"):
        load_features(path, CPU)


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(
        WeightsError, match=r"avtr1\.scripted\.pt: .*are not here; fetch them with `avtr weights pull avtr1`"
    ):
        Avtr1Generator.from_store(CONFIG, CPU, Store(tmp_path))
