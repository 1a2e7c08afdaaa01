"""A published set of calls into the corpus, call by call: a record, its shard, and an account of what became of it.

All three are written whole, the account last: a call with an account of the same files is not looked at again. Shards
lie by split, those of people without a voice apart, for the stage that hears nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from avtr_cli.core.arrays import AnyArray
from avtr_cli.core.errors import InputError
from avtr_cli.core.files import replacing, write_json
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.training.calls.record import CallRecord, save_record
from avtr_cli.training.calls.shards import calls_of
from avtr_cli.training.calls.source import CallSet, Entry
from avtr_cli.training.dataset import LICENCES

VERSION = 1  # of what an account means; another one is made anew
RECORDS, REPORT = "records", "report.json"
ALONE = "alone"  # of people without a voice


def import_set(calls: CallSet, out: Path, frames: int) -> Iterator[dict[str, Any]]:
    """Import what is missing, in pieces of `frames` frames; yields the account of every call, in order.

    A call that cannot be used has an account with `refused` and no shard. Raises OSError, and InputError where there is
    no set.
    """
    for entry in calls.entries():
        account = done(out, entry, frames)
        yield account if account is not None else _import(calls, entry, out, frames)


def report_of(calls: CallSet, accounts: Sequence[dict[str, Any]], command: str) -> dict[str, Any]:
    """What became of a whole set."""
    kept = [account for account in accounts if not account["refused"]]
    return {
        "command": command,
        "source": calls.source,
        "licence": calls.licence,
        "calls": len(accounts),
        "taken": len(kept),
        "left_out": [{"name": one["name"], "reason": one["refused"]} for one in accounts if one["refused"]],
        "pieces": sum(account["pieces"] for account in kept),
        "seconds": {
            split: round(sum(one["seconds"] for one in kept if one["folder"] == split), 2)
            for split in sorted({one["folder"] for one in kept})
        },
    }


def shard_of(out: Path, entry: Entry) -> Path:
    """Where a call's pieces lie."""
    return out / folder_of(entry) / f"calls-{entry.name}.safetensors"


def folder_of(entry: Entry) -> str:
    """Its split; of a person without a voice, `alone` and the split."""
    return f"{ALONE}-{entry.split}" if entry.motion_only else entry.split


def record_of(out: Path, entry: Entry) -> Path:
    """Where a call lies as a record."""
    return out / RECORDS / f"{entry.name}.safetensors"


def _account_path(out: Path, entry: Entry) -> Path:
    return out / RECORDS / f"{entry.name}.json"


def done(out: Path, entry: Entry, frames: int) -> dict[str, Any] | None:
    """The account of these very files in pieces of this length, where all it tells of is there."""
    try:
        account: dict[str, Any] = json.loads(_account_path(out, entry).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = [account.get(key) for key in ("version", "stamp", "piece_frames")] == [VERSION, entry.stamp, frames]
    there = bool(account.get("refused")) or (shard_of(out, entry).exists() and record_of(out, entry).exists())
    return account if same and there else None


def _import(calls: CallSet, entry: Entry, out: Path, frames: int) -> dict[str, Any]:
    account: dict[str, Any] = {
        "version": VERSION, "name": entry.name, "folder": folder_of(entry), "stamp": entry.stamp, "refused": "",
        "piece_frames": frames, "pieces": 0, "seconds": 0.0, "source": calls.source, "licence": calls.licence,
    }  # fmt: skip
    shard = shard_of(out, entry)
    (out / RECORDS).mkdir(parents=True, exist_ok=True)
    pieces: list[dict[str, AnyArray]] = []
    try:
        record = calls.read(entry)
    except InputError as error:
        account["refused"] = str(error)
        record_of(out, entry).unlink(missing_ok=True)
    else:
        save_record(record_of(out, entry), record)
        pieces = calls_of(record, frames)
        account |= _told(record) | {"pieces": len(pieces), "seconds": len(pieces) * frames / FPS}
        if not pieces:
            account["refused"] = f"{entry.name}: no face is followed for {frames / FPS:g} s on end, as a piece needs"
    if pieces:
        _write_shard(shard, pieces, calls.licence)
    else:
        shard.unlink(missing_ok=True)
    write_json(_account_path(out, entry), account)
    return account


def _write_shard(path: Path, pieces: Sequence[dict[str, AnyArray]], licence: str) -> None:
    stacked = {key: np.stack([piece[key] for piece in pieces]) for key in pieces[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        save_file(stacked, partial, {LICENCES: json.dumps([licence])})


def _told(record: CallRecord) -> dict[str, Any]:
    """What a person would want to know of it."""
    return {
        "frames": record.frames,
        "names": list(record.names),
        "valid": [round(float(side.mean()), 4) for side in record.valid],
        "speaks": [round(float(side.mean()), 4) for side in record.speaks],
        "unknown": [name for name, known in zip(CONTROLS.channels, record.known.any(0), strict=True) if not known],
    }
