"""YAML as the settings read it: words stay words, and whatever can go wrong is one sentence."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.plain_yaml import load, load_file


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "12:30", "1:30:00", "2024-05-01", "2024-99-99", "0x1f"]
)
def test_what_is_written_as_a_word_stays_one(word):
    assert load(f"a: {word}", "x") == {"a": word}
    assert load(f"[{word}, {word}]", "x") == [word, word]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *(("true", True), ("False", False), ("~", None), ("null", None), ("", None)),
        *(("007", 7), ("010", 10), ("-3", -3), ("+3", 3), ("1e-1", 0.1), ("1.0e-1", 0.1), (".5", 0.5), ("1.", 1.0)),
        *((".inf", float("inf")), ("-.INF", -float("inf"))),
    ],
)
def test_numbers_booleans_and_nothing_are_those_of_yaml_1_2(written, value):
    read = load(written, "x")
    assert (read, type(read)) == (value, type(value))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2", "line 2: the key 'a' stands twice"),
        ("{5: 2}", "the key 5 is no word; put it in quotes"),
        ("{true: 2}", "the key true is no word"),
        ("? [a]\n: b", "a key is a word, not a list or a table"),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 100 + "1" + "}" * 100, "nested too deeply"),
        (BOMB, "aliases multiply to more than 1,000,000 values"),
        ("&a [*a]", "holds itself"),
        ("9" * 5000, "a number of 5000 digits"),
        ("a\0b", r"the character '\x00', which no text file has"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("!!timestamp 2024-99-99", "could not determine a constructor"),
        ("!!bool on", "neither true nor false"),
        ("!!float x", "is no number"),
        ("!!map [a]", "expected a mapping node"),
        ("a: [", "not a YAML file (line 1: "),
        ("a: 1\n---\nb: 2", "another document"),
    ],
)
def test_what_yaml_can_fail_at_is_one_sentence_that_names_the_place(text, says):
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        load(text, "mine.yaml")
    assert str(caught.value).startswith("mine.yaml: ")
    assert "\n" not in str(caught.value)


def test_a_merge_brings_in_another_table_and_may_be_overruled():
    assert load("base: &b {a: 1, b: 2}\nmine: {<<: *b, a: 3}\nyours: {<<: *b}", "x") == {
        "base": {"a": 1, "b": 2},
        "mine": {"a": 3, "b": 2},
        "yours": {"a": 1, "b": 2},
    }


@given(some.text(max_size=60) | some.text("{}[]:,&*!?-#|>@%'\"\\ \n\tab01.~<=", max_size=40))
@settings(max_examples=300)
def test_any_text_gives_a_value_or_one_sentence(text):
    said = ""
    try:
        load(text, "x")
    except ConfigError as error:
        said = str(error)
    assert "\n" not in said


def test_what_is_no_text_file_is_refused_without_waiting_for_it(tmp_path):

    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9")
    (tmp_path / "large.yaml").write_bytes(b" " * (17 << 20))
    for name, says in (
        ("pipe", "is a pipe"),
        ("folder", "is a folder"),
        ("latin", "is not UTF-8 text"),
        ("large", "is larger than 16 MiB"),
        ("missing", "there is no such file"),
        ("n" * 300, "File name too long"),
        ("nul\0", "NUL"),
    ):
        with pytest.raises(ConfigError, match=says):
            load_file(tmp_path / f"{name}.yaml")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_with_a_byte_order_mark_is_read(tmp_path, encoding):
    (tmp_path / "a.yaml").write_text("a: grün", encoding=encoding)
    assert load_file(tmp_path / "a.yaml") == {"a": "grün"}
