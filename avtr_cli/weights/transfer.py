"""The missing bytes of a file over HTTP, appended to those already on disk.

Written block by block as they arrive, so a cut line or a killed process loses less than a megabyte
(huggingface_hub holds back up to ten, and starts from nothing in a new process).
"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

BLOCK_BYTES = 1 << 18
ATTEMPTS = 5  # in a row that brought nothing
PAUSE_S = 1.0  # between two attempts
SILENCE_S = 30.0  # of the line, before it counts as broken


class BrokenLine(Exception):
    """The connection failed, again and again; what arrived is kept."""


class Refused(Exception):
    """The server answered with an HTTP status that is no file."""

    def __init__(self, status: int):
        super().__init__(f"HTTP {status}")
        self.status = status


def append(url: str, part: Path, size: int, token: str = "", quiet: bool = False) -> None:
    """Bring `part` to `size` bytes by fetching from its end; a `part` that is too long starts anew.

    `token` goes to the host of `url` alone, not along a redirect. Raises BrokenLine or Refused, and OSError
    when the disk fails; `part` then holds what arrived.
    """
    fruitless = 0
    with (
        part.open("ab") as stream,
        tqdm(
            total=size, unit="B", unit_scale=True, desc=part.name.split(".")[0], disable=True if quiet else None
        ) as bar,
    ):
        if stream.tell() > size:
            stream.truncate(0)
            stream.seek(0)
        while (held := stream.tell()) < size:
            bar.update(held - bar.n)
            trouble = _attempt(url, stream, size, token, bar)
            stream.flush()
            fruitless = 0 if stream.tell() > held else fruitless + 1
            if stream.tell() < size:
                if fruitless >= ATTEMPTS:
                    raise BrokenLine(trouble)
                time.sleep(PAUSE_S)


def _attempt(url: str, stream: BinaryIO, size: int, token: str, bar: tqdm) -> str:
    """One request; appends what it brings and says, in words, why it ended early (if it did)."""
    held = stream.tell()
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "avtr"})
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    if held:
        request.add_header("Range", f"bytes={held}-")
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_S, context=_certificates()) as answer:
            if held and answer.status == 200:  # the server knows no ranges: all of it comes again
                stream.truncate(0)
                stream.seek(0)
            block = answer.read(BLOCK_BYTES)
            while block and stream.tell() < size:
                stream.write(block)
                bar.update(len(block))
                block = answer.read(BLOCK_BYTES)
    except urllib.error.HTTPError as error:
        raise Refused(error.code) from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    return "the line was cut"


def _certificates() -> ssl.SSLContext | None:
    """certifi's list where it is installed (it comes with huggingface_hub): some Pythons find none of their own."""
    try:
        import certifi
    except ImportError:
        return None
    return ssl.create_default_context(cafile=certifi.where())
