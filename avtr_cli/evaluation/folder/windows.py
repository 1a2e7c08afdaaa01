"""A clip's files into what SyncNet looks at and hears: 224 px around a face, and a voice in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.core.errors import InputError
from avtr_cli.core.timing import SAMPLES_PER_FRAME
from avtr_cli.evaluation.folder.judged import Unfit
from avtr_cli.evaluation.folder.layout import Clip
from avtr_cli.evaluation.folder.points import pictures_at_25
from avtr_cli.evaluation.motion.voice import energy_db, floored
from avtr_cli.evaluation.sync_faces import crop, places, stretched
from avtr_cli.evaluation.sync_sound import whole_numbers


class Voices:
    """Both voices of a clip: the person's own level in dB frame by frame, and samples as often as asked for.

    Raises Unfit without a sound, AudioError.
    """

    def __init__(self, clip: Clip):
        if not clip.sounds:
            raise Unfit("its sound is not there: put audio/ID_self.wav, or audio/ID.wav of two channels there")
        partner = clip.sounds[1] if len(clip.sounds) > 1 else None
        self.clip = clip
        self.source = DialogueSource(DialogueFiles(dialogue=clip.sounds[0], partner=partner))
        self.level = floored(np.concatenate([energy_db(block[0]) for block in self.source.blocks()]))

    def samples(self, side: int, first: int, end: int) -> Iterator[NDArray[np.int16]]:
        """Of the frames from `first` to `end`, in blocks; side 0 is the person, 1 the partner."""
        at = 0
        for block in self.source.blocks():
            start, stop = (max(frame * SAMPLES_PER_FRAME - at, 0) for frame in (first, end))
            yield whole_numbers(block[side, start:stop])
            at += block.shape[1]
            if at >= end * SAMPLES_PER_FRAME:
                return


def faces_in(path: Path, span: tuple[int, int], boxes: Doubles | None, shares: bool) -> Iterator[Image]:
    """The pictures (224, 224, 3), in BGR, of the frames of `span`: around their boxes, or whole where there are none.

    shares: boxes are in shares of the picture's width and height, not in pixels
    """
    where: Doubles | None = None
    for at, (picture, _) in enumerate(pictures_at_25(path)):
        if at >= span[1]:
            return
        if at < span[0]:
            continue
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        if boxes is None:
            yield stretched(bgr)
            continue
        if where is None:
            height, width = picture.shape[:2]
            where = places(boxes * (width, height, width, height) if shares else boxes)
            half, x, y = where.T
            outside = (half < 1) | (half > max(width, height)) | (x < 0) | (x > width) | (y < 0) | (y > height)
            if outside.any():
                raise InputError(
                    f"{path}: the box of frame {span[0] + int(np.argmax(outside))} lies in no picture of it"
                )
        yield crop(bgr, where[at - span[0]])
