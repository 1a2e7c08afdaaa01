"""The streaming generator is the training graph: same numbers, whatever the cut, the save, the thread count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch.testing import assert_close

from avtr_cli.core.config import MotionConfig
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import CHUNK_FRAMES, SAMPLES_PER_FRAME, TAIL_FRAMES, WINDOW_SAMPLES
from avtr_cli.core.types import Window
from avtr_cli.motion import flow
from avtr_cli.motion.lmfm import decisions
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.checkpoint import load_lmfm
from avtr_cli.motion.lmfm.generator import MOUTH_TEMPERATURE, LmfmGenerator
from avtr_cli.motion.lmfm.network import NOISE_CORRELATION, NOISE_LIMIT, NOISE_SD, Lmfm, LmfmShape
from avtr_cli.training import objective
from avtr_cli.training.stages import write_tensors

pytestmark = pytest.mark.slow

CHUNKS = 22  # 110 frames: more than the 75 that are remembered


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """An untrained network with every weight stirred, so that nothing is hidden behind a zero."""
    torch.manual_seed(1)
    model = Lmfm()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.05 * torch.randn_like(value))
        walk = torch.cumsum(torch.randn(6, 400, len(FACE)), 1)
        walk = walk - 0.98 * torch.nn.functional.pad(walk, (0, 0, 1, 0))[:, :-1]
        fitted = flow.Innovations.fit(walk / walk.std(), CHUNK_FRAMES)
        model.face_predictor.copy_(fitted.predictor)
        model.face_whiten.copy_(fitted.whiten)
        model.face_colour.copy_(fitted.colour)
        model.mouth_mean.fill_(0.1)
        model.mouth_sd.fill_(0.2)
        model.face_mean.normal_(0, 0.1)
    path = tmp_path_factory.mktemp("weights") / "lmfm.safetensors"
    write_tensors(path, model.state_dict(), {"format": "avtr-lmfm-1", **LmfmShape().as_strings()})
    return path


@pytest.fixture(scope="module")
def sound():
    """Two sides of noise that swells and pauses: float32 (2, n)."""
    rng = np.random.default_rng(3)
    samples = rng.standard_normal((2, (CHUNKS + 2) * CHUNK_FRAMES * SAMPLES_PER_FRAME)) * 0.1
    swell = np.clip(np.sin(np.arange(samples.shape[1]) / 4000 + np.array([[0.0], [2.0]])), 0, 1)
    return (samples * swell).astype(np.float32)


def windows(sound: np.ndarray) -> list[Window]:
    lead = TAIL_FRAMES * SAMPLES_PER_FRAME
    padded = np.pad(sound, ((0, 0), (lead, 0)))
    step = CHUNK_FRAMES * SAMPLES_PER_FRAME
    return [Window(padded[:, k * step : k * step + WINDOW_SAMPLES].copy(), k) for k in range(CHUNKS)]


def stream(generator: LmfmGenerator, sound: np.ndarray, seed: int = 5):
    state, motions, states = generator.start(None, seed), [], []
    for window in windows(sound):
        motion, state = generator.step(window, state)
        motions.append(motion.values)
        states.append(state)
    return torch.cat(motions), states


@pytest.fixture(scope="module")
def plain(checkpoint, sound):
    """A generator of default settings, its motion of `sound` and its states after every chunk."""
    generator = LmfmGenerator(MotionConfig(), checkpoint)
    return generator, *stream(generator, sound)


def test_streaming_with_carried_state_equals_the_training_graph(checkpoint, sound):
    """All chunks at once, given the streamed past and the streamed noise, must flow to the streamed motion."""
    steps = 3
    generator = LmfmGenerator(MotionConfig(euler_steps=steps), checkpoint)
    model, frames = generator.model, CHUNKS * CHUNK_FRAMES
    _, states = stream(generator, sound)
    mouth = torch.cat([state["mouth"][-CHUNK_FRAMES:] for state in states])[None]
    face = torch.cat([state["face"][-CHUNK_FRAMES:] for state in states])[None]
    curves = torch.cat([state["curves"][-CHUNK_FRAMES:] for state in states])[None]
    assert mouth.std() > 0.1

    features = generator._mel.of_file(torch.from_numpy(sound))[:, : frames + 5]
    encoded, _, flags = objective.hear(model, features[None])
    person = generator._person.expand(1, frames, -1)
    both = torch.cat([flags[:, 0], flags[:, 1]], dim=-1).sigmoid()
    given = model.conditions(encoded[:, 0], encoded[:, 1], both, curves, person)

    mouth_noise, face_noise = base_noise(5, steps)
    mean, scale = model.guess_mouth(given)
    track = model.mouth_track
    memories = track.past_memory(mouth, objective.before(mouth), given.avatar)
    bias = objective.track_bias(track, frames, False)

    def mouth_velocity(x, t):
        times = torch.full((1, frames), t)
        departure = track(x, track.sound_tokens(given.avatar), track.modulations(times, person), memories, bias)
        return departure + flow.gaussian_skip(x, t, mean, scale, NOISE_SD)

    assert_close(flow.euler(mouth_velocity, mouth_noise[None], steps), mouth, atol=1e-4, rtol=0)

    track = model.face_track
    memories = track.past_memory(face, objective.before(face), given.fused)
    bias = objective.track_bias(track, frames, False)
    face_scale = model.scale_face(person)

    def face_velocity(x, t):
        times = torch.full((1, frames), t)
        departure = track(x, track.sound_tokens(given.fused), track.modulations(times, person), memories, bias)
        return departure + flow.gaussian_skip(x, t, torch.zeros_like(x), face_scale, 1.0)

    codes = flow.euler(face_velocity, face_noise[None], steps).clamp(-6, 6)
    start = generator.start(None, 5)["face"][-4:][None]
    whole = torch.cat([start, face], dim=1)
    last = whole[:, :frames].unfold(1, 4, CHUNK_FRAMES).transpose(2, 3)
    decoded = model.innovations.decode(codes.unflatten(1, (-1, CHUNK_FRAMES)), last).flatten(1, 2)
    assert_close(decoded, face, atol=1e-4, rtol=1e-5)


def base_noise(seed: int, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The base noise of every chunk, drawn as the generator draws it: gestures first, then mouth, then face."""

    mouth, face, last = [], [], None
    for index in range(CHUNKS):
        rng = np.random.default_rng([seed, 0, index])
        rng.random((CHUNK_FRAMES, decisions.NUMBERS))
        uniform = torch.from_numpy(rng.random((CHUNK_FRAMES, len(MOUTH)), np.float32))
        rows = flow.ar1_noise(uniform, last, NOISE_CORRELATION, NOISE_LIMIT)
        last = rows[-1]
        mouth.append(MOUTH_TEMPERATURE * rows)
        face.append(
            torch.from_numpy(rng.standard_normal((CHUNK_FRAMES, len(FACE)), np.float32)) / flow.euler_gain(steps)
        )
    return torch.cat(mouth), torch.cat(face)


def test_features_of_a_window_are_those_of_the_whole_file(plain, sound):
    mel = plain[0]._mel
    whole = mel.of_file(torch.from_numpy(sound))
    for window in windows(sound):
        first = window.index * CHUNK_FRAMES
        assert_close(mel.of_window(torch.from_numpy(window.samples)), whole[:, first : first + 10], atol=2e-5, rtol=0)


def test_a_saved_and_loaded_state_continues_to_the_same_bits(checkpoint, sound):
    generator = LmfmGenerator(MotionConfig(), checkpoint)
    state = generator.start(None, 9)
    for window in windows(sound)[:8]:
        _, state = generator.step(window, state)
    again = load(save(dict(state)))
    for window in windows(sound)[8:12]:
        a, state = generator.step(window, state)
        b, again = LmfmGenerator(MotionConfig(), checkpoint).step(window, again)
        assert torch.equal(a.values, b.values)


def test_a_step_changes_nothing_in_the_state_it_was_given(plain, sound):
    generator, _, states = plain
    kept = {name: value.clone() for name, value in states[9].items()}
    generator.step(windows(sound)[10], states[9])
    for name, value in kept.items():
        assert torch.equal(states[9][name], value), name


def test_motion_does_not_depend_on_the_number_of_threads(plain, sound):
    generator, usual, _ = plain
    threads = torch.get_num_threads()
    others = 1 if threads > 1 else 2
    try:
        torch.set_num_threads(others)
        made, _ = stream(generator, sound)
        assert torch.get_num_threads() == others
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(made, usual)


def test_another_seed_moves_otherwise_and_the_same_seed_the_same(plain, sound):
    generator, first, _ = plain
    assert torch.equal(first, stream(generator, sound)[0])
    assert not torch.equal(first, stream(generator, sound, seed=6)[0])


def test_the_partner_has_no_part_in_the_mouth(plain, sound):
    generator, a, _ = plain
    other = np.stack([sound[0], sound[1][::-1]])
    mouth = [CONTROLS.index(name) for name in ("jawOpen", "mouthClose", "mouthPucker", "mouthLowerDownLeft")]
    b, _ = stream(generator, other)
    assert torch.equal(a[:, mouth], b[:, mouth])
    assert not torch.equal(a, b)


@pytest.mark.parametrize("name", ["avatar_guidance", "partner_guidance", "identity_guidance"])
def test_guidance_changes_motion(checkpoint, sound, plain, name):
    guided, _ = stream(LmfmGenerator(MotionConfig(**{name: 2.0}), checkpoint), sound)
    assert torch.isfinite(guided).all()
    assert not torch.equal(plain[1], guided)


def test_every_value_is_in_the_range_that_the_space_names(checkpoint, sound):
    values, _ = stream(LmfmGenerator(MotionConfig(expressiveness=3.0, smile=1.0), checkpoint), sound)
    assert values.shape == (CHUNKS * CHUNK_FRAMES, len(CONTROLS))
    assert values.dtype == torch.float32
    assert float(values[:, :52].min()) >= 0
    assert float(values[:, :52].max()) <= 1


def test_missing_or_foreign_weights_are_one_sentence(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        LmfmGenerator(MotionConfig(), tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        LmfmGenerator(MotionConfig(), tmp_path / "bad.safetensors")


def test_weights_of_another_version_are_told_as_such(checkpoint, tmp_path):
    with safe_open(checkpoint, "pt") as held:
        tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        about = held.metadata()
    tensors["face_track.out.weight"] = tensors["face_track.out.weight"][:18]
    write_tensors(tmp_path / "old.safetensors", tensors, about)
    with pytest.raises(WeightsError, match=r"old\.safetensors: weights of another version"):
        load_lmfm(tmp_path / "old.safetensors")
