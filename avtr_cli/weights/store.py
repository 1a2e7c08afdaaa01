"""Where published weights lie on this machine, what is known of each, and whether it may be used.

A file lies at ROOT/OWNER/REPO/PATH-IN-REPO, its record beside it (`FILE.json`: sha256, size, revision, where it
came from, when). Registry pins come first; where the registry knows none, the record made at the first pull is
the pin. Accepted licences lie in ROOT/licences/ID.json. ROOT is AVTR_WEIGHTS, else the platform's cache folder.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from avtr_cli.core.errors import InputError, WeightsError
from avtr_cli.core.files import file_sha256, reason, replacing
from avtr_cli.core.folders import cache_folder
from avtr_cli.weights.registry import Licence, Registry, WeightFile, registry

logger = logging.getLogger(__name__)

POLICIES = ("any", "commercial")
MADE_UP = "made up"  # the source of files that hold no published weights (diagnostics/made_up)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was found out about a file when it came here."""

    sha256: str
    size: int
    source: str  # the hub's address, the folder it was imported from, or MADE_UP
    revision: str | None = None
    at: str = ""  # UTC, ISO 8601


def default_root() -> Path:
    """AVTR_WEIGHTS, or avtr/weights in the platform's cache folder."""
    if chosen := os.environ.get("AVTR_WEIGHTS"):
        return Path(chosen).expanduser()
    return cache_folder() / "weights"


class Store:
    """The weights folder. Reads and writes small records; fetching is hub.py's, loading the rooms' business."""

    def __init__(self, root: Path | None = None, known: Registry | None = None):
        self.root = root or default_root()
        self.registry = known or registry()

    def target(self, file: WeightFile, suffix: str = "") -> Path:
        """Where `file` lies or will lie; `suffix` for a copy in another format, as in .safetensors."""
        path = self.root / file.repo / file.path
        return path.with_suffix(suffix) if suffix else path

    def present(self, file: WeightFile) -> Path | None:
        """The file's path where it lies here in the published format, as safetensors or in another known one.

        Raises WeightsError where the folder may not be looked into.
        """
        try:
            suffixes = dict.fromkeys(("", ".safetensors", *(Path(name).suffix for name in file.also)))
            return next((p for p in (self.target(file, suffix) for suffix in suffixes) if p.is_file()), None)
        except OSError as error:
            raise WeightsError(
                f"{self.root}: the weights folder cannot be read ({reason(error)}); choose another with AVTR_WEIGHTS"
            ) from error

    def find(self, name: str, policy: str = "") -> Path:
        """The path of weights `name`, ready to be loaded.

        Raises WeightsError when the file is absent or cut short, its licence is not accepted, or the licence
        policy refuses it. Contents are not hashed here (`verify` does): loaders check keys and shapes.
        """
        file = self.registry.files[name]
        path = self.present(file)
        if path is None:
            if file.bring:
                raise WeightsError(
                    f"{self.target(file)}: the file '{name}' is not here: {file.bring}, then run "
                    f"`avtr weights pull {name} --from FOLDER`"
                )
            raise WeightsError(
                f"{self.target(file)}: the weights '{name}' are not here; fetch them with `avtr weights pull "
                f"{file.sets[0]}`, or bring files you have with `avtr weights pull {file.sets[0]} --from FOLDER`"
            )
        record = self.record(path)
        if record is None or record.source != MADE_UP:
            self.allow([self.registry.licences[file.licence]], policy)
        if problem := self.wrong_size(file, path):
            again = f"bring it again with `avtr weights pull {name} --from FOLDER`"
            again = again if file.bring else f"fetch it again with `avtr weights pull {name}`"
            raise WeightsError(f"{path}: {problem}; {again}")
        logger.info("%s: %s (%s)", name, path, record.source if record else "put there by hand")
        return path

    def find_optional(self, name: str, policy: str = "") -> Path | None:
        """As `find`, but None where the file is absent."""
        return self.find(name, policy) if self.present(self.registry.files[name]) else None

    def wrong_size(self, file: WeightFile, path: Path) -> str:
        """What is wrong with the size of `path`, in words; empty when nothing is."""
        record = self.record(path)
        known = record.size if record else file.size if path == self.target(file) else None
        size = path.stat().st_size
        if known is None or size == known:
            return ""
        return f"damaged: {size:,} bytes where {known:,} were published"

    def begun(self) -> list[str]:
        """The parts of which at least one file is here, by their files' names."""
        parts = {file.part for file in self.registry.files.values() if self.present(file)}
        return [file.name for file in self.registry.files.values() if file.part in parts]

    def verify(self, file: WeightFile) -> tuple[bool, str]:
        """Read the whole file and compare; (is it usable, the finding in words)."""
        path = self.present(file)
        if path is None:
            return file.optional, "absent (optional)" if file.optional else "absent"
        if problem := self.wrong_size(file, path):
            return False, problem
        record = self.record(path)
        actual = sha256_of(path)
        if record is not None and actual != record.sha256:
            return False, f"damaged: sha256 {actual[:12]}… where {record.sha256[:12]}… came here"
        if record is not None and record.source == MADE_UP:
            return True, "made up: our own test weights, not the published ones"
        if file.sha256 is not None and path == self.target(file):
            same = actual == file.sha256
            return same, "ok" if same else f"not the published file: sha256 {actual[:12]}…, not {file.sha256[:12]}…"
        return True, "ok, as it came here" if record else "here, but no hash is known to compare with"

    def record(self, path: Path) -> Record | None:
        """What was noted when `path` came here; None for a file that the user put here by hand."""
        try:
            return Record(**json.loads(_beside(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def note(self, path: Path, record: Record) -> None:
        """Write `record` beside `path`; the time is filled in."""
        _write_json(_beside(path), dataclasses.asdict(dataclasses.replace(record, at=_now())))

    def accepted(self, licence: Licence) -> bool:
        """Whether the licence needs no word of the user's, or has had it on this machine."""
        return not licence.accept or self._acceptance(licence).is_file()

    def accept(self, licence: Licence) -> None:
        """Note that the user accepts `licence`: its id, name, address, and when."""
        entry = {"licence": licence.id, "name": licence.name, "url": licence.url, "accepted_at": _now()}
        _write_json(self._acceptance(licence), entry)

    def allow(self, licences: list[Licence], policy: str = "") -> None:
        """Raise WeightsError for the first licence that the policy refuses or the user has not accepted."""
        policy = policy or os.environ.get("AVTR_LICENCE_POLICY", "any")
        if policy not in POLICIES:
            raise WeightsError(f"the licence policy is '{policy}', but must be one of {', '.join(POLICIES)}")
        for licence in licences:
            if policy == "commercial" and licence.commercial == "no":
                raise WeightsError(
                    f"{licence.name} forbids commercial use, which the licence policy 'commercial' asks for; "
                    "leave these weights out, or use them non-commercially with --licence-policy any"
                )
            if policy == "commercial" and licence.commercial == "unstated":
                raise WeightsError(
                    f"{licence.name}: nobody says that commercial use is allowed, which the licence policy "
                    "'commercial' asks for; leave these weights out, or decide yourself with --licence-policy any"
                )
            if not self.accepted(licence):
                under_it = next(file for file in self.registry.files.values() if file.licence == licence.id)
                raise WeightsError(
                    f"{licence.name} ({licence.url}) is not accepted yet; read it, then run "
                    f"`avtr weights pull {under_it.sets[0]} --accept-licence`"
                )

    def _acceptance(self, licence: Licence) -> Path:
        return self.root / "licences" / f"{licence.id}.json"


def sha256_of(path: Path) -> str:
    """The hash of a whole file. Raises WeightsError when it cannot be read."""
    try:
        return file_sha256(path)
    except InputError as error:
        raise WeightsError(f"{error}; check the file and its folder") from error


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror}); choose another folder with AVTR_WEIGHTS"
        ) from error
