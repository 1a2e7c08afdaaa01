"""Motion as a file: safetensors with a JSON header, read back as a generator that replays it.

The header's `avtr` entry is JSON: format, space, channels, fps, seed. The tensor `motion` is float32 (T, C); where the
skin was touched, `contacts` is float64 (n, 11): the frame, then the fields of a `Contact`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.interaction import Contact
from avtr_cli.core.motion_space import SPACES, MotionSpace
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import Motion
from avtr_cli.motion.replay import Replay
from avtr_cli.motion.suffixes import SKELETON_SUFFIX

FORMAT = 1
CONTACT_COLUMNS = 1 + len(Contact._fields)
LARGEST = 100.0  # of any number: weights end at 1, radians at 3, shifts at a few eye distances


def contact_rows(motion: Motion) -> Tensor:
    """The contacts of some frames, float64 (n, 11), as a file has them."""
    rows = [[motion.first + at, *one] for at, frame in enumerate(motion.contacts) for one in frame]
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, CONTACT_COLUMNS)


def save_motion(
    path: Path, space: MotionSpace, values: Tensor, seed: int, contacts: Tensor | None = None, **more: Any
) -> None:
    """Write motion float32 (T, C), and contacts as `contact_rows` has them, to `path`. Raises OutputError."""
    header = {"format": FORMAT, "space": space.name, "channels": space.channels, "fps": FPS, "seed": seed, **more}
    tensors = {"motion": values.contiguous().cpu()}
    if contacts is not None and len(contacts):
        tensors["contacts"] = contacts
    content = save(tensors, {"avtr": json.dumps(header)})
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: the motion cannot be written ({reason(error)})") from error


def load_motion(path: Path) -> tuple[MotionSpace, Tensor, dict[str, Any]]:
    """Space, float32 (T, C) and header of a motion file. Raises InputError where it is not one that can be drawn."""
    header, values, _ = _read(path)
    space = SPACES.get(header["space"]) if isinstance(header.get("space"), str) else None
    if space is None or header.get("format") != FORMAT:
        raise InputError(
            f"{path}: its motion space or format is none that this avtr knows; make it again with avtr render "
            "--motion-out"
        )
    if header.get("fps") != FPS:
        raise InputError(f"{path}: its motion has {header.get('fps')} frames a second, and avtr draws {FPS}")
    channels = header.get("channels")
    shaped = values.ndim == 2 and values.shape[1] == len(space) and len(values) > 0
    if not isinstance(channels, list) or channels != list(space.channels) or not shaped:
        raise InputError(
            f"{path}: its channels are not those of '{space.name}'; make it again with avtr render --motion-out"
        )
    values = values.float()
    if not torch.isfinite(values).all():
        frame = int((~torch.isfinite(values)).any(dim=1).nonzero()[0])
        raise InputError(f"{path}: frame {frame} holds values that are no numbers (NaN or infinite); correct them")
    if values.abs().max() > LARGEST:
        raise InputError(
            f"{path}: holds {float(values.abs().max()):.3g}, which is no motion; no number may be beyond {LARGEST:g}"
        )
    return space, values, header


def load_contacts(path: Path) -> Tensor:
    """The contacts of a motion file, float64 (n, 11), none of them anywhere absurd. Raises InputError."""
    _, _, contacts = _read(path)
    if contacts.shape[1:] != (CONTACT_COLUMNS,) or not torch.isfinite(contacts).all():
        raise InputError(f"{path}: its contacts are none that this avtr knows; make it again with --motion-out")
    columns = {name: contacts[:, 1 + at] for at, name in enumerate(Contact._fields)}
    thin = (columns["width"] <= 0).any() or (columns["red_width"] <= 0).any()
    if thin or (contacts[:, 1:].abs() > LARGEST).any():
        raise InputError(f"{path}: its contacts hold numbers that no touch has; make it again with --motion-out")
    return contacts


def _read(path: Path) -> tuple[dict[str, Any], Tensor, Tensor]:
    """Header, motion and contacts of a file as they stand in it."""
    for_others = {".csv": "a Live Link table (.csv)", SKELETON_SUFFIX: "a skeleton's motion (.bvh)"}
    if (kind := for_others.get(path.suffix.lower())) is not None:
        raise InputError(
            f"{path}: {kind} is for other programs; to draw motion again write it with --motion-out NAME.safetensors"
        )
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise InputError(f"{str(path)[:200]}: there is no such file")
    try:
        data = path.read_bytes()  # safetensors opens names in UTF-8 alone
        tensors = load(data)
        values = tensors["motion"]
        contacts = tensors.get("contacts", torch.zeros(0, CONTACT_COLUMNS)).double()
        described = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        header = json.loads(described["__metadata__"]["avtr"])
        if not isinstance(header, dict) or not values.is_floating_point():
            raise ValueError("no table of floating-point numbers")
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise InputError(f"{path}: not a motion file of avtr; make one with avtr render --motion-out") from error
    return header, values, contacts


class ReplayGenerator(Replay):
    """A MotionGenerator that speaks what a motion file holds, whatever it hears; the last frame holds on."""

    def __init__(self, path: Path):
        space, values, self.header = load_motion(path)
        contacts: dict[int, tuple[Contact, ...]] = {}
        for frame, *numbers in load_contacts(path).tolist():
            contacts[int(frame)] = (*contacts.get(int(frame), ()), Contact(*numbers))
        super().__init__(space, values, contacts)
