"""The joined report: real listeners pass, idle ones and the loudness follower do not; and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.cli import app
from avtr_cli.cli.options import check_written
from avtr_cli.core.errors import AudioError, ConfigError, InputError, OutputError
from avtr_cli.core.motion_space import CONTROLS, KEYPOINTS
from avtr_cli.core.timing import CHUNK_FRAMES, SAMPLE_RATE
from avtr_cli.core.types import Motion
from avtr_cli.evaluation.motion.follower import follow_loudness
from avtr_cli.evaluation.motion.rollout import SessionPerformer
from avtr_cli.evaluation.motion.suite import evaluate_motion
from avtr_cli.evaluation.motion.takes import Phone, load_dialogue, read_phones
from avtr_cli.evaluation.motion.voice import hear
from avtr_cli.evaluation.table import MEASURES, table_lines
from avtr_cli.motion.file import save_motion
from avtr_cli.training import staging
from tests.evaluation_signals import attentive, call, fidgety, telling_partner, voice

CALLS = [call(40, own=[(34.5 + k, 39)], partner=telling_partner(34, k), name=f"call{k}") for k in range(3)]


@pytest.fixture(scope="module")
def watched():
    return []


@pytest.fixture(scope="module")
def listener(watched):
    return evaluate_motion(CALLS, attentive, 2, 0.5, watch=lambda done, total: watched.append((done, total)))


@pytest.mark.slow
def test_progress_ends_at_what_was_announced(listener, watched):
    done, totals = zip(*watched, strict=True)
    assert list(done) == sorted(set(done))
    assert set(totals) == {done[-1]}


@pytest.mark.slow
def test_every_measure_of_the_report_is_described(listener):
    assert set(listener["measures"]) <= set(MEASURES)
    assert {"mouth.lag_frames", "head.jitter", "nod.ratio", "blink.per_minute", "seeds.head_r"} <= set(
        listener["measures"]
    )
    for row in listener["measures"].values():
        assert {"what", "mean", "sd", "values", "chance", "follower", "needed", "met"} <= set(row)


@pytest.mark.slow
def test_the_report_is_json_without_nan(listener):
    assert json.loads(json.dumps(listener, allow_nan=False)) == listener


@pytest.mark.slow
def test_a_listener_meets_the_listening_bounds_and_its_controls_stand_beside(listener):
    row = listener["measures"]["nod.ratio"]
    assert row["met"] is True
    assert len(row["values"]) == 2
    assert row["mean"] > 2 > 1.2 > row["shifted"]
    assert row["silent"] is not None
    assert listener["told_apart"]["auc"] > 0.9


@pytest.mark.slow
def test_one_who_nods_at_any_time_does_not():
    report = evaluate_motion(CALLS, fidgety, seeds=2, long_minutes=0)
    assert report["measures"]["nod.ratio"]["met"] is False
    assert report["told_apart"]["auc"] == 0.5
    assert not any(name.startswith("long.") for name in report["measures"])


@pytest.mark.slow
def test_a_control_as_high_as_the_number_itself_spoils_it():
    whole = {dialogue.sound[0].tobytes(): dialogue.sound for dialogue in CALLS}

    def knows_the_call(sound, seed):  # nods at the right times whatever partner is played to it
        return attentive(whole.get(sound[0].tobytes(), sound), seed)

    row = evaluate_motion(CALLS, knows_the_call, seeds=1, long_minutes=0)["measures"]["nod.ratio"]
    assert row["mean"] > 2
    assert row["shifted"] > 2
    assert row["met"] is False


def test_what_a_dialogue_cannot_tell_is_null_and_neither_met_nor_failed():
    alone = call(12, own=[(0.2, 12)], partner=[])
    row = evaluate_motion([alone], follow_loudness, seeds=1, long_minutes=0)["measures"]["nod.ratio"]
    assert row["mean"] is None
    assert row["met"] is None


@pytest.mark.slow
def test_the_table_has_a_line_for_every_measure(listener):
    lines = list(table_lines(listener))
    for name in listener["measures"]:
        assert any(line.startswith(name) for line in lines)


class Loudness:
    """A MotionGenerator whose jaw is the level of each frame it is asked for, and whose yaw counts chunks."""

    cues: frozenset[str] = frozenset()

    def __init__(self, space=CONTROLS):
        self.space = space

    def start(self, identity, seed):
        return {"chunk": torch.tensor(seed)}

    def step(self, window, state, asked=()):
        values = torch.zeros(CHUNK_FRAMES, len(self.space))
        now = torch.from_numpy(window.samples[0, 3 * 640 : 8 * 640]).reshape(CHUNK_FRAMES, 640)
        values[:, CONTROLS.index("jawOpen")] = now.square().mean(1).sqrt()
        values[:, CONTROLS.index("headYaw")] = state["chunk"]
        return Motion(self.space, values, window.index * CHUNK_FRAMES), {"chunk": state["chunk"] + 1}


def test_the_model_performs_by_the_sessions_own_path():
    sound = np.stack([voice(3.21, [(0, 3.21)]), voice(3.21, [])])
    performer = SessionPerformer(Loudness())
    values = performer(sound, seed=7)
    frames = -(-sound.shape[1] // 640)
    padded = np.zeros(frames * 640, np.float32)
    padded[: sound.shape[1]] = sound[0]
    expected = np.sqrt((padded.reshape(frames, 640) ** 2).mean(1))
    np.testing.assert_allclose(values[:, CONTROLS.index("jawOpen")], expected, rtol=1e-5)
    np.testing.assert_array_equal(values[:, CONTROLS.index("headYaw")], 7 + np.arange(frames) // CHUNK_FRAMES)
    assert len(performer.chunk_ms) == -(-frames // CHUNK_FRAMES)


def test_a_model_of_another_space_is_refused_in_one_sentence():
    with pytest.raises(ConfigError, match="keypoints"):
        SessionPerformer(Loudness(KEYPOINTS))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    soundfile.write(path, CALLS[0].sound.T, SAMPLE_RATE)
    return path


def test_phones_and_true_motion_lie_beside_the_sound(wav):
    wav.with_suffix(".lab").write_text("0.1 0.2 P\n0.2 0.35 AA1\n\n")
    truth = torch.from_numpy(follow_loudness(CALLS[0].sound))
    save_motion(wav.with_suffix(".truth.safetensors"), CONTROLS, truth, seed=0)
    dialogue = load_dialogue(DialogueFiles(dialogue=wav))
    assert dialogue.phones == (Phone("p", 0.1, 0.2), Phone("aa", 0.2, 0.35))
    np.testing.assert_array_equal(dialogue.truth, truth)
    assert load_dialogue(DialogueFiles(dialogue=wav, start_s=1.0)).phones == ()


def test_true_motion_of_another_length_is_refused(wav):
    save_motion(wav.with_suffix(".truth.safetensors"), CONTROLS, torch.zeros(3, len(CONTROLS)), seed=0)
    with pytest.raises(InputError, match="3 frames"):
        load_dialogue(DialogueFiles(dialogue=wav))


def test_a_label_file_with_a_bad_line_is_refused(tmp_path):
    labels = tmp_path / "x.lab"
    labels.write_text("0.1 0.2 p\nnonsense\n")
    with pytest.raises(InputError, match="line 2"):
        read_phones(labels)


@pytest.mark.slow
def test_the_command_writes_report_and_curves(wav, tmp_path):
    report, curves = tmp_path / "report.json", tmp_path / "curves.png"
    arguments = ["eval", "motion", str(wav), "--follower", "--seeds", "1", "--minutes", "0"]
    done = CliRunner().invoke(app, [*arguments, "--report", str(report), "--plot", str(curves)])
    assert done.exit_code == 0, done.output
    assert "mouth.energy_r" in done.output
    met = [row["met"] for row in json.loads(report.read_text())["measures"].values() if row["met"] is not None]
    assert done.output.endswith(f"{sum(met)} of {len(met)} bounds met\n")
    assert max(map(len, done.output.splitlines())) <= 80
    assert json.loads(report.read_text())["measures"]["mouth.energy_r"]["mean"] > 0.95
    assert curves.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_folder_stands_for_its_wav_files(wav, tmp_path):
    soundfile.write(tmp_path / "second.wav", CALLS[1].sound.T, SAMPLE_RATE)
    report = tmp_path / "report.json"
    arguments = ["eval", "motion", str(tmp_path), "--follower", "--seeds", "1", "--minutes", "0", "--quiet"]
    done = CliRunner().invoke(app, [*arguments, "--report", str(report)])
    assert done.exit_code == 0, done.output
    assert [one["name"] for one in json.loads(report.read_text())["dialogues"]] == ["second", "talk"]


@pytest.fixture
def voices(tmp_path: Path) -> tuple[Path, Path]:
    folders = tmp_path / "one", tmp_path / "two"
    for folder, level in zip(folders, (0.02, 0.3), strict=True):
        folder.mkdir()
        for k in range(4):
            said = np.concatenate([np.zeros(3000, np.float32), voice(1.5 + k, [(0, 1.5 + k)], k, level)])
            soundfile.write(folder / f"{k}.wav", said, SAMPLE_RATE)
    return folders


def test_staged_calls_are_two_voices_taking_turns(voices, tmp_path):
    avatar, partner = voices
    paths = staging.stage_calls(avatar, [partner], tmp_path / "calls", count=3, seconds=30)
    for path in paths:
        sound, rate = soundfile.read(path, dtype="float32")
        assert (rate, sound.shape) == (SAMPLE_RATE, (30 * SAMPLE_RATE, 2))
        own, other = hear(sound.T)
        assert len(other.phrases) >= 3
        assert (own.active & other.active).mean() < 0.1
    again = staging.stage_calls(avatar, [partner], tmp_path / "again", count=3, seconds=30)
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(AudioError, match="at least two"):
        staging.read_voice(tmp_path)


def test_a_report_that_cannot_be_written_is_refused_before_the_work(wav, tmp_path):
    arguments = ["eval", "motion", str(wav), "--follower", "--report", str(tmp_path / "none" / "report.json")]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, OutputError)


@pytest.mark.slow
def test_what_is_measured_and_what_is_somebody_else_s_is_never_written_over(wav, tmp_path):
    mine, earlier = tmp_path / "mine.json", tmp_path / "earlier.json"
    mine.write_text('{"of": "mine"}')
    earlier.write_text('{"command": "avtr eval motion"}')
    check_written({"--report": earlier, "--plot": tmp_path / "new.png"}, [wav, None])
    for target, says in ((wav, "is to be measured"), (mine, "exists already"), (tmp_path, "is a folder")):
        before = target.read_bytes() if target.is_file() else b""
        done = CliRunner().invoke(app, ["eval", "motion", str(wav), "--follower", "--report", str(target)])
        assert isinstance(done.exception, OutputError)
        assert says in str(done.exception)
        assert not before or target.read_bytes() == before
    with pytest.raises(OutputError, match="exists already"):
        check_written({"--report": mine})


@pytest.mark.parametrize("options", [("--minutes", "inf"), ("--minutes", "0.01"), ("--plot", "curves.mp4")])
def test_what_cannot_be_measured_or_drawn_is_refused_before_the_work(wav, options):
    done = CliRunner().invoke(app, ["eval", "motion", str(wav), "--follower", *options])
    assert done.exit_code == 2 or isinstance(done.exception, ConfigError)


def test_calls_of_another_making_are_not_written_over(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            sound = voice(1.5, [(0.1, 1.4)]) if folder == "one" else voice(2.5, [(0.1, 2.4)])
            soundfile.write(tmp_path / folder / f"{name}.wav", sound, SAMPLE_RATE)
    out = tmp_path / "out"
    staging.stage_calls(tmp_path / "one", [tmp_path / "two"], out, count=1, seconds=10)
    (out / "call-000.wav").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"call-000\.wav: is there already"):
        staging.stage_calls(tmp_path / "one", [tmp_path / "two"], out, count=1, seconds=10)
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("call-000.wav", b"mine")]
