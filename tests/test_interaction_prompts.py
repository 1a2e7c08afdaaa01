"""Interactions: what people write becomes a frame, a word and a place, or one sentence that names the entry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.interaction import SAME_AS, STRENGTHS, TONES, WORDS, Interaction, word_called
from avtr_cli.core.plain_yaml import load
from avtr_cli.core.regions import REGIONS, RegionMap
from avtr_cli.prompts.interactions import (
    Touch,
    as_yaml,
    check_interactions,
    load_interactions,
    parse_interactions,
    parse_option,
    resolved,
)
from avtr_cli.prompts.reading import LATEST_S

MAP = RegionMap(
    names=("left_cheek", "right_cheek"),
    shares=np.repeat(np.stack([np.arange(8) > 3, np.arange(8) < 4])[:, None].astype(np.float32), 8, axis=1),
    person=np.where(np.arange(8)[:, None] > 0, 1.0, 0.0).astype(np.float32) * np.ones((8, 8), np.float32),
    centres={"left_cheek": (0.75, 0.5), "right_cheek": (0.25, 0.5)},
    size=(80, 80),
    unit=20.0,
    middle=np.array([39.5, 29.5]),
    nose=np.array([39.5, 39.5]),
    down=np.array([0.0, 1.0]),
)


def test_they_come_in_the_order_of_their_frames_and_twins_as_they_stand(tmp_path):
    path = tmp_path / "touch.yaml"
    path.write_text(
        "- {at: 3.2, x: 0.48, y: 0.41, do: poke, strength: 0.5}\n- {at: 1, region: nose, do: kiss}\n"
        "- {at: 1, region: chin, do: tap, tone: gentle, view: shown, person: b}\n"
    )
    assert load_interactions(path) == (
        Touch(25, "kiss", region="nose"),
        Touch(25, "tap", region="chin", tone="gentle", shown=True, person="b"),
        Touch(80, "poke", place=(0.48, 0.41), strength=0.5),
    )


@pytest.mark.parametrize(("word", "meant"), [*zip(WORDS, WORDS, strict=True), *SAME_AS.items()])
def test_every_word_and_every_synonym_can_be_asked_for(word, meant):
    assert parse_option(f"0:nose:{word}") == Touch(0, meant, region="nose")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Kissed", "kiss"), ("patting", "pat"), ("hugs", "cuddle"), ("caressing", "caress"), ("slapped", "slap"),
        ("touches", "touch"), ("  poke ", "poke"), ("squeezed", "pinch"), ("nuzzling", "nuzzle"),
    ],
)  # fmt: skip
def test_forms_of_a_word_are_that_word(said, meant):
    assert word_called(said) == meant


def test_an_unknown_word_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"^no interaction is called 'tikle'; did you mean tickle\?$"):
        word_called("tikle")
    with pytest.raises(ConfigError, match=r"^no interaction is called 'xyzzy'; there are kiss, caress, "):
        word_called("xyzzy")


@pytest.mark.parametrize("kind", [None, 3, [], {}, True, math.nan])
def test_what_is_no_word_is_refused(kind):
    with pytest.raises(ConfigError, match=r"^no interaction is called"):
        word_called(kind)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"at": 1, "do": "poke"}, "has neither a region nor a whole point"),
        ({"at": 1, "do": "poke", "x": 0.5}, "has neither a region nor a whole point"),
        ({"at": 1, "do": "poke", "x": 0.5, "y": 0.5, "region": "nose"}, "has both a region and a point"),
        ({"at": 1, "do": "poke", "y": 0.5, "region": "nose"}, "has both a region and a point"),
        ({"at": 1, "region": "nose"}, "write {at: 3.2, region"),
        ({"at": 1, "do": "poke", "region": "nose", "how": 1}, "has 'at', 'do', 'region', 'how'; write"),
        ({"at": 1, "do": "dance", "region": "nose"}, "no interaction is called 'dance'"),
        ({"at": 1, "do": "poke", "region": "nouse"}, "no region is called 'nouse'; did you mean nose"),
        ({"at": 1, "do": "poke", "region": 7}, "no region is called 7; there are hair, "),
        ({"at": 1, "do": "poke", "x": 1.5, "y": 0.5}, "x is 1.5, but must be a share of the picture"),
        ({"at": 1, "do": "poke", "x": 0.5, "y": math.nan}, "y is nan, but must be a share of the picture"),
        ({"at": 1, "do": "poke", "x": "0.5", "y": 0.5}, "x is '0.5', but must be a share"),
        ({"at": math.nan, "do": "poke", "region": "nose"}, "at is nan, but must be the seconds"),
        ({"at": -1, "do": "poke", "region": "nose"}, "at is -1, but must be the seconds"),
        ({"at": True, "do": "poke", "region": "nose"}, "at is True, but must be the seconds"),
        ({"at": 2 * LATEST_S, "do": "poke", "region": "nose"}, "but must be the seconds"),
        ({"at": 1, "do": "poke", "region": "nose", "strength": STRENGTHS[1] + 0.1}, "strength is 1.7"),
        ({"at": 1, "do": "poke", "region": "nose", "strength": math.nan}, "strength is nan"),
        ({"at": 1, "do": "poke", "region": "nose", "tone": "rude"}, "no tone is called 'rude'; there are affect"),
        ({"at": 1, "do": "poke", "region": "nose", "view": "side"}, "view is 'side', but must be photo or shown"),
        ({"at": 1, "do": "poke", "region": "nose", "person": "c"}, "person is 'c', but must be a or b"),
        (None, "is None; write"),
        (["nose"], "is a list of 1; write"),
    ],
)
def test_an_entry_that_cannot_be_is_one_sentence_that_names_it(entry, said):
    with pytest.raises(ConfigError) as refused:
        parse_interactions([{"at": 0, "do": "kiss", "region": "nose"}, entry], "night.yaml")
    assert str(refused.value).startswith("night.yaml: interaction 2")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "1", "1:nose", "1:nose:poke:1:2", ":nose:poke", "1:0.5,:poke", "1:0.5,a:poke"])
def test_an_option_that_cannot_be_is_one_sentence(text):
    with pytest.raises(ConfigError, match=r"^--interact "):
        parse_option(text)


@given(
    some.floats(0, 1000), some.floats(0, 1), some.floats(0, 1), some.sampled_from(list(WORDS)),
    some.floats(*STRENGTHS), some.sampled_from(TONES),
)  # fmt: skip
@settings(max_examples=60)
def test_a_log_of_a_call_is_read_back_as_it_was(at, x, y, do, strength, tone):
    frame = round(at * 25)
    made = MAP.touched(frame, do, x, y, tone, strength)
    (touch,) = parse_interactions(load(as_yaml([made]), "log"), "log")
    assert resolved([touch], MAP, lambda *place: place) == (made,)


@pytest.mark.slow
@given(some.text(max_size=80))
@settings(max_examples=100)
def test_any_text_is_a_list_of_interactions_or_one_sentence(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "touch.yaml"
    path.write_bytes(text.encode(errors="replace"))
    said = ""
    try:
        load_interactions(path)
    except ConfigError as error:
        said = str(error)
    assert not said or said.startswith(f"{path}: ")


def test_they_are_resolved_on_a_photo():
    touches = parse_interactions(
        [
            {"at": 0, "region": "left_cheek", "do": "kiss"},
            {"at": 1, "x": 0.1, "y": 0.6, "do": "tap", "view": "shown"},
        ],
        "x",
    )
    first, second = resolved(touches, MAP, lambda x, y: (x + 0.5, y))
    assert first == Interaction(0, "kiss", 0.75, 0.5, (("left_cheek", 1.0),), 1.0, 0.5)
    assert (second.x, second.region) == (0.6, "left_cheek")


def test_a_region_that_the_photo_does_not_show_is_refused_with_its_entry():
    touches = parse_interactions([{"at": 0, "region": "legs", "do": "kiss"}], "night.yaml")
    with pytest.raises(ConfigError, match=r"^night.yaml: interaction 1: the photo shows no legs; it has left_ch"):
        resolved(touches, MAP, lambda *place: place)


def test_what_never_comes_or_is_not_seen_is_told():
    asked = [(30, 0.7, 0.5), (10, 0.7, 0.05), (10, 0.7, 0.9), (10, 0.3, 0.5)]
    touches = [MAP.touched(frame, "poke", x, y) for frame, x, y in asked]
    said = check_interactions(touches, 25, lambda place: (place[0], place[1] + 0.2), "a.mp4")
    assert said == [
        "a.mp4: 'poke' at 1.2 s never comes: the video ends at 1 s",
        "a.mp4: 'poke' at 0.4 s touches the background: it is answered by a glance",
        "a.mp4: 'poke' at 0.4 s touches the left cheek outside the crop, so only the answer is seen; see --view photo",
    ]
    assert check_interactions(touches[3:], 25, None, "a.mp4") == [
        "a.mp4: this renderer draws no touched skin, only how the person answers"
    ]
    assert check_interactions([], 25, None, "a.mp4") == []


def test_every_region_has_a_name_of_its_own():
    assert len(set(REGIONS)) == len(REGIONS) == 25
