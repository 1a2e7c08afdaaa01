"""`avtr render` as a user meets it: what comes out, and one sentence with an exit code for all that goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avtr_cli import cli
from tests import videos

SMALL = ("--size", "128", "--quiet")


@pytest.fixture
def avtr(monkeypatch, capsys):
    """Runs the command line in this process; returns (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["avtr", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as left:
                cli.main()
        finally:
            signal.signal(signal.SIGTERM, before)
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


def test_a_dialogue_becomes_a_video_with_sound_and_a_report(avtr, photo, wav, tmp_path):
    out, report = tmp_path / "new folder" / "a.mp4", tmp_path / "report.json"
    code, stdout, _ = avtr("render", photo, wav(2.5), "-o", out, "--size", 256, "--report", report, "--seed", 3)
    assert code == 0
    assert "times real time" in stdout
    frames = videos.decode(out)
    assert frames.shape == (63, 256, 256, 3)
    assert abs(len(videos.sound(out)) / 48_000 - 63 / 25) <= 1 / 25
    written = videos.report_of(report)
    assert written["output"]["frames"] == 63
    assert written["avtr"]["seed"] == 3
    assert written["timing"]["chunk_ms"]["count"] == 13
    assert {path.name for path in out.parent.iterdir()} == {"a.mp4"}


def test_the_same_command_gives_the_same_frames_and_another_seed_gives_others(avtr, photo, wav, tmp_path):
    hashes = []
    for seed in (1, 1, 2):
        report = tmp_path / "r.json"
        out = tmp_path / "a.mp4"
        avtr("render", photo, wav(1.0), "-o", out, *SMALL, "--seed", seed, "--overwrite", "--report", report)
        hashes.append(videos.report_of(report)["output"]["frames_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_quiet_prints_the_path_alone(avtr, photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    assert avtr("render", photo, wav(0.5), "-o", out, *SMALL) == (0, f"{out}\n", "")


def test_an_existing_video_is_kept_unless_told_otherwise(avtr, photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    out.write_bytes(b"precious")
    code, _, stderr = avtr("render", photo, wav(0.5), "-o", out)
    assert (code, out.read_bytes()) == (5, b"precious")
    assert "--overwrite" in stderr


@pytest.mark.parametrize("kind", ["self", "mix", "stereo", "none"])
def test_the_sound_is_what_was_asked_for(avtr, photo, wav, tmp_path, kind):
    out = tmp_path / "a.mp4"
    avtr("render", photo, wav(3.0), "-o", out, *SMALL, "--sound", kind)
    if kind == "none":
        assert "Audio:" not in videos.describe(out)
        return
    sound = videos.sound(out)
    assert sound.shape[1] == (2 if kind == "stereo" else 1)
    late = np.abs(sound[-16_000:]).max(0)  # the partner speaks at the end, the avatar does not
    assert (late > 0.03).tolist() == {"self": [False], "mix": [True], "stereo": [False, True]}[kind]


def test_an_avatar_may_be_the_second_channel_or_a_file_of_its_own(avtr, photo, dialogue, wav, tmp_path):
    own, other = tmp_path / "own.wav", tmp_path / "other.wav"
    soundfile.write(own, dialogue[1, :32_000], 16_000)
    soundfile.write(other, dialogue[0, :32_000], 16_000)
    hashes = []
    for arguments in ([wav(2.0), "--self-channel", 2], [own, "--partner", other]):
        report = tmp_path / "r.json"
        avtr("render", photo, *arguments, "-o", tmp_path / "a.mp4", *SMALL, "--overwrite", "--report", report)
        hashes.append(videos.report_of(report)["output"]["frames_sha256"])
    assert hashes[0] == hashes[1]


def test_motion_written_to_a_file_draws_the_same_video_again(avtr, photo, wav, tmp_path):
    motion, out, reports = tmp_path / "m.safetensors", tmp_path / "a.mp4", []
    for more in (["--motion-out", motion], ["--from-motion", motion, "--seed", 77]):
        report = tmp_path / "r.json"
        avtr("render", photo, wav(2.0), "-o", out, *SMALL, "--overwrite", "--report", report, *more)
        reports.append(videos.report_of(report)["output"]["frames_sha256"])
    assert reports[0] == reports[1]


def bad_sound(kind: str, folder: Path) -> Path:
    path = folder / "sound.wav"
    good = 0.1 * np.random.default_rng(0).standard_normal((16_000, 2))
    if kind == "not audio":
        path.write_text("hello")
    elif kind == "mono":
        soundfile.write(path, good[:, 0], 16_000)
    elif kind == "zero length":
        soundfile.write(path, good[:0], 16_000)
    elif kind == "nan":
        soundfile.write(path, good * np.nan, 16_000, subtype="FLOAT")
    elif kind == "truncated":
        soundfile.write(path, good, 16_000)
        path.write_bytes(path.read_bytes()[:9_999])
    return path


@pytest.mark.parametrize("kind", ["missing", "not audio", "mono", "zero length", "nan", "truncated"])
def test_bad_sound_is_one_sentence_exit_code_3_and_leaves_nothing(avtr, photo, tmp_path, kind):
    sound = bad_sound(kind, tmp_path)
    before = set(tmp_path.iterdir())
    code, stdout, stderr = avtr("render", photo, sound, "-o", tmp_path / "a.mp4", *SMALL)
    assert (code, stdout) == (3, "")
    assert stderr.startswith(f"error: {sound}: ")
    assert stderr.count("\n") == 1
    assert set(tmp_path.iterdir()) == before


def bad_photo(kind: str, folder: Path) -> Path:
    import cv2

    path = folder / "photo.png"
    if kind == "not a picture":
        path.write_text("hello")
    elif kind == "no face":
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8))
    return path


@pytest.mark.parametrize("kind", ["missing", "not a picture", "no face"])
def test_a_bad_photo_is_one_sentence_exit_code_3_and_leaves_nothing(avtr, wav, tmp_path, kind):
    photo = bad_photo(kind, tmp_path)
    before = set(tmp_path.iterdir())
    code, _, stderr = avtr("render", photo, wav(1.0), "-o", tmp_path / "a.mp4", *SMALL)
    assert code == 3
    assert stderr.startswith(f"error: {photo}: ")
    assert stderr.count("\n") == 1
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [["--preset", "nonsense"], ["--set", "render.sise=3"], ["--view", "side"], ["--seed", "abc"], ["--nonsense"]],
)
def test_wrong_usage_is_exit_code_2(avtr, photo, wav, tmp_path, arguments):
    code, _, stderr = avtr("render", photo, wav(1.0), "-o", tmp_path / "a.mp4", *arguments)
    assert code == 2
    assert "Traceback" not in stderr


@pytest.mark.parametrize("out", ["/dev/full", "/proc/nowhere/a.mp4", "FOLDER", "a.avi"])
def test_an_output_that_cannot_be_is_exit_code_5(avtr, photo, wav, tmp_path, out):
    target = tmp_path if out == "FOLDER" else Path(out) if out.startswith("/") else tmp_path / out
    code, _, stderr = avtr("render", photo, wav(1.0), "-o", target, *SMALL)
    assert code == 5
    assert str(target) in stderr
    assert stderr.count("\n") == 1


def test_a_report_that_cannot_be_written_is_exit_code_5_and_the_video_stays(avtr, photo, wav, tmp_path):
    code, _, stderr = avtr("render", photo, wav(0.5), "-o", tmp_path / "a.mp4", *SMALL, "--report", "/dev/full")
    assert code == 5
    assert "/dev/full" in stderr
    assert (tmp_path / "a.mp4").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tiny disk needs root")
def test_a_full_disk_is_one_sentence_exit_code_5_and_leaves_nothing(avtr, photo, wav, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", disk], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        code, _, stderr = avtr("render", photo, wav(3.0), "-o", disk / "a.mp4", *SMALL)
        assert code == 5
        assert "disk has" in stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def _hear_ctrl_c() -> None:
    """A test run in the background of a script would hand its deafness to Ctrl-C on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_one_sentence_and_no_half_written_video(photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    command = [sys.executable, "-c", "from avtr_cli.cli import main; main()", "render", photo, wav(10.0), "-o", out]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_hear_ctrl_c
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".a.mp4.avtr/*.mkv")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.strip().count("\n") == 0
    assert "interrupted" in stderr
    assert list(tmp_path.iterdir()) == []
