"""The calls of AVTR-1's page, found in a user's copy of the Seamless Interaction data set, as dialogue jobs.

The data set keeps one sound file and one video per participant, `V00_S2047_I00001188_P0947.wav` and `.mp4`, in
several folder layouts (by batch and archive, or by kind of data), so files are looked for by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.errors import InputError, WeightsError
from avtr_cli.core.plain_yaml import load_file
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.weights.registry import registry
from avtr_cli.weights.store import Store

PHOTO_KINDS = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Participant:
    """One side of a call: who, what was said, and where a portrait comes from (a picture or a video)."""

    name: str
    sound: Path
    looks: Path


def page_jobs(
    data: Path, out: Path, settings: list[str] | tuple[str, ...] = (), command: str = ""
) -> list[TwoSidedJob]:
    """Every call of examples/avtr1_page.yaml, both sides in one video `out`/ID.mp4, side by side as on the page.

    Portraits are written to `out` first. Raises InputError where `data` lacks a call, and WeightsError where a
    published weight that the preset needs is not usable; both say where it comes from.
    """
    page: dict[str, Any] = load_file(shipped_folder("examples") / "avtr1_page.yaml")
    preset = load_preset(page["preset"], settings)
    found = {call["id"]: find_participants(data, call["id"]) for call in page["calls"]}
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


def find_participants(data: Path, id: str) -> list[Participant]:
    """Who of call `id` has both a sound file and something to see below `data`, in order of their names."""
    sounds = {path.stem: path for path in sorted(data.rglob(f"{id}_P*.wav"))}
    sides = []
    for name, sound in sounds.items():
        near = [sound.with_suffix(kind) for kind in (*PHOTO_KINDS, ".mp4")]
        far = [path for kind in (*PHOTO_KINDS, ".mp4") for path in sorted(data.rglob(f"{name}{kind}"))]
        looks = next((path for path in [*near, *far] if path.is_file()), None)
        if looks is not None:
            sides.append(Participant(name, sound, looks))
    return sides


def portrait_of(side: Participant, folder: Path, at_s: float) -> Path:
    """The participant's picture, or the frame of their video at `at_s`, written to `folder`. Raises InputError."""
    if side.looks.suffix in PHOTO_KINDS:
        return side.looks
    import cv2

    video = cv2.VideoCapture(str(side.looks))
    video.set(cv2.CAP_PROP_POS_MSEC, 1000 * at_s)
    read, picture = video.read()
    video.release()
    if not read:
        raise InputError(
            f"{side.looks}: no picture at {at_s:g} s; check the file, or put {side.name}.png beside its sound"
        )
    path = folder / f"{side.name}.png"
    cv2.imwrite(str(path), picture)
    return path
