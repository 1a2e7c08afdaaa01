"""The portraits to try a renderer on: all show one face, and the sheet's moments are what they are called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import partial
from types import ModuleType

import numpy as np
import pytest
import skimage.data

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.perception.landmarks import find_faces


@pytest.fixture(scope="module")
def portraits() -> Iterator[ModuleType]:
    path = list(sys.path)
    sys.path.insert(0, str(shipped_folder("examples")))
    yield importlib.import_module("portraits")
    sys.path[:] = path


@pytest.mark.parametrize("variant", ["old_photo", "in_the_dark", "tilted"])
def test_what_is_made_of_the_photo_still_shows_one_face_and_is_made_again_to_the_bit(portraits, variant):
    make, photo = getattr(portraits, variant), skimage.data.astronaut()
    picture = make(photo)
    assert picture.dtype == np.uint8
    assert len(find_faces(picture)) == 1
    assert np.array_equal(picture, make(photo))


@pytest.mark.slow
def test_every_portrait_shows_one_face(portraits, monkeypatch):
    monkeypatch.setattr(portraits, "SIZE", 320)  # half of what the script writes: a face all the same
    pictures = dict(portraits.portraits())
    assert len(pictures) == 8
    assert [name for name, picture in pictures.items() if len(find_faces(picture)) != 1] == []


def test_the_palette_is_put_back(portraits):
    before = portraits.man.SKIN
    with pytest.raises(ZeroDivisionError), portraits._palette({"SKIN": np.zeros(3)}):
        raise ZeroDivisionError
    assert portraits.man.SKIN is before


@pytest.mark.slow
def test_the_moments_of_the_sheet_show_what_they_are_called(portraits, monkeypatch):
    """Of fewer takes, and of the first 16 s of the call, in which both speak."""
    sheet = importlib.import_module("expression_sheet")
    monkeypatch.setattr(sheet, "TURNING_TAKES", 1)
    monkeypatch.setattr(sheet, "DialogueFiles", partial(DialogueFiles, duration_s=16.0))
    states = sheet.states()
    of = {name: dict(zip(CONTROLS.channels, row, strict=True)) for name, row in states.items()}
    assert of["speaking"]["jawOpen"] - of["speaking"]["mouthClose"] > 0.3
    assert of["smiling"]["mouthSmileLeft"] > 0.2
    assert of["blinking"]["eyeBlinkLeft"] > 0.9
    assert abs(np.degrees(of["turned"]["headYaw"])) > 6  # in the 144 s that the sheet looks through, above 10
    assert of["listening"]["jawOpen"] < 0.1
