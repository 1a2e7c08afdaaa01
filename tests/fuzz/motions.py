"""Damaged, lying and absurd motion files: each is drawn or refused in a sentence, whatever is in it.

    python -m tests.fuzz.motions --count 500 --seed 1

loads motion files spoiled by seed, draws two frames of each that is taken, and prints what became of them. Every case
runs in a forked process.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import skimage.io
import torch
from safetensors.torch import save

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.errors import InputError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import Identity, Motion
from avtr_cli.motion.file import load_motion
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh.renderer import MeshRenderer
from tests.fuzz import forked

SIZE = 64  # px
_ODD: tuple[Any, ...] = (
    None, True, 0, 1, -1, 9, 30, 1e300, "", "controls", "keypoints", "body", [], ["controls"], {}, {"a": 1},
    "x" * 5_000, float("nan"), float("inf"), 10**400,
)  # fmt: skip
_NUMBERS = (float("nan"), float("inf"), -float("inf"), 1e38, -1e30, 101.0, 100.0, -100.0, 3.0, -3.0, 1e-38)
Spoil = Callable[[dict[str, Any], torch.Tensor, np.random.Generator], tuple[Any, torch.Tensor]]


def whole() -> tuple[dict[str, Any], torch.Tensor]:
    """Header and motion of a file that is right."""
    header = {"format": 1, "space": CONTROLS.name, "channels": list(CONTROLS.channels), "fps": FPS, "seed": 0}
    random = torch.Generator().manual_seed(0)
    return header, torch.rand(10, len(CONTROLS), generator=random) * 0.3


def _odd_entry(header: dict[str, Any], values: torch.Tensor, random: np.random.Generator) -> tuple[Any, torch.Tensor]:
    name = list(header)[random.integers(len(header))]
    return header | {name: _ODD[random.integers(len(_ODD))]}, values


def _no_entry(header: dict[str, Any], values: torch.Tensor, random: np.random.Generator) -> tuple[Any, torch.Tensor]:
    name = list(header)[random.integers(len(header))]
    return {key: value for key, value in header.items() if key != name}, values


def _odd_header(header: dict[str, Any], values: torch.Tensor, random: np.random.Generator) -> tuple[Any, torch.Tensor]:
    return _ODD[random.integers(len(_ODD))], values


def _odd_number(header: dict[str, Any], values: torch.Tensor, random: np.random.Generator) -> tuple[Any, torch.Tensor]:
    spoiled = values.clone()
    spoiled[random.integers(len(values)), random.integers(values.shape[1])] = _NUMBERS[random.integers(len(_NUMBERS))]
    return header, spoiled


def _wild(header: dict[str, Any], values: torch.Tensor, random: np.random.Generator) -> tuple[Any, torch.Tensor]:
    """All channels far out, within what is taken for motion."""
    wild = random.normal(0, 10 ** random.uniform(-1, 2), values.shape).clip(-100, 100)
    wild *= random.random(values.shape) < random.choice([0.05, 0.3, 1.0])
    return header, torch.from_numpy(wild).float()


def _odd_shape(header: dict[str, Any], values: torch.Tensor, random: np.random.Generator) -> tuple[Any, torch.Tensor]:
    shapes = (values[:0], values[:, :57], values[0], values[None], values.T, values[:, :0], torch.zeros(3, 66))
    return header, shapes[random.integers(len(shapes))]


def _odd_type(header: dict[str, Any], values: torch.Tensor, random: np.random.Generator) -> tuple[Any, torch.Tensor]:
    types = (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8, torch.bool)
    return header, values.to(types[random.integers(len(types))])


SPOILS: tuple[Spoil, ...] = (
    _odd_entry, _odd_entry, _no_entry, _odd_header, _odd_number, _odd_number, _wild, _wild, _odd_shape, _odd_type,
)  # fmt: skip


def case(seed: int, number: int) -> tuple[str, bytes]:
    """Name and bytes of a motion file; the same for the same seed and number."""
    random = np.random.default_rng([seed, number])
    header, values = whole()
    spoil = SPOILS[random.integers(len(SPOILS))]
    about, values = spoil(header, values, random)
    text = json.dumps(about)
    if random.random() < 0.05:
        text = "[" * 100_000 if random.integers(2) else text[: random.integers(len(text) + 1)]
    name = "motion" if random.random() < 0.97 else "moves"
    data = save({name: values.contiguous()}, {"avtr": text} if random.random() < 0.97 else None)
    if random.random() < 0.3:
        spoiled = bytearray(data)
        for at in random.integers(0, min(len(data), 400) if random.integers(2) else len(data), random.integers(1, 6)):
            spoiled[at] ^= 1 << int(random.integers(8))
        data = bytes(spoiled)
    if random.random() < 0.1:
        data = data[: random.integers(len(data) + 1)]
    return f"{spoil.__name__.strip('_')}: {len(data)} bytes", data


@functools.cache
def avatar() -> tuple[MeshRenderer, Identity]:
    """A small avatar to be drawn."""
    torch.set_num_threads(1)
    renderer = MeshRenderer(RenderConfig(size=SIZE), torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        skimage.io.imsave(photo, skimage.data.astronaut(), check_contrast=False)
        return renderer, renderer.prepare(find_portrait(photo))


def judge(seed: int, number: int) -> str:
    """ "read" (and drawn) or "refused"; anything else than an InputError in one line that names the file is a bug."""
    refused, values = "", torch.zeros(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        path.write_bytes(case(seed, number)[1])
        try:
            space, values, _ = load_motion(path)
        except InputError as error:
            refused = str(error)
        assert str(path) in refused or not refused
        assert "\n" not in refused
    if refused or space is not CONTROLS:
        return "refused" if refused else "read"
    renderer, identity = avatar()
    frames = renderer.draw(identity, Motion(CONTROLS, values[:2], 0))
    assert frames.shape[1:] == (SIZE, SIZE, 3)
    assert (frames.mean(axis=(1, 2, 3)) > 20).all(), "a frame is black"
    return "read"


if __name__ == "__main__":
    forked.main(__doc__, "motion files", 500, case, judge)
