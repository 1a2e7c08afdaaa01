"""How the renderer works: its field, its speed, and what it does under any controls at all.

Every check commands a `Studio`'s renderer and returns numbers by name; bounds are in `evaluation/mesh/renderer.py`.
"""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
import torch

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.evaluation.mesh.studio import AXES, Numbers, Studio, change, command
from avtr_cli.perception.landmarks import face_points
from avtr_cli.perception.topology import FACE_OVAL
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.field import displacement
from avtr_cli.render.mesh.inverse import invert, residual
from avtr_cli.render.mesh.mouth import mouth_region
from avtr_cli.render.mesh.shapes import LOWER, UPPER

SPEED_ROUNDS = 4  # of 25 frames; on a shared machine one of them may be left alone


def flow(studio: Studio) -> Numbers:
    """How well the inverted field leads back, px; where it folds the face; how far the layers part beside the mouth."""
    avatar = studio.avatar
    stage, field = avatar.stage, avatar.field
    inside = np.zeros(stage.image.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(stage.points[list(FACE_OVAL), :2]).astype(np.int32)], (1,))
    nodes = stage.nodes().astype(int)
    face = torch.from_numpy(inside[nodes[:, 1], nodes[:, 0]].reshape(stage.grid) > 0)
    worst, folded, parted = 0.0, 0.0, 0.0
    tried = ({"yaw": 15}, {"yaw": -15}, {"pitch": 10}, {"pitch": -10}, {"jawOpen": 0.7}, {"yaw": 10, "jawOpen": 0.5})
    for wanted in tried:
        controls = read_controls(command(**wanted), 0, 0, avatar.calibration)
        moved = displacement(field, controls)
        back = invert(field, moved)
        missed = residual(field, moved, back)
        worst = max(worst, float(torch.quantile(missed.flatten().cpu(), 0.99)))
        dx, dy = (torch.gradient(back[UPPER], spacing=float(stage.cell), dim=d)[0].cpu() for d in (2, 1))
        area = (1 + dx[0]) * (1 + dy[1]) - dx[1] * dy[0]
        folded = max(folded, float((area < 0)[face].float().mean()))
        region = mouth_region(stage, avatar.geometry, controls)
        rows = slice(max(region.y // stage.cell, 0), (region.y + region.height) // stage.cell)
        columns = slice(max(region.x // stage.cell, 0), (region.x + region.width) // stage.cell)
        apart = (back[LOWER] - back[UPPER]).norm(dim=0)[rows, columns].cpu().numpy()
        # The region's upper and lower side may differ: there only one of the layers is shown.
        parted = max(parted, float(apart[:, [0, -1]].max()))
    return {"flow.residual_p99": worst, "flow.folded_share": folded, "flow.layers_apart": parted}


def speed(studio: Studio) -> Numbers:
    """Wall time of single frames after a warm-up, the median of the calmest of some rounds.

    `speed.core_share` is the CPU time over the wall time of that round: far below 1, others held the cores, and
    the times say more about the machine than about the renderer.
    """
    rows = [
        command(
            jawOpen=0.25 + 0.2 * math.sin(k), yaw=6 * math.sin(k / 7), eyeBlink=abs(math.sin(k / 5)), mouthSmile=0.1
        )
        for k in range(25)
    ]
    together = studio.frames(rows).copy()
    rounds, difference = [], 0
    for _ in range(SPEED_ROUNDS):
        times, worked = [], 0.0
        for row, frame in zip(rows, together, strict=True):
            started, before = time.perf_counter(), time.process_time()
            alone = studio.frames([row])[0]
            times.append(time.perf_counter() - started)
            worked += time.process_time() - before
            difference = max(difference, int(change(alone, frame).max()))
        rounds.append((float(np.median(times)), worked / sum(times)))
    frame_s, core_share = min(rounds)
    return {
        "speed.frame_ms": 1000 * frame_s,
        "speed.core_share": core_share,
        "speed.preparation_s": studio.preparation_s,
        "speed.batch_difference": float(difference),
    }


def stress(studio: Studio, count: int = 200) -> Numbers:
    """Random controls of every kind at once."""
    random = np.random.default_rng(0)
    seen = 0
    for _ in range(count):
        row = random.uniform(0, 1, len(CONTROLS))
        for axis, (_, name, most) in enumerate(AXES):
            row[CONTROLS.index(name)] = math.radians(random.uniform(-most, most))
            row[55 + axis] = random.uniform(-0.15, 0.15)
        seen += face_points(np.ascontiguousarray(studio.frames([row])[0])) is not None
    return {"stress.face_found": seen / count}
