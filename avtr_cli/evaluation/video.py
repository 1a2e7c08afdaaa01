"""A rendered video into the curves of face.py, as Face Mesh sees them, and what its background does.

This is the outside view: the picture is measured, not what the renderer was told. Face Mesh trembles by some
tenths of a degree and reads narrow slits between shut lids, so speeds are of a smoothed head, and bounds are wider.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import soundfile

from avtr_cli.core.arrays import Affine, AnyArray, Doubles, Floats, Image, Indices, Mask, Points, Sound
from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.textfile import why_no_file
from avtr_cli.core.timing import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from avtr_cli.core.types import Portrait
from avtr_cli.evaluation.motion import head, life, lips
from avtr_cli.evaluation.motion.face import Face
from avtr_cli.evaluation.motion.takes import Dialogue, Finding, Findings, Take
from avtr_cli.evaluation.motion.voice import hear
from avtr_cli.evaluation.seen_face import Lengths, seen_face
from avtr_cli.evaluation.table import VIDEO_MEASURES, report_row
from avtr_cli.output import ffmpeg
from avtr_cli.perception.crop import resample, scaled
from avtr_cli.perception.landmarks import face_points
from avtr_cli.perception.template import fit_pose, head_shape
from avtr_cli.perception.topology import EYES, LIP_CENTRES, MOUTH_CORNERS

BLOCK = 8  # px; the background is compared in block means, in which coding noise averages out
CLEAR_SHARE = 0.08  # of the picture's side: this far from the person background begins
PERSON = 0.02  # matte above which a pixel is the person's

OnFrames = Callable[[int, int], None]


@dataclass(frozen=True)
class Seen:
    """What was measured of T frames: found bool (T,), face curves, and the blocks' distances from where they began."""

    found: Mask
    face: Face
    moved: Floats  # (T, blocks) of 255, signed, against the first frame; no blocks where there is no background
    differs: float  # mean distance of the background from the photo's, of 255


def evaluate_video(
    path: Path, portrait: Portrait, sound: Sound | None, watch: OnFrames | None = None
) -> dict[str, Any]:
    """Measure the video at `path`, made of `portrait`, against `sound`, float32 (2, n), rows (avatar, partner).

    Without `sound` the video's own first channel is the avatar's voice and the partner is unheard. Returns
    `{"video", "frames", "measures": {name: row}}`. Raises InputError where the video cannot be measured.
    """
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}")
    seen = track_face(path, portrait, watch)
    if sound is None:
        voice = sound_of(path)
        sound = np.stack([voice, np.zeros_like(voice)])
    frames = len(seen.found)
    fitted = np.zeros((2, frames * SAMPLES_PER_FRAME), np.float32)
    kept = min(sound.shape[1], fitted.shape[1])
    if abs(sound.shape[1] - fitted.shape[1]) > 2 * SAMPLES_PER_FRAME:
        raise InputError(
            f"{path}: shows {frames / FPS:.2f} s but the sound lasts {sound.shape[1] / SAMPLE_RATE:.2f} s; "
            "give the dialogue it was rendered from, with the same --start and --duration"
        )
    fitted[:, :kept] = sound[:, :kept]
    take = Take(seen.face, *hear(fitted), Dialogue(path.stem, fitted))
    found = _findings(seen, take)
    rows = {name: report_row(measure, [found[name]]) for name, measure in VIDEO_MEASURES.items() if name in found}
    return {"video": str(path), "frames": frames, "measures": rows}


def track_face(path: Path, portrait: Portrait, watch: OnFrames | None = None) -> Seen:
    """Every frame of the video through Face Mesh. Raises InputError where no frame shows a face."""
    view: _View | None = None
    found, shapes, ears, angles, moved, differs = [], [], [], [], [], []
    first = np.zeros(0, np.float32)
    for index, (frame, total) in enumerate(_frames(path)):
        if view is None:
            view = _view_of(portrait, frame)
            first = view.blocks(frame)
        blocks = view.blocks(frame)
        moved.append(blocks - first)
        differs.append(np.abs(blocks - view.expected).mean() if len(blocks) else np.nan)
        points = face_points(resample(frame, view.crop, portrait.crop_size, portrait.crop_size))
        found.append(points is not None)
        if points is not None:
            pose = fit_pose(points)
            shapes.append(head_shape(points, pose))
            angles.append(pose.angles)
            ears.append(eye_aspect_ratio(points))
        if watch is not None:
            watch(index + 1, total)
    if not shapes:
        raise InputError(f"{path}: Face Mesh finds no face in any of its {len(found)} frames; is it avtr's video?")
    neutral = fit_pose(portrait.landmarks)
    still = head_shape(portrait.landmarks, neutral)
    filled = _nearest(np.array(found))
    face = _curves(np.array(shapes)[filled], np.array(angles)[filled], np.array(ears)[filled], still, neutral.angles)
    return Seen(np.array(found), face, np.array(moved), float(np.mean(differs)))


def eye_aspect_ratio(points: Points) -> float:
    """Opening over width of both eyes, averaged: Soukupova & Cech 2016, over seven pairs of lid points."""
    ratios = []
    for eye in EYES:
        upper, lower = points[list(eye.upper), :2], points[list(eye.lower), :2]
        opening = np.linalg.norm(upper[1:-1] - lower[1:-1], axis=1).mean()
        ratios.append(opening / np.linalg.norm(upper[0] - upper[-1]))
    return float(np.mean(ratios))


def sound_of(path: Path) -> Sound:
    """The first channel of a video's sound, float32 (n,) at 16 kHz. Raises InputError where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        arguments = ["-i", str(path), "-vn", "-af", "pan=mono|c0=c0", "-ar", str(SAMPLE_RATE), "-c:a", "pcm_f32le"]
        try:
            ffmpeg.run([*arguments, str(wav)], f"{path}")
        except OutputError as error:
            raise InputError(
                f"{path}: has no sound that can be read; give the dialogue it was rendered from"
            ) from error
        samples: Sound = soundfile.read(wav, dtype="float32")[0]
    return samples


def _findings(seen: Seen, take: Take) -> Findings:
    found = lips.measure([take]) | head.measure([take]) | life.measure([take])
    found["face.found"] = Finding(float(seen.found.mean()), count=len(seen.found))
    listening = head.listens(take) | (take.own.away(5, 5) & take.partner.active)
    for name, where in (("listening", listening), ("speaking", take.own.active)):
        spread = float(np.sqrt(take.face.head[where].var(axis=0).mean())) if where.sum() >= FPS else float("nan")
        found[f"head.sd_{name}"] = Finding(spread, count=int(where.sum()))
    if seen.moved.shape[1]:
        distance = np.abs(seen.moved)
        found["background.moved_mean"] = Finding(float(distance.mean()), count=seen.moved.shape[1])
        found["background.moved_p999"] = Finding(float(np.quantile(distance, 0.999)), count=seen.moved.shape[1])
        found["background.moved_max"] = Finding(float(distance.max()), count=seen.moved.shape[1])
        found["background.differs_from_photo"] = Finding(seen.differs, count=seen.moved.shape[1])
    return found


def _curves(shapes: Points, angles: Doubles, ears: Doubles, still: Points, level: Doubles) -> Face:
    """Points in the head's own frame (T, 478, 3), angles (T, 3) and eye ratios (T,), against the photo's."""
    upper, lower = LIP_CENTRES
    left, right = MOUTH_CORNERS
    brows = [point for eye in EYES for point in eye.brow]
    lengths = Lengths(
        gap=shapes[:, lower, 1] - shapes[:, upper, 1],
        width=np.linalg.norm(shapes[:, right] - shapes[:, left], axis=1),
        brows=shapes[:, brows, 1].mean(1),
    )
    still_width = float(np.linalg.norm(still[right] - still[left]))
    return seen_face(lengths, angles - level, ears, still_width, float(still[brows, 1].mean()))


def _nearest(found: Mask) -> Indices:
    """For every frame the row, among the found ones, of the nearest frame with a face."""
    there = np.flatnonzero(found)
    rows: Indices = np.abs(np.arange(len(found))[:, None] - there[None, :]).argmin(1)
    return rows


@dataclass(frozen=True)
class _View:
    """How the photo lies in the video's picture."""

    crop: Affine  # affine, picture -> square around the head
    blocks_kept: Mask  # bool (rows, columns) of BLOCK px: wholly background
    expected: Floats  # (blocks,) the photo's own means

    def blocks(self, frame: Image) -> Floats:
        """Means of the background's blocks, (blocks,), of 255."""
        return _block_means(frame)[self.blocks_kept]


def _view_of(portrait: Portrait, frame: Image) -> _View:
    """The photo view or the crop view, whichever the frame looks more like."""
    height, width = frame.shape[:2]
    photo_height, photo_width = portrait.photo.shape[:2]
    into = []
    if abs(width / height - photo_width / photo_height) < 0.02 * width / height:
        factor = width / photo_width
        into.append(scaled(np.array([[1.0, 0, 0], [0, 1.0, 0]]), factor))
    if width == height:
        into.append(scaled(portrait.crop, width / portrait.crop_size))
    if not into:
        raise InputError(
            f"the video is {width}x{height} and the photo {photo_width}x{photo_height}: neither the whole photo nor a "
            "square crop of it; give the --photo that it was made from"
        )
    pictures = [resample(portrait.photo, affine, width, height) for affine in into]
    best = int(np.argmin([np.abs(_block_means(picture) - _block_means(frame)).mean() for picture in pictures]))
    matte = resample(portrait.matte, into[best], width, height)
    reach = 2 * round(CLEAR_SHARE * min(width, height)) + 1
    near = cv2.dilate((matte > PERSON).astype(np.uint8), np.ones((reach, reach), np.uint8))
    kept = _block_means(near[..., None]) == 0
    whole: Affine = np.vstack([into[best], [0, 0, 1]])
    own: Affine = np.vstack([portrait.crop, [0, 0, 1]])
    crop = own @ np.linalg.inv(whole)
    return _View(crop[:2], kept, _block_means(pictures[best])[kept])


def _block_means(picture: AnyArray) -> Floats:
    """(H, W, C) -> mean over channels and BLOCK x BLOCK px, (H // BLOCK, W // BLOCK)."""
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    cut = picture[: rows * BLOCK, : columns * BLOCK].astype(np.float32).mean(2)
    means: Floats = cut.reshape(rows, BLOCK, columns, BLOCK).mean((1, 3))
    return means


def _frames(path: Path) -> Iterator[tuple[Image, int]]:
    """RGB pictures of the video, and about how many there are. Raises InputError."""
    try:
        reader = imageio_ffmpeg.read_frames(str(path), pix_fmt="rgb24")
        facts = next(reader)
    except (OSError, RuntimeError, StopIteration) as error:
        raise InputError(f"{path}: is no video that can be read") from error
    if abs(facts["fps"] - FPS) > 0.01:
        raise InputError(f"{path}: has {facts['fps']:g} frames a second, but avtr's videos have {FPS}")
    width, height = facts["size"]
    total = round(facts["duration"] * FPS)
    for data in reader:
        yield np.frombuffer(data, np.uint8).reshape(height, width, 3), total
