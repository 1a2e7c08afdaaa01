"""Which sound is whose, and which part of it: what a person says of the sound of a call, before any of it is opened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.files import paths_from_strings
from avtr_cli.core.timing import FPS

SHORTEST_SECONDS = 1 / FPS  # one video frame
LONGEST_SECONDS = 1e7  # some hundred days; more is a slip


@dataclass(frozen=True, kw_only=True)
class DialogueFiles:
    """Which sound is whose: one two-channel file, two mono files, or one voice alone.

    Raises ConfigError for a start, duration or channel that cannot be.
    """

    dialogue: Path
    partner: Path | None = None  # then `dialogue` holds the avatar's voice alone
    solo: bool = False  # `dialogue` holds the avatar's voice alone and nobody answers
    avatar_channel: int = 1  # of a two-channel file: which one is the avatar, 1 or 2
    start_s: float = 0.0
    duration_s: float | None = None

    def __post_init__(self) -> None:
        paths_from_strings(self, "dialogue", "partner")
        if self.avatar_channel not in (1, 2):
            raise ConfigError(f"{self.dialogue}: --avatar-channel is 1 or 2, not {self.avatar_channel}")
        if self.solo and self.partner is not None:
            raise ConfigError(f"{self.dialogue}: --solo says that nobody answers, --partner who does; give one")
        _check_seconds(self.dialogue, "--start", self.start_s, 0.0)
        if self.duration_s is not None:
            _check_seconds(self.dialogue, "--duration", self.duration_s, SHORTEST_SECONDS)

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.dialogue,) if self.partner is None else (self.dialogue, self.partner)


def _check_seconds(path: Path, option: str, seconds: float, least: float) -> None:
    if not (math.isfinite(seconds) and least <= seconds <= LONGEST_SECONDS):
        most = f"{LONGEST_SECONDS:,.0f}"
        raise ConfigError(f"{path}: {option} must be from {least:g} to {most} seconds, not {seconds:g}")
