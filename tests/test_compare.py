"""Systems side by side: equal cells, one sound, exact length, marks; and a page that calls no chance a finding."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import yaml
from skimage.data import astronaut

from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.evaluation.compare.film import Asked, plan
from avtr_cli.evaluation.compare.grid import GROUND, Cell, Grid, columns_for, cut
from avtr_cli.evaluation.compare.panel import Shown, best, compare_page
from avtr_cli.evaluation.folder.layout import read_layout
from tests.test_evaluation_video import write_video
from tests.videos import decode, sound

COLOURS = {"truth": (200, 40, 40), "quick": (40, 200, 40), "short": (40, 40, 200)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_TRACKS", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """A clip of ten frames in plain colours, which show no face: a person, and two systems, one of which ends early."""
    place = tmp_path / "calls"
    (place / "audio").mkdir(parents=True)
    time = np.arange(6400) / 16_000
    own, partner = 0.2 * np.sin(2 * np.pi * 440 * time), 0.2 * np.sin(2 * np.pi * 880 * time)
    soundfile.write(place / "audio" / "a.wav", np.stack([own, partner], 1), 16_000)
    for name, frames in (("truth", 10), ("quick", 10), ("short", 4)):
        at = place / "truth" if name == "truth" else place / "systems" / name
        at.mkdir(parents=True)
        write_video(at / "a.mp4", [np.full((64, 96, 3), COLOURS[name], np.uint8)] * frames)
    return place


def grid(*cells: Cell, side: int = 64) -> Grid:
    own = np.array([True] * 5 + [False] * 5)
    return Grid(cells, side, columns_for(len(cells)), own, ~own, ~own)


def near(pixel: np.ndarray, colour: tuple[int, int, int], reach: int = 14) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= reach)


def test_the_smallest_square_holds_all_cells():
    assert [columns_for(count) for count in (1, 2, 4, 5, 9, 10)] == [1, 2, 2, 3, 3, 4]


def test_faces_of_any_size_fill_their_cells_alike():
    cells = []
    for radius in (20, 60):
        y, x = np.mgrid[:240, :320]
        picture = np.where((((x - 150) ** 2 + (y - 120) ** 2) < radius**2)[..., None], 255, 0).astype(np.uint8)
        face = np.repeat(picture, 3, axis=2)
        box = np.array([(150 - radius) / 320, (120 - radius) / 240, (150 + radius) / 320, (120 + radius) / 240])
        cells.append(cut(face, box, 96)[..., 0] > 127)
    assert cells[0].sum() == pytest.approx(cells[1].sum(), rel=0.1)


def test_what_lies_beyond_a_picture_is_ground():
    shown = cut(np.full((50, 50, 3), 255, np.uint8), np.array([0.8, 0.0, 1.0, 0.2]), 32)
    assert tuple(shown[0, -1]) == GROUND


def test_a_video_that_has_ended_is_shown_grey_and_the_line_runs():
    made = grid(Cell("a", None), Cell("b", None))
    red = np.full((64, 64, 3), (200, 40, 40), np.uint8)
    first = made.compose([red, red], [False, True], 0).copy()
    last = made.compose([red, red], [False, False], 9).copy()
    middle = (60 + 32, 8 + 32)
    assert near(first[middle], (200, 40, 40), 1)
    other = first[middle[0], middle[1] + 72]
    assert other.max() == other.min()
    assert near(last[middle[0], middle[1] + 72], (200, 40, 40), 1)
    assert (first[:60] != last[:60]).any()
    assert first.shape[0] % 2 == first.shape[1] % 2 == 0


def test_a_caption_too_long_for_its_cell_is_cut():
    made = grid(Cell("a" * 200, None))
    picture = made.compose([np.zeros((64, 64, 3), np.uint8)], [False], 0)
    assert (picture[60 + 64 :, 8 + 64 :] == GROUND).all()


def test_a_name_that_is_none_is_refused(folder):
    layout = read_layout(folder)
    with pytest.raises(ConfigError, match="no clip is called 'b'"):
        plan(layout, Asked(clip="b"))
    with pytest.raises(ConfigError, match="no system is called 'slow'"):
        plan(layout, Asked(systems=("slow",)))
    (folder / "systems" / "short" / "a.mp4").unlink()
    with pytest.raises(InputError, match="no system has a video"):
        plan(layout, Asked(systems=("short",)))


@pytest.mark.slow
def test_the_command_makes_one_video_of_exact_length_with_the_recorded_sound(avtr, folder, tmp_path):
    said = {"format": 1, "systems": [{"name": "quick", "hears_partner": True}, {"name": "short"}]}
    (folder / "manifest.yaml").write_text(yaml.safe_dump(said))
    out = tmp_path / "all.mp4"
    code, printed, _ = avtr("compare", folder, "-o", out, "--size", 96, "--sound", "stereo")
    assert (code, printed.strip()) == (0, str(out))
    frames, heard = decode(out), sound(out)
    assert len(frames) == 10
    assert abs(len(heard) - 0.4 * 48_000) <= 2048
    spectrum = np.abs(np.fft.rfft(heard[2400:16800], axis=0)).argmax(0) / 0.3
    np.testing.assert_allclose(spectrum, [440, 880], atol=5)
    centre = (60 + 48, 8 + 48)
    assert near(frames[0][centre], COLOURS["truth"])
    assert near(frames[0][centre[0], centre[1] + 104], COLOURS["quick"])
    below = (centre[0] + 112, centre[1])
    assert near(frames[0][below], COLOURS["short"])
    assert np.ptp(frames[8][below].astype(int)) < 14
    assert avtr("verify", out)[0] == 0
    again = avtr("compare", folder, "-o", out)
    assert again[0] == 5
    assert "--overwrite" in again[2]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".avtr")] == []


@pytest.mark.slow
def test_the_page_holds_the_video_and_the_numbers(avtr, tmp_path):
    place = tmp_path / "calls"
    (place / "audio").mkdir(parents=True)
    time = np.arange(16_000) / 16_000
    soundfile.write(place / "audio" / "a.wav", np.stack([0.2 * np.sin(2 * np.pi * 200 * time)] * 2, 1), 16_000)
    person = [np.ascontiguousarray(np.roll(astronaut()[:400], step, axis=1)[:, 40:440]) for step in range(25)]
    for at in (place / "truth", place / "systems" / "still", place / "systems" / "late"):
        at.mkdir(parents=True)
    write_video(place / "truth" / "a.mp4", person)
    write_video(place / "systems" / "late" / "a.mp4", [person[max(0, at - 5)] for at in range(25)])
    write_video(place / "systems" / "still" / "a.mp4", person[:1] * 25)
    page = tmp_path / "all.html"
    code, printed, _ = avtr("compare", place, "-o", tmp_path / "all.mp4", "--html", page, "--json", "--size", 64)
    assert code == 0
    told = json.loads(printed)
    assert told["frames"] == 25
    assert told["unils"]["systems"]["late"]["measures"]["S_LVE_mesh"]["value"] is not None
    text = page.read_text()
    assert 'src="all.mp4"' in text
    assert "data:image/jpeg" in text
    assert "S_<wbr>LVE_<wbr>mesh" in text
    assert "no clip counts" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "x.webm"], "name it .mp4 or .mkv"),
        (["--sound", "loud"], "--sound is"),
        (["-o", "x.mp4", "--html", "x.mp4"], "both the video and the page"),
        (["-o", "calls/truth/a.mp4", "-y"], "lies among what is compared"),
    ],
)
def test_outputs_are_refused_before_the_work(avtr, folder, monkeypatch, words, sentence):
    monkeypatch.chdir(folder.parent)
    code, _, err = avtr("compare", "calls", *words)
    assert code in (2, 5)
    assert sentence in err


def report(values: dict[str, float], apart: tuple[float, float]) -> dict:
    def row(value: float) -> dict:
        told = {"value": value, "low": value - 0.1, "high": value + 0.1, "reason": None}
        return told | {"higher_is_better": True, "comparable_with_published": False}

    systems = {
        name: {"conditioned_on_truth": "none", "left_out": [], "measures": {"quality": row(value)}}
        for name, value in values.items()
    }
    first, second = values
    difference = {"quality": {"value": 0.2, "low": apart[0], "high": apart[1]}}
    return {
        "groups": 30, "statement": "not comparable", "warnings": [], "systems": systems, "controls": {},
        "differences": {f"{first} - {second}": {"measures": difference}},
    }  # fmt: skip


def test_the_best_is_bold_only_where_the_difference_excludes_0(tmp_path):
    assert best("quality", report({"a": 0.9, "b": 0.7}, (0.05, 0.35))) == "a"
    assert best("quality", report({"a": 0.9, "b": 0.7}, (-0.05, 0.45))) is None
    assert best("quality", report({"a": 0.7, "b": 0.9}, (-0.35, -0.05))) == "b"
    shown = Shown(tmp_path / "a.mp4", "clip a", None, (64, 64))
    for low, bold in ((0.05, 1), (-0.05, 0)):
        made = report({"<a>": 0.9, "b": 0.7}, (low, 0.35))
        page = compare_page(tmp_path / "a.html", shown, {"listening": made}, "avtr compare")
        assert page.count("<b>.90</b>") == bold
        assert "<a>" not in page
        assert "30 dialogues" in page
