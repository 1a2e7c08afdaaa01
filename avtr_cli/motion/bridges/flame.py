"""Controls to FLAME and back, by least squares on the user's own FLAME file: nothing of FLAME is shipped.

Our 43 face weights and FLAME's 100 expressions and jaw both move MediaPipe's points; the weights' displacements are
told in FLAME's numbers by a ridge with a prior, FLAME's in weights by a fit that keeps each between 0 and 1. That fit
is to what FLAME says of a weight, not to what the weight does: a blink of which FLAME says two thirds comes back whole.
Head and eyes are geometry. Of the controls FLAME cannot say the head's shift and the tongue; of FLAME nothing is lost
but what no weight does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats, Reals, Sound
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.motion_space import CONTROLS, EYE_RANGE_DEGREES, FACE_WEIGHTS, FLAME
from avtr_cli.core.protocols import MotionGenerator, Voice, WholeCallGenerator, backend_of
from avtr_cli.core.types import Asked, Identity, Motion, MotionState, Window
from avtr_cli.motion.flame.codes import CODES, EXPRESSION, HEAD, JAW, FlameMotion
from avtr_cli.motion.flame.landmarks import BRING, Landmarks, load_landmarks
from avtr_cli.motion.flame.model import FlameModel, load, vertices
from avtr_cli.motion.replay import Replay, RestingReplay
from avtr_cli.perception.template import fit_similarity, template

RIGID = (2, 4, 5, 6, 33, 98, 133, 168, 195, 197, 263, 327, 362)  # of the embedding: nose, bridge, corners of the eyes
FLIP = np.array([1.0, -1.0, -1.0])  # y up and z to the camera, to y down and z away
JAW_STEP = 0.25  # rad, over which the jaw's column is measured
MILLIMETRES = 1000.0
PRIOR = np.array([1.0] * EXPRESSION + [0.15])  # deviations of expressions, and of the jaw in radians
NOISE_MM = 1.0  # deviation of a point from what both models say
RIDGE = 1e-3  # of the fit back, in mean squared lengths of a weight's displacement
STEPS = 500  # of the fit back: within 0.003 mm^2 of the best that bounds allow
FRAMES_AT_ONCE = 512
LEAST_SPREAD = 0.01  # m, of the rigid points about their mean, all together
MOST_OFF = 0.5  # of that: how far they may lie from where the average face has them
GAZE = math.radians(EYE_RANGE_DEGREES)  # of an ARKit look weight of 1
ROWS = np.array([CONTROLS.index(name) for name in FACE_WEIGHTS])
TURN = np.array([CONTROLS.index(name) for name in ("headPitch", "headYaw", "headRoll")])


@dataclass(frozen=True)
class FlameBridge:
    """Fitted once to a FLAME file. `weights_files` are the files that it was fitted to."""

    shapes: Doubles  # (3 n, 43) mm that each face weight moves the points by, in FLAME's frame
    basis: Doubles  # (3 n, 101) mm that each expression, and the jaw by the radian, moves them by
    to_flame: Doubles  # (101, 43)
    weights_files: tuple[Path, ...] = ()
    said: Doubles = field(init=False, repr=False)  # (3 n, 43) mm: `shapes` as far as this FLAME can say them
    gram: Doubles = field(init=False, repr=False)  # (43, 43) of `said`, with the ridge

    def __post_init__(self) -> None:
        said = self.basis @ self.to_flame
        gram = said.T @ said
        object.__setattr__(self, "said", said)
        object.__setattr__(self, "gram", gram + RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)))

    @classmethod
    def fit(cls, model: FlameModel, landmarks: Landmarks, displacements: Doubles) -> FlameBridge:
        """`displacements` (43, 478, 3) are what the face weights do to the average head, in EO.

        Raises ValueError where the landmarks lack the points that expressions do not move, or these do not lie on the
        model as on a face.
        """
        known = list(landmarks.points)
        rigid = [known.index(point) for point in RIGID]
        there = landmarks.on(model, model.template)
        head = template().points[landmarks.points] * FLIP
        spread = there[rigid] - there[rigid].mean(0)
        if not np.linalg.norm(spread) > LEAST_SPREAD:
            raise ValueError("its points lie at one place of the head")
        pose = fit_similarity(head[rigid], there[rigid])
        off = there[rigid] - (pose.scale * head[rigid] @ pose.rotation.T + pose.shift)
        if np.linalg.norm(off) > MOST_OFF * np.linalg.norm(spread):
            raise ValueError("its points do not lie on the head as on a face")
        moved = displacements[:, landmarks.points] * FLIP @ pose.rotation.T * (pose.scale * MILLIMETRES)
        shapes = moved.reshape(len(moved), -1).T
        opened = np.zeros((2, CODES))
        opened[1, JAW] = JAW_STEP
        shut, wide = vertices(model, opened).astype(np.float64)
        jaw = landmarks.on(model, (wide - shut) / JAW_STEP)
        columns = np.concatenate([landmarks.on(model, model.expression), jaw[..., None]], -1)
        basis = columns.reshape(-1, len(PRIOR)) * MILLIMETRES
        scaled = basis * PRIOR  # codes = P (P A'A P + noise^2)^-1 P A'D
        system = scaled.T @ scaled + NOISE_MM**2 * np.eye(len(PRIOR))
        to_flame = np.asarray(PRIOR[:, None] * np.linalg.solve(system, scaled.T @ shapes), np.float64)
        return cls(shapes, basis, to_flame)

    @classmethod
    def of_files(cls, model: Path, landmarks: Path, displacements: Doubles) -> FlameBridge:
        """Fitted to the user's files. Raises WeightsError."""
        marks = load_landmarks(landmarks)
        if lacking := set(RIGID) - set(marks.points.tolist()):
            raise WeightsError(f"{landmarks}: no landmark embedding of avtr's kind: it lacks the point {min(lacking)}")
        try:
            fitted = cls.fit(load(model), marks, displacements)
        except ValueError as error:
            raise WeightsError(f"{landmarks}: no landmark embedding for {model}: {error}; {BRING}") from error
        return cls(fitted.shapes, fitted.basis, fitted.to_flame, (model, landmarks))

    @property
    def missed(self) -> Doubles:
        """(43,) shares of what each weight does, root mean square, that this FLAME cannot say."""
        rest = self.shapes - self.said
        shares: Doubles = np.linalg.norm(rest, axis=0) / np.linalg.norm(self.shapes, axis=0).clip(1e-9)
        return shares

    def codes(self, controls: Reals) -> Floats:
        """Controls (T, 58) -> FLAME's numbers, float32 (T, 108), of a face whose rest is zeros."""
        values = np.asarray(controls, np.float64)
        made = np.zeros((len(values), CODES))
        face = values[:, ROWS] @ self.to_flame.T
        made[:, :EXPRESSION], made[:, JAW] = face[:, :EXPRESSION], face[:, EXPRESSION]
        made[:, HEAD] = values[:, TURN] * FLIP
        for side, column, outwards in (("Left", 104, 1.0), ("Right", 106, -1.0)):
            look = {way: values[:, CONTROLS.index(f"eyeLook{way}{side}")] for way in ("Down", "Up", "Out", "In")}
            made[:, column] = GAZE * (look["Down"] - look["Up"])
            made[:, column + 1] = GAZE * outwards * (look["Out"] - look["In"])
        return made.astype(np.float32)

    def controls(self, codes: Reals, rest: Reals | None = None) -> Floats:
        """FLAME's numbers (T, 108) -> controls float32 (T, 58) of a photo that shows the face at `rest` (108,)."""
        values = np.asarray(codes, np.float64)
        if rest is not None:
            values = values - np.asarray(rest, np.float64)
        made = np.zeros((len(values), len(CONTROLS)))
        made[:, TURN] = values[:, HEAD] * FLIP
        for at in range(0, len(values), FRAMES_AT_ONCE):
            part = slice(at, at + FRAMES_AT_ONCE)
            made[part, ROWS] = self._weights(np.column_stack([values[part, :EXPRESSION], values[part, JAW]]))
        for side, column, outwards in (("Left", 104, 1.0), ("Right", 106, -1.0)):
            down, out = values[:, column] / GAZE, outwards * values[:, column + 1] / GAZE
            for way, looked in (("Down", down), ("Up", -down), ("Out", out), ("In", -out)):
                made[:, CONTROLS.index(f"eyeLook{way}{side}")] = looked.clip(0, 1)
        return made.astype(np.float32)

    def _weights(self, face: Doubles) -> Doubles:
        """(T, 101) -> (T, 43) in 0 .. 1: |D w - d|^2 + ridge |w|^2 by an accelerated projected gradient (FISTA).

        It descends in weights times their displacements' lengths, by which small ones are not the last to be found.
        """
        lengths = np.sqrt(np.diag(self.gram))
        gram = self.gram / np.outer(lengths, lengths)
        wanted = face @ (self.basis.T @ self.said) / lengths
        size = 1 / np.linalg.eigvalsh(gram)[-1]
        now = ahead = np.zeros_like(wanted)
        pace = 1.0
        for _ in range(STEPS):
            after = (ahead - size * (ahead @ gram - wanted)).clip(0, lengths)
            faster = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
            ahead = after + (pace - 1) / faster * (after - now)
            now, pace = after, faster
        found: Doubles = (now / lengths).clip(0, 1)
        return found


class FlameReplay(Replay):
    """FLAME's motion as controls; `motion` is what it was before."""

    def __init__(self, motion: FlameMotion, bridge: FlameBridge, weights_files: tuple[Path, ...] = ()):
        """`weights_files` are those of what made it, besides the bridge's."""
        super().__init__(CONTROLS, torch.from_numpy(bridge.controls(motion.codes, motion.resting)))
        self.motion = motion
        self.weights_files = (*weights_files, *bridge.weights_files)


class FromFlame:
    """A generator of FLAME motion that hears calls whole, as one of controls."""

    space = CONTROLS

    def __init__(self, inner: MotionGenerator, bridge: FlameBridge):
        assert inner.space == FLAME
        assert isinstance(inner, WholeCallGenerator)
        self._inner, self._bridge, self.cues = inner, bridge, inner.cues
        self.weights_files = (*inner.weights_files, *bridge.weights_files)
        self.backend = backend_of(inner)

    def of_call(self, blocks: Iterable[Sound], voices: Sequence[Voice]) -> list[MotionGenerator]:
        """As the inner generator, in controls: each face is moved away from how the model's faces rest."""
        assert isinstance(self._inner, WholeCallGenerator)
        made: list[MotionGenerator] = []
        for one in self._inner.of_call(blocks, voices):
            assert isinstance(one, RestingReplay)
            motion = FlameMotion(one.values.numpy(), one.rest, one.attribution)
            made.append(FlameReplay(motion, self._bridge, self._inner.weights_files))
        return made

    def start(self, identity: Identity, seed: int) -> MotionState:
        """Raises ConfigError: it is asked of a call."""
        return self._inner.start(identity, seed)

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """Raises ConfigError: it is asked of a call."""
        return self._inner.step(window, state, asked)
