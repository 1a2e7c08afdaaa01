"""The Seamless Interaction data set in the layouts its tools leave: calls found, rendered, judged, gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import soundfile
import yaml

from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.evaluation.folder.layout import read_layout
from avtr_cli.jobs.seamless import calls_in, chosen
from tests import warm
from tests.batches import SMALL, environment
from tests.test_evaluation_video import write_video

CALLS = {"V00_S0809_I00000582": "dev", "V01_S0223_I00000127": "test"}
SIDES = ("P0947", "P1012A")
SECONDS = 1.24  # 31 frames


def places(data: Path, split: str, name: str, layout: str) -> tuple[Path, Path]:
    """Where a participant's sound and video lie."""
    if layout == "archives":
        sound = video = data / "improvised" / split / "0000" / "0001"
    else:
        sound, video = (data / "improvised" / split / kind for kind in ("audio", "video"))
    for folder in (sound, video):
        folder.mkdir(parents=True, exist_ok=True)
    return sound / f"{name}.wav", video / f"{name}.mp4"


@pytest.fixture(params=["archives", "kinds"])
def data(request, tmp_path):
    folder = tmp_path / "data"
    for call, split in CALLS.items():
        for side in SIDES:
            for path in places(folder, split, f"{call}_{side}", request.param):
                path.write_bytes(b"told by its name")
    return folder


def test_calls_are_found_with_both_sides_and_their_split(data):
    calls, left_out = calls_in(data)
    assert {call.id: call.split for call in calls} == CALLS
    assert all([side.name for side in call.sides] == [f"{call.id}_{side}" for side in SIDES] for call in calls)
    assert all(side.video is not None for call in calls for side in call.sides)
    assert left_out == {}


def test_a_call_that_lacks_a_side_or_its_video_is_left_out_with_its_reason(data):
    gone, unseen = (f"{call}_{SIDES[0]}" for call in CALLS)
    next(data.rglob(f"{gone}.wav")).unlink()
    calls, left_out = calls_in(data)
    assert [call.id for call in calls] == ["V01_S0223_I00000127"]
    assert left_out == {"V00_S0809_I00000582": "1 participant of two"}
    next(data.rglob(f"{unseen}.mp4")).unlink()
    with pytest.raises(InputError, match="holds no call of two participants"):
        calls_in(data)


def test_the_data_set_s_own_list_tells_splits_where_it_is_there(data):
    lines = [f"{call}_{side},improvised,train,0,1" for call in CALLS for side in SIDES]
    (data / "filelist.csv").write_text("\n".join(["file_id,label,split,batch_idx,archive_idx", *lines]))
    assert {call.split for call in calls_in(data)[0]} == {"train"}


def test_calls_are_chosen_by_split_and_by_id_of_a_call_or_of_a_participant(data):
    calls, _ = calls_in(data)
    first, second = CALLS
    assert [call.id for call in chosen(calls, "dev", None)] == [first]
    assert [call.id for call in chosen(calls, None, [f"{second}_P0947"])] == [second]
    with pytest.raises(ConfigError, match="--split train: no call is of this split; there are dev, test"):
        chosen(calls, "train", None)
    with pytest.raises(ConfigError, match=r"ids\.txt: V9_S1_I1 is no call with both sides here"):
        chosen(calls, None, [first, "V9_S1_I1"], "ids.txt")


def test_the_listing_says_what_there_is(avtr, data, tmp_path):
    code, told, said = avtr("eval", "seamless", "--data", data, "--list", "-o", tmp_path / "out")
    assert code == 0
    assert told.splitlines()[0].split() == ["V00_S0809_I00000582", "dev", *(f"V00_S0809_I00000582_{s}" for s in SIDES)]
    assert "1 of dev, 1 of test" in said
    assert not (tmp_path / "out").exists()


def test_what_no_such_command_wrote_is_left_alone(avtr, data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "compare.mp4").write_text("mine")
    code, _, said = avtr("eval", "seamless", "--data", data, "-o", out)
    assert code == 5
    assert "no such command wrote it" in said
    assert (out / "compare.mp4").read_text() == "mine"


@pytest.mark.slow
def test_calls_are_rendered_judged_and_shown_and_a_second_run_renders_nothing(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    call = next(iter(CALLS))
    for seed, side in enumerate(SIDES):
        sound, video = places(data, "dev", f"{call}_{side}", "archives")
        said = 0.1 * np.random.default_rng(seed).standard_normal(round(48_000 * SECONDS))
        soundfile.write(sound, said, 48_000)
        write_video(video, [skimage.data.astronaut()[:320, 64:384]] * round(25 * SECONDS))
    command = ["eval", "seamless", "--data", data, "-o", out, *SMALL, "--duration", "1.04", "--jobs", "1"]
    env = environment() | {"AVTR_TRACKS": str(tmp_path / "tracks")}
    done = warm.run(warm.AVTR, *command, env=env)
    assert done.returncode == 0, done.stderr
    layout = read_layout(out)
    assert [(clip.group, clip.partner) for clip in layout.clips] == [
        (call, f"{call}_{SIDES[1]}"),
        (call, f"{call}_{SIDES[0]}"),
    ]
    assert all(layout.systems[0].shows(clip).is_file() for clip in layout.clips)
    assert {path.name for path in (out / "photos").iterdir()} == {f"{call}_{side}.png" for side in SIDES}
    numbers = json.loads((out / "numbers.json").read_text())
    assert numbers["unils"]["systems"]["default"]["left_out"] == []
    assert numbers["unils"]["groups"] == 1
    assert yaml.safe_load((out / "manifest.yaml").read_text())["systems"][0]["conditioned_on_truth"] == "photo"
    assert (out / "compare.mp4").is_file()
    assert (out / "compare.html").is_file()
    again = warm.run(warm.AVTR, *command, env=env)
    assert again.returncode == 0, again.stderr
    assert "2 finished before" in again.stdout
