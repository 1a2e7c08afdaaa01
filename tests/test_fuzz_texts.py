"""A bounded part of tests/fuzz/texts.py: whatever is written, it is read or refused by one sentence, and at once."""

from __future__ import annotations

import pytest

from tests.fuzz import marks, texts

COUNT = {"report": 6, "--trust": 6, "marked file": 12}  # those that start ffmpeg


@pytest.mark.slow
@pytest.mark.parametrize("target", texts.TARGETS + marks.targets(), ids=lambda target: target.name)
def test_a_text_written_wrongly_is_read_or_refused_by_one_sentence(target, tmp_path):
    outcomes = texts.run([target], COUNT.get(target.name, 40), seed=7)
    assert texts.faults(outcomes) == 0, outcomes
    assert len(outcomes[target.name]) > 1 or target.name in COUNT  # neither all is taken nor nothing
