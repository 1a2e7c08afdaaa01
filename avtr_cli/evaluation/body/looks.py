"""How well the body fits the photo, and how well its pictures hold: at rest, moved, and seen from the side."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Vector
from avtr_cli.evaluation.body.stage import BodyStage, Numbers
from avtr_cli.evaluation.mesh.studio import change, command
from avtr_cli.evaluation.pictures import LUMA, psnr, similarity
from avtr_cli.kernels import skinning
from avtr_cli.perception.hands import hands_in
from avtr_cli.render.composite import TRANSPARENT
from avtr_cli.render.gaussian.renderer import BodyRenderer
from avtr_cli.render.gaussian.surface import Surface, bone_maps

YAWS = (-30.0, -15.0, 15.0, 30.0)  # degrees from which it is seen
HOLE = 60.0  # px^2: smaller gaps are holes, larger ones may lie between arm and body
SLOW = 6  # frames of a motion of less than a tenth of a pixel each
HAND_REACH = 0.45  # of the unit: half a side of the square in which a hand is looked for
HAND_SIDE = 256  # px of it


def fit(stage: BodyStage) -> Numbers:
    """Errors of points in units, and how much of the person the naked body covers."""
    avatar, found = stage.avatar, stage.avatar.fit
    model, (width, height) = avatar.model, avatar.camera.size
    heads = model.joints_of(found.shape)[0].astype(np.float64)
    naked = np.empty_like(model.mean)
    maps = bone_maps(model, heads, found.turns, found.shift)
    skinning.skin(model.vertices(found.shape), model.carried_by, model.shares, maps, naked)
    shown = Surface(model).seen(naked, found.lens, width, height).shown
    both, either = (shown & stage.person).sum(), (shown | stage.person).sum()
    return {
        "fit.body": found.body_error,
        "fit.face": found.face_error,
        "fit.overlap": float(both / either),
        "fit.preparation_s": stage.preparation_s,
    }


def neutral(stage: BodyStage) -> Numbers:
    """The photo at rest: dB in the person and in the whole frame, likeness, and what far background changes."""
    frame, photo, person = stage.frame(), stage.photo, stage.person
    grey = [picture @ np.array(LUMA) for picture in (frame, photo)]
    moved = [stage.frame(yaw=12, jawOpen=0.6), stage.frame(headX=0.5, headY=0.3), stage.frame(pitch=-8)]
    far = stage.far
    return {
        "neutral.psnr_db": psnr(frame[person], photo[person]),
        "neutral.ssim": float(similarity(*grey)[person].mean()),
        "neutral.psnr_frame_db": psnr(frame, photo),
        "neutral.background": float(max(change(one, photo)[far].max(initial=0) for one in moved)),
    }


def views(stage: BodyStage) -> Numbers:
    """The most holes of the views from the side, of the person's pixels, and hands that are still seen as such."""
    cut = BodyRenderer(replace(stage.config, background=TRANSPARENT), stage.device)
    shares = []
    for yaw in YAWS:
        other = cut.draw(stage.identity, stage.motion([command()]), stage.around(yaw))[0]
        shares.append(_holes((other[..., 3] > 127).astype(np.uint8)))
    return {"views.holes": max(shares), "hands.found": _hands(stage)}


def flicker(stage: BodyStage) -> Numbers:
    """The second difference of a slow turn in time, that 99 % of the person's pixels stay below, of 255."""
    rows = [command(yaw=0.15 * k, headX=0.002 * k, jawOpen=0.01 * k) for k in range(SLOW)]
    frames = stage.frames(rows).astype(float)
    second = np.abs(frames[2:] - 2 * frames[1:-1] + frames[:-2]).max(axis=3)
    return {"flicker.p99": float(np.percentile(second[:, stage.person], 99))}


def _holes(shown: Image) -> float:
    """The share of a silhouette, uint8 (H, W) of 0 and 1, that small gaps in it would fill."""
    _, _, about, _ = cv2.connectedComponentsWithStats((shown == 0).astype(np.uint8))
    areas = about[1:, cv2.CC_STAT_AREA]
    return float(areas[areas < HOLE].sum() / max(int(shown.sum()), 1))


def _hands(stage: BodyStage) -> float:
    """Of the hands that the photo shows, the share that is found at rest and 15 degrees to either side."""
    if not stage.seen.hands:
        return float("nan")
    found = []
    for camera in (stage.around(-15), stage.around(0), stage.around(15)):
        frame = stage.frame(camera)
        view = stage.avatar.camera.seen_by(camera)
        for side in stage.seen.hands:
            bone = stage.avatar.model.bone(f"wrist.{side}")
            place = stage.joints[bone]
            x, y, z = view.view @ np.append(place, 1.0)
            middle = np.array([x, y]) / z * view.focal_px + view.centre_px
            found.append(bool(hands_in(_square(frame, middle, HAND_REACH * stage.seen.unit), 1, 0.3)))
    return float(np.mean(found))


def _square(frame: Image, middle: Vector, reach: float) -> Image:
    scale = HAND_SIDE / (2 * reach)
    affine = np.array([[scale, 0, scale * (reach - middle[0])], [0, scale, scale * (reach - middle[1])]])
    return cv2.warpAffine(frame, affine, (HAND_SIDE, HAND_SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
