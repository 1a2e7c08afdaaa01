"""From names to files in the store: ask for the licences, then fetch from the hub or import from a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import replacing
from avtr_cli.weights.hub import Hub, check_space
from avtr_cli.weights.registry import Licence, WeightFile
from avtr_cli.weights.store import MADE_UP, Record, Store, sha256_of

Say = Callable[[str], None]


@dataclass(frozen=True)
class Terms:
    """How licences are dealt with: the policy, and what to do about one that wants acceptance."""

    policy: str = ""  # empty: AVTR_LICENCE_POLICY, else any
    accept: bool = False  # --accept-licence
    ask: Callable[[Licence], bool] | None = None  # where a person is at the terminal

    def settle(self, store: Store, files: list[WeightFile]) -> None:
        """Have every licence of `files` accepted or raise WeightsError; acceptance is noted once."""
        for licence in store.registry.licences_of(files):
            if not store.accepted(licence) and (self.accept or (self.ask is not None and self.ask(licence))):
                store.accept(licence)
            store.allow([licence], self.policy)


def pull(store: Store, files: list[WeightFile], terms: Terms, hub: Hub, renew: bool = False, say: Say = print) -> None:
    """Fetch what is missing or damaged of `files`. `renew` forgets the pins of earlier pulls (not the registry's).

    A file that is here and whole is left alone, so a broken pull is simply run again. Raises WeightsError, and after
    all others for one that is not to be fetched.
    """
    terms.settle(store, files)
    missing = [file for file in files if (renew and not file.bring) or not _is_whole(store, file)]
    brought = [file for file in missing if file.bring]
    missing = [file for file in missing if not file.bring]
    for file in files:
        if file not in missing and file not in brought:
            say(f"{file.name}: already here")
    if missing and not hub.is_offline:
        first = store.target(missing[0])
        check_space(first, sum(file.size or file.about or 0 for file in missing))
    for file in missing:
        target = store.target(file)
        before = None if renew else store.record(target)
        if before is not None and before.source == MADE_UP:
            before = None  # its hash pins nothing that is published
        revision = file.revision or (before.revision if before else None)
        sha256 = file.sha256 or (before.sha256 if before else None)
        record = hub.fetch(file, target, revision, sha256)
        store.note(target, record)
        say(f"{file.name}: {target}")
    for file in brought:
        raise WeightsError(
            f"{store.target(file)}: '{file.name}' is not fetched: {file.bring}, then run "
            f"`avtr weights pull {file.name} --from FOLDER`"
        )


def bring(
    store: Store,
    files: list[WeightFile],
    folder: Path,
    terms: Terms,
    say: Say = print,
    check: Callable[[WeightFile, Path], None] | None = None,
) -> None:
    """Copy `files` from wherever they lie in `folder`: by their path in the hub's repository, else by name.

    Names of community conversions count too (`also` in the registry). `check` looks into a file before any is copied
    and may raise WeightsError, as is raised when the folder lacks a file that is not optional, or holds another file
    under the published name.
    """
    if not folder.is_dir():
        raise WeightsError(f"{folder}: not a folder; give --from the folder that holds the weights")
    terms.settle(store, files)
    found = {file.name: _look_for(file, folder) for file in files}
    lacking = [f for f in files if not f.optional and found[f.name] is None and not _is_whole(store, f)]
    if lacking:
        names = ", ".join(file.path for file in lacking)
        raise WeightsError(f"{folder}: {names} not found there; check --from, or fetch with `avtr weights pull`")
    for file in files:
        source = found[file.name]
        if source is not None and check is not None:
            check(file, source)
    for file in files:
        source = found[file.name]
        if source is not None:
            target = _import(store, file, source)
            say(f"{file.name}: {target}")


def _is_whole(store: Store, file: WeightFile) -> bool:
    path = store.present(file)
    if path is None or store.wrong_size(file, path):
        return False
    record = store.record(path)
    return record is None or record.source != MADE_UP


def _look_for(file: WeightFile, folder: Path) -> Path | None:
    """The best match: the path as published (or a tail of it), then the bare name, then other known names."""
    published = Path(file.path)
    tails = [Path(*published.parts[i:]) for i in range(len(published.parts))]
    for tail in [*tails, *map(Path, file.also)]:
        if (folder / tail).is_file():
            return folder / tail
    for name in (published.name, *file.also):
        deep = sorted(p for p in folder.rglob(name) if p.is_file())
        # Several projects keep an animal model under the same name in another folder.
        deep = [p for p in deep if "animal" not in str(p.relative_to(folder))]
        if deep and "*" in name:
            return max(deep, key=lambda path: path.stat().st_size)  # earlier stages of training are smaller
        if deep:
            return deep[0]
    return None


def _import(store: Store, file: WeightFile, source: Path) -> Path:
    published = source.name == Path(file.path).name
    sha256 = sha256_of(source)
    if published and file.sha256 is not None and sha256 != file.sha256:
        raise WeightsError(
            f"{source}: not the published file, or damaged (sha256 {sha256[:12]}…, published is {file.sha256[:12]}…); "
            f"fetch it with `avtr weights pull {file.name}`"
        )
    target = store.target(file, "" if published else source.suffix)
    size = source.stat().st_size
    if source.resolve() != target.resolve():
        check_space(target, size)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as partial:
                shutil.copyfile(source, partial)
        except OSError as error:
            raise WeightsError(
                f"{target}: cannot be written ({error.strerror}); make room, or set AVTR_WEIGHTS"
            ) from error
    store.note(target, Record(sha256=sha256, size=size, source=str(source)))
    return target
