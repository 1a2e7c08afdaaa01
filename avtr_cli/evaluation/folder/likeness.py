"""Videos of a folder against the recorded ones, picture by picture: PSNR, SSIM, and what published networks see.

All are cut by the true face's box, the median over the clip enlarged 1.6 times, and brought to 256 px by area; whole
pictures must be of one size. Frames that are equal have no finite PSNR: they are counted, and left out of its mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.core.errors import AvtrError, InputError
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.evaluation.folder.apart import NAMES, Apart
from avtr_cli.evaluation.folder.clipwise import Numbers, differences
from avtr_cli.evaluation.folder.eyes import FVD, Eyes, Gaze
from avtr_cli.evaluation.folder.framed import ENLARGED, SIDE, face_box, framed, pairs
from avtr_cli.evaluation.folder.hands import NAMES as NAMES_OF_HANDS
from avtr_cli.evaluation.folder.hands import Hands
from avtr_cli.evaluation.folder.judged import LeftOut, Unfit, Watched
from avtr_cli.evaluation.folder.layout import Clip, Layout, System
from avtr_cli.evaluation.folder.points import FacePoints, pictures_at_25, points_of
from avtr_cli.evaluation.folder.rows import FORMAT, Count, difference, row
from avtr_cli.evaluation.pictures import LUMA, psnr, ssim
from avtr_cli.evaluation.replicates import Replicates

CHANNELS = ("luma", "rgb")
OF_ONE = ("CSIM_sface", *NAMES_OF_HANDS)  # rows of a video alone, which truth has too
ROWS = ("PSNR", "SSIM", *OF_ONE)
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
    has_hands: whether any is seen; where none is, nobody's hands are judged
    """

    path: Path
    box: Doubles | None
    person: Doubles | None
    gaze: Gaze
    has_hands: bool


def pictures_report(layout: Layout, asked: Asked | None = None, watched: Watched | None = None) -> dict[str, Any]:
    """Rows of every system over the clips whose truth and whose own file are videos."""
    asked, eyes, left_out = asked or Asked(), Eyes(), LeftOut()
    systems = {system.name: _Made() for system in layout.systems}
    people, notes = Numbers(OF_ONE), list[str]()
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
        "controls": _controls(people, eyes),
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
        box = face_box(seen)
    person = None
    try:
        person = eyes.reference(clip, path)
    except AvtrError as error:
        notes.append(f"{clip.id}: {error}")
    gaze = Gaze(eyes, person, seen)
    hands, count = Hands(), 0
    watch = watched(f"{TRUTH}/{path.name}, pictures") if watched else None
    for count, (picture, total) in enumerate(pictures_at_25(path), 1):
        gaze.push(count - 1, picture, framed(picture, box))
        hands.push(picture)
        if watch is not None:
            watch(count, max(total, count))
    shown = hands.values()
    has_hands = shown.get("hands.found", 0.0) > 0
    people.add(clip, count, {"CSIM_sface": gaze.finish()} | (shown if has_hands else {}))
    return _True(path, box, person, gaze, has_hands)


def _compare(
    into: _Made, clip: Clip, system: System, truth: _True, asked: Asked, eyes: Eyes, watched: Watched | None
) -> None:
    """Measure one clip of a system. Raises Unfit where the two are not of one length or size, InputError."""
    path = system.shows(clip, VIDEOS)
    if path is None or path.suffix.lower() not in VIDEOS:
        raise Unfit("the system has no video of it")
    gaze = Gaze(eyes, truth.person, _seen(path, watched) if truth.person is not None else None)
    watch = watched(f"{system.name}/{path.name}, pictures") if watched else None
    hands = Hands() if truth.has_hands else None
    decibel, alike, equal = [], [], 0
    for at, (one, other, total) in enumerate(pairs(truth.path, path)):
        if truth.box is None and one.shape != other.shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (other.shape, one.shape)]
            raise Unfit(f"its pictures are {sizes[0]}, those of the truth {sizes[1]}: --whole needs one size")
        a, b = (framed(picture, truth.box) for picture in (one, other))
        value = psnr(a, b)
        equal += math.isinf(value)
        decibel += [] if math.isinf(value) else [value]
        alike.append(_ssim(a, b, asked.channels))
        gaze.push(at, other, b)
        if hands is not None:
            hands.push(other)
        if watch is not None:
            watch(at + 1, max(total, at + 1))
    values = {
        "PSNR": float(np.mean(decibel)) if decibel else math.nan,
        "SSIM": float(np.mean(alike)) if alike else math.nan,
        "CSIM_sface": gaze.finish(),
        **(hands.values() if hands is not None else {}),
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


def _ssim(a: Image, b: Image, channels: str) -> float:
    if channels == "luma":
        return ssim(a @ np.array(LUMA), b @ np.array(LUMA))
    return float(np.mean([ssim(a[..., at], b[..., at]) for at in range(3)]))


def _statement(eyes: Eyes) -> str:
    made_up = [name for name, one in (("FID", eyes.still), ("FVD", eyes.moving)) if one.made_up]
    nothing = f"CSIM_sface, HKC_mp, HKV_mp{''.join(f', {name}' for name in made_up)} with none"
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
    rows |= _of_one(numbers, eyes, **marks)
    rows |= made.apart.rows(eyes, len(numbers.ids), len(set(numbers.groups)), few, **marks)
    return rows


def _of_one(numbers: Numbers, eyes: Eyes, **marks: Any) -> dict[str, dict[str, Any]]:
    """Rows of a video by itself: whom it shows, and its hands."""
    no_face = eyes.likeness.reason or "no clip shows the face, or its photo shows none"
    reasons = {"CSIM_sface": no_face} | dict.fromkeys(NAMES_OF_HANDS, "no hand is seen, or none in the true video")
    better = {"CSIM_sface": True, "HKC_mp": True}
    rows = {}
    for name, why in reasons.items():
        found, values = numbers.mean(name), numbers.of(name)
        reason = None if math.isfinite(found.value) else why
        rows[name] = row(found, numbers.count(name), better.get(name), reason=reason, values=values, **marks)
    return rows


def _controls(people: Numbers, eyes: Eyes) -> dict[str, dict[str, Any]]:
    """Truth's own rows, where it has any."""
    rows = _of_one(people, eyes)
    return {TRUTH: {"measures": rows}} if any(one["value"] is not None for one in rows.values()) else {}


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
