"""The recorded game: an archive of its layout, written here, is read back line by line."""

from __future__ import annotations

import io
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avtr_cli.core.errors import AvtrError
from avtr_cli.training import phones, recordings, speech, talkie

GAME = Path("queen.1c")
LEVELS = 2


def archive(files):
    """The bytes of an archive that holds `files`."""
    index, data = b"", b""
    first = 15 + 21 * len(files)
    for name, content in files.items():
        index += struct.pack(">12sBII", name.encode(), 1, first + len(data), len(content))
        data += content
    return b"QTBLCEM10" + bytes(4) + struct.pack(">H", len(files)) + index + data


def dialogue(key, hero, other):
    """A .DOG file in which the hero and the other say the lines {number: text}."""
    begins = 32 + 96 * LEVELS
    lines = [b"", b""]
    for side, said in enumerate((hero, other)):
        for number, text in said.items():
            entry = struct.pack(">HHB", 0, number, len(text)) + text.encode()
            lines[side] += entry + bytes(-len(entry) % 4)
    middle = begins + len(lines[0])
    words = [-LEVELS, 0, key, *[0] * 8, middle, middle + len(lines[1]), 0, 0, 0]
    return bytes(20) + struct.pack(">16h", *words) + bytes(96 * LEVELS) + lines[0] + lines[1]


def scene(*lines):
    """A .CUT file in which these lines are said."""
    held = b"\0"
    for line in lines:
        held += bytes([len(line)]) + line.encode()
        held += bytes(len(held) % 2)
    begins = 40
    return bytes(20) + struct.pack(">6H", 0, len(lines), 0, 0, begins, begins + len(held)) + bytes(28) + held + bytes(9)


def said(files):
    return [(line.character, line.words) for line in talkie.lines_of(archive(files), GAME)]


def test_a_line_finds_its_sound_by_dialogue_number_side_and_part():
    files = {
        "TAM1.DOG": dialogue(7, {0x1E: "*FRHello there.*15"}, {0x1E: "Who are you?*02*FLGo away!*05", 3: "No.*02"}),
        "07001EJ1.SB": b"a", "07001EP1.SB": b"b", "07001EP2.SB": b"c",
    }  # fmt: skip
    assert said(files) == [("joe", "Hello there."), ("tam", "Who are you?"), ("tam", "Go away!")]
    assert [line.sound for line in talkie.lines_of(archive(files), GAME)] == [b"a", b"b", b"c"]


def test_what_the_hero_says_of_things_is_numbered_from_41():
    files = {
        "QUEEN2.JAS": b"It's open*02\r\nTsk tsk*03Empty crates!*24\r\n",
        "JOE00411.SB": b"", "JOE00421.SB": b"", "JOE00422.SB": b"",
    }  # fmt: skip
    assert said(files) == [("joe", "It's open"), ("joe", "Tsk tsk"), ("joe", "Empty crates!")]


def test_a_scene_counts_its_lines_and_in_them_gestures_and_turns_of_the_face():
    files = {
        "C9A.CUT": scene("*", "*FLHey, over here!*01", "Yes.*01Now help me.*02", "", "We did it.*03"),
        "C9A__022.SB": b"", "C9A__031.SB": b"", "C9A__032.SB": b"", "C9A__051.SB": b"",
    }  # fmt: skip
    assert [words for _, words in said(files)] == ["Hey, over here!", "Yes.", "Now help me.", "We did it."]


def test_growls_and_voices_under_effects_are_left_out():
    lines = dialogue(9, {1: "Good boy.*02"}, {1: "Woof woof.*02"})
    assert said({"DOG.DOG": lines, "090001J1.SB": b"", "090001P1.SB": b""}) == [("joe", "Good boy.")]


def test_another_archive_is_one_sentence(tmp_path):
    with pytest.raises(AvtrError, match="apt-get install flight-of-the-amazon-queen"):
        talkie.lines_of(b"ZIP!" + bytes(40), GAME)
    assert talkie.talkie_voices(tmp_path, tmp_path / "none") == {}


def test_phones_too_long_or_too_many_tell_that_the_words_are_others():
    spoken = np.array([[1, 0.1 * k, 0.1 * k + 0.1] for k in range(10)], np.float32)
    assert talkie._credible(spoken)
    hurried, drawn = spoken.copy(), spoken.copy()
    hurried[:, 1:] *= 0.3
    drawn[-1, 2] += 1.0
    assert not talkie._credible(hurried)
    assert not talkie._credible(drawn)
    assert not talkie._credible(np.zeros((1, 3), np.float32))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed here")
def test_lines_become_utterances_whose_phones_lie_in_their_sound(tmp_path):
    """The whole way, spoken by flite: archive, MP3, alignment, cache."""
    pytest.importorskip("pocketsphinx")
    line = "my mother forgot the bottle by the river"
    spoken = next(iter(speech.speak_flite("slt", [line], np.random.default_rng(3))))
    held = io.BytesIO()
    soundfile.write(held, spoken.samples, 16_000, format="MP3")
    numbers = range(1, talkie._FEWEST + 1)
    files = {"LOLA1.DOG": dialogue(5, {}, dict.fromkeys(numbers, f"{line}.*02"))}
    files |= {f"05{number:04X}P1.SB": held.getvalue() for number in numbers}
    game = tmp_path / "queen.1c"
    game.write_bytes(archive(files))
    (voice,) = talkie.talkie_voices(tmp_path / "speech", game).values()
    again = talkie.talkie_voices(tmp_path / "speech", game)
    assert len(voice) == len(again["talkie-lola"]) == len(numbers)
    bilabial = [phones.PHONES.index(name) for name in "pbm"]
    first = voice[0]
    assert sum(row[0] in bilabial for row in first.phones) == sum(row[0] in bilabial for row in spoken.phones)
    assert first.phones[:, 2].max() <= first.seconds + 0.05


def test_words_that_the_dictionary_lacks_are_found():
    pytest.importorskip("pocketsphinx")
    assert recordings.unknown_words({"bottle", "xyzzyq", "river"}) == {"xyzzyq"}
