"""One source of a folder into a shard of the corpus and an account of what became of it.

A shard has the arrays that `dataset.make_call` makes, and says what it does not know (`dataset.WHAT_IS_KNOWN`): phones
never, closures of teeth on the lip never, gestures of a speaker not. Style and emotion are told as average and neutral.
Both files are written whole, the account last: a source with an account of the same files is not looked at again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import AnyArray, Floats, Mask, Sound
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.files import replacing, write_json
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.motion.gestures import EVENTS
from avtr_cli.motion.lmfm.log_mel import LogMel
from avtr_cli.output import ffmpeg
from avtr_cli.training.behaviour import FLAGS, STYLE, flags
from avtr_cli.training.dataset import UNKNOWN_VISEME, condition
from avtr_cli.training.people import gates, gestures_seen
from avtr_cli.training.people.folder import Source
from avtr_cli.training.people.page import jpeg, strip_name, strip_of
from avtr_cli.training.people.solver import Solver
from avtr_cli.training.people.telling import activity_of, tell
from avtr_cli.training.people.together import lag_of
from avtr_cli.training.people.voice import as_side, speech_in
from avtr_cli.training.people.watching import OnFrames, Seen, watch
from avtr_cli.training.prosody import analyse

VERSION = 1  # of what an account means; another one is made anew
_LISTENS = 0.25  # share of a piece with the own voice, below which its gestures are a listener's
_STILLS = 6  # of a piece, kept in the account for the page
_LIPS = ((13, 14), (78, 308))  # points between which lips part, and are wide


@dataclass(frozen=True)
class Side:
    """One person of a source: what was seen, solved and checked; controls (T, 58) are NaN outside of `stretches`."""

    seen: Seen
    checked: gates.Checked
    speech: Mask


def shard_of(folder: Path, source: Source) -> Path:
    """Where a source's calls lie."""
    return folder / f"calls-{source.key}.safetensors"


def account_of(folder: Path, source: Source) -> Path:
    """Where it says what became of a source."""
    return folder / f"{source.key}.json"


def is_done(folder: Path, source: Source, frames: int) -> bool:
    """Whether these very files were imported before, in pieces of the same length."""
    try:
        account = json.loads(account_of(folder, source).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = account.get("files") == _files(source) and account.get("version") == VERSION
    whole = not account.get("pieces") or shard_of(folder, source).exists()
    return bool(same and account.get("piece_frames") == frames and whole)


def import_source(
    folder: Path, source: Source, frames: int, solver: Solver, told: OnFrames | None = None
) -> dict[str, Any]:
    """Make shard and account of a source in pieces of `frames`; returns the account.

    A source that cannot be used has an account with `refused` and no shard. Raises OutputError, OSError.
    """
    account: dict[str, Any] = {
        "version": VERSION, "name": source.name, "files": _files(source), "piece_frames": frames, "pieces": 0,
        "kept_s": 0.0, "sides": [], "stretches": [], "refused": [],
    }  # fmt: skip
    shard = shard_of(folder, source)
    try:
        sides, sounds = _sides(source, told)
    except AvtrError as error:
        account["refused"] = [str(error)]
    else:
        account["sides"] = [_told(side, path) for side, path in zip(sides, source.videos, strict=True)]
        account["refused"] = [
            f"{path.name}: {reason}"
            for side, path in zip(sides, source.videos, strict=True)
            for reason in side.checked.refusals
        ]
        if not account["refused"]:
            _keep(shard, account, source, sides, sounds, frames, solver)
    if not account["pieces"]:
        shard.unlink(missing_ok=True)
    write_json(account_of(folder, source), account)
    return account


def _show(folder: Path, source: Source, first: int, controls: list[Floats]) -> None:
    """Write the strip of stills of each video, for the page; of one that cannot be drawn there is none."""
    for video, solved in zip(source.videos, controls, strict=True):
        picture = strip_of(video, first, solved)
        if picture is not None:
            with replacing(folder / strip_name(video.name)) as partial:
                partial.write_bytes(jpeg(picture))


def _keep(
    shard: Path,
    account: dict[str, Any],
    source: Source,
    sides: list[Side],
    sounds: Sound,
    frames: int,
    solver: Solver,
) -> None:
    """Solve, tell and write what can be used; what there is of it goes into the account."""
    calls = []
    for first, last in _stretches(sides, frames):
        made, controls = call_of(sides, sounds, first, last, solver)
        pieces = gates.pieces_of(0, last - first, frames)
        calls += [_piece(made, start, stop) for start, stop in pieces]
        if not account["stretches"]:
            _show(shard.parent, source, first, controls)
        account["stretches"].append({"first": first, "last": last, "curves": [_curves(one) for one in controls]})
    if not calls:
        account["refused"] = [
            f"{account['name']}: no stretch between cuts shows the face for {frames / FPS:g} s; give a longer one"
        ]
        return
    stacked = {key: np.stack([call[key] for call in calls]) for key in calls[0]}
    with replacing(shard) as partial:
        save_file(stacked, partial)
    account["pieces"] = len(calls)
    account["kept_s"] = sum(stretch["last"] - stretch["first"] for stretch in account["stretches"]) / FPS


def _sides(source: Source, told: OnFrames | None) -> tuple[list[Side], Sound]:
    """Who is seen, and the two voices float32 (2, n): the partner's is silent where nobody recorded it."""
    if source.sound is not None:
        sounds = ffmpeg.heard_in(source.sound, 2)
    else:
        own = [ffmpeg.heard_in(path)[0] for path in source.videos]
        most = max(map(len, own))
        sounds = np.zeros((2, most), np.float32)
        for row, voice in enumerate(own):
            sounds[row, : len(voice)] = voice
    sides = []
    for row, path in enumerate(source.videos):
        seen = watch(path, told)
        sound = _fitted(sounds[row], len(seen))
        speech = speech_in(sound)
        lips = np.column_stack([np.linalg.norm(seen.points[:, a] - seen.points[:, b], axis=1) for a, b in _LIPS])
        alone = len(source.videos) == 1
        sides.append(Side(seen, gates.check(seen, speech if alone else None, lag_of(lips, sound)), speech))
    return sides, sounds


def _fitted(sound: Sound, frames: int) -> Sound:
    """As long as `frames` frames: cut, or silent at its end."""
    count = frames * SAMPLES_PER_FRAME
    return np.pad(sound[:count], (0, max(count - len(sound), 0)))


def _stretches(sides: list[Side], least: int) -> list[tuple[int, int]]:
    """What is usable of all sides at once."""
    frames = min(len(side.seen) for side in sides)
    usable = np.logical_and.reduce([side.checked.usable[:frames] for side in sides])
    cuts = tuple(sorted({cut for side in sides for cut in side.checked.cuts}))
    return gates.stretches(usable, cuts, least)


def call_of(
    sides: list[Side], sounds: Sound, first: int, last: int, solver: Solver
) -> tuple[dict[str, AnyArray], list[Floats]]:
    """The arrays of one stretch as `dataset.make_call` has them, and the controls (T, 58) of each side seen."""
    frames = last - first
    samples = np.stack([_fitted(row[first * SAMPLES_PER_FRAME :], frames) for row in sounds])
    features = LogMel().of_file(torch.from_numpy(samples))[:, :frames].numpy().astype(np.float16)
    truths, solved = [], []
    for row in (0, 1):
        speech = speech_in(samples[row])
        speech = np.pad(speech, (0, max(frames * RATE // FPS - len(speech), 0)))[: frames * RATE // FPS]
        told = flags(analyse(as_side(samples[row], speech)), frames) if speech.any() else _no_flags(frames)
        if row < len(sides):
            points = gates.without_gaps(sides[row].seen.points[first:last])
            controls = solver.of(points, ~(activity_of(speech) > 0.1))
            solved.append(controls)
            truths.append(_truth(controls, speech, told))
        else:
            truths.append(_truth(None, speech, told))
    stacked = {key: np.stack([truths[0][key], truths[1][key]]) for key in truths[0]}
    return {"features": features, **stacked}, solved


def _no_flags(frames: int) -> Floats:
    return np.zeros((frames, len(FLAGS)), np.float32)


def _truth(controls: Floats | None, speech: Mask, told: Floats) -> dict[str, AnyArray]:
    """The arrays of one side; without controls nobody was seen, and only the voice is known."""
    frames = len(told)
    seen = controls is not None
    truth = tell(controls if controls is not None else np.zeros((frames, 58), np.float32), speech)
    halves = {"mouth": truth.mouth, "closures": truth.closures, "activity": truth.activity, "face": truth.face,
              "curves": truth.curves, "flags": told}  # fmt: skip
    listens = speech.mean() < _LISTENS
    known = [name in ("blink", "gaze") or (name in gestures_seen.SOUGHT and listens) for name in EVENTS]
    return {
        **{key: values.astype(np.float16) for key, values in halves.items()},
        "visemes": np.full((frames, RATE // FPS), UNKNOWN_VISEME, np.uint8),
        "starts": truth.starts.astype(np.uint8),
        "gaze_cell": truth.gaze_cell.astype(np.uint8),
        "person": condition(np.zeros(len(STYLE)), "neutral", 0.0).astype(np.float16),
        "foreign": np.array(0, np.uint8),
        "seen": np.array(seen, np.uint8),
        "closures_known": np.array([1, 0], np.uint8),
        "events_known": np.array(known, np.uint8),
    }


def _piece(made: dict[str, AnyArray], start: int, stop: int) -> dict[str, AnyArray]:
    """A part of a stretch: what runs over time is cut, the rest is said again."""
    frames = made["mouth"].shape[1]
    return {
        key: np.ascontiguousarray(values[:, start:stop]) if values.ndim > 1 and values.shape[1] == frames else values
        for key, values in made.items()
    }


def _files(source: Source) -> list[list[Any]]:
    """What tells these very files from others: name, bytes, and when they were changed."""
    about = [(path, path.stat()) for path in source.paths]
    return [[path.name, stat.st_size, stat.st_mtime_ns] for path, stat in about]


def _told(side: Side, path: Path) -> dict[str, Any]:
    checked = side.checked
    return {
        "video": path.name, "seconds": len(side.seen) / FPS, "face_px": round(checked.face_px, 1),
        "lost": round(checked.lost, 4), "several_faces": round(checked.company, 4), "cuts": list(checked.cuts),
        "lag_frames": checked.lag_frames, "voice": round(float(side.speech.mean()), 4) if len(side.speech) else 0.0,
        "refused": list(checked.refusals),
    }  # fmt: skip


def _curves(controls: Floats) -> dict[str, list[float]]:
    """What the page draws of a stretch."""
    from avtr_cli.core.motion_space import CONTROLS

    read = CONTROLS.readings(controls, np.zeros(controls.shape[1]))
    assert read.brow is not None
    shown = {"mouth": read.mouth, "brows": read.brow, "lids": read.blink, "pitch": read.head_degrees[:, 0],
             "yaw": read.head_degrees[:, 1]}  # fmt: skip
    return {name: [round(float(value), 3) for value in values] for name, values in shown.items()}
