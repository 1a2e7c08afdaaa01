"""Files of a published set, by themselves or inside tars, which are read where they lie in them."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from avtr_cli.core.errors import InputError
from avtr_cli.core.files import reason

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file, or where in a tar one lies."""

    path: Path
    inside: str = ""  # its name in the tar
    first: int = 0  # its first byte there
    size: int = 0  # bytes there

    def __str__(self) -> str:
        return f"{self.path}: {self.inside}" if self.inside else str(self.path)

    def read(self) -> bytes:
        """Raises InputError."""
        if self.inside:
            held = io.BytesIO()
            self._copy(held)
            return held.getvalue()
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self}: cannot be read ({reason(error)})") from error

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """Its path; one in a tar is copied out of it for as long as the body takes. Raises InputError."""
        if not self.inside:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="avtr-") as folder:
            path = Path(folder) / Path(self.inside).name
            with path.open("wb") as copy:
                self._copy(copy)
            yield path

    def _copy(self, to: IO[bytes]) -> None:
        left = self.size
        try:
            with self.path.open("rb") as tar:
                tar.seek(self.first)
                while left and (block := tar.read(min(left, _BLOCK))):
                    to.write(block)
                    left -= len(block)
        except OSError as error:
            raise InputError(f"{self}: cannot be read ({reason(error)})") from error
        if left:
            raise InputError(f"{self}: is cut off, {left} bytes of {self.size} are missing")


def members_of(path: Path) -> tuple[list[Member], str]:
    """What lies in a tar, and why it ends early, if it does: what comes before the damage can be read."""
    found: list[Member] = []
    try:
        with tarfile.open(path, "r:") as tar:
            while (entry := tar.next()) is not None:
                if entry.isreg():
                    found.append(Member(path, entry.name, entry.offset_data, entry.size))
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        return found, f"is damaged, or no tar ({reason(error) if isinstance(error, OSError) else error})"
    return found, ""
