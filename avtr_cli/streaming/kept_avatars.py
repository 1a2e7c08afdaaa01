"""Prepared avatars kept on the disk by what they are made of, so that the second job of a photo starts in a fraction.

A file belongs to the photo's bytes, the face, the settings of the renderer, the code that prepares, the libraries below
it and the CPU: whatever changes one of them looks for another file. What is read gives the frames that preparing would
give, to the bit (`tests/test_kept_avatars.py`). They show people: folder and files are for their owner alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import shutil
import stat
import time
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import PIL
import safetensors.numpy
import torch
from safetensors import SafetensorError, safe_open

from avtr_cli.core.arrays import AnyArray
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.files import file_sha256, remove, replacing
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.packing import PackingError, packed, unpacked
from avtr_cli.core.protocols import KeepsAvatars
from avtr_cli.core.shipped import PACKAGE
from avtr_cli.core.types import Identity, Portrait
from avtr_cli.perception.photo import decode_photo

logger = logging.getLogger(__name__)

FORMAT = "avtr-avatar-1"
SUFFIX = ".safetensors"
MOST_BYTES = 512 << 20  # of all that is kept: about twenty avatars of 512 px
MOST_OF_ONE = MOST_BYTES // 4  # a larger one, of a huge photo or frame, is prepared every time
LEFT_FREE = 1 << 30  # bytes of the disk: where there are fewer, nothing is kept
ABANDONED_S = 3600.0  # since an unfinished file was written: whoever wrote it was killed
PREPARING = ("core", "kernels", "perception", "render", "assets")  # what of the package shapes an avatar

DRAWN_ALONE = ("camera", "shadow")  # settings of the renderer that shape frames, and no avatar


def avatars_folder() -> Path:
    """AVTR_AVATARS, or `avatars` in avtr's cache folder."""
    chosen = os.environ.get("AVTR_AVATARS")
    return Path(chosen).expanduser() if chosen else cache_folder() / "avatars"


class Made(NamedTuple):
    """What preparing a photo gives, and the name by which the photo was met: warnings speak of it."""

    photo: Path
    portrait: Portrait
    identity: Identity


class KeptAvatars:
    """The avatars of one renderer with one set of settings, in `folder`; several processes may share it.

    What cannot be read or written is prepared anew, and no more than that: nothing is raised for it.
    """

    def __init__(self, renderer: KeepsAvatars, config: RenderConfig, device: torch.device, folder: Path | None = None):
        self._renderer, self._config, self._device = renderer, config, device
        self._folder = folder or avatars_folder()

    def key(self, sha256: str, face: int | None) -> str:
        """The name of the avatar of face `face` in a photo of these bytes; other bytes of a background, another name.

        Raises InputError for a background that cannot be read.
        """
        config = {name: value for name, value in dataclasses.asdict(self._config).items() if name not in DRAWN_ALONE}
        behind = Path(self._config.background)
        if behind.is_file():
            config["background"] = file_sha256(behind)
        told = [FORMAT, sha256, face, config, self._device.type, _code(), _libraries()]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def find(self, key: str, photo: Path, data: bytes) -> Made | None:
        """What is kept under `key` for the photo of the bytes `data`; what is damaged goes."""
        path = self._folder / f"{key}{SUFFIX}"
        if not path.is_file():
            return None
        try:
            if not _private(self._folder):
                return None
            parts = unpacked(*_read(path), (*self._renderer.kept_classes, Identity), self._device)
            portrait = Portrait(photo=decode_photo(data, photo), **parts["portrait"])
            identity = self._renderer.revived(Identity(space=self._renderer.space, **parts["identity"]))
            os.utime(path)
        except (OSError, SafetensorError, PackingError, KeyError, TypeError, ValueError) as error:
            logger.info("%s is prepared anew: what was kept of it is damaged (%s)", photo, error)
            remove(path)
            return None
        return Made(parts["photo"], portrait, identity)

    def keep(self, key: str, made: Made) -> None:
        """Keep it for later runs; the longest unused go where there are too many."""
        try:
            whole = _bytes_of(made)
            if len(whole) > MOST_OF_ONE or not _private(self._folder, make=True):
                return
            if shutil.disk_usage(self._folder).free < LEFT_FREE:
                return
            with replacing(self._folder / f"{key}{SUFFIX}", durable=False) as partial:
                partial.touch(0o600)
                partial.write_bytes(whole)
            self._tidy()
        except (OSError, TypeError) as error:
            logger.info("%s is not kept: %s", made.photo, error)

    def _tidy(self) -> None:
        """Remove what is too much, the longest unused first, and what killed processes left."""
        for partial in self._folder.glob(".avtr-*.partial"):
            with contextlib.suppress(OSError):
                if time.time() - partial.stat().st_mtime > ABANDONED_S:
                    partial.unlink()
        found = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
        room = MOST_BYTES
        for _, size, path in sorted(found, reverse=True):
            room -= size
            if room < 0:
                remove(path)


def _bytes_of(made: Made) -> bytes:
    """The file of an avatar. The photo's pixels are left out: the photo is there to be read. Raises TypeError."""
    portrait, identity = (
        {one.name: getattr(of, one.name) for one in dataclasses.fields(of) if one.name not in without}
        for of, without in ((made.portrait, ("photo",)), (made.identity, ("space",)))
    )
    text, arrays = packed({"photo": made.photo, "portrait": portrait, "identity": identity})
    about = {"format": FORMAT, "told": text, "crc32": str(_checksum(text, arrays))}
    return safetensors.numpy.save(arrays, about)


def _read(path: Path) -> tuple[str, dict[str, AnyArray]]:
    """What `_bytes_of` wrote, to be unpacked. Raises SafetensorError, OSError, ValueError, KeyError."""
    with safe_open(path, "np") as file:
        about: Mapping[str, str] = file.metadata() or {}
        if about.get("format") != FORMAT:
            raise ValueError(f"it is no {FORMAT}")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text = about["told"]
    if int(about["crc32"]) != _checksum(text, arrays):
        raise ValueError("its checksum is another")
    return text, arrays


def _checksum(text: str, arrays: Mapping[str, AnyArray]) -> int:
    """CRC-32 of the text and of all arrays, in the order of their names."""
    checksum = zlib.crc32(text.encode())
    for name in sorted(arrays):
        checksum = zlib.crc32(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data, checksum)
    return checksum


def _private(folder: Path, make: bool = False) -> bool:
    """Whether `folder` is there, ours, and closed to others; made so where `make` says it. Raises OSError."""
    if make:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.geteuid():
        return False
    if stat.S_IMODE(about.st_mode) & 0o077:
        folder.chmod(0o700)
    return True


@cache
def _code() -> str:
    """SHA-256 of all that prepares an avatar."""
    digest = hashlib.sha256()
    for room in PREPARING:
        for file in sorted((PACKAGE / room).rglob("*.*")):
            if file.suffix in (".py", ".onnx", ".npz"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _libraries() -> list[Any]:
    """What else may change the last bits: libraries, and the instructions of this CPU that they choose among."""
    made_by = (np.__version__, cv2.getVersionString(), PIL.__version__, torch.__version__, version("onnxruntime"))
    return [*made_by, cv2.getCPUFeaturesLine()]
