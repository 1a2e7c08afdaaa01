"""The acceptance of whole bodies: what is promised of every photo, the bounds to keep, and what is measured for it.

Lines 1 to 17 are those of the body's list, 21 and on those of the splatter's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from avtr_cli.core.arrays import Image
from avtr_cli.core.errors import PhotoError
from avtr_cli.evaluation.body import face, looks, workings
from avtr_cli.evaluation.body.sheet import sheet
from avtr_cli.evaluation.body.stage import BodyStage, Numbers
from avtr_cli.evaluation.measure import Measure
from avtr_cli.perception.portrait import find_portrait

CHECKS: tuple[Callable[[BodyStage], Numbers], ...] = (
    looks.fit,
    looks.neutral,
    looks.views,
    looks.flicker,
    face.found,
    face.lips,
    face.lids,
    face.head,
    workings.bits,
    workings.speed,
    workings.file,
    workings.stress,
    workings.splatter,
)

BOUNDS: dict[str, Measure] = {
    "fit.body": Measure(line=2, what="mean distance of the body's points from the photo's, units", high=0.03),
    "fit.face": Measure(line=2, what="mean distance of the face's points, units", high=0.02),
    "fit.overlap": Measure(line=2, what="naked body and person, common over both", low=0.70),
    "fit.preparation_s": Measure(line=2, what="CPU time to prepare, s", high=15),
    "neutral.psnr_db": Measure(line=3, what="likeness of the person at rest to the photo, dB", low=30),
    "neutral.ssim": Measure(line=3, what="the same, SSIM", low=0.96),
    "neutral.psnr_frame_db": Measure(line=3, what="likeness of the whole frame, dB", low=29),
    "neutral.background": Measure(line=4, what="change of the background 35 px from the person, of 255", high=0),
    "views.holes": Measure(line=5, what="small gaps from -30 .. 30 degrees, share of the person", high=0.006),
    "hands.found": Measure(line=6, what="the photo's hands found at rest and from -15 and 15 degrees", low=0.81),
    "face.found": Measure(line=7, what="six poses in which a face is found", low=1),
    "jaw.r": Measure(line=8, what="lip gap with the jaw, correlation (0.87 beneath a beard)", low=0.98),
    "jaw.gap": Measure(line=8, what="lip gap at a jaw of 0.7, EO", low=0.10),
    "jaw.step_back": Measure(line=8, what="largest step back of the gap while the jaw opens, EO", high=0.01),
    "blink.shut_over_open": Measure(line=9, what="eye opening shut / open", high=0.85),
    "smile.wider": Measure(line=9, what="mouth wider by a smile of 0.8, over what the photo leaves of it", low=0.13),
    "head.pitch_slope": Measure(line=11, what="pitch seen / commanded, +-8 degrees", low=0.75, high=1.2),
    "head.yaw_slope": Measure(line=11, what="yaw seen / commanded, +-15 degrees", low=0.75, high=1.2),
    "head.roll_slope": Measure(line=11, what="roll seen / commanded, +-8 degrees", low=0.75, high=1.2),
    "bits.apart": Measure(line=12, what="drawn twice, in a batch, by two threads: differences, of 255", high=0),
    "flicker.p99": Measure(line=13, what="second difference of a slow turn, 99 % below, of 255", high=2),
    "file.megabytes": Measure(line=15, what="size of its PLY, MB", high=20),
    "file.off_m": Measure(line=15, what="places read back from it, largest difference, m", high=0),
    "speed.skin_ms": Measure(line=16, what="CPU time to move skin and face, ms", high=60),
    "speed.frame_ms": Measure(line=16, what="CPU time of a frame, ms", high=100),
    "speed.gaussians": Measure(line=16, what="Gaussians in all"),
    "stress.whole": Measure(line=17, what="wild motions that leave the body whole", low=1),
    "splats.most_off": Measure(line=21, what="compiled splatter against the plain form, largest, of 255", high=1.05),
    "splats.share_off": Measure(line=21, what="share of its values that is off by more than 0.1", high=2e-3),
}


def evaluate_bodies(
    photos: Sequence[Path], device: torch.device, size: int, drawn: bool, say: Callable[[str], None] = lambda line: None
) -> tuple[dict[str, Numbers], list[Image]]:
    """Every measure by photo name, and where `drawn` rows of pictures of each photo.

    Raises PhotoError for a photo that shows no usable body.
    """
    results: dict[str, Numbers] = {}
    rows = []
    for photo in photos:
        say(f"{photo}")
        try:
            stage = BodyStage(find_portrait(photo), device, size)
        except PhotoError as error:
            raise PhotoError(str(error) if str(photo) in str(error) else f"{photo}: {error}") from error
        numbers: Numbers = {}
        for check in CHECKS:
            numbers |= check(stage)
        results[photo.stem] = {name: numbers[name] for name in BOUNDS}
        if drawn:
            rows += sheet(stage)
    return results, rows
