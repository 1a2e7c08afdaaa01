"""Motion through onnxruntime: torch's numbers to rounding, its own bits every time, from weights alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from avtr_cli.core.config import MotionConfig, Preset
from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES, WINDOW_SAMPLES
from avtr_cli.core.types import Cue, Window
from avtr_cli.motion.gestures import CURVES, EVENTS
from avtr_cli.motion.lmfm import generator as lmfm
from avtr_cli.motion.lmfm import hearing, onnx_backend
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.event_head import EventHead
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.motion.lmfm.guidance import branches_of
from avtr_cli.motion.lmfm.hazards import HazardHead
from avtr_cli.motion.lmfm.log_mel import FEATURES
from avtr_cli.motion.lmfm.network import Lmfm, LmfmShape
from avtr_cli.motion.lmfm.onnx_backend import OnnxBackend
from avtr_cli.motion.lmfm.onnx_file import Graph
from avtr_cli.motion.lmfm.torch_backend import Backend, Told, TorchBackend
from avtr_cli.motion.table import GENERATORS

SMALL = LmfmShape(width=32, layers=2, heads=2)
SAME = 2e-5  # of numbers of about one: what rounding in another order may do


@pytest.fixture(scope="module")
def model() -> Lmfm:
    """A small untrained network with every weight stirred, so that nothing is hidden behind a zero."""
    torch.manual_seed(1)
    model = Lmfm(SMALL)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return model.requires_grad_(False).eval()


def backends(model: Lmfm, deaf: bool = True, **settings: float) -> tuple[Backend, Backend]:
    config = MotionConfig(**settings)
    branches = branches_of(config, torch.linspace(-1, 1, SMALL.person), model.no_person)
    return tuple(kind(model, config, branches, 0.6, deaf) for kind in (TorchBackend, OnnxBackend))


def told(seed: int = 2) -> Told:
    drawn, frames = torch.Generator().manual_seed(seed), PAST_FRAMES + CHUNK_FRAMES

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=drawn)

    flags, curves = torch.rand(frames, 2 * hearing.FLAGS, generator=drawn), normal(frames, len(CURVES))
    histories = [normal(PAST_FRAMES + 1, len(track)) for track in (MOUTH, FACE)]
    noises = [normal(CHUNK_FRAMES, len(track)) for track in (MOUTH, FACE)]
    return Told(normal(2, frames, SMALL.width), flags, curves, *histories, *noises)


def alike(found: Sequence[torch.Tensor], true: Sequence[torch.Tensor]) -> bool:
    pairs = list(zip(found, true, strict=True))
    return all(a.shape == b.shape and torch.allclose(a, b, atol=SAME, rtol=SAME) for a, b in pairs)


@pytest.mark.parametrize("deaf", [False, True])
def test_it_hears_as_torch_does(model, deaf):
    plain, quick = backends(model, deaf)
    torch.manual_seed(3)
    frames = hearing.HISTORY + CHUNK_FRAMES + 5
    given = torch.randn(2, frames, FEATURES), torch.randn(2, hearing.FLAG_HISTORY, SMALL.width), torch.rand(48, 12)
    with torch.no_grad():
        heard = plain.hear(*given)
        assert alike(quick.hear(*given), heard)
    assert len(heard.memory) == 1 + deaf


@pytest.mark.parametrize("index", [0, 1, 14, 15, 40])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"euler_steps": 1},
        {"avatar_guidance": 2.0},
        {"partner_guidance": 1.7},
        {"avatar_guidance": 1.5, "partner_guidance": 0.5, "identity_guidance": 2.0, "euler_steps": 3},
    ],
)
def test_it_flows_to_torch_s_motion_whatever_the_guidance_and_however_short_the_past(model, settings, index):
    plain, quick = backends(model, **settings)
    with torch.no_grad():
        assert alike(quick.flow(index, told()), plain.flow(index, told()))


def test_what_lies_before_the_call_has_no_part_in_it(model):
    _, quick = backends(model)
    given = told()
    other = given._replace(mouth=given.mouth.clone(), face=given.face.clone())
    other.mouth[:70], other.face[:70] = 9.0, -9.0  # of chunk 1, whose past is 5 frames and the one before
    assert all(torch.equal(a, b) for a, b in zip(quick.flow(1, given), quick.flow(1, other), strict=True))
    assert not torch.equal(quick.flow(2, given)[0], quick.flow(2, other)[0])


def test_the_mouth_does_not_hear_the_partner_even_where_guidance_weighs_it(model):
    _, quick = backends(model, partner_guidance=3.0, avatar_guidance=2.0)
    given = told()
    other = given._replace(encoded=given.encoded.clone())
    other.encoded[1] += 1.0
    (mouth, face), (mouth_too, face_too) = quick.flow(20, given), quick.flow(20, other)
    assert torch.equal(mouth, mouth_too)
    assert not torch.equal(face, face_too)


@pytest.mark.parametrize("guidance", [1.0, 1.25])
def test_the_event_head_in_numpy_says_what_the_module_says(guidance):
    torch.manual_seed(4)
    head, person = EventHead(SMALL.person).requires_grad_(False), torch.randn(SMALL.person)
    memory, since = torch.randn(2, 5, head.width), np.arange(7, dtype=np.float32) * 9
    made = HazardHead(head, person, guidance)
    assert made.deaf == (guidance != 1.0)
    hazards = made.of(memory.numpy()[: 1 + made.deaf])
    for frame in range(5):
        (full, cells), (alone, _) = (head(one[frame], torch.from_numpy(since), person) for one in memory)
        logits = full + (guidance - 1) * (full - alone)
        found = hazards(frame, since)
        assert alike([torch.from_numpy(one).float() for one in found], [logits, cells])
        assert found[0].shape == (len(EVENTS),)


def test_a_graph_of_a_few_operators_computes_what_it_says(tmp_path):
    graph = Graph()
    x = graph.input("x", 2, 300)
    doubled = (x * 2.0 + graph.constant(np.arange(300, dtype=np.float32))).slice(1, 1, 300)
    first, _ = graph.ops("Split", 2, doubled.transpose(1, 0).reshape(2, 299), axis=0)
    graph.output("y", first - doubled.take(0, np.array([1])) / 4.0, 1, 299)
    (y,) = onnx_backend._run(onnx_backend._opened(graph.to_bytes()), {"x": torch.ones(2, 300)}, ["y"])
    plain = (torch.full((2, 300), 2.0) + torch.arange(300))[:, 1:]
    assert torch.equal(y, plain.T.reshape(2, 299)[:1] - plain[1:2] / 4)


def windows(chunks: int, seed: int = 6) -> list[Window]:
    rng = np.random.default_rng(seed)
    return [Window((0.1 * rng.standard_normal((2, WINDOW_SAMPLES))).astype(np.float32), k) for k in range(chunks)]


def perform(generator: LmfmGenerator, seed: int = 3, chunks: int = 6) -> torch.Tensor:
    state, out = generator.start(None, seed), []
    for window in windows(chunks, seed):
        motion, state = generator.step(window, state, (Cue(2, "nod"),) if window.index == 0 else ())
        out.append(motion.values)
    return torch.cat(out)


def test_shipped_weights_move_alike_in_both_and_alike_every_time_in_each():
    quick, plain = LmfmGenerator(MotionConfig()), LmfmGenerator(MotionConfig(), kernels="off")
    assert quick.backend.startswith("onnxruntime ")
    assert plain.backend == "torch"
    moved = perform(quick)
    assert torch.allclose(moved, perform(plain), atol=2e-4)
    assert torch.equal(moved, perform(quick))
    assert torch.equal(moved, perform(LmfmGenerator(MotionConfig())))


def test_two_calls_at_once_on_one_engine_s_graphs_have_the_bits_of_each_alone():
    generator = LmfmGenerator(MotionConfig())
    alone = [perform(generator, seed) for seed in (1, 2)]
    together: dict[int, torch.Tensor] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: together.update({seed: perform(generator, seed)})) for seed in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(together[seed], alone[seed - 1]) for seed in (1, 2))


def test_the_setting_chooses_and_without_onnxruntime_torch_does_it_and_says_so(monkeypatch, caplog):
    off = Preset().with_settings(**{"runtime.kernels": "off"})
    assert GENERATORS["lmfm"].make(off, torch.device("cpu")).backend == "torch"
    monkeypatch.setattr(lmfm, "onnxruntime_is_installed", lambda: False)
    with caplog.at_level(logging.WARNING):
        assert LmfmGenerator(MotionConfig()).backend == "torch"
    assert "onnxruntime is not installed" in caplog.text
