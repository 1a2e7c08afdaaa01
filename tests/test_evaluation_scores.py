"""Scores that another program gave: read from a CSV, refused in one sentence, told as rows with their intervals."""

from __future__ import annotations

from pathlib import Path

import pytest

from avtr_cli.core.errors import InputError
from avtr_cli.evaluation.folder.layout import read_layout
from avtr_cli.evaluation.folder.scores import load_scores, with_scores


@pytest.fixture
def layout(tmp_path):
    """Three clips of two systems; what is in their files is not looked at."""
    for part in ("truth", "systems/ours", "systems/theirs"):
        (tmp_path / part).mkdir(parents=True)
        for name in "abc":
            (tmp_path / part / f"{name}.mp4").write_bytes(b"told by its name")
    return read_layout(tmp_path)


def scores(layout, path: Path, text: str):
    path.write_text(text)
    return load_scores(path, layout)


def empty(layout) -> dict:
    return {
        "systems": {system.name: {"measures": {}, "left_out": []} for system in layout.systems},
        "differences": {}, "controls": {}, "statement": "all is alike",
    }  # fmt: skip


def test_scores_become_rows_over_conversations_and_paired_differences(layout, tmp_path):
    text = "system,id,IQA,my_score\n" + "".join(
        f"{system},{clip},{value + at},{-at}\n"
        for system, value in (("ours", 2.0), ("theirs", 1.5))
        for at, clip in enumerate("abc")
    )
    told = with_scores(empty(layout), layout, scores(layout, tmp_path / "s.csv", text))
    row = told["systems"]["ours"]["measures"]["IQA"]
    assert (row["value"], row["count"]["pairs"], row["values"]["c"]) == (3, 3, 4)
    assert row["low"] < 3 < row["high"]
    assert told["systems"]["ours"]["measures"]["my_score"]["value"] == -1
    (apart,) = told["differences"].values()
    assert apart["measures"]["IQA"]["value"] == pytest.approx(0.5)
    assert told["controls"] == {}
    assert told["statement"] == "all is alike; IQA, my_score with none"


def test_clips_without_a_score_do_not_count(layout, tmp_path):
    told = with_scores(empty(layout), layout, scores(layout, tmp_path / "s.csv", "system,id,ASE\nours,b,5\nours,c,\n"))
    assert told["systems"]["ours"]["measures"]["ASE"]["count"]["pairs"] == 1
    assert told["systems"]["theirs"]["measures"]["ASE"]["reason"] == "the file has no such score of this system"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its first line must be system,id"),
        ("system,id\n", "its first line must be system,id"),
        ("id,system,IQA\n", "its first line must be system,id"),
        ("system,id,IQA,IQA\n", "its first line must be system,id"),
        ("system,id,PSNR\n", "a score cannot be called 'PSNR'"),
        ("system,id,FID\n", "a score cannot be called 'FID'"),
        ("system,id,a b\n", "a score cannot be called 'a b'"),
        ("system,id,IQA\nnobody,a,3\n", "line 2: the folder has no system 'nobody'"),
        ("system,id,IQA\nours,z,3\n", "line 2: the folder has no clip 'z'"),
        ("system,id,IQA\nours\n", "the folder has no clip 'None'"),
        ("system,id,IQA\nours,a,3\nours,a,3\n", "line 3: ours has scores of a already"),
        ("system,id,IQA\nours,a,many\n", "line 2: IQA is 'many', which is no number"),
        ("system,id,IQA\nours,a,nan\n", "which is no number"),
        ("system,id,ASE\nours,a,5.4\n", "ASE is 5.4, and Q-Align's run from 1 to 5; give another scale another name"),
        ("system,id,IQA\nours,a,3,4\n", "line 2: has more columns than the first line names"),
        ('system,id,IQA\nours,a,"3\n', "is no CSV that can be read"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(layout, tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        scores(layout, tmp_path / "s.csv", text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        load_scores(tmp_path / "none.csv", layout)
