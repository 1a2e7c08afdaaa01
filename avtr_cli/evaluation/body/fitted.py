"""Gestures on the bodies that were fitted to photos: hands against the trunk, against each other, and in the picture.

Read off the skin that bones move, finger tips and clothes' outline included, without a picture. A usual body's arms, as
`gesturing.py` has them, are lines; here a hand is as thick and as long as the photo's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Mask, Sound
from avtr_cli.core.camera import Camera, Pinhole
from avtr_cli.core.timing import FPS, SAMPLE_RATE
from avtr_cli.core.types import BODY_CUES, Cue, Identity, Motion
from avtr_cli.evaluation.body.takes import perform
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.motion.takes import Dialogue
from avtr_cli.evaluation.touch.bodies import below_elbow, deepest, skin
from avtr_cli.render.gaussian.avatar import BodyAvatar
from avtr_cli.render.gaussian.body_model import LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG, TRUNK
from avtr_cli.streaming.engine import Engine

FITTED: dict[str, Measure] = {
    "fitted.in_trunk": Measure("share of frames, an arm 1 cm deeper in trunk or thighs than at rest", None, 0.01),
    "fitted.in_trunk_m": Measure("the deepest of that, m"),
    "fitted.rest_in_trunk_m": Measure("the deepest at rest, as the photo was fitted, m"),
    "fitted.hand_in_hand": Measure("share of frames with a hand off its rest, hands in each other", None, 0.005),
    "fitted.hand_in_hand_m": Measure("the deepest of that, m; below 0: as near as they come"),
    "fitted.beside_picture": Measure("share of frames with a hand off its rest, cut off by sides or top", None, 0.01),
    "fitted.below_picture": Measure("share of frames with raised hands, a third of one below the picture", None, 0.05),
}  # fmt: skip
"""Needed bounds are judgements. A photo whose arms do not move has no number of the last four."""

DEEP_M = 0.01
EVERY = 2  # frames of which skin is looked at
OFF_REST_M = 0.15  # of a hand from its rest, from which it gestures
CUT, SUNK = 0.05, 0.33  # of a hand's skin beyond sides or top of the picture; below it
CUE_S = 4.0  # s from one cue to the next
RISEN = FPS  # frames after a raise in which hands still come


@dataclass(frozen=True)
class Acted:
    """What one call made of a person: motion, and whether hands are up for long enough to be where they belong (T,)."""

    motion: Motion
    risen: Mask


def evaluate_fitted(
    engine: Engine, photo: Path, dialogues: Sequence[Dialogue], seeds: Sequence[int]
) -> dict[str, float]:
    """Numbers by the names of FITTED, of one photo, its cues included; NaN for what it lacks. Raises PhotoError."""
    _, identity = engine.avatar(photo)
    acted = [act(engine, identity, one.sound, seed) for one in dialogues for seed in seeds]
    quiet = np.zeros((2, round(CUE_S * len(BODY_CUES) * SAMPLE_RATE)), np.float32)
    cues = [Cue(round(k * CUE_S * FPS), name) for k, name in enumerate(BODY_CUES)]
    acted += [act(engine, identity, quiet, seed, cues) for seed in seeds]
    rest = Motion(engine.renderer.space, identity.neutral[None], 0)
    [still] = skin(identity, rest, [0])
    seen = _Seen(engine, identity, still)
    return seen.numbers(acted)


def act(engine: Engine, identity: Identity, sound: Sound, seed: int, cues: Sequence[Cue] = ()) -> Acted:
    """Of a whole `sound`, float32 (2, n), and `cues`."""
    motion, up = perform(engine.generator, identity, sound, seed, cues)
    risen = np.convolve(~up.all(1), np.ones(RISEN), "full")[: len(up)] == 0
    return Acted(motion, risen)


class _Seen:
    """One person's skin, looked at frame by frame."""

    def __init__(self, engine: Engine, identity: Identity, still: Floats):
        avatar: BodyAvatar = identity.kept.avatar
        self.identity, self.model, self.still = identity, avatar.model, still
        self.view = _front(engine, identity)
        self.trunk = np.isin(self.model.vertex_limb, (TRUNK, LEFT_LEG, RIGHT_LEG))
        limbs = [self.model.vertex_limb == limb for limb in (LEFT_ARM, RIGHT_ARM)]
        self.arms = [limb & below_elbow(self.model, side) for limb, side in zip(limbs, "LR", strict=True)]
        self.hands = [limb & self.model.on_hand for limb in limbs]

    def numbers(self, acted: Sequence[Acted]) -> dict[str, float]:
        at_rest = np.array(self._in_trunk(self.still))
        deep, together, cut, sunk = [], [], [], []
        for one in acted:
            frames = range(0, len(one.motion.values), EVERY)
            for frame, posed in zip(frames, skin(self.identity, one.motion, frames), strict=True):
                deep.append((np.array(self._in_trunk(posed)) - at_rest.clip(0)).max())
                off = [self._off(posed, hand) > OFF_REST_M for hand in self.hands]
                if any(off):
                    together.append(deepest(self.model, posed, *self.hands))
                    beyond = [self._beyond(posed[hand]) for hand, gone in zip(self.hands, off, strict=True) if gone]
                    cut.append(max(aside for aside, _ in beyond) > CUT)
                    if one.risen[frame]:
                        sunk.append(max(below for _, below in beyond) > SUNK)
        return {
            "fitted.in_trunk": _mean(np.array(deep) > DEEP_M),
            "fitted.in_trunk_m": float(max(deep)),
            "fitted.rest_in_trunk_m": float(at_rest.max()),
            "fitted.hand_in_hand": _mean(np.array(together) > 0),
            "fitted.hand_in_hand_m": max(together, default=math.nan),
            "fitted.beside_picture": _mean(np.array(cut)),
            "fitted.below_picture": _mean(np.array(sunk)),
        }

    def _in_trunk(self, posed: Floats) -> list[float]:
        return [deepest(self.model, posed, arm, self.trunk) for arm in self.arms]

    def _off(self, posed: Floats, hand: Mask) -> float:
        return float(np.linalg.norm((posed[hand] - self.still[hand]).mean(0)))

    def _beyond(self, hand: Floats) -> tuple[float, float]:
        """Shares of a hand's skin that are beyond sides and top of the picture, and below it."""
        x, y = _pixels(self.view, hand)
        width, height = self.view.size
        above = y < height
        aside = above & ((x < 0) | (x > width) | (y < 0))
        return float(aside.mean()), float(1 - above.mean())


def _front(engine: Engine, identity: Identity) -> Pinhole:
    """What the job's frame shows."""
    avatar: BodyAvatar = identity.kept.avatar
    camera = engine.renderer.camera(identity)  # type: ignore[attr-defined]
    return avatar.camera.seen_by(camera if isinstance(camera, Camera) else camera.at(0))


def _pixels(view: Pinhole, points: Floats) -> tuple[Doubles, Doubles]:
    placed = np.column_stack([points, np.ones(len(points))]) @ np.asarray(view.view, np.float64).T
    pixels = placed[:, :2] / placed[:, 2:3] * np.array(view.focal_px) + np.array(view.centre_px)
    return pixels[:, 0], pixels[:, 1]


def _mean(values: Doubles | Mask) -> float:
    return float(np.mean(values)) if len(values) else math.nan
