"""How many cores are counted, those that the process may use and its container pays for, and how many threads draw."""

from __future__ import annotations

import os

import pytest
import torch

from avtr_cli.core import runtime
from avtr_cli.render.table import RENDERERS


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


@pytest.mark.parametrize(("cores", "light", "heavy"), [(1, 1, 1), (2, 1, 2), (3, 1, 2), (4, 2, 2), (64, 2, 2)])
def test_heavy_drawing_has_a_second_thread_where_there_is_a_second_core(monkeypatch, cores, light, heavy):
    threads = torch.get_num_threads()
    monkeypatch.setattr(runtime, "cores", lambda: cores)
    try:
        assert (runtime.use_threads(), runtime.use_threads(heavy=True), runtime.use_threads(3, True)) == (
            light,
            heavy,
            3,
        )
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_bodies_alone_are_heavy():
    assert [name for name, entry in RENDERERS.items() if entry.heavy] == ["body"]
