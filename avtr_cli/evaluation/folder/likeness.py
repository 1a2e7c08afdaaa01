"""Videos of a folder against the recorded ones, picture by picture: PSNR and SSIM of every system.

Both are cut by the true face's box, the median over the clip enlarged 1.6 times, and brought to 256 px by area; whole
pictures must be of one size. Frames that are equal have no finite PSNR: they are counted, and left out of its mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.evaluation.folder.judged import MOST_APART, LeftOut, Unfit, Watched
from avtr_cli.evaluation.folder.layout import Clip, Layout
from avtr_cli.evaluation.folder.points import pictures_at_25, points_of
from avtr_cli.evaluation.folder.rows import FORMAT, Count, difference, row
from avtr_cli.evaluation.joint import numbered
from avtr_cli.evaluation.pictures import LUMA, psnr, ssim
from avtr_cli.evaluation.replicates import Replicates, mean_over

ENLARGED = 1.6  # of the face's box
SIDE = 256  # px
CHANNELS = ("luma", "rgb")
ROWS = ("PSNR", "SSIM")


@dataclass
class _Numbers:
    """Of one system, clip by clip: means over frames, how many there were, and how many were equal to the truth."""

    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    equal: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in ROWS})


def pictures_report(
    layout: Layout, channels: str = "luma", whole: bool = False, watched: Watched | None = None
) -> dict[str, Any]:
    """Rows of every system over the clips whose truth and whose own file are videos."""
    left_out, systems = LeftOut(), {system.name: _Numbers() for system in layout.systems}
    clips = 0
    for clip in layout.clips:
        try:
            truth, box = _truth(clip, whole, watched)
        except (Unfit, AvtrError) as error:
            left_out.clips[clip.id] = str(error)
            continue
        clips += 1
        for system in layout.systems:
            path = system.shows(clip, VIDEOS)
            try:
                if path is None or path.suffix.lower() not in VIDEOS:
                    raise Unfit("the system has no video of it")
                _compare(systems[system.name], clip, (truth, path), box, channels)
            except (Unfit, AvtrError) as error:
                left_out.systems.setdefault(system.name, {})[clip.id] = str(error)
    return {
        "format": FORMAT,
        "encoder": None,
        "frames_rule": None,
        "protocol": f"{'whole' if whole else f'face x {ENLARGED:g}, {SIDE} px'}; {channels}",
        "clips": clips,
        "groups": len({clip.group for clip in layout.clips if clip.id not in left_out.clips}),
        "systems": {
            system.name: {
                "conditioned_on_truth": system.conditioned,
                "measures": _rows(systems[system.name], system.conditioned == "same_clip"),
                "left_out": left_out.reasons(system.name),
            }
            for system in layout.systems
        },
        "differences": _differences(systems),
        "controls": {},
        "statement": "comparable with published values on the same data, crop and size alone",
        "warnings": list(layout.warnings),
    }


def _truth(clip: Clip, whole: bool, watched: Watched | None) -> tuple[Path, Doubles | None]:
    """The true video, and how its face is cut out: (x1, y1, x2, y2) in shares of the picture; None: not at all."""
    if clip.truth is None or clip.truth.suffix.lower() not in VIDEOS:
        raise Unfit("there is no true video of it in truth/")
    if whole:
        return clip.truth, None
    seen = points_of(clip.truth, watched(clip.truth.name) if watched else None)
    box = np.median(seen.boxes, axis=0)
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * ENLARGED
    return clip.truth, np.clip(np.concatenate([middle - half, middle + half]), 0.0, 1.0)


def _compare(into: _Numbers, clip: Clip, videos: tuple[Path, Path], box: Doubles | None, channels: str) -> None:
    """Measure one clip of a system. Raises Unfit where the two are not of one length or size, InputError."""
    decibel, alike, equal = [], [], 0
    for one, other in _pairs(*videos):
        if box is None and one.shape != other.shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (other.shape, one.shape)]
            raise Unfit(f"its pictures are {sizes[0]}, those of the truth {sizes[1]}: --whole needs one size")
        a, b = (picture if box is None else _cut(picture, box) for picture in (one, other))
        value = psnr(a, b)
        equal += math.isinf(value)
        decibel += [] if math.isinf(value) else [value]
        alike.append(_ssim(a, b, channels))
    into.ids.append(clip.id)
    into.groups.append(clip.group)
    into.frames.append(len(alike))
    into.equal.append(equal)
    into.values["PSNR"].append(float(np.mean(decibel)) if decibel else math.nan)
    into.values["SSIM"].append(float(np.mean(alike)) if alike else math.nan)


def _pairs(truth: Path, made: Path) -> Iterator[tuple[Image, Image]]:
    """Frames of both, as long as both last."""
    count = [0, 0]
    for one, other in zip_longest(pictures_at_25(truth), pictures_at_25(made)):
        count = [seen + (frame is not None) for seen, frame in zip(count, (one, other), strict=True)]
        if one is not None and other is not None:
            yield one[0], other[0]
        elif abs(count[0] - count[1]) > MOST_APART:
            raise Unfit(f"it ends at another frame than the truth; at most {MOST_APART} may be cut off")


def _cut(picture: Image, box: Doubles) -> Image:
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (int(edge) for edge in np.rint(box * (width, height, width, height)))
    cut: Image = cv2.resize(
        picture[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)], (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    return cut


def _ssim(a: Image, b: Image, channels: str) -> float:
    if channels == "luma":
        return ssim(a @ np.array(LUMA), b @ np.array(LUMA))
    return float(np.mean([ssim(a[..., at], b[..., at]) for at in range(3)]))


def _found(numbers: _Numbers) -> dict[str, Replicates]:
    owner, count = numbered(numbers.groups), len(set(numbers.groups))
    return {name: mean_over(np.array(values, np.float64), owner, count) for name, values in numbers.values.items()}


def _rows(numbers: _Numbers, leaks: bool) -> dict[str, dict[str, Any]]:
    count = Count(len(numbers.ids), len(set(numbers.groups)), sum(numbers.frames))
    rows = {}
    for name, found in _found(numbers).items():
        reason = None
        if not math.isfinite(found.value):
            reason = "every frame equals the truth" if numbers.ids and name == "PSNR" else "no clip counts"
        more: dict[str, Any] = {"equal_frames": sum(numbers.equal)} if name == "PSNR" else {}
        if leaks:
            more["leaks"] = True
        values = dict(zip(numbers.ids, numbers.values[name], strict=True))
        rows[name] = row(found, count, True, comparable=True, reason=reason, values=values, **more)
    return rows


def _differences(systems: dict[str, _Numbers]) -> dict[str, dict[str, Any]]:
    told, names = {}, list(systems)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            common = set(systems[one].ids) & set(systems[other].ids)
            sides = [_found(_only(systems[name], common)) for name in (one, other)]
            rows = {name: difference(sides[0][name], sides[1][name]) for name in ROWS}
            told[f"{one} - {other}"] = {
                "clips": len(common),
                "groups": len(
                    {group for name, group in zip(systems[one].ids, systems[one].groups, strict=True) if name in common}
                ),
                "measures": rows,
            }
    return told


def _only(numbers: _Numbers, ids: set[str]) -> _Numbers:
    kept = [at for at, name in enumerate(numbers.ids) if name in ids]

    def some(column: Sequence[Any]) -> list[Any]:
        return [column[at] for at in kept]

    values = {name: some(column) for name, column in numbers.values.items()}
    return _Numbers(some(numbers.ids), some(numbers.groups), some(numbers.frames), some(numbers.equal), values)
