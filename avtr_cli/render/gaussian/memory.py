"""What a thread that draws bodies keeps between frames, so that none allocates: its scratch, splatters and backdrop.

Where a job has two threads the second poses the frame after the one that is drawn, in a scratch of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import torch

from avtr_cli.core.arrays import Image
from avtr_cli.render.gaussian.avatar import LOW_PASS, BodyAvatar, Scratch
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.splatters import Splats, choose_splatter

KEPT = 4  # avatars, and sizes of frames, whose memory is kept

Posed = tuple[Gaussians, Scratch]
"""The whole person in a frame, and the memory that it lies in."""


class Memory:
    """One thread's: of avatars and of frames, the latest KEPT.

    backdrop  what a camera last saw behind a person: whose plate and which view that was, the picture, and the plate
    """

    def __init__(self) -> None:
        self._scratch: list[tuple[BodyAvatar, list[Scratch]]] = []
        self._splatters: dict[tuple[int, int], Splats] = {}
        self._crew: ThreadPoolExecutor | None = None
        self.backdrop: tuple[int, tuple[Any, ...], Image, Image] | None = None

    def of(self, avatar: BodyAvatar, count: int) -> list[Scratch]:
        """For the Gaussians of an avatar in `count` frames at once."""
        found = next((scratch for known, scratch in self._scratch if known is avatar), None)
        if found is None:
            found = []
            self._scratch = [*self._scratch[1 - KEPT :], (avatar, found)]
        found += [Scratch(avatar) for _ in range(count - len(found))]
        return found[:count]

    def for_size(self, width: int, height: int, device: torch.device, kernels: str) -> Splats:
        """For frames of a size."""
        if (width, height) not in self._splatters:
            while len(self._splatters) >= KEPT:
                self._splatters.pop(next(iter(self._splatters)))
            threads = torch.get_num_threads()  # `runtime.threads`
            self._splatters[width, height] = choose_splatter(height, width, device, kernels, LOW_PASS, threads)
        return self._splatters[width, height]

    def one_ahead(self, posed: Iterator[Posed]) -> Iterator[Posed]:
        """The same, each worked out by a thread of its own while the one before is drawn."""
        self._crew = self._crew or ThreadPoolExecutor(1, "poses")
        under_way = self._crew.submit(_next, posed)
        try:
            while (one := under_way.result()) is not None:
                under_way = self._crew.submit(_next, posed)
                yield one
        finally:
            wait([under_way])  # whoever gives up between finds nobody at work in this memory


@torch.inference_mode()
def _next(posed: Iterator[Posed]) -> Posed | None:
    return next(posed, None)
