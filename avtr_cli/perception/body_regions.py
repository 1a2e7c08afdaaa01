"""Which part of the person besides the face lies where: hair and neck, and the body as far as its pose is seen.

Shoulders, arms and hands are around the joints of the pose that goes with the face, where the network is sure that it
sees them. Chest, abdomen and legs follow each other from the shoulders to the hips, or where these are not seen, in the
distances of people who sit or stand upright, EO from the chin (NASA-STD-3000 has the proportions).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Image, Matte, Vector
from avtr_cli.perception.face_regions import Sheet
from avtr_cli.perception.pose import Pose
from avtr_cli.perception.topology import CHEEKS, CHIN, FOREHEAD

# Points of a pose, the person's left side and then the right one: shoulder, elbow, wrist, and the fingers' roots.
LIMBS = {"left": (11, 13, 15, (17, 19, 21)), "right": (12, 14, 16, (18, 20, 22))}
HIPS_SEEN = (23, 24)
SEEN = 0.5  # visibility
SHOULDER_REACH, ARM_REACH, HAND_REACH = 0.42, 0.30, 0.24  # EO around joints and bones
BEYOND, SLEEVE = (0.05, 0.30), (1.0, 1.4)  # EO beside a shoulder from which an arm begins, and around its bones
COLLAR_SHARE, COLLAR_BETWEEN = 0.62, (0.25, 0.80)  # of the way from chin to shoulders; EO
WAIST_SHARE = 0.55  # of the way from the shoulders to the hips

COLLAR, WAIST, HIPS = 0.55, 3.6, 6.2  # EO below the chin, of a pose that is not seen
NECK_HALF, NECK_WIDENS = 0.36, 0.25
NECK_BESIDE = (-0.55, -0.40)  # EO below the chin (so above it): bare skin from there on beside the face is neck
NAPE = 0.75  # EO aside of the chin: what else is there below it belongs to the neck, and farther out to the chest
LEAST = 0.01  # of a membership where nothing else is
SOFT = 0.12  # EO over which one goes over into the next

HAIR_BAND = (0.10, 0.45, 0.55)  # EO above the forehead's top, from and to, and aside of its middle: hair, if anywhere
HANGS = (0.42, 0.85, -0.30)  # EO aside of the chin, from and to, and above it: hair there hangs below it too
HANGING_SHARE = (0.25, 0.45)  # of that zone with the colour of hair: none hangs, hair hangs
LONGEST_HAIR = 1.9  # EO below the chin


def body_regions(of: Sheet, picture: Image, matte: Matte, pose: Pose | None) -> dict[str, Floats]:
    """Memberships, float32 (h, w), of hair, neck and body.

    `picture` (h, w, 3) and `matte` (h, w) are the map's, and so are the points of `pose`.
    """
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.2), cv2.COLOR_RGB2LAB).astype(np.float32)
    hair = _hair_coloured(of, lab, _skin_colour(of, lab), matte)
    hanging = _hanging_hair(of, hair, matte)
    outside = 1 - of.face
    above = _step(-of.along, -0.125, 0.125)
    above *= 1 - (1 - hair) * _step(of.along, *NECK_BESIDE)  # bare skin beside the chin is a neck
    scores = {"hair": outside * np.maximum(0.55 * above, 0.5 * hanging)}
    collar, waist, hips = _heights(of, pose)
    width = NECK_HALF + NECK_WIDENS * np.clip(of.along / collar, 0, 1.5) ** 2
    throat = _step(of.along, -0.06, 0.04) * _step(collar - of.along, -SOFT / 2, SOFT / 2)
    throat *= _step(width - np.abs(of.aside), -0.05, 0.05) * (1 - 0.8 * hanging)
    scores["neck"] = outside * (0.6 * throat + LEAST * (np.abs(of.aside) < NAPE) * (of.along > NECK_BESIDE[0]))
    below = outside * np.maximum(_step(of.along, 0.6 * collar, 0.6 * collar + 0.15), LEAST * (of.along > 0))
    scores["chest"] = 0.22 * below * (1 - waist)
    scores["abdomen"] = 0.35 * outside * waist * (1 - hips)
    scores["legs"] = 0.40 * outside * hips
    if pose is not None:
        of_trunk = 1 - _sleeves(of, pose)
        scores |= {name: of_trunk * scores[name] for name in ("chest", "abdomen", "legs")}
        scores |= {name: outside * score for name, score in _limbs(of, pose, below).items()}
    return {name: np.asarray(score, np.float32) for name, score in scores.items()}


def _heights(of: Sheet, pose: Pose | None) -> tuple[float, Floats, Floats]:
    """EO from the chin to the collar, and (h, w) in 0 .. 1 each: what is below the waist, and below the hips."""
    if pose is None or not _sees(pose, LIMBS["left"][0], LIMBS["right"][0]):
        return COLLAR, _step(of.along, WAIST - SOFT, WAIST + SOFT), _step(of.along, HIPS - SOFT, HIPS + SOFT)
    shoulders = pose.points[[LIMBS["left"][0], LIMBS["right"][0]], :2].mean(axis=0)
    fallen = float((shoulders - of.points[CHIN]) @ of.down) / of.unit
    collar = float(np.clip(COLLAR_SHARE * fallen, *COLLAR_BETWEEN))
    if not _sees(pose, *HIPS_SEEN):
        waist, hips = (fallen + level - COLLAR / COLLAR_SHARE for level in (WAIST, HIPS))
        return collar, _step(of.along, waist - SOFT, waist + SOFT), _step(of.along, hips - SOFT, hips + SOFT)
    torso = pose.points[list(HIPS_SEEN), :2].mean(axis=0) - shoulders
    high, wide = of.face.shape
    y, x = np.ogrid[0:high, 0:wide]
    share = ((x - shoulders[0]) * torso[0] + (y - shoulders[1]) * torso[1]) / max(float(torso @ torso), 1.0)
    return collar, _step(share, WAIST_SHARE - 0.05, WAIST_SHARE + 0.05), _step(share, 0.95, 1.05)


def _limbs(of: Sheet, pose: Pose, below: Floats) -> dict[str, Floats]:
    """Memberships of shoulders, arms and hands, each as far as the pose shows them."""
    scores = {}
    for side, (shoulder, elbow, wrist, fingers) in LIMBS.items():
        if _sees(pose, shoulder):
            at = pose.points[shoulder, :2]
            scores[f"{side}_shoulder"] = 0.75 * below * np.exp(-0.5 * (of.to(at) / SHOULDER_REACH) ** 2)
        if _sees(pose, shoulder, elbow):
            bones = [(shoulder, elbow), *([(elbow, wrist)] if _sees(pose, wrist) else [])]
            scores[f"{side}_arm"] = 0.6 * np.exp(-0.5 * (_along_bones(of, pose, bones) / ARM_REACH) ** 2)
        if _sees(pose, wrist):
            bones = [(wrist, finger) for finger in fingers]
            scores[f"{side}_hand"] = 1.3 * np.exp(-0.5 * (_along_bones(of, pose, bones) / HAND_REACH) ** 2)
    return scores


def _sleeves(of: Sheet, pose: Pose) -> Floats:
    """(h, w) in 0 .. 1: what lies farther out than the shoulder, and near its arm: no part of the trunk."""
    high, wide = of.face.shape
    y, x = np.ogrid[0:high, 0:wide]
    found = np.zeros((high, wide), np.float32)
    sides = list(LIMBS.values())
    for (shoulder, elbow, wrist, fingers), (other, *_) in zip(sides, sides[::-1], strict=True):
        if not _sees(pose, shoulder, elbow, other):
            continue
        at, out = pose.points[shoulder, :2], pose.points[shoulder, :2] - pose.points[other, :2]
        out = out / max(float(np.hypot(*out)), 1.0)
        beyond = np.asarray(((x - at[0]) * out[0] + (y - at[1]) * out[1]) / of.unit, np.float32)
        bones = [(shoulder, elbow)]
        if _sees(pose, wrist):
            bones += [(elbow, wrist), *((wrist, finger) for finger in fingers)]
        near = _step(SLEEVE[1] - _along_bones(of, pose, bones), 0, SLEEVE[1] - SLEEVE[0])
        found = np.maximum(found, near * _step(beyond, *BEYOND))
    return found


def _sees(pose: Pose, *points: int) -> bool:
    return bool((pose.visibility[list(points)] > SEEN).all())


def _along_bones(of: Sheet, pose: Pose, bones: Sequence[tuple[int, int]]) -> Floats:
    """(h, w) EO from every pixel to the nearest of the lines between two points."""
    away: Floats = np.min([_to_line(of, pose.points[one, :2], pose.points[other, :2]) for one, other in bones], axis=0)
    return away


def _to_line(of: Sheet, start: Vector, end: Vector) -> Floats:
    high, wide = of.face.shape
    y, x = np.ogrid[0:high, 0:wide]
    along = end - start
    t = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(float(along @ along), 1.0)
    t = np.clip(t, 0, 1)
    away = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
    return np.asarray(away / of.unit, np.float32)


def _step(values: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, straight between."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def _skin_colour(of: Sheet, lab: Floats) -> Floats:
    """(3,) Lab of the cheeks."""
    high, wide = of.face.shape
    x, y = np.rint(of.points[list(CHEEKS)]).astype(int).T
    return np.asarray(np.median(lab[y.clip(0, high - 1), x.clip(0, wide - 1)], axis=0), np.float32)


def _hair_coloured(of: Sheet, lab: Floats, skin: Floats, matte: Matte) -> Floats:
    """(h, w) in 0 .. 1: as the hair above the forehead rather than as the cheeks."""
    top = float((of.points[FOREHEAD] - of.points[CHIN]) @ of.down) / of.unit
    over = -(of.along - top)
    low, high, half = HAIR_BAND
    band = (matte > 0.7) & (over > low) & (over < high) & (np.abs(of.aside) < half)
    hair = np.median(lab[band], axis=0) if band.sum() > 30 else skin
    to_hair = np.linalg.norm((lab - hair) * (0.7, 1, 1), axis=-1)
    to_skin = np.linalg.norm((lab - skin) * (0.5, 1, 1), axis=-1)
    return np.asarray(np.clip((to_skin - to_hair) / 20 + 0.5, 0, 1), np.float32)


def _hanging_hair(of: Sheet, coloured: Floats, matte: Matte) -> Floats:
    """(h, w) in 0 .. 1: hair below the chin, by its colour as `_hair_coloured` has it, where it hangs beside the chin.

    Dark clothes have the colour of dark hair, and hair touches collars: only the strip beside the chin tells.
    """
    long = _step(LONGEST_HAIR - of.along, 0, 0.4) * _step(1.15 - np.abs(of.aside), 0, 0.2)
    long *= np.clip((coloured - 0.6) * 4, 0, 1) * _step(np.abs(of.aside), 0.28, 0.40)
    first, last, above = HANGS
    for sign in (-1, 1):
        zone = (of.along > above) & (of.along < 0) & (sign * of.aside > first) & (sign * of.aside < last)
        share = float(((matte > 0.5) & (coloured > 0.6))[zone].mean()) if zone.any() else 0.0
        here = sign * of.aside > 0
        long[here] *= np.clip((share - HANGING_SHARE[0]) / (HANGING_SHARE[1] - HANGING_SHARE[0]), 0, 1)
    return np.asarray(long, np.float32)
