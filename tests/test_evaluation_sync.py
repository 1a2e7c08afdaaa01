"""Lips beside the recorded voice: SyncNet window by window is SyncNet at once; without its weights, a stand-in."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.evaluation import syncnet
from avtr_cli.evaluation.folder import sync
from avtr_cli.evaluation.folder.boxes import boxes_of, read_boxes
from avtr_cli.evaluation.folder.clipwise import Numbers
from avtr_cli.evaluation.folder.judges import judge
from avtr_cli.evaluation.folder.layout import read_layout
from avtr_cli.evaluation.folder.points import points_of
from avtr_cli.evaluation.folder.sync import Asked, sync_report
from avtr_cli.evaluation.sync_sound import Columns, mfcc, whole_numbers
from avtr_cli.weights.store import Store
from tests import made_up_judges
from tests.evaluated_folder import make_folder
from tests.test_evaluation_video import write_video
from tests.videos import decode

FRAMES = 9
SYNC = ("Sync-C", "Sync-D", "offset", "offset_within_1")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weights folder that holds SyncNet, made up."""
    root = tmp_path_factory.mktemp("weights")
    made_up_judges.put(Store(root), "eval/syncnet", made_up_judges.write_syncnet)
    return root


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Where the faces of this module's videos are kept, so that each is looked at once."""
    return tmp_path_factory.mktemp("tracks")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path, tracks):
    monkeypatch.setenv("AVTR_TRACKS", str(tracks))
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "no-weights"))
    monkeypatch.delenv("AVTR_LICENCE_POLICY", raising=False)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """One clip of nine frames: a person who sways, and a system that shows her, and one a blank wall."""
    place = tmp_path_factory.mktemp("filmed") / "calls"
    (place / "audio").mkdir(parents=True)
    random = np.random.default_rng(3)
    soundfile.write(place / "audio" / "a.wav", 0.1 * random.standard_normal((FRAMES * 640 + 200, 2)), 16_000)
    person, wall = astronaut()[:400, :], np.tile(np.arange(320, dtype=np.uint8)[None, :, None] // 2, (240, 1, 3))
    shown = {
        "truth": [np.roll(person, 2 * at, axis=1)[:, 40:440] for at in range(FRAMES)],
        "systems/same": [np.roll(person, -3 * at, axis=1)[:, 40:440] for at in range(FRAMES)],
        "systems/wall": [wall + np.uint8(at) for at in range(FRAMES)],
    }
    for name, pictures in shown.items():
        (place / name).mkdir(parents=True)
        write_video(place / name / "a.mp4", pictures)
    return place


def values(report, system: str) -> dict[str, float | None]:
    return {name: row["value"] for name, row in report["systems"][system]["measures"].items()}


# window by window


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 9))
def test_mean_distances_are_the_same_however_the_windows_come(sizes, seed):
    random = np.random.default_rng(seed)
    lips, sound = random.standard_normal((2, sum(sizes), 1024))
    lags, at = syncnet.Lags(), 0
    for size in sizes:
        lags.push(lips[at : at + size], sound[at : at + size])
        at += size
        assert len(lags._sound) <= 2 * syncnet.REACH  # whatever has come
        assert len(lags._lips) <= syncnet.REACH
    np.testing.assert_allclose(lags.means(), syncnet.distances(lips, sound).mean(0), rtol=1e-12)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.integers(1, 30), st.integers(0, 9))
def test_columns_are_the_same_however_the_sound_comes(sizes, step, seed):
    samples = np.random.default_rng(seed).integers(-3000, 3000, sum(sizes) + 4000).astype(np.int16)
    blocks = np.split(samples, np.cumsum(sizes))
    columns, whole = Columns(iter(blocks)), mfcc(samples)
    for first in range(0, len(whole.T) - 20, step):
        np.testing.assert_allclose(columns.between(first, first + 20), whole[:, first : first + 20], atol=1e-9)


def test_samples_are_the_whole_numbers_of_a_file():
    told = whole_numbers(np.array([-1.0, -0.5, 0.0, 1e-5, 0.99997, 1.0, 1.5], np.float32))
    assert told.tolist() == [-32768, -16384, 0, 0, 32767, 32767, 32767]


# a folder


@pytest.mark.slow
def test_a_video_is_judged_as_its_pictures_and_its_sound_are_at_once(filmed, weights, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(weights))
    report = sync_report(read_layout(filmed), Asked())
    assert (report["encoder"], report["protocol"], report["boxes"]) == ("syncnet_v2", "tracked", "mesh")
    assert report["networks"]["syncnet"]["made_up"]
    net = syncnet.load(weights / "ByteDance/LatentSync/auxiliary/syncnet_v2.model")
    sound = whole_numbers(soundfile.read(filmed / "audio" / "a.wav", dtype="float32")[0][:, 0])
    for path, told in (
        (filmed / "systems/same/a.mp4", values(report, "same")),
        (filmed / "truth/a.mp4", {name: row["value"] for name, row in report["controls"]["truth"]["measures"].items()}),
    ):
        pictures = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2BGR) for one in decode(path)])
        faces = syncnet.crops(pictures, points_of(path).boxes * 400)
        wanted = syncnet.scores(syncnet.distances(*syncnet.embed(net, faces, sound)))
        assert told["Sync-D"] == pytest.approx(wanted["sync_d"], rel=1e-5)
        assert told["Sync-C"] == pytest.approx(wanted["sync_c"], rel=1e-3)
        assert told["offset"] == wanted["offset"]
    assert "no face in any" in report["systems"]["wall"]["left_out"][0]["reason"]
    assert any("below 100 frames" in line for line in report["warnings"])
    assert json.dumps(sync_report(read_layout(filmed), Asked())) == json.dumps(report)


@pytest.mark.slow
def test_whole_pictures_and_given_boxes_need_no_face_mesh(filmed, weights, monkeypatch, tmp_path):
    monkeypatch.setenv("AVTR_WEIGHTS", str(weights))
    whole = sync_report(read_layout(filmed), Asked("wav2lip"))
    assert whole["boxes"] is None
    assert values(whole, "wall")["Sync-C"] is not None
    assert values(whole, "wall")["lag_r"] is None
    boxes = {"wall": {"a": [[100, 60, 200, 180]] * FRAMES}, "same": {"a": [[1000, 60, 1100, 180]] * FRAMES}}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    told = sync_report(read_layout(filmed), Asked(boxes=tmp_path / "boxes.json"))
    assert told["boxes"] == "given"
    assert values(told, "wall")["Sync-D"] not in (None, values(whole, "wall")["Sync-D"])
    assert "frame 0 lies in no picture" in told["systems"]["same"]["left_out"][0]["reason"]
    assert told["controls"]["truth"]["left_out"] == [{"id": "a", "reason": "no boxes of truth a were given"}]


@pytest.mark.parametrize(
    ("source", "protocol", "boxes", "comparable"),
    [
        ("a hub", "wav2lip", None, True),
        ("a hub", "tracked", {}, True),
        ("a hub", "tracked", None, False),
        ("made up", "wav2lip", None, False),
        (None, "wav2lip", None, False),
    ],
)
def test_only_published_weights_by_the_published_protocol_compare(
    tmp_path, monkeypatch, source, protocol, boxes, comparable
):
    store = Store(tmp_path / "weights")
    monkeypatch.setenv("AVTR_WEIGHTS", str(store.root))
    store.accept(store.registry.licences["unstated-syncnet"])
    if source is not None:
        made_up_judges.put(store, "eval/syncnet", lambda path: path.write_bytes(b"a network"), source)
    net = judge("eval/syncnet", lambda path: syncnet.build())
    lips = sync._Lips(net, protocol, boxes, None)
    assert lips.comparable is comparable
    assert lips.statement.startswith("not comparable") is not comparable
    rows = lips.rows(Numbers(tuple(sync.BETTER)))
    assert {name for name, row in rows.items() if row["comparable_with_published"]} == (
        set(SYNC) if comparable else set()
    )


@pytest.mark.slow
def test_without_weights_the_stand_in_is_told_and_how_to_get_them(avtr, tmp_path):
    folder = make_folder(tmp_path / "calls", 3, 6.0, ("twin",))
    code, out, _ = avtr("eval", "sync", folder, "--report", tmp_path / "sync.json", "--csv", tmp_path / "sync.csv")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    told = json.loads((tmp_path / "sync.json").read_text())
    rows = told["systems"]["twin"]["measures"]
    for name in SYNC:
        assert rows[name]["value"] is None
        assert rows[name]["reason"].endswith("`avtr weights pull eval/syncnet --accept-licence`")
    assert rows["lag_r"]["value"] is not None
    assert rows["lag_r"]["low"] < rows["lag_r"]["value"] < rows["lag_r"]["high"]
    assert told["controls"]["truth"]["measures"]["lag_r"]["count"]["groups"] == 3
    assert told["encoder"] is None
    assert "system,row,value,low,high" in (tmp_path / "sync.csv").read_text()


def test_weights_that_are_damaged_or_refused_become_a_reason(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "calls", 2, 2.0, ("twin",))
    store = Store(tmp_path / "weights")
    monkeypatch.setenv("AVTR_WEIGHTS", str(store.root))

    def reason() -> str:
        return sync_report(read_layout(folder), Asked())["systems"]["twin"]["measures"]["Sync-C"]["reason"]

    path = made_up_judges.put(store, "eval/syncnet", lambda path: path.write_bytes(b"damaged"))
    assert "cannot be loaded" in reason()
    path.with_name(path.name + ".json").unlink()  # nobody says that it is made up: it may be the published one
    assert "no stated licence" in reason()
    assert "not accepted yet" in reason()
    store.accept(store.registry.licences["unstated-syncnet"])
    monkeypatch.setenv("AVTR_LICENCE_POLICY", "commercial")
    assert "nobody says that commercial use is allowed" in reason()


def test_a_folder_without_anything_to_judge_is_refused(avtr, tmp_path):
    folder = make_folder(tmp_path / "calls", 2, 2.0, ("twin",))
    for path in (folder / "systems" / "twin").iterdir():
        path.unlink()
    code, _, err = avtr("eval", "sync", folder)
    assert (code, "no system can be judged: c00: the system has no file of it" in err) == (3, True)


# a user's boxes


def test_a_face_is_followed_through_what_a_detector_found(tmp_path):
    face = [[10.0 + at, 20.0, 150.0 + at, 190.0] for at in range(120)]
    table = {"one": {"a": [[box] for box in [*face[:50], face[50], *face[51:]]]}, "all": {"a": face}}
    table["one"]["a"][60] = []  # a frame without a face, which is filled in between
    table["one"]["a"] = [[], [], *table["one"]["a"]]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(table))
    first, boxes = boxes_of(read_boxes(path), "one", "a")
    assert first == 2
    np.testing.assert_allclose(boxes, face)
    assert boxes_of(read_boxes(path), "all", "a")[0] == 0


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (None, "no boxes of s a were given"),
        ([], "are no list of frames"),
        ([[0, 0, 5, 5], [0, 0, 5]], "wrong at frame 0"),
        ([[[0, 0, 5, 5]], 7], "wrong at frame 1"),
        ([[[0, 0, float("nan"), 5]]], "wrong at frame 0"),
        ([[5, 0, 0, 5], [5, 0, 0, 5]], "wrong at frame 0"),
        ([[[0, 0, 50, 50]]] * 120, "no face of the given boxes stays"),
    ],
)
def test_boxes_that_are_wrong_are_a_reason(frames, said):
    with pytest.raises(InputError, match=said):
        boxes_of({"s": {"a": frames}} if frames is not None else {}, "s", "a")


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"truth": [1]}', "[" * 100_000])
def test_a_file_that_holds_no_boxes_is_refused(tmp_path, text):
    (tmp_path / "boxes.json").write_text(text)
    with pytest.raises(ConfigError, match=r"boxes\.json: (is no JSON|must be a table)"):
        read_boxes(tmp_path / "boxes.json")
    with pytest.raises(ConfigError, match=r"missing\.json"):
        read_boxes(tmp_path / "missing.json")


def test_boxes_go_with_faces_alone(avtr, tmp_path):
    code, _, err = avtr("eval", "sync", tmp_path, "--protocol", "wav2lip", "--boxes", tmp_path / "boxes.json")
    assert (code, "--boxes goes with --protocol tracked" in err) == (2, True)
