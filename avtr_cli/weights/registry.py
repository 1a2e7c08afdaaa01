"""What published weights there are: `registry.yaml` becomes frozen values, and a preset the files it needs.

Nothing is looked up on the network here; where a pin is not known the value is None, and store.py says how the
first pull fixes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from avtr_cli.core.config import Preset
from avtr_cli.core.errors import ConfigError

COMMERCIAL = ("yes", "conditional", "no", "unstated")  # unstated: nobody says under which licence the weights are


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The terms of some weights, in a sentence; the text at `url` is what counts."""

    id: str
    name: str
    url: str
    summary: str
    notice: str  # the attribution that reports and `avtr weights list` print
    commercial: str  # one of COMMERCIAL
    condition: str = ""  # of `conditional`
    accept: bool = False  # must be accepted before the files are fetched or used


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published file. `name` is ours: PART/FILE, where PART is avtr1, liveportrait or eval."""

    name: str
    what: str
    repo: str
    path: str
    licence: str
    revision: str | None = None
    sha256: str | None = None
    size: int | None = None  # bytes
    about: int | None = None  # bytes, rounded
    optional: bool = False  # the preset works without it
    sets: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # other file names of the same weights, for import

    @property
    def part(self) -> str:
        """The model it belongs to, as in avtr1 of avtr1/motion."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Registry:
    """The published files that avtr knows, and their licences, by name."""

    licences: dict[str, Licence]
    files: dict[str, WeightFile]

    def sets(self) -> list[str]:
        """Names of the sets that can be pulled, sorted."""
        return sorted({name for file in self.files.values() for name in file.sets})

    def choose(self, names: list[str] | tuple[str, ...]) -> list[WeightFile]:
        """The files of these sets or single files, in registry order; all for no names. Raises ConfigError."""
        for name in names:
            if name not in self.files and name not in self.sets():
                known = ", ".join([*self.sets(), *self.files])
                raise ConfigError(f"no weights are called '{name}'; there are {known}")
        chosen = [f for f in self.files.values() if not names or f.name in names or set(f.sets) & set(names)]
        return chosen

    def needed(self, preset: Preset) -> list[WeightFile]:
        """The files this preset runs on, optional ones included; none for the embedded default."""
        parts = {preset.motion.generator, preset.render.renderer}
        return [file for file in self.files.values() if file.part in parts]

    def licences_of(self, files: list[WeightFile]) -> list[Licence]:
        """The licences of `files`, each once, in the registry's order."""
        return [licence for id, licence in self.licences.items() if any(file.licence == id for file in files)]


def load_registry(path: Path) -> Registry:
    """Read a registry file; a mistake in it is a bug of ours and keeps its traceback."""
    import yaml

    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    licences = {id: Licence(id=id, **fields) for id, fields in loaded["licences"].items()}
    files = {}
    for name, fields in loaded["files"].items():
        lists = {key: tuple(fields.get(key, ())) for key in ("sets", "also")}
        files[name] = WeightFile(name=name, **(fields | lists))
    assert all(file.licence in licences for file in files.values())
    assert all(licence.commercial in COMMERCIAL for licence in licences.values())
    return Registry(licences, files)


@cache
def registry() -> Registry:
    """The registry that avtr ships."""
    return load_registry(Path(__file__).with_name("registry.yaml"))


def notices(preset: Preset) -> list[str]:
    """The attribution of every published model that `preset` runs on, for reports; empty for the default."""
    known = registry()
    return [licence.notice for licence in known.licences_of(known.needed(preset))]
