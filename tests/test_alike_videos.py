"""`avtr eval alike` and `avtr eval alive` on videos that are really rendered, and what they refuse."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avtr_cli.core.errors import AudioError, InputError
from avtr_cli.evaluation.alike.clips import clips_in
from avtr_cli.evaluation.alike.compare import ALIKE_MEASURES
from avtr_cli.evaluation.alike.following import follow, tracks_from
from avtr_cli.evaluation.alike.sounds import as_one_voice, voice_in
from avtr_cli.evaluation.alike.tracks import CURVES, read_tracks, write_tracks
from tests.alike_tracks import talking
from tests.sources import ROOT
from tests.test_evaluation_video import write_video

PORTRAIT = ROOT / "examples" / "portrait_drawn.png"


@pytest.fixture(scope="module")
def spoken(tmp_path_factory, dialogue) -> Path:
    """1.4 s of one voice, mono."""
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    soundfile.write(path, dialogue[0, :22_400], 16_000)
    return path


@pytest.fixture(scope="module")
def rendered(tmp_path_factory, engine, spoken) -> Path:
    """Those as a video of the committed portrait, 35 frames."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.jobs.job import Job
    from avtr_cli.jobs.production import render_file

    out = tmp_path_factory.mktemp("video") / "ours.mp4"
    sound = DialogueFiles(dialogue=spoken, solo=True)
    render_file(Job(photo=PORTRAIT, sound=sound, out=out, preset=engine.preset, provenance=False), engine)
    return out


@pytest.fixture
def clips(tmp_path, spoken) -> Path:
    """A folder with one clip whose reference is planted, and two sub-folders that are none."""
    folder = tmp_path / "clips"
    (folder / "anna").mkdir(parents=True)
    shutil.copy(PORTRAIT, folder / "anna" / "photo.png")
    shutil.copy(spoken, folder / "anna" / "voice.wav")
    write_tracks(folder / "anna" / "tracks.npz", talking(35))
    (folder / "empty").mkdir()
    (folder / ".hidden").mkdir()
    return folder


@pytest.mark.slow
def test_a_rendered_face_is_found_in_every_frame_and_moves_as_faces_do(rendered, tmp_path):
    told = []
    seen = follow(rendered, lambda done, total: told.append((done, total)))
    assert len(seen) == 35
    assert seen.fps == 25
    assert seen.found.all()
    assert told[-1] == (35, 35)
    assert 0 <= seen["aperture"].min() < 0.02 < seen["aperture"].max() < 0.2
    assert 0.1 < seen["width"].mean() < 0.4
    assert np.abs(seen.head).max() < 30
    assert 0.15 < np.median(seen.ear) < 0.6
    assert 0.1 < seen.brow.mean() < 0.3
    write_tracks(tmp_path / "seen.npz", seen)
    for name, curve in tracks_from(tmp_path / "seen.npz").curves.items():
        np.testing.assert_allclose(curve, seen[name], rtol=1e-6)


@pytest.mark.slow
def test_a_face_is_followed_the_same_every_time(rendered):
    one, other = follow(rendered), follow(rendered)
    assert all((one[name] == other[name]).all() for name in CURVES)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads where Linux lists them")
def test_no_video_leaves_a_network_behind(rendered):
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    follow(rendered)
    before = threads()
    for _ in range(3):
        follow(rendered)
    for _ in range(200):  # the thread that listens to ffmpeg's messages ends a moment after the video
        if threads() <= before:
            break
        time.sleep(0.05)
    assert threads() <= before


@pytest.mark.slow
def test_a_video_of_30_frames_a_second_with_frames_without_a_face(photo, tmp_path):
    picture = cv2.resize(cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB), (256, 256))
    blank = np.full_like(picture, 90)
    path = write_video(tmp_path / "odd%d: 'a'.mp4", [picture] * 31 + [blank] * 6 + [picture] * 10, fps=30)
    seen = follow(path)
    assert (len(seen), seen.fps) == (47, 30)
    assert seen.found[:31].all()
    assert not seen.found[33:37].any()
    assert np.isnan(seen["yaw"][34])
    assert len(seen.at_25_fps()) == int(46 / 30 * 25) + 1


@pytest.mark.slow
def test_a_video_held_against_itself_meets_what_is_about_agreement(avtr, rendered, spoken, tmp_path):
    tracks, page, report = tmp_path / "t.npz", tmp_path / "p.html", tmp_path / "r.json"
    words = ("eval", "alike", rendered, rendered, "--tracks", tracks, "--page", page, "--report", report)
    code, out, err = avtr(*words)
    assert code == 0, err
    rows = json.loads(report.read_text())["measures"]
    assert set(rows) == set(ALIKE_MEASURES)
    assert rows["alike.aperture_r"]["ours"] == rows["closures.kept"]["ours"] == rows["head.speed"]["ratio"] == 1
    assert rows["mouth.level_r"]["ours"] is not None  # the video's own sound
    assert re.search(r"^alike\.aperture_r +ok .*>= 0\.6$", out, re.MULTILINE)
    text = page.read_text()
    assert text.count("<video") == 2
    assert text.count(" muted") == 1
    assert f'src="{Path("..") / rendered.parent.relative_to(tmp_path.parent) / "ours.mp4"}"' in text
    assert "nan" not in re.sub(r"<script.*", "", text, flags=re.DOTALL).lower()

    code, out, err = avtr("eval", "alike", tracks, tracks, "--voice", spoken, "--json")  # no video is followed
    assert code == 0, err
    again = json.loads(out)["measures"]
    for name in rows:
        assert again[name]["ours"] == pytest.approx(rows[name]["ours"], rel=0.02, abs=1e-4), name
    assert avtr(*words)[0] == 0  # what it wrote itself may be written again


def test_tracks_alone_are_compared_without_a_sound(avtr, tmp_path):
    write_tracks(tmp_path / "a.npz", talking(101))
    write_tracks(tmp_path / "b.npz", talking(77, seed=1))
    code, out, err = avtr("eval", "alike", tmp_path / "a.npz", tmp_path / "b.npz", "--page", tmp_path / "p.html")
    assert code == 0, err
    assert re.search(r"^mouth\.level_r +- +- +-  <= 0\.3$", out, re.MULTILINE)
    assert "<video" not in (tmp_path / "p.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("none.mp4", "a.npz"), 3, "none.mp4: there is no such file"),
        (("a.npz", "none.npz"), 3, "none.npz: there is no such file"),
        (("a.npz", "text.npz"), 3, "text.npz: is no file of tracks"),
        (("a.npz", "text.mp4"), 3, "text.mp4: is no video that can be read"),
        (("a.npz", "."), 3, ": is a folder, not a file"),
        (("a.npz", "a.npz", "--voice", "text.mp4"), 3, "text.mp4: has no sound that can be read"),
        (("a.npz", "a.npz", "--voice", "none.wav"), 3, "none.wav: there is no such file"),
        (("a.npz", "short.npz"), 3, "short.npz: shows a face in only 20 "),
        (("a.npz", "a.npz", "--page", "text.mp4"), 5, "text.mp4: exists already, and no such command wrote it"),
        (("a.npz", "a.npz", "--tracks", "a.npz"), 5, "a.npz: is what is to be measured"),
        (("a.npz", "a.npz", "--page", "no/p.html"), 5, "the folder does not exist"),
        (("a.npz", "a.npz", "--page", "x", "--report", "x"), 5, "x: cannot be both --page and --report"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(avtr, tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    write_tracks(tmp_path / "a.npz", talking(60))
    write_tracks(tmp_path / "short.npz", talking(20))
    for name in ("text.npz", "text.mp4"):
        (tmp_path / name).write_text("not what its name says")
    ended, out, err = avtr("eval", "alike", *words)
    assert ended == code, err
    assert said in err.replace("\n", " ")
    assert out == ""
    assert len(err.splitlines()) == 1
    assert (tmp_path / "text.mp4").read_text() == "not what its name says"


@pytest.mark.slow
def test_a_video_without_a_face_is_refused(tmp_path):
    path = write_video(tmp_path / "grey.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 30)
    with pytest.raises(InputError, match="finds no face in any of its 30 frames"):
        follow(path)
    with pytest.raises(AudioError, match="has no sound"):
        voice_in(path)


@pytest.mark.slow
def test_a_folder_of_clips_is_rendered_followed_and_compared(avtr, clips, tmp_path):
    out = tmp_path / "out"
    words = ("eval", "alive", clips, "-o", out, "--size", "256", "--page")
    code, said, err = avtr(*words)
    assert code == 0, err
    assert "empty: is left out, as it lacks one photo, one sound, one tracks.npz or video" in err
    assert re.search(r"^head\.yaw_sd .* x$", said, re.MULTILINE)
    told = json.loads((out / "alive.json").read_text())
    assert set(told["clips"]) == {"anna"}
    assert told["failures"] == {}
    assert set(told["measures"]) == set(told["clips"]["anna"]["measures"]) == set(ALIKE_MEASURES)
    assert told["measures"] == told["clips"]["anna"]["measures"]  # medians of one
    assert told["measures"]["face.found"]["ours"] == 1
    made = {path.name for path in (out / "anna").iterdir()}
    assert made == {"avatar.mp4", "avatar.json", "tracks.npz", "alike.html"}
    assert json.loads((out / "anna" / "avatar.json").read_text())["output"]["width"] >= 100
    assert len(read_tracks(out / "anna" / "tracks.npz")) == 35
    assert 'href="anna/alike.html"' in (out / "index.html").read_text()

    before = (out / "alive.json").read_bytes()
    code, said, err = avtr(*words)
    assert code == 5
    assert "exists already; give --overwrite" in err.replace("\n", " ")
    assert (out / "alive.json").read_bytes() == before

    video = (out / "anna" / "avatar.mp4").stat()
    code, said, err = avtr(*words, "--no-render", "--json")
    assert code == 0, err
    assert json.loads(said)["measures"] == told["measures"]
    assert (out / "anna" / "avatar.mp4").stat() == video
    (out / "index.html").write_text("mine")
    assert avtr(*words, "--no-render")[0] == 5
    assert (out / "index.html").read_text() == "mine"


@pytest.mark.slow
def test_a_clip_that_fails_stops_no_other_and_is_told(avtr, clips, tmp_path, monkeypatch, dialogue):
    for name in ("blind", "stereo"):
        shutil.copytree(clips / "anna", clips / name)
    cv2.imwrite(str(clips / "blind" / "photo.png"), np.full((256, 256, 3), 90, np.uint8))
    soundfile.write(clips / "stereo" / "voice.wav", dialogue[:, 32_000:54_400].T, 16_000)
    (clips / "stereo" / "clip.mp4").write_bytes(b"beside tracks.npz it is only shown")
    monkeypatch.chdir(tmp_path)
    code, said, err = avtr("eval", "alive", clips, "--size", "128", "--json", "--only", "blind", "--only", "st*")
    assert code == 6
    told = json.loads(said)
    assert set(told["clips"]) == {"stereo"}
    assert "photo.png" in told["failures"]["blind"]
    assert "1 of 2 clips failed: blind" in err.replace("\n", " ")
    assert (tmp_path / "alive" / "stereo" / "voice.wav").exists()  # mixed; the default folder
    assert soundfile.info(tmp_path / "alive" / "stereo" / "voice.wav").channels == 1


def test_no_clip_no_folder_and_an_output_among_the_clips_are_refused_before_the_work(avtr, clips, tmp_path):
    for words, code, said in (
        ((tmp_path / "none",), 3, "cannot be read as a folder"),
        ((clips / "empty",), 2, "holds no sub-folder with a photo"),
        ((clips, "--only", "bob*"), 2, "holds no sub-folder called bob* with"),
        ((clips, "-o", clips), 5, "holds what is to be measured"),
        ((clips, "-o", clips, "--overwrite"), 5, "holds what is to be measured"),
        ((clips, "-o", clips / "anna" / "voice.wav"), 5, "the folder cannot be made"),
        ((clips, "-o", tmp_path / "out", "--preset", "none"), 2, "none"),
        ((clips, "-o", tmp_path / "new", "--no-render"), 6, "avatar.mp4: there is no such file"),
        ((clips, "-o", tmp_path / "out", "--weights", tmp_path / "none.safetensors"), 4, "none.safetensors"),
    ):
        ended, out, err = avtr("eval", "alive", *words)
        assert ended == code, (words, err)
        assert said in err.replace("\n", " ")
        assert code == 6 or out == ""
    assert {path.name for path in (clips / "anna").iterdir()} == {"photo.png", "voice.wav", "tracks.npz"}


def test_of_several_pictures_the_one_called_photo_is_meant_and_a_video_stands_for_its_tracks(clips):
    anna = clips / "anna"
    shutil.copy(anna / "photo.png", anna / "other.png")
    (anna / "theirs.mp4").write_bytes(b"")
    (clip,), left_out = clips_in(clips)
    assert (clip.photo.name, clip.reference.name) == ("photo.png", "tracks.npz")
    assert clip.video == anna / "theirs.mp4"
    (anna / "tracks.npz").unlink()
    assert clips_in(clips)[0][0].reference == anna / "theirs.mp4"
    assert len(left_out) == 1


@pytest.mark.slow
def test_only_a_voice_whose_channels_differ_is_mixed(tmp_path, spoken, dialogue):
    assert as_one_voice(spoken, tmp_path / "mixed.wav") == spoken
    two = tmp_path / "two.wav"
    soundfile.write(two, dialogue[:, 32_000:48_000].T, 16_000)
    assert as_one_voice(two, tmp_path / "mixed.wav") == tmp_path / "mixed.wav"
    mixed = soundfile.read(tmp_path / "mixed.wav")[0]
    np.testing.assert_allclose(mixed, dialogue[:, 32_000:48_000].mean(0), atol=1e-3)
    np.testing.assert_allclose(voice_in(two), mixed, atol=1e-3)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"text\.wav"):
        as_one_voice(tmp_path / "text.wav", tmp_path / "none.wav")
    assert not (tmp_path / "none.wav").exists()
