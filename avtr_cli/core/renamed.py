"""What bore another name before 0.2: written so, it is refused with the name it has now."""

from __future__ import annotations

from collections.abc import Sequence

from avtr_cli.core.errors import ConfigError

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


def check_json_words(words: Sequence[str]) -> None:
    """Of a command's words: `--json` named a file before 0.2. Raises ConfigError where it seems to."""
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) else ""
        named = word.partition("=")[2] if word.startswith("--json=") else after if word == "--json" else ""
        if named and (word != "--json" or named.lower().endswith(".json")):
            raise ConfigError(f"--json takes no file now, it prints on stdout; write {named} with --report {named}")
