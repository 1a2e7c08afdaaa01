"""What was typed as `-o`, `--format` and other outputs, into the files that are meant."""

from __future__ import annotations

import os
from pathlib import Path

from avtr_cli.core.errors import ConfigError, OutputError


def output(text: str, form: str | None, default: str) -> Path:
    """The one video that is meant: `text`, with the ending that `form` asks for where it has none.

    With a slash at its end, the pictures in that folder. Raises ConfigError where `text` and `form` contradict.
    """
    from avtr_cli.output.sequence import named_output

    if form is None:
        return named_output(text)
    suffix = _suffix(form)
    path = named_output(text)
    if text == default:
        return path.with_suffix(suffix)
    if not path.suffix:
        return path.with_name(path.name + suffix) if path.name else path
    if path.suffix.lower() != suffix:
        raise ConfigError(f"-o {text} and --format {form} say two things; leave one of them out")
    return path


def is_folder(text: str) -> bool:
    """Whether a folder was typed: a slash at the end, or one that is there."""
    return text.endswith(("/", os.sep)) or Path(text).is_dir()


def in_folder(text: str | None, option: str, stem: str, suffix: str) -> Path | None:
    """FOLDER/stem.suffix, of several sounds. Raises OutputError where `text` is no folder."""
    if text is None:
        return None
    if not is_folder(text):
        raise OutputError(f"{option} {text}: of several sounds it is a folder; end it with / or make it")
    return Path(text) / f"{stem}{suffix}"


def suffix_of(form: str | None) -> str:
    """Of the videos of several sounds. Raises ConfigError for pictures one by one, which would lie in one heap."""
    suffix = _suffix(form or "mp4")
    if suffix == ".png":
        raise ConfigError("--format png goes with one sound; for pictures of several render one after the other")
    return suffix


def _suffix(form: str) -> str:
    name = form.lower().removeprefix(".")
    if not name.isalnum():
        raise ConfigError(f"--format {form}: write mp4, mkv, webm or mov")
    return f".{name}"
