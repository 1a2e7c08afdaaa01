"""Calls whose true motion is known, into a folder for `avtr eval listening`: our model and what it is held against."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
import yaml

from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import reason, write_text
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.evaluation.folder.layout import FORMAT, MANIFEST
from avtr_cli.evaluation.motion.baselines import Baseline
from avtr_cli.evaluation.motion.takes import Dialogue
from avtr_cli.motion.file import save_motion

OnCalls = Callable[[int, int], None]
"""Who is told: (performances made, of how many)."""


def write_folder(
    folder: Path,
    calls: Sequence[tuple[Path, Dialogue]],
    systems: Iterable[Baseline],
    truth: str,
    watch: OnCalls | None = None,
) -> Path:
    """Every call's sound file, its true motion and every system's motion, and a manifest that says who is who.

    `truth` says in a few words who the true person is. Raises InputError where a call has no true motion, and
    OutputError where the folder cannot be written.
    """
    for path, call in calls:
        if call.truth is None:
            raise InputError(
                f"{path}: its true motion is not beside it ({path.stem}.truth.safetensors), so nothing can be held "
                "against it; `avtr train validation` makes calls that have one"
            )
    systems = list(systems)
    dialogues = [call for _, call in calls]
    try:
        for part in ("audio", "truth", *(f"systems/{system.name}" for system in systems)):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for path, call in calls:
            shutil.copyfile(path, folder / "audio" / f"{call.name}{path.suffix.lower()}")
            save_motion(folder / "truth" / f"{call.name}.safetensors", CONTROLS, torch.from_numpy(call.truth), 0)
        write_text(folder / MANIFEST, _manifest(dialogues, systems, truth))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({reason(error)})") from error
    for number, system in enumerate(systems):
        for at, call in enumerate(dialogues):
            motion = torch.from_numpy(system.perform(dialogues, at))
            save_motion(folder / "systems" / system.name / f"{call.name}.safetensors", CONTROLS, motion, 0)
            if watch is not None:
                watch(number * len(calls) + at + 1, len(systems) * len(calls))
    return folder


def _manifest(calls: Sequence[Dialogue], systems: Sequence[Baseline], truth: str) -> str:
    said = {
        "format": FORMAT,
        "truth": truth,
        "clips": [{"id": call.name, "group": call.name} for call in calls],
        "systems": [{"name": system.name, "hears_partner": system.hears_partner} for system in systems],
    }
    text: str = yaml.safe_dump(said, sort_keys=False)
    return text
