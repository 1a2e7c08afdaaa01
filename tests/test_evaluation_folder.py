"""A folder of any systems, judged: what reacts is told from what does not, and what is broken becomes a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import yaml

from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.evaluation.folder.entries import Entry
from avtr_cli.evaluation.folder.judged import LeftOut, judged
from avtr_cli.evaluation.folder.layout import Layout, System, read_layout
from avtr_cli.evaluation.folder.listening import Asked, listening_report
from avtr_cli.evaluation.folder.shown import at_25, read_shown
from avtr_cli.evaluation.folder.suite import evaluate_folder
from avtr_cli.evaluation.folder.table import report_lines
from tests.evaluated_folder import make_folder, write_npz
from tests.test_reactivity import calls


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("suite") / "judged", 12)


@pytest.fixture(scope="module")
def reports(folder):
    return evaluate_folder(folder, asked=Asked(p_shuffles=19))


@pytest.fixture
def small(tmp_path):
    """Two clips of two seconds, one system: to be broken."""
    return make_folder(tmp_path / "small", 2, 2.0, ("twin",))


def reasons(folder, system: str = "twin") -> dict[str, str]:
    left_out = LeftOut()
    list(judged(read_layout(folder), left_out))
    return {one["id"]: one["reason"] for one in left_out.reasons(system)}


def value(report, system: str, row: str):
    return report["systems"][system]["measures"][row]["value"]


def test_who_answers_is_told_from_who_does_not(reports):
    report = reports["listening"]
    assert value(report, "twin", "coupling") > 0.7
    assert abs(value(report, "deaf", "coupling")) < 0.2
    assert value(report, "twin", "coupling_p") == pytest.approx(0.05)
    assert value(report, "twin", "specificity_centred") > 0.5 > value(report, "deaf", "specificity_centred")
    assert report["systems"]["twin"]["measures"]["specificity_within"]["reason"] == "no clip listens long enough"
    apart = report["differences"]["deaf - twin"]["measures"]["coupling"]
    assert apart["high"] < 0


def test_controls_stand_beside_and_react_to_nothing(reports):
    controls = reports["listening"]["controls"]
    assert set(controls) == {"identity", "next_truth", "late_1s", "still"}
    assert controls["still"]["measures"]["coupling"]["value"] == pytest.approx(0, abs=1e-9)
    assert abs(controls["identity"]["measures"]["coupling"]["value"]) < 0.4


def test_every_row_says_whether_it_compares_with_published_values_and_why_it_is_empty(reports):
    for report in reports.values():
        for one in report["systems"].values():
            for row in one["measures"].values():
                assert row["comparable_with_published"] is False
                assert (row["value"] is None) == (row["reason"] is not None)
    assert "vertices" not in json.dumps(reports["listening"])
    assert value(reports["unils"], "twin", "S_LVE_arkit") is None


def test_truth_is_perfect_by_the_faces_measures_and_its_frames_in_random_order_by_one_protocol(folder, reports):
    controls = reports["unils"]["controls"]
    assert controls["truth"]["measures"]["S_JDD_arkit"]["value"] == 0
    assert controls["random_order"]["measures"]["S_PDD_arkit"]["value"] > 0
    released = evaluate_folder(folder, ("unils",), protocol="unils")["unils"]
    rows = released["controls"]["random_order"]["measures"]
    assert [rows[name]["value"] for name in ("S_PDD_arkit", "L_PDD_arkit")] == pytest.approx([0, 0], abs=1e-5)
    assert value(released, "deaf", "L_PDD_arkit") > value(released, "twin", "L_PDD_arkit")


@pytest.mark.slow
def test_the_same_folder_gives_the_same_report_and_another_seed_moves_shuffled_rows_alone(folder, reports):
    again = evaluate_folder(folder, asked=Asked(p_shuffles=19))
    assert json.dumps(again) == json.dumps(reports)
    other = evaluate_folder(folder, ("listening",), Asked(p_shuffles=19, seed=1))["listening"]
    assert value(other, "twin", "coupling") == value(reports["listening"], "twin", "coupling")
    assert value(other, "twin", "specificity") != value(reports["listening"], "twin", "specificity")


def test_a_system_alone_is_judged_as_beside_others(folder, reports, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("audio", "truth"):
        (alone / name).symlink_to(folder / name)
    (alone / "systems").mkdir()
    (alone / "systems" / "deaf").symlink_to(folder / "systems" / "deaf")
    found = evaluate_folder(alone, ("listening",), Asked(p_shuffles=19))["listening"]
    assert found["systems"]["deaf"]["measures"] == reports["listening"]["systems"]["deaf"]["measures"]


def test_specificity_of_a_deaf_face_of_the_right_person_is_marked_as_identity(tmp_path):
    entries = [
        Entry(str(at), str(at), None, np.ones(400, bool), one["audio"], one["truth"], {"deaf": one["model"]})
        for at, one in enumerate(calls(12, 2, 0.0, identity=3.0))
    ]
    layout = Layout(tmp_path, (), (System("deaf", tmp_path),))
    report = listening_report(entries, layout, LeftOut(), Asked(p_shuffles=0), "controls")
    rows = report["systems"]["deaf"]["measures"]
    assert rows["specificity"]["value"] > 0.5
    assert rows["specificity"]["confounded"]
    assert abs(rows["specificity_within"]["value"]) < 0.2
    assert any("mostly identity" in line for line in report["warnings"])
    assert any("mostly identity" in line for line in report_lines(report))


def test_few_conversations_cannot_tell_unless_one_insists(tmp_path):
    small = make_folder(tmp_path / "small", 2, 6.0, ("twin",))
    rows = evaluate_folder(small, ("listening",))["listening"]["systems"]["twin"]["measures"]
    assert rows["coupling"]["value"] is None
    assert rows["coupling"]["reason"].startswith("2 dialogues cannot tell")
    insisted = evaluate_folder(small, ("listening",), Asked(few=True))["listening"]["systems"]["twin"]["measures"]
    assert insisted["cjfd_real"]["value"] is not None
    assert insisted["cjfd_real"]["reason"].startswith("2 dialogues cannot tell")


def test_both_sides_of_a_conversation_are_one_and_proactivity_needs_to_know_who_is_talked_to(small):
    clips = [{"id": "c00", "group": "a", "partner": "c01"}, {"id": "c01", "group": "a", "partner": "c00"}]
    systems = [{"name": "twin", "conditioned_on_truth": "same_clip"}]
    (small / "manifest.yaml").write_text(yaml.safe_dump({"format": 1, "clips": clips, "systems": systems}))
    report = evaluate_folder(small)
    rows = report["listening"]["systems"]["twin"]["measures"]
    assert report["listening"]["groups"] == 1
    assert "a single conversation" in rows["coupling"]["reason"]
    assert rows["tlcc_proactivity"]["value"] is not None
    assert set(rows["tlcc_proactivity"]["values"]) == {"c00", "c01"}
    assert all(row["leaks"] for row in rows.values())


def test_truth_leads_itself_no_more_and_no_less(small):
    clips = [{"id": "c00", "group": "a", "partner": "c01"}, {"id": "c01", "group": "b", "partner": "c00"}]
    (small / "manifest.yaml").write_text(yaml.safe_dump({"format": 1, "clips": clips}))
    for path in (small / "truth").iterdir():
        (small / "systems" / "twin" / path.name).write_bytes(path.read_bytes())
    rows = evaluate_folder(small, ("listening",))["listening"]["systems"]["twin"]["measures"]
    assert rows["tlcc_proactivity"]["value"] == 0


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("no_sound", "sound lacks a side"),
        ("one_side", "sound lacks a side"),
        ("no_truth", "no true person"),
        ("no_file", "has no file of it"),
        ("nan", "NaN or infinite"),
        ("empty", "0 bytes"),
        ("short", "has 10 frames for 50"),
        ("pickle", "without pickle"),
        ("kind", "of the kind 'npz', the truth of the kind 'controls'"),
        ("no_video", "no video that can be read"),
    ],
)
def test_what_is_broken_is_left_out_with_a_reason(small, broken, reason):
    made, truth = small / "systems" / "twin" / "c01.npz", small / "truth" / "c01.npz"
    values = np.load(made)["motion"]
    if broken in ("no_sound", "one_side"):
        sound = small / "audio" / "c01.wav"
        samples, rate = soundfile.read(sound)
        sound.unlink()
        if broken == "one_side":
            soundfile.write(small / "audio" / "c01_self.wav", samples[:, 0], rate)
    elif broken == "no_truth":
        truth.unlink()
    elif broken == "no_file":
        made.unlink()
    elif broken == "nan":
        values[7] = np.nan
        write_npz(made, values)
    elif broken == "empty":
        made.write_bytes(b"")
    elif broken == "short":
        write_npz(made, values[:10])
    elif broken == "pickle":
        np.savez(made, motion=np.array([{}], object))
    elif broken == "kind":
        np.savez(made, head=np.zeros((50, 3)))
    else:
        made.unlink()
        made.with_suffix(".mp4").write_bytes(b"no video")
    found = reasons(small)
    assert list(found) == ["c01"]
    assert reason in found["c01"]
    assert evaluate_folder(small)["listening"]["clips"] in (1, 2)


def test_two_frames_more_or_less_are_cut_off(small):
    made = small / "systems" / "twin" / "c01.npz"
    write_npz(made, np.load(made)["motion"][:-2])
    assert reasons(small) == {}


def test_systems_are_compared_on_the_clips_that_both_have(folder, tmp_path):
    half = make_folder(tmp_path / "half", 4, 2.0)
    (half / "systems" / "deaf" / "c00.npz").unlink()
    report = evaluate_folder(half, ("unils",))["unils"]
    assert report["differences"]["deaf - twin"]["clips"] == 3
    assert report["systems"]["twin"]["measures"]["S_JDD_arkit"]["count"]["pairs"] == 4


def test_nothing_to_judge_is_said_before_the_work(tmp_path, small):
    with pytest.raises(ConfigError, match="no such folder"):
        read_layout(tmp_path / "none")
    with pytest.raises(ConfigError, match="holds no clip"):
        read_layout(tmp_path)
    for path in (small / "systems" / "twin").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="no system can be judged"):
        evaluate_folder(small)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"format": 2}, "format: 1"),
        ({"format": 1, "clip": []}, "not 'clip'"),
        ({"format": 1, "clips": [{"group": "a"}]}, "lacks 'id'"),
        ({"format": 1, "clips": [{"id": "../x"}]}, "names no file"),
        ({"format": 1, "clips": [{"id": "a"}, {"id": "a"}]}, "stands twice"),
        ({"format": 1, "clips": [{"id": "a", "start": 3, "end": 2}]}, "the end behind the start"),
        ({"format": 1, "systems": [{"name": "x"}]}, "no such folder"),
        ({"format": 1, "systems": [{"name": "twin", "conditioned_on_truth": "yes"}]}, "none, photo"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_in_a_sentence(small, said, sentence):
    (small / "manifest.yaml").write_text(yaml.safe_dump(said))
    with pytest.raises(ConfigError, match=sentence):
        read_layout(small)


def test_a_clip_can_be_cut_and_another_rate_is_read_between_its_frames(small):
    (small / "manifest.yaml").write_text(
        yaml.safe_dump({"format": 1, "clips": [{"id": "c00", "start": 0.4, "end": 1.2}]})
    )
    made = small / "systems" / "twin" / "c00.npz"
    values = np.load(made)["motion"]
    np.savez(made, motion=np.repeat(values, 2, axis=0), channels=np.array(CONTROLS.channels), fps=50.0)
    (clip,) = judged(read_layout(small), left_out := LeftOut())
    assert (clip.truth.frames, clip.frames["twin"], len(clip.heard)) == (20, 20, 20)
    np.testing.assert_allclose(clip.systems["twin"].jaw, values[10:30, [CONTROLS.index("jawOpen")]], atol=1e-6)
    assert left_out.notes == ["c00.npz: resampled from 50 to 25 fps"]


def test_a_track_at_another_rate_keeps_its_middles():
    ramp = np.arange(60.0)[:, None]
    found = at_25(ramp, 50.0)
    assert found.shape == (30, 1)
    np.testing.assert_allclose(found[:, 0], 2 * np.arange(30) + 0.5)


def test_vertices_in_metres_are_measured_in_millimetres(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, vertices=np.ones((3, 4, 3)), unit="m", lips=np.array([0, 0, 1]), upper=np.array([2]))
    shown = read_shown(path)
    assert shown.space == "npz"
    assert shown.vertices is not None
    assert shown.vertices.max() == 1000
    np.savez(path, vertices=np.ones((3, 4, 3)), lips=np.array([4]))
    with pytest.raises(InputError, match="from 0 to 3"):
        read_shown(path)


@pytest.mark.slow
def test_the_command_prints_a_table_that_fits_and_writes_its_rows(avtr, tmp_path):
    folder = make_folder(tmp_path / "small", 3, 5.0)
    code, out, err = avtr("eval", "all", folder, "--few", "--report", tmp_path / "a.json", "--csv", tmp_path / "a.csv")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "coupling" in out
    assert "manifest.yaml" in err
    told = json.loads((tmp_path / "a.json").read_text())
    assert set(told) == {"command", "listening", "unils", "sync"}  # nobody was filmed
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "system,row,value,low,high"
    assert any(line.startswith("twin,coupling,") for line in lines)
    assert any(line.startswith("control identity,specificity,") for line in lines)
    again = avtr("eval", "unils", folder, "--csv", tmp_path / "a.csv", "--json")
    assert again[0] == 0
    assert json.loads(again[1])["protocol"] == "avtr"


@pytest.mark.parametrize(("option", "wrong"), [("--frames", "all"), ("--protocol", "mine")])
def test_a_rule_or_protocol_that_nobody_knows_is_refused(avtr, folder, option, wrong):
    code, _, err = avtr("eval", "all", folder, option, wrong)
    assert (code, option in err) == (2, True)
