"""The drawn man from head to foot: `figure_drawn.png`, of `portrait_drawn.png` and our own parametric body.

Run it with `python examples/draw_figure.py`. The body stands with lowered arms under the portrait's lights, dressed by
which limb its skin is of; head and shoulders are the portrait's, in its own scale. Nothing is taken from any picture
of a person.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from avtr_cli.core.rotation import matrix_of
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.gaussian.body_model import (
    COMPONENTS,
    HEAD,
    LEFT_ARM,
    LEFT_LEG,
    NECK,
    RIGHT_ARM,
    RIGHT_LEG,
    TRUNK,
    BodyModel,
    shipped_body,
)
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.surface import Surface, View, unit
from avtr_cli.render.gaussian.wrapping import face_places

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, FINER = 576, 960, 3  # px; drawn so many times larger
AWAY, ABOVE = 3.0, 0.02  # m from the camera; of the camera above the middle of the body
TURNED = {"upperarm01.L": (0, 0, 0.42), "upperarm01.R": (0, 0, -0.42), "lowerarm01.L": (-0.25, 0, 0.05),
          "lowerarm01.R": (-0.25, 0, -0.05), "upperleg01.L": (0, 0, 0.05), "upperleg01.R": (0, 0, -0.05)}  # fmt: skip
WOOL, DENIM, LEATHER, SKIN = (44, 84, 100), (66, 70, 84), (58, 40, 30), (208, 152, 122)
THICK = {TRUNK: 0.020, LEFT_ARM: 0.012, RIGHT_ARM: 0.012, LEFT_LEG: 0.014, RIGHT_LEG: 0.014}  # m of cloth
WAIST = -0.07  # m below the middle of the body, where the trousers begin
MAN = 0.55  # of the way from the mean adult to a man
SMOOTHED = {"trunk": 14, "foot": 10}  # rounds: cloth does not follow the skin, nor leather toes
KEY, FILL = np.array([-0.52, -0.52, -0.68]), np.array([0.75, -0.10, -0.65])  # towards the lights
FACE = (10, 152)  # points of the face by which the portrait is laid on: forehead and chin
JOIN = (0.86, 0.93)  # of the portrait's height: over which its collar gives way to the body's pullover
COLLAR = (0.125, 0.165)  # of its width from the middle: what is further out below the neck is the body's
NECK_WIDE = 0.062  # m from the middle
NECK_ENDS = 0.80  # of its height
WALL, FLOOR = ((172, 170, 160), (132, 136, 132)), ((126, 122, 114), (150, 146, 138))
GROUND = 0.93  # of the height: where the wall ends


def main() -> None:
    """Write the picture."""
    model = shipped_body()
    skin = _standing(model)
    lens = Lens(0.92 * HEIGHT * FINER * AWAY / 1.78, (WIDTH * FINER - 1) / 2, (HEIGHT * FINER - 1) / 2)
    view = Surface(model).seen(_dressed(model, skin), lens, WIDTH * FINER, HEIGHT * FINER)
    figure, shown = _shaded(model, skin, view)
    picture = _room(lens, skin, model)
    picture += (figure - picture) * shown[..., None]
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    where = lens.project(face_places(model, skin)[list(FACE)]) / FINER
    small = _with_portrait(small, where)
    cv2.imwrite(str(HERE / "figure_drawn.png"), np.rint(small.clip(0, 255)).astype(np.uint8)[..., ::-1])


def _standing(model: BodyModel) -> np.ndarray:
    """The mean body with lowered arms, (V, 3) m before the camera."""
    turns = torch.eye(3, dtype=torch.float64).repeat(len(model.bones), 1, 1)
    for name, vector in TURNED.items():
        turns[model.bone(name)] = matrix_of(torch.tensor(vector, dtype=torch.float64))
    to_man = model.phenotype[:COMPONENTS, model.phenotype_names.index("male")].astype(np.float64)
    shape = np.zeros(len(model.changes))
    shape[:COMPONENTS] = MAN * to_man / (to_man @ to_man)
    heads = torch.from_numpy(model.joints_of(shape)[0].astype(np.float64))
    turned, placed = model.posed(heads, turns, torch.tensor([0.0, ABOVE, AWAY], dtype=torch.float64))
    return (
        model.skinned(torch.from_numpy(model.vertices(shape)).double(), heads, turned, placed)
        .numpy()
        .astype(np.float32)
    )


def _dressed(model: BodyModel, skin: np.ndarray) -> np.ndarray:
    """The skin with cloth on it."""
    thick = np.zeros(len(skin), np.float32)
    for limb, metres in THICK.items():
        thick[model.vertex_limb == limb] = metres
    thick[model.on_hand] = 0
    surface, feet = Surface(model), _feet(model)
    thick[feet] = 0.022  # which smoothing takes again
    for _ in range(12):
        thick = surface.beside @ thick
    dressed = (skin + surface.normals(skin) * thick[:, None]).astype(np.float32)
    for part, rounds in ((model.vertex_limb == TRUNK, SMOOTHED["trunk"]), (feet, SMOOTHED["foot"])):
        for _ in range(rounds):
            dressed[part] = (surface.beside @ dressed)[part]
    return dressed


def _feet(model: BodyModel) -> np.ndarray:
    return np.isin(model.main_bone, [model.bone(name) for name in ("foot.L", "foot.R")])


def _shaded(model: BodyModel, skin: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
    """The lit figure (h, w, 3) 0 .. 255, and where it is (h, w)."""
    surface, dressed = Surface(model), _dressed(model, skin)
    normals = surface.normals(dressed)
    colours = np.tile(np.array(WOOL, np.float32), (len(skin), 1))
    legs = np.isin(model.vertex_limb, (LEFT_LEG, RIGHT_LEG)) | (
        (model.vertex_limb == TRUNK) & (model.mean[:, 1] > WAIST)
    )
    colours[legs] = DENIM
    colours[_feet(model)] = LEATHER
    bare = (model.vertex_limb == HEAD) | ((model.vertex_limb == NECK) & (np.abs(skin[:, 0]) < NECK_WIDE))
    colours[model.on_hand | bare] = SKIN
    shown = view.which >= 0
    corners = model.triangles[view.which.clip(0)]
    normal = unit((normals[corners] * view.weights[..., None]).sum(2).reshape(-1, 3)).reshape(*shown.shape, 3)
    colour = (colours[corners] * view.weights[..., None]).sum(2)
    light = (
        0.42 + 0.62 * np.clip(normal @ unit(KEY[None])[0], 0, 1) + 0.16 * np.clip(normal @ unit(FILL[None])[0], 0, 1)
    )
    grain = np.random.default_rng(3).normal(0, 1, shown.shape).astype(np.float32)
    weave = cv2.GaussianBlur(grain, (0, 0), 5) * 9 + cv2.GaussianBlur(grain, (0, 0), 40) * 45
    return colour * (light + 0.05 * weave)[..., None], cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 1.2)


def _room(lens: Lens, skin: np.ndarray, model: BodyModel) -> np.ndarray:
    """Wall, floor, and the shadow of the feet on it."""
    height, width = HEIGHT * FINER, WIDTH * FINER
    down = (np.arange(height) + 0.5) / height
    wall = np.array(WALL[0]) + np.outer((down / GROUND).clip(0, 1), np.subtract(WALL[1], WALL[0]))
    floor = np.array(FLOOR[0]) + np.outer(((down - GROUND) / (1 - GROUND)).clip(0, 1), np.subtract(FLOOR[1], FLOOR[0]))
    share = ((down - GROUND) / 0.004 + 0.5).clip(0, 1)[:, None]
    room = np.repeat((wall + (floor - wall) * share)[:, None], width, axis=1).astype(np.float32)
    shade = np.zeros((height, width), np.float32)
    for side in "LR":
        foot = skin[model.main_bone == model.bone(f"foot.{side}")]
        x, y = lens.project(np.array([[foot[:, 0].mean(), foot[:, 1].max(), foot[:, 2].mean()]]))[0]
        cv2.ellipse(shade, (int(x), int(y)), (26 * FINER, 6 * FINER), 0, 0, 360, (1.0,), -1)
    shade = 0.5 * cv2.GaussianBlur(shade, (0, 0), 3 * FINER) + 0.35 * cv2.GaussianBlur(shade, (0, 0), 14 * FINER)
    mottled = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 60, (height, width)).astype(np.float32), (0, 0), 30)
    return room * (1 - shade.clip(0, 0.7))[..., None] + mottled[..., None]


def _with_portrait(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """`picture` with the portrait's head and shoulders, forehead and chin at `face` (2, 2) px."""
    portrait = find_portrait(HERE / "portrait_drawn.png")
    own = portrait.landmarks[list(FACE), :2]
    scale = np.linalg.norm(face[1] - face[0]) / np.linalg.norm(own[1] - own[0])
    aside = face.mean(0) - scale * own.mean(0)
    affine = np.array([[scale, 0, aside[0]], [0, scale, aside[1]]])
    soft = cv2.GaussianBlur(portrait.photo, (0, 0), 0.4 / scale)
    down = (np.arange(len(soft)) / len(soft) - JOIN[0]) / (JOIN[1] - JOIN[0])
    across = (np.abs(np.arange(soft.shape[1]) / soft.shape[1] - 0.5) - COLLAR[0]) / (COLLAR[1] - COLLAR[0])
    below = np.arange(len(soft))[:, None] > NECK_ENDS * len(soft)
    kept = (1 - down.clip(0, 1))[:, None] * np.where(below, 1 - across.clip(0, 1), 1)
    matte = (portrait.matte * kept).astype(np.float32)
    laid = cv2.warpAffine(soft, affine, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    share = cv2.warpAffine(cv2.GaussianBlur(matte, (0, 0), 0.3 / scale), affine, (WIDTH, HEIGHT))[..., None]
    return picture + (laid - picture) * share


if __name__ == "__main__":
    main()
