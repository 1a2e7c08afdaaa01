"""What is seen between parted lips: teeth that hang on the skull, teeth and tongue that hang on the jaw, a cavity.

All of it lies in planes of the head, and each plane's picture is read at the pixels of the gap. Light comes in
through the gap from the front and above: it fades towards the lips that shade it, and the tongue, which faces up, is
the brightest flesh. Lengths are EO.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avtr_cli.core.arrays import Colour, Doubles, Matte, Picture, Reals, Vector
from avtr_cli.kernels.sampling import Sampler, Texture
from avtr_cli.perception.crop import scale_of
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import CHEEKS, LIP_CENTRES, MOUTH_CORNERS
from avtr_cli.render.mesh import own_teeth, teeth, tongue
from avtr_cli.render.mesh.controls import Controls
from avtr_cli.render.mesh.geometry import Geometry
from avtr_cli.render.mesh.shapes import JAW_DROP, SHAPES, step
from avtr_cli.render.mesh.stage import Stage
from avtr_cli.render.split import DARK_SKIN, LUMA

CAVITY = np.array([0.27, 0.095, 0.085])
# That the incisors show under the upper lip: 3 mm, and more as it rises over an opening mouth.
UPPER_TEETH_DOWN, UPPER_TEETH_MORE = 0.036, 0.016
# Of the lower teeth's edge under the lower lip's: nearer, they peep out of a hardly open mouth as white dashes; of a
# wide open one they show some 2 mm.
LOWER_TEETH_DOWN, LOWER_TEETH_UP = 0.060, 0.080
# Lips drawn off them, as for s, t and ee, bare both rows: the weight of lowered lips that counts in full, and what
# stretched ones count beside them.
BARED, STRETCH_BARES = 0.5, 0.5
# Pursed lips come down before the upper teeth and up before the lower ones, and shade what is left of both.
COVERED_UPPER, COVERED_LOWER = 0.06, 0.05
SHADED_UPPER, SHADED_LOWER = 0.35, 0.6
SHADED_TONGUE = 0.5  # by rounded lips, however far they are apart: an O is a dark hole
BARED_LIT, UPPER_BARED_LIT = 0.35, 0.2  # more light falls on lower and upper teeth that no lip stands before
SHADE_REACH = 0.035
FROM_ABOVE = 0.022  # how much lower than the gap its light falls into the mouth
REDDER = 0.03  # the red over green of lips, over that of skin, by which a photo is in full colour
LIP_TIPS = (0, 17, 37, 267, 84, 314)  # points on the lips' red
DULLER_THAN_LIPS = 0.95  # a tongue lies deeper, and is no third lip
TONGUE_TOP, TONGUE_LIFT = 0.20, 0.11  # its top above the lower lip's edge, and how far tongueOut raises it
TIP_BRIGHTER = 0.30  # a raised tip
TONGUE_GAIN = 2.2  # times tongueOut: speech puts the tongue out by less than half
JAW, SEAL_PHOTO = SHAPES.index("jawOpen"), SHAPES.index("sealPhoto")
BITES = 0.6  # of the way on which the lips of a photo with parted ones meet: there its teeth do
LOWERED = [SHAPES.index("mouthLowerDownLeft"), SHAPES.index("mouthLowerDownRight")]
STRETCHED = [SHAPES.index("mouthStretchLeft"), SHAPES.index("mouthStretchRight")]
PUCKER = SHAPES.index("mouthPucker")
PURSED = (0.12, 0.38)  # the pucker from which, and at which in full, lips are pursed
ROUNDING = [SHAPES.index("mouthFunnel"), SHAPES.index("mouthPucker")]


@dataclass(frozen=True)
class Interior:
    """One mouth's inside, made once; lengths in EO unless they say px."""

    upper_teeth: Texture  # textures (teeth.CANVAS, teeth.CANVAS, 4)
    lower_teeth: Texture
    tongue: Texture
    own_upper: bool  # the photo's own teeth: where it shows them, and lit as it shows them
    own_lower: bool
    upper_bite: float  # below the canvas's middle: where the middle teeth of each row's picture bite
    lower_bite: float
    upper_lip: float  # below the canvas's middle: the inner edges of the resting lips
    lower_lip: float
    redness: float  # 0 .. 1: of flesh; 0 in photos without colour
    centre: Vector  # (3,) middle of the mouth in the head's frame
    half_width: float
    per_eo: float  # canvas px per EO
    cavity: Tensor  # (3, 1, 1) 0 .. 255


def prepare_interior(stage: Stage, geometry: Geometry, sampler: Sampler, fine: Stage, hole: Matte) -> Interior:
    """`fine` is the stage, or a larger one of the photo, on which its teeth are looked for; `hole` (height, width) of
    `fine`, 0 .. 1, the gap between the lips."""
    head = geometry.head
    corners, lips = head[list(MOUTH_CORNERS)], head[list(LIP_CENTRES)]
    half_width = float(np.ptp(corners[:, 0])) / 2
    centre = np.append(corners[:, :2].mean(axis=0), lips[:, 2].mean() + 0.05)
    per_eo = teeth.PER_HALF_MOUTH / half_width
    skin = _colour_at(stage, CHEEKS)
    photo, opening = _on_canvas(fine, centre, per_eo, hole)
    tint = float(np.clip(np.ptp(skin) / max(skin.max(), DARK_SKIN) / 0.10, 0, 1))
    # As soft as the photo: half a pixel of the stage, or of the photo where that is coarser.
    softness = 0.55 * per_eo / geometry.unit * max(1.0, scale_of(stage.affine))
    upper, lower = (teeth.drawn_row(upper, skin, per_eo, softness, tint) for upper in (True, False))
    drawn = own_teeth.Rows(upper, lower)
    rows = own_teeth.with_own(photo, opening, skin, per_eo / fine.unit, drawn, per_eo, UPPER_TEETH_DOWN)
    if rows.own_upper and fine is not stage:  # in a smaller picture they are as soft as it is
        upper, lower = (_softened(row, softness * (1 - stage.unit / fine.unit)) for row in (rows.upper, rows.lower))
        rows = rows._replace(upper=upper, lower=lower)
    light = float(skin @ LUMA) / 255
    # A red mouth in a black-and-white or sepia photo would shock: flesh is red where the lips are redder than the skin.
    lip = _colour_at(stage, LIP_TIPS)
    redness = float(np.clip((_red(lip) / _red(skin) - 1) / REDDER, 0, 1))
    cavity = _flesh(CAVITY, skin, redness) * float(np.clip(0.3 + 0.8 * light, 0.3, 1))
    flesh = _flesh(tongue.FLESH, skin, redness) * float(np.clip(0.25 + 0.75 * light, 0.22, 1))
    flesh *= min(1.0, DULLER_THAN_LIPS * float(lip @ LUMA) / 255 / float(flesh[1] @ LUMA))
    return Interior(
        upper_teeth=_texture(sampler, rows.upper),
        lower_teeth=_texture(sampler, rows.lower),
        tongue=_texture(sampler, tongue.drawn_tongue(flesh, half_width, per_eo, softness)),
        own_upper=rows.own_upper,
        own_lower=rows.own_lower,
        upper_bite=(rows.upper_bite - teeth.CANVAS / 2) / per_eo,
        lower_bite=(rows.lower_bite - teeth.CANVAS / 2) / per_eo,
        upper_lip=float(lips[0, 1] - centre[1]),
        lower_lip=float(lips[1, 1] - centre[1]),
        redness=redness,
        centre=centre,
        half_width=half_width,
        per_eo=per_eo,
        cavity=torch.tensor(255 * cavity, dtype=torch.float32, device=sampler.device)[:, None, None],
    )


@dataclass(frozen=True)
class Look:
    """What of a mouth's inside one frame shows, and how lit; lengths in EO."""

    to_plane: Doubles  # (2, 2) stage pixels -> EO on planes in the mouth
    skull: Vector  # (2,) of the stage's pixel (0, 0), on the plane of the upper teeth
    jaw: Vector  # (2,) the same on the plane of the lower teeth and the tongue
    tongue_top: float
    tongue_stretch: float  # rows of its picture for one of the canvas
    tongue_light: float
    raised: float  # 0 .. 1: how far its tip is before the lower teeth
    lower_edge: float
    lower_light: float
    upper_edge: float
    upper_dark: float  # light of the upper teeth: this, and by what comes in through the gap
    upper_lit: float
    shaded: float  # less this, of lips that stand before them
    warmth: float  # 0 .. 1: how far shade on teeth is redder than light


LEAST_LIT = 0.08  # of upper teeth, whatever shades them
HUE_WITH_ROUNDING = 2.0  # lips that are half rounded bring the whole of it
SHADE_HUE = (0.4, -0.15, -0.3)  # red, green, blue: teeth in shade are lit by flesh, and look like tin without it


def look(interior: Interior, geometry: Geometry, controls: Controls) -> Look:
    """What the controls of one frame show of a mouth's inside."""
    jaw = max(float(controls.weights[JAW]), 0.0)
    opened = step(jaw, 0.10, 0.42)
    rounded = min(max(float(controls.weights[ROUNDING].sum()), 0.0), 1.0)
    pursed = step(float(controls.weights[PUCKER]), *PURSED)
    to_px = (controls.pose.rotation @ geometry.rotation)[:2, :2] * geometry.unit * controls.pose.zoom
    back = np.asarray(np.linalg.inv(to_px), np.float64)
    # l, n and th bring the tongue's tip up and forward into the light, before the lower teeth.
    raised = min(max(TONGUE_GAIN * controls.tongue, 0.0), 1.0)
    deep = 0.5 * max(interior.lower_lip - interior.upper_lip, 0.0)  # of parted lips it fills as much as of opened ones
    height = tongue.TIP + deep + TONGUE_LIFT * raised
    seen = max(step(jaw, 0.04, 0.30), raised)  # behind teeth hardly apart it lies in their shade
    bared = _bared(controls) * (1 - rounded)
    up = max(opened * (1 - rounded), bared)
    own_upper, own_lower = interior.own_upper, interior.own_lower
    upper_edge = 0.0 if own_upper else interior.upper_lip + UPPER_TEETH_DOWN + UPPER_TEETH_MORE * opened
    lower_edge = 0.0 if own_lower else interior.lower_lip + LOWER_TEETH_DOWN - LOWER_TEETH_UP * up
    upper_edge -= COVERED_UPPER * pursed
    lower_edge += COVERED_LOWER * pursed
    # A photo's jaw that hangs open comes up before its lips meet: s, t and ee are said with teeth together.
    apart = max(lower_edge + interior.lower_bite - upper_edge - interior.upper_bite, 0.0)
    drop = jaw * JAW_DROP * 0.92 - apart * step(float(controls.weights[SEAL_PHOTO]), 0.0, BITES)
    return Look(
        to_plane=back,
        skull=_start(interior, geometry, controls, np.zeros(3), back),
        jaw=_start(interior, geometry, controls, np.array([0, drop, 0.25 * drop]), back),
        tongue_top=interior.lower_lip - TONGUE_TOP - deep - TONGUE_LIFT * raised,
        tongue_stretch=tongue.TIP / height,
        tongue_light=(0.55 + 0.45 * seen + TIP_BRIGHTER * raised) * (1 - SHADED_TONGUE * rounded),
        raised=raised,
        lower_edge=lower_edge,
        # Beside the photo's own they have its light already.
        lower_light=(1.0 if own_upper else 1 + BARED_LIT * bared) * (1 - SHADED_LOWER * pursed),
        upper_edge=upper_edge,
        # Rounded lips stand in front of the teeth and shade them. The photo's own teeth are shown as they were lit.
        upper_dark=(0.34 if own_upper else 0.30) + UPPER_BARED_LIT * bared,
        upper_lit=0.99 if own_upper else 0.67,
        shaded=(0.45 if own_upper else 0.28) * rounded + SHADED_UPPER * pursed,
        warmth=interior.redness * min(HUE_WITH_ROUNDING * rounded, 1.0),
    )


def shade_reach(unit: float) -> tuple[int, int]:
    """Pixels over which the gap is averaged, to either side, and that its light falls down by."""
    return max(1, int(SHADE_REACH * unit)), round(FROM_ABOVE * unit)


def draw_interior(
    interior: Interior,
    geometry: Geometry,
    controls: Controls,
    sampler: Sampler,
    gap: Tensor,
    columns: Tensor,
    rows: Tensor,
) -> Tensor:
    """The inside of the mouth, (3, h, w) in 0 .. 255, at the stage's `rows` (h, 1) and `columns` (1, w); `gap` (h, w)
    says how far each pixel opens into it. All that opens must be among them: it lets in the light."""
    shown = look(interior, geometry, controls)
    skull_u, skull_v = _places(shown.to_plane, shown.skull, columns, rows)
    jaw_u, jaw_v = _places(shown.to_plane, shown.jaw, columns, rows)
    reach, fall = shade_reach(geometry.unit)
    light = _ambient(gap, reach)
    fallen = _lowered(light, fall)

    u, v = skull_u / interior.half_width, (skull_v + jaw_v) / 2
    throat = torch.exp(-0.5 * ((u / 0.42) ** 2 + (v / 0.09) ** 2))
    inside = interior.cavity * ((1 - 0.5 * u.abs().clamp(0, 1) ** 2) * (1 - 0.45 * throat))
    flesh = _read(interior, sampler, interior.tongue, jaw_u, (jaw_v - shown.tongue_top) * shown.tongue_stretch)
    covers = flesh[3:] / 255
    inside = torch.lerp(inside, flesh[:3] * shown.tongue_light, covers)
    lower = _read(interior, sampler, interior.lower_teeth, jaw_u, jaw_v - shown.lower_edge)
    light_of_lower = _warm(torch.full_like(gap, shown.lower_light), shown.warmth)
    inside = torch.lerp(inside, lower[:3] * light_of_lower, lower[3:] * ((1 - shown.raised * covers) / 255))
    inside *= 0.28 + 0.72 * fallen
    upper = _read(interior, sampler, interior.upper_teeth, skull_u, skull_v - shown.upper_edge)
    lit = (shown.upper_dark + shown.upper_lit * light - shown.shaded).clamp(LEAST_LIT, 1)
    return torch.lerp(inside, upper[:3] * _warm(lit, shown.warmth), upper[3:] / 255)


def _warm(light: Tensor, warmth: float) -> Tensor:
    """Light (h, w) on teeth, by channel, (3, h, w): the less there is, the redder."""
    hue = light.new_tensor(SHADE_HUE)[:, None, None] * warmth
    return light * (1 + hue * (1 - light).clamp(min=0))


def _bared(controls: Controls) -> float:
    """0 .. 1: how far the lower lip is drawn off its teeth."""
    weights = controls.weights
    stretched = max(float(weights[STRETCHED].mean()), 0.0)
    return step(float(weights[LOWERED].mean()) + STRETCH_BARES * stretched, 0.0, BARED)


def _ambient(gap: Tensor, reach: int) -> Tensor:
    """How much light reaches into the gap, (h, w) 0 .. 1: the gap twice averaged over `reach` px to either side."""
    size = 2 * reach + 1
    light = gap[None, None]
    for _ in range(2):
        light = functional.avg_pool2d(light, (size, 1), 1, (reach, 0))
        light = functional.avg_pool2d(light, (1, size), 1, (0, reach))
    return (light[0, 0] * 1.35).clamp(0, 1)


def _lowered(light: Tensor, by: int) -> Tensor:
    return functional.pad(light, (0, 0, by, 0))[: light.shape[0]]


def _read(interior: Interior, sampler: Sampler, texture: Texture, u: Tensor, v: Tensor) -> Tensor:
    half = teeth.CANVAS / 2 - 0.5
    return sampler.sample(texture, u * interior.per_eo + half, v * interior.per_eo + half)


def _start(interior: Interior, geometry: Geometry, controls: Controls, offset: Vector, back: Doubles) -> Vector:
    """Where the stage's pixel (0, 0) lies, EO from the mouth's middle, on the plane `offset` from the skull's."""
    start: Vector = -back @ geometry.place((interior.centre + offset)[None], controls)[0]
    return start


def _places(to_plane: Doubles, start: Vector, columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates of pixels on a plane in the mouth, EO from its middle."""
    u = columns * float(to_plane[0, 0]) + rows * float(to_plane[0, 1]) + float(start[0])
    v = columns * float(to_plane[1, 0]) + rows * float(to_plane[1, 1]) + float(start[1])
    return u, v


def _softened(row: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(row, (0, 0), sigma))


def _on_canvas(stage: Stage, centre: Vector, per_eo: float, hole: Matte) -> tuple[Picture, Matte]:
    """Photo and gap read onto the teeth's canvas: float32 (CANVAS, CANVAS, 3) and (CANVAS, CANVAS)."""
    pose = fit_pose(stage.points)
    span = (np.arange(teeth.CANVAS) + 0.5 - teeth.CANVAS / 2) / per_eo
    u, v = np.meshgrid(span, span)
    places = np.stack([u + centre[0], v + centre[1], np.full_like(u, centre[2])], axis=-1)
    places = places @ pose.rotation.T * pose.scale + pose.shift
    x, y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
    photo = cv2.remap(stage.image.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return photo.clip(0, 255), cv2.remap(hole, x, y, cv2.INTER_LINEAR)


def _red(colour: Colour) -> float:
    return float(max(colour[0], 10.0) / max(colour[1], 10.0))


def _flesh(colour: Colour, skin: Colour, redness: float) -> Colour:
    """`colour` (..., 3) under the light of a photo in which cheeks look like `skin`; in their tone at redness 0."""
    lit = colour * (0.4 + 0.6 * teeth.light_cast(skin))
    toned = (lit @ LUMA)[..., None] * skin / max(float(skin @ LUMA), 1.0)
    return np.asarray(toned + (lit - toned) * redness)


def _texture(sampler: Sampler, picture: Reals) -> Texture:
    cleared = np.rint(picture).clip(0, 255).astype(np.uint8)
    cleared[[0, -1]] = 0  # reading outside continues the edge: nothing
    cleared[:, [0, -1]] = 0
    return sampler.texture(cleared)


def _colour_at(stage: Stage, points: tuple[int, ...]) -> Colour:
    x, y = stage.points[list(points), :2].astype(int).T
    colour: Colour = (
        stage.image[y.clip(0, stage.height - 1), x.clip(0, stage.width - 1)].mean(axis=0).astype(np.float64)
    )
    return colour
