"""A picture into the faces that a detector sees in it: how sure it is, a box, six points; no more than that.

Two detectors answer for a grid of cells over the picture's letterbox, one for faces that fill a good part of it, one
for smaller ones (BlazeFace: Bazarevsky et al. 2019, arXiv:1907.05047). What several cells say of one face becomes
their average. Numbers are those of MediaPipe's graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Points
from avtr_cli.perception.cutout import cut_out, letterbox
from avtr_cli.perception.networks import Network

SAME_FACE = 0.3  # overlap above which two answers are about one face
MOST_LOGIT = 100.0


@dataclass(frozen=True)
class Detection:
    """One face: all in fractions of the picture's width and height.

    box     float64 (4,): left, top, right, bottom
    points  float64 (6, 2): the eyes (the right one, the picture's left, first), nose, mouth, ears
    """

    score: float
    box: Doubles
    points: Points


class Detector:
    """A network over a grid of cells: `cells` a side, `answers` in each, finest grid first."""

    def __init__(self, name: str, side: int, grids: tuple[tuple[int, int], ...]):
        """`side` px of its picture."""
        self._network, self._side, self._grids = Network(name), side, grids

    def __call__(self, image: Image, least: float) -> list[Detection]:
        """Faces in `image`, uint8 RGB, of at least the score `least` (0 .. 1), the surest first."""
        seen = cut_out(image, letterbox(image.shape), self._side, extended=False)
        boxes, logits = self._network(seen[None])
        faces = _averaged(self._faces(boxes[0], logits[0, :, 0], least))
        return [_out_of_letterbox(face, image.shape) for face in faces]

    def _faces(self, answers: Floats, logits: Floats, least: float) -> list[Detection]:
        """The network's answers (n, 16), logits (n,), as detections in fractions of the letterbox."""
        scores = probability(np.clip(logits, -MOST_LOGIT, MOST_LOGIT))
        real = (answers[:, 2] >= 0) & (answers[:, 3] >= 0)
        kept = np.flatnonzero((scores.astype(np.float32) >= np.float32(least)) & real)
        centre_size_points = answers[kept].reshape(len(kept), answers.shape[1] // 2, 2)
        pairs = centre_size_points / np.float32(self._side)
        half = pairs[:, 1] / 2
        pairs += self._centres[kept][:, None]
        boxes = np.concatenate([pairs[:, 0] - half, pairs[:, 0] + half], 1)
        return [
            Detection(float(score), box.astype(np.float64), points.astype(np.float64))
            for score, box, points in zip(scores[kept], boxes, pairs[:, 2:], strict=True)
        ]

    @cached_property
    def _centres(self) -> Floats:
        """The middle of the cell that each answer is about, (n, 2)."""
        grids = []
        for cells, answers in self._grids:
            middles = ((np.arange(cells) + 0.5) / cells).astype(np.float32)
            grid = np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
            grids.append(np.repeat(grid, answers, axis=0))
        return np.concatenate(grids)


NEAR = Detector("near_detector", 128, ((16, 2), (8, 6)))
FAR = Detector("far_detector", 192, ((48, 1),))


def probability(logits: Floats) -> Doubles:
    """1 / (1 + exp(-x)), in double precision."""
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))


def overlap(one: Doubles, other: Doubles) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if width <= 0 or height <= 0:
        return 0.0
    both = sum(float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other))
    return float(width * height / (both - width * height))


def _averaged(faces: list[Detection]) -> list[Detection]:
    """The surest takes all that overlap with it: their average, weighted by score, with its score. Then the next."""
    rest = sorted(faces, key=lambda face: -face.score)
    kept = []
    while rest:
        best = rest[0]
        near = [face for face in rest if overlap(face.box, best.box) > SAME_FACE] or [best]
        weights = np.array([face.score for face in near])
        box = np.average([face.box for face in near], axis=0, weights=weights)
        points = np.average([face.points for face in near], axis=0, weights=weights)
        kept.append(Detection(best.score, box, points))
        rest = [face for face in rest[1:] if overlap(face.box, best.box) <= SAME_FACE]
    return kept


def _out_of_letterbox(face: Detection, shape: tuple[int, ...]) -> Detection:
    scale = max(shape[:2]) / np.array([shape[1], shape[0]])
    shift = (1 - scale) / 2
    return Detection(face.score, face.box * np.tile(scale, 2) + np.tile(shift, 2), face.points * scale + shift)
