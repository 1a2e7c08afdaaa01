"""Settings that a motion model does not follow: one that does nothing would mislead."""

from __future__ import annotations

from avtr_cli.core.config import MotionConfig

IGNORES: dict[str, tuple[str, ...]] = {
    "lmfm": (),
    "avtr1": ("blink_rate", "gaze", "smile", "emotion", "emotion_intensity"),
}
"""Names of MotionConfig's fields, by generator."""


def ignored(config: MotionConfig, by: str = "") -> tuple[str, ...]:
    """Names of the settings turned from their default though the generator (or another, `by`) ignores them."""
    default = MotionConfig()
    names = IGNORES[by or config.generator]
    return tuple(name for name in names if getattr(config, name) != getattr(default, name))
