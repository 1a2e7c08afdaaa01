"""A folder as a batch, and tables as spreadsheets save them: which files belong together, and what was left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avtr_cli.batch.manifest import read_source
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
