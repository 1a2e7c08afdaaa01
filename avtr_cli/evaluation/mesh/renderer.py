"""The embedded renderer's acceptance: fourteen promises on every photo, and the bounds to keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch

from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.mesh import face, picture, workings
from avtr_cli.evaluation.mesh.studio import Numbers, Studio
from avtr_cli.perception.portrait import find_portrait

CHECKS: tuple[Callable[[Studio], Numbers], ...] = (
    picture.neutral,
    picture.continuity,
    face.lips,
    face.lids,
    face.pose,
    picture.background,
    workings.flow,
    picture.whiskers,
    picture.sharpness,
    face.expressions,
    picture.colour,
    workings.speed,
    workings.stress,
)

# EO that people raise their brows at most, as Face Mesh sees it: in 14 published talking faces the 99th percentile lies
# above the median by 0.041 to 0.079 of the face's height of 1.86 EO, by 0.070 in the liveliest of two recorded people.
BROWS_RISE = 0.13

BOUNDS: dict[str, Measure] = {
    "neutral.max_difference": Measure(line=1, what="largest difference to the photo at rest, of 255", high=0),
    "continuity.pixel_jump": Measure(
        line=2, what="change by a shape of 0.01 that 99.9 % of the pixels stay below, of 255", high=12
    ),
    "continuity.gap_step_back": Measure(
        line=2, what="largest step back of the lips' gap while the jaw opens, EO", high=0.01
    ),
    "lips.gap_r": Measure(line=3, what="lip gap with the commanded one, correlation", low=0.97),
    "lips.gap_slope": Measure(line=3, what="lip gap over the commanded one", low=0.85, high=1.25),
    "lips.sealed_gap": Measure(line=4, what="lip gap with jawOpen = mouthClose = 0.4, EO", high=0.025),
    "lips.upper_thickness": Measure(line=4, what="upper lip's thickness at jawOpen 0.5 / at rest", low=0.8, high=1.2),
    "lips.lower_thickness": Measure(line=4, what="lower lip's thickness at jawOpen 0.5 / at rest", low=0.8, high=1.2),
    "lids.r": Measure(line=5, what="eye opening with the commanded blink, correlation", high=-0.93),
    "lids.shut_over_open": Measure(line=5, what="eye opening shut / open, as Face Mesh sees it", high=0.55),
    "lids.brow_moved": Measure(line=5, what="how far a blink moves the brows, EO", high=0.02),
    "lids.changed_by_brow": Measure(line=5, what="how much raised brows change the eye opening", high=0.12),
    "pose.pitch_slope": Measure(line=6, what="pitch seen / commanded, +-11 degrees", low=0.85, high=1.15),
    "pose.yaw_slope": Measure(line=6, what="yaw seen / commanded, +-15 degrees", low=0.85, high=1.15),
    "pose.roll_slope": Measure(line=6, what="roll seen / commanded, +-10 degrees", low=0.85, high=1.15),
    "pose.pitch_r": Measure(line=6, what="pitch, correlation", low=0.99),
    "pose.yaw_r": Measure(line=6, what="yaw, correlation", low=0.99),
    "pose.roll_r": Measure(line=6, what="roll, correlation", low=0.99),
    "pose.leakage_degrees": Measure(line=6, what="largest turn about an axis not commanded, degrees", high=3),
    "pose.hair_stretch": Measure(
        line=6, what="most that a nod of 11 degrees stretches or squeezes the hair over the forehead, times", high=1.35
    ),
    "background.change": Measure(line=7, what="largest change away from the person in any pose, of 255", high=1),
    "flow.residual_p99": Measure(line=8, what="error of the inverted field, 99 % below, px", high=0.6),
    "flow.folded_share": Measure(line=8, what="share of the face where the field folds over", high=0.001),
    "flow.layers_apart": Measure(line=9, what="difference of the lip layers beside the mouth, px", high=0.1),
    "lips.whisker": Measure(line=9, what="darkening beside the corners of the open mouth, of 255", high=6),
    "sharpness.least": Measure(line=10, what="detail kept under sub-pixel shifts", low=0.65),
    "sharpness.spread": Measure(line=10, what="spread of it", high=0.12),
    "smile.wider": Measure(line=11, what="mouth wider by a full smile", low=0.10, high=0.35),
    "smile.lifted": Measure(line=11, what="corners lifted by it, EO", low=0.04),
    "pucker.wider": Measure(line=11, what="mouth wider by a full pucker", high=-0.10),
    "pucker.gap": Measure(line=11, what="lip gap left by it, EO", high=0.05),
    "brow.raised": Measure(line=11, what="brows raised by full commands, EO", low=0.03, high=BROWS_RISE),
    "brow.thickness": Measure(line=11, what="their thickness then / at rest", low=0.75, high=1.3),
    "gaze.least_travel": Measure(line=11, what="iris travel to the less moved side, of the eye's width", low=0.08),
    "colour.grey_photo_chroma": Measure(line=12, what="chroma in frames of a grey copy of the photo, of 255", high=4),
    "colour.teeth_over_cheek": Measure(line=12, what="teeth's luminance / cheeks'", high=1.25),
    "speed.frame_ms": Measure(line=13, what="median time of a frame at 512x512, ms", high=12),
    "speed.core_share": Measure(
        line=13, what="CPU time over wall time of these frames; far below 1, the machine is busy"
    ),
    "speed.preparation_s": Measure(line=13, what="time to prepare the avatar, s", high=1.5),
    "speed.batch_difference": Measure(line=13, what="frames drawn together and one by one, of 255", high=1),
    "stress.face_found": Measure(line=14, what="share of 200 random faces that Face Mesh finds", low=0.97),
}


def evaluate_renderer(
    photos: Sequence[Path], device: torch.device, say: Callable[[str], None] = lambda line: None
) -> dict[str, Numbers]:
    """Every measure by photo name. Raises PhotoError for a photo that shows no usable face."""
    results: dict[str, Numbers] = {}
    for photo in photos:
        say(f"{photo}")
        studio = Studio(find_portrait(photo), device)
        numbers: Numbers = {}
        for check in CHECKS:
            numbers |= check(studio)
        results[photo.stem] = {name: numbers[name] for name in BOUNDS}
    return results


def kept_share(results: Mapping[str, Numbers], bounds: Mapping[str, Measure] = BOUNDS) -> tuple[int, int]:
    """(bounds kept, bounds measured) over all photos."""
    kept = [bounds[name].met(value) for numbers in results.values() for name, value in numbers.items()]
    return sum(one is True for one in kept), sum(one is not None for one in kept)


def renderer_table(
    results: Mapping[str, Numbers], bounds: Mapping[str, Measure] = BOUNDS, width: int = 80
) -> Iterator[str]:
    """A line for each measure, a column for each photo; a broken bound is marked by an asterisk.

    Photos that do not fit beside each other in `width` characters come below. The last line counts the bounds kept.
    """
    names, beside = list(results), max(1, (width - 48) // 11)
    for at in range(0, len(names), beside):
        yield from _block({name: results[name] for name in names[at : at + beside]}, bounds)
    kept, measured = kept_share(results, bounds)
    yield f"{kept} of {measured} bounds met"


def _block(results: Mapping[str, Numbers], bounds: Mapping[str, Measure]) -> Iterator[str]:
    yield f"{'':4}{'':28}{'needed':>16}" + "".join(f"{name[:10]:>11}" for name in results)
    for name, bound in bounds.items():
        cells = []
        for numbers in results.values():
            value = numbers[name]
            text = "-" if math.isnan(value) else f"{value:.3g}"
            cells.append(f"{text + ('*' if bound.met(value) is False else ' '):>11}")
        yield f"{bound.line:>2}  {name:28}{bound.needed:>16}" + "".join(cells)
