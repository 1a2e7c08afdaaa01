"""A job as the command that would render it alone, for somebody who wants to look at one job of many."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.presets import shipped_names
from avtr_cli.core.timing import FPS
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.prompts.interactions import Touch


def as_command(job: Job, *more: str) -> str:
    """`avtr render PHOTO SOUND -o OUT …`, of two people `avtr dialogue PHOTO_A PHOTO_B SOUND …`, with options `more`.

    Cues, and interactions that options cannot say, are told behind a `#`, as they need a file.
    """
    sound = job.sound
    two = job if isinstance(job, TwoSidedJob) else None
    words = ["avtr", "dialogue" if two else "render", *map(_path, job.photos), _path(sound.dialogue)]
    words += ["-o", _path(job.out)]
    words += ["--partner", _path(sound.partner)] if sound.partner is not None else []
    words += ["--solo"] if sound.solo else []
    words += ["--avatar-channel", "2"] if sound.avatar_channel == 2 else []
    words += ["--start", _number(sound.start_s)] if sound.start_s else []
    words += ["--duration", _number(sound.duration_s)] if sound.duration_s is not None else []
    words += ["--seed", str(job.seed)] if job.seed else []
    words += ["--face-a" if two else "--face", str(job.face)] if job.face is not None else []
    if two is not None:
        words += ["--face-b", str(two.face_b)] if two.face_b is not None else []
        words += ["--layout", two.layout]
    words += ["--from-motion", _path(job.from_motion)] if job.from_motion is not None else []
    words += ["--label", job.label] if job.label else []
    words += [] if job.provenance else ["--no-provenance"]
    words += _settings(job.preset)
    plain = [one for one in job.interactions if not one.tone and not one.shown and one.person == "a"]
    for one in plain:
        words += ["--interact", _interaction(one)]
    some = {"cues": bool(job.cues), "interactions": len(plain) < len(job.interactions)}
    said = "; ".join(f"its {name} are left out; a file of them goes with --{name}" for name in some if some[name])
    return shlex.join([*words, *more]) + (f"  # {said}" if said else "")


def _interaction(touch: Touch) -> str:
    place = touch.region or ",".join(map(repr, touch.place or ()))
    strength = "" if touch.strength == 1 else f":{touch.strength!r}"
    return f"{touch.frame / FPS!r}:{place}:{touch.do}{strength}"


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
