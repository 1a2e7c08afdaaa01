"""Folders and manifests into jobs: who says what, who counts more, and what is refused before anything is done."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from avtr_cli.batch.entries import entries_of
from avtr_cli.batch.manifest import Row, read_source
from avtr_cli.batch.places import place_of
from avtr_cli.core.errors import ConfigError
from avtr_cli.jobs.two_sided import TwoSidedJob
from tests.batches import planned, the_only, written

YAML = """
defaults: {photo: anna.png, seed: 3, set: {render.size: 256, motion.smile: 0.5}}
jobs:
  - {dialogue: one.wav}
  - {dialogue: two.wav, photo: bert.png, seed: 4, start: 1, duration: 2.5, render.size: 128, name: second}
"""
JSONL = """
{"dialogue": "one.wav", "photo": "anna.png", "seed": 3, "set": {"render.size": 256, "motion.smile": 0.5}}
{"dialogue": "two.wav", "photo": "bert.png", "seed": 4, "start": 1, "duration": 2.5, "name": "second",
 "set": ["render.size=128", "motion.smile=0.5"]}
""".replace(",\n ", ", ")
CSV = """dialogue,photo,seed,start,duration,name,set,render.size
one.wav,anna.png,3,,,,motion.smile=0.5,256
two.wav,bert.png,4,1,2.5,second,render.size=64; motion.smile=0.5,128
"""
SPREADSHEET = """\ufeffdialogue;photo;seed;start;duration;name;set;render.size
one.wav;anna.png;3;;;;motion.smile=0.5;256
two.wav;bert.png;4;1;2.5;second;"render.size=64; motion.smile=0.5";128
"""


@pytest.mark.parametrize(
    ("name", "text"), [("m.yaml", YAML), ("m.jsonl", JSONL), ("m.csv", CSV), ("spreadsheet.csv", SPREADSHEET)]
)
def test_every_kind_of_manifest_says_the_same(tmp_path, name, text):
    one, two = planned(written(tmp_path, name, text), tmp_path)
    assert (one.name, one.job.photo, one.job.seed) == ("one", tmp_path / "anna.png", 3)
    assert (one.job.preset.render.size, one.job.preset.motion.smile) == (256, 0.5)
    assert (two.name, two.out.name, two.job.seed) == ("second", "second.mp4", 4)
    assert (two.job.sound.start_s, two.job.sound.duration_s) == (1.0, 2.5)
    assert (two.job.preset.render.size, two.job.preset.motion.smile) == (128, 0.5)


def test_a_job_counts_before_the_command_line_and_that_before_the_defaults(tmp_path):
    manifest = written(
        tmp_path,
        "m.yaml",
        "defaults: {photo: a.png, seed: 1, preset: fast, avatar_channel: 2}\n"
        "jobs: [{dialogue: a.wav}, {dialogue: b.wav, seed: 3}]",
    )
    a, b = planned(manifest, tmp_path, seed=2, preset="quality")
    assert (a.job.seed, b.job.seed) == (2, 3)
    assert (a.job.preset.name, a.job.sound.avatar_channel) == ("quality", 2)


def test_roles_cues_and_outputs_are_taken_over(tmp_path):
    manifest = written(
        tmp_path,
        "m.yaml",
        "- {dialogue: me.wav, partner: you.wav, photo: a.png, out: night/first.webm, face: 2,\n"
        "   cues: [{at: 2, cue: nod}], from_motion: m.safetensors}\n"
        "- {dialogue: me.wav, solo: true, photo: a.png, name: alone}",
    )
    first, alone = planned(manifest, tmp_path, format="mov")
    assert (first.name, first.out) == ("night/first", tmp_path / "out/night/first.webm")
    assert first.job.sound.partner == tmp_path / "you.wav"
    assert (first.job.face, first.job.cues[0].frame, first.job.from_motion) == (2, 50, tmp_path / "m.safetensors")
    assert (alone.job.sound.solo, alone.out.name) == (True, "alone.mov")


def test_who_answers_is_one_question_and_the_job_s_own_word_counts(tmp_path):
    manifest = written(
        tmp_path,
        "m.yaml",
        "defaults: {photo: a.png, partner: all.wav}\n"
        "jobs: [{dialogue: me.wav, partner: you.wav}, {dialogue: b.wav},\n"
        "       {dialogue: c.wav, solo: true, partner: d.wav}]",
    )
    asked, alone, both = planned(manifest, tmp_path, solo=True)
    assert (asked.job.sound.solo, asked.job.sound.partner) == (False, tmp_path / "you.wav")
    assert (alone.job.sound.solo, alone.job.sound.partner) == (True, None)
    assert "--partner who does" in str(both.problem)


def test_a_format_that_is_none_ends_the_batch_where_all_jobs_share_it(tmp_path):
    manifest = written(tmp_path, "m.yaml", "- {dialogue: a.wav, photo: a.png}")
    with pytest.raises(ConfigError, match="format is 'gif'"):
        planned(manifest, tmp_path, format="gif")


def test_files_that_a_manifest_names_lie_beside_it(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("sky.png", "style.npz"):
        (tmp_path / "sub" / name).touch()
    written(tmp_path / "sub", "mine.yaml", "render: {size: 200}")
    row = "{dialogue: a.wav, photo: a.png, preset: mine.yaml, render.background: sky.png, motion.style: style.npz}"
    manifest = written(tmp_path / "sub", "m.yaml", f"- {row}")
    preset = the_only(manifest, tmp_path).job.preset
    assert (preset.render.size, preset.render.background) == (200, str(tmp_path / "sub" / "sky.png"))
    assert preset.motion.style == str(tmp_path / "sub" / "style.npz")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{dialogue: a.wav, photo: a.png, preset: nosuch}", "no preset is called 'nosuch'"),
        ("{dialogue: a.wav, photo: a.png, seed: many}", "seed must be a whole number"),
        ("{dialogue: a.wav, photo: a.png, solo: 1}", "solo must be true or false"),
        ("{dialogue: a.wav, photo: a.png, face: true}", "face must be a whole number"),
        ("{dialogue: a.wav, photo: a.png, set: {render.size: 1}}", "render.size is 1"),
        ("{dialogue: a.wav, photo: a.png, set: [render.size]}", "key.sub=value"),
        ("{dialogue: a.wav, photo: a.png, cues: [{at: 1, cue: dance}]}", "no cue is called 'dance'"),
        ("{name: a, photo: a.png}", "names no dialogue"),
        ("{photo: a.png}", "neither 'dialogue' nor 'name'"),
        ("{dialogue: a.wav, out: ../a.mp4}", "lies outside"),
        ("{dialogue: a.wav, out: /tmp/a.mp4}", "lies outside"),
        ("{dialogue: batch.wav}", "the batch's own files"),
        ("{dialogue: INDEX.wav}", "the batch's own files"),
        ("{dialogue: a.wav, name: .batch-hashes}", "the batch's own files"),
        ("{dialogue: a.wav, name: 007}", "name is 7, but names are text; put it in quotes"),
        ("{dialogue: a.wav, name: true}", "name is True, but names are text"),
        ('{dialogue: a.wav, name: ""}', "which names no file"),
        ("{dialogue: a.wav, name: .}", "which names no file"),
        ("{dialogue: a.wav, name: a/}", "which names no file"),
        ('{dialogue: a.wav, name: "a\\nb"}', "cannot be the name of a file"),
        ('{dialogue: a.wav, name: "a\\0b"}', "cannot be the name of a file"),
        (f"{{dialogue: a.wav, name: {'n' * 300}}}", "cannot be the name of a file"),
        (f"{{dialogue: a.wav, name: {'n' * 220}}}", "200 bytes at most"),
        ('{dialogue: a.wav, out: ""}', "which names no file"),
        ("{dialogue: a.wav, out: /}", "which names no file"),
        ("{dialogue: a.wav, out: a.gif}", "no video format is called '.gif'"),
        ("{dialogue: a.wav, out: a.png}", "a batch writes videos"),
        ("{dialogue: a.wav, format: /x}", "format is '/x', but must be one of mp4, mkv, webm, mov"),
        ("{dialogue: a.wav, format: gif}", "format is 'gif', but must be one of"),
        ("{dialogue: a.wav, format: 4}", "format is 4, but must be one of"),
        ("{dialogue: a.wav, photo: 7}", "photo must be the name of a file, not 7; put it in quotes"),
        ('{dialogue: a.wav, photo: ""}', "photo is '', which cannot be the name of a file"),
        ('{dialogue: a.wav, photo: "a\\0b"}', "which cannot be the name of a file"),
        ("{dialogue: [a.wav]}", "dialogue is a list of 1, but names are text"),
        ("{dialogue: a.wav, photo: a.png, preset: 7}", "preset must be the name of a file, not 7"),
        ("{dialogue: a.wav, photo: a.png, set: 7}", "'set' is a table or a list"),
        ("{dialogue: a.wav, photo: a.png, set: [{render.size: 1}]}", "'set' is a table or a list"),
        ("{dialogue: a.wav, photo: a.png, seed: -1}", "seed is -1, but must lie between 0 and 2147483647"),
        (f"{{dialogue: a.wav, photo: a.png, seed: 1{'0' * 23}}}", "but must lie between 0 and 2147483647"),
        ("{dialogue: a.wav, photo: a.png, face: 0}", "face is 0, but must lie between"),
        ("{dialogue: a.wav, photo: a.png, avatar_channel: 3}", "avatar_channel is 3, but must lie between 1 and 2"),
        ("{dialogue: a.wav, photo: a.png, start: .nan}", "start is nan, but must lie between"),
        ("{dialogue: a.wav, photo: a.png, start: -1}", "start is -1, but must lie between"),
        ("{dialogue: a.wav, photo: a.png, start: 1:30}", "start must be a number of seconds, as 90 or 1.5"),
        ("{dialogue: a.wav, photo: a.png, duration: .inf}", "duration is inf, but must lie between"),
        ("{dialogue: a.wav, photo: a.png, duration: 0}", "duration is 0, but must lie between"),
        (f"{{dialogue: a.wav, photo: a.png, duration: 1{'0' * 390}}}", "but must lie between"),
        ("{dialogue: a.wav, photo: a.png, cues: [{at: .inf, cue: nod}]}", "cue 1: at is inf"),
        ("{dialogue: a.wav, photo: a.png, cues: 3}", "cues are a list"),
        ("{dialogue: a.wav, photo: a.png, cues: nowhere.yaml}", "nowhere.yaml: there is no such file"),
    ],
)
def test_what_is_wrong_with_one_job_does_not_stop_the_others(tmp_path, row, said):
    manifest = written(tmp_path, "m.yaml", f"- {row}\n- {{dialogue: b.wav, photo: b.png}}")
    broken, fine = planned(manifest, tmp_path)
    assert said in str(broken.problem)
    assert "job 1" in str(broken.problem) or "nowhere.yaml" in said
    assert broken.problem.exit_code in (2, 3)
    assert len(str(broken.problem)) < 400
    assert fine.job is not None


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.yaml", "- {dialog: a.wav, photo: a.png}", "no job has 'dialog'"),
        ("m.yaml", "defaults: {photos: a.png}\njobs: [{dialogue: a.wav}]", "no job has 'photos'"),
        ("m.yaml", "job: []", "not 'job'"),
        ("m.yaml", "just words", "a manifest is a list of jobs"),
        ("m.yaml", "- [", "not a YAML file"),
        ("m.yaml", "- words", "a job is a table"),
        ("m.jsonl", '{"dialogue": "a.wav"}\n{"dialogue": ', "line 2 is not JSON"),
        ("m.csv", "dialogue,photo\na.wav,a.png,3\n", "more cells than the header"),
        ("m.csv", "dialogue,photo\n", "holds no job"),
        ("m.yaml", "defaults: {name: a}\njobs: [{dialogue: a.wav}]", "'name' belongs to one job"),
        ("m.yaml", "defaults: {seed: -1}\njobs: [{dialogue: a.wav}]", "defaults: seed is -1"),
        ("m.yaml", "defaults: {format: gif}\njobs: [{dialogue: a.wav}]", "defaults: format is 'gif'"),
        ("m.yaml", "- {5: a, dialogue: a.wav}", "the key 5 is no word"),
        ("m.yaml", "5: a", "the key 5 is no word"),
        ("m.yaml", "- {dialogue: a.wav, dialogue: b.wav}", "the key 'dialogue' stands twice"),
        ("m.yaml", "", "holds no job"),
        ("m.jsonl", '{"dialogue": "a.wav", "dialogue": "b.wav"}', "the key 'dialogue' stands twice"),
        ("m.jsonl", "[" * 200_000, "line 1 is not JSON (nested too deeply)"),
        ("m.jsonl", '{"seed": ' + "9" * 5000 + "}", "line 1 is not JSON"),
        ("m.csv", "dialogue,photo\na.wav," + "p" * 200_000 + "\n", "field larger than field limit"),
        ("m.csv", 'dialogue,photo\na.wav,"a.png\nb.wav,b.png\n', "is a quotation mark missing"),
        ("m.csv", "dialogue,photo,Photo\na.wav,a.png,b.png\n", "two columns are called 'photo'"),
        ("m.csv", "dialogue,\na.wav,a.png\n", "column 2 has no name"),
        ("m.yaml", "- {dialogue: a.wav}\n- {dialogue: sub/a.wav}", "both called 'a'"),
        ("m.yaml", "- {dialogue: a.wav, out: x.mp4}\n- {dialogue: b.wav, out: x.webm}", "both called 'x'"),
        ("m.txt", "", "neither a folder nor a manifest"),
        ("a.wav", "", "neither a folder nor a manifest"),
    ],
)
def test_what_is_wrong_with_the_manifest_stops_all_before_the_night(tmp_path, name, text, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        planned(written(tmp_path, name, text), tmp_path)


def test_words_of_yaml_1_1_are_names(tmp_path):
    for name in ("no", "12:30", "on", "2024-05-01", "1e"):
        manifest = written(tmp_path, "m.yaml", f"- {{dialogue: a.wav, photo: a.png, name: {name}}}")
        assert the_only(manifest, tmp_path).out.name == f"{name}.mp4"


def test_an_output_is_never_what_the_batch_reads(tmp_path):
    for name in ("a.mp4", "a.png", "b.wav", "b.json", "c.wav"):
        (tmp_path / name).touch()
    manifest = written(
        tmp_path,
        "m.yaml",
        "- {dialogue: a.mp4, photo: a.png}\n- {dialogue: c.wav, photo: a.png, name: b, from_motion: b.json}\n"
        "- {dialogue: c.wav, photo: a.png}",
    )
    over, report, fine = entries_of(read_source(manifest), Row("here", Path()), tmp_path)
    assert "a.mp4: is read by this batch and would be written over" in str(over.problem)
    assert "b.json: is read by this batch and would be written over" in str(report.problem)
    assert fine.job is not None
    with pytest.raises(ConfigError, match=r"batch\.jsonl: is read and would be written over"):
        entries_of(
            read_source(written(tmp_path, "batch.jsonl", '{"dialogue": "c.wav"}')), Row("here", Path()), tmp_path
        )


NAMES = some.text(max_size=40) | some.text("abc./\\ -:%\n\0é\udce9\u2028~", max_size=12) | some.text(max_size=400)


@pytest.mark.slow
@given(key=some.sampled_from(["name", "out", "dialogue"]), said=NAMES, form=some.sampled_from([None, "webm", ".MOV"]))
@settings(max_examples=200)
def test_any_name_is_a_place_inside_the_folder_or_one_sentence(tmp_path_factory, key, said, form):
    folder = tmp_path_factory.getbasetemp() / "out"
    values = {key: said} | ({"format": form} if form else {})
    name, out, refused = "", folder, ""
    try:
        name, out = place_of(Row("job 1", Path(), values), values, folder)
    except ConfigError as error:
        refused = str(error)
    assert bool(name) != bool(refused)
    assert "\n" not in refused
    if name:
        assert Path(os.path.normpath(out)).is_relative_to(folder)
        assert out.suffix.lower() in (".mp4", ".mkv", ".webm", ".mov")
        with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as place:  # so it can be written
            path = Path(place) / out.relative_to(folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.1234567.partial").write_bytes(b"")
            path.write_bytes(b"")


# Two people, and files besides the video


def test_a_row_with_a_second_photo_is_a_job_of_two_people(tmp_path):
    text = (
        "- {dialogue: call.wav, photo: a.png, photo_b: b.png, face: 1, face_b: 2, layout: stack, seed: 3}\n"
        "- {dialogue: me.wav, partner: you.wav, photo: a.png, photo_b: b.png}"
    )
    two, files = (entry.job for entry in planned(written(tmp_path, "m.yaml", text), tmp_path))
    assert isinstance(two, TwoSidedJob)
    assert two.photos == (tmp_path / "a.png", tmp_path / "b.png")
    assert (two.face, two.face_b, two.layout, two.seed) == (1, 2, "stack", 3)
    assert (files.layout, files.sound.partner) == ("side-by-side", tmp_path / "you.wav")
    table = "dialogue,photo,photo_b,face_b,layout\ncall.wav,a.png,b.png,2,active-speaker\n"
    cells = the_only(written(tmp_path, "m.csv", table), tmp_path).job
    assert (cells.photo_b, cells.face_b, cells.layout) == (tmp_path / "b.png", 2, "active-speaker")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("photo_b: b.png, cues: [{at: 0, cue: nod}]", "cues is of one person, and photo_b makes two"),
        ("photo_b: b.png, from_motion: m.safetensors", "from_motion is of one person"),
        ("photo_b: b.png, motion_out: m.csv", "motion_out is of one person"),
        ("photo_b: b.png, solo: true", "solo is one voice, and photo_b needs two"),
        ("face_b: 2", "face_b goes with a second person; add photo_b"),
        ("layout: stack", "layout goes with a second person; add photo_b"),
        ("photo_b: b.png, layout: round", "layout is 'round', but must be one of side-by-side"),
        ("photo_b: 3", "photo_b must be the name of a file, not 3"),
        ("label: 3", "label must be text, not 3; put it in quotes"),
        ("motion_out: ../m.csv", "'../m.csv' lies outside of"),
        ("report: /tmp/r.json", "'/tmp/r.json' lies outside of"),
        ("page: index.html", "'index' is the name of the batch's own files"),
        ("motion_out: .a.mp4.avtr/m.csv", "lies where videos are made"),
        ("motion_out: /", "motion_out is '/', which names no file"),
        ("page: 5", "page is 5, but names are text"),
    ],
)
def test_a_row_that_contradicts_itself_is_that_job_s_own_failure(tmp_path, row, says):
    text = f"- {{dialogue: a.wav, photo: a.png, {row}}}\n- {{dialogue: fine.wav, photo: a.png}}"
    wrong, fine = planned(written(tmp_path, "m.yaml", text), tmp_path)
    assert (wrong.job, wrong.problem.exit_code) == (None, 2)
    assert str(wrong.problem).startswith(f"{tmp_path}/m.yaml: job 1: ")
    assert says in str(wrong.problem)
    assert "\n" not in str(wrong.problem)
    assert fine.job is not None


def test_who_answers_is_one_question_in_defaults_and_rows(tmp_path):
    text = (
        "defaults: {photo: a.png, photo_b: b.png, layout: stack, face_b: 1}\n"
        "jobs:\n- {dialogue: two.wav}\n- {dialogue: alone.wav, solo: true}"
    )
    two, alone = (entry.job for entry in planned(written(tmp_path, "m.yaml", text), tmp_path))
    assert (two.photo_b, two.layout) == (tmp_path / "b.png", "stack")
    assert not isinstance(alone, TwoSidedJob)
    row = written(tmp_path, "n.yaml", "- {dialogue: two.wav, photo: a.png, photo_b: b.png}")
    assert isinstance(the_only(row, tmp_path, solo=True).job, TwoSidedJob)


def test_what_a_job_writes_besides_lies_where_its_row_says_or_is_named_as_its_video(tmp_path):
    text = (
        "defaults: {photo: a.png, label: AI, motion_out: motion/}\n"
        "jobs:\n- {dialogue: a.wav, out: day/one.webm, report: r/x.json, page: p.html}\n"
        "- {dialogue: b.wav, motion_out: b.csv, label: ''}"
    )
    one, two = (entry.job for entry in planned(written(tmp_path, "m.yaml", text), tmp_path))
    out = tmp_path / "out"
    assert list(one.outputs.values()) == [
        out / "day/one.webm", out / "r/x.json", out / "p.html", out / "motion/day/one.safetensors"
    ]  # fmt: skip
    assert list(two.outputs.values()) == [out / "b.mp4", out / "b.json", out / "b.csv"]
    assert (one.label, two.label) == ("AI", "")


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("motion_out: m.csv", "motion_out: m.csv", "job 1 would both write"),
        ("motion_out: m.csv", "motion_out: x/../m.csv", "lies outside of"),
        ("motion_out: b.json", "", "job 1 would both write"),
        ("report: r.json", "report: ./r.json", "job 1 would both write"),
        ("motion_out: m.csv", "page: m.csv/b.html", "would be a file and a folder"),
        ("page: m.csv/b.html", "motion_out: m.csv", "would be a file and a folder"),
    ],
)
def test_no_two_jobs_write_one_file(tmp_path, first, second, says):
    text = f"- {{dialogue: a.wav, photo: a.png, {first}}}\n- {{dialogue: b.wav, photo: a.png, {second}}}"
    manifest = written(tmp_path, "m.yaml", text)
    if ".." in second:
        assert says in str(planned(manifest, tmp_path)[1].problem)
        return
    with pytest.raises(ConfigError, match=says):
        planned(manifest, tmp_path)


def test_no_motion_is_written_over_what_another_job_reads(tmp_path):
    text = (
        "- {dialogue: a.wav, photo: a.png, motion_out: m.safetensors}\n"
        "- {dialogue: b.wav, photo: a.png, from_motion: m.safetensors}\n"
        "- {dialogue: c.wav, photo: a.png, photo_b: c.mp4}"
    )
    manifest = written(tmp_path, "m.yaml", text)
    made, read, second = entries_of(read_source(manifest), Row("here", Path()), tmp_path)
    assert "m.safetensors: is read by this batch and would be written over" in str(made.problem)
    assert read.job is not None
    assert "c.mp4: is read by this batch" in str(second.problem)
