"""Training: both stages run in seconds on a tiny corpus, learn, resume to the same bits, and make a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_speech import tiny_corpus
from typer.testing import CliRunner

from avtr_cli.cli import train
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.errors import AvtrError, ConfigError
from avtr_cli.core.timing import WINDOW_SAMPLES
from avtr_cli.core.types import Window
from avtr_cli.motion.lmfm import hearing
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.training import objective, phones, recordings, stages, talkie, voices
from avtr_cli.training.dataset import Corpus, since_starts, write_corpus
from avtr_cli.training.stages import Run, TrainConfig

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    done = list(write_corpus(path, tiny_corpus(), calls=4, seed=1, seconds=10, shard=2))
    assert done[-1] == 4
    return path


@pytest.fixture(scope="module")
def corpus(folder):
    return Corpus.load(folder)


def settings(stage, **more):
    small = {"steps": 4, "batch": 2, "warmup": 2, "save_every": 2, "nonspeech": 6}
    return TrainConfig(**({"stage": stage} | small | more))


def run_to_end(run):
    return [progress.parts for progress in run.steps()]


def test_a_second_making_of_the_corpus_keeps_what_is_there(folder):
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
    assert len(before) == 2
    list(write_corpus(folder, tiny_corpus(), calls=4, seed=1, seconds=10, shard=2))
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}


def test_windows_hold_what_the_objective_needs_and_repeat_with_their_seed(corpus):
    batch = corpus.batch(np.random.default_rng(3), 3, 125)
    again = corpus.batch(np.random.default_rng(3), 3, 125)
    assert batch["features"].shape == (3, 2, 130, 320)
    assert batch["lead"].shape == (3, 4, len(FACE))
    assert batch["starts"].shape == batch["since"].shape == (3, 125, 7)
    for name, value in batch.items():
        assert torch.equal(value, again[name]), name
        assert torch.isfinite(value.float()).all(), name


def test_time_since_a_gesture_counts_from_the_frame_before():
    starts = np.zeros((6, 1), np.uint8)
    starts[2] = 1
    assert since_starts(starts, longest=9)[:, 0].tolist() == [9, 9, 9, 1, 2, 3]


def test_the_prior_hears_nothing_and_the_second_stage_starts_from_it(tmp_path, corpus):
    prior = Run(tmp_path / "prior", settings("prior"), corpus)
    parts = run_to_end(prior)
    assert set(parts[-1]) == {"mouth", "guess", "face", "events", "gaze"}
    dyadic = Run(tmp_path / "dyadic", settings("dyadic"), corpus, tmp_path / "prior" / "last.safetensors")
    assert torch.equal(dyadic.model.face_track.noisy.weight, prior.average["face_track.noisy.weight"])
    parts = run_to_end(dyadic)
    assert {"visemes", "closures", "activity", "flags"} < set(parts[-1])
    assert all(np.isfinite(value) for value in parts[-1].values())


def test_a_hearing_that_is_kept_stays_as_it_was_while_motion_learns(tmp_path, corpus):
    first = Run(tmp_path / "first", settings("dyadic"), corpus)
    run_to_end(first)
    begun = tmp_path / "first" / "last.safetensors"
    kept = Run(tmp_path / "kept", settings("dyadic", keep_hearing=True), corpus, begun)
    parts = run_to_end(kept)
    assert set(parts[0]) == {"guess", "events", "gaze", "mouth", "face"}
    for name, value in kept.model.state_dict().items():
        if name.startswith("hearing."):
            assert torch.equal(value, first.average[name]), name
    assert not torch.equal(kept.model.mouth_guess[0].weight, first.average["mouth_guess.0.weight"])


def test_listening_that_is_kept_stays_as_it_was_while_the_own_voice_is_heard_anew(tmp_path, corpus):
    first = Run(tmp_path / "first", settings("dyadic"), corpus)
    run_to_end(first)
    begun = tmp_path / "first" / "last.safetensors"
    kept = Run(tmp_path / "kept", settings("dyadic", keep_listening=True), corpus, begun)
    assert "visemes" in run_to_end(kept)[0]
    changed = {name for name, value in kept.model.state_dict().items() if not torch.equal(value, first.average[name])}
    assert not any(name.startswith("events.") for name in changed)
    assert {name for name in changed if name.startswith("hearing.")} == {
        f"hearing.diction.{name}" for name, _ in kept.model.hearing.diction.named_parameters()
    }


@pytest.mark.parametrize("kept", [{"keep_hearing": True}, {"keep_listening": True}], ids=str)
def test_a_hearing_cannot_be_kept_that_was_not_named(tmp_path, kept):
    with pytest.raises(ConfigError, match="--prior"):
        train.dyadic(tmp_path, tmp_path / "run", **kept)
    with pytest.raises(ConfigError, match="one of the two"):
        train.dyadic(tmp_path, tmp_path / "run", tmp_path, keep_hearing=True, keep_listening=True)


def test_what_has_another_size_begins_anew(tmp_path, corpus):
    held = {name: value.clone() for name, value in Run(tmp_path / "a", settings("dyadic"), corpus).average.items()}
    held["face_track.out.weight"] = torch.ones(18, 128)
    stages.write_tensors(tmp_path / "old.safetensors", held, {})
    begun = Run(tmp_path / "b", settings("dyadic", keep_hearing=True), corpus, tmp_path / "old.safetensors")
    assert not begun.model.face_track.out.weight.any()
    assert torch.equal(begun.model.hearing.inlet.weight, held["hearing.inlet.weight"])


def test_a_resumed_run_goes_on_as_if_it_had_not_been_stopped(tmp_path, corpus):
    whole = Run(tmp_path / "whole", settings("dyadic"), corpus)
    straight = run_to_end(whole)
    stopped = Run(tmp_path / "stopped", settings("dyadic"), corpus)
    for progress in stopped.steps():
        if progress.step == 2:
            break
    resumed = Run(tmp_path / "stopped", settings("dyadic"), corpus)
    assert resumed.step == 2
    assert run_to_end(resumed) == straight[2:]
    for name, value in whole.average.items():
        assert torch.equal(value, resumed.average[name]), name


def test_training_learns(tmp_path, corpus):
    run = Run(tmp_path, settings("dyadic", steps=20, learning_rate=3e-3, save_every=20, nonspeech=0), corpus)
    parts = run_to_end(run)

    def mean(name, part):
        return np.mean([row[name] for row in part])

    for name in ("visemes", "activity", "flags"):
        assert mean(name, parts[-4:]) < 0.8 * mean(name, parts[:4]), name


def test_an_exported_checkpoint_streams(tmp_path, corpus):
    run = Run(tmp_path / "run", settings("dyadic", steps=2), corpus)
    run_to_end(run)
    stages.export([tmp_path / "run"], tmp_path / "lmfm.safetensors", {"licence": "Apache-2.0"})
    generator = LmfmGenerator(MotionConfig(), tmp_path / "lmfm.safetensors")
    assert generator.about["step"] == "2"
    assert generator.about["licence"] == "Apache-2.0"
    sound = np.random.default_rng(0).standard_normal((2, WINDOW_SAMPLES)).astype(np.float32) * 0.1
    motion, _ = generator.step(Window(sound, 0), generator.start(None, 1))
    assert torch.isfinite(motion.values).all()


def test_several_runs_are_exported_as_their_mean(tmp_path, corpus):
    folders = [tmp_path / name for name in ("one", "two")]
    for seed, folder in enumerate(folders):
        run_to_end(Run(folder, settings("dyadic", steps=1, seed=seed), corpus))
        stages.export([folder], folder / "alone.safetensors")
    stages.export(folders, tmp_path / "mean.safetensors")
    one, two, mean = (
        stages.read_tensors(path)[0]["hearing.inlet.weight"]
        for path in (folders[0] / "alone.safetensors", folders[1] / "alone.safetensors", tmp_path / "mean.safetensors")
    )
    assert not torch.equal(one, two)
    assert torch.allclose(mean, (one + two) / 2)


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(AvtrError, match="avtr train data"):
        Corpus.load(tmp_path)


def test_the_commands_make_data_train_both_stages_and_write_a_checkpoint(tmp_path, monkeypatch):
    """The whole path as a user walks it, with the tests' own speech in place of the engines'."""
    monkeypatch.setattr(voices, "speak_corpus", lambda folder, counts, seed, kokoro: tiny_corpus())
    monkeypatch.setattr(recordings, "recorded_teachers", lambda folder: {})
    monkeypatch.setattr(talkie, "talkie_voices", lambda folder: {})
    data, out = tmp_path / "data", tmp_path / "lmfm.safetensors"
    prior, dyadic = tmp_path / "prior", tmp_path / "dyadic"
    for line in (
        ["data", str(data), "--calls", "1"],
        ["prior", str(data), "--run", str(prior), "--steps", "1", "--batch", "2"],
        [
            "dyadic",
            str(data),
            "--run",
            str(dyadic),
            "--prior",
            str(prior),
            "--steps",
            "1",
            "--batch",
            "2",
            "-o",
            str(out),
        ],
    ):
        done = CliRunner().invoke(train.app, line)
        assert done.exit_code == 0, done.output
    assert LmfmGenerator(MotionConfig(), out).about["step"] == "1"
    assert (dyadic / "curve.csv").exists()


def test_three_windows_in_four_remember_the_mouth_as_it_was_guessed():
    true, guessed = torch.zeros(400, 5, len(MOUTH)), torch.ones(400, 5, len(MOUTH))
    generator = torch.Generator().manual_seed(0)
    past = objective.remembered(true, guessed, 0.75, generator).mean((1, 2))
    assert 0.65 < (past > 0.9).float().mean() < 0.85
    assert past.min() < 0.3
    assert objective.remembered(true, guessed, 0.0, generator).mean((1, 2)).abs().max() < 0.5


def test_the_rounding_of_foreign_speech_is_not_taught():
    counts = objective.taught({"foreign": torch.tensor([0.0, 1.0])})
    assert counts.shape == (2, 1, len(MOUTH))
    assert counts[0].eq(1).all()
    assert [name for name, count in zip(MOUTH, counts[1, 0], strict=True) if not count] == ["funnel", "pucker"]


def test_the_vowels_of_foreign_speech_are_not_taught_but_its_closures_are():
    classes = torch.tensor([phones.VISEMES.index("pbm"), phones.VISEMES.index("uw")], dtype=torch.int64)
    batch = {
        "visemes": classes[None, :, None].repeat(1, 25, 4).reshape(1, 50, 4), "closures": torch.zeros(1, 50, 2),
        "activity": torch.ones(1, 50), "flags": torch.zeros(1, 2, 50, 6),
    }  # fmt: skip
    said = hearing.Articulation(torch.zeros(1, 50, 4, 14), torch.zeros(1, 50, 2), torch.zeros(1, 50))

    def gradient(foreign: float) -> torch.Tensor:
        logits = said.visemes.clone().requires_grad_()
        heard = said._replace(visemes=logits)
        batch["foreign"] = torch.tensor([foreign])
        objective._label_losses(heard, torch.zeros(1, 2, 50, 6), batch)["visemes"].backward()
        return logits.grad.abs().sum((0, 2, 3))

    own, foreign = gradient(0.0), gradient(1.0)
    assert (own > 0).all()
    assert (foreign[0::2] > 0).all()
    assert (foreign[1::2] == 0).all()
