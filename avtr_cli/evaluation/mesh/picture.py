"""What the pixels must not do: change at rest, jump, lose detail, darken, or take on colour.

Every check commands a `Studio`'s renderer and returns numbers by name; bounds are in `evaluation/mesh/renderer.py`.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from avtr_cli.core.arrays import Grey, Image, Picture, Points
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS
from avtr_cli.evaluation.mesh.lip_band import LipBand
from avtr_cli.evaluation.mesh.studio import AXES, Numbers, Studio, change, command, found, luma_at
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
from avtr_cli.render.split import LUMA


def neutral(studio: Studio) -> Numbers:
    """The largest difference, of 255, between the frame at rest and the photo."""
    return {"neutral.max_difference": float(change(studio.frame(), studio.photo).max())}


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
    jumps = max(float(np.percentile(change(frame, rest)[aside], 99.9)) for frame in studio.frames(rows))
    opening = studio.frames([command(jawOpen=jaw / 100) for jaw in range(31)])
    upper, lower = ([LipBand(studio, up).found(frame)[0] for frame in opening] for up in (True, False))
    steps = np.diff(np.subtract(lower, upper)) / studio.unit
    return {"continuity.pixel_jump": jumps, "continuity.gap_step_back": float(np.max(-steps, initial=0))}


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
    return {"background.change": max(float(change(frame, studio.photo)[away].max()) for frame in studio.frames(rows))}


def whiskers(studio: Studio) -> Numbers:
    """How much darker the skin beside the corners of the mouth gets when the jaw opens, of 255.

    It is the same skin that is looked at, where the field takes it: beside the same point of the lips there may be
    other skin by then, or the end of a moustache.
    """
    darkest = 0.0
    rest, opened = studio.frame(), studio.frame(jawOpen=0.5)
    for corner, other in (MOUTH_CORNERS, MOUTH_CORNERS[::-1]):
        outward = studio.points[corner, :2] - studio.points[other, :2]
        outward = outward / np.linalg.norm(outward)
        strip = np.linspace(0.05, 0.12, 8)[:, None] * studio.unit * outward + studio.points[corner, :2]
        taken = studio.taken(strip, jawOpen=0.5)
        darkest = max(darkest, float((luma_at(rest, strip) - luma_at(opened, taken)).mean()))
    return {"lips.whisker": darkest}


def sharpness(studio: Studio) -> Numbers:
    """Detail kept under sub-pixel shifts of the head, as a share of that at rest."""
    x0, y0 = studio.points[list(FACE_OVAL), :2].min(axis=0).astype(int)
    x1, y1 = studio.points[list(FACE_OVAL), :2].max(axis=0).astype(int)

    def detail(frame: Image) -> float:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[y0:y1, x0:x1]
        return float(cv2.Laplacian(grey, cv2.CV_32F).var())

    rest = detail(studio.frame())
    shifts = [(0.25, 0), (0.5, 0), (0.75, 0), (1, 0), (0.25, 0.25), (0.5, 0.5), (0.75, 0.75)]
    kept = [detail(studio.frame(headX=x / studio.unit, headY=y / studio.unit)) / rest for x, y in shifts]
    return {"sharpness.least": min(kept), "sharpness.spread": float(np.std(kept))}


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
    cheeks = luma_at(shown, points[list(CHEEKS), :2]).mean()
    teeth = float(np.percentile(inside, 95) / cheeks) if inside.size else math.nan
    return {"colour.grey_photo_chroma": chroma, "colour.teeth_over_cheek": teeth}


def _box(mask: Grey, points: Points, margin: float) -> None:
    x0, y0 = np.maximum(points.min(axis=0) - margin, 0).astype(int)
    x1, y1 = (points.max(axis=0) + margin).astype(int) + 1
    mask[y0:y1, x0:x1] = False


def _alpha(studio: Studio) -> Picture:
    """(512, 512) 0 .. 1: the person's layer in the frame at rest."""
    avatar = studio.avatar
    visible = avatar.stage.visible
    x, y = avatar.columns.expand(visible.height, -1) * 2, avatar.rows.expand(-1, visible.width) * 2
    read = studio.renderer.sampler.sample(avatar.person, x.contiguous(), y.contiguous())
    return np.asarray(read[3].cpu().numpy() / 255)
