"""Both sides of a call in one video: each person is the avatar of one session and the partner of the other."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.files import file_sha256, paths_from_strings
from avtr_cli.jobs.job import Job
from avtr_cli.output.layouts import LAYOUTS, layout_size
from avtr_cli.prompts.interactions import PEOPLE

if TYPE_CHECKING:
    from avtr_cli.audio.source import DialogueSource
    from avtr_cli.output.layout import Layout


@dataclass(frozen=True, kw_only=True)
class TwoSidedJob(Job):
    """`photo` speaks the avatar's channel of the sound, `photo_b` the partner's. `render_file` renders it.

    The second person moves by the seed after the first's, so that two pictures of one person do not move as one.
    A preset that asks for the avatar's own voice alone gives both, in stereo. Raises ConfigError.
    """

    photo_b: Path
    face_b: int | None = None
    layout: str = "side-by-side"  # one of LAYOUTS

    def __post_init__(self) -> None:
        super().__post_init__()
        paths_from_strings(self, "photo_b")
        if self.layout not in LAYOUTS:
            raise ConfigError(f"--layout is '{self.layout}', but must be one of {', '.join(LAYOUTS)}")
        if self.sound.solo:
            raise ConfigError("a dialogue needs two voices; for one voice alone use avtr render --solo")
        if self.cues or self.from_motion or self.motion_out:
            raise ConfigError("cues and motion files belong to one avatar; use avtr render for each side")
        if self.preset.output.sound == "avatar":
            object.__setattr__(self, "preset", self.preset.with_settings(**{"output.sound": "stereo"}))

    @property
    def photos(self) -> tuple[Path, ...]:
        """The avatar's photo and the partner's."""
        return (self.photo, self.photo_b)

    def sides(self) -> tuple[Job, ...]:
        """One job for each person, with what is done to them; the second has its own photo, face and seed, the next."""
        first, second = (tuple(one for one in self.interactions if one.person == person) for person in PEOPLE)
        other = dataclasses.replace(self, photo=self.photo_b, face=self.face_b, seed=self.seed + 1, interactions=second)
        return (dataclasses.replace(self, interactions=first), other)

    def _check_people(self) -> None:
        """Both are in the video."""

    def frame_size(self, sizes: list[tuple[int, int]]) -> tuple[int, int]:
        """(width, height) of the whole picture, from those of its parts."""
        return layout_size(self.layout, sizes[0])

    def arrange(self, sizes: list[tuple[int, int]], source: DialogueSource) -> Layout:
        """How its two pictures are put together, frame by frame."""
        from avtr_cli.audio.turns import active_side
        from avtr_cli.output.layout import Layout

        return Layout(self.layout, sizes, active_side(source) if self.layout == "active-speaker" else None)

    def key(self, weights: Sequence[Path] = (), sha256: Callable[[Path], str] | None = None) -> str:
        """As `Job.key`, with all that only a video of two has."""
        described = (super().key(weights, sha256), (sha256 or file_sha256)(self.photo_b), self.face_b, self.layout)
        return hashlib.sha256(repr(described).encode()).hexdigest()
