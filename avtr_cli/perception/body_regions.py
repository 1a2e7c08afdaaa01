"""Which part of the person besides the face lies where: hair, neck, and the body by the proportions of people.

No network looks for limbs: shoulders, chest, abdomen, legs and hanging arms are where they are on a person who sits or
stands upright, measured in EO from the chin along the head's axis (NASA-STD-3000 has the proportions) and held to the
matte; hands are bare skin beside the body, by the colour of the face's. What lies before the body, be it folded arms or
hands in a lap, is therefore taken for the body: a touch there is answered with reserve rather than with warmth.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Image, Mask, Matte, Vector
from avtr_cli.perception.face_regions import Sheet
from avtr_cli.perception.topology import CHEEKS, CHIN, FOREHEAD

# EO below the chin: where the throat ends at the collar, shoulders lie, chest, abdomen and legs begin and end.
COLLAR, SHOULDERS, WAIST, HIPS = 0.55, 0.95, 3.6, 6.2
SHOULDER_ASIDE, SHOULDER_REACH = 1.75, 0.42
TORSO_HALF = 1.70  # EO: half its width; beyond are arms
NECK_HALF, NECK_WIDENS = 0.36, 0.25
NECK_BESIDE = (-0.55, -0.40)  # EO below the chin (so above it): bare skin from there on beside the face is neck
NAPE = 0.75  # EO aside of the chin: what else is there below it belongs to the neck, and farther out to the chest
LEAST = 0.01  # of a membership where nothing else is
SOFT = 0.12  # EO over which one goes over into the next

HAIR_BAND = (0.10, 0.45, 0.55)  # EO above the forehead's top, from and to, and aside of its middle: hair, if anywhere
HANGS = (0.42, 0.85, -0.30)  # EO aside of the chin, from and to, and above it: hair there hangs below it too
HANGING_SHARE = (0.25, 0.45)  # of that zone with the colour of hair: none hangs, hair hangs
LONGEST_HAIR = 1.9  # EO below the chin

LEAST_CHROMA = 8.0  # Lab, of the cheeks: a grey photo's skin has no colour to find hands by
SKIN_AWAY = 13.0  # Lab distance within which a colour is that of the face's skin; lightness counts half
HANDS_BELOW = 1.2  # EO below the chin; above the hips
HAND_AREA = (0.10, 4.0)  # EO^2 of bare skin that may be a hand, with its arm
HAND_REACH = 0.34


def body_regions(of: Sheet, picture: Image, matte: Matte) -> dict[str, Floats]:
    """Memberships, float32 (h, w), of hair, neck and body; `picture` (h, w, 3) and `matte` (h, w) are the map's."""
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.2), cv2.COLOR_RGB2LAB).astype(np.float32)
    skin = _skin_colour(of, lab)
    outside = 1 - of.face
    hair = _hair_coloured(of, lab, skin, matte)
    hanging = _hanging_hair(of, hair, matte)
    above = _step(-of.along, -0.125, 0.125)
    above *= 1 - (1 - hair) * _step(of.along, *NECK_BESIDE)  # bare skin beside the chin is a neck
    scores = {"hair": outside * np.maximum(0.55 * above, 0.5 * hanging)}
    width = NECK_HALF + NECK_WIDENS * np.clip(of.along / COLLAR, 0, 1.5) ** 2
    throat = _step(of.along, -0.06, 0.04) * _step(COLLAR - of.along, -SOFT / 2, SOFT / 2)
    throat *= _step(width - np.abs(of.aside), -0.05, 0.05) * (1 - 0.8 * hanging)
    scores["neck"] = outside * (0.6 * throat + LEAST * (np.abs(of.aside) < NAPE) * (of.along > NECK_BESIDE[0]))
    below = outside * np.maximum(_step(of.along, 0.6 * COLLAR, 0.6 * COLLAR + 0.15), LEAST * (of.along > 0))
    waist, hips = (_step(of.along, edge - SOFT, edge + SOFT) for edge in (WAIST, HIPS))
    scores["chest"] = 0.22 * below * (1 - waist)
    scores["abdomen"] = 0.35 * outside * waist * (1 - hips)
    scores["legs"] = 0.40 * outside * hips
    for side, sign in (("left", 1), ("right", -1)):
        shoulder = _shoulder(of, matte, sign)
        if shoulder is None:
            continue
        scores[f"{side}_shoulder"] = 0.75 * below * np.exp(-0.5 * (of.to(shoulder) / SHOULDER_REACH) ** 2)
        top = float((shoulder - of.points[CHIN]) @ of.down) / of.unit
        hangs = _step(sign * of.aside, TORSO_HALF - SOFT, TORSO_HALF + SOFT) * (1 - hips)
        scores[f"{side}_arm"] = 0.6 * outside * hangs * _step(of.along, top + 0.3, top + 0.6)
    for name, place in _hands(of, lab, skin, matte):
        scores[name] = 1.3 * outside * np.exp(-0.5 * (of.to(place) / HAND_REACH) ** 2)
    return {name: np.asarray(score, np.float32) for name, score in scores.items()}


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


def _shoulder(of: Sheet, matte: Matte, sign: int) -> Vector | None:
    """(2,) px of the map: the middle of the shoulder at the right (1) or left (-1) of the picture, if it is seen."""
    column = (np.abs(sign * of.aside - SHOULDER_ASIDE) < 0.15) & (of.along > 0.2) & (of.along < 2.4)
    person = column & (matte > 0.5)
    if person.sum() < 0.3 * column.sum() or not person.any():
        return None
    top = float(np.percentile(of.along[person], 2))
    middle = max(top + 0.3, min(SHOULDERS, top + 0.6))
    place = of.points[CHIN] + (sign * SHOULDER_ASIDE * of.right + middle * of.down) * of.unit
    high, wide = of.face.shape
    return np.asarray(place) if 0 <= place[0] < wide and 0 <= place[1] < high else None


def _hands(of: Sheet, lab: Floats, skin: Floats, matte: Matte) -> Iterator[tuple[str, Vector]]:
    """(name, place (2,) px of the map) of each hand: the end of bare skin beside the body, far from its shoulder."""
    if np.hypot(*(skin[1:] - 128)) < LEAST_CHROMA:
        return
    away = np.linalg.norm((lab - skin) * (0.5, 1, 1), axis=-1)
    bare = cv2.morphologyEx(_bytes((away < SKIN_AWAY) & (matte > 0.5)), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    bare[(of.along < HANDS_BELOW) | (of.along > HIPS) | (np.abs(of.aside) < TORSO_HALF)] = 0
    count, labels, facts, middles = cv2.connectedComponentsWithStats(bare)
    low, high = (area * of.unit**2 for area in HAND_AREA)
    parts = [at for at in range(1, count) if low < facts[at, cv2.CC_STAT_AREA] < high]
    for at in sorted(parts, key=lambda at: -facts[at, cv2.CC_STAT_AREA])[:2]:
        inside = labels == at
        side, sign = ("left", 1) if (middles[at] - of.points[CHIN]) @ of.right > 0 else ("right", -1)
        start = of.points[CHIN] + (sign * SHOULDER_ASIDE * of.right + SHOULDERS * of.down) * of.unit
        far = of.to(start) * inside
        end = inside & (far > far.max() - HAND_REACH)
        y, x = np.nonzero(end)
        yield f"{side}_hand", np.array([x.mean(), y.mean()])


def _bytes(mask: Mask) -> Image:
    return mask.astype(np.uint8)
