"""Listening by another encoder: what a folder's files hold, or what SyncNet makes of its videos; wide ones too."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import soundfile
from skimage.data import astronaut

from avtr_cli.core.errors import InputError
from avtr_cli.evaluation import joint, syncnet
from avtr_cli.evaluation.folder import encoded
from avtr_cli.evaluation.folder.judged import LeftOut, judged
from avtr_cli.evaluation.folder.layout import read_layout
from avtr_cli.evaluation.folder.listening import Asked
from avtr_cli.evaluation.folder.points import points_of
from avtr_cli.evaluation.folder.suite import evaluate_folder
from avtr_cli.evaluation.frechet import frechet, gaussian, root, wide_frechet
from avtr_cli.evaluation.pairs import FRAME_RULES, Pair
from avtr_cli.evaluation.reactivity import cjfd
from avtr_cli.evaluation.sync_sound import whole_numbers
from avtr_cli.weights.store import Store
from tests import made_up_judges
from tests.evaluated_folder import make_folder
from tests.test_evaluation_video import write_video
from tests.test_reactivity import calls
from tests.videos import decode

CLIPS = 4


@pytest.fixture
def folder(tmp_path):
    """Calls whose files also hold embeddings: three numbers of the face, two of the sound, by the encoder `theirs`."""
    place, random = make_folder(tmp_path / "calls", CLIPS, 6.0, ("twin",)), np.random.default_rng(1)
    for at in range(CLIPS):
        heard = random.standard_normal((150, 2))
        truth = np.concatenate([heard, random.standard_normal((150, 1))], 1) + at
        for path, shown in ((place / "truth", truth), (place / "systems" / "twin", truth + 0.5)):
            more = {"heard": heard} if path.name == "truth" else {}
            np.savez(path / f"c{at:02d}.npz", embedding=shown, encoder="theirs", **more)
    return place


def rows(report, system: str = "twin"):
    return report["systems"][system]["measures"]


def test_the_vectors_of_the_files_are_what_is_judged_as_they_are(folder):
    layout, pairs = read_layout(folder), []
    for clip in judged(layout, LeftOut()):
        chosen = FRAME_RULES["listening"](clip.own, clip.partner)
        sides = (clip.truth.heard, clip.systems["twin"].embedding, clip.truth.embedding)
        audio, model, truth = (side[chosen] for side in sides)
        pairs.append(Pair(group=clip.clip.id, audio=audio, model=model, truth=truth))
    wanted = cjfd(pairs)
    report = evaluate_folder(folder, ("listening",), Asked(encoder="theirs", few=True, p_shuffles=3))["listening"]
    assert report["encoder"] == "theirs"
    for name in ("cjfd_real", "cjfd_shuffled", "specificity", "fmd_real", "quality"):
        assert rows(report)[name]["value"] == pytest.approx(wanted[name], rel=1e-4), name
    assert rows(report)["cjfd_real"]["low"] is not None
    assert (
        report["statement"] == "not comparable with published values: the encoder is theirs, the frames' rule listening"
    )


def test_rows_as_published_by_the_published_frames_compare_on_the_same_data(folder):
    report = evaluate_folder(folder, ("listening",), Asked(encoder="theirs", rule="reactive", few=True))["listening"]
    comparable = {name for name, row in rows(report).items() if row["comparable_with_published"]}
    assert {"specificity", "cjfd_real", "quality"} <= comparable
    assert not comparable & {"coupling", "pattern", "specificity_within", "tlcc_proactivity"}
    assert "compare with published values by theirs on the same data alone" in report["statement"]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"head": np.zeros((150, 3))}, "holds no 'embedding' of the encoder theirs"),
        ({"embedding": np.zeros((150, 3)), "encoder": "other"}, "of the encoder 'other', not 'theirs'"),
        ({"embedding": np.zeros((150, 4)), "encoder": "theirs"}, "4 numbers a frame, the truth's 3"),
        ({"embedding": np.zeros((150, 3)), "heard": np.zeros((149, 2)), "encoder": "theirs"}, "not of one length"),
        ({"embedding": np.full((150, 3), np.nan), "encoder": "theirs"}, "no numbers"),
    ],
)
def test_a_file_that_does_not_fit_is_left_out_with_a_reason(folder, arrays, reason):
    np.savez(folder / "systems" / "twin" / "c01.npz", **arrays)
    report = evaluate_folder(folder, ("listening",), Asked(encoder="theirs"))["listening"]
    assert [one["id"] for one in report["systems"]["twin"]["left_out"]] == ["c01"]
    assert reason in report["systems"]["twin"]["left_out"][0]["reason"]


def test_truth_must_hold_the_sound_and_some_file_the_encoder(avtr, folder):
    np.savez(folder / "truth" / "c01.npz", embedding=np.zeros((150, 3)), encoder="theirs")
    report = evaluate_folder(folder, ("listening",), Asked(encoder="theirs"))["listening"]
    assert "holds no 'heard'" in report["systems"]["twin"]["left_out"][0]["reason"]
    with pytest.raises(InputError, match=r"no system can be judged: c00: .*'theirs', not 'nobodys'"):
        evaluate_folder(folder, ("listening",), Asked(encoder="nobodys"))
    code, _, err = avtr("eval", "listening", folder, "--encoder", "nobodys")
    assert (code, "not 'nobodys'" in err) == (3, True)


def test_wide_vectors_give_the_same_numbers_without_intervals(monkeypatch):
    pairs = calls(6, 3, 0.5)
    narrow = joint.between(pairs, 3, 0)
    monkeypatch.setattr(joint, "WIDE", 4)
    for made in (joint.between(pairs, 3, 0), joint.within(pairs, 3)):
        assert (made.pairs, made.groups, made.truth.products.shape[0]) == (6, 1, 1)
    wide = joint.between(pairs, 3, 0).measures()
    for name, value in narrow.measures().items():
        assert wide[name] == pytest.approx(value, rel=1e-6, abs=1e-6), name


def test_one_root_gives_the_distance_that_two_give():
    random = np.random.default_rng(0)
    for frames in (40, 7):  # more than there are dimensions, and fewer
        one, other = (gaussian(random.standard_normal((frames, 12)) * size) for size in (1, 3))
        assert wide_frechet(*one, *other, root(other[1])) == pytest.approx(frechet(*one, *other), rel=1e-6)


@pytest.fixture
def filmed(tmp_path, monkeypatch):
    """A call of eleven frames with made-up SyncNet at hand: a person who listens, and a system that shows her."""
    monkeypatch.setenv("AVTR_TRACKS", str(tmp_path / "tracks"))
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "weights"))
    place, random = tmp_path / "calls", np.random.default_rng(3)
    (place / "audio").mkdir(parents=True)
    partner = 0.2 * random.standard_normal(11 * 640)
    soundfile.write(place / "audio" / "a.wav", np.stack([0 * partner, partner], 1), 16_000)
    for name, step in (("truth", 2), ("systems/same", -3)):
        (place / name).mkdir(parents=True)
        moved = [np.roll(astronaut()[:400], step * at, axis=1)[:, 40:440] for at in range(11)]
        write_video(place / name / "a.mp4", moved)
    return place


@pytest.mark.slow
def test_syncnet_of_videos_is_kept_by_content_and_belongs_to_the_middle_of_its_windows(filmed, monkeypatch):
    weights = made_up_judges.put(Store(), "eval/syncnet", made_up_judges.write_syncnet)
    layout, left_out = read_layout(filmed), LeftOut()
    (clip,) = judged(layout, left_out)
    entry = encoded.from_videos("listening")(clip, layout, left_out)
    assert not left_out.clips
    assert not left_out.systems
    path = filmed / "systems/same/a.mp4"
    pictures = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2BGR) for one in decode(path)])
    faces = syncnet.crops(pictures, points_of(path).boxes * 400)
    sound = whole_numbers(soundfile.read(filmed / "audio" / "a.wav", dtype="float32")[0][:, 1])
    seen, heard = syncnet.embed(syncnet.load(weights), faces, sound)
    assert len(seen) == 6
    np.testing.assert_allclose(entry.systems["same"][2:8], seen, atol=1e-4 * seen.std())
    np.testing.assert_allclose(entry.heard[2:8], heard, atol=1e-4 * heard.std())
    assert entry.chosen.tolist() == [False] * 2 + [True] * 6 + [False] * 3
    monkeypatch.setattr(syncnet, "seen_in", None)  # nothing is looked at again
    again = encoded.from_videos("listening")(clip, layout, LeftOut())
    np.testing.assert_array_equal(again.systems["same"], entry.systems["same"])


def test_syncnet_as_an_encoder_needs_its_weights(avtr, filmed):
    code, _, err = avtr("eval", "listening", filmed, "--encoder", "syncnet")
    assert code == 4
    assert "avtr weights pull eval/syncnet --accept-licence" in err
