"""What a body's face does when told to: lips, lids, smile and head, read from the frames by Face Mesh."""

from __future__ import annotations

import math

import numpy as np

from avtr_cli.evaluation.body.stage import BodyStage, Numbers
from avtr_cli.evaluation.mesh.studio import distance
from avtr_cli.evaluation.stats import correlation
from avtr_cli.perception.lids import eye_opening
from avtr_cli.perception.template import fit_pose, rotation_vector
from avtr_cli.perception.topology import MOUTH_CORNERS
from avtr_cli.render.mesh.calibration import lip_gap
from avtr_cli.render.mesh.controls import SMILED

SEEN_OPEN = 0.12  # EAR of eyes that are open enough to be shut
POSES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.5},
    {"yaw": 15.0},
    {"yaw": -15.0},
    {"pitch": 8.0},
    {"mouthSmile": 0.8, "yaw": 6.0},
)


def found(stage: BodyStage) -> Numbers:
    """The share of six poses in which a face is found."""
    return {"face.found": float(np.mean([bool(np.isfinite(stage.face(**pose)).all()) for pose in POSES]))}


def lips(stage: BodyStage) -> Numbers:
    """How the gap follows the jaw, in EO, and how much wider a smile makes the mouth.

    A photo that smiles has a part of every smile already, and widens by the rest alone: over that it is told.
    """
    jaws = np.linspace(0, 0.7, 8)
    gaps = np.array([lip_gap(stage.face(jawOpen=float(jaw))) for jaw in jaws])
    rest, smile = stage.face(), stage.face(mouthSmile=0.8)
    left = 1 - SMILED * stage.kept.face.mesh.calibration.smile
    return {
        "jaw.r": correlation(jaws, gaps),
        "jaw.gap": float(gaps[-1] - gaps[0]),
        "jaw.step_back": float(np.maximum(gaps[:-1] - gaps[1:], 0).max()),
        "smile.wider": (distance(smile, *MOUTH_CORNERS) / distance(rest, *MOUTH_CORNERS) - 1) / left,
    }


def lids(stage: BodyStage) -> Numbers:
    """The eyes' opening shut over open; NaN where the photo's eyes are all but shut."""
    still, shut = eye_opening(stage.face()), eye_opening(stage.face(eyeBlink=1))
    return {"blink.shut_over_open": shut / still if still >= SEEN_OPEN else float("nan")}


def head(stage: BodyStage) -> Numbers:
    """Degrees turned per degree commanded, from the head as the photo has it, which may be turned itself."""
    rest, numbers = fit_pose(stage.face()).rotation, {}
    for axis, (name, most) in enumerate((("pitch", 8.0), ("yaw", 15.0), ("roll", 8.0))):
        commanded = np.array([-1, -0.5, 0.5, 1]) * most
        rotations = [fit_pose(stage.face(**{name: float(angle)})).rotation for angle in commanded]
        turned = [math.degrees(rotation_vector(rotation @ rest.T)[axis]) for rotation in rotations]
        numbers[f"head.{name}_slope"] = float(np.polyfit(commanded, turned, 1)[0])
    return numbers
