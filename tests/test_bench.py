"""`avtr bench`: what it says of a machine follows from what was measured."""

from __future__ import annotations

import json

import pytest

from avtr_cli.diagnostics import whole_jobs
from avtr_cli.diagnostics.whole_jobs import Run, job_lines, live_line
from avtr_cli.report.report import Report


def run(
    p99: float = 50.0, late: int = 0, wall_s: float = 4.0, own: float = 4.0, encoder: float = 2.0, cores: int = 2
) -> Run:
    """A job of 10 s in 50 chunks: 40 ms of drawing each, 8 ms of motion, 4 of handing over."""
    cpu = {"audio": 0.0, "motion": 8.0, "render": 40.0, "composite": 0.0, "encode": 4.0}
    report = {
        "device": {"name": "a CPU", "cores": cores, "threads": 1, "torch": "2"},
        "output": {"frames": 250, "width": 512, "height": 512, "duration_s": 10.0},
        "timing": {
            "realtime_factor": 3.0,
            "startup_s": {"load": 1.0, "portrait": 2.0},
            "deadline_ms": 200.0,
            "deadline_misses": late,
            "chunk_ms": {"count": 50, "p50": 30.0, "p99": p99},
            "stages_ms": {name: {"count": 50, "mean": ms + 1, "p50": ms + 1} for name, ms in cpu.items()},
            "cpu_ms": {name: {"count": 50, "mean": ms, "p50": ms} for name, ms in cpu.items()},
        },
    }
    return Run(Report(report), wall_s, own, encoder)


def test_the_floor_is_all_cpu_time_shared_by_the_cores():
    assert run(own=4.0, encoder=2.0, cores=2).floor_s == pytest.approx(3.0)


def test_the_floor_is_the_busiest_thread_where_there_are_many_cores():
    assert run(cores=64).floor_s == pytest.approx(50 * 0.040)


@pytest.mark.parametrize(
    ("p99", "late", "said"),
    [(40.0, 0, "holds one with ease"), (100.0, 0, "holds one with ease"), (101.0, 0, "as long as nothing else"),
     (199.0, 0, "as long as nothing else"), (200.0, 1, "does not hold one"), (400.0, 30, "does not hold one")],
)  # fmt: skip
def test_the_slowest_chunks_say_whether_a_live_call_holds(p99: float, late: int, said: str):
    line = live_line([run(p99, late)] * 3)
    assert said in line
    assert f"{3 * late} of 150 came late" in line


def test_what_every_core_did_adds_up():
    (line,) = (line for line in job_lines([run(wall_s=5.0), run(wall_s=4.0)]) if line.startswith("cores"))
    assert line.startswith(
        "cores: 75% of 2 at work for 4.0 s: drawing 2.0 s, motion 0.4, frames to ffmpeg 0.2, ffmpeg 2.0"
    )
    assert line.endswith("all else 1.4")


def test_a_stage_is_told_by_the_wall_and_by_what_its_thread_did():
    lines = list(job_lines([run()]))
    assert [line.split()[1:] for line in lines if line.startswith("render")] == [["41.0", "40.0", "8.00"]]
    assert [line.split()[1:3] for line in lines if line.startswith("ffmpeg")] == [["40.0", "8.00"]]


@pytest.mark.slow
def test_the_command_times_jobs_of_its_own_size_and_camera_pictures(avtr, tmp_path, monkeypatch):
    monkeypatch.setattr(whole_jobs, "WIDE", {"720p": (192, 108)})
    told = tmp_path / "told.json"
    small = ("--seconds", 0.6, "--runs", 1, "--set", "render.size=64", "--wide", "--report", told)
    code, stdout, stderr = avtr("bench", *small)
    assert code == 0, stderr
    assert "1 runs of 15 frames at 64x64" in stdout
    assert "1 runs of 15 frames at 192x108" in stdout
    entry = json.loads(told.read_text())
    assert set(entry) == {"runs", "720p"}
    (first,) = entry["runs"]
    assert first["spent"]["own_cpu_s"] > 0
    assert first["spent"]["encoder_cpu_s"] > 0
    cpu, wall = (first["timing"][kind]["render"]["mean"] for kind in ("cpu_ms", "stages_ms"))
    assert 0 < cpu <= 1.2 * wall
    code, _, stderr = avtr("bench", *small)  # its own file, replaced
    assert code == 0, stderr


def test_sessions_are_not_whole_jobs(avtr):
    code, _, stderr = avtr("bench", "--wide", "--sessions", 2)
    assert code == 2
    assert "--wide times whole jobs" in stderr
