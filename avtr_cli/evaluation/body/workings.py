"""What nobody sees: bits, speed, the splatter against its plain form, the file of Gaussians, and wild motion."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Motion
from avtr_cli.evaluation.body.stage import BodyStage, Numbers
from avtr_cli.evaluation.mesh.studio import command
from avtr_cli.render.gaussian.avatar import LOW_PASS
from avtr_cli.render.gaussian.ply import read_ply, write_ply
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.render.gaussian.splatting_torch import TorchSplatter

TIMED, WILD = 12, 50  # frames
OFF = 0.1  # of 255, that counts as off
WITHIN = 2.5  # m of the middle of the body, that no Gaussian may leave


def bits(stage: BodyStage) -> Numbers:
    """Differences, of 255, that must be none: drawn twice, together and alone, by one thread and by two."""
    rows = [command(jawOpen=0.5), command(), command(yaw=10)]
    together, again = stage.frames(rows).copy(), stage.frames(rows).copy()
    alone = np.array([stage.frames([row], first=k)[0].copy() for k, row in enumerate(rows)])
    gaussians, (width, height) = stage.gaussians(), stage.avatar.camera.size
    one, two = (
        Splatter(height, width, LOW_PASS, threads).splat(gaussians, stage.avatar.camera)[0] for threads in (1, 2)
    )
    apart = max(np.abs(together.astype(int) - other).max() for other in (again, alone))
    return {"bits.apart": float(max(apart, 255 * np.abs(one - two).max()))}


def splatter(stage: BodyStage) -> Numbers:
    """The compiled splatter against the plain form, on this very person: the largest difference and the share off."""
    gaussians, (width, height) = stage.gaussians(), stage.avatar.camera.size
    quick, _ = Splatter(height, width, LOW_PASS).splat(gaussians, stage.avatar.camera)
    plain, _ = TorchSplatter(height, width, torch.device("cpu"), LOW_PASS).splat(gaussians, stage.avatar.camera)
    apart = 255 * np.abs(quick.astype(float) - plain)
    return {"splats.most_off": float(apart.max()), "splats.share_off": float((apart > OFF).mean())}


def speed(stage: BodyStage) -> Numbers:
    """CPU milliseconds of a frame, the least of some, and of that the skin and its Gaussians."""
    rows = [command(jawOpen=0.3, eyeBlink=0.1 * k, mouthFunnel=0.2, yaw=k, pitch=0.3 * k) for k in range(TIMED)]
    motions = [stage.motion([row], k) for k, row in enumerate(rows)]
    drawn = [_spent_ms(partial(stage.renderer.draw, stage.identity, one)) for one in motions]
    skin = [_spent_ms(partial(_skinned, stage, one)) for one in motions]
    return {"speed.frame_ms": min(drawn), "speed.skin_ms": min(skin), "speed.gaussians": float(len(stage.avatar))}


def file(stage: BodyStage) -> Numbers:
    """Megabytes of the avatar's PLY, and by how much what is read back of it is another."""
    gaussians = stage.gaussians()
    with tempfile.TemporaryDirectory(prefix="avtr-body-") as folder:
        path = Path(folder) / "avatar.ply"
        write_ply(path, gaussians)
        megabytes, back = path.stat().st_size / 1e6, read_ply(path)
    same = len(back) == len(gaussians)
    apart = float(np.abs(back.means - gaussians.means).max()) if same else float("inf")
    return {"file.megabytes": megabytes, "file.off_m": apart}


def stress(stage: BodyStage) -> Numbers:
    """The share of wild motions after which every Gaussian is finite and within reach of the body."""
    kept, random = 0, np.random.default_rng(0)
    for size in random.uniform(0, 20, WILD):
        for found in stage.renderer.gaussians(stage.identity, stage.motion([random.normal(0, size, len(CONTROLS))])):
            middle = np.median(found.means, axis=0)
            kept += bool(np.isfinite(found.axes).all() and np.linalg.norm(found.means - middle, axis=1).max() < WITHIN)
    return {"stress.whole": kept / WILD}


def _skinned(stage: BodyStage, motion: Motion) -> None:
    for _ in stage.renderer.gaussians(stage.identity, motion):
        pass


def _spent_ms(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return 1e3 * (time.thread_time() - began)
