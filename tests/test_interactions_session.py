"""A call in which the person is touched: live as from a file, in any packets, saved and restored, drawn again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.batch.entries import entries_of
from avtr_cli.batch.manifest import read_source
from avtr_cli.batch.rows import Row
from avtr_cli.core.config import load_preset
from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.motion_space import CONTROLS, KEYPOINTS
from avtr_cli.core.types import Asked, Cue, Identity, Motion, Window
from avtr_cli.evaluation.touch.exact import evaluate_bits
from avtr_cli.jobs.as_command import as_command
from avtr_cli.jobs.job import Job
from avtr_cli.motion.avtr1.generator import Avtr1Generator
from avtr_cli.motion.bridges.controls_to_keypoints import Retargeted
from avtr_cli.motion.file import ReplayGenerator, load_contacts
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.motion.table import GENERATORS
from avtr_cli.prompts.interactions import parse_option
from avtr_cli.streaming.seen import FRAMES
from avtr_cli.streaming.session import StreamingSession, in_step

POKE = Interaction(7, "poke", 0.49, 0.26, (("left_cheek", 0.8), ("left_jaw", 0.2)), 0.4, 0.4)


def silence(samples: int) -> np.ndarray:
    return np.zeros((2, samples), np.float32)


def motion_of(session: StreamingSession, samples: np.ndarray) -> torch.Tensor:
    return torch.cat([chunk.motion.values for chunk in [*session.stream(samples), *session.stream_tail()]])


@pytest.mark.slow
def test_live_is_as_a_file_in_any_packets_saved_and_restored(engine, photo, dialogue):
    assert evaluate_bits(engine, photo, dialogue[:, 16_000 : 16_000 + 24_000]) == {
        "bits.without": 0.0, "bits.replayed": 0.0,
    }  # fmt: skip


@pytest.mark.slow
def test_a_click_is_felt_in_the_next_chunk_where_it_was_clicked(engine, photo):
    session = engine.session(photo)
    assert len(session.push(silence(6_480 + 3_200))) == 10
    regions = engine.regions(photo)
    place = engine.renderer.at_rest(engine.avatar(photo)[1], regions.centres["left_cheek"])
    made = session.interact(*place, "kissed", 0.7)
    assert (made.frame, made.do, made.strength, made.region) == (10, "kiss", 0.7, "left_cheek")
    assert np.abs(np.subtract((made.x, made.y), regions.centres["left_cheek"])).max() < 0.02
    earlier = session.interact(*place, "tap", seen=2)
    assert earlier.region == "left_cheek"
    chunk = next(iter(session.stream(silence(3_200))))
    assert len(chunk.motion.contacts) == 5
    assert len(chunk.motion.contacts[0]) == 2
    for seen in (-1, 15, FRAMES + 100):
        with pytest.raises(ConfigError, match=rf"^frame {seen} is none of the last {FRAMES} that were shown"):
            session.interact(*place, "tap", seen=seen)
    with pytest.raises(ConfigError, match=r"x is 1\.2, but must be a share"):
        session.interact(1.2, 0.5, "poke")
    with pytest.raises(ConfigError, match="no interaction is called 'tikle'"):
        session.interact(*place, "tikle")


def test_a_session_that_knows_no_regions_says_how_to_make_one_that_does(engine, identity):
    session = StreamingSession(identity, engine.generator, engine.renderer)
    with pytest.raises(ConfigError, match=r"make it by Engine\.session"):
        session.interact(0.5, 0.5, "poke")


def test_a_call_may_begin_with_a_touch(engine, photo):
    session = engine.session(photo)
    with pytest.raises(ConfigError, match=r"\(none was shown yet\)"):
        session.interact(0.5, 0.5, "poke", seen=0)
    assert session.interact(0.5, 0.5, "poke").frame == 0


@pytest.mark.slow
def test_what_is_felt_and_what_waits_are_saved_and_restored(engine, identity, tmp_path):
    asked = [POKE, Cue(8, "nod"), Interaction(22, "kiss", 0.46, 0.24, (("nose", 1.0),), 0.0, 1 / 3, strength=0.1)]
    session, again = (StreamingSession(identity, engine.generator, engine.renderer) for _ in range(2))
    session.ask(asked)
    session.push(silence(6_480 + 3_200))
    session.save(tmp_path / "state.safetensors")
    again.restore(tmp_path / "state.safetensors")
    assert torch.equal(motion_of(session, silence(16_000)), motion_of(again, silence(16_000)))


@pytest.mark.slow
def test_sessions_in_step_each_feel_their_own_touch(engine, identity):
    sessions = [StreamingSession(identity, engine.generator, engine.renderer, seed=seed) for seed in (1, 1, 1)]
    sessions[1].ask([POKE])
    windows = [list(session.hear(silence(6_480 + 3_200))) for session in sessions]
    rows: list[list[torch.Tensor]] = [[], [], []]
    for row in zip(*windows, strict=True):
        for session, chunk in in_step(list(zip(sessions, row, strict=True))):
            rows[sessions.index(session)].append(chunk.motion.values)
    plain, touched, other = (torch.cat(values) for values in rows)
    assert torch.equal(plain, other)
    assert torch.equal(plain[:7], touched[:7])
    assert not torch.equal(plain[8:], touched[8:])


def test_a_model_that_answers_no_touch_is_asked_for_none(engine, identity, monkeypatch):
    monkeypatch.setattr(engine.generator, "touchable", False)
    session = StreamingSession(identity, engine.generator, engine.renderer)
    with pytest.raises(ConfigError, match="answers no interactions"):
        session.ask([POKE])
    assert not any(getattr(other, "touchable", False) for other in (Avtr1Generator, ReplayGenerator))
    assert {name for name, entry in GENERATORS.items() if entry.touchable} == {"lmfm"}
    assert LmfmGenerator.touchable


def test_through_the_bridge_a_touch_is_answered_and_its_contact_left_behind():
    class Controls:
        space, cues, weights_files, touchable = CONTROLS, frozenset({"nod"}), (), True

        def start(self, identity, seed):
            return {"count": torch.zeros(1)}

        def step(self, window: Window, state, asked: Asked = ()):
            self.asked = asked
            return Motion(CONTROLS, torch.zeros(5, len(CONTROLS)), 0, ((),) * 5), state

    points = torch.zeros(21, 3)
    points[11, 0] = 1.0
    anatomy = {"canonical_keypoints": points, "rotation": torch.eye(3), "expression": torch.zeros(21, 3)}
    person = Identity(KEYPOINTS, torch.zeros(66), None, (8, 8), anatomy=anatomy | {"scale": torch.ones(1)})
    bridged = Retargeted(Controls())
    assert bridged.touchable
    state = bridged.start(person, 0)
    made, _ = bridged.step(Window(silence(8_400), 0), state, (POKE,))
    assert bridged._inner.asked == (POKE,)
    assert (made.space, made.contacts) == (KEYPOINTS, ())


# ---- commands -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def touches(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("touches") / "touch.yaml"
    path.write_text(
        "- {at: 0.4, region: left_cheek, do: poke}\n- {at: 0.9, x: 0.46, y: 0.24, do: kiss, strength: 0.8}\n"
    )
    return path


@pytest.mark.slow
def test_a_file_and_options_give_the_same_frames_and_so_does_the_motion_drawn_again(
    avtr, photo, wav, touches, tmp_path
):
    common = (photo, wav(1.2), "--size", "128", "--seed", "3")
    motion = tmp_path / "m.safetensors"
    said = [
        ("--interactions", touches, "--motion-out", motion),
        ("--interact", "0.4:left_cheek:poke", "--interact", "0.9:0.46,0.24:kiss:0.8"),
        ("--from-motion", motion),
    ]
    reports = []
    for number, more in enumerate(said):
        report = tmp_path / f"{number}.json"
        code, _, err = avtr("render", *common, "-o", tmp_path / f"{number}.mp4", "--report", report, *more)
        assert code == 0, err
        reports.append(json.loads(report.read_text()))
    first, second, third = (report["output"]["frames_sha256"] for report in reports)
    assert first == second == third
    told = reports[0]["interactions"]
    assert [(one["frame"], one["do"], one["region"], one["person"]) for one in told] == [
        (10, "poke", "left_cheek", "a"), (22, "kiss", "nose", "a"),
    ]  # fmt: skip
    assert all(0 < share < 1 for one in told for share in one["shown_at"])
    assert reports[2]["interactions"] == []
    assert len(load_contacts(motion)) > 10
    code, _, err = avtr("render", *common, "-o", tmp_path / "b.mp4", *said[1], *said[2])
    assert code == 2
    assert "interactions are for a motion model, and --from-motion replays one" in err


@pytest.mark.slow
def test_contacts_that_are_none_are_refused(avtr, photo, wav, touches, tmp_path):
    motion = tmp_path / "m.safetensors"
    common = ("render", photo, wav(1.0), "--size", "128")
    assert avtr(*common, "-o", tmp_path / "a.mp4", "--interactions", touches, "--motion-out", motion)[0] == 0
    tensors = load_file(motion)
    header = motion.read_bytes()
    described = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]
    for spoiled in (tensors["contacts"][:, :5], tensors["contacts"] * float("nan"), tensors["contacts"] * -1):
        save_file(tensors | {"contacts": spoiled.contiguous()}, motion, described)
        with pytest.raises(InputError, match="its contacts"):
            load_contacts(motion)
    code, _, err = avtr(*common, "-o", tmp_path / "b.mp4", "--from-motion", motion)
    assert code == 3
    assert "its contacts" in err


@pytest.mark.slow
def test_two_people_are_touched_each_alone(avtr, photo, wav, tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text("- {at: 0.2, region: nose, do: poke}\n- {at: 0.4, region: chin, do: pat, person: b}\n")
    common = ("dialogue", photo, photo, wav(0.6), "--size", "128", "-o", tmp_path / "both.mp4")
    code, _, err = avtr(*common, "--interactions", path, "--report", tmp_path / "r.json")
    assert code == 0, err
    told = json.loads((tmp_path / "r.json").read_text())["interactions"]
    assert [(one["person"], one["do"], one["region"]) for one in told] == [("a", "poke", "nose"), ("b", "pat", "chin")]
    code, _, err = avtr("render", photo, wav(1.0), "-o", tmp_path / "one.mp4", "--interactions", path)
    assert code == 2
    assert "both.yaml: interaction 2: person b is of a video of two; use avtr dialogue" in err


def test_a_manifest_touches_by_a_file_or_a_list(photo, touches, tmp_path):
    (tmp_path / "call.wav").touch()
    in_full = "{at: 0.4, region: left_cheek, do: poke}, {at: 0.9, x: 0.46, y: 0.24, do: kiss, strength: 0.8}"
    manifest = tmp_path / "night.yaml"
    manifest.write_text(
        f"defaults: {{photo: {photo}, dialogue: call.wav}}\njobs:\n"
        f"- {{name: one, interactions: {touches}}}\n- {{name: two, interactions: [{in_full}]}}\n"
        "- {name: three, interactions: [{at: 0.4, do: poke}]}\n- {name: four}\n"
    )
    common = Row("the command line", Path(), {})
    one, two, three, four = entries_of(read_source(manifest), common, tmp_path / "out")
    assert one.job.interactions == two.job.interactions != ()
    assert "job 3: interaction 1 has neither a region nor a whole point" in str(three.problem)
    assert four.job.interactions == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--interact", "1:nose:tikle"), "no interaction is called 'tikle'; did you mean tickle?"),
        (("--interact", "1:0.5:poke"), "no region is called '0.5'"),
        (("--interact", "1:nose:poke", "--preset", "avtr1"), "motion.generator avtr1 answers no interactions"),
        (("--interactions", "none.yaml"), "none.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence_before_the_work(avtr, photo, wav, tmp_path, more, said):
    code, out, err = avtr("render", photo, wav(1.0), "-o", tmp_path / "a.mp4", *more)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_key_tells_interactions_apart():
    def job(*said: str) -> Job:
        sound = DialogueFiles(dialogue=Path("a.wav"))
        touches = tuple(map(parse_option, said))
        return Job(
            photo=Path("a.png"), sound=sound, out=Path("a.mp4"), preset=load_preset("default"), interactions=touches
        )

    keys = [job(*said).key(sha256=str) for said in ((), ("1:nose:poke",), ("1:chin:poke",), ("1:nose:poke:0.9",))]
    assert len(set(keys)) == 4
    assert job("1:nose:poked").key(sha256=str) == keys[1]
    command = as_command(job("1.2:0.25,0.5:poke:0.5"))
    assert command.endswith("--interact 1.2:0.25,0.5:poke:0.5")
