"""`avtr train import unils|seamless`: made-up sets in the published layouts become a corpus; broken ones are told."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from avtr_cli.core.errors import InputError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.motion.bridges.flame import FlameBridge
from avtr_cli.motion.flame.codes import clip_rest
from avtr_cli.motion.gestures import EVENTS
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.network import Lmfm
from avtr_cli.perception.template import rotation_matrix, template
from avtr_cli.perception.topology import CHIN, INNER_LOWER_LIP, OUTER_LOWER_LIP
from avtr_cli.render.mesh.face_points import face_displacements
from avtr_cli.training import objective
from avtr_cli.training.calls import face68
from avtr_cli.training.calls.importing import import_set, report_of
from avtr_cli.training.calls.record import load_record
from avtr_cli.training.calls.seamless import SeamlessSet
from avtr_cli.training.calls.shards import NEEDS, calls_of
from avtr_cli.training.calls.unils import COLUMNS, UnilsSet
from avtr_cli.training.dataset import UNKNOWN_VISEME, Corpus
from avtr_cli.training.people.watching import Seen
from avtr_cli.training.stages import Run, TrainConfig
from tests import made_calls, made_unils

pytest.importorskip("lmdb")

FRAMES = 170  # 6.8 s
PIECE = 150
PAIR = "V00_S0001_I00000001_P0001__V00_S0001_I00000001_P0002"


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flame")
    files = made_unils.write_head(folder / "head.npz"), made_unils.write_landmarks(folder / "marks.npz")
    return FlameBridge.of_files(*files, face_displacements())


@pytest.fixture(scope="module")
def unils(tmp_path_factory, bridge):
    """Where a whole set was imported to, and the accounts."""
    folder = made_calls.unils(tmp_path_factory.mktemp("set"), FRAMES)
    out = tmp_path_factory.mktemp("corpus")
    return folder, out, list(import_set(UnilsSet(folder, bridge), out, PIECE))


@pytest.fixture(scope="module")
def seamless(tmp_path_factory):
    folder = made_calls.seamless(tmp_path_factory.mktemp("set"), 320)
    out = tmp_path_factory.mktemp("corpus")
    return folder, out, list(import_set(SeamlessSet(folder), out, PIECE))


@pytest.fixture(scope="module")
def short_calls(tmp_path_factory):
    """A Seamless Interaction to be broken: copies are quicker made than sets."""
    return made_calls.seamless(tmp_path_factory.mktemp("short"), 110)


@pytest.fixture(scope="module")
def short_on_s3(short_calls, tmp_path_factory):
    """The same as its bucket has it, for reading and copying."""
    folder = Path(shutil.copytree(short_calls, tmp_path_factory.mktemp("s3") / "set"))
    made_calls.as_on_s3(folder)
    return folder


@pytest.fixture
def breakable(short_calls, tmp_path):
    return Path(shutil.copytree(short_calls, tmp_path / "set"))


def by_name(accounts) -> dict[str, dict]:
    return {account["name"]: account for account in accounts}


# --- UniLSTalkDataset --------------------------------------------------------------------------------------------


def test_a_call_of_two_people_and_people_alone_are_taken_and_short_clips_are_told(unils):
    told = by_name(unils[2])
    assert {name: account["pieces"] for name, account in told.items()} == {PAIR: 2, "clip_0": 2, "short": 0}
    assert told[PAIR]["folder"] == "train"
    assert told["clip_0"]["folder"] == "alone-train"
    assert told["short"]["refused"] == "short: has 60 frames (its list says 60); 102 are needed"
    assert told[PAIR]["speaks"] == [0.5176, 0.4824]


def test_a_record_holds_what_the_set_says_in_controls(unils, bridge):
    record = load_record(unils[1] / "records" / f"{PAIR}.safetensors")
    assert (record.frames, record.split, record.names) == (FRAMES, "train", tuple(PAIR.split("__")))
    assert "CC BY-NC 4.0" in record.licence
    unknown = {name for name, known in zip(CONTROLS.channels, record.known[0], strict=True) if not known}
    assert unknown == {"tongueOut", "cheekPuff", "noseSneerLeft", "noseSneerRight", "headX", "headY", "headZ"}
    assert record.valid.all()
    for side in (0, 1):
        codes = made_calls.motion(2 + side, FRAMES)[:, COLUMNS].astype(np.float32)
        codes[:, 100:103] -= codes[:, 100:103].mean(0)
        wanted = bridge.controls(codes, clip_rest(codes)) * record.known[side]
        np.testing.assert_allclose(record.controls[side], wanted, atol=2e-3)
        np.testing.assert_array_equal(record.speaks[side], made_calls.speaks(side, FRAMES))
        np.testing.assert_allclose(record.sound[side], made_calls.voice(side, 16_000, FRAMES), atol=2e-3)
    assert np.abs(record.controls[:, :, 52:55].mean(1)).max() < 1e-2


def test_somebody_alone_talks_where_the_jaw_moves_and_the_other_is_nobody(unils):
    record = load_record(unils[1] / "records" / "clip_0.safetensors")
    assert record.valid.mean(1).tolist() == [1, 0]
    assert record.speaks[0].mean() > 0.5
    assert not record.speaks[1].any()
    assert not record.sound.any()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "there is no such record"),
        (made_calls.record(0, FRAMES)[:3000], "its record is damaged"),
        (b"no npz", "its record is damaged"),
        (made_calls.record(0, FRAMES, motioncode=None), "its motioncode is no array"),
        (made_calls.record(0, FRAMES, motioncode=np.zeros((FRAMES, 108), np.float16)), "float16 (170, 108), not"),
        (made_calls.record(0, FRAMES, motioncode=np.full((FRAMES, 112), np.nan, np.float16)), "no numbers"),
        (made_calls.record(0, FRAMES, audio=None), "has no audio beside its motion"),
        (made_calls.record(0, FRAMES, audio=np.zeros((2, 9), np.float16)), "has no audio beside its motion"),
        (made_calls.record(0, FRAMES, audio=np.full(99, np.inf, np.float16)), "its audio holds values"),
        (made_calls.record(0, 80), "has 80 frames (its list says 170)"),
    ],
)
def test_a_broken_record_is_told_in_one_sentence_and_the_others_are_taken(tmp_path, bridge, data, said):
    spoilt = "V00_S0001_I00000001_P0001"
    folder = made_calls.unils(tmp_path / "set", FRAMES, spoiled={spoilt: data})
    accounts = list(import_set(UnilsSet(folder, bridge), tmp_path / "out", PIECE))
    told = by_name(accounts)
    assert said in told[PAIR]["refused"]
    assert "\n" not in told[PAIR]["refused"]
    assert told["clip_0"]["pieces"] == 2
    assert not (tmp_path / "out" / "train").exists()
    report = report_of(UnilsSet(folder, bridge), accounts, "avtr")
    assert (report["calls"], report["taken"], len(report["left_out"])) == (3, 1, 2)


def test_int16_voices_are_scaled_and_short_ones_padded(tmp_path, bridge):
    sound = (made_calls.voice(0, 16_000, FRAMES) * 32767).astype(np.int16)[:50_000]
    spoilt = {"V00_S0001_I00000001_P0001": made_calls.record(0, FRAMES, audio=sound, speech_mask=None)}
    folder = made_calls.unils(tmp_path / "set", FRAMES, spoiled=spoilt)
    list(import_set(UnilsSet(folder, bridge), tmp_path / "out", PIECE))
    record = load_record(tmp_path / "out" / "records" / f"{PAIR}.safetensors")
    np.testing.assert_allclose(record.sound[0, :50_000], sound / 32768, atol=1e-4)
    assert not record.sound[0, 50_000:].any()
    truth = made_calls.speaks(0, FRAMES)[:75]
    assert (record.speaks[0, :75] == truth).mean() > 0.9  # by its level


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("talk_motion.json", "{", "damaged, or no list"),
        ("talk_motion.json", '{"train": [["a", "b", "c", 3]]}', "damaged, or no list"),
        ("talk_motion.json", '{"train": 3}', "damaged, or no list"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, bridge, name, text, said):
    folder = made_calls.unils(tmp_path / "set", FRAMES)
    (folder / "TalkMotionOnly" / name).write_text(text)
    with pytest.raises(InputError, match=said):
        UnilsSet(folder, bridge).entries()
    with pytest.raises(InputError, match="holds no UniLSTalkDataset"):
        UnilsSet(tmp_path, bridge).entries()


@pytest.mark.slow
def test_a_second_run_looks_at_nothing_again_and_a_changed_set_is_imported_anew(tmp_path, bridge, monkeypatch):
    folder, out = made_calls.unils(tmp_path / "set", FRAMES), tmp_path / "out"
    first = list(import_set(UnilsSet(folder, bridge), out, PIECE))
    with monkeypatch.context() as patch:
        patch.setattr(UnilsSet, "read", lambda *_: pytest.fail("it was looked at again"))
        assert list(import_set(UnilsSet(folder, bridge), out, PIECE)) == first
    (out / "train" / f"calls-{PAIR}.safetensors").unlink()
    looked: list[str] = []
    read = UnilsSet.read
    monkeypatch.setattr(UnilsSet, "read", lambda self, entry: looked.append(entry.name) or read(self, entry))
    assert list(import_set(UnilsSet(folder, bridge), out, PIECE)) == first
    assert looked == [PAIR]
    assert [account["pieces"] for account in import_set(UnilsSet(folder, bridge), out, 160)] == [2, 2, 0]


# --- Seamless Interaction ----------------------------------------------------------------------------------------


def test_both_vendors_are_taken_and_invalid_tracks_stay_invalid(seamless):
    told = by_name(seamless[2])
    assert set(told) == {"V00_S0001_I00000001", "V03_S0001_I00000001"}
    assert {account["folder"] for account in told.values()} == {"val"}  # published as dev
    assert told["V03_S0001_I00000001"]["pieces"] == 3
    assert told["V00_S0001_I00000001"]["pieces"] == 2  # what follows the block of 60 tracks that were lost
    v00, v03 = (load_record(seamless[1] / "records" / f"{name}.safetensors") for name in sorted(told))
    assert v00.frames == v03.frames == 320
    lost = np.flatnonzero(~v00.valid[0])
    assert lost.tolist() == [*range(50, 100), 318, 319]  # tracks 60 to 119 at 30 fps, and the last two
    assert np.flatnonzero(~v03.valid[0]).tolist() == [318, 319]
    assert not v00.controls[0, lost].any()
    known = {name for name, known in zip(CONTROLS.channels, v00.known[0], strict=True) if known}
    assert known == {*face68.KNOWN, "headPitch", "headYaw", "headRoll", "headX", "headY"}
    np.testing.assert_array_equal(v00.speaks[0], made_calls.speaks(0, 320))


def test_a_mouth_that_opens_and_a_head_that_turns_are_told_at_25_fps(seamless):
    v00, v03 = (load_record(path) for path in sorted((seamless[1] / "records").glob("*.safetensors")))
    jaw = v03.controls[0, :318, CONTROLS.index("jawOpen")]
    wave = 1 - np.cos(2 * np.pi * np.arange(318) / 25)
    assert np.corrcoef(jaw, wave)[0, 1] > 0.99
    assert jaw.max() == pytest.approx(1, abs=0.06)
    aside = v03.controls[0, :318, CONTROLS.index("headX")]
    assert np.corrcoef(aside, np.sin(np.arange(318) / 25))[0, 1] > 0.99
    valid = v00.valid[0]
    turned = v00.controls[0, valid, 52:55]
    truth = (0.1 * np.sin(np.arange(320)[:, None] / 25 * (1, 2, 3)))[valid]
    for axis in range(3):
        assert abs(np.corrcoef(turned[:, axis], truth[:, axis])[0, 1]) > 0.99


def test_a_video_beside_is_read_by_our_own_perception(tmp_path, monkeypatch):
    folder = made_calls.seamless(tmp_path / "set", FRAMES)
    video = folder / "improvised/dev/0000/0006/V03_S0001_I00000001_P0002.mp4"
    video.write_bytes(b"a video, which a stand-in watches")
    points = np.tile(100 * template().points + (300, 200, 0), (FRAMES, 1, 1))
    lower = [*INNER_LOWER_LIP[1:-1], *OUTER_LOWER_LIP[1:-1], CHIN, 148, 149, 176, 199, 200, 377, 378, 400, 18, 83, 313]
    points[60:90, lower, 1] += 20  # the mouth opens: lip and chin go down
    points[100:140] = np.nan  # and the face is lost

    def watched(path: Path) -> Seen:
        assert path == video
        return Seen(points, np.isfinite(points[:, 0, 0]).astype(int), np.zeros(FRAMES), (640, 480))

    monkeypatch.setattr("avtr_cli.training.calls.perceived.watch", watched)
    told = by_name(import_set(SeamlessSet(folder), tmp_path / "out", 50))
    assert told["V03_S0001_I00000001"]["refused"] == ""
    record = load_record(tmp_path / "out/records/V03_S0001_I00000001.safetensors")
    assert record.known[1].sum() == 57 > record.known[0].sum()
    assert np.flatnonzero(~record.valid[1]).tolist() == list(range(100, 140))
    jaw = record.controls[1, :, CONTROLS.index("jawOpen")]
    assert jaw[65:85].mean() > jaw[10:50].mean() + 0.1
    points[:] = np.nan
    (tmp_path / "out/records/V03_S0001_I00000001.json").unlink()
    told = by_name(import_set(SeamlessSet(folder), tmp_path / "out", 50))
    assert "P0002: its .mp4 shows no face" in told["V03_S0001_I00000001"]["refused"]


def test_a_video_in_a_tar_is_watched_too_and_told_by_its_place_there(tmp_path, breakable, monkeypatch):
    here = breakable / "improvised/dev/0000/0006"
    (here / "V03_S0001_I00000001_P0002.mp4").write_bytes(b"a video, which a stand-in watches" * 99)
    tar = here.with_suffix(".tar")
    with tarfile.open(tar, "w") as file:
        for path in sorted(here.iterdir()):
            file.add(path, path.name)
    shutil.rmtree(here)
    points = np.tile(100 * template().points + (300, 200, 0), (110, 1, 1))
    seen = []

    def watched(path: Path) -> Seen:
        seen.append((path, path.read_bytes()))
        return Seen(points, np.ones(110, int), np.zeros(110), (640, 480))

    with monkeypatch.context() as patch:
        patch.setattr("avtr_cli.training.calls.perceived.watch", watched)
        told = by_name(import_set(SeamlessSet(breakable), tmp_path / "out", 50))
    [(path, data)] = seen
    assert data == b"a video, which a stand-in watches" * 99
    assert not path.exists()
    assert told["V03_S0001_I00000001"]["refused"] == ""
    assert load_record(tmp_path / "out/records/V03_S0001_I00000001.safetensors").known[1].sum() == 57
    told = by_name(import_set(SeamlessSet(breakable), tmp_path / "real", 50))
    said = told["V03_S0001_I00000001"]["refused"]
    assert said == f"{tar}: V03_S0001_I00000001_P0002.mp4: is no video that can be read"


def test_turns_are_read_off_flat_points_and_faces_off_their_own_rest():
    turns = np.array([[0, 0, 0], [0.15, 0, 0], [0, 0.2, 0], [0, 0, -0.1], [-0.1, -0.15, 0.05]])
    head = template().points[list(made_calls.FACE68)]
    flat = np.stack([100 * (head @ rotation_matrix(turn).T)[:, :2] + 300 for turn in turns])
    np.testing.assert_allclose(face68.turns_of(flat), turns - turns.mean(0), atol=0.02)
    still = np.tile(flat[:1], (40, 1, 1))
    assert np.abs(face68.face_of(still)).max() < 1e-6
    acted = still.copy()
    acted[10:20, 54, 1] -= 7  # the subject's left corner goes up by 0.07 EO of 100 px
    acted[25:27, [37, 38], 1] = acted[25:27, [41, 40], 1]  # a blink of two frames
    told = face68.face_of(acted)
    assert told[15, CONTROLS.index("mouthSmileLeft")] == pytest.approx(1, abs=0.05)
    assert told[15, CONTROLS.index("mouthSmileRight")] == 0
    assert told[25, CONTROLS.index("eyeBlinkRight")] == pytest.approx(1, abs=0.01)
    assert told[25, CONTROLS.index("eyeBlinkLeft")] == 0


def spoil(folder: Path, how: str) -> None:
    """Break the call of vendor V00 in one way."""
    here = folder / "improvised/dev/0000/0005"
    name = "V00_S0001_I00000001_P0002"
    if how in ("no wav", "no npz", "no json"):
        (here / f"{name}.{how[3:]}").unlink()
    elif how == "nobody":
        for path in here.glob(f"{name}.*"):
            path.unlink()
    elif how.startswith("half "):
        path = here / f"{name}.{how[5:]}"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "rate":
        made_calls.wav(here / f"{name}.wav", made_calls.voice(1, 48_000, 110), 44_100)
    elif how == "shorter":
        made_calls.person(here, name, 1, 100, moved=False)
    elif how == "never valid":
        with np.load(here / f"{name}.npz") as table:
            held = dict(table)
        held["boxes_and_keypoints:is_valid_box"][:] = False
        (here / f"{name}.npz").write_bytes(made_calls.npz(**held))
    elif how == "no frames":
        points, valid = np.zeros((0, 133, 3), np.float32), np.zeros(0, bool)
        arrays = {"boxes_and_keypoints:keypoints": points, "boxes_and_keypoints:is_valid_box": valid}
        (here / f"{name}.npz").write_bytes(made_calls.npz(**arrays))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no wav", "P0002: its .wav is missing"),
        ("no npz", "P0002: its .npz is missing"),
        ("no json", "P0002: its .json is missing"),
        ("nobody", "1 of its two people are here"),
        ("half wav", "its .wav is cut off"),
        ("half npz", "its .npz is damaged"),
        ("half json", "its .json is damaged"),
        ("rate", "44100 Hz, 16 bit, 1 channels, not 48000"),
        ("shorter", "one recording lasts 4.40 s and the other 4.00 s"),
        ("never valid", "the face is followed in 0% of its frames"),
        ("no frames", "its tracks have no frames"),
    ],
)
def test_a_broken_member_is_told_in_one_sentence_and_the_other_call_is_taken(tmp_path, breakable, how, said):
    spoil(breakable, how)
    told = by_name(import_set(SeamlessSet(breakable), tmp_path / "out", 100))
    assert said in told["V00_S0001_I00000001"]["refused"]
    assert "\n" not in told["V00_S0001_I00000001"]["refused"]
    assert told["V03_S0001_I00000001"]["pieces"] == 2


ON_S3 = "improvised/dev"
KEYPOINTS = "boxes_and_keypoints/keypoints/V00_S0001_I00000001_P0002.npy"


def test_a_folder_a_feature_as_on_s3_gives_the_same_records(tmp_path, breakable):
    first = by_name(import_set(SeamlessSet(breakable), tmp_path / "hub", 100))
    made_calls.as_on_s3(breakable)
    told = by_name(import_set(SeamlessSet(breakable), tmp_path / "s3", 100))
    assert [told[name]["folder"] for name in told] == ["val", "val"]
    for name, account in first.items():
        assert {**told[name], "stamp": 0} == {**account, "stamp": 0}
        ours, theirs = (tmp_path / kind / "records" / f"{name}.safetensors" for kind in ("s3", "hub"))
        assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (KEYPOINTS, None, "P0002: its boxes_and_keypoints/keypoints.npy is missing"),
        (KEYPOINTS.replace("keypoints/V", "is_valid_box/V"), None, "its boxes_and_keypoints/is_valid_box.npy is miss"),
        (KEYPOINTS, lambda data: data[: len(data) // 2], "its boxes_and_keypoints/keypoints.npy is damaged"),
        (KEYPOINTS, lambda data: b"", "its boxes_and_keypoints/keypoints.npy is damaged"),
        (KEYPOINTS, lambda data: made_calls.npy(np.zeros((9, 17, 3))), "keypoints.npy is damaged, or holds no keypoi"),
        (KEYPOINTS, lambda data: made_calls.npy(np.array([{}] * 3)), "keypoints.npy is damaged, or holds no array"),
        (KEYPOINTS, lambda data: made_calls.npy(np.zeros((99, 133, 3))), "tells of 99 frames, and is_valid_box of 132"),
        ("movement/is_valid/V00_S0001_I00000001_P0002.npy", lambda data: data[:9], "its movement/is_valid.npy is dama"),
        ("vad/V00_S0001_I00000001_P0002.jsonl", None, "P0002: its vad.jsonl is missing"),
        ("vad/V00_S0001_I00000001_P0002.jsonl", lambda data: b'{"start": 1}', "its vad.jsonl is damaged"),
        ("vad/V00_S0001_I00000001_P0002.jsonl", lambda data: b"\xff{", "its vad.jsonl is damaged"),
        ("audio/V00_S0001_I00000001_P0002.wav", None, "P0002: its .wav is missing"),
        ("audio/V00_S0001_I00000001_P0002.wav", lambda data: data[:-9000], "its .wav is cut off"),
    ],
)
def test_a_broken_feature_on_s3_is_told_in_one_sentence_and_counted(tmp_path, short_on_s3, file, change, said):
    folder = Path(shutil.copytree(short_on_s3, tmp_path / "set"))
    path = folder / ON_S3 / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    calls = SeamlessSet(folder)
    accounts = list(import_set(calls, tmp_path / "out", 100))
    told = by_name(accounts)
    assert said in told["V00_S0001_I00000001"]["refused"]
    assert "\n" not in told["V00_S0001_I00000001"]["refused"]
    assert told["V03_S0001_I00000001"]["pieces"] == 2
    report = report_of(calls, accounts, "avtr")
    assert (report["calls"], report["taken"], len(report["left_out"])) == (2, 1, 1)


def test_movement_that_is_none_is_left_out_and_the_keypoints_tell_the_head(tmp_path, short_on_s3):
    folder = Path(shutil.copytree(short_on_s3, tmp_path / "set"))
    turns = folder / ON_S3 / "movement/alignment_head_rotation/V00_S0001_I00000001_P0002.npy"
    lost = np.load(turns)
    lost[10:20] = np.nan
    for array, invalid in ((np.zeros((9, 3)), 2), (lost, 71)):
        turns.write_bytes(made_calls.npy(array))
        told = by_name(import_set(SeamlessSet(folder), tmp_path / "out", 30))["V00_S0001_I00000001"]
        record = load_record(tmp_path / "out/records/V00_S0001_I00000001.safetensors")
        assert np.isfinite(record.controls).all()
        assert told["refused"] == ""
        assert (~record.valid[1]).sum() == pytest.approx(invalid * 25 / 30, abs=2)


def test_the_sets_own_list_says_which_split(tmp_path, short_on_s3):
    folder = Path(shutil.copytree(short_on_s3, tmp_path / "set"))
    (folder / "filelist.csv").write_text(
        "file_id,label,split\nV00_S0001_I00000001_P0001A,improvised,test\nV03_S0001_I00000001_P0001A,improvised,odd\n"
    )
    assert [entry.split for entry in SeamlessSet(folder).entries()] == ["test", "val"]


def test_tars_hold_the_same_and_a_damaged_one_what_comes_before_the_damage(tmp_path, breakable):
    folder = breakable
    batch = folder / "improvised/dev/0000"
    for part in ("0005", "0006"):
        with tarfile.open(batch / f"{part}.tar", "w") as tar:
            for path in sorted((batch / part).iterdir()):
                tar.add(path, path.name)
                path.unlink()
    whole = list(import_set(SeamlessSet(folder), tmp_path / "out", 100))
    assert [account["refused"] for account in whole][1] == ""
    tar = batch / "0006.tar"
    whole_tar = tar.read_bytes()
    tar.write_bytes(whole_tar[: len(whole_tar) * 2 // 3])
    told = by_name(import_set(SeamlessSet(folder), tmp_path / "out", 100))
    assert told["V03_S0001_I00000001"]["refused"] == f"P0002: its .wav is missing, and {tar} is damaged"
    assert told["V00_S0001_I00000001"]["pieces"] == whole[0]["pieces"]
    tar.write_bytes(whole_tar[:-12_000])  # in the last file of it
    told = by_name(import_set(SeamlessSet(folder), tmp_path / "out", 100))
    assert f"{tar}: V03_S0001_I00000001_P0002.wav: is cut off" in told["V03_S0001_I00000001"]["refused"]
    tar.write_bytes(b"no tar" * 200)
    told = by_name(import_set(SeamlessSet(folder), tmp_path / "out", 100))
    assert set(told) == {"V00_S0001_I00000001", "improvised_dev_0000_0006_tar"}
    assert "0006.tar: is damaged, or no tar" in told["improvised_dev_0000_0006_tar"]["refused"]
    with pytest.raises(InputError, match="holds no Seamless Interaction"):
        SeamlessSet(tmp_path / "out").entries()


# --- the corpus --------------------------------------------------------------------------------------------------


def test_a_shard_says_what_it_does_not_know(unils, seamless):
    paired = load_file(unils[1] / "train" / f"calls-{PAIR}.safetensors")
    assert paired["mouth"].shape == (2, 2, PIECE, 7)
    assert (paired["visemes"] == UNKNOWN_VISEME).all()
    assert paired["seen"].all()
    unknown = {name for name, known in zip(FACE, paired["face_known"][0, 0], strict=True) if not known}
    assert unknown == {"x", "y", "z", "talkX", "talkY", "talkZ"}
    assert {name for name, known in zip(MOUTH, paired["mouth_known"][0, 0], strict=True) if not known} == {"tongue"}
    assert paired["features"].astype(float).std() > 0
    keypoints = load_file(seamless[1] / "val" / "calls-V03_S0001_I00000001.safetensors")
    known = {name for name, known in zip(MOUTH, keypoints["mouth_known"][0, 0], strict=True) if known}
    assert known == {"jaw", "stretch", "pucker"}
    assert not keypoints["closures_known"].any()
    gaze = EVENTS.index("gaze")
    assert not keypoints["events_known"][..., gaze].any()
    assert not keypoints["starts"][..., gaze].any()
    alone = load_file(unils[1] / "alone-train" / "calls-clip_0.safetensors")
    assert alone["seen"].tolist() == [[1, 0], [1, 0]]


def test_every_channel_says_which_controls_it_needs():
    assert set(NEEDS) == {*MOUTH, *FACE}
    assert {name for needed in NEEDS.values() for name in needed} <= set(CONTROLS.channels)


def test_a_piece_has_one_face_at_least_that_is_followed_all_along(seamless):
    record = load_record(seamless[1] / "records" / "V00_S0001_I00000001.safetensors")
    lost = record.valid.copy()
    lost[1, 110:] = False
    pieces = calls_of(type(record)(**{**record.__dict__, "valid": lost}), 100)
    assert [piece["seen"].tolist() for piece in pieces] == [[1, 0]] * len(pieces)
    assert len(pieces) >= 2


def test_unknown_channels_teach_nothing(unils):
    corpus = Corpus.load(unils[1] / "train")
    torch.manual_seed(0)
    model = Lmfm()
    model.mouth_sd.fill_(1)
    model.face_sd.fill_(1)
    batch = corpus.batch(np.random.default_rng(0), 2, 125)

    def parts(**more) -> dict:
        return objective.losses(model, batch | more, objective.AUDIO_FREE, torch.Generator().manual_seed(1))

    usual = parts()
    nothing = parts(mouth_known=torch.zeros(2, 7), face_known=torch.zeros(2, 26))
    for name in ("guess", "mouth", "face"):
        assert float(usual[name].detach()) > 0
        assert float(nothing[name].detach()) == 0
    tongue = MOUTH.index("tongue")
    assert not batch["mouth_known"][:, tongue].any()
    changed = batch["mouth"].clone()
    changed[..., tongue] += 5
    assert float(parts(mouth=changed)["guess"].detach()) == pytest.approx(float(usual["guess"].detach()), rel=1e-5)


@pytest.mark.slow
def test_from_a_published_set_to_a_face_that_moves(tmp_path, avtr, bridge, monkeypatch, engine, identity, dialogue):
    """Import, prior, dyadic, export, render: on made-up data, two steps each."""
    from avtr_cli.core.config import load_preset
    from avtr_cli.motion.lmfm.generator import LmfmGenerator
    from avtr_cli.streaming.session import StreamingSession

    monkeypatch.chdir(tmp_path)
    made_calls.unils(Path("set"), FRAMES)
    head, marks = bridge.weights_files
    words = ("train", "import", "unils", "set", "-o", "corpus", "--seconds", 6, "--flame", head, "--landmarks", marks)
    code, stdout, stderr = avtr(*words)
    assert code == 6, stderr  # the short clip
    assert "2 of 3 calls taken, 4 pieces; licence: CC BY-NC 4.0" in stdout
    assert "short: has 60 frames" in stderr
    assert json.loads(Path("corpus/report.json").read_text())["left_out"][0]["name"] == "short"
    small = {"steps": 2, "batch": 2, "warmup": 1, "nonspeech": 6}
    both = Corpus.load([Path("corpus/train"), Path("corpus/alone-train")])
    for _ in Run(Path("prior"), TrainConfig(stage="prior", **small), both).steps():
        pass
    prior = Path("prior/last.safetensors")
    calls = Corpus.load(Path("corpus/train"))
    for progress in Run(Path("dyadic"), TrainConfig(stage="dyadic", **small), calls, prior).steps():
        assert all(np.isfinite(value) for value in progress.parts.values())
    assert avtr("train", "export", "--run", "dyadic", "mine.safetensors")[0] == 0
    assert "CC BY-NC 4.0 (of Seamless Interaction" in Path("mine.md").read_text()
    generator = LmfmGenerator(load_preset("default").motion, Path("mine.safetensors"), kernels="off")
    assert "CC BY-NC 4.0" in generator.about["licences"]
    session = StreamingSession(identity, generator, engine.renderer)
    frames = [frame.pixels.astype(int) for frame in [*session.push(dialogue[:, :16_000]), *session.finish()]]
    assert len(frames) == 25
    assert np.abs(frames[-1] - frames[0]).mean() > 0.1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("kalinka", "folder"), 2, "say what to import and its folder: [videos|unils|seamless] FOLDER"),
        (("seamless", "a", "b"), 2, "say what to import"),
        (("seamless", "nothing"), 3, "nothing: is no folder"),
        (("unils", "nothing", "--flame", "no.pkl"), 4, "avtr weights pull flame/landmarks"),
        (("seamless", ".", "--flame", "x"), 2, "--flame and --landmarks go with unils"),
        ((".", "--flame", "x"), 2, "--flame and --landmarks go with unils"),
        (("seamless", ".", "-o", "."), 5, "lies in the folder of the set"),
    ],
)
def test_a_mistyped_import_is_refused_in_one_sentence(avtr, tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "weights"))
    found, _, stderr = avtr("train", "import", *words)
    assert (found, stderr.count("\n")) == (code, 1)
    assert said in stderr
    assert list(tmp_path.iterdir()) == []
