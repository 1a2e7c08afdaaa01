"""Anybody's video, seen by Face Mesh: at any rate, once for the same bytes, and refused where it shows no face."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from avtr_cli.core.errors import InputError
from avtr_cli.evaluation.folder import hands, likeness, points
from avtr_cli.evaluation.folder.layout import read_layout
from avtr_cli.evaluation.folder.likeness import Asked, pictures_report
from avtr_cli.evaluation.folder.shown import read_shown
from avtr_cli.evaluation.networks import inception
from avtr_cli.perception.hands import Follower
from avtr_cli.weights.store import Store
from tests import made_up_judges
from tests.body_goldens import pictures
from tests.test_evaluation_video import write_video
from tests.videos import decode

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_TRACKS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Twenty pictures of one person, who moves to the right, at 50 a second."""
    person = astronaut()[:400, :]
    moved = [np.roll(person, 2 * step, axis=1)[:, 40:440] for step in range(20)]
    return write_video(tmp_path_factory.mktemp("video") / "a.mp4", [np.ascontiguousarray(p) for p in moved], fps=50)


def test_a_video_of_another_rate_is_read_at_25_frames_a_second(video):
    shown = read_shown(video)
    assert (shown.space, shown.frames, shown.found) == ("mesh", 10, 1.0)
    assert shown.vertices is not None
    assert shown.boxes is not None
    wide = np.ptp(shown.vertices[:, list(shown.upper), 0], axis=1)
    assert ((wide > 80) & (wide < 150)).all()  # mm, brow to brow
    assert np.diff(shown.boxes[:, 0]).mean() * 400 == pytest.approx(4, abs=0.6)


def test_the_same_bytes_are_looked_at_once_wherever_they_lie(video, cache, tmp_path, monkeypatch):
    first = points.points_of(video)
    copy = shutil.copy(video, tmp_path / "copy.mp4")
    monkeypatch.setattr(points, "_follow", None)
    again = points.points_of(tmp_path / copy)
    np.testing.assert_array_equal(again.points, first.points)
    assert len(list(cache.iterdir())) == 1


def test_a_kept_file_that_is_damaged_is_made_anew(video, cache):
    first = points.points_of(video)
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    np.testing.assert_array_equal(points.points_of(video).points, first.points)


def test_a_video_without_a_face_and_one_with_few_are_refused(video, tmp_path):
    blank = np.full((400, 400, 3), 127, np.uint8)
    with pytest.raises(InputError, match="no face in any of its 4 frames"):
        read_shown(write_video(tmp_path / "blank.mp4", [blank] * 4))
    half = [np.ascontiguousarray(astronaut()[:400, 40:440])] * 5 + [blank] * 5
    with pytest.raises(InputError, match="a face in 50% of its frames"):
        read_shown(write_video(tmp_path / "half.mp4", half))


def test_frames_without_a_face_take_the_nearest_one():
    found = np.array([False, True, False, False, True, False])
    assert points._nearest(found).tolist() == [0, 0, 0, 1, 1, 1]


@pytest.fixture
def judged_pictures(video, tmp_path):
    """The video as truth, and as two systems: itself, and itself with every picture a little darker."""
    place = tmp_path / "calls"
    for name in ("truth", "systems/same", "systems/darker"):
        (place / name).mkdir(parents=True)
    frames = decode(video)[::2]
    for name in ("truth", "systems/same"):
        write_video(place / name / "a.mp4", list(frames))
    write_video(place / "systems" / "darker" / "a.mp4", [(frame * 0.9).astype(np.uint8) for frame in frames])
    return place


def test_pictures_are_compared_within_the_true_face(avtr, judged_pictures, tmp_path):
    scores = tmp_path / "scores.csv"
    scores.write_text("system,id,IQA,ASE\nsame,a,4.5,3\ndarker,a,4,\ntruth,a,4.75,3.5\n")
    code, out, _ = avtr("eval", "pictures", judged_pictures, "--report", tmp_path / "a.json", "--scores", scores)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    whole = json.loads((tmp_path / "a.json").read_text())
    told = whole["systems"]
    assert [told[name]["measures"]["IQA"]["value"] for name in ("same", "darker")] == [4.5, 4]
    assert told["darker"]["measures"]["ASE"]["reason"] == "the file has no such score of this system"
    assert whole["controls"]["truth"]["measures"]["ASE"]["value"] == 3.5
    (apart,) = whole["differences"].values()
    assert abs(apart["measures"]["IQA"]["value"]) == 0.5
    assert not told["same"]["measures"]["IQA"]["comparable_with_published"]
    assert told["same"]["measures"]["PSNR"]["value"] is None
    assert told["same"]["measures"]["PSNR"]["equal_frames"] == 10
    assert told["same"]["measures"]["PSNR"]["reason"] == "every frame equals the truth"
    assert told["same"]["measures"]["SSIM"]["value"] == pytest.approx(1)
    assert 20 < told["darker"]["measures"]["PSNR"]["value"] < 35
    assert 0.9 < told["darker"]["measures"]["SSIM"]["value"] < 1


def test_whole_pictures_must_be_of_one_size_and_a_video_as_long_as_the_truth(avtr, judged_pictures):
    made = judged_pictures / "systems" / "darker" / "a.mp4"
    write_video(made, [np.zeros((64, 64, 3), np.uint8)] * 10)
    report = pictures_report(read_layout(judged_pictures), Asked(whole=True))
    assert "64x64, those of the truth 400x400" in report["systems"]["darker"]["left_out"][0]["reason"]
    write_video(made, [np.zeros((400, 400, 3), np.uint8)] * 6)
    report = pictures_report(read_layout(judged_pictures), Asked(whole=True))
    assert "ends at another frame" in report["systems"]["darker"]["left_out"][0]["reason"]
    (judged_pictures / "truth" / "a.mp4").unlink()
    (judged_pictures / "truth" / "a.npz").write_bytes(b"")
    code, _, err = avtr("eval", "pictures", judged_pictures)
    assert (code, "no true video" in err) == (3, True)


def test_without_weights_rows_of_networks_say_how_to_get_them(judged_pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "no-weights"))
    report = pictures_report(read_layout(judged_pictures), Asked(few=True))
    rows = report["systems"]["darker"]["measures"]
    assert {name for name, row in rows.items() if row["value"] is None} == {"CSIM_sface", "FID", "FVD", *hands.NAMES}
    assert rows["hands.found"]["reason"] == "no hand is seen, or none in the true video"
    assert rows["CSIM_sface"]["reason"] == "needs weights that are not here: `avtr weights pull eval/sface`"
    assert rows["FID"]["reason"].endswith("`avtr weights pull eval/inception`")
    assert rows["FVD"]["reason"].endswith("`avtr weights pull eval/i3d --accept-licence`")
    assert (report["networks"], report["controls"]) == ({}, {})


class Coarse:
    """In Inception's place: eight numbers of a picture, its mean colours and how they go on."""

    def __call__(self, pictures):
        flat = pictures.float()
        return torch.cat([flat.mean((2, 3)), flat[..., ::2].std((2, 3)), flat[:, :2].amax((2, 3))], 1)


def test_networks_see_the_pictures_of_both_sides(avtr, video, tmp_path, monkeypatch):
    store = Store(tmp_path / "weights")
    monkeypatch.setenv("AVTR_WEIGHTS", str(store.root))
    monkeypatch.setattr(inception, "FEATURES", 8)
    monkeypatch.setattr(inception, "load", lambda path: Coarse())
    made_up_judges.put(store, "eval/inception", lambda path: path.write_bytes(b"-"))
    made_up_judges.put(store, "eval/sface", made_up_judges.write_sface)
    made_up_judges.put(store, "eval/i3d", made_up_judges.write_i3d)
    place, person = tmp_path / "calls", decode(video)[::2]
    other = np.ascontiguousarray(person[:, :, ::-1])
    for name, frames in (("truth", person), ("systems/same", person), ("systems/mirrored", other)):
        (place / name).mkdir(parents=True)
        write_video(place / name / "a.mp4", [*frames, *frames[::-1], *frames, *frames[:4]])
    code, out, _ = avtr("eval", "pictures", place, "--few", "--report", tmp_path / "few.json")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    told = json.loads((tmp_path / "few.json").read_text())
    same, mirrored = (told["systems"][name]["measures"] for name in ("same", "mirrored"))
    assert same["CSIM_sface"]["value"] == pytest.approx(told["controls"]["truth"]["measures"]["CSIM_sface"]["value"])
    assert same["CSIM_sface"]["value"] > mirrored["CSIM_sface"]["value"]
    for name in ("FID", "FVD"):
        assert same[name]["value"] == pytest.approx(0, abs=1e-6)
        assert mirrored[name]["value"] > 0.01
        assert mirrored[name]["low"] is None
        assert mirrored[name]["comparable_with_published"] is False
        assert told["differences"]["mirrored - same"]["measures"][name]["value"] > 0.01
    assert (mirrored["FID"]["count"]["frames"], mirrored["FVD"]["count"]["frames"]) == (34, 32)
    assert "process of its own" in told["networks"]["i3d"]["ran"]
    assert told["fvd"] == {"clip_frames": 16, "stride": 16, "side": 224, "resize": "bilinear"}
    rows = pictures_report(read_layout(place))["systems"]["same"]["measures"]
    assert rows["FID"]["value"] is None
    assert rows["FID"]["reason"].startswith("34 frames: below 2048")


def test_hands_are_counted_and_spread_by_how_they_move():
    picture = pictures()["hands"]
    seen, nothing, follow = hands.Hands(), hands.Hands(), Follower(hands.MOST, hands.SURE_ENOUGH)
    left, right = [], []
    for shift in (0, 3, -4, 2):
        moved = np.roll(picture, shift, axis=1)
        seen.push(moved)
        nothing.push(np.zeros((96, 96, 3), np.uint8))
        for hand in follow(moved):
            (right if hand.right >= 0.5 else left).append(hand)
    found = seen.values()
    assert found["hands.found"] == 1
    assert found["HKC_mp"] == pytest.approx(np.mean([max(hand.right, 1 - hand.right) for hand in [*left, *right]]))
    spreads = [np.std([hand.points[:, :2] for hand in side], axis=0).mean() for side in (left, right)]
    assert found["HKV_mp"] == pytest.approx(np.mean(spreads) / picture.shape[0])
    assert found["HKV_mp"] > 0
    assert nothing.values()["hands.found"] == 0
    assert np.isnan(nothing.values()["HKC_mp"])
    assert hands.Hands().values() == {}


def test_where_truth_shows_hands_everybodys_count(judged_pictures, monkeypatch):
    class Waving:
        def push(self, picture):
            self.light = picture.mean() / 255

        def values(self):
            return {"hands.found": 1.0, "HKC_mp": self.light, "HKV_mp": 0.1}

    monkeypatch.setattr(likeness, "Hands", Waving)
    report = pictures_report(read_layout(judged_pictures))
    truth, darker = report["controls"]["truth"]["measures"], report["systems"]["darker"]["measures"]
    assert truth["HKC_mp"]["value"] > darker["HKC_mp"]["value"] > 0
    assert not darker["HKC_mp"]["comparable_with_published"]
    assert report["differences"]["darker - same"]["measures"]["HKC_mp"]["value"] < 0
