"""Pictures of a video, one after the other, into what published networks see: who it is, and moments for FID and FVD.

Nothing of a video is kept but sums. Whichever network is not on this machine leaves its rows empty, with the reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Image, Points
from avtr_cli.core.errors import InputError
from avtr_cli.evaluation.folder.judges import Judge, judge, told
from avtr_cli.evaluation.folder.layout import Clip
from avtr_cli.evaluation.folder.points import FacePoints, face_marks, pictures_at_25
from avtr_cli.evaluation.frechet import Pool
from avtr_cli.evaluation.networks import i3d, inception, sface
from avtr_cli.perception.landmarks import find_faces
from avtr_cli.perception.photo import load_photo

BATCH = 16  # pictures at a time for Inception
FVD = {"clip_frames": i3d.CLIP_FRAMES, "stride": i3d.CLIP_FRAMES, "side": i3d.SIDE, "resize": "bilinear"}
"""What FVD hangs on, for a report: every whole clip, none overlapping."""


@dataclass(frozen=True)
class Eyes:
    """The networks: `likeness` tells people apart, `still` sees pictures (FID), `moving` sees clips (FVD)."""

    likeness: Judge[sface.SFace] = field(default_factory=lambda: judge(sface.FILES, sface.SFace))
    still: Judge[inception.Inception] = field(default_factory=lambda: judge(inception.FILES, inception.load))
    moving: Judge[i3d.I3D] = field(default_factory=lambda: judge(i3d.FILES, i3d.I3D))

    def close(self) -> None:
        """End the process of the network that runs in one of its own."""
        if self.moving.network is not None:
            self.moving.network.close()

    def facts(self) -> dict[str, dict[str, Any]]:
        """For a report."""
        found = told({"inception": self.still, "i3d": self.moving, "sface": self.likeness})
        if "i3d" in found:
            found["i3d"] |= {"ran": i3d.ISOLATED}
        return found

    def reference(self, clip: Clip, truth: Path) -> Doubles | None:
        """Who the person of a clip is: by the photo, or else by truth's first picture. None without a network or face.

        Raises PhotoError for a photo that cannot be read, InputError.
        """
        if self.likeness.network is None:
            return None
        picture = load_photo(clip.photo) if clip.photo is not None else next(pictures_at_25(truth))[0]
        faces = find_faces(picture)
        if not faces:
            raise InputError(f"{clip.photo or truth}: shows no face to be compared with")
        return self.likeness.network(picture, face_marks(max(faces, key=_size)))


class Gaze:
    """What the networks see of one video. `person` is whom its face is held against, `seen` where its face lies."""

    def __init__(self, eyes: Eyes, person: Doubles | None = None, seen: FacePoints | None = None):
        self._eyes, self._person, self._seen = eyes, person, seen
        self._cosines: list[float] = []
        self._batch: list[Image] = []
        self._clip: list[Image] = []
        self.pictures, self.clips = Pool(inception.FEATURES), Pool(i3d.FEATURES)

    def push(self, at: int, whole: Image, shown: Image) -> None:
        """Frame `at` of the video, (H, W, 3) RGB: the `whole` picture, and what is `shown` of it."""
        likeness = self._eyes.likeness.network
        if likeness is not None and self._person is not None and self._seen is not None and at < len(self._seen):
            height, width = whole.shape[:2]
            found = likeness(whole, self._seen.marks[at] * (width, height))
            self._cosines.append(float(found @ self._person))
        if self._eyes.still.network is not None:
            self._batch.append(shown)
            if len(self._batch) == BATCH:
                self._look()
        if self._eyes.moving.network is not None:
            self._clip.append(cv2.resize(shown, (i3d.SIDE, i3d.SIDE), interpolation=cv2.INTER_LINEAR))
            if len(self._clip) == i3d.CLIP_FRAMES:
                self.clips.add(self._eyes.moving.network.features(np.stack(self._clip))[None])
                self._clip = []

    def finish(self) -> float:
        """See what is still held; the mean cosine of the face with the person's, NaN where there is none."""
        self._look()
        return float(np.mean(self._cosines)) if self._cosines else math.nan

    def _look(self) -> None:
        if self._batch:
            assert self._eyes.still.network is not None
            pictures = torch.from_numpy(np.stack(self._batch)).permute(0, 3, 1, 2)
            self.pictures.add(self._eyes.still.network(pictures).double().numpy())
            self._batch = []


def _size(points: Points) -> float:
    return float(np.prod(np.ptp(points[:, :2], axis=0)))
