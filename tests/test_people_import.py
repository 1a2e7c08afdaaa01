"""`avtr train import`: what may be a piece, whether lips and sound are together, and a corpus of several folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.numpy import load_file, save_file
from tiny_speech import tiny_corpus

from avtr_cli.core.errors import AvtrError, InputError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.motion.gestures import EVENTS
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.template import rotation_matrix, template
from avtr_cli.training import objective
from avtr_cli.training.dataset import UNKNOWN_VISEME, Corpus, write_corpus
from avtr_cli.training.people import gates, importing, lessons, rehearsal, solver, voice
from avtr_cli.training.people.folder import sources_in
from avtr_cli.training.people.heads import heads_of
from avtr_cli.training.people.learning import recovered
from avtr_cli.training.people.together import lag_of
from avtr_cli.training.people.watching import Seen
from tests.sources import ROOT
from tests.test_evaluation_video import write_video

PORTRAIT = ROOT / "examples" / "portrait_drawn.png"
FACE_PX = 100.0  # of one EO


def face(frames: int, x: float = 300.0, size: float = FACE_PX) -> np.ndarray:
    """The average head, still, for so many frames."""
    return np.tile(template().points * size + np.array([x, 200, 0]), (frames, 1, 1))


def seen(points: np.ndarray, faces: int = 1, jumps: np.ndarray | None = None) -> Seen:
    counted = np.where(np.isfinite(points[:, 0, 0]), faces, 0)
    return Seen(points, counted, np.zeros(len(points)) if jumps is None else jumps, (640, 480))


def talk(frames: int) -> np.ndarray:
    return np.ones(4 * frames, bool)


# --- tracks ------------------------------------------------------------------------------------------------------


def test_a_good_video_is_one_stretch_and_nothing_is_refused():
    checked = gates.check(seen(face(200)), talk(200), lag=1)
    assert checked.refusals == ()
    assert gates.stretches(checked.usable, checked.cuts, 150) == [(0, 200)]


@pytest.mark.parametrize(
    ("points", "faces", "speech", "lag", "said"),
    [
        (np.full((100, 478, 3), np.nan), 1, True, None, "no face"),
        (np.concatenate([face(50), np.full((50, 478, 3), np.nan)]), 1, True, None, "lost in 50%"),
        (face(100, size=25), 1, True, None, "px tall"),
        (face(100), 2, True, None, "more than one face"),
        (face(100), 1, False, None, "no voice"),
        (face(100), 1, True, 4, "160 ms after the lips"),
        (face(100), 1, True, -3, "120 ms before the lips"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(points, faces, speech, lag, said):
    mask = talk(100) if speech else np.zeros(400, bool)
    reasons = gates.check(seen(points, faces), mask, lag).refusals
    assert len(reasons) == 1
    assert said in reasons[0]


def test_a_cut_of_the_picture_and_a_leap_of_the_face_end_a_stretch():
    jumps = np.ones(300)
    jumps[100] = 60
    leapt = np.concatenate([face(200), face(100, x=500)])
    checked = gates.check(seen(leapt, jumps=jumps), talk(300), None)
    assert checked.cuts == (100, 200)
    assert gates.stretches(checked.usable, checked.cuts, 90) == [(0, 100), (100, 200), (200, 300)]


def test_short_gaps_are_filled_in_between_and_long_ones_end_a_stretch():
    points = np.concatenate([face(60), face(60, x=310)])
    points[50:53] = np.nan
    points[90:110] = np.nan
    checked = gates.check(seen(points), talk(120), None)
    assert gates.stretches(checked.usable, checked.cuts, 10) == [(0, 90), (110, 120)]
    filled = gates.without_gaps(points[:90])
    np.testing.assert_allclose(filled, np.concatenate([face(60), face(30, x=310)]))


@pytest.mark.parametrize(("length", "pieces"), [(150, 1), (151, 2), (300, 2), (450, 3), (400, 3)])
def test_pieces_have_one_length_and_leave_nothing_of_a_stretch_out(length, pieces):
    found = gates.pieces_of(7, 7 + length, 150)
    assert len(found) == pieces
    assert all(last - first == 150 for first, last in found)
    assert set(range(7, 7 + length)) == {frame for first, last in found for frame in range(first, last)}


def test_a_head_that_turns_and_comes_nearer_keeps_its_face_and_is_told_so():
    angle = np.radians(8)
    points = face(9)
    middle = points[0].mean(axis=0)
    points[4] = (points[4] - middle) @ rotation_matrix(np.array([0, angle, 0])).T + middle
    points[5] = 1.1 * (points[5] - middle) + middle
    heads = heads_of(points)
    np.testing.assert_allclose(heads.shapes, np.tile(heads.shapes[0], (9, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(heads.rotation[4], [0, angle, 0], atol=1e-6)
    assert heads.shift[5, 2] == pytest.approx(7 / 1.1 - 7)


# --- sound -------------------------------------------------------------------------------------------------------


def spoken(seconds: float = 12.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(sound, lips (T, 2)): two tones swell by chance, as the lips part and as they widen; of 3 s one is silent."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * FPS)
    lips = np.column_stack([np.convolve(rng.random(frames + 4), np.ones(5) / 5, "valid") for _ in range(2)])
    time = np.arange(frames * SAMPLES_PER_FRAME) / 16_000
    loud = np.column_stack([np.interp(time * FPS - 0.5, np.arange(frames), column) for column in lips.T])
    tones = np.column_stack([np.sin(2 * np.pi * hertz * time) for hertz in (400, 1800)])
    silent = np.arange(frames) % 75 >= 50
    lips[silent] = 0
    return (0.2 * (loud**2 * tones).sum(axis=1) * ~silent[(time * FPS).astype(int)]).astype(np.float32), lips


@pytest.mark.parametrize("late", [-5, 0, 4])
def test_sound_that_is_late_against_the_lips_is_noticed_to_the_frame(late):
    sound, lips = spoken()
    moved = np.roll(sound, late * SAMPLES_PER_FRAME)
    assert abs(lag_of(lips, moved) - late) <= 1


def test_of_lips_that_do_not_go_with_the_sound_no_lag_is_told():
    assert lag_of(np.random.default_rng(1).random((300, 2)), spoken()[0]) is None


def test_a_voice_is_where_it_is_loud_and_nowhere_in_noise():
    rng = np.random.default_rng(0)
    noise = 0.001 * rng.standard_normal(64_000)
    assert not voice.speech_in(noise.astype(np.float32)).any()
    said = noise.copy()
    said[16_000:32_000] += 0.2 * np.sin(np.arange(16_000) / 20)
    mask = voice.speech_in(said.astype(np.float32))
    assert mask[105:195].all()
    assert not mask[:90].any()
    assert not mask[215:].any()


# --- the solver --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def acted():
    """3 s of a drawn portrait that acts a call the solver never saw, in pictures of 192 px."""
    controls = rehearsal.part(3.0, np.random.default_rng(9))
    return controls, rehearsal.act(find_portrait(PORTRAIT), controls, 192)


@pytest.mark.slow
def test_commanded_mouth_lids_and_head_are_found_again_in_a_render(acted):
    controls, take = acted
    told = recovered(solver.shipped().of(take.points), controls)
    assert told["head"] > 0.8
    assert told["mouth"] > 0.7
    solved = solver.shipped().of(take.points)[:, CONTROLS.index("jawOpen")]
    assert np.corrcoef(solved, controls[:, CONTROLS.index("jawOpen")])[0, 1] > 0.8


@pytest.mark.slow
def test_a_solver_that_has_learned_a_take_gives_it_back_and_its_mirror_image_mirrored(acted):
    controls, take = acted
    own = lessons.fit([take])
    flip = np.array([-1.0, 1.0, 1.0])
    mirrored = own.of(take.points[:, template().mirror] * flip + np.array([192.0, 0, 0]))
    np.testing.assert_allclose(mirrored, lessons.mirrored_controls(own.of(take.points)), atol=0.03)
    assert recovered(own.of(take.points), controls)["mouth"] > 0.85


@pytest.mark.slow
def test_the_command_learns_a_table_from_a_portrait_that_acts(avtr, tmp_path):
    table = tmp_path / "table.npz"
    code, out, _ = avtr("train", "solver", PORTRAIT, "-o", table, "--seconds", 2, "--lessons", 1, "--size", 128)
    assert (code, out.strip()) == (0, str(table))
    made = solver.read(table)
    assert made.basis.shape[0] == 2 * len(solver.LOOKED_AT) * (2 * solver.CONTEXT + 1)
    assert len(made.nets) == len(solver.NETS)
    assert np.isfinite(made.of(face(3))).all()
    before = table.read_bytes()
    code, _, said = avtr("train", "solver", PORTRAIT, "-o", table)
    assert (code, f"{table}: exists already" in said, table.read_bytes() == before) == (5, True, True)


@pytest.mark.slow
def test_the_same_lessons_make_the_same_solver(acted):
    _, take = acted
    one, other = (lessons.fit([take], steps=20) for _ in range(2))
    np.testing.assert_array_equal(one.nets[0].layers[-1][0], other.nets[0].layers[-1][0])
    np.testing.assert_array_equal(one.of(take.points), other.of(take.points))


def test_a_solver_read_back_solves_as_before_it_was_written(tmp_path):
    points = face(12) + np.random.default_rng(1).normal(0, 2, (12, 478, 3))
    solver.write(solver.shipped(), path := tmp_path / "again.npz")
    np.testing.assert_array_equal(solver.read(path).of(points), solver.shipped().of(points))


def test_frames_around_tell_of_the_one_between_and_lost_ones_are_as_their_neighbours():
    shapes = np.arange(10.0)[:, None, None] * np.ones((10, 478, 3))
    shapes[4:6] = np.nan
    told = solver.features(shapes, np.zeros((478, 3))).reshape(10, 2 * solver.CONTEXT + 1, -1)[:, :, 0]
    np.testing.assert_array_equal(told[0], [0, 0, 0, 0, 1, 2, 3])
    np.testing.assert_array_equal(told[9], [6, 7, 8, 9, 9, 9, 9])
    np.testing.assert_array_equal(told[3], [0, 1, 2, 3, 3, 6, 6])


def test_weights_are_between_zero_and_one_and_frames_without_a_face_stay_unsolved():
    points = face(30) + np.random.default_rng(0).normal(0, 3, (30, 478, 3))
    points[12:15] = np.nan
    solved = solver.shipped().of(points)
    assert np.isnan(solved[12:15]).all()
    shapes = np.delete(solved, slice(12, 15), axis=0)[:, :52]
    assert shapes.min() >= 0
    assert shapes.max() <= 1


# --- a corpus of several folders ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data")
    list(write_corpus(path, tiny_corpus(), calls=1, seed=1, seconds=13, shard=1))
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory, simulated) -> Path:
    """A shard of 6 s pieces as an import makes it: the second side was not seen, and phones are unknown."""
    path = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(3)
    points = face(150) + rng.normal(0, 0.3, (150, 478, 3))
    side = importing.Side(seen(points), gates.check(seen(points), talk(150), None), talk(150))
    sounds = np.stack([spoken(6.0)[0], np.zeros(96_000, np.float32)])
    made, controls = importing.call_of([side], sounds, 0, 150, solver.shipped())
    assert [one.shape for one in controls] == [(150, 58)]
    save_file({key: values[None] for key, values in made.items()}, path / "calls-anna.safetensors")
    return path


def test_shards_of_two_lengths_are_cut_to_the_shorter_and_what_is_known_is_told_of_all(simulated, people):
    corpus = Corpus.load([simulated, people])
    assert len(corpus) == 3  # two of 6 s from the call of 13 s, and one
    assert corpus.arrays["mouth"].shape == (3, 2, 150, 7)
    assert corpus.arrays["seen"].tolist() == [[1, 1], [1, 1], [1, 0]]
    assert corpus.arrays["closures_known"][:, 0].tolist() == [[1, 1], [1, 1], [1, 0]]
    whole = load_file(simulated / "calls-000000.safetensors")
    np.testing.assert_array_equal(corpus.arrays["face"][1], whole["face"][0, :, 150:300])
    np.testing.assert_array_equal(corpus.arrays["person"][0], whole["person"][0])


def test_a_folder_alone_is_loaded_as_it_always_was(simulated):
    corpus = Corpus.load(simulated)
    whole = load_file(simulated / "calls-000000.safetensors")
    assert corpus.arrays.keys() == whole.keys()
    np.testing.assert_array_equal(corpus.arrays["mouth"], whole["mouth"])


def test_nobody_who_was_not_seen_is_ever_the_avatar(people):
    corpus = Corpus.load(people)
    batch = corpus.batch(np.random.default_rng(0), 12, 125)
    assert (batch["activity"].max(dim=1).values > 0.5).all()
    assert (batch["visemes"] == UNKNOWN_VISEME).all()


def test_what_is_unknown_teaches_nothing():
    wanted, logits = torch.zeros(2, 5, len(EVENTS)), torch.full((2, 5, len(EVENTS)), 9.0)
    known = torch.zeros(2, len(EVENTS))
    assert objective._told(logits, wanted, known) == 0
    known[:, 0] = 1
    assert objective._told(logits, wanted, known) == pytest.approx(9.0, rel=1e-3)
    assert objective._viseme_loss(torch.randn(4, 14), torch.full((4,), -100)) == 0


def test_a_folder_without_shards_beside_another_is_named(simulated, tmp_path):
    with pytest.raises(AvtrError, match=str(tmp_path)):
        Corpus.load([simulated, tmp_path])


# --- the command -------------------------------------------------------------------------------------------------


def test_sources_are_read_off_the_names(tmp_path):
    for name in ("ann.mp4", "bob.mov", "bob.wav", "call.a.mp4", "call.b.mp4", "call.flac", "lone.a.mp4", "notes.txt"):
        (tmp_path / name).touch()
    found = {source.name: [path.name for path in source.paths] for source in sources_in(tmp_path)}
    assert found == {
        "ann": ["ann.mp4"],
        "bob": ["bob.mov", "bob.wav"],
        "call": ["call.a.mp4", "call.b.mp4", "call.flac"],
        "lone.a": ["lone.a.mp4"],
    }


def test_two_videos_of_one_name_are_refused(tmp_path):
    for name in ("ann.mp4", "ann.mov"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="one name"):
        sources_in(tmp_path)


@pytest.mark.parametrize(("made", "said"), [(False, "is no folder"), (True, "holds no video")])
def test_a_folder_without_videos_is_refused(avtr, tmp_path, made, said):
    folder = tmp_path / "videos"
    if made:
        folder.mkdir()
    code, _, err = avtr("train", "import", folder, "-o", tmp_path / "out")
    assert code == 3
    assert said in err
    assert not (tmp_path / "out").exists()


def test_the_folder_of_the_videos_is_not_written_to(avtr, tmp_path):
    (tmp_path / "ann.mp4").touch()
    code, _, err = avtr("train", "import", tmp_path, "-o", tmp_path)
    assert code == 2
    assert "-o" in err
    assert [path.name for path in tmp_path.iterdir()] == ["ann.mp4"]


def test_a_file_of_the_users_where_ours_would_lie_is_kept(avtr, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ann.mp4").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ann.json").write_text('{"mine": 1}')
    code, _, err = avtr("train", "import", tmp_path / "in", "-o", tmp_path / "out")
    assert code == 5
    assert "not avtr's" in err
    assert (tmp_path / "out" / "ann.json").read_text() == '{"mine": 1}'


@pytest.mark.slow
def test_a_bad_video_stops_no_other_and_a_second_run_does_only_what_is_missing(avtr, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "bad.mp4").write_bytes(b"no video")
    controls = rehearsal.part(6.2, np.random.default_rng(2))
    pictures = list(rehearsal.pictures(find_portrait(PORTRAIT), controls, 192))
    write_video(folder / "good.mp4", pictures, spoken(len(pictures) / FPS)[0])
    soundfile.write(folder / "good.wav", np.stack([spoken(7)[0], spoken(7)[0]]).T, 16_000)
    code, stdout, err = avtr("train", "import", folder, "-o", out, "--seconds", 6, "--json")
    told = {source["name"]: source for source in json.loads(stdout)["sources"]}
    assert code == 6
    assert "bad.mp4: is no video that can be read" in err or "bad.mp4: has no sound" in err
    assert told["good"]["refused"] == []
    assert told["good"]["pieces"] == 2
    assert (out / "good.mp4.jpg").stat().st_size > 1000
    page = (out / "index.html").read_text()
    assert "bad.mp4" in page
    assert "data:image/jpeg" in page
    corpus = Corpus.load(out)
    assert corpus.arrays["mouth"].shape == (2, 2, 150, 7)
    assert np.isfinite(corpus.arrays["face"].astype(np.float32)).all()
    stamp = (out / "calls-good.safetensors").stat().st_mtime_ns
    again = avtr("train", "import", folder, "-o", out, "--seconds", 6)
    assert again[0] == 6
    assert (out / "calls-good.safetensors").stat().st_mtime_ns == stamp
