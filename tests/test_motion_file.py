"""Motion files: what is written comes back, what cannot be drawn is refused in one sentence, disks may be full."""

from __future__ import annotations

import csv
import json
import os
import stat
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from avtr_cli.core.errors import ConfigError, InputError, OutputError
from avtr_cli.core.motion_space import CONTROLS, KEYPOINTS
from avtr_cli.motion.file import LARGEST, load_motion, save_motion
from avtr_cli.motion.live_link import write_live_link_csv
from avtr_cli.motion.suffixes import check_motion_suffix
from tests.fuzz import motions

VALUES = torch.linspace(-1, 1, 3 * len(CONTROLS)).reshape(3, -1)


def written(path: Path, values: torch.Tensor = VALUES, **changes: object) -> Path:
    header = motions.whole()[0] | changes
    path.write_bytes(save({"motion": values.contiguous()}, {"avtr": json.dumps(header)}))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_motion(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("space", [CONTROLS, KEYPOINTS])
def test_what_is_saved_is_loaded(space, tmp_path: Path):
    values = torch.randn(7, len(space), generator=torch.Generator().manual_seed(0))
    save_motion(tmp_path / "m.safetensors", space, values, 5, note="more")
    known, loaded, header = load_motion(tmp_path / "m.safetensors")
    assert known is space
    assert torch.equal(loaded, values)
    assert (header["seed"], header["note"]) == (5, "more")
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 9}, "format"), ({"format": None}, "format"), ({"space": ["controls"]}, "space"),
        ({"space": "body"}, "space"), ({"space": {}}, "space"), ({"fps": 30}, "30 frames a second"),
        ({"fps": None}, "frames a second"), ({"channels": None}, "channels"), ({"channels": 58}, "channels"),
        ({"channels": ["jawOpen"]}, "channels"), ({"channels": {}}, "channels"), ({"space": "keypoints"}, "channels"),
    ],
)  # fmt: skip
def test_a_header_that_says_something_else_is_refused(changes, says: str, tmp_path: Path):
    assert says in refusal(written(tmp_path / "m.safetensors", **changes))


@pytest.mark.parametrize("text", ["", "[]", "7", "null", "{", "[" * 100_000, '{"space": ' * 2_000, '"\\ud800"'])
def test_a_header_that_is_no_table_is_refused(text: str, tmp_path: Path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(save({"motion": VALUES}, {"avtr": text}))
    assert "not a motion file" in refusal(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused_with_its_frame(number: float, tmp_path: Path):
    values = VALUES.clone()
    values[2, 40] = number
    assert "frame 2 holds" in refusal(written(tmp_path / "m.safetensors", values))


def test_what_is_no_motion_is_refused_with_the_number(tmp_path: Path):
    values = VALUES.clone()
    values[1, 3] = 2e30
    assert "2e+30" in refusal(written(tmp_path / "m.safetensors", values))
    values[1, 3] = LARGEST
    assert load_motion(written(tmp_path / "m.safetensors", values))[1].max() == LARGEST


@pytest.mark.parametrize("values", [VALUES[:0], VALUES[:, :57], VALUES[0], VALUES[None], VALUES.int()])
def test_another_shape_or_kind_of_numbers_is_refused(values: torch.Tensor, tmp_path: Path):
    refusal(written(tmp_path / "m.safetensors", values))


def test_a_table_for_other_programs_is_named_as_such(tmp_path: Path):
    path = tmp_path / "m.csv"
    write_live_link_csv(path, VALUES)
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 3
    assert float(rows[2]["HeadYaw"]) == pytest.approx(float(VALUES[2, CONTROLS.index("headYaw")]))
    assert "other programs" in refusal(path)


@pytest.mark.parametrize("name", ["gone.safetensors", "n" * 300, "a\0b", "."])
def test_a_name_without_a_file_is_one_sentence(name: str, tmp_path: Path):
    refusal(tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(60))
def test_a_spoiled_motion_file_is_refused_or_drawn(number: int):
    assert motions.judge(2, number) in ("read", "refused")


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.floats(-LARGEST, LARGEST, width=32), min_size=58, max_size=58), st.integers(0, 10**6))
def test_any_motion_within_the_bound_is_drawn(row: list[float], frame: int):
    renderer, identity = motions.avatar()
    frames = renderer.draw(identity, motions.Motion(CONTROLS, torch.tensor([row, [0.0] * 58]), frame))
    assert frames.mean(axis=(1, 2, 3)).min() > 20


def test_keypoints_do_not_fit_the_table_of_blendshapes(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"m\.csv.*keypoints.*\.safetensors"):
        write_live_link_csv(tmp_path / "m.csv", torch.zeros(5, len(KEYPOINTS)))
    assert not list(tmp_path.iterdir())


def test_motion_is_as_readable_as_the_umask_says(tmp_path: Path):
    before = os.umask(0o027)
    try:
        save_motion(tmp_path / "m.safetensors", CONTROLS, VALUES, 0)
        write_live_link_csv(tmp_path / "m.csv", VALUES)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


@pytest.mark.parametrize("place", ["missing/m", "file/m", "/proc/m", "/dev/full/m"])
def test_a_place_that_takes_no_file_is_an_output_error(place: str, tmp_path: Path):
    (tmp_path / "file").write_text("")
    for write in (lambda path: save_motion(path, CONTROLS, VALUES, 0), lambda path: write_live_link_csv(path, VALUES)):
        with pytest.raises(OutputError, match="cannot be written"):
            write(tmp_path / place)


@pytest.mark.parametrize(("name", "fits"), [("a.safetensors", True), ("A.CSV", True), ("m.txt", False), ("m", False)])
def test_motion_files_are_known_by_their_endings(name: str, fits: bool):
    if fits:
        check_motion_suffix(Path(name))
    else:
        with pytest.raises(ConfigError, match=r"\.safetensors"):
            check_motion_suffix(Path(name))


def test_half_precision_is_read_as_numbers(tmp_path: Path):
    loaded = load_motion(written(tmp_path / "m.safetensors", VALUES.half()))[1]
    assert loaded.dtype == torch.float32
    assert (loaded - VALUES).abs().max() < 1e-3
