"""What MediaPipe itself says of pictures made by rule, kept in `data/faces`, so that no test needs it installed.

    python -m tests.face_goldens        # with mediapipe 0.10.21: makes the file anew

Pictures are made by numpy alone from `examples/portrait_drawn.png`, the same with every version of OpenCV.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avtr_cli.core.shipped import shipped_folder

FILE = Path(__file__).parent / "data" / "faces" / "mediapipe_0.10.21.npz"
MOST = 12
SURE, NEAR_SURE, FAR_SURE, FOLLOWED_SURE = 0.4, 0.5, 0.6, 0.5  # MediaPipe's detectors keep theirs whatever is asked
EVERY = 3  # px of a matte, and every so many of its rows, that are kept


@cache
def goldens() -> dict[str, np.ndarray]:
    """PICTURE/mesh (faces, 478, 3) px; PICTURE/near and /far (faces, 17): score, box, six points in fractions;
    PICTURE/matte float16; `video`: the same mesh followed over `video()`, NaN where none is found."""
    with np.load(FILE) as file:
        return dict(file)


@cache
def drawn() -> np.ndarray:
    return np.array(Image.open(shipped_folder("examples") / "portrait_drawn.png").convert("RGB"))


@cache
def pictures() -> dict[str, np.ndarray]:
    """By name, uint8 RGB of several shapes: one face, one that is turned, three, none."""
    whole = drawn()
    made = {
        "plain": whole,
        "mirror": whole[:, ::-1],
        "third": whole[::3, ::3],
        "turned20": _turned(whole, 20),
        "turned-35": _turned(whole, -35),
        "quarter": np.rot90(whole),
        "three": np.hstack([whole, whole[:, ::-1], whole])[:512],
        "close": whole[150:560, 180:590],
        "odd": whole[20:749, 100:664],  # sizes at which places lie halfway between two 32nds of a pixel
        "dark": whole // 4,
        "nobody": np.full((240, 320, 3), 127, np.uint8),
    }
    return {name: np.ascontiguousarray(picture) for name, picture in made.items()}


def video() -> Iterator[np.ndarray]:
    """Eight pictures: a face that moves, is gone for one, and is back elsewhere."""
    for k in range(8):
        part = drawn()[6 * k : 6 * k + 640 : 2, 18 * k : 18 * k + 640 : 2]
        yield np.full_like(part, 127) if k == 4 else np.ascontiguousarray(part)


def _turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """By the nearest pixel, the edge continued."""
    height, width = image.shape[:2]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    y, x = np.mgrid[0:height, 0:width] - np.array([height / 2, width / 2]).reshape(2, 1, 1)
    rows, columns = np.rint(cos * y - sin * x + height / 2), np.rint(cos * x + sin * y + width / 2)
    return image[np.clip(rows.astype(int), 0, height - 1), np.clip(columns.astype(int), 0, width - 1)]


class Judge:
    """MediaPipe's own graphs, asked as avtr once asked them."""

    def __init__(self) -> None:
        import mediapipe

        known = mediapipe.solutions
        self._mesh = known.face_mesh.FaceMesh(
            static_image_mode=True, refine_landmarks=True, max_num_faces=MOST, min_detection_confidence=SURE
        )
        self._detectors = [known.face_detection.FaceDetection(model_selection=k) for k in (0, 1)]
        self._person = known.selfie_segmentation.SelfieSegmentation(model_selection=0)
        self._follow = lambda most: known.face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=most)

    def mesh(self, image: np.ndarray) -> np.ndarray:
        """(faces, 478, 3) px."""
        return _points(self._mesh.process(image), image)

    def detections(self, image: np.ndarray, far: bool) -> np.ndarray:
        """(faces, 17): score, left, top, right, bottom, six points."""
        rows = []
        for found in self._detectors[far].process(image).detections or []:
            box = found.location_data.relative_bounding_box
            points = [number for point in found.location_data.relative_keypoints for number in (point.x, point.y)]
            corners = [box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height]
            rows.append([found.score[0], *corners, *points])
        return np.array(rows, np.float32).reshape(-1, 17)

    def matte(self, image: np.ndarray) -> np.ndarray:
        """float32 (H, W)."""
        return np.array(self._person.process(image).segmentation_mask)

    @contextmanager
    def following(self, most: int = 1) -> Iterator[Any]:
        """One picture after the other -> (faces, 478, 3) px."""
        with self._follow(most) as graph:
            yield lambda image: _points(graph.process(image), image)


def _points(answer: Any, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    faces = [[(p.x, p.y, p.z) for p in face.landmark] for face in answer.multi_face_landmarks or []]
    return np.array(faces, np.float32).reshape(-1, 478, 3) * np.array([width, height, width], np.float32)


def main() -> None:
    judge, kept = Judge(), {}
    for name, picture in pictures().items():
        kept[f"{name}/mesh"] = judge.mesh(picture)
        kept[f"{name}/near"], kept[f"{name}/far"] = (judge.detections(picture, far) for far in (False, True))
        kept[f"{name}/matte"] = judge.matte(picture)[::EVERY, ::EVERY].astype(np.float16)
    with judge.following() as follow:
        faces = [follow(picture) for picture in video()]
    kept["video"] = np.stack([found[0] if len(found) else np.full((478, 3), np.nan, np.float32) for found in faces])
    FILE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FILE, **kept)
    print(f"{FILE}: {FILE.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
