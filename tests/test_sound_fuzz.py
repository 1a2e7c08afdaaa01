"""Damaged sounds: a few hundred of what `python -m tests.fuzz.sounds` tries by the thousand."""

from __future__ import annotations

import pytest

from tests.fuzz.sounds import cases, hear


@pytest.mark.slow
def test_a_damaged_sound_is_read_or_refused_in_a_sentence_whatever_its_format(tmp_path):
    path = tmp_path / "a.bin"
    outcomes = []
    for case in cases(seed=11, count=150):
        path.write_bytes(case.content)
        outcomes.append(hear(path))
    assert 30 < outcomes.count("read") < 120  # both kinds are met


def test_the_same_seed_makes_the_same_files():
    assert list(cases(3, 20, encoded=False)) == list(cases(3, 20, encoded=False))
