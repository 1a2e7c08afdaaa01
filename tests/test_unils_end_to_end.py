"""From photo and dialogue to video by a made-up UniLS and a made-up FLAME head in the published formats."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from avtr_cli.core.config import load_preset
from avtr_cli.core.errors import InputError
from avtr_cli.core.files import file_sha256
from avtr_cli.evaluation import unils
from avtr_cli.evaluation.folder.shown import read_shown
from avtr_cli.motion import flame
from avtr_cli.motion.file import load_motion
from avtr_cli.motion.flame import lists
from avtr_cli.motion.flame.codes import FlameMotion, load_codes, save_codes
from avtr_cli.weights.registry import notices
from avtr_cli.weights.store import Store
from tests import made_unils

pytestmark = pytest.mark.slow
SMALL = ("--size", 80, "--set", "motion.expressiveness=0.3", "--set", "output.speed=ultrafast")


@pytest.fixture(scope="module")
def users_files(tmp_path_factory):
    """What a user has downloaded, by the names it has there."""
    folder = made_unils.write_downloads(tmp_path_factory.mktemp("downloads"))
    torch.save({"model": {}}, folder / "iter_50000.pt")  # of an earlier stage, and smaller
    return folder


@pytest.fixture(scope="module")
def weights(users_files, tmp_path_factory):
    from typer.testing import CliRunner

    from avtr_cli.cli import app

    root = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVTR_WEIGHTS", str(root))
        command = ["weights", "pull", "unils", "flame", "--from", str(users_files), "--accept-licence"]
        done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    assert "CC BY-NC 4.0" in done.stderr
    return root


@pytest.fixture(autouse=True)
def with_the_weights(weights, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(weights))


@pytest.fixture(scope="module")
def rendered(weights, photo, wav, tmp_path_factory):
    """Folder and report of 5 s of a dialogue."""
    from typer.testing import CliRunner

    from avtr_cli.cli import app

    folder = tmp_path_factory.mktemp("rendered")
    words = ["render", photo, wav(5.0), "-o", folder / "a.mp4", "--preset", "unils", *SMALL, "--report",
             folder / "a.json", "--motion-out", folder / "a.flame.npz", "-q"]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVTR_WEIGHTS", str(weights))
        done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.exception
    return folder, json.loads((folder / "a.json").read_text())


def test_a_dialogue_is_rendered_and_told_with_its_licences(rendered):
    folder, told = rendered
    assert told["output"]["frames"] == 125
    assert told["attribution"] == notices(load_preset("unils"))
    assert [one["file"] for one in told["weights"]] == [
        "unils.pt", "pytorch_model.bin", "generic_model.npz", "mediapipe_landmark_embedding.npz",
    ]  # fmt: skip
    for words in ("UniLS", "CC BY-NC 4.0", "XLS-R", "FLAME"):
        assert words in " ".join(told["attribution"])
    assert told["timing"]["startup_s"]["motion"] > 0
    motion = load_codes(folder / "a.flame.npz")
    assert motion.codes.shape == (125, 108)
    assert "UniLS" in motion.attribution
    assert "CC BY-NC 4.0" in motion.attribution
    assert "CC BY-NC 4.0" in (folder / "a.mp4").read_bytes().decode("latin1")  # in its marks
    assert motion.codes.std(0).max() > 0.01
    assert np.abs(np.diff(motion.codes, axis=0)).max() > 0


def test_its_motion_drawn_again_gives_the_same_frames_whatever_the_preset(rendered, avtr, photo, wav, tmp_path):
    folder, told = rendered
    report, motion = tmp_path / "b.json", tmp_path / "b.flame.npz"
    code, _, stderr = avtr(
        "render", photo, wav(5.0), "-o", tmp_path / "b.mp4", "--size", 80, "--set", "output.speed=ultrafast",
        "--from-motion", folder / "a.flame.npz", "--report", report, "--motion-out", motion,
    )  # fmt: skip
    assert code == 0, stderr
    again = json.loads(report.read_text())
    assert again["output"]["frames_sha256"] == told["output"]["frames_sha256"]
    for words in ("UniLS", "FLAME"):  # of the file's own model, and of the dictionary
        assert words in " ".join(again["attribution"])
    np.testing.assert_array_equal(load_codes(motion).codes, load_codes(folder / "a.flame.npz").codes)


def test_the_same_job_again_gives_the_same_frames(rendered, avtr, photo, wav, tmp_path):
    report = tmp_path / "again.json"
    code, _, stderr = avtr(
        "render", photo, wav(5.0), "-o", tmp_path / "again.mp4", "--preset", "unils", *SMALL, "--report", report
    )
    assert code == 0, stderr
    assert json.loads(report.read_text())["output"]["frames_sha256"] == rendered[1]["output"]["frames_sha256"]


def test_both_sides_are_rendered_in_one_video_and_follow_a_manner(rendered, avtr, photo, wav, tmp_path):
    report, style = tmp_path / "d.json", rendered[0] / "a.flame.npz"
    code, _, stderr = avtr(
        "dialogue", photo, photo, wav(2.0), "-o", tmp_path / "d.mp4", "--preset", "unils", *SMALL, "--report", report,
        "--style", style,
    )  # fmt: skip
    assert code == 0, stderr
    told = json.loads(report.read_text())
    assert told["output"]["frames"] == 50
    assert told["settings"]["motion"]["style"] == str(style)
    assert told["inputs"]["style"] == {"path": str(style), "sha256": file_sha256(style)}


def test_our_own_motion_is_written_in_flames_numbers(avtr, photo, wav, tmp_path):
    code, _, stderr = avtr(
        "render", photo, wav(2.0), "-o", tmp_path / "o.mp4", "--size", 80, "--duration", 1, "--motion-out",
        tmp_path / "o.flame.npz",
    )  # fmt: skip
    assert code == 0, stderr
    motion = load_codes(tmp_path / "o.flame.npz")
    assert motion.codes.shape == (25, 108)
    assert not np.asarray(motion.rest).any()
    assert motion.codes[:, :100].std() > 0.001


def test_a_dry_run_makes_no_motion_and_tells_the_time(avtr, photo, wav, tmp_path):
    code, stdout, stderr = avtr(
        "render", photo, wav(2.0), "-o", tmp_path / "n.mp4", "--preset", "unils", *SMALL, "--dry-run"
    )
    assert code == 0, stderr
    assert "would be 50 frames" in stdout
    assert not (tmp_path / "n.mp4").exists()


def refused(avtr, wanted: int, *words: object, says: str) -> None:
    code, _, stderr = avtr(*words)
    assert code == wanted
    assert says in stderr
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--pace", "realtime"], 2, "hears a call whole before its first frame and follows no live call"),
        (["--set", "motion.euler_steps=8"], 2, "motion.euler_steps does nothing with 'unils'"),
        (["--set", "motion.style=none.npz"], 3, "none.npz: there is no such file"),
        (["--style", "none.npz"], 3, "none.npz: there is no such file"),
        (["--style", "style.txt"], 2, "--style is 'style.txt', but must be none, or a .npz file of FLAME motion"),
        (["--set", "motion.generator=lmfm"], 2, "motion.guidance does nothing with 'lmfm'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(avtr, photo, wav, tmp_path, monkeypatch, more, code, says):
    monkeypatch.chdir(tmp_path)
    guided = ["--set", "motion.guidance=2"]
    refused(avtr, code, "render", photo, wav(2.0), "-o", "r.mp4", "--preset", "unils", *guided, *more, says=says)
    assert list(tmp_path.iterdir()) == []


def test_a_manner_that_is_none_is_refused_before_any_model_is_loaded(
    users_files, avtr, photo, wav, tmp_path, monkeypatch
):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "none"))
    words = ("render", photo, wav(2.0), "-o", tmp_path / "r.mp4", "--preset")
    style = users_files / "generic_model.npz"
    refused(avtr, 3, *words, "unils", "--style", style, says="no FLAME motion: it has no expression")
    refused(avtr, 2, *words, "default", "--style", style, says="motion.style does nothing with 'lmfm'")


def test_a_commercial_policy_refuses_the_weights(avtr, photo, wav, tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_LICENCE_POLICY", "commercial")
    words = ("render", photo, wav(2.0), "-o", tmp_path / "c.mp4", "--preset", "unils")
    refused(avtr, 4, *words, says="forbids commercial use")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("unils/model", "download the final iter_*.pt"),
        ("unils/speech", "avtr weights pull unils"),
        ("flame/model", "register at https://flame.is.tue.mpg.de"),
        ("flame/landmarks", "register at https://flame.is.tue.mpg.de"),
    ],
)
def test_each_file_that_is_absent_or_damaged_ends_a_render_with_exit_code_4(
    weights, avtr, photo, wav, tmp_path, name, says
):
    path = Store(weights).present(Store(weights).registry.files[name])
    whole = path.read_bytes()
    words = ("render", photo, wav(2.0), "-o", tmp_path / "x.mp4", "--preset", "unils")
    try:
        path.write_bytes(whole[: len(whole) // 2])
        refused(avtr, 4, *words, says=f"{path}: damaged")
        path.unlink()
        refused(avtr, 4, *words, says=says)
    finally:
        path.write_bytes(whole)


def test_files_that_cannot_be_loaded_are_not_imported(avtr, users_files, tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "weights"))
    held = torch.load(users_files / "iter_300000.pt", weights_only=True)
    held["meta_cfg"]["MODEL"]["AUDIO_ENCODER"] = "mimi"
    torch.save(held, tmp_path / "iter_1.pt")
    words = ("weights", "pull", "unils/model", "-q", "--accept-licence", "--from")
    code, _, stderr = avtr(*words, tmp_path)
    assert code == 4
    assert "'mimi'" in stderr
    (tmp_path / "iter_1.pt").write_bytes((users_files / "iter_300000.pt").read_bytes()[:9_000])
    code, _, stderr = avtr(*words, tmp_path)
    assert code == 4
    assert "iter_1.pt: damaged" in stderr
    assert not list((tmp_path / "weights").rglob("*.pt"))


def test_what_is_not_fetched_says_where_it_comes_from(avtr, tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "weights"))
    code, _, stderr = avtr("weights", "pull", "flame", "--accept-licence")
    assert code == 4
    assert "is not fetched: register at https://flame.is.tue.mpg.de" in stderr


def test_motion_is_made_without_a_photo_and_converted_there_and_back(avtr, wav, tmp_path):
    made, controls, back = (tmp_path / name for name in ("a.flame.npz", "a.safetensors", "b.npz"))
    code, stdout, stderr = avtr("motion", "unils", wav(5.0), made)
    assert code == 0, stderr
    assert "125 frames, 5.00 s" in stdout
    assert avtr("motion", "convert", made, controls, "-q")[0] == 0
    assert avtr("motion", "convert", controls, back)[0] == 0
    assert avtr("motion", "convert", controls, tmp_path / "a.csv")[0] == 0
    [space, values, _] = load_motion(controls)
    assert (space.name, values.shape) == ("controls", (125, 58))
    assert load_codes(back).codes.shape == load_codes(made).codes.shape
    turned = [load_codes(path).codes[:, 100:103] for path in (made, back)]
    np.testing.assert_allclose(*turned, atol=1e-6)
    code, _, stderr = avtr("motion", "unils", wav(5.0), tmp_path / "c.npz", "--style", made, "--seed", 3)
    assert code == 0, stderr
    assert not np.array_equal(load_codes(tmp_path / "c.npz").codes, load_codes(made).codes)


def test_motion_files_are_refused_before_the_work(avtr, wav, tmp_path):
    call = wav(2.0)
    (tmp_path / "there.npz").write_bytes(b"mine")
    for words, wanted, says in (
        (("unils", call, tmp_path / "x.txt"), 2, "give it one of these endings"),
        (("unils", call, tmp_path / "there.npz"), 5, "exists already"),
        (("unils", call, tmp_path / "x.npz", "--style", "no.txt"), 2, "--style is 'no.txt'"),
        (("unils", tmp_path / "no.wav", tmp_path / "x.npz"), 3, "no.wav: there is no such file"),
        (("convert", tmp_path / "there.npz", tmp_path / "there.npz", "-y"), 5, "is what this is made from"),
        (("convert", tmp_path / "there.npz", tmp_path / "x.csv"), 3, "damaged, or no FLAME motion"),
    ):
        refused(avtr, wanted, "motion", *words, says=says)
    assert (tmp_path / "there.npz").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_flame_motion_is_judged_by_the_vertices_of_the_users_head(rendered, weights, tmp_path):
    path = rendered[0] / "a.flame.npz"
    shown = read_shown(path)
    assert (shown.space, shown.frames) == ("flame", 125)
    assert shown.vertices.shape == (125, 5023, 3)
    assert len(shown.lips) > 20 < len(shown.upper)
    motion = load_codes(path)
    still = motion.codes.copy()
    still[:] = still.mean(0)
    save_codes(tmp_path / "still.npz", FlameMotion(still, motion.rest))
    other = read_shown(tmp_path / "still.npz")
    everywhere = np.ones(125, bool)
    ours = unils.measure(
        shown.vertices, other.vertices, shown.head, other.head, shown.jaw, other.jaw, everywhere, ~everywhere,
        shown.lips, shown.upper, "unils",
    )  # fmt: skip
    model = flame.load(Store(weights).find("flame/model"))
    theirs = flame.metrics(model, motion.codes, still, shown.lips, shown.upper)
    found = [ours[f"S_{name}"] for name in ("LVE", "MHD", "FDD", "PDD", "JDD")]
    np.testing.assert_allclose(found, theirs, rtol=1e-4)
    assert min(found) > 0


def test_lists_of_a_users_own_checkout_make_flame_alike_to_other_systems(rendered, avtr, tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "PUBLISHED", {"lips": sha256_of([7, 8, 8]), "upper": sha256_of([1, 2])})
    code = tmp_path / "checkout" / "evals"
    code.mkdir(parents=True)
    (code / "metrics.py").write_text("import nowhere\nLIPS = dict(x=[7, 8, 8])\nUPPER = (1, 2)\nraise SystemExit\n")
    (code / "broken.py").write_text("LIPS = [7, 8,")
    chosen = lists.load_lists(tmp_path / "checkout")
    assert (chosen.lips, chosen.upper, chosen.published) == ((7, 8, 8), (1, 2), True)
    path = rendered[0] / "a.flame.npz"
    shown = read_shown(path, lists=chosen)
    assert (shown.space, shown.lips, shown.upper) == ("npz", (7, 8, 8), (1, 2))
    (tmp_path / "own.json").write_text(json.dumps({"lips": [3], "upper": [4]}))
    own = lists.load_lists(tmp_path / "own.json")
    assert (read_shown(path, lists=own).space, read_shown(path, lists=own).lips) == ("flame", (3,))
    np.savez(tmp_path / "other.npz", vertices=shown.vertices[:3], lips=np.array([5]))
    other = read_shown(tmp_path / "other.npz", lists=chosen)
    assert (other.lips, other.upper) == ((5,), (1, 2))
    for part, name in (("truth", "x"), ("systems/s", "x"), ("audio", "")):
        (tmp_path / "f" / part).mkdir(parents=True)
        if name:
            shutil.copy(path, tmp_path / "f" / part / "x.npz")
    sound = 0.1 * np.sin(np.arange(80_000) / 20)
    soundfile.write(tmp_path / "f/audio/x.wav", np.stack([sound, 0 * sound], 1), 16_000)
    words = ("eval", "unils", tmp_path / "f", "--protocol", "unils", "--json", "--vertex-lists")
    done, stdout, stderr = avtr(*words, tmp_path / "checkout")
    assert done == 0, stderr
    row = json.loads(stdout)["systems"]["s"]["measures"]["S_LVE"]
    assert (row["value"], row["comparable_with_published"]) == (0, True)
    done, stdout, stderr = avtr(*words, tmp_path / "own.json")
    assert done == 0
    assert "own.json: its lists are not those that UniLS's measures were published on" in stderr
    assert not json.loads(stdout)["systems"]["s"]["measures"]["S_LVE_flame"]["comparable_with_published"]
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "none"))
    refused(avtr, 4, *words[:3], says="no system can be judged: x: ")
    refused(avtr, 4, *words, code / "broken.py", says="UniLS's list of lips and of upper vertices is not there")


def sha256_of(numbers: list[int]) -> str:
    return hashlib.sha256(json.dumps(numbers).encode()).hexdigest()


def test_files_with_the_published_lists_of_vertices_are_alike_to_other_systems(rendered, tmp_path):
    with np.load(rendered[0] / "a.flame.npz") as table:
        held = dict(table)
    path = tmp_path / "listed.npz"
    np.savez(path, **held, lips=np.array([1, 2, 2]), upper=np.array([5]))
    assert (read_shown(path).space, read_shown(path).lips) == ("npz", (1, 2, 2))
    np.savez(path, **held, lips=np.array([5023]), upper=np.array([5]))
    with pytest.raises(InputError, match="'lips' must list vertices from 0 to 5022"):
        read_shown(path)
