"""What bore another name before 0.2: written so, it is refused with the name it has now."""

from __future__ import annotations

RENAMED = {
    "self_guidance": "avatar_guidance",
    "motion.self_guidance": "motion.avatar_guidance",
    "self_channel": "avatar_channel",
    "--self-channel": "--avatar-channel",
}
"""Settings, keys of a manifest, and options."""

RENAMED_VALUES = {("output.sound", "self"): "avatar"}


def name_now(name: str) -> str:
    """`it is called ... now`, or nothing where it never had another name."""
    return f"it is called {RENAMED[name]} now" if name in RENAMED else ""


def value_now(setting: str, value: object) -> str:
    """The same for the value of a setting."""
    now = RENAMED_VALUES.get((setting, value)) if isinstance(value, str) else None
    return f"it is called {now} now" if now else ""
