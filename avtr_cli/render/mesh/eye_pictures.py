"""The pictures that moving eyes are made of: sclera, whole iris, skin of a closed lid, lashes.

All are guessed from one photo of open eyes, on small square canvases in the eye's own frame (see `eyes`).
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Doubles, Image, Mask, Picture, Points, Reals, Vector
from avtr_cli.kernels.eye_measures import BALL_ENDS, CANVAS, CANVAS_REACH, CANVAS_SCALE
from avtr_cli.kernels.sampling import Sampler, Texture
from avtr_cli.perception.lids import hanging_lids
from avtr_cli.perception.topology import CHEEKS, EYES, EyePoints
from avtr_cli.render.filling import fill_hole
from avtr_cli.render.mesh.eyes import Eye, curve
from avtr_cli.render.mesh.shapes import smoothstep
from avtr_cli.render.mesh.stage import Stage
from avtr_cli.render.split import DARK_PIXEL, LUMA

PALER = 0.14  # saturation by which white must stay below skin for the two to be told apart
LEAST_LIT = 0.50  # of the cheek's light that a lid has: it lies less deep than the socket around it
IRIS_RIM = 1.12  # iris radii to where its soft, dark rim ends
OUTER_LASHES, INNER_LASHES = 1.34, 1.12  # half eye widths to where the lashes end beyond either corner
GRAIN_SIZE = 1.7  # px of the stage: coarser structure of the skin is no grain
NOTHING_SEEN = 0.12  # half eye widths that lids must rise, from which on the slit between them shows no whole eye
LEAST_IRIS = 25  # canvas px of an iris whose colour is believed
IRIS_LIGHT = (0.16, 0.45)  # of the white's light that an iris has: in a slit, lashes shade it
IRIS_RISES = 0.4  # of that, what the iris lies higher than it is guessed to between shut lids
FOLDS = 0.6  # of that, how much more of the skin above folds
IRIS, PUPIL = np.array([0.32, 0.20, 0.13]), np.array([0.06, 0.05, 0.05])  # over the white of the eye
FARTHEST = 0.45  # half eye widths that a drawn eye may reach beyond Face Mesh's lids; farther, it is no eye


def prepare_eyes(stage: Stage, sampler: Sampler, glasses: bool = False) -> list[Eye]:
    """Both eyes; with `glasses` lids keep inside the frames."""
    skin = _skin_colour(stage)
    lids = _true_lids(stage)
    rise = hanging_lids(stage.points)
    return [
        _prepare_eye(stage, sampler, eye, upper, lower, skin, glasses, rise)
        for eye, (upper, lower) in zip(EYES, lids, strict=True)
    ]


def _skin_colour(stage: Stage) -> Colour:
    colour: Colour = _colours(stage.image, stage.points[list(CHEEKS), :2]).mean(axis=0)
    return colour


def _prepare_eye(
    stage: Stage,
    sampler: Sampler,
    points: EyePoints,
    upper: Points,
    lower: Points,
    skin: Colour,
    glasses: bool,
    rise: float,
) -> Eye:
    half, across, down = _eye_axes(upper)
    centre = (upper[0] + upper[-1]) / 2

    def in_eye(places: Points) -> Points:
        offset = (places - centre) / half
        return np.stack([offset @ across, offset @ down], axis=-1)

    upper_curve, lower_curve = _fit_curve(in_eye(upper)), _fit_curve(in_eye(lower))
    brow = float(in_eye(stage.points[list(points.brow), :2])[:, 1].mean()) * 0.92
    iris = in_eye(stage.points[[points.iris[0]], :2])[0] - (0, IRIS_RISES * rise)
    rim = stage.points[list(points.iris[1:]), :2] - stage.points[points.iris[0], :2]
    radius = float(np.linalg.norm(rim, axis=1).mean() / half)

    span = np.linspace(-CANVAS_REACH, CANVAS_REACH, CANVAS)
    u, v = np.meshgrid(span, span)
    image = stage.image.astype(np.float32)

    def look(at_u: Doubles, at_v: Doubles) -> Picture:
        places = centre + half * (at_u[..., None] * across + at_v[..., None] * down)
        x, y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
        return cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).clip(0, 255)

    canvas = look(u, v)
    lids = curve(upper_curve, u), curve(lower_curve, u)
    visible = (v > lids[0] + 0.10) & (v < lids[1] - 0.05) & (np.abs(u) < BALL_ENDS)
    from_iris = np.hypot(u - iris[0], v - iris[1])
    if rise > NOTHING_SEEN:
        sclera, white = _drawn_sclera(canvas.shape, skin)
        ring = np.abs(np.hypot(u - iris[0], v - iris[1] - IRIS_RISES * rise) / radius - 0.7) < 0.25
        iris_picture = _drawn_iris(u - iris[0], v - iris[1], radius, white, _iris_colour(canvas[visible & ring], white))
    else:
        sclera, white = _sclera(canvas, visible & (from_iris > IRIS_RIM * radius), skin)
        iris_picture = _iris(canvas, visible, u, v, iris, radius, white)
    outward = u if points.side == "Left" else -u
    pixel = (CANVAS - 1) / (2 * CANVAS_REACH * half)
    lid, lashes = _lid_pictures(canvas, outward, v, lids, brow, glasses, pixel)

    def texture(picture: Reals) -> Texture:
        return sampler.texture(np.rint(picture).clip(0, 255).astype(np.uint8))

    return Eye(
        side=points.side,
        centre=centre,
        half_width=half,
        across=across,
        down=down,
        upper=upper_curve,
        lower=lower_curve,
        brow=np.inf if glasses else brow,
        fold=0.22 if glasses else 0.35 + FOLDS * rise,
        iris=iris,
        corners=(points.upper[0], points.upper[-1]),
        sclera=texture(sclera),
        iris_picture=texture(iris_picture),
        lid=texture(lid),
        lashes=texture(lashes),
    )


def _true_lids(stage: Stage) -> list[tuple[Points, Points]]:
    """Upper and lower lid points (9, 2) px of both eyes, from the left of the picture to the right.

    Drawn eyes are larger than Face Mesh believes eyes to be, and white left outside its lids would never close: where
    both eyes show white beyond them, the lids are moved out to where it ends.
    """
    lids = [(stage.points[list(eye.upper), :2], stage.points[list(eye.lower), :2]) for eye in EYES]
    lids = [(u, low) if u[0, 0] < u[-1, 0] else (u[::-1], low[::-1]) for u, low in lids]
    beyond = [_white_beyond(stage.image, upper, lower) for upper, lower in lids]
    # (below, at the inner corner, at the outer corner), in half eye widths; the first eye's outer corner is its left.
    both = np.stack([beyond[0], beyond[1][[0, 2, 1]]])
    agreed = np.where(both.min(axis=0) > 0.03, both.max(axis=0) + 0.02, 0.0)
    if not agreed.any():
        return lids
    moved = []
    for (upper, lower), (left, right) in zip(lids, ((agreed[1], agreed[2]), (agreed[2], agreed[1])), strict=True):
        half, across, down = _eye_axes(upper)
        share = ((upper - upper[0]) @ across / (2 * half))[:, None]
        outward = half * across * (right * share - left * (1 - share))
        bow = np.sqrt(np.clip(1 - (2 * share - 1) ** 2, 0, 1))
        moved.append((upper + outward, lower + outward + agreed[0] * half * bow * down))
    return moved


def _white_beyond(image: Image, upper: Points, lower: Points) -> Vector:
    """How far the white of an eye reaches below the lower lid and beyond the left and right corner, half eye widths.

    White is told from skin by its paleness, which shade leaves as it is.
    """
    half, across, down = _eye_axes(upper)
    inside = np.concatenate([upper + share * (lower - upper) for share in (0.3, 0.5, 0.7)])
    white = float(np.quantile(_saturation(image, inside), 0.25))
    skin = float(np.median(_saturation(image, lower[2:-2] + 0.65 * half * down)))
    if skin - white < PALER:
        return np.zeros(3)

    def ends(start: Points, along: Vector) -> float:
        steps = np.arange(0.02, 0.6, 0.02)
        pale = ((_saturation(image, start + s * half * along) < (white + skin) / 2).mean() for s in steps)
        last = next((s for s, share in zip(steps, pale, strict=True) if share < 0.5), 0.0)
        return float(last) if last < FARTHEST else 0.0

    return np.array([ends(lower[1:-1], down), ends(upper[:1], -across), ends(upper[-1:], across)])


def _saturation(image: Image, places: Points) -> Doubles:
    colours = _colours(image, places)
    saturation: Doubles = 1 - colours.min(axis=1) / np.maximum(colours.max(axis=1), DARK_PIXEL)
    return saturation


def _eye_axes(upper: Points) -> tuple[float, Vector, Vector]:
    """Half width px and the unit vectors across and down of an eye from its upper lid's points."""
    half = float(np.linalg.norm(upper[-1] - upper[0]) / 2)
    across = (upper[-1] - upper[0]) / (2 * half)
    return half, across, np.array([-across[1], across[0]])


def _colours(image: Image, places: Points) -> Colour:
    x, y = np.rint(places).astype(int).T
    colours: Colour = image[y.clip(0, image.shape[0] - 1), x.clip(0, image.shape[1] - 1)].astype(np.float64)
    return colours


def _fit_curve(places: Points) -> Doubles:
    u, v = places[:, 0], places[:, 1]
    coefficients = np.linalg.lstsq(np.stack([(1 - u**2) * u**k for k in range(4)], axis=1), v, rcond=None)[0]
    return np.asarray(coefficients, np.float64)


def _sclera(canvas: Picture, seen: Mask, skin: Colour) -> tuple[Picture, Colour]:
    """The white of the eye, continued behind iris and lids, and its median colour."""
    if seen.sum() <= 60:
        return _drawn_sclera(canvas.shape, skin)
    white = np.median(canvas[seen], axis=0)
    core = cv2.erode(seen.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    filled = fill_hole(canvas, ~(core if core.any() else seen))
    return cv2.GaussianBlur(filled, (0, 0), 2) * 0.9 + 0.1 * white.astype(np.float32), white


def _drawn_sclera(shape: tuple[int, ...], skin: Colour) -> tuple[Picture, Colour]:
    """A plain white under the light that makes the cheeks `skin`, and its colour."""
    white = np.array([0.75, 0.72, 0.70]) * float(skin @ LUMA) * 1.3
    return np.broadcast_to(white, shape).astype(np.float32), white


def _iris_colour(seen: Colour, white: Colour) -> Colour:
    """Colour, over the light of the white, of the `seen` (n, 3) pixels between lids; of too few brown, as most are."""
    if len(seen) < LEAST_IRIS:
        return IRIS
    colour = np.median(seen, axis=0) / float(white @ LUMA)
    light = float(colour @ LUMA)
    return np.asarray(colour * np.clip(light, *IRIS_LIGHT) / max(light, 1e-3), np.float64)


def _drawn_iris(u: Doubles, v: Doubles, radius: float, white: Colour, iris: Colour) -> Reals:
    """An iris where `u`, `v` are 0, for an eye that does not show it; RGB and alpha."""
    out = np.hypot(u, v) / radius
    rim, pupil = smoothstep(out, 0.72, 1.0)[..., None], 1 - smoothstep(out, 0.34, 0.42)[..., None]
    rays = 1 + 0.10 * np.cos(23 * np.arctan2(v, u))[..., None] * smoothstep(out, 0.4, 0.6)[..., None]
    colour = iris * rays * (1 - 0.55 * rim) * (1 - pupil) + PUPIL * pupil
    glint = np.exp(-0.5 * ((u / radius + 0.30) ** 2 + (v / radius + 0.36) ** 2) / 0.12**2)[..., None]
    colour = colour * (1 - glint) + glint
    alpha = (1 - smoothstep(out, 0.98, 1.14)) * 255
    return np.dstack([colour * float(white @ LUMA), alpha])


def _iris(
    canvas: Picture,
    visible: Mask,
    u: Doubles,
    v: Doubles,
    centre: Vector,
    radius: float,
    white: Colour,
) -> Reals:
    """The whole iris with alpha, (CANVAS, CANVAS, 4): what lids hide is mirrored from below and averaged by radius."""
    distance = np.hypot(u - centre[0], v - centre[1])
    known = visible & (distance < IRIS_RIM * radius)
    at_x = ((u + CANVAS_REACH) * CANVAS_SCALE).astype(np.float32)
    at_y = ((2 * centre[1] - v + CANVAS_REACH) * CANVAS_SCALE).astype(np.float32)
    mirrored = cv2.remap(canvas, at_x, at_y, cv2.INTER_LINEAR)
    mirror_known = cv2.remap(known.astype(np.float32), at_x, at_y, cv2.INTER_LINEAR) > 0.9
    rings = np.zeros_like(canvas)
    ring = (distance / radius * 10).astype(int)
    colour = white * 0.3
    for r in range(14):
        here = known & (ring == r)
        colour = np.median(canvas[here], axis=0) if here.sum() > 3 else colour
        rings[ring == r] = colour
    rings = cv2.GaussianBlur(rings, (0, 0), 2.0)
    guessed = np.where(mirror_known[..., None], 0.5 * mirrored + 0.5 * rings, rings)
    sure = (cv2.GaussianBlur(known.astype(np.float32), (0, 0), 1.2) * known)[..., None]
    alpha = 1 - np.clip((distance / radius - 0.98) / 0.16, 0, 1)
    alpha = alpha * alpha * (3 - 2 * alpha) * 255
    return np.dstack([canvas * sure + guessed * (1 - sure), alpha])


def _lid_pictures(
    canvas: Picture,
    outward: Doubles,
    v: Doubles,
    lids: tuple[Doubles, Doubles],
    brow: float,
    glasses: bool,
    pixel: float,
) -> tuple[Reals, Reals]:
    """Skin of a closed lid (CANVAS, CANVAS, 4) with alpha, and what the lashes leave of the light, (CANVAS, CANVAS).

    `pixel` canvas px are one of the stage. The skin is what surrounds the eye, continued smoothly across it: sampling
    the socket gives grey or black lids, stretching the photo's lid smears its lashes.
    """
    # The curves know no lid beyond the corners: they end there. The outer corner's lashes reach farther.
    upper, lower = (np.where(np.abs(outward) < 1, lid, 0) for lid in lids)
    ends = np.where((outward > 0) & ~np.array(glasses), OUTER_LASHES, INNER_LASHES)
    bow = np.sqrt(np.clip(1 - (outward / ends) ** 2, 0, 1))
    fold = np.maximum(upper - (0.20 if glasses else 0.50) * bow, brow + 0.10)
    eye = (v > fold) & (v < lower + 0.18 * bow) & (np.abs(outward) < ends)
    strange = np.zeros_like(eye)
    if glasses:
        light = canvas @ LUMA
        around = np.median(light[~eye & (v > brow)])
        strange = cv2.dilate((np.abs(light / around - 1) > 0.25).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    skin = fill_hole(canvas, eye | (v < brow) | strange)
    skin = _lifted(cv2.GaussianBlur(skin, (0, 0), 3), np.median(canvas[(v > 0.9) & (np.abs(outward) < 0.6)], axis=0))
    grain = _grain(canvas, (v > 0.75) & (np.abs(outward) < 0.9), pixel)
    frame = strange & ((v < upper - 0.08) | (np.abs(outward) > 1.02))  # of the glasses: it stays before the lid
    alpha = cv2.GaussianBlur((eye & ~frame).astype(np.float32), (0, 0), 1.5 if glasses else 4.5) * 255

    left = np.clip((canvas @ LUMA) / np.maximum(skin @ LUMA, 1), 0.35, 1)
    strip = np.clip((v - (upper - 0.20)) / 0.08, 0, 1) * np.clip((INNER_LASHES - np.abs(outward)) / 0.12, 0, 1)
    lashes = 255 * (1 - (1 - left) * strip)
    return np.dstack([skin + grain, alpha]), lashes


def _grain(canvas: Picture, below: Mask, pixel: float) -> Picture:
    """The photo's grain (CANVAS, CANVAS, 3): fine detail of the skin well `below` the eye, bool (CANVAS, CANVAS).

    From nearer it would bring the lower lid's contour along; what stands out of the grain there is a wrinkle, or hair.
    """
    detail = canvas - cv2.GaussianBlur(canvas, (0, 0), GRAIN_SIZE * pixel)
    usual = 1.48 * float(np.median(np.abs(detail[below])))
    x, y = np.meshgrid(np.arange(CANVAS, dtype=np.float32), np.arange(CANVAS, dtype=np.float32))
    moved = cv2.remap(detail, x, y + np.float32(1.2 * CANVAS_SCALE), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.clip(moved, -2 * usual, 2 * usual)


def _lifted(skin: Picture, cheek: Colour) -> Picture:
    """`skin` (h, w, 3) of at least LEAST_LIT of the light of the colour `cheek`, by mixing: scaling would colour it."""
    light, full = skin @ LUMA.astype(np.float32), float(cheek @ LUMA)
    share = np.clip((LEAST_LIT * full - light) / np.maximum(full - light, 1), 0, 1)[..., None]
    lifted: Picture = (skin + (cheek - skin) * share).astype(np.float32)
    return lifted
