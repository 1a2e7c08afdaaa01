"""What is refused before any work: each thing a person can mistype, in one sentence, with nothing touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core.config import load_preset
from avtr_cli.core.errors import AvtrError, ConfigError, InputError, OutputError
from avtr_cli.core.files import write_text
from avtr_cli.core.types import Cue
from avtr_cli.jobs.checking import SPARE_BYTES, check, check_space, check_writable
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.jobs.workfolder import Segment, WorkFolder, beside
from avtr_cli.output.formats import format_of

OUTPUTS = ("out", "report", "page", "motion_out")
INPUTS = ("photo.png", "behind.jpg", "call.wav", "them.wav", "m.safetensors", "cues.yaml")


@pytest.fixture
def given(tmp_path) -> dict[str, Path]:
    """Every kind of input there is, as good as a header can tell."""
    paths = {name: tmp_path / "in" / name for name in INPUTS}
    (tmp_path / "in").mkdir()
    Image.new("RGB", (300, 200), "grey").save(paths["photo.png"])
    Image.new("RGB", (300, 200), "grey").save(paths["behind.jpg"])
    noise = 0.1 * np.random.default_rng(0).standard_normal((16_000, 1))
    soundfile.write(paths["call.wav"], noise, 16_000)
    soundfile.write(paths["them.wav"], noise, 16_000)
    paths["m.safetensors"].write_bytes(b"motion")
    paths["cues.yaml"].write_text("[]")
    return paths


@pytest.fixture
def job(given, tmp_path):
    def make(settings: tuple[str, ...] = (), **more) -> Job:
        files = DialogueFiles(dialogue=given["call.wav"], partner=given["them.wav"])
        fields = {"photo": given["photo.png"], "sound": files, "out": tmp_path / "out" / "a.mp4"}
        fields |= {"settings_files": (given["cues.yaml"],), **more}
        return Job(preset=load_preset("default", settings), **fields)

    return make


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(job: Job) -> AvtrError:
    with pytest.raises(AvtrError) as raised, check(job):
        pass
    assert "\n" not in str(raised.value)
    return raised.value


def test_a_good_job_passes_and_leaves_no_trace_not_even_the_folder_of_its_output(job, tmp_path):
    before = everything(tmp_path)
    with check(job()) as checked:
        assert checked.frames == 25
    assert everything(tmp_path) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("way", ["itself", "another spelling", "a link"])
@pytest.mark.parametrize("given_name", INPUTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_no_output_may_be_an_input_whatever_it_is_called(job, given, tmp_path, output, given_name, way):
    target = given[given_name]
    if way == "another spelling":
        target = tmp_path / "in" / ".." / "in" / given_name
    if way == "a link":
        target = tmp_path / f"link{target.suffix}"
        target.symlink_to(given[given_name])
    settings = (f"render.background={given['behind.jpg']}",)
    more = {"from_motion": given["m.safetensors"], "overwrite": True, output: target}
    before = everything(tmp_path)
    error = refusal(job(settings, **more))
    assert error.exit_code == 5
    assert "made from" in str(error) or "no video format" in str(error)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["000001.png", "000042.png", "sound.wav"])
def test_a_sequence_never_lies_where_its_inputs_do(job, given, tmp_path, name):
    source = given["photo.png"] if name.endswith("png") else given["call.wav"]
    mine = source.rename(source.with_name(name))
    more = {"photo": mine} if name.endswith("png") else {"sound": DialogueFiles(dialogue=mine, solo=True)}
    error = refusal(job(out=mine.parent / "%06d.png", overwrite=True, **more))
    assert "made from" in str(error)


@pytest.mark.parametrize("one", OUTPUTS)
@pytest.mark.parametrize("other", OUTPUTS)
def test_no_two_outputs_share_a_name(job, tmp_path, one, other):
    if one != other:
        path = tmp_path / "x.mp4"
        assert "cannot be both" in str(refusal(job(**{"out": path, one: path, other: path})))


@pytest.mark.parametrize("one", OUTPUTS)
@pytest.mark.parametrize("other", OUTPUTS)
def test_no_output_lies_in_a_folder_that_another_would_have_to_be(job, tmp_path, one, other):
    if one != other:
        outer = tmp_path / "x.mp4"
        error = refusal(job(**{"out": outer, one: outer, other: outer / "deep" / "y.mp4"}))
        assert (error.exit_code, str(outer) in str(error)) == (5, True)


def test_a_sequence_s_picture_is_no_folder_and_its_folder_no_file(job, tmp_path):
    pictures = tmp_path / "frames" / "%06d.png"
    assert "the folder of" in str(refusal(job(out=pictures, report=tmp_path / "frames")))
    assert "the folder of" in str(refusal(job(out=pictures, report=tmp_path / "frames" / "000001.png" / "r.json")))
    with check(job(out=pictures, report=tmp_path / "frames" / "r.json", page=tmp_path / "frames" / "page" / "r.html")):
        pass


@pytest.mark.parametrize("name", [".a.mp4.avtr", ".a.mp4.avtr/job.json", ".a.mp4.avtr/new/r.json"])
def test_no_output_lies_where_the_video_is_made(job, tmp_path, name):
    assert "is made in" in str(refusal(job(out=tmp_path / "a.mp4", report=tmp_path / name)))


def test_a_dash_is_no_output(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "name one, or /dev/stdout" in str(refusal(job(report=Path("-"))))


def test_no_output_is_a_file_of_settings(job, tmp_path):
    mine = tmp_path / "cues.yaml"
    mine.write_text("[]")
    assert "made from" in str(refusal(job(settings_files=(mine,), page=mine, overwrite=True)))
    assert mine.read_text() == "[]"


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_lies_at_an_output_stays_unless_told_otherwise(job, tmp_path, output):
    mine = tmp_path / ("mine.csv" if output == "motion_out" else "mine.mp4")
    mine.write_bytes(b"precious")
    assert "--overwrite" in str(refusal(job(**{output: mine})))
    with check(job(overwrite=True, **{output: mine})):
        pass
    assert mine.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["000001.png", "000077.png", "1234567.png", "sound.wav"])
def test_a_folder_with_pictures_of_the_sequence_s_names_is_not_written_to(job, tmp_path, name):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / name).write_bytes(b"mine")
    assert "exists already" in str(refusal(job(out=tmp_path / "frames" / "%06d.png")))


@pytest.mark.parametrize("name", ["1.png", "20240101.jpg", "0000001.png", "000001.png.bak", "+00001.png", "٣٣٣٣٣٣.png"])
def test_other_names_are_no_part_of_a_sequence(job, tmp_path, name):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / name).write_bytes(b"mine")
    with check(job(out=tmp_path / "frames" / "%06d.png")):
        pass


def test_outputs_that_a_killed_run_of_the_job_was_placing_are_not_in_its_way(job, tmp_path):
    wanted = job(report=tmp_path / "r.json")
    with WorkFolder(wanted.out).claim("key") as folder:
        (folder.path / "segment-00000.mkv").write_bytes(b"video")
        folder.close_segment(Segment(5, bytes(160)))
        folder.begin_placing([wanted.report, wanted.out])
    wanted.report.write_text("{}")
    with check(wanted):
        pass


@pytest.mark.parametrize("left", [(), ("lock",), ("lock", "placing.json"), ("lock", "placing.json", "joined.mp4")])
def test_what_a_run_left_that_was_killed_while_cleaning_up_goes_when_the_output_is_asked_for_again(job, tmp_path, left):
    wanted = job(out=tmp_path / "a.mp4")
    wanted.out.write_bytes(b"whole")
    beside(wanted.out).mkdir()
    for name in left:
        text = json.dumps({"targets": [str(wanted.out)]}) if name == "placing.json" else "1"
        (beside(wanted.out) / name).write_text(text)
    if "placing.json" in left:  # ours, as far as can be told before it is known which job that was
        with check(wanted), WorkFolder(wanted.out).claim("key"):
            pass
    else:
        assert "exists already" in str(refusal(wanted))
    assert not beside(wanted.out).exists()
    assert wanted.out.read_bytes() == b"whole"


@pytest.mark.parametrize("place", ["/proc/nowhere/x", "/dev/null/x", "FILE/x", "FOLDER", "x" * 250, "y" * 500])
@pytest.mark.parametrize("output", OUTPUTS)
def test_where_nothing_can_be_written_is_known_before(job, tmp_path, output, place):
    (tmp_path / "FILE").touch()
    suffix = ".csv" if output == "motion_out" else ".mp4"
    (tmp_path / f"FOLDER{suffix}").mkdir()
    error = refusal(job(**{output: tmp_path / f"{place}{suffix}"}))
    assert error.exit_code == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_known_before(job, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert refusal(job(out=tmp_path / "closed" / "a.mp4")).exit_code == 5


def test_a_report_may_go_to_a_pipe_or_device_and_a_video_may_not(job, tmp_path):
    with check(job(report=Path("/dev/stdout"), page=Path("/dev/stdout"))):
        pass
    (tmp_path / "device.mp4").symlink_to("/dev/null")
    assert "is a device" in str(refusal(job(out=tmp_path / "device.mp4")))


@pytest.mark.slow
@pytest.mark.parametrize("missing", INPUTS)
@pytest.mark.parametrize("kind", ["gone", "a folder", "empty", "nonsense"])
def test_an_input_that_is_something_else_is_named(job, given, missing, kind):
    path = given[missing]
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    elif kind != "gone":
        path.write_bytes(b"" if kind == "empty" else b"hello" * 50)
    if missing in ("m.safetensors", "cues.yaml") and kind != "gone":
        return  # what is in them is looked at elsewhere
    error = refusal(job((f"render.background={given['behind.jpg']}",), from_motion=given["m.safetensors"]))
    assert error.exit_code == 3
    assert str(path) in str(error)


@pytest.mark.parametrize("name", ["a.mp4", "a.MP4", "a.mkv"])
def test_a_transparent_background_needs_a_format_that_keeps_it(job, tmp_path, name):
    error = refusal(job(("render.background=transparent",), out=tmp_path / name))
    assert isinstance(error, ConfigError)
    assert ".webm" in str(error)
    for suffix in (".webm", ".mov", ".png"):
        with check(job(("render.background=transparent",), out=tmp_path / f"a{suffix}")):
            pass


def test_cues_for_motion_that_is_replayed_are_a_contradiction(job, given):
    error = refusal(job(cues=(Cue(5, "nod"),), from_motion=given["photo.png"]))
    assert isinstance(error, ConfigError)
    assert "--from-motion replays one" in str(error)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".png"])
def test_the_disk_is_asked_for_what_the_format_takes(tmp_path, suffix, monkeypatch):

    form = format_of(tmp_path / f"a{suffix}", load_preset().output)
    need = form.disk_bytes((512, 512), 1500) + SPARE_BYTES - 1
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=need))
    with pytest.raises(OutputError, match="MiB"):
        check_space(tmp_path / "no" / "such" / f"a{suffix}", form, (512, 512), 1500)
    check_space(tmp_path / f"a{suffix}", form, (256, 256), 1000)


def test_an_output_that_another_is_writing_is_refused(job):
    wanted = job()
    with WorkFolder(wanted.out):
        assert f"process {os.getpid()}" in str(refusal(wanted))


def test_a_dialogue_s_second_photo_is_an_input_too(given, tmp_path):
    second = tmp_path / "b.png"
    Image.new("RGB", (300, 200), "grey").save(second)
    files = DialogueFiles(dialogue=given["call.wav"], partner=given["them.wav"])
    fields = {"photo": given["photo.png"], "photo_b": second, "sound": files, "out": tmp_path / "a.mp4"}
    assert "made from" in str(refusal(TwoSidedJob(report=second, overwrite=True, **fields)))
    second.unlink()
    assert isinstance(refusal(TwoSidedJob(**fields)), InputError)


@pytest.mark.parametrize("path", ["new/x.mp4", "x.mp4"])
def test_asking_whether_a_place_can_be_written_writes_nothing(tmp_path, path):
    check_writable(tmp_path / path)
    assert list(tmp_path.iterdir()) == []


REFUSED = {
    "no such photo": ["render", "nope.png", "call.wav"],
    "no such sound": ["render", "photo.png", "nope.wav"],
    "no such setting": ["render", "photo.png", "call.wav", "--set", "render.sise=3"],
    "no such preset": ["render", "photo.png", "call.wav", "--preset", "nonsense"],
    "no such folder": ["render", "photo.png", "call.wav", "--report", "/proc/nope/r.json"],
    "no such format": ["render", "photo.png", "call.wav", "-o", "a.avi"],
    "no second photo": ["dialogue", "photo.png", "nope.png", "call.wav"],
}


REFUSE_ALL = """
import contextlib, io, json, sys
from avtr_cli.cli import main
for what, words in json.loads(sys.argv[1]).items():
    before, said, sys.argv = set(sys.modules), io.StringIO(), ["avtr", *words]
    with contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as left:
            told = [left.code, said.getvalue(), sorted(set(sys.modules) - before)]
    print(json.dumps({what: told}))
"""


@pytest.fixture(scope="module")
def refused(tmp_path_factory) -> dict[str, tuple[int, str, list[str]]]:
    """Of each refusal, in turn in one process: its exit code, what it said, and the modules that it loaded first."""
    folder = tmp_path_factory.mktemp("refused")
    Image.new("RGB", (300, 200), "grey").save(folder / "photo.png")
    soundfile.write(folder / "call.wav", np.zeros((16_000, 2)), 16_000)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", REFUSE_ALL, json.dumps(REFUSED)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=environment)
    return {what: told for line in done.stdout.splitlines() for what, told in json.loads(line).items()}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_loads_neither_torch_nor_onnxruntime_nor_opencv(refused, what):
    code, said, loaded = refused[what]
    assert code in (2, 3, 5)
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert {name.split(".")[0] for name in loaded} & {"torch", "onnxruntime", "cv2", "scipy", "c2pa"} == set()


def test_the_longest_name_that_is_taken_can_also_be_written(tmp_path):
    path = tmp_path / ("r" * 244 + ".json")  # 249 bytes: with a hidden folder beside it 255
    check_writable(path, "--report")
    write_text(path, "{}")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    with pytest.raises(OutputError, match="the name is too long"):
        check_writable(path.with_name("r" * 245 + ".json"), "--report")
