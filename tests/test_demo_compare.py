"""`avtr demo compare` in small: videos of one call side by side, replaced by the next run; and nothing else is."""

from __future__ import annotations

import pytest

from avtr_cli.cli import demo_compare
from avtr_cli.evaluation.folder.layout import read_layout
from tests.videos import decode


@pytest.fixture
def small(monkeypatch, tmp_path):
    """One second, one system of ours, one that does not listen."""
    monkeypatch.setenv("AVTR_TRACKS", str(tmp_path / "tracks"))
    monkeypatch.setattr(demo_compare, "DURATION_S", 1.03)
    monkeypatch.setattr(demo_compare, "SIZE", 128)
    monkeypatch.setattr(demo_compare, "HEARING", {"fast": "fast"})
    monkeypatch.setattr(demo_compare, "HELD_AGAINST", ("loudness",))


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_systems_are_rendered_set_side_by_side_and_told(avtr, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        code, told, said = avtr("demo", "compare", "-o", out)
        assert code == 0, said
        assert told.split() == [str(out / "compare.mp4"), str(out / "compare.html")]
    assert "no recorded person but another seed of avtr" in said
    layout = read_layout(out / "compare")
    assert {system.name: system.hears_partner for system in layout.systems} == {"fast": True, "loudness": False}
    assert len(decode(out / "compare.mp4")) == 26
    assert "a single conversation" in (out / "compare.html").read_text()


@pytest.mark.parametrize("name", ["compare", "compare.mp4", "compare.html"])
def test_what_no_demo_wrote_is_left_alone(avtr, tmp_path, name):
    (tmp_path / name).write_text("mine")
    code, _, said = avtr("demo", "compare", "-o", tmp_path)
    assert code == 5
    assert f"{tmp_path / name}: is there already, and no such demo wrote it; choose another -o" in said
    assert (tmp_path / name).read_text() == "mine"
