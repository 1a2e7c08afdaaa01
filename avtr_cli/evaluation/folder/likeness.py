"""Videos of a folder against the recorded ones, picture by picture: PSNR, SSIM, and what published networks see.

All are cut by the true face's box, the median over the clip enlarged 1.6 times, and brought to 256 px by area; whole
pictures must be of one size. Frames that are equal have no finite PSNR: they are counted, and left out of its mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.core.errors import AvtrError, InputError
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.evaluation.folder.apart import NAMES, Apart
from avtr_cli.evaluation.folder.clipwise import Numbers, differences
from avtr_cli.evaluation.folder.eyes import FVD, Eyes, Gaze
from avtr_cli.evaluation.folder.judged import MOST_APART, LeftOut, Unfit, Watched
from avtr_cli.evaluation.folder.layout import Clip, Layout, System
from avtr_cli.evaluation.folder.points import FacePoints, pictures_at_25, points_of
from avtr_cli.evaluation.folder.rows import FORMAT, Count, difference, row
from avtr_cli.evaluation.pictures import LUMA, psnr, ssim
from avtr_cli.evaluation.replicates import Replicates

ENLARGED = 1.6  # of the face's box
SIDE = 256  # px
CHANNELS = ("luma", "rgb")
ROWS = ("PSNR", "SSIM", "CSIM_sface")
TRUTH = "truth"


@dataclass(frozen=True)
class Asked:
    """How pictures are compared. whole: not the face alone; few: Fréchet distances of fewer than 2048 frames too."""

    channels: str = "luma"
    whole: bool = False
    few: bool = False


@dataclass
class _Made:
    """What is kept of one system: numbers of clips, frames that equal the truth, and moments of both sides."""

    numbers: Numbers = field(default_factory=lambda: Numbers(ROWS))
    equal: int = 0
    apart: Apart = field(default_factory=Apart)


@dataclass(frozen=True)
class _True:
    """The true video of a clip: how its face is cut out, in shares of the picture (None: not at all), and what is seen.

    person: whom a face is held against, None without network or face
    """

    path: Path
    box: Doubles | None
    person: Doubles | None
    gaze: Gaze


def pictures_report(layout: Layout, asked: Asked | None = None, watched: Watched | None = None) -> dict[str, Any]:
    """Rows of every system over the clips whose truth and whose own file are videos."""
    asked, eyes, left_out = asked or Asked(), Eyes(), LeftOut()
    systems = {system.name: _Made() for system in layout.systems}
    people, notes = Numbers(("CSIM_sface",)), list[str]()
    try:
        for clip in layout.clips:
            try:
                truth = _truth(clip, asked, eyes, people, notes, watched)
            except (Unfit, AvtrError) as error:
                left_out.clips[clip.id] = str(error)
                continue
            for system in layout.systems:
                try:
                    _compare(systems[system.name], clip, system, truth, asked, eyes, watched)
                except (Unfit, AvtrError) as error:
                    left_out.systems.setdefault(system.name, {})[clip.id] = str(error)
    finally:
        eyes.close()
    kept = [clip for clip in layout.clips if clip.id not in left_out.clips]
    return {
        "format": FORMAT,
        "encoder": None,
        "networks": eyes.facts(),
        "fvd": FVD,
        "frames_rule": None,
        "protocol": f"{'whole' if asked.whole else f'face x {ENLARGED:g}, {SIDE} px'}; {asked.channels}",
        "clips": len(kept),
        "groups": len({clip.group for clip in kept}),
        "systems": {
            system.name: {
                "conditioned_on_truth": system.conditioned,
                "measures": _rows(systems[system.name], asked.few, eyes, system),
                "left_out": left_out.reasons(system.name),
            }
            for system in layout.systems
        },
        "differences": _differences(systems, asked.few),
        "controls": {} if eyes.likeness.network is None else {TRUTH: {"measures": _likeness(people, eyes)}},
        "statement": _statement(eyes),
        "warnings": [*layout.warnings, *notes],
    }


def _truth(clip: Clip, asked: Asked, eyes: Eyes, people: Numbers, notes: list[str], watched: Watched | None) -> _True:
    """The true video, seen once by the networks that are there; a photo that shows nobody becomes a note."""
    path = clip.truth
    if path is None or path.suffix.lower() not in VIDEOS:
        raise Unfit("there is no true video of it in truth/")
    box, seen = None, None
    if not asked.whole or eyes.likeness.network is not None:
        try:
            seen = points_of(path, watched(path.name) if watched else None)
        except InputError:
            if not asked.whole:
                raise
    if not asked.whole:
        assert seen is not None
        median = np.median(seen.boxes, axis=0)
        middle, half = (median[:2] + median[2:]) / 2, (median[2:] - median[:2]) / 2 * ENLARGED
        box = np.clip(np.concatenate([middle - half, middle + half]), 0.0, 1.0)
    person = None
    try:
        person = eyes.reference(clip, path)
    except AvtrError as error:
        notes.append(f"{clip.id}: {error}")
    gaze = Gaze(eyes, person, seen)
    if not eyes.all_shut:
        watch, count = watched(f"{TRUTH}/{path.name}, networks") if watched else None, 0
        for at, (picture, total) in enumerate(pictures_at_25(path)):
            gaze.push(at, picture, picture if box is None else _cut(picture, box))
            count = at + 1
            if watch is not None:
                watch(count, max(total, count))
        people.add(clip, count, {"CSIM_sface": gaze.finish()})
    return _True(path, box, person, gaze)


def _compare(
    into: _Made, clip: Clip, system: System, truth: _True, asked: Asked, eyes: Eyes, watched: Watched | None
) -> None:
    """Measure one clip of a system. Raises Unfit where the two are not of one length or size, InputError."""
    path = system.shows(clip, VIDEOS)
    if path is None or path.suffix.lower() not in VIDEOS:
        raise Unfit("the system has no video of it")
    gaze = Gaze(eyes, truth.person, _seen(path, watched) if truth.person is not None else None)
    watch = watched(f"{system.name}/{path.name}, pictures") if watched else None
    decibel, alike, equal = [], [], 0
    for at, (one, other, total) in enumerate(_pairs(truth.path, path)):
        if truth.box is None and one.shape != other.shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (other.shape, one.shape)]
            raise Unfit(f"its pictures are {sizes[0]}, those of the truth {sizes[1]}: --whole needs one size")
        a, b = (picture if truth.box is None else _cut(picture, truth.box) for picture in (one, other))
        value = psnr(a, b)
        equal += math.isinf(value)
        decibel += [] if math.isinf(value) else [value]
        alike.append(_ssim(a, b, asked.channels))
        gaze.push(at, other, b)
        if watch is not None:
            watch(at + 1, max(total, at + 1))
    values = {
        "PSNR": float(np.mean(decibel)) if decibel else math.nan,
        "SSIM": float(np.mean(alike)) if alike else math.nan,
        "CSIM_sface": gaze.finish(),
    }
    into.numbers.add(clip, len(alike), values)
    into.equal += equal
    into.apart.add(gaze, truth.gaze)


def _seen(path: Path, watched: Watched | None) -> FacePoints | None:
    """Where a video's face lies; None where it shows none."""
    try:
        return points_of(path, watched(path.name) if watched else None)
    except InputError:
        return None


def _pairs(truth: Path, made: Path) -> Iterator[tuple[Image, Image, int]]:
    """Frames of both, as long as both last, and about how many there are."""
    count = [0, 0]
    for one, other in zip_longest(pictures_at_25(truth), pictures_at_25(made)):
        count = [seen + (frame is not None) for seen, frame in zip(count, (one, other), strict=True)]
        if one is not None and other is not None:
            yield one[0], other[0], one[1]
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


def _statement(eyes: Eyes) -> str:
    made_up = [name for name, one in (("FID", eyes.still), ("FVD", eyes.moving)) if one.made_up]
    nothing = f"CSIM_sface{''.join(f', {name}' for name in made_up)} with none"
    why = " (made-up weights)" if made_up else ""
    return f"comparable with published values on the same data, crop and size alone; {nothing}{why}"


def _rows(made: _Made, few: bool, eyes: Eyes, system: System) -> dict[str, dict[str, Any]]:
    marks = {"leaks": True} if system.conditioned == "same_clip" else {}
    numbers, rows = made.numbers, {}
    for name in ("PSNR", "SSIM"):
        found = numbers.mean(name)
        reason = None
        if not math.isfinite(found.value):
            reason = "every frame equals the truth" if numbers.ids and name == "PSNR" else "no clip counts"
        more: dict[str, Any] = {"equal_frames": made.equal} if name == "PSNR" else {}
        count = Count(len(numbers.ids), len(set(numbers.groups)), sum(numbers.frames))
        rows[name] = row(found, count, True, comparable=True, reason=reason, values=numbers.of(name), **more, **marks)
    rows |= _likeness(numbers, eyes, **marks)
    rows |= made.apart.rows(eyes, len(numbers.ids), len(set(numbers.groups)), few, **marks)
    return rows


def _likeness(numbers: Numbers, eyes: Eyes, **marks: Any) -> dict[str, dict[str, Any]]:
    found = numbers.mean("CSIM_sface")
    reason = None
    if not math.isfinite(found.value):
        reason = eyes.likeness.reason or "no clip shows the face, or its photo shows none"
    values = numbers.of("CSIM_sface")
    return {"CSIM_sface": row(found, numbers.count("CSIM_sface"), True, reason=reason, values=values, **marks)}


def _differences(systems: dict[str, _Made], few: bool) -> dict[str, dict[str, Any]]:
    """Paired over clips; Fréchet distances only where both systems have the same clips, and without an interval."""
    told = differences({name: made.numbers for name, made in systems.items()})
    nothing = Replicates(math.nan, np.zeros(0))
    names = list(systems)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            both = (systems[one], systems[other])
            alike = both[0].numbers.ids == both[1].numbers.ids
            for name in NAMES:
                sides = [made.apart.value(name, few) if alike else nothing for made in both]
                told[f"{one} - {other}"]["measures"][name] = difference(*sides)
    return told
