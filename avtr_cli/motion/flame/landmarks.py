"""Where MediaPipe's face points lie on FLAME's head: `mediapipe_landmark_embedding.npz`, from FLAME's own pages.

105 points of brows, lids, nose and lips, each in a triangle of the head by barycentric coordinates. The file's terms
are FLAME's: it is the user's, like the head itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Indices
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import reason
from avtr_cli.motion.flame.model import FACES, FlameModel
from avtr_cli.perception.topology import SKIN_POINTS

BRING = "bring FLAME's mediapipe_landmark_embedding.npz with `avtr weights pull flame --from FOLDER`"
SUM_TOLERANCE = 1e-3  # of barycentric coordinates, to 1


@dataclass(frozen=True)
class Landmarks:
    """`points` (n,) of MediaPipe's, each in `faces` (n,) of FLAME's at `weights` (n, 3)."""

    points: Indices
    faces: Indices
    weights: Doubles

    def on(self, model: FlameModel, vertices: Doubles) -> Doubles:
        """Where the points lie when the vertices lie at (V, ...) or, of a basis, move by them: (n, ...)."""
        corners = vertices[model.faces[self.faces]]  # (n, 3, ...)
        found: Doubles = np.einsum("nk,nk...->n...", self.weights, corners)
        return found


def load_landmarks(path: Path) -> Landmarks:
    """Read the embedding, checked. Raises WeightsError."""
    try:
        with np.load(path, allow_pickle=False) as table:
            held = {name: table[name] for name in ("lmk_face_idx", "lmk_b_coords", "landmark_indices")}
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}); {BRING}") from error
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise WeightsError(f"{path}: damaged, or no landmark embedding ({error}); {BRING}") from error
    faces, weights, points = held.values()
    count = len(points) if points.ndim == 1 else 0
    shaped = faces.shape == (count,) and weights.shape == (count, 3) and count >= 3
    if not shaped or not (_whole(faces, FACES) and _whole(points, SKIN_POINTS) and np.isfinite(weights).all()):
        raise WeightsError(f"{path}: no landmark embedding: its points are not in triangles of FLAME's head; {BRING}")
    if np.abs(weights.sum(1) - 1).max() > SUM_TOLERANCE:
        raise WeightsError(f"{path}: no landmark embedding: its coordinates do not add up to 1; {BRING}")
    return Landmarks(points.astype(np.intp), faces.astype(np.intp), weights.astype(np.float64))


def _whole(numbers: AnyArray, below: int) -> bool:
    return numbers.dtype.kind in "iu" and bool(((numbers >= 0) & (numbers < below)).all())
