"""Cues: what people write becomes a frame, a name and a strength, or one sentence that names the entry."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.types import CUE_STRENGTH, CUES, Cue
from avtr_cli.prompts.reading import LATEST_S, check_cues, load_cues, parse_cues


def test_cues_come_in_the_order_of_their_frames(tmp_path):
    path = tmp_path / "cues.yaml"
    path.write_text("- {at: 3.2, cue: smile, strength: 0.5}\n- {at: 1, cue: nod}\n")
    assert load_cues(path) == (Cue(25, "nod", 1.0), Cue(80, "smile", 0.5))


@pytest.mark.parametrize("name", CUES)
def test_every_cue_of_the_one_list_can_be_asked_for(name):
    assert parse_cues([{"at": 0, "cue": name}], "x") == (Cue(0, name),)


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf, -0.1, 10**400, LATEST_S * 2, "1", None, True, [1]])
def test_a_time_that_is_none_is_refused(at):
    with pytest.raises(ConfigError, match=r"^night: cue 1: at is .* must be the seconds"):
        parse_cues([{"at": at, "cue": "nod"}], "night")


@pytest.mark.parametrize(
    "strength", [math.nan, math.inf, CUE_STRENGTH[0] - 1, CUE_STRENGTH[1] + 1, 10**400, "much", False]
)
def test_a_strength_beyond_what_can_be_drawn_is_refused(strength):
    with pytest.raises(ConfigError, match=r"^night: cue 2: strength is "):
        parse_cues([{"at": 1, "cue": "nod"}, {"at": 1, "cue": "nod", "strength": strength}], "night")


@pytest.mark.parametrize(
    "entries", [None, "nod", {}, [1], [None], [{}], [{"at": 1}], [{"at": 1, "cue": "dance"}], [{"at": 1, "cue": [1]}]]
)
def test_what_is_no_list_of_cues_is_refused(entries):
    with pytest.raises(ConfigError, match=r"^night: "):
        parse_cues(entries, "night")


@pytest.mark.slow
@given(some.text(max_size=80))
@settings(max_examples=100)
def test_any_text_is_a_list_of_cues_or_one_sentence(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "cues.yaml"
    path.write_bytes(text.encode(errors="replace"))
    said = ""
    try:
        load_cues(path)
    except ConfigError as error:
        said = str(error)
    assert not said or said.startswith(f"{path}: ")


def test_a_cue_behind_the_end_is_told():
    cues = parse_cues([{"at": 1, "cue": "nod"}, {"at": 2, "cue": "smile"}], "x")
    assert check_cues(cues, 51, "c.yaml") == []
    assert check_cues(cues, 50, "c.yaml") == ["c.yaml: the cue 'smile' at 2 s never comes: the video ends at 2 s"]
