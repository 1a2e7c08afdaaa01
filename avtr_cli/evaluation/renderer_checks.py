"""What the embedded renderer draws, measured: fourteen promises about one photo, each as numbers.

A `Studio` holds one prepared avatar and draws single rows of controls; every check commands something, reads the
frames with Face Mesh or pixel by pixel, and returns numbers by name. Bounds are in `evaluation/renderer.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch

from avtr_cli.config import RenderConfig
from avtr_cli.perception.landmarks import face_points
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import (
    CHEEKS,
    EYES,
    FACE_OVAL,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    MOUTH_CORNERS,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)
from avtr_cli.render.mesh.calibration import eye_distance, eye_opening, lip_gap
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.field import displacement, invert, residual
from avtr_cli.render.mesh.mouth import mouth_region
from avtr_cli.render.mesh.renderer import Avatar, MeshRenderer
from avtr_cli.render.mesh.shapes import JAW_DROP, LOWER, UPPER
from avtr_cli.types import ARKIT_BLENDSHAPES, CONTROLS, Motion, Portrait

Numbers = dict[str, float]
AXES = (("pitch", "headPitch", 10.0), ("yaw", "headYaw", 15.0), ("roll", "headRoll", 10.0))
LUMA = np.array([0.299, 0.587, 0.114])


class Studio:
    """One portrait before the renderer, 512 px square, without breath."""

    def __init__(self, portrait: Portrait, device: torch.device):
        self.portrait = portrait
        self.renderer = MeshRenderer(RenderConfig(breathing=0), device)
        started = time.perf_counter()
        self.identity = self.renderer.prepare(portrait)
        self.preparation_s = time.perf_counter() - started
        self.avatar: Avatar = self.identity.kept
        self.photo = np.ascontiguousarray(self.avatar.stage.frame.of(self.avatar.stage.canvas))
        stage = self.avatar.stage
        self.points = stage.points + np.array([stage.place.x - stage.frame.x, stage.place.y - stage.frame.y, 0])

    @property
    def unit(self) -> float:
        return self.avatar.stage.unit

    def frames(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        values = torch.from_numpy(np.stack(rows).astype(np.float32))
        return self.renderer.draw(self.identity, Motion(CONTROLS, values))

    def frame(self, **wanted: float) -> np.ndarray:
        return np.asarray(self.frames([command(**wanted)])[0])

    def face(self, **wanted: float) -> np.ndarray:
        """Face Mesh's points of that frame, NaN where it finds no face."""
        return found(self.frame(**wanted))


def command(**wanted: float) -> np.ndarray:
    """A row of controls; names without a side set both, `pitch`, `yaw`, `roll` are degrees."""
    row = np.zeros(len(CONTROLS))
    angles = {short: name for short, name, _ in AXES}
    for name, value in wanted.items():
        if name in angles:
            row[CONTROLS.index(angles[name])] = math.radians(value)
        elif name in CONTROLS.channels:
            row[CONTROLS.index(name)] = value
        else:
            row[[CONTROLS.index(f"{name}Left"), CONTROLS.index(f"{name}Right")]] = value
    return row


def found(frame: np.ndarray) -> np.ndarray:
    points = face_points(frame)
    return np.full((478, 3), np.nan) if points is None else points


def neutral(studio: Studio) -> Numbers:
    return {"neutral.max_difference": float(_change(studio.frame(), studio.photo).max())}


def continuity(studio: Studio) -> Numbers:
    """A hundredth of any shape changes skin little; the mouth opens steadily from shut."""
    rest = studio.frame().astype(int)
    aside = np.ones(rest.shape[:2], bool)
    for points in (*(eye.upper + eye.lower + eye.ring for eye in EYES), OUTER_UPPER_LIP + OUTER_LOWER_LIP):
        _box(aside, studio.points[list(points), :2], 0.12 * studio.unit)
    rows = []
    for channel in range(len(ARKIT_BLENDSHAPES)):
        row = np.zeros(len(CONTROLS))
        row[channel] = 0.01
        rows.append(row)
    jumps = max(float(np.percentile(_change(frame, rest)[aside], 99.9)) for frame in studio.frames(rows))
    gaps = np.array([lip_gap(found(frame)) for frame in studio.frames([command(jawOpen=j / 100) for j in range(31)])])
    return {"continuity.pixel_jump": jumps, "continuity.gap_step_back": float(np.max(-np.diff(gaps), initial=0))}


def lips(studio: Studio) -> Numbers:
    jaws = np.linspace(0, 0.8, 9)
    gaps = np.array([lip_gap(studio.face(jawOpen=float(jaw))) for jaw in jaws])
    rest, opened = studio.face(), studio.face(jawOpen=0.5)
    sealed = lip_gap(studio.face(jawOpen=0.4, mouthClose=0.4))
    return {
        "lips.gap_r": _correlation(JAW_DROP * jaws, gaps),
        "lips.gap_slope": float(np.polyfit(JAW_DROP * jaws, gaps, 1)[0]),
        "lips.sealed_gap": sealed,
        "lips.upper_thickness": _distance(opened, 0, 13) / _distance(rest, 0, 13),
        "lips.lower_thickness": _distance(opened, 14, 17) / _distance(rest, 14, 17),
    }


def lids(studio: Studio) -> Numbers:
    blinks = np.linspace(0, 1, 6)
    faces = [studio.face(eyeBlink=float(blink)) for blink in blinks]
    openings = np.array([eye_opening(face) for face in faces])
    raised = studio.face(browInnerUp=1, browOuterUp=1)
    brows = [point for eye in EYES for point in eye.brow]
    moved = max(_shift(studio, eye.brow, studio.frame(), studio.frame(eyeBlink=1)) for eye in EYES)
    lifted = _above_eyes(raised, brows) - _above_eyes(faces[0], brows)
    return {
        "lids.r": _correlation(blinks, openings),
        "lids.shut_over_open": float(openings[-1] / openings[0]),
        "lids.brow_moved": moved / studio.unit,
        "lids.changed_by_brow": abs(eye_opening(raised) / float(openings[0]) - 1),
        "brow.raised": lifted,
    }


def pose(studio: Studio) -> Numbers:
    rest = fit_pose(studio.face()).angles
    numbers: Numbers = {}
    leakage = 0.0
    for axis, (short, _, most) in enumerate(AXES):
        commanded = np.array([-1, -0.67, -0.33, 0.33, 0.67, 1]) * most
        turned = np.array([fit_pose(studio.face(**{short: float(angle)})).angles - rest for angle in commanded])
        numbers[f"pose.{short}_slope"] = float(np.polyfit(commanded, turned[:, axis], 1)[0])
        numbers[f"pose.{short}_r"] = _correlation(commanded, turned[:, axis])
        leakage = max(leakage, float(np.abs(np.delete(turned, axis, axis=1)).max()))
    return numbers | {"pose.leakage_degrees": leakage}


def background(studio: Studio) -> Numbers:
    """The largest change of a pixel farther from the person than a turning head reaches."""
    alpha = _alpha(studio) > 0.02
    height, width = alpha.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shift = studio.avatar.stage.frame.x, studio.avatar.stage.frame.y
    px, py = studio.avatar.geometry.pivot[:2] - shift
    sweep = 0.20 * np.hypot(x - px, y - py)
    away = cv2.distanceTransform((~alpha).astype(np.uint8), cv2.DIST_L2, 5) > 24 + sweep
    rows = [command(**{short: sign * most}) for short, _, most in AXES for sign in (-1, 1)]
    if not away.any():
        return {"background.change": math.nan}
    return {"background.change": max(float(_change(frame, studio.photo)[away].max()) for frame in studio.frames(rows))}


def flow(studio: Studio) -> Numbers:
    avatar = studio.avatar
    stage, field = avatar.stage, avatar.field
    inside = np.zeros(stage.image.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(stage.points[list(FACE_OVAL), :2]).astype(np.int32)], (1,))
    nodes = stage.nodes().astype(int)
    face = torch.from_numpy(inside[nodes[:, 1], nodes[:, 0]].reshape(stage.grid) > 0)
    worst, folded, parted = 0.0, 0.0, 0.0
    tried = ({"yaw": 15}, {"yaw": -15}, {"pitch": 10}, {"pitch": -10}, {"jawOpen": 0.7}, {"yaw": 10, "jawOpen": 0.5})
    for wanted in tried:
        controls = read_controls(command(**wanted), 0, 0, avatar.calibration)
        moved = displacement(field, controls)
        back = invert(field, moved)
        missed = residual(field, moved, back)
        worst = max(worst, float(torch.quantile(missed.flatten().cpu(), 0.99)))
        dx, dy = (torch.gradient(back[UPPER], spacing=float(stage.cell), dim=d)[0].cpu() for d in (2, 1))
        area = (1 + dx[0]) * (1 + dy[1]) - dx[1] * dy[0]
        folded = max(folded, float((area < 0)[face].float().mean()))
        region = mouth_region(stage, avatar.geometry, controls)
        rows = slice(max(region.y // stage.cell, 0), (region.y + region.height) // stage.cell)
        columns = slice(max(region.x // stage.cell, 0), (region.x + region.width) // stage.cell)
        apart = (back[LOWER] - back[UPPER]).norm(dim=0)[rows, columns].cpu().numpy()
        # The region's upper and lower side may differ: there only one of the layers is shown.
        parted = max(parted, float(apart[:, [0, -1]].max()))
    return {"flow.residual_p99": worst, "flow.folded_share": folded, "flow.layers_apart": parted}


def whiskers(studio: Studio) -> Numbers:
    """How much darker the skin beside the corners of the mouth gets when the jaw opens, of 255."""
    darkest = 0.0
    rest, opened = studio.frame(), studio.frame(jawOpen=0.5)
    before, after = found(rest), found(opened)
    for corner, other in (MOUTH_CORNERS, MOUTH_CORNERS[::-1]):
        strips = []
        for frame, points in ((rest, before), (opened, after)):
            outward = points[corner, :2] - points[other, :2]
            outward = outward / np.linalg.norm(outward)
            along = np.linspace(0.05, 0.12, 8)[:, None] * studio.unit * outward + points[corner, :2]
            strips.append(_luma_at(frame, along))
        darkest = max(darkest, float((strips[0] - strips[1]).mean()))
    return {"lips.whisker": darkest}


def sharpness(studio: Studio) -> Numbers:
    """Detail kept under sub-pixel shifts of the head, as a share of that at rest."""
    x0, y0 = studio.points[list(FACE_OVAL), :2].min(axis=0).astype(int)
    x1, y1 = studio.points[list(FACE_OVAL), :2].max(axis=0).astype(int)

    def detail(frame: np.ndarray) -> float:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[y0:y1, x0:x1]
        return float(cv2.Laplacian(grey, cv2.CV_32F).var())

    rest = detail(studio.frame())
    shifts = [(0.25, 0), (0.5, 0), (0.75, 0), (1, 0), (0.25, 0.25), (0.5, 0.5), (0.75, 0.75)]
    kept = [detail(studio.frame(headX=x / studio.unit, headY=y / studio.unit)) / rest for x, y in shifts]
    return {"sharpness.least": min(kept), "sharpness.spread": float(np.std(kept))}


def expressions(studio: Studio) -> Numbers:
    rest, smile, pucker = studio.face(), studio.face(mouthSmile=1), studio.face(mouthPucker=1)
    corners = list(MOUTH_CORNERS)
    left = studio.face(eyeLookOutRight=1, eyeLookInLeft=1)
    right = studio.face(eyeLookOutLeft=1, eyeLookInRight=1)
    middle = _iris_place(rest)
    return {
        "smile.wider": _distance(smile, *corners) / _distance(rest, *corners) - 1,
        "smile.lifted": float((_heights(rest, corners) - _heights(smile, corners)) / eye_distance(rest)),
        "pucker.wider": _distance(pucker, *corners) / _distance(rest, *corners) - 1,
        "gaze.least_travel": min(middle - _iris_place(left), _iris_place(right) - middle),
    }


def colour(studio: Studio) -> Numbers:
    """A black-and-white copy stays so; teeth are not lamps."""
    grey = cv2.cvtColor(cv2.cvtColor(studio.portrait.photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    old = Studio(replace(studio.portrait, photo=grey), studio.renderer.sampler.device)
    rows = [command(jawOpen=0.5, mouthLowerDown=0.3), command(eyeBlink=1, yaw=8), command(mouthSmile=0.6, jawOpen=0.2)]
    chroma = max(float(np.ptp(frame.astype(int), axis=2).max()) for frame in old.frames(rows))
    shown = studio.frame(jawOpen=0.3, mouthUpperUp=0.5)
    points = found(shown)
    gap = np.zeros(shown.shape[:2], np.uint8)
    edge = points[[*INNER_UPPER_LIP, *INNER_LOWER_LIP[::-1]], :2]
    cv2.fillPoly(gap, [np.rint(edge).astype(np.int32)], (1,))
    inside = (shown @ LUMA)[cv2.erode(gap, np.ones((3, 3), np.uint8)) > 0]
    cheeks = _luma_at(shown, points[list(CHEEKS), :2]).mean()
    teeth = float(np.percentile(inside, 95) / cheeks) if inside.size else math.nan
    return {"colour.grey_photo_chroma": chroma, "colour.teeth_over_cheek": teeth}


def speed(studio: Studio) -> Numbers:
    rows = [
        command(
            jawOpen=0.25 + 0.2 * math.sin(k), yaw=6 * math.sin(k / 7), eyeBlink=abs(math.sin(k / 5)), mouthSmile=0.1
        )
        for k in range(25)
    ]
    together = studio.frames(rows).copy()
    times, difference = [], 0
    for row, frame in zip(rows, together, strict=True):
        started = time.perf_counter()
        alone = studio.frames([row])[0]
        times.append(1000 * (time.perf_counter() - started))
        difference = max(difference, int(_change(alone, frame).max()))
    return {
        "speed.frame_ms": float(np.median(times)),
        "speed.preparation_s": studio.preparation_s,
        "speed.batch_difference": float(difference),
    }


def stress(studio: Studio, count: int = 200) -> Numbers:
    """Random controls of every kind at once."""
    random = np.random.default_rng(0)
    seen = 0
    for _ in range(count):
        row = random.uniform(0, 1, len(CONTROLS))
        for axis, (_, name, most) in enumerate(AXES):
            row[CONTROLS.index(name)] = math.radians(random.uniform(-most, most))
            row[55 + axis] = random.uniform(-0.15, 0.15)
        seen += face_points(np.ascontiguousarray(studio.frames([row])[0])) is not None
    return {"stress.face_found": seen / count}


CHECKS: tuple[Callable[[Studio], Numbers], ...] = (
    neutral, continuity, lips, lids, pose, background, flow, whiskers, sharpness, expressions, colour, speed, stress,
)  # fmt: skip


def _change(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(frame.astype(int) - other.astype(int)).max(axis=2)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def _distance(points: np.ndarray, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a, :2] - points[b, :2])) / eye_distance(points)


def _heights(points: np.ndarray, which: list[int]) -> float:
    """Mean y of points from the line of the eyes' corners, px."""
    corners = [corner for eye in EYES for corner in (eye.upper[0], eye.upper[-1])]
    return float(points[which, 1].mean() - points[corners, 1].mean())


def _above_eyes(points: np.ndarray, which: list[int]) -> float:
    return -_heights(points, which) / eye_distance(points)


def _iris_place(points: np.ndarray) -> float:
    """Where the irises lie between the corners of their eyes, 0 at the left one of the picture, 1 at the right one."""
    places = []
    for eye in EYES:
        a, b = sorted((points[eye.upper[0], 0], points[eye.upper[-1], 0]))
        places.append((points[eye.iris[0], 0] - a) / (b - a))
    return float(np.mean(places))


def _luma_at(frame: np.ndarray, places: np.ndarray) -> np.ndarray:
    x, y = np.nan_to_num(np.rint(places)).astype(int).T
    return np.asarray((frame @ LUMA)[y.clip(0, frame.shape[0] - 1), x.clip(0, frame.shape[1] - 1)])


def _shift(studio: Studio, points: Sequence[int], before: np.ndarray, after: np.ndarray) -> float:
    """How far the picture around and above `points` moved between two frames, px, by phase correlation.

    Face Mesh itself moves the brows of a face that only shuts its eyes.
    """
    x0, y0 = (studio.points[list(points), :2].min(axis=0) - np.array([0.05, 0.15]) * studio.unit).astype(int).clip(0)
    x1, y1 = studio.points[list(points), :2].max(axis=0).astype(int)
    x1, y1 = int(x1 + 0.05 * studio.unit), int(studio.points[list(points), 1].mean())
    a, b = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[y0:y1, x0:x1].astype(np.float64) for frame in (before, after))
    if a.size == 0 or np.array_equal(a, b):
        return 0.0
    (x, y), _ = cv2.phaseCorrelate(a, b, cv2.createHanningWindow(a.shape[::-1], cv2.CV_64F))
    return math.hypot(x, y)


def _box(mask: np.ndarray, points: np.ndarray, margin: float) -> None:
    x0, y0 = np.maximum(points.min(axis=0) - margin, 0).astype(int)
    x1, y1 = (points.max(axis=0) + margin).astype(int) + 1
    mask[y0:y1, x0:x1] = False


def _alpha(studio: Studio) -> np.ndarray:
    """(512, 512) 0 .. 1: the person's layer in the frame at rest."""
    avatar = studio.avatar
    visible = avatar.stage.visible
    x, y = avatar.columns.expand(visible.height, -1) * 2, avatar.rows.expand(-1, visible.width) * 2
    read = studio.renderer.sampler.sample(avatar.person, x.contiguous(), y.contiguous())
    return np.asarray(read[3].cpu().numpy() / 255)
