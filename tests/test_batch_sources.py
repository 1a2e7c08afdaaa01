"""A folder as a batch, and tables as spreadsheets save them: which files belong together, and what was left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avtr_cli.batch.entries import entries_of
from avtr_cli.batch.folder import Choice, matches
from avtr_cli.batch.manifest import Row, read_source
from avtr_cli.batch.sources import read_sources
from avtr_cli.core.errors import ConfigError, InputError
from tests.batches import planned, the_only, written


def test_a_folder_pairs_sounds_with_the_pictures_of_their_names(tmp_path):
    for name in ("a.wav", "a.png", "b.flac", "b.JPG", "notes.txt", ".hidden.wav", "unused.webp"):
        (tmp_path / name).touch()
    a, b = planned(tmp_path, tmp_path)
    assert (a.name, a.job.photo, a.job.sound.dialogue) == ("a", tmp_path / "a.png", tmp_path / "a.wav")
    assert (b.name, b.job.photo.name, b.out) == ("b", "b.JPG", tmp_path / "out" / "b.mp4")


def test_one_photo_serves_those_that_have_none_of_their_own(tmp_path):
    for name in ("a.wav", "a.png", "b.wav"):
        (tmp_path / name).touch()
    a, b = planned(tmp_path, tmp_path, photo="shared.png")
    assert (a.job.photo, b.job.photo) == (tmp_path / "a.png", Path("shared.png"))


def test_a_sound_without_a_photo_is_that_job_s_own_failure(tmp_path):
    for name in ("a.wav", "a.png", "b.wav"):
        (tmp_path / name).touch()
    a, b = planned(tmp_path, tmp_path)
    assert a.job is not None
    assert isinstance(b.problem, InputError)
    assert "--photo" in str(b.problem)


def test_a_folder_without_sounds_or_with_two_pictures_for_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no sound file"):
        read_source(tmp_path)


def test_what_is_not_there_cannot_be_listed_or_is_no_file_is_told_as_such(tmp_path):
    with pytest.raises(ConfigError, match=r"nothere: there is no such folder or manifest"):
        read_source(tmp_path / "nothere")
    with pytest.raises(ConfigError, match=r"there is no such folder or manifest"):
        read_source(tmp_path / ("n" * 300))
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match=r"is a pipe"):
        read_source(tmp_path / "pipe.yaml")
    (tmp_path / "latin.csv").write_bytes(b"dialogue\ncaf\xe9.wav\n")
    with pytest.raises(ConfigError, match=r"is not UTF-8 text"):
        read_source(tmp_path / "latin.csv")


def test_two_pictures_for_one_sound_are_that_job_s_own_failure(tmp_path):
    for name in ("a.wav", "a.png", "a.jpg", "b.wav", "b.png"):
        (tmp_path / name).touch()
    a, b = planned(tmp_path, tmp_path)
    assert "a.jpg and a.png both go with a.wav; keep one of them" in str(a.problem)
    assert b.job is not None


@pytest.mark.parametrize(
    ("sound", "picture"),
    [
        ("Zoë.wav", "Zoe\u0308.png"),
        ("Zoe\u0308.wav", "Zoë.png"),
        ("Anna.WAV", "anna.jpg"),
        ("x.opus", "x.heic"),
        ("x.m4a", "x.TIFF"),
        ("x.caf", "x.jfif"),
        ("call.mp4", "call.png"),
        ("call.mkv", "CALL.avif"),
    ],
)
def test_names_that_look_the_same_are_a_pair_whatever_can_be_read(tmp_path, sound, picture):
    for name in (sound, picture):
        (tmp_path / name).touch()
    entry = the_only(tmp_path, tmp_path)
    assert (entry.job.sound.dialogue.name, entry.job.photo.name) == (sound, picture)


def test_names_that_differ_in_case_alone_are_told_apart_where_both_are_there(tmp_path):
    for name in ("anna.wav", "Anna.wav", "anna.png"):
        (tmp_path / name).touch()
    found = {entry.name: entry.job for entry in planned(tmp_path, tmp_path)}
    assert found["anna"].photo.name == "anna.png"
    assert found["Anna"] is None


def test_videos_are_no_sound_by_accident_and_what_is_left_alone_is_told(tmp_path):
    for name in ("a.wav", "a.png", "a.mp4", "own.mp4", "own.png", "own.json", "film.mov", "lone.webp", "notes.txt"):
        (tmp_path / name).touch()
    source = read_source(tmp_path)
    assert [row.values["dialogue"] for row in source.rows] == ["a.wav"]
    (note,) = source.notes
    assert "7 files were left alone" in note
    assert "lone.webp (a picture without a sound)" in note
    assert "film.mov (a video without a picture of its name)" in note
    assert "own.mp4" not in note


def test_a_cell_may_hold_line_breaks_and_unicode_s_own_line_ends(tmp_path):
    text = 'name,dialogue,photo\r\n"Call\u2028one",a.wav,a.png\r\ntwo,b.wav,"a, b.png"\r\n'
    one, two = planned(written(tmp_path, "m.csv", text), tmp_path)
    assert one.name == "Call\u2028one"
    assert two.job.photo.name == "a, b.png"
    broken = planned(written(tmp_path, "n.csv", 'name,dialogue,photo\n"a\nb",a.wav,a.png\nc,b.wav,a.png'), tmp_path)
    assert "cannot be the name of a file" in str(broken[0].problem)
    assert broken[1].job is not None
    lines = '{"name": "Call\u2028one", "dialogue": "a.wav", "photo": "a.png"}\r\n\r\n{"dialogue": "b.wav"}'
    assert [entry.name for entry in planned(written(tmp_path, "m.jsonl", lines), tmp_path)] == ["Call\u2028one", "b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(("first", "end"), [("", "\r\n"), ("", "\n"), ("", "\r"), ("sep=SEPARATOR\r\n", "\r\n")])
def test_a_spreadsheet_is_read_however_it_was_saved(tmp_path, encoding, separator, first, end):
    lines = ["Dialogue , PHOTO,Name,render.size".replace(",", separator), "a.wav,a.png,007,128".replace(",", separator)]
    path = tmp_path / "m.csv"
    path.write_bytes((first.replace("SEPARATOR", separator) + end.join(lines) + end).encode(encoding))
    entry = the_only(path, tmp_path)
    assert (entry.name, entry.job.photo.name, entry.job.preset.render.size) == ("007", "a.png", 128)


# Deeper folders, chosen sounds, sounds one by one


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two days of calls, and what must not be taken for a call."""
    names = (
        "anna.wav", "anna.png", "day1/anna.wav", "day1/ANNA.png", "day1/deep/bert.flac", "day2/anna.wav",
        "day2/lone.png", ".trash/old.wav", "out/anna.mp4", "out/anna.png", "out/more.wav",
    )  # fmt: skip
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in", target_is_directory=True)
    return tmp_path / "in"


def named(paths: list[Path], **choice: object) -> list[str]:
    return [row.values["name"] for row in read_sources(paths, Choice(**choice)).rows]


def test_a_folder_is_searched_deeper_only_when_asked_and_videos_keep_their_places(tree, tmp_path):
    assert named([tree]) == ["anna"]
    source = read_sources([tree], Choice(recursive=True, leave=tree / "out"))
    made = entries_of(source, Row("the command line", Path(), {"photo": "all.png"}), tree / "out")
    places = {entry.name: entry.out.relative_to(tree / "out") for entry in made}
    assert places == {name: Path(f"{name}.mp4") for name in ("anna", "day1/anna", "day1/deep/bert", "day2/anna")}
    photos = {entry.name: entry.job.photo for entry in made}
    assert photos["anna"] == tree / "anna.png"
    assert photos["day1/anna"] == tree / "day1" / "ANNA.png"
    assert photos["day2/anna"] == Path("all.png")  # not of a folder above or beside
    (note,) = source.notes
    assert note == f"{tree}: 1 file was left alone: day2/lone.png (a picture without a sound)"


def test_sounds_are_chosen_by_name_and_what_is_not_chosen_is_told(tree):
    source = read_sources([tree], Choice(True, ("day1/*", "bert*"), tree / "out"))
    assert [row.values["name"] for row in source.rows] == ["day1/anna", "day1/deep/bert"]
    (note,) = source.notes
    assert "3 files were left alone" in note
    assert "anna.wav (not included); day2/anna.wav (not included)" in note
    assert "anna.png" not in note  # it has a sound
    with pytest.raises(ConfigError, match=r"--include 'day9/\*': no sound is called so in "):
        read_sources([tree], Choice(True, ("anna*", "day9/*")))


@pytest.mark.parametrize(
    ("name", "glob", "fits"),
    [
        ("a.wav", "a*", True),
        ("day1/a.wav", "a*", True),
        ("day1/a.wav", "day1/*", True),
        ("day1/x/a.wav", "day1/*", False),
        ("a.wav", "*.flac", False),
        ("Zoe\u0308.wav", "Zoë*", True),
        ("a.wav", "", False),
    ],
)
def test_a_glob_is_matched_from_the_right_part_by_part(name, glob, fits):
    assert matches(name, glob) is fits


def test_sounds_are_given_one_by_one_beside_folders(tree):
    paths = [tree / "day2" / "anna.wav", tree / "day1" / "deep", tree / "out" / "anna.mp4"]
    source = read_sources(paths)
    assert [(row.values["name"], row.base, row.values.get("photo")) for row in source.rows] == [
        ("anna", tree / "day2", None),
        ("bert", tree / "day1" / "deep", None),
        ("anna", tree / "out", "anna.png"),
    ]
    with pytest.raises(ConfigError, match=r"anna\.mp4 and .*anna\.wav are both called 'anna'"):
        entries_of(source, Row("the command line", Path(), {"photo": "all.png"}), tree / "new")


def test_what_cannot_go_together_is_refused_with_its_name(tree, tmp_path):
    manifest, sound = written(tmp_path, "m.yaml", "- {dialogue: a.wav}"), tree / "anna.wav"
    os.mkfifo(tmp_path / "pipe.wav")
    for paths, choice, says in (
        ([manifest, sound], Choice(), r"m\.yaml: a manifest goes alone"),
        ([manifest], Choice(recursive=True), r"--recursive is about the sounds of a folder, and .*m\.yaml is none"),
        ([sound], Choice(include=("a*",)), r"--include is about the sounds of a folder"),
        ([sound, tree / "no.wav"], Choice(), r"no\.wav: there is no such folder, manifest or sound"),
        ([tree / "anna.png"], Choice(), r"anna\.png: neither a folder, a manifest nor a sound"),
        ([tmp_path / "pipe.wav"], Choice(), r"pipe\.wav: is a pipe"),
        ([tree / "day2", tree / "out" / "nothing"], Choice(), r"nothing: there is no such"),
    ):
        with pytest.raises(ConfigError, match=says):
            read_sources(paths, choice)


def test_the_command_says_in_one_sentence_what_no_source_gives(avtr, tree, tmp_path):
    for arguments, says in (
        ((tree, "--recursive", "--include", "carl*"), f"--include 'carl*': no sound is called so in {tree}"),
        ((tree / "anna.wav", tree / "no.wav"), f"{tree}/no.wav: there is no such folder, manifest or sound"),
    ):
        code, stdout, said = avtr("batch", *arguments, "-o", tmp_path / "videos")
        assert (code, stdout, said) == (2, "", f"error: {says}\n")
    assert not (tmp_path / "videos").exists()
