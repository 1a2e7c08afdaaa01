"""A portrait painted by this program alone: `portrait_drawn.png`, and where its features truly are.

Run it with `python examples/draw_portrait.py`. The head is a height field under three lights, so its shading is
that of a real head and Face Mesh finds on it what it finds on people; eyes, brows, hair and cloth are painted
on top, from back to front. Nothing is taken from any picture; the seed decides every hair.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import portrait_head as head  # noqa: E402  (beside this file)
from painting import Canvas, Flow, cast_shadow, colour, curve, down, hollow, normals  # noqa: E402
from portrait_head import EYE_X, EYE_Y, IRIS_RADIUS, MIDDLE, MOUTH_HALF, at, pair  # noqa: E402

SIZE = 768  # px
CORNER, SPAN = (30.0, 58.0), 708.0  # the part of the drawing that the picture shows
SEED = 11

KEY = np.array([-0.52, -0.52, 0.68], np.float32)  # towards the lights: a window at the upper left,
FILL = np.array([0.75, -0.10, 0.65], np.float32)  # a wall at the right,
RIM = np.array([0.86, -0.42, 0.12], np.float32)  # and something bright behind his shoulder
KEY_LIGHT, FILL_LIGHT, RIM_LIGHT = colour("#fff0dc") * 1.18, colour("#d6d0cc") * 0.32, colour("#ffd9b0") * 0.55
SKY, GROUND = colour("#dfe6f2") * 0.34, colour("#c09078") * 0.22  # ambient light from above and from below

SKIN, ROSE, LIP = colour("#e2b499"), colour("#c4604e"), colour("#b4655b")
HAIR_DARK, HAIR, HAIR_LIGHT = colour("#1f130d"), colour("#4a2e1e"), colour("#a97a4e")
SCLERA, IRIS_DARK, IRIS_LIGHT, PUPIL = colour("#f0e6de"), colour("#2c2a22"), colour("#8a8462"), colour("#070606")
WOOL = colour("#2b4a5a")
WALL_LIGHT, WALL_DARK = colour("#a9a69a"), colour("#4e5a5c")

# What is pressed into shadow keeps more of its red than of its blue: factors of red, green and blue.
FOLD, DEEP = np.array([0.55, 0.42, 0.38], np.float32), np.array([0.30, 0.17, 0.15], np.float32)

# fmt: off
BODY = [(96, 630), (126, 645), (196, 664), (270, 684), (330, 712), (372, 760), (392, 830)]
COLLAR = [(-96, 630), (-82, 663), (-48, 689), (0, 697), (48, 689), (82, 663), (96, 630)]
SLEEVE = [(120, 690), (160, 720), (176, 790)]
HAIR_OUTLINE = [(-129, 376), (-137, 350), (-145, 300), (-144, 248), (-124, 198), (-82, 166), (-24, 150), (42, 151),
                (96, 171), (132, 211), (146, 262), (145, 316), (138, 352), (130, 376)]
HAIRLINE = [(120, 372), (119, 350), (113, 320), (108, 288), (86, 266), (48, 257), (0, 255), (-40, 261), (-80, 267),
            (-104, 292), (-114, 322), (-119, 350), (-119, 372)]
HAIR_GUIDES = (  # the way it is combed: from a parting over his right eye to both sides
    [(-70, 262), (-52, 232), (0, 214), (70, 224), (124, 270)],
    [(-74, 240), (-50, 205), (10, 186), (80, 200), (134, 258)],
    [(-72, 205), (-40, 176), (20, 164), (90, 182), (142, 240)],
    [(-50, 262), (-20, 240), (40, 236), (92, 258), (118, 300)],
    [(-58, 166), (-20, 154), (46, 156), (100, 180), (138, 226)],
    [(120, 262), (138, 300), (140, 350), (137, 396)],
    [(144, 262), (149, 310), (144, 360), (139, 396)],
    [(-82, 262), (-104, 276), (-122, 320), (-132, 396)],
    [(-84, 226), (-118, 250), (-138, 310), (-138, 396)],
    [(-78, 188), (-118, 205), (-143, 270), (-136, 360)],
    [(-66, 170), (-98, 182), (-130, 222), (-143, 280)],
)
# fmt: on


def main() -> None:
    part = HERE / "portrait_drawn.part"
    Image.fromarray(draw()).save(part, format="PNG", optimize=True)
    os.replace(part, HERE / "portrait_drawn.png")


def draw(size: int = SIZE, seed: int = SEED) -> np.ndarray:
    """The portrait, uint8 (size, size, 3) RGB."""
    canvas = Canvas(size, CORNER, SPAN)
    paint(canvas, np.random.default_rng(seed))
    return canvas.picture()


def paint(canvas: Canvas, rng: np.random.Generator) -> None:
    """The man on an empty canvas, in the colours of this module."""
    light = _Light(canvas)
    _background(canvas, rng)
    _neck(canvas, light, rng)
    _jumper(canvas, light, rng)
    _ears(canvas, light, rng)
    _face(canvas, light, rng)
    for side in (-1, 1):
        _eye(canvas, rng, side)
        _lashes(canvas, rng, side)
        _brow(canvas, rng, side)
    _hair(canvas, light, rng)
    canvas.colour *= 1 + 0.012 * canvas.noise(rng, 2.2)[..., None]


def features(size: int = SIZE) -> dict[str, np.ndarray]:
    """Where things are drawn: (x, y) in pixels, integer pixel centres; left and right are the man's own."""
    drawn = {
        "iris_right": (MIDDLE - EYE_X, EYE_Y),
        "iris_left": (MIDDLE + EYE_X, EYE_Y),
        "mouth_right": (MIDDLE - MOUTH_HALF, head.lip_line(MOUTH_HALF)),
        "mouth_left": (MIDDLE + MOUTH_HALF, head.lip_line(MOUTH_HALF)),
        "lip_top": (MIDDLE, head.lip_top(0.0)),
        "lip_bottom": (MIDDLE, head.lip_bottom(0.0)),
        "chin": (MIDDLE, head.CHIN_Y),
    }
    return {name: (np.array(place) - CORNER) * (size / SPAN) - 0.5 for name, place in drawn.items()}


class _Light:
    """The lights, and the heights of head and neck, whose shadows fall on everything."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.head_cover = canvas.mask(head.head_outline())
        self.neck_cover = canvas.mask(curve(at(head.NECK), closed=True))
        self.head, self.neck = head.head_height(canvas), head.neck_height(canvas)
        self._blockers = np.maximum(np.where(self.head_cover > 0.5, self.head, self.neck), self.neck)

    def on(self, height: np.ndarray, albedo: np.ndarray, shine: np.ndarray | float = 0.0, wrap: float = 0.35):
        """The light that leaves a surface of this height, (h, w, 3): three lights, ambient, and a highlight.

        `wrap` is how far red light creeps around into shadow: skin scatters it furthest.
        """
        n = normals(self._canvas, height)
        open_to_key = cast_shadow(self._canvas, height, self._blockers, KEY, reach=150, softness=0.8)
        wraps = np.array([wrap, wrap * 0.55, wrap * 0.4], np.float32)
        key = np.clip((n @ KEY)[..., None] + wraps, 0, None) / (1 + wraps) * KEY_LIGHT
        lit = key * (0.12 + 0.88 * open_to_key[..., None] ** np.array([0.55, 0.9, 1.0], np.float32))
        lit += np.clip((n @ FILL)[..., None] + wraps, 0, None) / (1 + wraps) * FILL_LIGHT
        lit += ((1 - n[..., 2]) ** 2 * np.clip(n @ RIM, 0, 1))[..., None] * RIM_LIGHT
        left = hollow(self._canvas, height, 7, 1.6) * hollow(self._canvas, height, 22, 1.0)
        lit += (GROUND + (SKY - GROUND) * (0.5 - 0.5 * n[..., 1:2])) * left[..., None]
        lit *= (0.35 + 0.65 * hollow(self._canvas, height, 3.5, 1.0))[..., None]
        between = KEY / np.linalg.norm(KEY) + np.array([0, 0, 1], np.float32)  # key and viewer (Blinn)
        gloss = np.clip(n @ (between / np.linalg.norm(between)), 0, 1)
        glint = shine * (0.10 * gloss**12 + 0.16 * gloss**48) * open_to_key
        return (albedo * lit + glint[..., None] * KEY_LIGHT).astype(np.float32)


def _background(canvas: Canvas, rng: np.random.Generator) -> None:
    """A plastered wall, lit from the left, in loose brush strokes."""
    glow = canvas.bump(250, 300, 330, 330)[..., None]
    brush = 0.5 * canvas.noise(rng, 60, (1.0, 1.6)) + 0.35 * canvas.noise(rng, 16, (0.7, 2.2))
    brush += 0.25 * canvas.noise(rng, 5, (0.6, 3.0))
    canvas.colour[:] = (WALL_DARK + (WALL_LIGHT - WALL_DARK) * glow) * (1 + 0.055 * brush[..., None])


def _skin(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Albedo of skin: rosier where blood is near, mottled, and darker where he shaves."""
    rosy = 0.36 * pair(canvas, 84, 440, 34, 26) + 0.5 * pair(canvas, 150, 405, 14, 50)
    rosy += 0.34 * canvas.bump(MIDDLE, 448, 20, 14) + 0.05 * canvas.noise(rng, 22)
    albedo = SKIN + (ROSE - SKIN) * 0.6 * np.clip(rosy, 0, 1)[..., None]
    mottled = 0.020 * canvas.noise(rng, 9) + 0.014 * canvas.noise(rng, 3)
    shaved = canvas.bump(MIDDLE, 548, 84, 34) + 0.8 * canvas.bump(MIDDLE, 480, 34, 8)
    shaved = np.clip(shaved - 0.9 * canvas.bump(MIDDLE, 505, 44, 14), 0, 1)
    stubble = shaved * (0.17 + 0.03 * canvas.noise(rng, 1.1, (0.8, 1.3)))
    return albedo * (1 + mottled[..., None]) * (1 - stubble[..., None] * np.array([0.9, 0.75, 0.55], np.float32))


def _neck(canvas: Canvas, light: _Light, rng: np.random.Generator) -> None:
    canvas.paint(light.neck_cover, light.on(light.neck, _skin(canvas, rng) * 0.93, shine=0.4))


def _jumper(canvas: Canvas, light: _Light, rng: np.random.Generator) -> None:
    """Knitted wool with a ribbed collar that lies on the skin."""
    collar = curve(at(COLLAR))
    below = np.array([[MIDDLE + 500, 1000], [MIDDLE - 500, 1000]])
    cover = canvas.mask(np.concatenate([curve(at(BODY, -1)[::-1]), collar, curve(at(BODY)), below]))
    chest = -60 + 60 * np.sqrt(np.clip(1 - ((canvas.x - MIDDLE) / 400) ** 2, 0, 1)) + 0.22 * (canvas.y - 640)
    folds = 5 * canvas.noise(rng, 60, (0.8, 1.6)) + 5 * head.lines(canvas, SLEEVE, 10, 9)
    height = (chest + folds).astype(np.float32)
    knit = np.sin(canvas.x * 2.1 + 0.8 * canvas.noise(rng, 30)) * np.sin(canvas.y * 1.5 + 0.6 * canvas.noise(rng, 30))
    wool = WOOL * (1 + 0.10 * knit + 0.05 * canvas.noise(rng, 4))[..., None]
    canvas.paint(cover, light.on(height, wool, wrap=0.2))
    canvas.shade(canvas.stroke(down(collar, -6), [4, 10, 12, 10, 4], 3) * (1 - cover) * light.neck_cover, 0.55)
    rib = canvas.stroke(down(collar, 4), [4, 11, 13, 14, 13, 11, 4])
    stitches = 1 + 0.16 * np.sin(190 * np.arctan2(canvas.y - 560, canvas.x - MIDDLE))
    canvas.paint(rib, light.on(height + 7 * canvas.blur(rib, 3.5), WOOL * 1.05 * stitches[..., None], wrap=0.2))


def _ears(canvas: Canvas, light: _Light, rng: np.random.Generator) -> None:
    skin = _skin(canvas, rng) * np.array([1.0, 0.86, 0.82], np.float32)  # blood shines through
    for side in (-1, 1):
        cover = canvas.mask(curve(at(head.EAR, side), closed=True))
        rim = canvas.stroke(curve(at(head.EAR_RIM, side)), 5, 1.6)
        bowl = canvas.mask(curve(at(head.EAR_BOWL, side), closed=True), 2)
        canvas.paint(cover, light.on(10 * canvas.blur(cover, 4) + 4.5 * rim - 5 * bowl, skin, shine=0.5))
        canvas.shade(cover * bowl, np.array([0.78, 0.66, 0.62], np.float32))


def _face(canvas: Canvas, light: _Light, rng: np.random.Generator) -> None:
    """Skin and lips under the lights; then what is too small for the height field: lip line, nostrils, corners."""
    x = np.linspace(-MOUTH_HALF, MOUTH_HALF, 120)
    top, line, bottom = (np.stack([MIDDLE + x, y(x)], axis=1) for y in (head.lip_top, head.lip_line, head.lip_bottom))
    lips = canvas.mask(np.concatenate([top, bottom[::-1]]), 1.1)
    albedo = _skin(canvas, rng)
    wrinkled = LIP * (1 + 0.05 * canvas.noise(rng, 1.6, (0.8, 4.0)))[..., None]
    albedo += 0.75 * lips[..., None] * (wrinkled - albedo)
    albedo *= 1 - 0.14 * pair(canvas, 56, 392, 26, 7)[..., None] * np.array([0.6, 1.0, 0.8], np.float32)
    shine = 0.9 + 0.5 * lips + 0.6 * canvas.bump(MIDDLE, 446, 10, 9) + 0.4 * canvas.bump(MIDDLE, 270, 60, 30)
    canvas.paint(light.head_cover, light.on(light.head, albedo, shine))
    canvas.shade(canvas.stroke(line, [0.8, 2.0, 2.4, 2.0, 0.8], 0.8), DEEP)
    canvas.shade(pair(canvas, MOUTH_HALF + 0.5, float(head.lip_line(MOUTH_HALF)), 3.0, 2.4), FOLD)
    for side in (-1, 1):
        canvas.shade(canvas.mask(curve(at(head.NOSTRIL, side), closed=True), 1.3), DEEP)
        canvas.shade(0.8 * canvas.stroke(curve(at(head.NOSE_WING, side)), [0.6, 2.2, 2.0, 0.6], 1.5), FOLD)


def _eye(canvas: Canvas, rng: np.random.Generator, side: int) -> None:
    """What is seen between the lids: ball, iris, pupil, the lid's shadow, and the window mirrored in it."""
    upper, lower = curve(at(head.UPPER_LID, side)), curve(at(head.LOWER_LID, side))
    seen = canvas.mask(np.concatenate([upper, lower]), 0.5)
    x, y = canvas.x - (MIDDLE + side * EYE_X), canvas.y - EYE_Y
    r = np.hypot(x, y)

    def disc(radius: float, edge: float, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
        return seen * np.clip((radius - np.hypot(x - dx, y - dy)) / edge + 0.5, 0, 1)

    roundness = (0.78 - 0.28 * np.clip(np.abs(x) / 32, 0, 1) ** 2) * (0.86 + 0.14 * np.clip(0.5 - x / 30, 0, 1))
    canvas.paint(seen, SCLERA * roundness[..., None])
    canvas.paint(0.8 * seen * canvas.bump(MIDDLE + side * 32, 379, 4, 3), colour("#b0625a"))
    # The iris: spokes, a dark rim, and a glow opposite the window, where light leaves the lens again.
    angle, depth = np.arctan2(y, x), np.clip(r / IRIS_RADIUS, 0, 1)
    spokes = np.sum([rng.normal() * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(9, 42)], axis=0) / 6
    glow = 0.55 + 0.25 * spokes + (0.22 * x + 0.42 * y) / IRIS_RADIUS - 0.35 * np.clip(depth - 0.55, 0, 1)
    iris = IRIS_DARK + (IRIS_LIGHT - IRIS_DARK) * np.clip(glow, 0, 1)[..., None]
    iris *= (1 - 0.85 * np.clip((depth - 0.72) / 0.28, 0, 1) ** 1.6)[..., None]
    canvas.paint(disc(IRIS_RADIUS, 1.3), iris)
    canvas.paint(disc(4.9, 1.2), PUPIL)
    canvas.shade(seen * canvas.stroke(down(upper, 2), [3, 7, 8, 7, 3], 1.8), 0.30)
    canvas.paint(0.5 * canvas.stroke(down(lower, 0.2), [0.4, 1.5, 1.6, 1.2, 0.4], 0.5), colour("#d8a08e"))
    canvas.paint(disc(2.5, 1.1, -4.2, -4.6), colour("#ffffff"))
    canvas.paint(0.35 * disc(1.6, 1.4, 4.6, 4.4), colour("#dfe8f0"))


def _lashes(canvas: Canvas, rng: np.random.Generator, side: int) -> None:
    """The lids' edges: the crease above, the dark line of the lashes, and some lashes one by one."""
    upper, lower = curve(at(head.UPPER_LID, side)), curve(at(head.LOWER_LID, side))
    canvas.shade(canvas.stroke(curve(at(head.LID_CREASE, side)), [0.5, 2.2, 2.4, 2.0, 0.5], 1.0), FOLD)
    canvas.paint(0.9 * canvas.stroke(down(upper, -0.4), [0.6, 1.5, 2.0, 2.2, 1.2], 0.6), colour("#2a1a14"))
    canvas.shade(0.9 * canvas.stroke(down(lower, 1.3), [1.4, 1.0, 0.8, 0.6, 0.4], 0.8), FOLD)
    hairs = []
    for t in np.linspace(0.15, 0.98, 30) + rng.uniform(-0.02, 0.02, 30):
        root = upper[int(t * (len(upper) - 1))]
        tip = np.array([side * (4.7 * t - 1.3) + rng.normal(0, 0.5), -(2.2 + 1.2 * t + rng.normal(0, 0.6))])
        hairs.append(curve([root, root + tip * [0.45, 0.35], root + tip], samples=8))
    canvas.hairs(hairs, rng.uniform(0.3, 0.5, len(hairs)), np.tile(colour("#442c20"), (len(hairs), 1)))


def _brow(canvas: Canvas, rng: np.random.Generator, side: int) -> None:
    """Short hairs that stand up near the nose and lie down towards the temple; one brow is a touch higher."""
    spine = down(curve(at(head.BROW, side)), -1.2 * (side > 0))
    canvas.paint(0.45 * canvas.stroke(spine, [6, 9, 9.5, 8, 5, 1.5], 2.4), HAIR_DARK * 1.8)
    hairs = []
    for t in rng.uniform(0, 1, 330) ** 0.9:
        off = rng.uniform(-1, 1) * np.interp(t, [0, 0.15, 0.5, 0.8, 1], [3.6, 4.6, 4.4, 3.0, 0.8])
        degrees = np.interp(t, [0, 0.15, 0.5, 1], [-62, -42, -14, 22]) + 4.5 * off + rng.normal(0, 7)
        long = np.interp(t, [0, 0.5, 1], [6, 8, 7]) * rng.uniform(0.7, 1.15)
        tip = long * np.array([side * np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
        bend = np.array([0, rng.uniform(0, 1.4)])
        root = spine[int(t * (len(spine) - 1))] + [0, off]
        hairs.append(curve([root, root + tip / 2 - bend / 2, root + tip + bend], samples=8))
    tones = HAIR_DARK + (HAIR - HAIR_DARK) * rng.uniform(0.3, 1.4, (len(hairs), 1))
    canvas.hairs(hairs, rng.uniform(0.6, 1.0, len(hairs)), tones)


def _hair(canvas: Canvas, light: _Light, rng: np.random.Generator) -> None:
    """Locks of hairs that share a way and a tone, over a dark mass that shades the forehead."""
    outline = np.concatenate([curve(at(HAIR_OUTLINE)), curve(at(HAIRLINE))])
    cover = canvas.mask(outline, 1.0)
    under = canvas.blur(canvas.mask(down(outline, 6.4)), 6) * (1 - cover) * light.head_cover
    canvas.shade(under, np.array([0.50, 0.37, 0.33], np.float32))
    canvas.paint(canvas.mask(outline, 2.5), HAIR_DARK)
    locks = np.stack([rng.uniform(MIDDLE - 150, MIDDLE + 150, 900), rng.uniform(148, 380, 900)], axis=1)
    locks = locks[canvas.under(cover, locks) > 0.6]
    lock = rng.integers(0, len(locks), 9000)
    roots = locks[lock] + rng.normal(0, 4.5, (len(lock), 2))
    inside = canvas.under(cover, roots) > 0.6
    roots, lock = roots[inside], lock[inside]
    lengths = np.interp(roots[:, 1], [150, 270, 320, 372], [74, 52, 24, 9]) * rng.uniform(0.6, 1.1, len(roots))
    turns = rng.normal(0, 0.10, len(locks))[lock] + rng.normal(0, 0.05, len(roots))
    hairs = Flow(canvas, [curve(at(guide)) for guide in HAIR_GUIDES]).lines(roots, lengths, turns)
    # Tips may stand out of the mass a little.
    kept = canvas.under(canvas.blur(cover, 5), hairs[:, -1]) > rng.uniform(0.12, 0.45, len(hairs))
    hairs, lock = hairs[kept], lock[kept]
    tone = _hair_light(canvas, cover, hairs[:, 6]) + rng.normal(0, 0.09, len(locks))[lock]
    tone = np.clip(tone + rng.normal(0, 0.12, len(hairs)), 0, 1)
    order = np.argsort(tone + rng.normal(0, 0.2, len(hairs)))
    tones = [np.interp(tone[order], [0, 0.45, 1], [HAIR_DARK[c], HAIR[c], HAIR_LIGHT[c]]) for c in range(3)]
    canvas.hairs(list(hairs[order]), rng.uniform(0.5, 1.2, len(hairs)), np.stack(tones, axis=1))


def _hair_light(canvas: Canvas, cover: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How light hair is at these places: the mass is round, with a band of shine across the crown."""
    facing = np.clip(normals(canvas, 90 * canvas.blur(cover, 16)) @ KEY, 0, 1)
    band = np.exp(-(((places[:, 1] - 200 - 0.0016 * (places[:, 0] - 350) ** 2) / 24) ** 2))
    return 0.06 + 0.42 * canvas.under(facing, places) + 0.26 * band


if __name__ == "__main__":
    main()
