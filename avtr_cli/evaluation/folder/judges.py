"""Published networks that judge, found among the weights of this machine; or the reason why their rows have no value.

Nothing is fetched here. Weights that are made up serve, and what they say is never comparable with published values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from avtr_cli.core.errors import WeightsError
from avtr_cli.weights.store import MADE_UP, Store

T = TypeVar("T")


@dataclass(frozen=True)
class Judge(Generic[T]):
    """A network that is there, from `path`, or (`network` None) the `reason` why not; `facts` are for a report."""

    network: T | None
    reason: str = ""
    path: Path | None = None
    made_up: bool = False
    facts: tuple[tuple[str, Any], ...] = ()


def judge(name: str, load: Callable[[Path], T]) -> Judge[T]:
    """The network of the file `name` of the registry, loaded; absent, damaged, refused ones become a reason."""
    store = Store()
    file = store.registry.files[name]
    licence = store.registry.licences[file.licence]
    if store.present(file) is None:
        accept = " --accept-licence" if licence.accept else ""
        return Judge(None, f"needs weights that are not here: `avtr weights pull {name}{accept}`")
    try:
        path = store.find(name)
        network = load(path)
    except WeightsError as error:
        return Judge(None, str(error))
    record = store.record(path)
    made_up = record is not None and record.source == MADE_UP
    facts = {
        "file": name,
        "sha256": record.sha256 if record else file.sha256,
        "made_up": made_up,
        "attribution": None if made_up else licence.notice,
    }
    return Judge(network, "", path, made_up, tuple(facts.items()))


def told(judges: dict[str, Judge[Any]]) -> dict[str, dict[str, Any]]:
    """What a report says of the networks that were there."""
    return {name: dict(one.facts) for name, one in judges.items() if one.network is not None}
