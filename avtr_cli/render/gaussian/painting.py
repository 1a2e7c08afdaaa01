"""What the photo shows of a person's skin and clothes, and a guess at the colour of all that it does not show.

The back is the front seen through, since belts and hems go round; then comes the other side's mirror image, and what
is left takes on what lies beside it within the same limb. Colours are 0 .. 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Floats, Mask, Matte, Picture, Points
from avtr_cli.perception.body import SeenBody
from avtr_cli.perception.topology import OUTER_EYE_CORNERS
from avtr_cli.render.gaussian.beneath import Beneath, beneath_arms
from avtr_cli.render.gaussian.body_model import (
    HEAD,
    LEFT_ARM,
    LEFT_EYE,
    LOWER_TEETH,
    NECK,
    RIGHT_ARM,
    RIGHT_EYE,
    SKIN,
    TONGUE,
    UPPER_TEETH,
    BodyModel,
)
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.hair import hair_colour
from avtr_cli.render.gaussian.hand_colours import hand_colours, like_skin
from avtr_cli.render.gaussian.sleeves import ARMS, BARE, INSIDE, LIGHT, SHADES, Sleeves, like_colour, tell_sleeves
from avtr_cli.render.gaussian.slivers import Slivers, slivers
from avtr_cli.render.gaussian.surface import Surface, View, unit
from avtr_cli.render.gaussian.throat import paint_throat
from avtr_cli.render.gaussian.worn import Worn, worn_on
from avtr_cli.render.gaussian.wrapping import Wrapped, face_places

SOLID = 0.97  # of the matte: nothing of the background shines through
RIM = (2, 0.015)  # px, units: how far inside its edge the matte may still be wrong
TOUCHES = 0.008  # m behind what a pixel shows, at which a vertex is still seen there
FACES = 0.05  # cosine to the view at which skin is still seen
RINGS = 4  # of neighbours around what is seen that are no hair
BACK, MIRRORED, HAIR, OTHER_HAND = 0.93, 0.95, 0.9, 0.96  # how much darker guesses are than what they are taken from
SPREAD, SMOOTHED, ARMS_SMOOTHED = 250, 25, 4  # steps
UNLIKE = 0.30  # L1 by which a guess on a limb may differ from the limb
BELOW_EARS, BEHIND_LOBES = (132, 361), 0.06  # points of the face beside the lobes; m
NAPE = 0.1  # m behind the lobes, up to which a neck shows its side
EYES, BEFORE_EARS = OUTER_EYE_CORNERS, (234, 454)  # other points of it
SEEN_SKIN = (50, 280, 205, 425, 151, 9, 195)  # points on cheeks, forehead and nose
LEG_BONES = tuple(f"{part}{k}" for part in ("upperleg", "lowerleg") for k in ("01", "02"))
# Each a colour, and how it follows the skin's brightness: a share of its own, and one of that.
MOUTH, TEETH = ((0.42, 0.16, 0.15), 0.25, 0.6), ((0.92, 0.88, 0.80), 0.35, 0.75)
TONGUE_COLOUR, SCLERA = ((0.62, 0.30, 0.29), 0.4, 0.7), ((0.85, 0.82, 0.80), 0.3, 0.8)
LIDS = 0.85  # of the skin


@dataclass(frozen=True)
class Painted:
    """Colours of the skin.

    clean    float32 (H, W, 3): the photo with the person's own colours where the background shines through
    inner    float32 (H, W, 3): the same with those from further inside along the body's edge; rim bool (H, W): where
    slivers  the same along the head's edges before something else of the person
    colours  float32 (V, 3)
    hands    float32 (2, 3): of the left and the right hand as a whole
    sleeves  what is known of the arms; arms float32 (V, 3): their colours, also where the photo shows something else
    visible  bool (V,): seen by the photo's camera; near (V,): or almost
    beneath  the body where an arm hides it
    worn     what is on the left and the right wrist
    """

    clean: Picture
    inner: Picture
    rim: Mask
    slivers: Slivers
    colours: Floats
    hands: Floats
    sleeves: Sleeves
    arms: Floats
    visible: Mask
    near: Mask
    beneath: Beneath
    worn: tuple[Worn | None, Worn | None]


def paint(
    model: BodyModel, surface: Surface, wrapped: Wrapped, seen: SeenBody, photo: Picture, lens: Lens, view: View
) -> Painted:
    """Colours of all vertices. `photo` is float32 (H, W, 3) in 0 .. 1, `view` what it shows of the wrapped body."""
    clean, narrow = _clean(photo, seen.matte, 1)
    limb_there = np.where(view.shown, model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]], 255)
    inner, rim = _clean(photo, seen.matte, max(RIM[0], round(RIM[1] * seen.unit)))
    of_head, of_hands = _thin_parts(model, view)
    edges = slivers(model, view, clean, seen.face)
    inner = np.where(of_head[..., None], edges.picture, np.where(of_hands[..., None], clean, inner))
    rim = np.where(of_head, narrow, rim & ~of_hands)
    height, width = seen.matte.shape
    places = lens.project(wrapped.posed)
    inside = (places >= 0).all(1) & (places < [width, height]).all(1)
    x, y = np.clip(np.rint(places).astype(int), 0, [width - 1, height - 1]).T
    facing = -(surface.normals(wrapped.posed) * unit(wrapped.posed)).sum(1)
    visible = (wrapped.posed[:, 2] < view.depth[y, x] + TOUCHES) & (facing > FACES) & inside
    solid = seen.matte > 0.5
    skin = skin_colour(clean, seen.face)
    on_arm = (model.vertex_limb == LEFT_ARM) | (model.vertex_limb == RIGHT_ARM)
    shown = visible & solid[y, x]
    sleeves = tell_sleeves(model, wrapped, view, clean, (x, y), shown, skin, seen.unit, seen.matte)
    armless = surface.seen(wrapped.posed, lens, width, height, ~on_arm[model.triangles].all(1))
    beneath = beneath_arms(model, view, armless, sleeves, clean, seen.matte, seen.unit)
    own = on_arm | ~beneath.zone.any(0)[y, x]
    shown, visible = shown & own, visible & own
    near = shown.astype(np.float32)
    for _ in range(RINGS):
        near = np.maximum(near, surface.beside @ near > 0)
    of_body = ~on_arm & (model.vertex_limb != HEAD) & (model.vertex_limb != NECK)
    limb_beneath = np.where(armless.shown, model.vertex_limb[model.triangles[np.maximum(armless.which, 0), 0]], 255)
    there = np.where(on_arm, limb_there[y, x], limb_beneath[y, x])
    behind = ~shown & (there == model.vertex_limb) & (facing < FACES) & inside & solid[y, x] & (on_arm | of_body)
    under = of_body & ~shown & inside & (facing > FACES) & (wrapped.posed[:, 2] < armless.depth[y, x] + TOUCHES)
    under &= beneath.shown[y, x]
    own_colours = np.where((of_body & beneath.shown[y, x])[:, None], beneath.picture[y, x], inner[y, x])
    known = shown | behind | under
    colours = np.where(known[:, None], own_colours * np.where(behind, BACK, 1)[:, None], 0).astype(np.float32)
    scalp = (model.vertex_limb == HEAD) & ~shown & (model.part == SKIN) & (near < 0.5) & (wrapped.from_face > 0.03)
    scalp &= ~below_ears(model, wrapped.rest)
    hair = hair_colour(clean, solid, seen.face)
    if hair is None:
        hair = np.median(clean[solid & (limb_there == HEAD)], axis=0) if scalp.any() else skin
    colours[scalp] = HAIR * hair
    known |= scalp
    mirrored = ~known & shown[model.mirror]
    colours[mirrored] = MIRRORED * colours[model.mirror[mirrored]]
    known |= mirrored
    _spread(surface, model, colours, known, shown | under)
    throat = (model.vertex_limb == HEAD) | (model.vertex_limb == NECK)
    throat &= (model.part == SKIN) & below_ears(model, wrapped.rest, NAPE)
    paint_throat(surface, colours, wrapped.rest, throat, shown, skin)
    hands = hand_colours(model, skin, sleeves, seen, clean)
    paint_limbs(model, colours, shown, skin, hands, sleeves)
    arms = _arm_colours(surface, model, colours, shown & (sleeves.inside[y, x] > INSIDE), sleeves)
    _paint_inside(model, colours, shown, skin)
    left, right = (worn_on(model, sleeves, places, arm, photo, hands[number]) for number, arm in enumerate(ARMS))
    worn = left, right
    return Painted(
        clean, inner, rim, edges, colours.clip(0, 1), hands, sleeves, arms, visible, near > 0.5, beneath, worn
    )


def skin_colour(picture: Picture, face: Points) -> Colour:
    """The median brightness of a few places of the face, in their median hue: one behind glasses counts for little."""
    height, width = picture.shape[:2]
    x, y = np.clip(face[list(SEEN_SKIN), :2].astype(int), 0, [width - 1, height - 1]).T
    seen = picture[y, x].astype(np.float64)
    light = seen.mean(1)
    hue = np.median(seen / np.maximum(light, 0.02)[:, None], axis=0)
    return np.asarray((np.median(light) * hue / max(float(hue.mean()), 0.02)).clip(0, 1))


def _clean(photo: Picture, matte: Matte, edge: int) -> tuple[Picture, Mask]:
    """The photo with the nearest colour well inside the person up to `edge` px inside the solid matte; and where."""
    solid = (matte > SOLID).astype(np.uint8)
    inner = cv2.erode(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * edge + 3, 2 * edge + 3)))
    if not inner.any():
        return photo, np.zeros(matte.shape, bool)
    _, labels = cv2.distanceTransformWithLabels(np.uint8(1) - inner, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    y, x = np.nonzero(inner)
    place = np.zeros((labels.max() + 1, 2), np.intp)
    place[labels[y, x]] = np.column_stack([y, x])
    nearest = place[labels]
    own = cv2.erode(solid, np.ones((2 * edge + 1, 2 * edge + 1), np.uint8)) > 0
    cleaned: Picture = np.where(own[..., None], photo, photo[nearest[..., 0], nearest[..., 1]])
    return cleaned, ~own


def below_ears(model: BodyModel, rest: Floats, behind: float = BEHIND_LOBES) -> Mask:
    """bool (V,): the jaw's corners and its underside, and the cheeks up to the ears, where no hair grows.

    `rest` (V, 3) stands upright.
    """
    lobes, eyes, ears = (face_places(model, rest)[list(points)].mean(0) for points in (BELOW_EARS, EYES, BEFORE_EARS))
    below = (rest[:, 1] > lobes[1]) & (rest[:, 2] < lobes[2] + behind)
    return np.asarray(below | ((rest[:, 1] > eyes[1]) & (rest[:, 2] < ears[2])))


def _thin_parts(model: BodyModel, view: View) -> tuple[Mask, Mask]:
    """bool (H, W) each: pixels that are nearest to the mesh's head, whose hair is thin, and to its hands."""
    first = model.triangles[np.maximum(view.which, 0), 0]
    limb = model.vertex_limb[first]
    head, hands = view.shown & ((limb == HEAD) | (limb == NECK)), view.shown & model.on_hand[first]
    parts = (head, hands, view.shown & ~head & ~hands)
    nearest = np.argmin([cv2.distanceTransform((~of).astype(np.uint8), cv2.DIST_L2, 5) for of in parts], axis=0)
    return nearest == 0, nearest == 1


def _spread(surface: Surface, model: BodyModel, colours: Floats, known: Mask, shown: Mask) -> None:
    """Gives what is not `known` its neighbours' colours, and smooths all that is not `shown`, within each limb."""
    beside = surface.beside_within(model.vertex_limb)
    weight = known.astype(np.float32)
    for _ in range(SPREAD):
        reached = beside @ weight
        fill = ~known & (reached > 1e-3)
        colours[fill] = (beside @ (colours * weight[:, None]))[fill] / reached[fill, None]
        weight[fill] = 1
    smoothed = ~shown & (model.vertex_limb != HEAD) & ~model.on_hand
    for _ in range(SMOOTHED):
        colours[smoothed] = (beside @ colours)[smoothed]


def _arm_colours(surface: Surface, model: BodyModel, colours: Floats, sure: Mask, sleeves: Sleeves) -> Floats:
    """(V, 3): what is seen of the arms where that is surely theirs, else the ring's colour; smoothed.

    At the wrist only what has the ring's hue: the hand beside it has not.
    """
    like = np.abs(colours - sleeves.ring).sum(-1) < UNLIKE
    like &= (sleeves.along < BARE[1]) | like_colour(colours, sleeves.ring, SHADES, LIGHT)
    arms = np.where((sure & like)[:, None], colours, sleeves.ring)
    beside = surface.beside_within(model.vertex_limb)
    for _ in range(ARMS_SMOOTHED):
        arms = 0.5 * arms + 0.5 * (beside @ arms)
    return np.asarray(arms, np.float32)


def paint_limbs(model: BodyModel, colours: Floats, shown: Mask, skin: Colour, hands: Floats, sleeves: Sleeves) -> None:
    """Unseen sides of hands, arms and legs as their seen ones: what lies behind a bare forearm may be a white skirt.

    Of arms as the ring that they are on, since a sleeve goes all round.
    """
    skinny = like_skin(colours, skin)
    for arm, of_hand in zip(ARMS, hands, strict=True):
        ours = (model.vertex_limb == arm) & ~shown
        colours[model.on_hand & ours] = OTHER_HAND * of_hand
        odd = ours & ~model.on_hand & (np.abs(colours - sleeves.ring).sum(-1) > UNLIKE)
        colours[odd] = MIRRORED * sleeves.ring[odd]
    for bone in (model.bone(f"{name}.{side}") for name in LEG_BONES for side in "LR"):
        limb = model.main_bone == bone
        known = limb & shown
        if known.sum() < 12:
            continue
        bare = known & skinny
        colour = np.median(colours[bare if bare.sum() > max(8, 0.25 * known.sum()) else known], axis=0)
        colours[limb & ~shown & (np.abs(colours - colour).sum(-1) > UNLIKE)] = 0.95 * colour


def _paint_inside(model: BodyModel, colours: Floats, shown: Mask, skin: Colour) -> None:
    """Mouth, teeth, tongue, lids, and the white of the eyes that is hidden."""
    light = float(skin.mean())

    def lit(paint: tuple[tuple[float, float, float], float, float]) -> Colour:
        colour, own, share = paint
        return np.array(colour) * (own + share * light)

    colours[(model.masks["inside_mouth"] > 0.5) & (model.part == SKIN)] = lit(MOUTH)
    colours[np.isin(model.part, (UPPER_TEETH, LOWER_TEETH))] = lit(TEETH)
    colours[model.part == TONGUE] = lit(TONGUE_COLOUR)
    colours[np.isin(model.part, (LEFT_EYE, RIGHT_EYE)) & ~shown] = lit(SCLERA)
    colours[(model.masks["lids"] > 0.5) & ~shown & (model.part == SKIN)] = LIDS * skin
