"""A minute of driven frames, each against the one before and against the photo: still things stand, she stays herself.

Frames are taken before encoding. Regions come from the photo's matte and face points and from how far the take
moves anything, never from the renderer's own layers, so that a leak in those shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from avtr_cli.core.arrays import AnyArray, Floats, Grey, Image, Mask, Reals
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS, HEAD_CHANNELS
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.mesh.studio import Numbers
from avtr_cli.evaluation.pictures import similarity
from avtr_cli.perception.crop import resample
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.topology import CHIN, FACE_OVAL
from avtr_cli.render.mesh.avatar import Avatar
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.field import displacement
from avtr_cli.render.mesh.renderer import MeshRenderer

PERSON, SURELY = 0.02, 0.95  # matte: a pixel has something of the person; it is the person's alone
CLEAR = 0.08  # EO beyond the person's farthest reach where background begins: soft hair lies nearer
BELOW_CHIN = 0.55  # EO: here the neck ends and the shoulders begin
FACE_REACH = 1.7  # of the face's outline: so far the jaw and the smile draw the skin along
AT_REST = 0  # a frame's number at which the breath is at its mean
LOOK_EVERY = 5  # frames between looks at displacement and likeness
MOST_MARKS = 80  # points followed in a region
LOST_PX = 0.5  # a mark followed there and back that misses its start by more is not believed
FEWEST_MARKS = 4
# EO. Shoulders go with a head that travels by 0.08 EO (standard deviation). Those of a recorded person who speaks, and
# of the best published talking heads, were followed the same way over 5 to 14 s: 0.04 to 0.1 EO standard deviation.
SHOULDERS_SWIM = 0.05

TEMPORAL_BOUNDS: dict[str, Measure] = {
    "background.flicker": Measure(
        line=15, what="change between frames of what never moves, worst frame's mean, of 255", high=0.3
    ),
    "background.swim_px": Measure(
        line=15, what="displacement of background marks by optical flow, 95 % below, px", high=0.1
    ),
    "shoulders.flicker": Measure(line=15, what="change in the rate of change of the shoulders, mean, of 255", high=0.3),
    "shoulders.swim_eo": Measure(
        line=15, what="displacement of shoulder marks beyond breath, 95 % below, EO", high=SHOULDERS_SWIM
    ),
    "shoulders.wobble_eo": Measure(
        line=15, what="of that, what the shoulders do not do as one, 95 % below, EO", high=0.006
    ),
    "identity.ssim": Measure(
        line=16, what="likeness to the photo beyond the face, head and breath at neutral, least", low=0.98
    ),
}


@dataclass(frozen=True)
class Regions:
    """Masks bool (H, W) of the frame."""

    background: Mask  # never reached by the person
    shoulders: Mask
    beyond_face: Mask


def evaluate_temporal(
    photos: Sequence[Path],
    controls: Reals,
    config: RenderConfig,
    device: torch.device,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Numbers]:
    """Every measure by photo name, of each photo driven by `controls` (T, 58). Raises PhotoError."""
    results = {}
    for photo in photos:
        say(f"{photo}")
        results[photo.stem] = measure_take(find_portrait(photo), controls, config, device)
    return results


def measure_take(portrait: Portrait, controls: Reals, config: RenderConfig, device: torch.device) -> Numbers:
    """The numbers of TEMPORAL_BOUNDS for one portrait; NaN where the picture shows too little of a region."""
    renderer = MeshRenderer(config, device)
    identity = renderer.prepare(portrait)
    regions = find_regions(portrait, identity.kept, controls, config)
    return _moving(renderer, identity, controls, regions) | _likeness(renderer, identity, controls, regions)


def find_regions(portrait: Portrait, avatar: Avatar, controls: Reals, config: RenderConfig) -> Regions:
    """The parts of the frame that `Regions` names, for a take with these `controls` (T, 58)."""
    stage = avatar.stage
    canvas_height, canvas_width = stage.canvas.shape[:2]
    matte = stage.frame.of(resample(portrait.matte, stage.affine, canvas_width, canvas_height))
    reach = 0.0
    for index in range(0, len(controls), LOOK_EVERY):
        read = read_controls(controls[index].astype(float), index, config.breathing, avatar.calibration)
        reach = max(reach, float(displacement(avatar.field, read).norm(dim=1).max()))
    away = cv2.distanceTransform((matte < PERSON).astype(np.uint8), cv2.DIST_L2, 5)
    inside = cv2.distanceTransform((matte > SURELY).astype(np.uint8), cv2.DIST_L2, 5)
    points = stage.points[:, :2] + np.array([stage.place.x - stage.frame.x, stage.place.y - stage.frame.y])
    rows = np.arange(matte.shape[0])[:, None]
    face = np.zeros(matte.shape, np.uint8)
    outline = points[list(FACE_OVAL)]
    enlarged = outline.mean(axis=0) + FACE_REACH * (outline - outline.mean(axis=0))
    cv2.fillPoly(face, [np.rint(enlarged).astype(np.int32)], (1,))
    return Regions(
        background=away > reach + CLEAR * stage.unit,
        shoulders=(inside > CLEAR * stage.unit) & (rows > points[CHIN, 1] + BELOW_CHIN * stage.unit),
        beyond_face=face == 0,
    )


def _moving(renderer: MeshRenderer, identity: Identity, controls: Reals, regions: Regions) -> Numbers:
    """Flicker and swimming over the whole take."""
    avatar: Avatar = identity.kept
    still = cv2.cvtColor(avatar.still, cv2.COLOR_RGB2GRAY)
    background, shoulders = _Marks(still, regions.background, avatar), _Marks(still, regions.shoulders, avatar)
    flicker, unsteady = [], []
    last, before = avatar.still, avatar.still
    for index, row in enumerate(controls):
        frame = _draw(renderer, identity, row, index)
        if index:
            flicker.append(_mean_in(cv2.absdiff(frame, last), regions.background))
        if index > 1:
            turn = frame.astype(np.int16) - 2 * last.astype(np.int16) + before
            unsteady.append(_mean_in(np.abs(turn) / 2, regions.shoulders))
        if index % LOOK_EVERY == 0:
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            background.follow(grey, 0.0)
            shoulders.follow(grey, read_controls(row.astype(float), index, renderer.config.breathing).breath)
        before, last = last, frame
    return {
        "background.flicker": max(flicker, default=math.nan),
        "background.swim_px": background.swim(),
        "shoulders.flicker": float(np.mean(unsteady)) if unsteady else math.nan,
        "shoulders.swim_eo": shoulders.swim() / avatar.stage.unit,
        "shoulders.wobble_eo": shoulders.wobble() / avatar.stage.unit,
    }


def _likeness(renderer: MeshRenderer, identity: Identity, controls: Reals, regions: Regions) -> Numbers:
    """The least structural similarity of all looks: the face moves, head and breath are at neutral.

    A breath shifts cloth and cracked paint by pixels, which this measure would take for another picture.
    """
    avatar: Avatar = identity.kept
    level = controls.copy()
    level[:, [CONTROLS.index(name) for name in HEAD_CHANNELS]] = 0
    photo = cv2.cvtColor(avatar.still, cv2.COLOR_RGB2GRAY)
    least = math.nan
    for index in range(0, len(level), LOOK_EVERY):
        frame = cv2.cvtColor(_draw(renderer, identity, level[index], AT_REST), cv2.COLOR_RGB2GRAY)
        least = min(_mean_in(similarity(frame, photo), regions.beyond_face), least)
    return {"identity.ssim": least}


class _Marks:
    """Points of a still picture that are followed into other frames by optical flow (Lucas & Kanade, pyramidal)."""

    def __init__(self, still: Grey, region: Mask, avatar: Avatar):
        unit, stage = avatar.stage.unit, avatar.stage
        found = cv2.goodFeaturesToTrack(still, MOST_MARKS, 0.01, 0.1 * unit, mask=region.astype(np.uint8))
        self._still = still
        self._start = np.zeros((0, 2), np.float32) if found is None else found[:, 0].astype(np.float32)
        # What a full breath does to each of them, px.
        rows, columns = avatar.field.grid
        on_stage = self._start + np.array([stage.frame.x - stage.place.x, stage.frame.y - stage.place.y])
        cell = np.floor(on_stage / stage.cell)
        column, row = cell.astype(int).T if len(cell) else np.zeros((2, 0), int)
        node = row.clip(0, rows - 1) * columns + column.clip(0, columns - 1)
        self._breath = avatar.field.breath.cpu().numpy()[:, node].T
        self._moved: list[Floats] = []

    def follow(self, frame: Grey, breath: float) -> None:
        """Look where the marks are in `frame`, grey uint8, and note what the breath does not explain."""
        if len(self._start) < FEWEST_MARKS:
            return
        track = cv2.calcOpticalFlowPyrLK
        there, found, _ = track(self._still, frame, self._start[:, None], None)
        back, _, _ = track(frame, self._still, there, None)
        sure = (found[:, 0] > 0) & (np.linalg.norm(back[:, 0] - self._start, axis=1) < LOST_PX)
        moved = there[:, 0] - self._start - breath * self._breath
        self._moved.append(np.where(sure[:, None], moved, np.nan))

    def swim(self) -> float:
        return self._most(np.array(self._moved))

    def wobble(self) -> float:
        """Beyond the motion that all marks of a frame share."""
        moved = np.array(self._moved)
        if not moved.size:
            return math.nan
        seen = np.isfinite(moved[..., 0]).sum(axis=1) >= FEWEST_MARKS
        moved = moved[seen]
        return self._most(moved - np.nanmedian(moved, axis=1, keepdims=True))

    @staticmethod
    def _most(moved: Reals) -> float:
        """Length below which 95 % of the displacements (looks, marks, 2) lie; NaN where no mark was believed."""
        lengths = np.linalg.norm(moved.reshape(-1, 2), axis=1)
        lengths = lengths[np.isfinite(lengths)]
        return float(np.percentile(lengths, 95)) if lengths.size else math.nan


def _draw(renderer: MeshRenderer, identity: Identity, row: Reals, index: int) -> Image:
    motion = Motion(CONTROLS, torch.from_numpy(row[None].astype(np.float32)), index)
    picture: Image = renderer.draw(identity, motion)[0].copy()
    return picture


def _mean_in(values: AnyArray, region: Mask) -> float:
    """Mean of `values` (H, W) or (H, W, C) in a region; NaN where it is empty."""
    if not region.any():
        return math.nan
    return float(values[region].mean())
