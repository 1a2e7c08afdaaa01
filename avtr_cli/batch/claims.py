"""Which job has which name and writes which file: no two of them the same, and none a file that the batch reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from avtr_cli.core.errors import ConfigError


class Twins(ConfigError):
    """Two jobs want one name: nobody can tell which of them is meant."""


class Claims:
    """Names and files of the jobs so far, with the place in the manifest that says so."""

    def __init__(self, reads: Iterable[Path] = ()):
        self._names: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._reads: dict[str, str] = {}
        self.read(reads)

    def read(self, paths: Iterable[Path]) -> None:
        """These are read by the batch."""
        self._reads |= {_place(path): str(path) for path in paths}

    def reader_of(self, path: Path) -> str | None:
        """What a file that is read is called by its reader; None where `path` is not read."""
        return self._reads.get(_place(path))

    def name(self, where: str, name: str, out: Path) -> None:
        """The job at `where` is called so, and so is its video. Raises Twins."""
        for taken in (f"name {name}", f"out {out.with_suffix('')}"):  # report and page are named as the video
            if taken in self._names:
                raise Twins(f"{where} and {self._names[taken]} are both called '{name}'; give them other names")
            self._names[taken] = where

    def write(self, where: str, paths: Iterable[Path], folder: Path) -> None:
        """The job at `where` writes these files, all within `folder`. Raises Twins."""
        top = Path(_place(folder))
        for path in paths:
            place = Path(_place(path))
            above = [str(one) for one in place.parents if one.is_relative_to(top) and one != top]
            other = self._files.get(str(place), where)
            if other != where:
                raise Twins(f"{where} and {other} would both write {path}; give them other names")
            if clash := next((self._files[one] for one in above if one in self._files), self._folders.get(str(place))):
                raise Twins(f"{where} and {clash}: {path} would be a file and a folder; give them other names")
            self._files[str(place)] = where
            self._folders |= dict.fromkeys(above, where)


def _place(path: Path) -> str:
    """Where a file lies, the same for all ways to say it; a link is itself, as writing replaces it."""
    return os.path.join(os.path.realpath(path.parent), path.name)
