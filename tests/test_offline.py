"""A job from file to file: lengths, resuming after an interruption, and what the report says."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core.errors import AudioError, ConfigError, OutputError
from avtr_cli.jobs import production
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.provenance.verification import verify
from tests import videos

pytestmark = pytest.mark.slow


def job_of(photo: Path, sound: Path, out: Path, engine, **more) -> Job:
    return Job(photo=photo, sound=DialogueFiles(dialogue=sound), out=out, preset=engine.preset, **more)


@pytest.mark.parametrize("seconds", [0.04, 0.41, 1.0])
def test_picture_has_a_frame_for_every_640_samples_begun(engine, photo, wav, tmp_path, seconds):
    report = render_file(job_of(photo, wav(seconds), tmp_path / "a.mp4", engine), engine)
    count = -(-round(seconds * 16_000) // 640)
    assert report["output"]["frames"] == len(videos.decode(tmp_path / "a.mp4")) == count


def test_the_sound_s_own_sample_rate_does_not_change_the_length(engine, photo, wav, tmp_path):
    report = render_file(job_of(photo, wav(1.0, rate=22_050), tmp_path / "a.mp4", engine), engine)
    assert report["output"]["frames"] == -(-16_000 * 25 // 22_050)


class Stopped(Exception):
    pass


def stop_at(frame: int):
    def watch(done: int, total: int) -> None:
        if done >= frame:
            raise Stopped

    return watch


def test_an_interrupted_job_goes_on_from_its_last_border_bit_for_bit(engine, photo, wav, tmp_path, monkeypatch):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 10)
    whole, cut = tmp_path / "clean.BVH", tmp_path / "cut.BVH"
    clean = render_file(job_of(photo, wav(2.0), tmp_path / "clean.mp4", engine, motion_out=whole), engine)
    job = job_of(photo, wav(2.0), tmp_path / "cut.mp4", engine, motion_out=cut)
    with pytest.raises(Stopped):
        render_file(job, engine, stop_at(35))
    assert not job.out.exists()
    report = render_file(job, engine)
    assert report["output"]["resumed_from_frame"] == 30
    assert report["output"]["frames_sha256"] == clean["output"]["frames_sha256"]
    assert len(videos.decode(job.out)) == 50
    assert {path.name for path in tmp_path.iterdir()} == {"clean.mp4", "cut.mp4", "clean.BVH", "cut.BVH"}
    assert cut.read_bytes() == whole.read_bytes()
    assert b"Frames: 50\n" in cut.read_bytes()


def test_another_seed_does_not_go_on_from_somebody_elses_segments(engine, photo, wav, tmp_path, monkeypatch):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 10)
    out = tmp_path / "a.mp4"
    with pytest.raises(Stopped):
        render_file(job_of(photo, wav(2.0), out, engine, seed=1), engine, stop_at(25))
    assert render_file(job_of(photo, wav(2.0), out, engine, seed=2), engine)["output"]["resumed_from_frame"] == 0


def test_no_resume_starts_anew(engine, photo, wav, tmp_path, monkeypatch):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 10)
    with pytest.raises(Stopped):
        render_file(job_of(photo, wav(2.0), tmp_path / "a.mp4", engine), engine, stop_at(25))
    report = render_file(job_of(photo, wav(2.0), tmp_path / "a.mp4", engine, resume=False), engine)
    assert report["output"]["resumed_from_frame"] == 0


def test_the_key_follows_the_content_and_not_the_names(engine, photo, wav, tmp_path):
    one = job_of(photo, wav(1.0), tmp_path / "a.mp4", engine)
    copy = tmp_path / "copy.png"
    copy.write_bytes(photo.read_bytes())
    assert job_of(copy, wav(1.0), tmp_path / "b.mp4", engine).key() == one.key()
    assert job_of(photo, wav(1.5), tmp_path / "a.mp4", engine).key() != one.key()
    assert job_of(photo, wav(1.0), tmp_path / "a.mp4", engine, seed=1).key() != one.key()


def test_a_folder_that_is_taken_away_is_one_sentence_and_the_next_run_is_not_troubled(engine, photo, wav, tmp_path):
    job = job_of(photo, wav(1.0), tmp_path / "out" / "a.mp4", engine)

    def take_away(done: int, total: int) -> None:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)  # a second chunk may come before it is missed

    with pytest.raises(OutputError, match=r"a\.mp4"):
        render_file(job, engine, take_away)
    assert list(tmp_path.iterdir()) == []
    assert render_file(job, engine)["output"]["frames"] == 25


@pytest.mark.parametrize("which", ["photo", "sound"])
def test_an_input_replaced_meanwhile_is_not_what_the_report_and_the_marks_speak_of(engine, photo, wav, tmp_path, which):
    copies = {"photo": tmp_path / "p.png", "sound": tmp_path / "s.wav"}
    copies["photo"].write_bytes(photo.read_bytes())
    copies["sound"].write_bytes(wav(1.0).read_bytes())
    true = hashlib.sha256(copies[which].read_bytes()).hexdigest()

    def replace(done: int, total: int) -> None:
        other = tmp_path / "other"
        other.write_bytes(b"something else")
        other.replace(copies[which])

    report = render_file(job_of(copies["photo"], copies["sound"], tmp_path / "a.mp4", engine), engine, replace)
    assert report["inputs"]["audio" if which == "sound" else "photo"]["sha256"] == true
    facts = verify(tmp_path / "a.mp4").facts["inputs"]
    assert facts["audio" if which == "sound" else "photo"]["sha256"] == true


def test_a_sound_that_is_overwritten_meanwhile_gives_no_video(engine, photo, wav, tmp_path):
    sound = tmp_path / "s.wav"
    sound.write_bytes(wav(1.0).read_bytes())

    def overwrite(done: int, total: int) -> None:
        with sound.open("r+b") as file:
            file.seek(1000)
            file.write(b"\1" * 500)

    with pytest.raises(AudioError, match="changed"):
        render_file(job_of(photo, sound, tmp_path / "a.mp4", engine), engine, overwrite)
    assert not (tmp_path / "a.mp4").exists()


def test_an_engine_of_other_settings_is_not_taken_for_the_job_s(engine, photo, wav, tmp_path):
    job = dataclasses.replace(
        job_of(photo, wav(0.2), tmp_path / "a.mp4", engine), preset=engine.preset.with_settings(**{"render.size": 64})
    )
    with pytest.raises(ConfigError, match="other settings"):
        render_file(job, engine)


def test_the_report_has_the_stable_keys(engine, photo, wav, tmp_path):
    report = render_file(job_of(photo, wav(1.0), tmp_path / "a.mp4", engine), engine)
    assert {"avtr", "device", "inputs", "output", "timing", "memory", "provenance"} <= report.keys()
    assert {"version", "preset", "seed", "command"} <= report["avtr"].keys()
    assert {"kind", "name", "threads", "torch", "precision"} <= report["device"].keys()
    assert {"path", "sha256", "width", "height"} <= report["inputs"]["photo"].keys()
    assert {"path", "sha256", "duration_s", "sample_rate", "channels"} <= report["inputs"]["audio"].keys()
    assert {"path", "sha256", "frames", "fps", "width", "height", "duration_s"} <= report["output"].keys()
    timing = report["timing"]
    assert {"wall_s", "realtime_factor", "startup_s", "first_frame", "chunk_ms", "deadline_ms"} <= timing.keys()
    assert timing["first_frame"]["algorithmic_ms"] == 405
    for name in ("audio", "motion", "render", "composite", "encode"):
        assert timing["stages_ms"][name]["count"] == timing["chunk_ms"]["count"] == 5
    assert sum(timing["stages_ms"][name]["mean"] for name in ("motion", "render")) <= timing["chunk_ms"]["mean"]
