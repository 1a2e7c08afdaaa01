"""How many cores are counted: those that the process may use, and no more than its container pays for."""

from __future__ import annotations

import os

import pytest

from avtr_cli.core import runtime


@pytest.mark.parametrize(
    ("quota", "most"), [("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("100000 100000", 1)]
)
def test_a_container_s_share_of_time_counts(monkeypatch, tmp_path, quota, most):
    path = tmp_path / "cpu.max"
    path.write_text(quota + "\n")
    monkeypatch.setattr(runtime, "CPU_QUOTA", path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert runtime.cores() == most


@pytest.mark.parametrize("text", [None, "max 100000", "", "nonsense", "1 0"])
def test_without_a_share_the_process_s_own_cores_count(monkeypatch, tmp_path, text):
    path = tmp_path / "cpu.max"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(runtime, "CPU_QUOTA", path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    assert runtime.cores() == 6
