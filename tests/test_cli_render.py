"""`avtr render` as a user meets it: what comes out, and one sentence with an exit code for all that goes wrong."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from avtr_cli import cli
from tests import videos, warm

SMALL = ("--size", "128", "--quiet")


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_same_command_gives_the_same_frames_and_another_seed_gives_others(avtr, photo, wav, tmp_path):
    hashes = []
    for seed in (1, 1, 2):
        report = tmp_path / "r.json"
        out = tmp_path / "a.mp4"
        avtr("render", photo, wav(0.5), "-o", out, *SMALL, "--seed", seed, "--overwrite", "--report", report)
        hashes.append(videos.report_of(report)["output"]["frames_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["render", "dialogue"])
def test_with_its_arguments_alone_a_command_does_what_its_help_says(avtr, photo, wav, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    photos = [photo] * (2 if command == "dialogue" else 1)
    assert avtr(command, *photos, wav(0.3))[0] == 0
    name = {"render": "avatar.mp4", "dialogue": "dialogue.mp4"}[command]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(videos.decode(tmp_path / name)) == 8
    _, help_text, _ = avtr(command, "--help")
    assert f"[default: {name}]" in help_text
    assert avtr(command, *photos, wav(0.3))[0] == 5  # a second time it lies in the way


AWKWARD = ["12:30.mp4", "a 'b' \"c\".mp4", "50% %d done.mp4", "-x.mp4", "new\nline.mp4", "é日本.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*AWKWARD, "a:b/%06d.png", "x'\n/c.webm"])
def test_a_name_may_hold_anything_that_the_disk_takes(avtr, photo, wav, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    more = ("--report", f"{name}.json", "--html", f"{name}.html", "--motion-out", f"{name}.csv")
    code, stdout, stderr = avtr("render", photo, wav(0.2), f"--out={name}", *SMALL, *more)
    assert (code, stderr) == (0, "")
    assert stdout == f"{name}\n"
    assert videos.report_of(Path(f"{name}.json"))["output"]["frames"] == 5
    assert "data:image/jpeg" in Path(f"{name}.html").read_text()
    assert list(tmp_path.rglob(".*")) == []


OTHERS = {"report": "json", "html": "html", "motion-out": "csv"}


@pytest.mark.slow
def test_names_need_not_be_utf_8(photo, wav, tmp_path):
    (tmp_path / "caf\udce9").mkdir()
    copies = [tmp_path / "caf\udce9" / f"\udcff{path.suffix}" for path in (photo, wav(0.2))]
    for path, copy in zip((photo, wav(0.2)), copies, strict=True):
        copy.write_bytes(path.read_bytes())
    out = tmp_path / "caf\udce9" / "\udce4.mp4"
    more = [f"--{option}={out}.{suffix}" for option, suffix in OTHERS.items()]
    done = warm.run(warm.AVTR, "render", *copies, "-o", out, *SMALL, *more, text=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == os.fsencode(out) + b"\n"
    assert len(videos.decode(out)) == 5
    told = json.loads(Path(f"{out}.json").read_text())["inputs"]["audio"]["path"]
    assert os.fsencode(told) == os.fsencode(copies[1])


@pytest.mark.slow
def test_sound_and_photo_may_come_through_a_pipe(photo, wav, tmp_path):
    for given in ([photo, "-"], ["-", wav(0.5)]):
        out, report = tmp_path / "a.mp4", tmp_path / "r.json"
        piped = photo if given[0] == "-" else wav(0.5)
        with piped.open("rb") as file:
            words = ["render", *given, "-o", out, *SMALL, "--overwrite", "--report", report]
            done = warm.run(warm.AVTR, *words, stdin=file)
        assert (done.returncode, done.stderr) == (0, "")
        told = videos.report_of(report)["inputs"]["photo" if given[0] == "-" else "audio"]
        assert told["path"] == "-"
        assert told["sha256"] == hashlib.sha256(piped.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_done_and_does_none_of_it(avtr, photo, wav, tmp_path):
    preview = tmp_path / "preview.png"
    arguments = ("render", photo, wav(2.0), "-o", tmp_path / "new" / "a.mp4", "--size", 128)
    code, stdout, _ = avtr(*arguments, "--dry-run", "--preview", preview)
    assert code == 0
    for told in (str(photo), "2 channels", "50 frames, 128x128", "of work here", "MiB of disk"):
        assert told in stdout
    assert [path.name for path in tmp_path.iterdir()] == ["preview.png"]
    assert preview.read_bytes()[:4] == b"\x89PNG"
    assert avtr(*arguments, "--preview", preview)[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
@pytest.mark.parametrize("role", ["photo", "sound", "standard input"])
def test_what_never_ends_is_not_read(photo, wav, tmp_path, device, role):
    given = {"photo": [device, wav(0.5)], "sound": [photo, device], "standard input": [photo, "-"]}[role]
    with open(device, "rb") as endless:
        done = warm.run(warm.AVTR, "render", *given, "-o", tmp_path / "a.mp4", stdin=endless)
    assert done.returncode == 3
    assert "device" in done.stderr


@pytest.mark.parametrize("words", [["-o", ""], ["--report="], ["--preset", ""], [""]])
def test_an_empty_word_is_told_before_all_else(avtr, words):
    code, _, stderr = avtr("render", "photo.png", "call.wav", *words)
    assert (code, stderr.count("\n")) == (2, 1)
    assert "is a variable not set?" in stderr


def test_no_label_may_be_said_with_an_empty_word(avtr, tmp_path):
    assert "there is no such file" in avtr("render", tmp_path / "p.png", "call.wav", "--label", "")[2]


@pytest.mark.parametrize("command", ["render", "verify"])
def test_a_file_that_may_not_be_read_is_an_input_error_of_ours(avtr, tmp_path, monkeypatch, command):
    path = tmp_path / "p.png"
    path.write_text("no picture")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # as for who has not the right; root has every
    code, _, stderr = avtr(command, path, *([path] if command == "render" else []))
    assert (code, stderr.count("\n")) == (3, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("avtr demo --list | true; echo ${PIPESTATUS[0]}", 0),
        ("avtr render no.png no.wav 2>/dev/full; echo $?", 3),
        ("avtr render --no-such 2>/dev/full; echo $?", 2),
        ("mkdir gone && cd gone && rmdir ../gone && avtr demo --list 2>&1 | grep -q 'is gone; cd to'; echo $?", 0),
    ],
)
def test_surroundings_that_are_odd_are_no_bug(tmp_path, shell, code):
    package = Path(cli.__file__).parents[2]
    avtr = f'avtr() {{ PYTHONPATH={package} {sys.executable} -c "from avtr_cli.cli import main; main()" "$@"; }};'
    done = subprocess.run(["bash", "-c", avtr + shell], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.split()[-1], done.stderr) == (str(code), "")


@pytest.mark.parametrize("error", [MemoryError(), OSError(24, "Too many open files")])
def test_what_the_system_refuses_is_not_called_a_bug(avtr, monkeypatch, tmp_path, error):
    def refused(*_, **__):
        raise error

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("avtr_cli.cli.options.preset_of", refused)
    code, _, stderr = avtr("render", "a.png", "b.wav")
    assert (code, stderr.count("\n"), "bug in avtr" in stderr) == (1, 1, False)
    assert "memory" in stderr or "ulimit -n" in stderr


@pytest.mark.slow
def test_services_without_standard_streams_get_their_video_too(photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    command = [sys.executable, "-c", warm.AVTR, "render", photo, wav(0.2), "-o", out]

    def close() -> None:
        for number in range(3):
            os.close(number)

    done = subprocess.run([*map(str, command), *SMALL], check=False, preexec_fn=close)
    assert done.returncode == 0
    assert len(videos.decode(out)) == 5


@pytest.mark.slow
def test_services_without_a_standard_error_alone_get_their_video_too(photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    as_python_finds_it = "import os, sys; os.close(2); sys.stderr = None\n"
    done = warm.run(as_python_finds_it + warm.AVTR, "render", photo, wav(0.2), "-o", out, *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(videos.decode(out)) == 5


def test_what_should_never_happen_is_one_sentence_that_says_where_the_rest_is(avtr, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("avtr_cli.cli.options.preset_of", lambda *_, **__: 1 / 0)
    code, _, stderr = avtr("render", "a.png", "b.wav")
    assert code == 1
    assert stderr.count("\n") == 1
    assert "a bug in avtr, please report it: ZeroDivisionError" in stderr
    (trace,) = tmp_path.iterdir()
    assert str(trace) in stderr
    assert "Traceback" in trace.read_text()


@pytest.mark.slow
def test_quiet_prints_the_path_alone(avtr, photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    assert avtr("render", photo, wav(0.5), "-o", out, *SMALL) == (0, f"{out}\n", "")


def test_an_existing_video_is_kept_unless_told_otherwise(avtr, photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    out.write_bytes(b"precious")
    code, _, stderr = avtr("render", photo, wav(0.5), "-o", out)
    assert (code, out.read_bytes()) == (5, b"precious")
    assert "--overwrite" in stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["avatar", "mix", "stereo", "none"])
def test_the_sound_is_what_was_asked_for(avtr, photo, wav, tmp_path, kind):
    out = tmp_path / "a.mp4"
    avtr("render", photo, wav(3.0), "--start", 2.2, "-o", out, *SMALL, "--sound", kind)
    if kind == "none":
        assert "Audio:" not in videos.describe(out)
        return
    sound = videos.sound(out)
    assert sound.shape[1] == (2 if kind == "stereo" else 1)
    late = np.abs(sound[-16_000:]).max(0)  # the partner speaks at the end, the avatar does not
    assert (late > 0.03).tolist() == {"avatar": [False], "mix": [True], "stereo": [False, True]}[kind]


@pytest.mark.slow
def test_an_avatar_may_be_the_second_channel_or_a_file_of_its_own(avtr, photo, dialogue, wav, tmp_path):
    own, other = tmp_path / "own.wav", tmp_path / "other.wav"
    soundfile.write(own, dialogue[1, :12_800], 16_000)
    soundfile.write(other, dialogue[0, :12_800], 16_000)
    hashes = []
    for arguments in ([wav(0.8), "--avatar-channel", 2], [own, "--partner", other]):
        report = tmp_path / "r.json"
        avtr("render", photo, *arguments, "-o", tmp_path / "a.mp4", *SMALL, "--overwrite", "--report", report)
        hashes.append(videos.report_of(report)["output"]["frames_sha256"])
    assert hashes[0] == hashes[1]


@pytest.mark.slow
def test_motion_written_to_a_file_draws_the_same_video_again(avtr, photo, wav, tmp_path):
    motion, out, reports = tmp_path / "m.safetensors", tmp_path / "a.mp4", []
    for more in (["--motion-out", motion], ["--from-motion", motion, "--seed", 77]):
        report = tmp_path / "r.json"
        avtr("render", photo, wav(0.9), "-o", out, *SMALL, "--overwrite", "--report", report, *more)
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

    path = folder / "photo.png"
    if kind == "not a picture":
        path.write_text("hello")
    elif kind == "no face":
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8))
    return path


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_report_that_cannot_be_written_is_exit_code_5_and_the_video_stays(avtr, photo, wav, tmp_path):
    code, _, stderr = avtr("render", photo, wav(0.5), "-o", tmp_path / "a.mp4", *SMALL, "--report", "/dev/full")
    assert code == 5
    assert "/dev/full" in stderr
    assert (tmp_path / "a.mp4").is_file()


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_with_130_and_one_sentence_and_no_half_written_video(photo, wav, tmp_path, number):
    out = tmp_path / "a.mp4"
    process = warm.start(warm.AVTR, "render", photo, wav(10.0), "-o", out)
    while not list(tmp_path.glob(".a.mp4.avtr/*.mkv")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.strip().count("\n") == 0
    assert "interrupted" in stderr
    assert list(tmp_path.iterdir()) == []
