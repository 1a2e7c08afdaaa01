"""Folders and manifests into jobs: who says what, who counts more, and what is refused before anything is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from avtr_cli.batch.entries import Entry, entries_of
from avtr_cli.batch.manifest import Row, read_source
from avtr_cli.errors import ConfigError, InputError


def entries(source: Path, tmp_path: Path, **common: object) -> list[Entry]:
    return entries_of(read_source(source), Row("the command line", Path(), common), tmp_path / "out")


def only(source: Path, tmp_path: Path, **common: object) -> Entry:
    (entry,) = entries(source, tmp_path, **common)
    return entry


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_pairs_sounds_with_the_pictures_of_their_names(tmp_path):
    for name in ("a.wav", "a.png", "b.flac", "b.JPG", "notes.txt", ".hidden.wav", "unused.webp"):
        (tmp_path / name).touch()
    a, b = entries(tmp_path, tmp_path)
    assert (a.name, a.job.photo, a.job.sound.dialogue) == ("a", tmp_path / "a.png", tmp_path / "a.wav")
    assert (b.name, b.job.photo.name, b.out) == ("b", "b.JPG", tmp_path / "out" / "b.mp4")


def test_one_photo_serves_those_that_have_none_of_their_own(tmp_path):
    for name in ("a.wav", "a.png", "b.wav"):
        (tmp_path / name).touch()
    a, b = entries(tmp_path, tmp_path, photo="shared.png")
    assert (a.job.photo, b.job.photo) == (tmp_path / "a.png", Path("shared.png"))


def test_a_sound_without_a_photo_is_that_job_s_own_failure(tmp_path):
    for name in ("a.wav", "a.png", "b.wav"):
        (tmp_path / name).touch()
    a, b = entries(tmp_path, tmp_path)
    assert a.job is not None
    assert isinstance(b.problem, InputError)
    assert "--photo" in str(b.problem)


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
    one, two = entries(written(tmp_path, name, text), tmp_path)
    assert (one.name, one.job.photo, one.job.seed) == ("one", tmp_path / "anna.png", 3)
    assert (one.job.preset.render.size, one.job.preset.motion.smile) == (256, 0.5)
    assert (two.name, two.out.name, two.job.seed) == ("second", "second.mp4", 4)
    assert (two.job.sound.start_s, two.job.sound.duration_s) == (1.0, 2.5)
    assert (two.job.preset.render.size, two.job.preset.motion.smile) == (128, 0.5)


def test_a_job_counts_before_the_command_line_and_that_before_the_defaults(tmp_path):
    manifest = written(
        tmp_path,
        "m.yaml",
        "defaults: {photo: a.png, seed: 1, preset: fast, self_channel: 2}\n"
        "jobs: [{dialogue: a.wav}, {dialogue: b.wav, seed: 3}]",
    )
    a, b = entries(manifest, tmp_path, seed=2, preset="quality")
    assert (a.job.seed, b.job.seed) == (2, 3)
    assert (a.job.preset.name, a.job.sound.self_channel) == ("quality", 2)


def test_roles_cues_and_outputs_are_taken_over(tmp_path):
    manifest = written(
        tmp_path,
        "m.yaml",
        "- {dialogue: me.wav, partner: you.wav, photo: a.png, out: night/first.webm, face: 2,\n"
        "   cues: [{at: 2, cue: nod}], from_motion: m.safetensors}\n"
        "- {dialogue: me.wav, solo: true, photo: a.png, name: alone}",
    )
    first, alone = entries(manifest, tmp_path, format="mov")
    assert (first.name, first.out) == ("night/first", tmp_path / "out/night/first.webm")
    assert first.job.sound.partner == tmp_path / "you.wav"
    assert (first.job.face, first.job.cues[0].frame, first.job.from_motion) == (2, 50, tmp_path / "m.safetensors")
    assert (alone.job.sound.solo, alone.out.name) == (True, "alone.mov")


def test_files_that_a_manifest_names_lie_beside_it(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "sky.png").touch()
    written(tmp_path / "sub", "mine.yaml", "render: {size: 200}")
    manifest = written(
        tmp_path / "sub", "m.yaml", "- {dialogue: a.wav, photo: a.png, preset: mine.yaml, render.background: sky.png}"
    )
    preset = only(manifest, tmp_path).job.preset
    assert (preset.render.size, preset.render.background) == (200, str(tmp_path / "sub" / "sky.png"))


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
    ],
)
def test_what_is_wrong_with_one_job_does_not_stop_the_others(tmp_path, row, said):
    manifest = written(tmp_path, "m.yaml", f"- {row}\n- {{dialogue: b.wav, photo: b.png}}")
    broken, fine = entries(manifest, tmp_path)
    assert said in str(broken.problem)
    assert "job 1" in str(broken.problem)
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
        ("m.yaml", "- {photo: a.png}", "neither 'dialogue' nor 'name'"),
        ("m.yaml", "- {dialogue: a.wav, out: ../a.mp4}", "lies outside"),
        ("m.yaml", "- {dialogue: a.wav, out: /tmp/a.mp4}", "lies outside"),
        ("m.yaml", "- {dialogue: batch.wav}", "the batch's own files"),
        ("m.yaml", "- {dialogue: a.wav}\n- {dialogue: sub/a.wav}", "both called 'a'"),
        ("m.yaml", "- {dialogue: a.wav, out: x.mp4}\n- {dialogue: b.wav, out: x.webm}", "both called 'x'"),
        ("m.txt", "", "neither a folder nor a manifest"),
    ],
)
def test_what_is_wrong_with_the_manifest_stops_all_before_the_night(tmp_path, name, text, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        entries(written(tmp_path, name, text), tmp_path)


def test_a_folder_without_sounds_or_with_two_pictures_for_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no sound file"):
        read_source(tmp_path)
    for name in ("a.wav", "a.png", "a.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"a\.jpg and a\.png both go with a\.wav"):
        read_source(tmp_path)
