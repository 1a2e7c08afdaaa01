"""What a published set of calls is to its importer: names, and a record for each, or a sentence why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from avtr_cli.training.calls.record import CallRecord

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Entry:
    """One call of a set, not looked into yet. `stamp` changes when its files do."""

    name: str  # letters, digits and underscores alone: of its files in the corpus
    split: str  # one of SPLITS
    stamp: list[Any]
    motion_only: bool = False  # one person without a voice: for the stage that hears nothing


class CallSet(Protocol):
    """A set of calls in a folder."""

    source: str
    licence: str

    def entries(self) -> Sequence[Entry]:
        """Every call, in order. Raises InputError where the folder holds no such set."""

    def read(self, entry: Entry) -> CallRecord:
        """What is known of one. Raises InputError, in one sentence, where it cannot be used."""
