"""A job as the command that would render it alone, for somebody who wants to look at one job of many."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.presets import shipped_names
from avtr_cli.jobs.job import Job


def as_command(job: Job, *more: str) -> str:
    """`avtr render PHOTO SOUND -o OUT …`, with options `more`; cues are told behind a `#`, as they need a file."""
    sound = job.sound
    words = ["avtr", "render", _path(job.photo), _path(sound.dialogue), "-o", _path(job.out)]
    words += ["--partner", _path(sound.partner)] if sound.partner is not None else []
    words += ["--solo"] if sound.solo else []
    words += ["--avatar-channel", "2"] if sound.avatar_channel == 2 else []
    words += ["--start", _number(sound.start_s)] if sound.start_s else []
    words += ["--duration", _number(sound.duration_s)] if sound.duration_s is not None else []
    words += ["--seed", str(job.seed)] if job.seed else []
    words += ["--face", str(job.face)] if job.face is not None else []
    words += ["--from-motion", _path(job.from_motion)] if job.from_motion is not None else []
    words += ["--label", job.label] if job.label else []
    words += [] if job.provenance else ["--no-provenance"]
    words += _settings(job.preset)
    cues = "  # its cues are left out; a file of them goes with --cues" if job.cues else ""
    return shlex.join([*words, *more]) + cues


def _path(path: Path) -> str:
    """A name that no parser takes for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def _number(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _settings(preset: Preset) -> Iterator[str]:
    """`--preset` where it is a shipped one, and `--set` for all that differs from it."""
    base = load_preset(preset.name) if preset.name in shipped_names() else Preset()
    if base.name != Preset().name:
        yield from ("--preset", base.name)
    was = base.as_dict()
    for group, values in preset.as_dict().items():
        if isinstance(values, dict):
            for name, value in values.items():
                if value != was[group][name]:
                    said = str(value).lower() if isinstance(value, bool) else str(value)
                    yield from ("--set", f"{group}.{name}={said}")
