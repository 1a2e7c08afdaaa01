"""Several sounds with one photo: checked before the first frame, one engine, one failure stops no other."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import soundfile

from avtr_cli.core.errors import OutputError
from avtr_cli.jobs import production
from tests import videos

SMALL = ("--size", "64")


@pytest.fixture
def sounds(tmp_path, dialogue):
    """Three short calls."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    paths = [folder / f"{name}.wav" for name in ("a", "b", "c")]
    for at, path in enumerate(paths):
        soundfile.write(path, dialogue[:, at * 8_000 : at * 8_000 + 4_800].T, 16_000)
    return paths


@pytest.mark.slow
def test_every_sound_becomes_a_video_as_it_would_alone(avtr, photo, sounds, tmp_path):
    folder, alone = tmp_path / "videos", tmp_path / "alone.json"
    code, stdout, _ = avtr(
        "render", photo, *sounds, "-o", f"{folder}/", *SMALL, "--report", f"{folder}/", "--html", f"{folder}/"
    )
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}.{suffix}" for name in "abc" for suffix in ("html", "json", "mp4")
    ]
    assert [line.split(":")[0] for line in stdout.splitlines() if "frames" in line] == [
        f"{folder}/{n}.mp4" for n in "abc"
    ]
    avtr("render", photo, sounds[1], "-o", tmp_path / "alone.mp4", *SMALL, "--report", alone)
    hashes = [videos.report_of(path)["output"]["frames_sha256"] for path in (folder / "b.json", alone)]
    assert hashes[0] == hashes[1]


@pytest.mark.slow
def test_a_folder_that_is_there_needs_no_slash_and_a_format_chooses_the_ending(avtr, photo, sounds, tmp_path):
    (tmp_path / "videos").mkdir()
    code, stdout, _ = avtr("render", photo, *sounds[:2], "-o", tmp_path / "videos", *SMALL, "--format", "webm", "-q")
    assert (code, stdout) == (0, f"{tmp_path}/videos/a.webm\n{tmp_path}/videos/b.webm\n")


@pytest.mark.slow
def test_a_failure_is_told_and_the_others_are_rendered(avtr, photo, sounds, tmp_path, monkeypatch):

    whole = production.render_file

    def fails_once(job, *rest):
        if job.out.stem == "b":
            raise OutputError(f"{job.out}: the disk is full")
        return whole(job, *rest)

    monkeypatch.setattr(production, "render_file", fails_once)
    code, stdout, said = avtr("render", photo, *sounds, "-o", f"{tmp_path}/videos/", *SMALL, "--json")
    assert code == 6
    assert "b.mp4: the disk is full" in said
    assert said.splitlines()[-1] == f"error: 1 of 3 sounds failed: {sounds[1]}"
    told = json.loads(stdout)
    assert [report["output"]["path"][-5:] for report in told["reports"]] == ["a.mp4", "c.mp4"]
    assert list(told["failures"]) == [str(sounds[1])]
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == ["a.mp4", "c.mp4"]


def test_all_that_is_wrong_is_said_before_the_first_frame(avtr, photo, sounds, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "a.mp4").write_bytes(b"precious")
    sounds[2].write_text("no sound")
    code, _, said = avtr("render", photo, *sounds, "-o", videos, *SMALL)
    assert code == 5  # of the first
    assert f"{videos}/a.mp4: exists already" in said
    assert f"{sounds[2]}: " in said
    assert [path.name for path in videos.iterdir()] == ["a.mp4"]
    assert (videos / "a.mp4").read_bytes() == b"precious"


@pytest.mark.slow
def test_a_photo_without_a_face_is_said_once(avtr, sounds, tmp_path):

    photo = tmp_path / "noise.png"
    cv2.imwrite(str(photo), np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8))
    code, _, said = avtr("render", photo, *sounds, "-o", f"{tmp_path}/videos/", *SMALL)
    assert (code, said.count("\n")) == (3, 1)
    assert not (tmp_path / "videos").exists()


def test_two_sounds_of_one_name_are_refused(avtr, photo, sounds, tmp_path):
    twin = tmp_path / "A.flac"
    twin.write_bytes(b"")
    code, _, said = avtr("render", photo, *sounds, twin, "-o", f"{tmp_path}/videos/")
    assert code == 5
    assert said == f"error: {twin}: would be the same A.mp4 as {sounds[0]}; rename one of them\n"


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ([], 2, "say where to: -o FOLDER/"),
        (["-o", "call.mp4"], 2, "write call.mp4/"),
        (["-o", "v/", "--report", "r.json"], 5, "--report r.json: of several sounds it is a folder"),
        (["-o", "v/", "--motion-out", "m.csv"], 5, "of several sounds it is a folder"),
        (["-o", "v/", "--partner", "p.wav"], 2, "--partner goes with one sound"),
        (["-o", "v/", "--from-motion", "m.safetensors"], 2, "--from-motion goes with one sound"),
        (["-o", "v/", "--format", "png"], 2, "--format png goes with one sound"),
        (["-o", "v/", "-"], 2, "a pipe goes alone"),
    ],
)
def test_what_can_only_mean_one_video_is_refused(avtr, photo, sounds, more, code, says):
    ended, _, said = avtr("render", photo, *sounds, *more)
    assert (ended, said.count("\n")) == (code, 1)
    assert says in said


@pytest.mark.slow
def test_the_plan_of_several_is_one_after_the_other(avtr, photo, sounds, tmp_path):
    code, stdout, _ = avtr("render", photo, *sounds[:2], "-o", f"{tmp_path}/videos/", *SMALL, "--dry-run")
    assert (code, stdout.count("would be 8 frames")) == (0, 2)
    assert not (tmp_path / "videos").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (["--format", "webm"], "avatar.webm"),
        (["-o", "clip", "--format", "mp4"], "clip.mp4"),
        (["-o", "x.mov"], "x.mov"),
    ],
)
def test_of_one_sound_the_format_completes_the_name(avtr, photo, sounds, tmp_path, monkeypatch, typed, name):
    monkeypatch.chdir(tmp_path)
    code, stdout, _ = avtr("render", photo, sounds[0], *typed, *SMALL, "--dry-run", "--json")
    assert (code, json.loads(stdout)["output"]["path"]) == (0, name)


def test_a_name_and_a_format_that_contradict_are_refused(avtr, photo, sounds):
    code, _, said = avtr("render", photo, sounds[0], "-o", "a.mp4", "--format", "webm")
    assert (code, said) == (2, "error: -o a.mp4 and --format webm say two things; leave one of them out\n")
