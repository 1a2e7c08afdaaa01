"""Settings that a renderer does not follow: one that does nothing would mislead."""

from __future__ import annotations

from avtr_cli.core.config import RenderConfig

IGNORES = {
    "mesh": ("region", "driving", "eyes_open", "lips_open", "close_lips"),
    "liveportrait": ("breathing", "relight"),
}
"""Names of RenderConfig's fields, by renderer."""


def ignored(config: RenderConfig, by: str = "") -> tuple[str, ...]:
    """Names of the settings turned from their default though the renderer (or another, `by`) ignores them."""
    default = RenderConfig()
    names = IGNORES[by or config.renderer]
    return tuple(name for name in names if getattr(config, name) != getattr(default, name))
