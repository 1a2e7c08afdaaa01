"""The calls of AVTR-1's page are found in a user's copy of the data set, however it is laid out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import soundfile

from avtr_cli.core.errors import InputError, WeightsError
from avtr_cli.jobs.demo_page import page_jobs
from avtr_cli.jobs.seamless import participants
from avtr_cli.weights.registry import registry
from avtr_cli.weights.store import MADE_UP, Record, Store

CALLS = ("V00_S2047_I00001188", "V00_S2052_I00000635", "V00_S2019_I00001095")
SIDES = ("P0947", "P1012A")


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Every required file is here, under a made-up record."""
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "weights"))
    store = Store()
    for file in registry().files.values():
        path = store.target(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
        store.note(path, Record(sha256="", size=7, source=MADE_UP))


def write_video(path) -> None:
    """Two seconds, the first dark, the second bright."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 48))
    for frame in range(50):
        writer.write(np.full((48, 64, 3), 30 if frame < 25 else 220, np.uint8))
    writer.release()


def write_side(folder, name: str, sound: str = "", video: str = "") -> None:
    for sub in (sound, video):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / sound / f"{name}.wav", np.zeros(48_000), 48_000)
    write_video(folder / video / f"{name}.mp4")


@pytest.fixture(params=["archives", "kinds"])
def data(request, tmp_path):
    """The layouts that the data set's own tools leave behind."""
    folder = tmp_path / "data"
    for number, call in enumerate(CALLS):
        for side in SIDES:
            if request.param == "archives":
                where = f"improvised/dev/0000/{number:04d}"
                write_side(folder, f"{call}_{side}", where, where)
            else:
                write_side(folder, f"{call}_{side}", "improvised/dev/audio", "improvised/dev/video")
    write_side(folder, "V00_S2047_I00001189_P0947")  # another call of the same session
    return folder


def test_every_call_becomes_one_video_of_both_sides_each_hearing_the_other(weights, data, tmp_path):
    jobs = page_jobs(data, tmp_path / "out")
    assert [job.out.name for job in jobs] == [f"{call}.mp4" for call in CALLS]
    for job, call in zip(jobs, CALLS, strict=True):
        assert [path.stem for path in job.sound.paths] == [f"{call}_{side}" for side in SIDES]
        assert [path.stem for path in job.photos] == [f"{call}_{side}" for side in SIDES]
        assert job.layout == "side-by-side"
        assert job.preset.motion.generator == "avtr1"
        assert job.preset.render.renderer == "liveportrait"


def test_a_portrait_is_a_frame_of_the_participants_own_video(weights, data, tmp_path):
    picture = cv2.imread(str(page_jobs(data, tmp_path / "out")[0].photo))
    assert picture.shape == (48, 64, 3)
    assert picture.mean() > 150  # one second in


def test_a_picture_beside_the_sound_wins_over_the_video(weights, data, tmp_path):
    sound = next(data.rglob(f"{CALLS[0]}_P0947.wav"))
    cv2.imwrite(str(sound.with_suffix(".png")), np.zeros((10, 10, 3), np.uint8))
    assert page_jobs(data, tmp_path / "out")[0].photo == sound.with_suffix(".png")


def test_another_call_of_the_session_is_not_mistaken(data):
    names = [side.name for side in participants(data, CALLS[0])]
    assert names == [f"{CALLS[0]}_{side}" for side in SIDES]


def test_without_the_data_one_sentence_says_where_it_comes_from(weights, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: .*V00_S2047_I00001188.*Seamless Interaction data set.*https://"):
        page_jobs(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_the_weights_one_sentence_says_where_they_come_from(data, tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(
        WeightsError, match=r"avtr1\.scripted\.pt: .*not here; fetch them with `avtr weights pull avtr1`"
    ):
        page_jobs(data, tmp_path / "out")


def test_without_either_both_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(WeightsError, match=r"avtr weights pull avtr1.*Seamless Interaction data set"):
        page_jobs(tmp_path / "nowhere", tmp_path / "out")
