"""A picture into the faces, people or palms that a detector sees in it: how sure it is, a box, a few points.

A detector answers for a grid of cells over the picture's letterbox (BlazeFace: Bazarevsky et al. 2019,
arXiv:1907.05047), and what several cells say of one face becomes their average. There are two for faces: one for those
that fill a good part of the picture, one for smaller ones. Numbers are those of MediaPipe's graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Points
from avtr_cli.perception.cutout import cut_out
from avtr_cli.perception.networks import Network
from avtr_cli.perception.rects import letterbox, overlap

SAME = 0.3  # overlap above which two answers are about one face
MOST_LOGIT = 100.0


@dataclass(frozen=True)
class Detection:
    """One face, person or palm: all in fractions of the picture's width and height.

    box     float64 (4,): left, top, right, bottom; a person's is the box of the face
    points  float64 (n, 2). Of a face: eyes (the right one, the picture's left, first), nose, mouth, ears. Of a person:
            the middle of the hips, and a point above the head on the circle around the body; the same two of the upper
            body. Of a palm: the wrist first, where the middle finger begins third
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
        """What it sees in `image`, uint8 RGB, with at least the score `least` (0 .. 1), the surest first."""
        seen = cut_out(image, letterbox(image.shape), self._side, extended=False)
        boxes, logits = self._network(seen[None])
        found = _averaged(self._answers(boxes[0], logits[0, :, 0], least))
        return [_out_of_letterbox(each, image.shape) for each in found]

    def _answers(self, answers: Floats, logits: Floats, least: float) -> list[Detection]:
        """The network's answers (n, 4 + 2 points), logits (n,), as detections in fractions of the letterbox."""
        scores = probability(logits)
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
    """1 / (1 + exp(-x)), in double precision; what is further out than MOST_LOGIT counts as that."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -MOST_LOGIT, MOST_LOGIT))))


def _averaged(answers: list[Detection]) -> list[Detection]:
    """The surest takes all that overlap with it: their average, weighted by score, with its score. Then the next."""
    rest = sorted(answers, key=lambda answer: -answer.score)
    kept = []
    while rest:
        best = rest[0]
        near = [answer for answer in rest if overlap(answer.box, best.box) > SAME] or [best]
        weights = np.array([answer.score for answer in near])
        box = np.average([answer.box for answer in near], axis=0, weights=weights)
        points = np.average([answer.points for answer in near], axis=0, weights=weights)
        kept.append(Detection(best.score, box, points))
        rest = [answer for answer in rest[1:] if overlap(answer.box, best.box) <= SAME]
    return kept


def _out_of_letterbox(found: Detection, shape: tuple[int, ...]) -> Detection:
    scale = max(shape[:2]) / np.array([shape[1], shape[0]])
    shift = (1 - scale) / 2
    return Detection(found.score, found.box * np.tile(scale, 2) + np.tile(shift, 2), found.points * scale + shift)
