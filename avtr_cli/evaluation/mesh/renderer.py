"""The embedded renderer's acceptance: fourteen promises on every photo, and the bounds to keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

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


@dataclass(frozen=True)
class Bound:
    """`line` of the acceptance list, what is measured, and between which values it must lie."""

    line: int
    what: str
    low: float = -math.inf
    high: float = math.inf

    def kept(self, value: float) -> bool | None:
        """None where nothing could be measured, or nothing is asked."""
        asked = math.isfinite(self.low) or math.isfinite(self.high)
        return self.low <= value <= self.high if asked and not math.isnan(value) else None

    @property
    def text(self) -> str:
        """The bound in words for a table, as in `<= 2` or `0.8 .. 1.2`; nothing where there is none."""
        if math.isinf(self.low):
            return f"<= {self.high:g}" if math.isfinite(self.high) else ""
        return f">= {self.low:g}" if math.isinf(self.high) else f"{self.low:g} .. {self.high:g}"


BOUNDS: dict[str, Bound] = {
    "neutral.max_difference": Bound(1, "largest difference to the photo at rest, of 255", high=0),
    "continuity.pixel_jump": Bound(
        2, "change by a shape of 0.01 that 99.9 % of the pixels stay below, of 255", high=12
    ),
    "continuity.gap_step_back": Bound(2, "largest step back of the lips' gap while the jaw opens, EO", high=0.01),
    "lips.gap_r": Bound(3, "lip gap with the commanded one, correlation", low=0.97),
    "lips.gap_slope": Bound(3, "lip gap over the commanded one", 0.85, 1.25),
    "lips.sealed_gap": Bound(4, "lip gap with jawOpen = mouthClose = 0.4, EO", high=0.025),
    "lips.upper_thickness": Bound(4, "upper lip's thickness at jawOpen 0.5 / at rest", 0.8, 1.2),
    "lips.lower_thickness": Bound(4, "lower lip's thickness at jawOpen 0.5 / at rest", 0.8, 1.2),
    "lids.r": Bound(5, "eye opening with the commanded blink, correlation", high=-0.93),
    "lids.shut_over_open": Bound(5, "eye opening shut / open, as Face Mesh sees it", high=0.55),
    "lids.brow_moved": Bound(5, "how far a blink moves the brows, EO", high=0.02),
    "lids.changed_by_brow": Bound(5, "how much raised brows change the eye opening", high=0.12),
    "pose.pitch_slope": Bound(6, "pitch seen / commanded, +-10 degrees", 0.85, 1.15),
    "pose.yaw_slope": Bound(6, "yaw seen / commanded, +-15 degrees", 0.85, 1.15),
    "pose.roll_slope": Bound(6, "roll seen / commanded, +-10 degrees", 0.85, 1.15),
    "pose.pitch_r": Bound(6, "pitch, correlation", low=0.99),
    "pose.yaw_r": Bound(6, "yaw, correlation", low=0.99),
    "pose.roll_r": Bound(6, "roll, correlation", low=0.99),
    "pose.leakage_degrees": Bound(6, "largest turn about an axis not commanded, degrees", high=3),
    "background.change": Bound(7, "largest change away from the person in any pose, of 255", high=1),
    "flow.residual_p99": Bound(8, "error of the inverted field, 99 % below, px", high=0.6),
    "flow.folded_share": Bound(8, "share of the face where the field folds over", high=0.001),
    "flow.layers_apart": Bound(9, "difference of the lip layers beside the mouth, px", high=0.1),
    "lips.whisker": Bound(9, "darkening beside the corners of the open mouth, of 255", high=6),
    "sharpness.least": Bound(10, "detail kept under sub-pixel shifts", low=0.65),
    "sharpness.spread": Bound(10, "spread of it", high=0.12),
    "smile.wider": Bound(11, "mouth wider by a full smile", 0.10, 0.35),
    "smile.lifted": Bound(11, "corners lifted by it, EO", low=0.04),
    "pucker.wider": Bound(11, "mouth wider by a full pucker", high=-0.10),
    "brow.raised": Bound(11, "brows raised by full commands, EO", 0.03, 0.08),
    "gaze.least_travel": Bound(11, "iris travel to the less moved side, of the eye's width", low=0.08),
    "colour.grey_photo_chroma": Bound(12, "chroma in frames of a grey copy of the photo, of 255", high=4),
    "colour.teeth_over_cheek": Bound(12, "teeth's luminance / cheeks'", high=1.25),
    "speed.frame_ms": Bound(13, "median time of a frame at 512x512, ms", high=12),
    "speed.core_share": Bound(13, "CPU time over wall time of these frames; far below 1, the machine is busy"),
    "speed.preparation_s": Bound(13, "time to prepare the avatar, s", high=1.5),
    "speed.batch_difference": Bound(13, "frames drawn together and one by one, of 255", high=1),
    "stress.face_found": Bound(14, "share of 200 random faces that Face Mesh finds", low=0.97),
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


def kept_share(results: Mapping[str, Numbers], bounds: Mapping[str, Bound] = BOUNDS) -> tuple[int, int]:
    """(bounds kept, bounds measured) over all photos."""
    kept = [bounds[name].kept(value) for numbers in results.values() for name, value in numbers.items()]
    return sum(one is True for one in kept), sum(one is not None for one in kept)


def renderer_table(
    results: Mapping[str, Numbers], bounds: Mapping[str, Bound] = BOUNDS, width: int = 80
) -> Iterator[str]:
    """A line for each measure, a column for each photo; a broken bound is marked by an asterisk.

    Photos that do not fit beside each other in `width` characters come below. The last line counts the bounds kept.
    """
    names, beside = list(results), max(1, (width - 48) // 11)
    for at in range(0, len(names), beside):
        yield from _block({name: results[name] for name in names[at : at + beside]}, bounds)
    kept, measured = kept_share(results, bounds)
    yield f"{kept} of {measured} bounds met"


def _block(results: Mapping[str, Numbers], bounds: Mapping[str, Bound]) -> Iterator[str]:
    yield f"{'':4}{'':28}{'needed':>16}" + "".join(f"{name[:10]:>11}" for name in results)
    for name, bound in bounds.items():
        cells = []
        for numbers in results.values():
            value = numbers[name]
            text = "-" if math.isnan(value) else f"{value:.3g}"
            cells.append(f"{text + ('*' if bound.kept(value) is False else ' '):>11}")
        yield f"{bound.line:>2}  {name:28}{bound.text:>16}" + "".join(cells)
