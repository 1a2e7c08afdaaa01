"""A photo taken in mid-blink: its person talks with open eyes, and the photo at rest is still the photo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import WINDOW_SAMPLES
from avtr_cli.core.types import Identity, Window
from avtr_cli.evaluation.mesh.studio import Studio, command
from avtr_cli.kernels.eye_measures import WIDENS
from avtr_cli.motion.gestures import CURVES
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH, compose
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.perception.lids import OPEN_EYES, eye_opening, hanging_lids, room_to_widen
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.topology import EYES
from avtr_cli.render.mesh.calibration import UNCALIBRATED, Calibration
from avtr_cli.render.mesh.controls import read_controls

CPU = torch.device("cpu")


def eyes(row: Doubles, calibration: Calibration) -> tuple[float, float]:
    """How wide and how shut a row of controls has the left eye."""
    eye = read_controls(row, 0, 0, calibration).eyes["Left"]
    return eye.wide, eye.blink


def test_lids_that_hang_rise_farther_and_a_blink_takes_all_of_it_back():
    hanging = Calibration(np.eye(3), lids=0.35)
    wide, _ = eyes(command(eyeWide=hanging.opens), hanging)
    assert wide * WIDENS == pytest.approx(0.35)
    assert eyes(command(eyeWide=1), hanging)[0] * WIDENS == pytest.approx(0.35 + WIDENS)
    assert eyes(command(eyeWide=1, eyeBlink=1), hanging) == (0, 1)
    assert eyes(command(eyeWide=0.4), UNCALIBRATED)[0] == pytest.approx(0.4)
    assert eyes(command(eyeWide=0.4, eyeBlink=0.5), UNCALIBRATED) == pytest.approx((0.4, 0.5))
    assert UNCALIBRATED.opens == 0


@pytest.mark.slow
def test_eyes_that_the_photo_has_wide_open_widen_less(photo: Path):
    points = Studio(find_portrait(photo), CPU).points
    rooms = []
    for raised in (0.0, 0.05, 0.1, 0.4):  # eye widths
        wider = points.copy()
        for eye in EYES:
            upper = list(eye.upper)[1:-1]
            wider[upper, 1] -= raised * np.linalg.norm(points[eye.upper[0], :2] - points[eye.upper[-1], :2])
        rooms.append(room_to_widen(wider))
    assert rooms == sorted(rooms, reverse=True)
    assert rooms[0] > rooms[2]
    assert rooms[-1] == pytest.approx(0.25)
    assert eyes(command(eyeWide=0.8), Calibration(np.eye(3), widens=0.5))[0] == pytest.approx(0.4)


@pytest.mark.parametrize("opened", [0.0, 0.3, 0.6])
def test_what_the_model_says_of_lids_counts_from_open_eyes(opened: float):
    given = {
        "mouth": torch.zeros(3, len(MOUTH)),
        **{name: torch.zeros(3) for name in ("bilabial", "labiodental", "activity", "presence")},
        "face": torch.zeros(3, len(FACE)),
        "curves": torch.zeros(3, len(CURVES)),
    }
    given["face"][:, FACE.index("wide")] = torch.tensor([0.0, 0.5, 5.0])
    given["curves"][:, CURVES.index("blink")] = torch.tensor([0.0, 0.0, 1.0])
    values = compose(**given, opened=opened)
    for side in ("Left", "Right"):
        wide = values[:, CONTROLS.index(f"eyeWide{side}")]
        assert wide.numpy() == pytest.approx([opened, opened + (1 - opened) * 0.5, 0.0])


def test_the_embedded_model_opens_such_eyes_and_no_others():
    generator = LmfmGenerator(MotionConfig())
    silence = Window(np.zeros((2, WINDOW_SAMPLES), np.float32), 0)

    def wide(**anatomy: torch.Tensor) -> float:
        identity = Identity(CONTROLS, torch.zeros(len(CONTROLS)), None, (8, 8), anatomy=anatomy)
        motion, _ = generator.step(silence, generator.start(identity, 3))
        return float(motion.values[:, CONTROLS.index("eyeWideLeft")].min())

    assert wide() < 0.3
    assert wide(open_eyes=torch.tensor([0.6])) >= 0.6


@pytest.mark.slow
def test_a_photo_with_shut_eyes_opens_them_and_blinks(photo: Path, tmp_path: Path):
    whole = Studio(find_portrait(photo), CPU)
    assert hanging_lids(whole.points) == 0
    blinking = tmp_path / "blinking.png"
    cv2.imwrite(str(blinking), cv2.cvtColor(whole.frame(eyeBlink=0.8), cv2.COLOR_RGB2BGR))
    portrait = find_portrait(blinking)
    assert any("nearly shut" in said and "open eyes" in said for said in portrait.warnings)
    studio = Studio(portrait, CPU)
    assert np.array_equal(studio.frame(), studio.photo)
    opens = float(studio.identity.anatomy["open_eyes"])
    assert 0.3 < opens < 0.8
    commands: list[dict[str, float]] = [{}, {"eyeWide": opens}, {"eyeWide": opens, "eyeBlink": 1.0}]
    shut, opened, again = (eye_opening(studio.face(**said)) for said in commands)
    assert shut < OPEN_EYES < opened
    assert opened > 1.4 * shut
    assert again < shut
