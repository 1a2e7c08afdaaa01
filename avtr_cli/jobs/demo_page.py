"""The calls of AVTR-1's page, found in a user's copy of the Seamless Interaction data set, as dialogue jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.errors import InputError, WeightsError
from avtr_cli.core.plain_yaml import load_file
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.jobs.seamless import participants, portrait_of
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.weights.registry import registry
from avtr_cli.weights.store import Store


def page_jobs(
    data: Path, out: Path, settings: list[str] | tuple[str, ...] = (), command: str = ""
) -> list[TwoSidedJob]:
    """Every call of examples/avtr1_page.yaml, both sides in one video `out`/ID.mp4, side by side as on the page.

    Portraits are written to `out` first. Raises InputError where `data` lacks a call, and WeightsError where a
    published weight that the preset needs is not usable; both say where it comes from.
    """
    page: dict[str, Any] = load_file(shipped_folder("examples") / "avtr1_page.yaml")
    preset = load_preset(page["preset"], settings)
    found = {call["id"]: participants(data, call["id"]) for call in page["calls"]}
    _check(data, page, [id for id, sides in found.items() if len(sides) != 2], preset)
    out.mkdir(parents=True, exist_ok=True)
    jobs = []
    for call in page["calls"]:
        a, b = found[call["id"]]
        sound = DialogueFiles(dialogue=a.sound, partner=b.sound, start_s=call["start_s"], duration_s=call["duration_s"])
        photo_a, photo_b = (portrait_of(side, out, call["photo_s"]) for side in (a, b))
        jobs.append(
            TwoSidedJob(
                photo=photo_a,
                photo_b=photo_b,
                sound=sound,
                out=out / f"{call['id']}.mp4",
                preset=preset,
                command=command,
            )
        )
    return jobs


def _check(data: Path, page: dict[str, Any], absent: list[str], preset: Preset) -> None:
    """Raises one error that says what lacks and where it comes from: the calls, the weights, or both."""
    calls = (
        f"{data}: two participants (.wav with .mp4 or .png) are missing of {', '.join(absent)}; they are part of the "
        f"Seamless Interaction data set ({page['licence']}), {page['source']}: fetch them and unpack the archives"
    )
    try:
        for file in registry().needed(preset):
            if not file.optional:
                Store().find(file.name)
    except WeightsError as error:
        raise WeightsError(f"{error}. {calls}" if absent else str(error)) from None
    if absent:
        raise InputError(calls)
