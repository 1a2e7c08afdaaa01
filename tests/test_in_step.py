"""Several sessions in step: each gives the frames it gives alone, and one that fails stops no other."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from liveportrait_goldens import inputs, keypoints, network

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core import runtime
from avtr_cli.core.camera import FRONT
from avtr_cli.core.clocks import ChunkClock, timed
from avtr_cli.core.config import MotionConfig, RuntimeConfig
from avtr_cli.core.cuda_graphs import Graphs
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.core.protocols import JointGenerator, JointRenderer
from avtr_cli.core.types import Identity, Motion, Window
from avtr_cli.diagnostics.made_up import numbers as made_up
from avtr_cli.jobs.checking import check
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.preparation import PreparedJob, prepare
from avtr_cli.jobs.production import Production, render_file, render_next_chunks
from avtr_cli.render.liveportrait import convolution, fast_spade, fast_warping
from avtr_cli.render.liveportrait.compiled import CompiledSpadeGenerator, CompiledWarpingModule
from avtr_cli.render.liveportrait.fast_spade import FastSpadeGenerator
from avtr_cli.render.liveportrait.fast_warping import FastWarpingModule, WarpSource
from avtr_cli.render.liveportrait.spade import SpadeGenerator
from avtr_cli.render.liveportrait.warping import WarpingModule
from avtr_cli.streaming.session import StreamingSession, in_step
from tests import videos
from tests.small_liveportrait import use_smaller_maps

CPU = torch.device("cpu")
TOGETHER = 1e-4  # of sessions together against each alone, over the deviation, where they share a forward


class Echo:
    """A joint model of both kinds, small enough to see through: motion is the mean of the window, frames show it."""

    space = KEYPOINTS
    cues: frozenset[str] = frozenset()
    free_camera = False

    def __init__(self) -> None:
        self.companies: list[int] = []

    def start(self, identity, seed):
        return {"sum": torch.zeros(1)}

    def step_together(self, windows, states, asked):
        means = torch.tensor([float(window.samples.mean()) for window in windows])
        after = [state["sum"] + mean for state, mean in zip(states, means, strict=True)]
        moved = [Motion(KEYPOINTS, new.expand(5, 1), 5 * w.index) for new, w in zip(after, windows, strict=True)]
        return list(zip(moved, ({"sum": new} for new in after), strict=True))

    def step(self, window, state, asked=()):
        return self.step_together([window], [state], [asked])[0]

    def draw_together(self, identities, motions, cameras):
        self.companies.append(len(motions))
        return [(1000 * one.values.numpy()).astype(np.int64)[:, :, None, None] for one in motions]

    def draw(self, identity, motion, camera=FRONT):
        return self.draw_together([identity], [motion], [camera])[0]


def test_sessions_of_joint_models_are_drawn_in_one_forward_each_with_its_own_state(dialogue):
    model = Echo()
    assert isinstance(model, JointGenerator)
    assert isinstance(model, JointRenderer)
    face = Identity(KEYPOINTS, torch.zeros(66), None, (1, 1))
    sounds = [dialogue[:, 3200 * i : 3200 * i + 16_000].copy() for i in range(3)]
    alone = [StreamingSession(face, model, model).push(sound) for sound in sounds]
    model.companies.clear()
    sessions = [StreamingSession(face, model, model) for _ in sounds]
    together: dict[StreamingSession, list] = {session: [] for session in sessions}
    for windows in zip(*(s.hear(sound) for s, sound in zip(sessions, sounds, strict=True)), strict=True):
        for session, chunk in in_step(list(zip(sessions, windows, strict=True))):
            together[session] += chunk.frames
    assert set(model.companies) == {3}
    for session, frames in zip(sessions, alone, strict=True):
        assert [frame.pixels.item() for frame in together[session]] == [frame.pixels.item() for frame in frames]


@pytest.mark.slow
def test_embedded_sessions_in_step_give_the_bits_they_give_alone(engine, identity, dialogue):
    def session(seed: int) -> StreamingSession:
        return StreamingSession(identity, engine.generator, engine.renderer, seed)

    sounds = [dialogue[:, :13_000].copy(), dialogue[::-1, 4000:17_000].copy()]
    alone = [session(seed).push(sound) for seed, sound in enumerate(sounds)]
    sessions = [session(0), session(1)]
    together: list[list[np.ndarray]] = [[], []]
    for windows in zip(*(s.hear(sound) for s, sound in zip(sessions, sounds, strict=True)), strict=True):
        for one, chunk in in_step(list(zip(sessions, windows, strict=True))):
            together[sessions.index(one)] += [frame.pixels.copy() for frame in chunk.frames]
    for ours, theirs in zip(together, alone, strict=True):
        assert all(np.array_equal(a, b.pixels) for a, b in zip(ours, theirs, strict=True))


def test_sessions_that_wait_for_each_other_take_the_same_time():
    clocks = [ChunkClock(), ChunkClock(), ChunkClock()]
    with clocks[0].chunk(*clocks[1:]), timed("render"):
        sum(range(10_000))
    assert clocks[0].chunk_ms == clocks[1].chunk_ms == clocks[2].chunk_ms
    assert clocks[2].stages_ms["render"] == clocks[0].stages_ms["render"] != [0.0]


def job_of(photo, sound, out, engine, **more) -> Job:
    return Job(photo=photo, sound=DialogueFiles(dialogue=sound), out=out, preset=engine.preset, **more)


@pytest.mark.slow
def test_jobs_of_different_length_in_step_give_the_videos_they_give_alone(engine, photo, wav, tmp_path):
    alone, jobs = [], []
    for number, seconds in enumerate((0.3, 0.7)):
        alone.append(
            render_file(job_of(photo, wav(seconds), tmp_path / f"alone{number}.mp4", engine, seed=number), engine)
        )
        jobs.append(job_of(photo, wav(seconds), tmp_path / f"{number}.mp4", engine, seed=number))
    productions = [Production(prepare(check(job), engine)) for job in jobs]
    while under_way := [one for one in productions if one.under_way]:
        render_next_chunks(under_way)
    for production, job, report in zip(productions, jobs, alone, strict=True):
        with production:
            told = production.finish()
        assert told["output"]["frames_sha256"] == report["output"]["frames_sha256"]
        assert len(videos.decode(job.out)) == report["output"]["frames"]


@pytest.mark.slow
def test_a_job_that_fails_stops_no_other(engine, photo, wav, tmp_path):
    def stop(done: int, total: int) -> None:
        raise OSError("the encoder is gone")

    def ready(name: str) -> PreparedJob:
        return prepare(check(job_of(photo, wav(0.5), tmp_path / name, engine)), engine)

    broken = Production(ready("broken.mp4"), stop)
    whole = Production(ready("whole.mp4"))
    while under_way := [one for one in (broken, whole) if one.under_way]:
        render_next_chunks(under_way)
    with broken, pytest.raises(OSError, match="the encoder is gone"):
        broken.finish()
    with whole:
        assert whole.finish()["output"]["frames"] == 13
    assert {path.name for path in tmp_path.iterdir()} == {"whole.mp4"}


@pytest.fixture
def on_a_gpu(monkeypatch):
    """The forms that GPUs take, here on the CPU."""
    for module in (convolution, fast_spade, fast_warping):
        monkeypatch.setattr(module, "prefers_tiles", lambda scratch: False)


def two_portraits(warp: FastWarpingModule | CompiledWarpingModule) -> tuple[list, torch.Tensor]:
    """Two unrelated portraits and what drives them: two frames of the first, one of the second."""
    side = fast_warping.SIDE
    features = inputs("batch2/feature_3d", made_up.volume, (2, 32, 16, 64, 64))[..., :side, :side]
    sources, driving = keypoints("batch2", 2, 2)
    portraits = [warp.prepare(features[i : i + 1], sources[i : i + 1]) for i in range(2)]
    return portraits, torch.cat([driving[:1], 1.1 * driving[:1], driving[1:]])


def warped_together(warp: FastWarpingModule | CompiledWarpingModule) -> torch.Tensor:
    (one, two), moved = two_portraits(warp)
    return warp([one, one, two], moved)["out"]


def warp_of_two(warp: FastWarpingModule) -> tuple[torch.Tensor, torch.Tensor]:
    """The three frames of two portraits: together, and each portrait's alone."""
    (one, two), moved = two_portraits(warp)
    return warped_together(warp), torch.cat([warp(one, moved[:2])["out"], warp(two, moved[2:])["out"]])


@pytest.fixture(scope="module")
def on_a_cpu() -> tuple[torch.Tensor, torch.Tensor]:
    """`warp_of_two` in the form that a CPU takes."""
    plain = network("warping_module")
    assert isinstance(plain, WarpingModule)
    with pytest.MonkeyPatch.context() as patch:
        use_smaller_maps(patch)
        return warp_of_two(FastWarpingModule(plain, CPU))


@pytest.mark.slow
def test_on_a_cpu_portraits_warped_together_are_the_bits_of_each_alone(on_a_cpu):
    together, alone = on_a_cpu
    assert torch.equal(together, alone)


@pytest.fixture
def small_maps(monkeypatch):
    """The goldens judge the full size."""
    use_smaller_maps(monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("on_a_gpu", "small_maps")
def test_in_one_forward_portraits_are_warped_and_decoded_as_each_alone_up_to_rounding():
    warping, spade = network("warping_module"), network("spade_generator")
    assert isinstance(warping, WarpingModule)
    assert isinstance(spade, SpadeGenerator)
    together, alone = warp_of_two(FastWarpingModule(warping, CPU))
    assert (together - alone).abs().max() < TOGETHER * alone.std()
    decode, features = FastSpadeGenerator(spade, CPU), alone[1:, :, :16, :16]
    pictures, single = decode(features), torch.cat([decode(features[:1]), decode(features[1:])])
    assert (pictures - single).abs().max() < TOGETHER * single.std()


def test_one_portrait_alone_is_not_copied_for_its_frames():
    part = torch.zeros(1)
    one, two = (WarpSource(part, part, part, part, part) for _ in range(2))
    assert WarpSource.joined([one, one]) is one
    assert WarpSource.joined([one, two]).heat.shape == (2,)


@pytest.mark.slow
@pytest.mark.parametrize("in_turn", [True, False])
def test_avtr1_moves_several_sessions_as_each_alone(in_turn, dialogue, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from avtr_cli.diagnostics.made_up import archive, onnx_files
    from avtr_cli.motion.avtr1.archive import Avtr1Archive
    from avtr_cli.motion.avtr1.generator import Avtr1Generator
    from avtr_cli.motion.avtr1.hubert import load_features

    archive.write_archive(tmp_path / "motion.pt", layers=1)
    onnx_files.write_hubert(tmp_path / "hubert.onnx", onnx_files.SMALL)
    config = MotionConfig(generator="avtr1", avatar_guidance=2.0)
    model, features = Avtr1Archive(tmp_path / "motion.pt", CPU), load_features(tmp_path / "hubert.onnx", CPU)
    generator = Avtr1Generator(model, features, config)
    assert generator._in_turn  # as on every CPU: nothing is gained there, and bits stay
    generator._in_turn = in_turn

    def face(seed: int) -> Identity:
        drawn = torch.Generator().manual_seed(seed)
        points, expression = (scale * torch.randn(21, 3, generator=drawn) for scale in (0.25, 0.02))
        anatomy = {"canonical_keypoints": points, "rotation": torch.eye(3), "expression": expression}
        return Identity(KEYPOINTS, torch.zeros(66), None, (512, 512), anatomy=anatomy)

    # The second session is a chunk behind, as when a job joins others that are under way.
    own = [generator.start(face(seed), seed) for seed in (1, 2)]
    windows = [Window(dialogue[:, 3200 * i : 3200 * i + 8400], i) for i in range(4)]
    _, own[0] = generator.step(windows[0], own[0])
    alone, together = list(own), list(own)
    for i in range(2):
        pair = [windows[i + 1], windows[i]]
        single = [generator.step(window, state) for window, state in zip(pair, alone, strict=True)]
        joint = generator.step_together(pair, together, [(), ()])
        alone, together = [after for _, after in single], [after for _, after in joint]
        for (a, _), (b, _) in zip(single, joint, strict=True):
            assert a.first == b.first
            difference = float((a.values - b.values).abs().max())
            assert difference == 0 if in_turn else difference < TOGETHER * float(a.values.std())


def test_cuda_graphs_on_a_cpu_are_refused_in_one_sentence():
    with pytest.raises(ConfigError, match="'on', but this runs on the CPU; use auto or off"):
        runtime.check_runtime(RuntimeConfig(cuda_graphs="on"), CPU)
    runtime.check_runtime(RuntimeConfig(), CPU)


def test_without_a_gpu_a_graph_is_the_plain_call():
    calls = []

    def scaled(factor, inputs):
        calls.append(factor)
        return [factor * tensor for tensor in inputs]

    graphs = Graphs(scaled, CPU, "auto", tolerance=0.0)
    assert graphs([3], [torch.ones(2)])[0].tolist() == [3, 3]
    assert calls == [3]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_replayed_graph_answers_as_the_plain_call():
    cuda = torch.device("cuda")
    weight = torch.randn(64, 64, device=cuda)
    calls = []

    def layer(bias, inputs):
        calls.append(1)
        return [torch.relu(tensor @ weight + bias) for tensor in inputs]

    graphs = Graphs(layer, cuda, "on", tolerance=1e-5)
    bias = torch.randn(64, device=cuda)
    first = [torch.randn(8, 64, device=cuda)]
    torch.testing.assert_close(graphs([bias], first)[0], layer(bias, first)[0])
    count = len(calls)
    for _ in range(3):
        given = [torch.randn(8, 64, device=cuda)]
        answer = graphs([bias], given)[0].clone()
        assert len(calls) == count  # replayed
        torch.testing.assert_close(answer, torch.relu(given[0] @ weight + bias))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_cannot_be_captured_stays_plain_or_is_refused():
    cuda = torch.device("cuda")

    def waits(inputs):
        return [inputs[0] * inputs[0].sum().item()]

    given = [torch.ones(3, device=cuda)]
    assert Graphs(waits, cuda, "auto", tolerance=0.0)([], given)[0].tolist() == [3, 3, 3]
    with pytest.raises(ConfigError, match="cannot be captured"):
        Graphs(waits, cuda, "on", tolerance=0.0)([], given)


@pytest.mark.slow
def test_a_compiled_function_answers_as_the_plain_one():
    """torch.compile for real, with the compiler of this machine, on a small network of the renderer."""
    stitch, x = network("stitching"), inputs("stitching/x", made_up.plain, (4, 126), 0.3)
    with torch.inference_mode():
        compiled = runtime.compiled(stitch)
        assert compiled is not stitch
        torch.testing.assert_close(compiled(x=x), stitch(x=x))


@pytest.mark.slow
@pytest.mark.usefixtures("small_maps")
def test_the_compiled_networks_are_asked_what_the_fast_ones_are(on_a_cpu, monkeypatch):
    """Without the compiler, which takes minutes for networks of this size: everything around it."""
    monkeypatch.setattr(runtime, "compiled", lambda function: function)
    warping, spade = network("warping_module"), network("spade_generator")
    assert isinstance(warping, WarpingModule)
    assert isinstance(spade, SpadeGenerator)
    fast, _ = on_a_cpu
    together = warped_together(CompiledWarpingModule(warping, CPU))
    assert (together - fast).abs().max() < TOGETHER * fast.std()
    feature = fast[:1, :, :16, :16]
    pictures = CompiledSpadeGenerator(spade, CPU)(feature)
    assert (pictures - FastSpadeGenerator(spade, CPU)(feature)).abs().max() < TOGETHER * pictures.std()


@pytest.mark.slow
def test_the_benchmark_counts_the_frames_of_all_sessions(avtr, tmp_path):
    told = tmp_path / "told.json"
    words = ["bench", "--sessions", 2, "--seconds", 0.6, "--set", "render.size=96", "--report", told]
    code, stdout, stderr = avtr(*words)
    assert code == 0, stderr
    assert "2 sessions in step, 30 frames at 96x96 in all" in stdout
    entry = json.loads(told.read_text())["sessions"]
    assert (entry["sessions"], entry["frames"], entry["chunk_ms"]["count"]) == (2, 30, 3)
