"""What an import made of each video, as a page: what was kept and why not more, curves, and stills beside our own face.

The stills are the import's proof to the eye: under each frame of the video the controls that were solved from it are
drawn on the calmest frame of the same person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from avtr_cli.core.arrays import Floats, Image
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import Motion
from avtr_cli.perception.crop import resample, scaled
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.report import charts, elements
from avtr_cli.report.elements import Tile, clock, counted, section
from avtr_cli.training.people.watching import still_at

STILLS = 6
_SIDE = 224  # px of each
_CURVES = {"mouth": ("Mouth", 0.0, 0.6), "brows": ("Brows", 0.0, 0.8), "lids": ("Lids", 0.0, 1.0),
           "pitch": ("Pitch", -15.0, 15.0), "yaw": ("Yaw", -20.0, 20.0)}  # fmt: skip


def strip_of(video: Path, first: int, controls: Floats) -> Image | None:
    """Frames of a stretch of `video` that begins at frame `first`, above our own face with their controls (T, 58).

    uint8 (2 side, 6 side, 3); None where the calmest frame shows no face that can be drawn from.
    """
    places = np.linspace(0, len(controls) - 1, STILLS + 2).astype(int)[1:-1]
    calm = int(np.argmin(np.abs(controls[:, :52]).sum(axis=1) + 4 * np.abs(controls[:, 52:55]).sum(axis=1)))
    try:
        portrait = find_portrait(video, data=_png(still_at(video, (first + calm) / FPS, 720)))
        renderer = MeshRenderer(RenderConfig(size=_SIDE, breathing=0), torch.device("cpu"))
        drawn = renderer.draw(renderer.prepare(portrait), Motion(CONTROLS, torch.from_numpy(controls[places])))
        seen = [_square(still_at(video, (first + at) / FPS, 720), portrait.crop) for at in places]
    except AvtrError:
        return None
    strip: Image = np.concatenate([np.concatenate(seen, axis=1), np.concatenate(list(drawn), axis=1)])
    return strip


def jpeg(picture: Image) -> bytes:
    """A picture as a JPEG file."""
    return cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()


def import_page(accounts: Sequence[Mapping[str, Any]], folder: Path, command: str) -> str:
    """The page of a folder of imports, to lie in `folder`, where the strips of stills lie too."""
    return elements.page("People as training data", _body(accounts, folder, command))


def _body(accounts: Sequence[Mapping[str, Any]], folder: Path, command: str) -> Iterator[str]:
    kept = sum(account["kept_s"] for account in accounts)
    refused = [account for account in accounts if account["refused"]]
    yield "<h1>People as training data</h1>"
    yield elements.tiles([
        Tile(clock(kept), "kept", "good" if kept else "bad"),
        Tile(str(sum(account["pieces"] for account in accounts)), "pieces"),
        Tile(str(len(refused)), f"of {counted(len(accounts), 'source')} not taken", "warn" if refused else "good"),
    ])  # fmt: skip
    for account in accounts:
        yield section(account["name"], _source(account, folder), "bad" if account["refused"] else "")
    yield section("Made with", elements.command(command))


def _source(account: Mapping[str, Any], folder: Path) -> str:
    parts = [elements.bullets(account["refused"])] if account["refused"] else []
    for number, side in enumerate(account["sides"]):
        lag = "cannot be told" if side["lag_frames"] is None else f"{side['lag_frames'] * 1000 // FPS} ms"
        parts.append(elements.facts({
            "video": side["video"], "length": clock(side["seconds"]), "kept": clock(account["kept_s"]),
            "face": f"{side['face_px']:.0f} px tall", "lost": f"{side['lost']:.1%} of the frames",
            "cuts": len(side["cuts"]), "voice": f"{side['voice']:.0%} of the time", "sound after lips": lag,
        }))  # fmt: skip
        strip = folder / strip_name(account["files"][number][0])
        if not account["refused"] and strip.exists():
            words = f"{side['video']}: frames, and below them what was solved of each, drawn by our renderer"
            picture = elements.still(strip.read_bytes(), words).replace("<img ", '<img style="width: 100%" ', 1)
            parts.append(f'<figure>{picture}<figcaption class="small soft">{escape(words)}</figcaption></figure>')
        if account["stretches"]:
            parts.append(_curves(account["stretches"][0]["curves"][number]))
    return "".join(parts)


def strip_name(video: str) -> str:
    """The file of the stills of a video of that name."""
    return f"{video}.jpg"


def _curves(curves: Mapping[str, Sequence[float]]) -> str:
    drawn = []
    for key, (name, low, high) in _CURVES.items():
        chart = charts.overlaid([(np.array(curves[key]), "y")], name, low, high)
        units = f"<span>{high:g}</span><span>{low:g}</span>".replace("-", "−")
        plot = f'<div class="plot tall">{chart}</div><div class="units">{units}</div>'
        drawn.append(f'<div class="track"><h3>{escape(name)}</h3>{plot}</div>')
    seconds = len(curves["mouth"]) / FPS
    return f'<div class="tracks" data-seconds="{seconds:g}">{"".join(drawn)}</div>'


def _png(picture: Image) -> bytes:
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()


def _square(picture: Image, crop: Any) -> Image:
    """The part of a frame that the renderer's view of the portrait shows, `_SIDE` px square."""
    return resample(picture, scaled(crop, _SIDE / 512), _SIDE, _SIDE)
