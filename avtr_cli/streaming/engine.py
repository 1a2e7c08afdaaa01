"""A preset made ready to run: device chosen, models loaded, avatars prepared and kept.

One engine serves many jobs: a batch worker loads it once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from avtr_cli.core import runtime
from avtr_cli.core.camera import Camera, MovingCamera
from avtr_cli.core.clocks import ChunkClock
from avtr_cli.core.config import Preset
from avtr_cli.core.errors import PhotoError
from avtr_cli.core.files import file_sha256
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.motion_space import MotionSpace
from avtr_cli.core.protocols import KeepsAvatars, MotionGenerator, camera_of
from avtr_cli.core.regions import RegionMap
from avtr_cli.core.types import Cue, Identity, Portrait
from avtr_cli.motion.table import GENERATORS
from avtr_cli.perception.photo import read_bytes
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.table import RENDERERS
from avtr_cli.streaming.kept_avatars import KeptAvatars, Made
from avtr_cli.streaming.session import StreamingSession

if TYPE_CHECKING:
    import torch

_Kept = TypeVar("_Kept", Portrait, Identity)

logger = logging.getLogger(__name__)

CHUNKS_TIMED = 1500  # of a live call, the last five minutes: a day has half a million
AVATARS_KEPT = 4  # prepared avatars in memory, about 60 MB each


class Engine:
    """The motion model and the renderer of one preset.

    Several threads may use one engine, each with sessions of its own.
    """

    def __init__(self, preset: Preset | None = None):
        """Load the models of `preset` (None: the default). Raises ConfigError, WeightsError."""
        preset = preset or Preset()
        began = time.perf_counter()
        self.preset = preset
        renderer = RENDERERS[preset.render.renderer]
        self.threads = runtime.use_threads(preset.runtime.threads, renderer.heavy)
        self.device = runtime.choose_device(preset.runtime.device)
        self.precision = runtime.precision_on(self.device, preset.runtime.precision)
        runtime.check_runtime(preset.runtime, self.device)
        self.generator = motion_generator(preset, renderer.space, self.device)
        self.renderer = renderer.make(preset, self.device)  # last: it may go on loading in a thread
        self._avatars: OrderedDict[tuple[str, int | None], Made] = OrderedDict()
        self._kept: KeptAvatars | None = None  # on the disk
        if preset.runtime.keep_avatars == "auto" and isinstance(self.renderer, KeepsAvatars):
            self._kept = KeptAvatars(self.renderer, preset.render, self.device)
        self._avatars_lock = threading.Lock()
        self._regions: OrderedDict[tuple[str, int | None], RegionMap] = OrderedDict()
        self._weights_sha256: dict[Path, str] = {}
        self.load_s = time.perf_counter() - began
        self._tell()

    @property
    def kernels(self) -> str:
        """What draws: `compiled` loops or the `plain` form, as which a renderer without such loops counts."""
        return getattr(self.renderer, "kernels", "plain")

    def _tell(self) -> None:
        if not logger.isEnabledFor(logging.INFO):
            return
        name = runtime.describe_device(self.device, self.precision, self.threads)["name"]
        what = f"motion by {self.preset.motion.generator}, pictures by {self.preset.render.renderer}"
        logger.info("device %s (%s), %d threads, %s", self.device, name, self.threads, self.precision)
        logger.info("preset %s: %s; loaded in %.1f s", self.preset.name, what, self.load_s)
        for path in self.weights_files():
            logger.info("weights %s", path)

    def avatar(self, photo: Path, face: int | None = None) -> tuple[Portrait, Identity]:
        """Find the face in `photo` and prepare it, or take what is kept for a photo of the same bytes.

        Raises PhotoError. Threads may ask at once; avatars are then prepared one after the other.
        """
        data = read_bytes(photo)  # once: what is hashed is what is drawn
        key = (hashlib.sha256(data).hexdigest(), face)
        with self._avatars_lock:
            if key not in self._avatars:
                self._avatars[key] = self._made(photo, key, data)
                while len(self._avatars) > AVATARS_KEPT:
                    self._avatars.popitem(last=False)
            self._avatars.move_to_end(key)
            first, portrait, identity = self._avatars[key]
        return _with_photo_named(photo, portrait, first), _with_photo_named(photo, identity, first)

    def camera(self, photo: Path, identity: Identity) -> Camera | MovingCamera:
        """From where the settings have the person of `photo` seen. Raises PhotoError for what it does not show."""
        try:
            return camera_of(self.renderer, identity)
        except PhotoError as error:
            raise PhotoError(f"{photo}: {error}") from error

    def _prepared(self, portrait: Portrait, photo: Path) -> Identity:
        """The renderer's identity, whose warnings and refusals name the photo, as those of perception do."""
        try:
            identity = self.renderer.prepare(portrait)
        except PhotoError as error:
            raise PhotoError(f"{photo}: {error}") from error
        named = (said if said in portrait.warnings else f"{photo}: {said}" for said in identity.warnings)
        return dataclasses.replace(identity, warnings=tuple(named))

    def regions(self, photo: Path, face: int | None = None) -> RegionMap:
        """What of the person in `photo` lies where, made when it is first asked for. Raises PhotoError."""
        from avtr_cli.perception.regions import region_map

        portrait, _ = self.avatar(photo, face)
        key = (portrait.sha256, face)
        with self._avatars_lock:
            if key not in self._regions:
                self._regions[key] = region_map(portrait)
                while len(self._regions) > AVATARS_KEPT:
                    self._regions.popitem(last=False)
            return self._regions[key]

    def _made(self, photo: Path, about: tuple[str, int | None], data: bytes) -> Made:
        """The avatar of a photo of the bytes `data`: kept by an earlier run, or made and kept. Raises PhotoError."""
        began, key = time.perf_counter(), ""
        if self._kept is not None:
            key = self._kept.key(*about)
            if (kept := self._kept.find(key, photo, data)) is not None:
                logger.info("%s: as prepared before, read in %.2f s", photo, time.perf_counter() - began)
                return kept
            began = time.perf_counter()
        portrait = find_portrait(photo, about[1], data)
        found = time.perf_counter()
        made = Made(photo, portrait, self._prepared(portrait, photo))
        height, width = portrait.photo.shape[:2]
        spent = (found - began, time.perf_counter() - found)
        logger.info("%s (%dx%d): face found in %.1f s, avatar prepared in %.1f s", photo, width, height, *spent)
        if self._kept is not None and self._kept.key(*about) == key:  # else a background was changed meanwhile
            self._kept.keep(key, made)
        return made

    def session(
        self, photo: Path | str, seed: int = 0, face: int | None = None, cues: Iterable[Cue | Interaction] = ()
    ) -> StreamingSession:
        """A call with the person in `photo` (face number `face` from the left, from 1; None: the largest).

        Push sound into it, take frames out. Sessions of one engine may run in threads of their own, one thread a
        session; `interact` with the person as somebody clicks. Raises PhotoError, and ConfigError for cues that the
        motion model cannot do.
        """
        photo = Path(photo)
        _, identity = self.avatar(photo, face)
        clock = ChunkClock(self.device.type == "cuda", CHUNKS_TIMED)
        regions = partial(self.regions, photo, face)
        camera = self.camera(photo, identity)
        session = StreamingSession(identity, self.generator, self.renderer, seed, clock, camera, regions)
        session.ask(cues)
        return session

    def weights_files(self) -> tuple[Path, ...]:
        """The files of weights that shape the frames; their content is part of a job's key."""
        return self.generator.weights_files + self.renderer.weights_files

    def sha256(self, path: Path) -> str:
        """As `file_sha256`, but files of weights, which may be gigabytes, are read once."""
        if path not in self.weights_files():
            return file_sha256(path)
        if path not in self._weights_sha256:
            self._weights_sha256[path] = file_sha256(path)
        return self._weights_sha256[path]


def _with_photo_named(photo: Path, kept: _Kept, first: Path) -> _Kept:
    """What is kept of a photo met as `first`, with warnings that name this copy of it."""
    if photo == first or not kept.warnings:
        return kept
    warnings = tuple(warning.replace(str(first), str(photo)) for warning in kept.warnings)
    return dataclasses.replace(kept, warnings=warnings)


def motion_generator(preset: Preset, space: MotionSpace, device: torch.device) -> MotionGenerator:
    """The preset's motion model, speaking `space`. Raises ConfigError where no bridge leads there."""
    from avtr_cli.motion.bridges.table import bridged
    from avtr_cli.streaming.flame import users_bridge

    return bridged(GENERATORS[preset.motion.generator].make(preset, device), space, users_bridge, preset.body)
