"""One file from the model hub to this disk, whole or not at all: resumed, hashed, renamed.

huggingface_hub speaks the protocol (addresses, tokens, mirrors, revisions); what it leaves out is here and in
transfer.py: its own downloader forgets a broken download when the process ends, and compares sizes, not contents.
So bytes go to `FILE.<etag>.part`, which the next call continues, and a file gets its name only after its hash fits.
Every failure is one WeightsError that names the file and the way out.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import SPARE_BYTES
from avtr_cli.weights.registry import WeightFile
from avtr_cli.weights.store import Record
from avtr_cli.weights.transfer import BrokenLine, Refused, append

logger = logging.getLogger(__name__)

READ_BYTES = 1 << 20
NETWORK_PACKAGES = ("huggingface_hub", "httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")
SHA256 = re.compile(r"[0-9a-f]{64}")
GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Remote:
    """A file as the hub describes it."""

    commit: str
    etag: str  # sha256 of a large file, git blob sha1 of a small one, anything elsewhere
    size: int
    location: str  # where its bytes are, often another host


@dataclass(frozen=True)
class Hub:
    """Where and as whom to ask. The empty endpoint is HF_ENDPOINT or huggingface.co, the empty token the saved one."""

    endpoint: str = ""
    token: str = ""
    offline: bool = False

    @property
    def address(self) -> str:
        """The hub's URL without a slash at its end: the given one, HF_ENDPOINT's, or the public one's."""
        return (self.endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")

    @property
    def is_offline(self) -> bool:
        """Whether nothing may be fetched: by option or by HF_HUB_OFFLINE."""
        return self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")

    def describe(self, file: WeightFile, revision: str | None) -> Remote:
        """What the hub says of `file` at `revision`: commit, etag, size, location. Raises WeightsError."""
        hub = _huggingface_hub()
        if self.is_offline:
            raise WeightsError(
                f"{file.path} of {file.repo} is not here, and offline mode forbids fetching it; unset "
                "HF_HUB_OFFLINE, or bring the file with `avtr weights pull … --from FOLDER`"
            )
        url = hub.hf_hub_url(file.repo, file.path, revision=revision or "main", endpoint=self.address)
        try:
            about = hub.get_hf_file_metadata(url, token=self.token or None)
        except Exception as error:
            if sentence := _sentence(error, file, self.address):
                raise WeightsError(sentence) from error
            raise
        if not about.etag or not about.commit_hash or about.size is None:
            raise WeightsError(
                f"{file.path} of {file.repo}: {self.address} does not answer as a model hub does; check HF_ENDPOINT, "
                "or a proxy in between"
            )
        return Remote(about.commit_hash, about.etag, about.size, about.location)

    def fetch(self, file: WeightFile, target: Path, revision: str | None, sha256: str | None) -> Record:
        """Bring `file` to `target`, continuing what an earlier call left; returns what it is.

        `revision` and `sha256` are the pins that are known. Raises WeightsError, and then `target` is untouched.
        """
        remote = self.describe(file, revision)
        logger.info("%s: commit %s of %s, %d bytes", file.name, remote.commit, self.address, remote.size)
        self._compare(file, remote, sha256)
        part = target.with_name(f"{target.name}.{remote.etag[:16]}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for stale in set(target.parent.glob(f"{target.name}.*.part")) - {part}:
                stale.unlink()  # of a file that the hub has replaced since
            held = part.stat().st_size if part.exists() else 0
            if held:
                logger.info("%s: goes on after %d bytes that are here", file.name, held)
        except OSError as error:
            raise _disk_error(target, error) from error
        check_space(target, remote.size - held)
        with _alone(target):
            self._download(file, remote, part)
            actual = _check_content(file, part, remote.etag, sha256)
            part.replace(target)
        return Record(sha256=actual, size=remote.size, source=self.address, revision=remote.commit)

    def _compare(self, file: WeightFile, remote: Remote, sha256: str | None) -> None:
        """Before anything is fetched: is this the file we mean?"""
        if sha256 and SHA256.fullmatch(remote.etag) and remote.etag != sha256:
            raise WeightsError(
                f"{file.path} of {file.repo}: {self.address} now offers other contents (sha256 {remote.etag[:12]}…) "
                f"than the pinned ones ({sha256[:12]}…); if the publisher meant that, run again with --renew"
            )

    def _download(self, file: WeightFile, remote: Remote, part: Path) -> None:
        """All bytes into `part`, from where it ends. The token goes to the hub's own host alone."""
        own_host = urlsplit(remote.location).netloc == urlsplit(self.address).netloc
        token = self.token or _huggingface_hub().get_token() or ""
        try:
            append(remote.location, part, remote.size, token if own_host else "")
        except (BrokenLine, Refused) as error:
            raise WeightsError(_sentence(error, file, self.address, part)) from error
        except OSError as error:
            raise _disk_error(part, error) from error


def check_space(target: Path, wanted: int) -> None:
    """Raise WeightsError unless the disk of `target` holds `wanted` more bytes and some to spare."""
    folder = next(p for p in target.parents if p.exists())
    free = shutil.disk_usage(folder).free
    if wanted + SPARE_BYTES > free:
        raise WeightsError(
            f"{target}: {_mb(wanted)} more are needed and {folder} has {_mb(free)} free; make room, or choose another "
            "disk with AVTR_WEIGHTS"
        )


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Two processes must not append to the same part. Raises WeightsError where another one is at it."""
    from filelock import FileLock, Timeout  # comes with huggingface_hub

    lock = FileLock(target.with_name(target.name + ".lock"), timeout=0)
    try:
        with lock:
            yield
    except Timeout:
        raise WeightsError(f"{target}: another avtr is fetching this file; wait for it, then run again") from None


def _check_content(file: WeightFile, part: Path, etag: str, sha256: str | None) -> str:
    """The sha256 of `part`, once it fits the pin and what the hub announced; else the part is removed.

    The hub's etag is the sha256 of a large file and the git blob's sha1 of a small one; another server's may be
    neither, and then only the pin can be compared.
    """
    plain, blob = hashlib.sha256(), hashlib.sha1(f"blob {part.stat().st_size}\0".encode(), usedforsecurity=False)
    with part.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            plain.update(block)
            blob.update(block)
    actual = plain.hexdigest()
    expected = sha256 or (etag if SHA256.fullmatch(etag) else None)
    wrong = expected is not None and actual != expected
    wrong |= expected is None and GIT_SHA1.fullmatch(etag) is not None and blob.hexdigest() != etag
    if wrong:
        part.unlink()
        raise WeightsError(
            f"{file.path} of {file.repo}: the bytes that arrived are not the published ones (sha256 {actual[:12]}…, "
            f"not {(expected or etag)[:12]}…) and were thrown away; run the same command again, or try another "
            "HF_ENDPOINT"
        )
    return actual


def _sentence(error: Exception, file: WeightFile, address: str, part: Path | None = None) -> str:
    """What a failure of the network means to the user; empty for an error that is not the network's."""
    what = f"{file.path} of {file.repo}"
    names = {cls.__name__ for cls in type(error).__mro__}
    status = error.status if isinstance(error, Refused) else getattr(getattr(error, "response", None), "status_code", 0)
    if "GatedRepoError" in names:
        return (
            f"{what}: the publisher asks for an agreement on its page ({address}/{file.repo}); agree there, then give "
            "your token with HF_TOKEN or --token"
        )
    if status == 401 or "RepositoryNotFoundError" in names:
        return (
            f"{what}: {address} does not let us in (it answers 401); log in with `hf auth login`, or give a valid "
            "token with HF_TOKEN or --token"
        )
    if status == 404 or "EntryNotFoundError" in names:
        return (
            f"{what}: {address} has no such file or revision (it answers 404); update avtr, try another HF_ENDPOINT, "
            "or bring the file with --from FOLDER"
        )
    if status:
        return f"{what}: {address} answers {status}; wait a little and run the same command again"
    if isinstance(error, BrokenLine) or any(
        c.__module__.partition(".")[0] in NETWORK_PACKAGES for c in type(error).__mro__
    ):
        have = f" after {_mb(part.stat().st_size)}" if part and part.exists() else ""
        return (
            f"{what}: the connection to {address} failed{have} ({_first_line(error)}); run the same command again, it "
            "goes on where it stopped"
        )
    return ""


def _disk_error(path: Path, error: OSError) -> WeightsError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return WeightsError(
            f"{path}: no space left on this disk; make room and run the same command again (it goes on where it "
            "stopped), or choose another disk with AVTR_WEIGHTS"
        )
    return WeightsError(f"{path}: cannot be written ({error.strerror}); choose another folder with AVTR_WEIGHTS")


def _huggingface_hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise WeightsError(
            "fetching weights needs the package huggingface-hub; install it with `pip install 'avtr-cli[neural]'`"
        ) from None
    return huggingface_hub


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:120] if lines else type(error).__name__


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
