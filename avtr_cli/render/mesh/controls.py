"""One row of the controls space into what the renderer's parts need: shape weights, eyes, pose, breathing.

Plain Python numbers on the CPU, so that regions of interest are known without asking the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Rotation, Vector
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, SEAL_JAW
from avtr_cli.core.timing import FPS
from avtr_cli.kernels.eye_measures import WIDENS
from avtr_cli.perception.template import rotation_matrix
from avtr_cli.render.mesh.calibration import UNCALIBRATED, Calibration
from avtr_cli.render.mesh.shapes import SHAPES, step

# Head rotation commands are followed exactly to 70 % of these and then ever less: a warp of one photo cannot show
# what it hides. Degrees of pitch, yaw, roll.
FURTHEST = (18.0, 26.0, 20.0)
CAMERA_DISTANCE = 7.0  # EO from the camera to the head: about 65 cm, as on a video call
BREATH_HZ = 0.23  # about 14 breaths a minute
BREATH_LIFT = 0.016  # EO that the shoulders rise from the mean
SMILED = 0.35  # of a smile that is asked for, which a photo's own broad smile has already
# What a photo's own broad smile gives up while it speaks: of the smile, of its width, and of the gap between its lips.
SPEAKING_SMILE, SPEAKING_STRETCH, SPEAKING_TEETH = 0.65, 0.45, 0.1
# A mouth speaks by so much for a weight of each: in full at an opening that is common in speech, for a smile that came
# back between two syllables would make the mouth wider and narrower all the time.
SPEAKS = {"jawOpen": 4.0, "mouthUpperUp": 0.5, "mouthLowerDown": 0.5, "mouthFunnel": 1.5, "mouthPucker": 1.5}
SPEAKS_SHUT = 3.0  # the same for mouthClose
PURSED = 0.9  # share of the photo's gap between the lips that a full pucker closes
_JAW_DRIVEN = [SHAPES.index("jawOpen"), SHAPES.index("sealJaw")]
_BROWS = [index for index, name in enumerate(SHAPES) if name.startswith(("brow", "cheekSquint"))]
_SMILES = [SHAPES.index("mouthSmileLeft"), SHAPES.index("mouthSmileRight")]
_STRETCHES = [SHAPES.index("mouthStretchLeft"), SHAPES.index("mouthStretchRight")]
_SPEAKS = np.array(
    [next((by for name, by in SPEAKS.items() if shape.startswith(name)), 0.0) for shape in SHAPES], np.float32
)
_PUCKER = SHAPES.index("mouthPucker")
_SEAL_PHOTO = SHAPES.index("sealPhoto")


_TURN, _SHIFT, _NEAR, _FAR = math.pi, 4.0, -2.0, 50.0  # radians; EO aside, towards the camera and away from it
_LEAST, _MOST = -1.0, 1.5  # weights of blendshapes: below 0 the opposite is drawn, above 1 more than people do
LOWEST = np.array([_LEAST] * len(ARKIT_BLENDSHAPES) + [-_TURN] * 3 + [-_SHIFT, -_SHIFT, _NEAR])
HIGHEST = np.array([_MOST] * len(ARKIT_BLENDSHAPES) + [_TURN] * 3 + [_SHIFT, _SHIFT, _FAR])
"""Of every control: rows are cut to these before they are read; beyond, nothing more would be seen."""


@dataclass(frozen=True)
class EyeControl:
    """What one eye does: lids as ARKit weights, the look in -1 .. 1."""

    blink: float
    wide: float
    squint: float
    look_x: float  # + towards the right of the picture
    look_y: float  # + down

    @property
    def at_rest(self) -> bool:
        """Whether it is as in the photo, so that nothing need be drawn."""
        return not (self.blink or self.wide or self.squint or self.look_x or self.look_y)


@dataclass(frozen=True)
class Pose:
    """Where the head is, relative to the photo."""

    rotation: Rotation  # (3, 3) in the camera frame
    shift: Vector  # (2,) EO, x right, y down
    zoom: float  # 1 at rest; above 1 nearer

    @property
    def turn(self) -> float:
        """Degrees that the head's axis towards the camera has turned; rolling does not count."""
        return math.degrees(math.acos(min(float(self.rotation[2, 2]), 1.0)))

    @property
    def at_rest(self) -> bool:
        """Whether the head is exactly where the photo has it."""
        return self.zoom == 1 and not self.shift.any() and bool((self.rotation == np.eye(3)).all())


@dataclass(frozen=True)
class Controls:
    """A frame's worth of controls."""

    weights: Floats  # float32 (shapes,)
    eyes: dict[str, EyeControl]  # by the subject's side, Left and Right
    tongue: float
    pose: Pose
    breath: float  # -1 .. 1


@lru_cache(maxsize=1)
def _columns() -> list[int]:
    return [CONTROLS.index(name) for name in SHAPES if not name.startswith("seal")]


def read_controls(
    row: Doubles, frame: int, breathing: float = 1.0, calibration: Calibration = UNCALIBRATED
) -> Controls:
    """`row` float (58,) of types.CONTROLS, within LOWEST and HIGHEST.

    `frame` counts from the start of the video and drives the breath.
    """
    weights = np.zeros(len(SHAPES), np.float32)
    weights[:-2] = np.clip(row[_columns()], _LEAST, _MOST)
    weights[-2:] = seal_weights(_get(row, "mouthClose"), _get(row, "jawOpen"))
    weights[_JAW_DRIVEN] *= calibration.jaw
    weights[_BROWS] *= calibration.brows
    _temper_photo(weights, _get(row, "mouthClose"), calibration.smile)
    return Controls(
        weights=weights,
        eyes={side: _eye(row, side, calibration) for side in ("Left", "Right")},
        tongue=max(_get(row, "tongueOut"), 0.0),
        pose=_pose(row, calibration.turn),
        breath=math.sin(2 * math.pi * BREATH_HZ * frame / FPS) * breathing,
    )


def _temper_photo(weights: Floats, mouth_close: float, photo_smile: float) -> None:
    """The photo's own mouth taken back: pursed lips meet, and a smile neither grins nor gapes through speech."""
    smiles = weights[_SMILES]
    speaking = min(1.0, float(_SPEAKS @ np.clip(weights, 0, 1)) + SPEAKS_SHUT * max(mouth_close, 0.0))
    relaxed = photo_smile * speaking
    weights[_SMILES] = np.where(smiles > 0, smiles * (1 - SMILED * photo_smile), smiles) - SPEAKING_SMILE * relaxed
    weights[_STRETCHES] -= SPEAKING_STRETCH * relaxed * (1 - min(max(float(weights[_PUCKER]), 0.0), 1.0))
    # Lips that are pursed meet, though the photo has them parted, unless the jaw parts them.
    pursed = PURSED * step(float(weights[_PUCKER]), 0.2, 0.8) * (1 - step(float(weights[_JAW_DRIVEN[0]]), 0.0, 0.35))
    weights[_SEAL_PHOTO] = max(float(weights[_SEAL_PHOTO]), SPEAKING_TEETH * relaxed, pursed)


def seal_weights(mouth_close: float, jaw_open: float) -> tuple[float, float]:
    """(sealJaw, sealPhoto): ARKit's mouthClose closes the lips in full when it equals jawOpen.

    It also closes the lips of a photo that shows them parted, which m, b and p need.
    """
    share = min(1.0, max(0.0, mouth_close) / max(jaw_open, SEAL_JAW))
    return share * max(jaw_open, 0.0), share


def _get(row: Doubles, name: str) -> float:
    return float(row[CONTROLS.index(name)])


def _eye(row: Doubles, side: str, calibration: Calibration) -> EyeControl:
    outward = _get(row, f"eyeLookOut{side}") - _get(row, f"eyeLookIn{side}")
    blink = min(max(_get(row, f"eyeBlink{side}"), 0.0), 1.0) ** calibration.blink
    wide = calibration.widens * _get(row, f"eyeWide{side}")
    if calibration.lids:  # lids that the photo has down rise farther, and a blink takes all of it back
        wide *= (1 + calibration.lids / WIDENS) * (1 - blink)
    return EyeControl(
        blink=blink,
        wide=wide,
        squint=_get(row, f"eyeSquint{side}"),
        look_x=min(max(outward if side == "Left" else -outward, -1.0), 1.0),
        look_y=min(max(_get(row, f"eyeLookDown{side}") - _get(row, f"eyeLookUp{side}"), -1.0), 1.0),
    )


def _pose(row: Doubles, turn: Rotation) -> Pose:
    first = CONTROLS.index("headPitch")
    wanted = turn @ row[first : first + 3]
    vector = np.array([_soft_limit(float(v), math.radians(f)) for v, f in zip(wanted, FURTHEST, strict=True)])
    x, y, z = (float(v) for v in row[first + 3 : first + 6])
    return Pose(
        rotation=rotation_matrix(vector) if vector.any() else np.eye(3),
        shift=np.array([x, y]),
        zoom=CAMERA_DISTANCE / (CAMERA_DISTANCE + max(z, _NEAR)),
    )


def _soft_limit(value: float, limit: float) -> float:
    knee = 0.7 * limit
    over = abs(value) - knee
    if over <= 0:
        return value
    return math.copysign(knee + (limit - knee) * math.tanh(over / (limit - knee)), value)
