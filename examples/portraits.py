"""Eight portraits to try a renderer on, all free to show: `python examples/portraits.py FOLDER`.

Four are NASA's portrait of Eileen Collins (public domain; skimage.data.astronaut) as it is, as an old photo, in the
dark, and mirrored, tilted and bright. Four are people painted by `draw_portrait.py` and the strokes here: nobody is
pictured, nothing is taken from any picture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import draw_portrait as man  # noqa: E402  (beside this file)
import portrait_head as head  # noqa: E402
from painting import Canvas, colour, curve, down  # noqa: E402
from portrait_head import EYE_X, EYE_Y, MIDDLE, MOUTH_Y, at  # noqa: E402

SIZE = 640  # px of the painted ones
Strokes = Callable[[Canvas, np.random.Generator], None]

# fmt: off
FRAME = [(22, 372), (30, 356), (58, 351), (88, 355), (98, 366), (95, 388), (82, 400), (56, 403), (32, 396)]
CAP = [(-137, 296), (-140, 240), (-118, 180), (-66, 142), (0, 132), (66, 142), (118, 180), (140, 240), (137, 296)]
LOCKS = [(8, 146), (-90, 160), (-132, 190), (-158, 250), (-168, 360), (-170, 480), (-176, 600), (-166, 700),
         (-104, 716), (-100, 640), (-112, 560), (-124, 470), (-121, 400), (-112, 330), (-88, 276), (10, 236)]
BEARD = [(-126, 400), (-118, 440), (-96, 462), (-56, 468), (-20, 482), (20, 482), (56, 468), (96, 462), (118, 440),
         (126, 400), (126, 450), (118, 500), (98, 548), (62, 586), (0, 602), (-62, 586), (-98, 548), (-118, 500),
         (-126, 450)]
# fmt: on


def portraits() -> Iterator[tuple[str, np.ndarray]]:
    """(name, uint8 (h, w, 3) RGB) of all eight."""
    import skimage.data

    photo = skimage.data.astronaut()
    yield "photo", photo
    yield "old", old_photo(photo)
    yield "dark", in_the_dark(photo)
    yield "tilted", tilted(photo)
    yield "man", man.draw(SIZE)
    yield "beard", painted({"SKIN": "#7d4d35", "ROSE": "#6a3024", "LIP": "#7c4238", **BLACK_HAIR}, beard, glasses)
    yield "long", painted({"SKIN": "#f0c8b0", "LIP": "#c2504e", "WOOL": "#7a3a4a", **RED_HAIR}, long_hair)
    yield "child", as_a_child(painted({"SKIN": "#c98f69", "IRIS_LIGHT": "#9a6a3c", "WOOL": "#b08a3a"}, cap))


BLACK_HAIR = {"HAIR_DARK": "#0a0807", "HAIR": "#1c1613", "HAIR_LIGHT": "#4a403a"}
RED_HAIR = {"HAIR_DARK": "#3a140a", "HAIR": "#8a3c1c", "HAIR_LIGHT": "#d08a4e"}


def old_photo(photo: np.ndarray, seed: int = 3) -> np.ndarray:
    """Small, soft, sepia, grainy, darker towards the edges."""
    rng = np.random.default_rng(seed)
    small = cv2.resize(photo[:400, 60:460], (300, 300), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    y, x = np.mgrid[-1:1:300j, -1:1:300j]
    grey = 40 + grey * 0.75 * (1 - 0.25 * (x**2 + y**2)) + rng.normal(0, 5, grey.shape)
    return _bytes(grey[..., None] * np.array([1.06, 0.96, 0.78]))


def in_the_dark(photo: np.ndarray, seed: int = 4) -> np.ndarray:
    """By a lamp at the left, and with a sensor's noise."""
    rng = np.random.default_rng(seed)
    fall = np.linspace(0.55, 0.12, photo.shape[1])[None, :, None]
    dim = photo.astype(np.float32) * fall * np.array([1.0, 0.82, 0.62])
    return _bytes(dim + rng.normal(0, 2.5, photo.shape))


def tilted(photo: np.ndarray) -> np.ndarray:
    """Mirrored, turned by 14 degrees, and overexposed."""
    height, width = photo.shape[:2]
    turn = cv2.getRotationMatrix2D((width - 225.0, 120.0), 14, 1)
    turned = cv2.warpAffine(photo[:, ::-1], turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return _bytes(255 * (turned[:440] / 255) ** 0.6 * 1.06)


def painted(palette: dict[str, str], *strokes: Strokes, seed: int = 11) -> np.ndarray:
    """The drawn man's head in other colours, with more painted on it."""
    with _palette({name: colour(code) for name, code in palette.items()}):
        canvas = Canvas(SIZE, man.CORNER, man.SPAN)
        rng = np.random.default_rng(seed)
        man.paint(canvas, rng)
        for stroke in strokes:
            stroke(canvas, rng)
        return canvas.picture()


@contextmanager
def _palette(colours: dict[str, np.ndarray]) -> Iterator[None]:
    kept = {name: getattr(man, name) for name in colours}
    try:
        for name, value in colours.items():
            setattr(man, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(man, name, value)


def beard(canvas: Canvas, rng: np.random.Generator) -> None:
    """Curls along the jaw, a moustache, none on the lips."""
    cover = canvas.mask(curve(at(BEARD), closed=True), 3)
    x = np.linspace(-46, 46, 60)
    lips = np.concatenate([
        np.stack([MIDDLE + x, head.lip_top(x) - 2], 1), np.stack([MIDDLE + x, head.lip_bottom(x) + 2], 1)[::-1],
    ])  # fmt: skip
    cover = cover * (1 - canvas.mask(lips, 2))
    canvas.paint(0.75 * cover, man.HAIR_DARK)
    roots = np.stack([rng.uniform(MIDDLE - 130, MIDDLE + 130, 5000), rng.uniform(400, 606, 5000)], axis=1)
    roots = roots[canvas.under(cover, roots) > 0.6]
    angles = np.pi / 2 + (roots[:, 0] - MIDDLE) / 220 + rng.normal(0, 0.7, len(roots))
    tips = rng.uniform(6, 11, len(roots))[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    bends = rng.normal(0, 2.5, (len(roots), 2))
    hairs = [curve([a, a + b / 2 + c, a + b], samples=8) for a, b, c in zip(roots, tips, bends, strict=True)]
    tones = man.HAIR_DARK + (man.HAIR_LIGHT - man.HAIR_DARK) * rng.uniform(0, 0.8, (len(hairs), 1)) ** 2
    canvas.hairs(hairs, rng.uniform(0.5, 1.0, len(hairs)), tones)


def glasses(canvas: Canvas, rng: np.random.Generator) -> None:
    """A dark frame, and a little of the window in the lenses."""
    steel = colour("#1c1a1c")
    for side in (-1, 1):
        outline = curve(at(FRAME, side), closed=True)
        canvas.paint(0.07 * canvas.mask(outline), colour("#dfe8f0"))
        canvas.paint(canvas.stroke(np.concatenate([outline, outline[:2]]), 4.6, 0.4), steel)
        canvas.paint(canvas.stroke(curve(at([(97, 364), (112, 362), (128, 366)], side)), 4.6, 0.4), steel)
        canvas.shade(canvas.stroke(down(outline, 7), 4, 3), 0.82)
    canvas.paint(canvas.stroke(curve(at([(-23, 368), (0, 361), (23, 368)])), 4.6, 0.4), steel)


def long_hair(canvas: Canvas, rng: np.random.Generator) -> None:
    """Locks from the parting past the ears to the shoulders."""
    for side in (-1, 1):
        outline = curve(at(LOCKS, -side), closed=True, samples=300)
        cover = canvas.mask(outline, 2.0)
        canvas.shade(canvas.mask(down(outline, 8), 8) * (1 - cover), 0.6)
        canvas.paint(cover, 0.5 * (man.HAIR_DARK + man.HAIR))
        spine, edge = curve(at(LOCKS[:9], -side)), curve(at(LOCKS[9:][::-1], -side))
        hairs, tones = [], []
        for share in rng.uniform(0, 1, 1500):
            first = int(rng.uniform(0, 100))
            part = slice(first, min(first + int(rng.uniform(40, 90)), 159), 6)
            line = spine[part] * (1 - share) + edge[part] * share
            wave = 2.5 * np.sin(np.linspace(0, 4, len(line)) + 9 * share)
            hairs.append(line + np.stack([wave, 0 * wave], axis=1))
            tones.append(np.clip(0.5 + 0.35 * np.sin(23 * share) + rng.normal(0, 0.2), 0, 1))
        mix = np.array(tones)[:, None]
        colours = man.HAIR_DARK + (man.HAIR - man.HAIR_DARK) * np.minimum(2 * mix, 1)
        colours = colours + (man.HAIR_LIGHT - man.HAIR) * np.maximum(mix - 0.5, 0)
        canvas.hairs(hairs, rng.uniform(0.6, 1.4, len(hairs)), colours)


def cap(canvas: Canvas, rng: np.random.Generator) -> None:
    """A knitted cap down to the forehead."""
    outline = curve(at(CAP))
    cover = canvas.mask(outline, 1.0)
    canvas.shade(canvas.mask(down(outline, 12), 7) * (1 - cover), 0.62)
    ribs = 1 + 0.10 * np.sin((canvas.x - MIDDLE) * (0.55 + 0.0012 * (canvas.y - 200)))
    round_ = 1.05 - 0.55 * ((canvas.x - MIDDLE + 50) / 190) ** 2 + 0.03 * canvas.noise(rng, 5)
    canvas.paint(cover, colour("#a03a34") * (ribs * round_)[..., None])
    rim = canvas.stroke(curve(at([(-138, 288), (-70, 268), (0, 262), (70, 268), (138, 288)])), 34, 1.0)
    canvas.paint(rim, colour("#b8564c") * (ribs * round_ * 1.05)[..., None])


def as_a_child(picture: np.ndarray) -> np.ndarray:
    """Larger eyes, a smaller jaw, a softer nose: the picture drawn together and apart around them."""
    scale = SIZE / man.SPAN
    y, x = (axis.astype(np.float32) for axis in np.mgrid[0:SIZE, 0:SIZE])
    from_x, from_y = x.copy(), y.copy()

    def draw(px: float, py: float, wide: float, high: float, by_x: float, by_y: float) -> None:
        """Enlarges (by > 0) what lies around a point of the drawing."""
        cx, cy = (np.array([px, py]) - man.CORNER) * scale
        near = np.exp(-0.5 * (((x - cx) / (wide * scale)) ** 2 + ((y - cy) / (high * scale)) ** 2))
        from_x[:] -= by_x * near * (x - cx)
        from_y[:] -= by_y * near * (y - cy)

    for side in (-1, 1):
        draw(MIDDLE + side * EYE_X, EYE_Y + 2, 34, 30, 0.24, 0.34)
    draw(MIDDLE, MOUTH_Y + 20, 90, 60, -0.24, -0.12)
    draw(MIDDLE, 440, 26, 30, -0.10, -0.16)
    return cv2.remap(picture, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def write_portraits(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, picture in portraits():
        paths.append(folder / f"{name}.png")
        cv2.imwrite(str(paths[-1]), picture[..., ::-1])
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for path in write_portraits(parser.parse_args().folder):
        print(path)


if __name__ == "__main__":
    main()
