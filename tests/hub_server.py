"""A real HTTP server on 127.0.0.1 that answers as the model hub does: HEAD with commit and etag, a redirect to
another host for large files, ranges; and fails on demand: cuts, wrong bytes, 401, 404, 503, gated.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"


@dataclass
class Request:
    method: str
    path: str
    range: str | None
    authorization: str | None
    port: int


@dataclass
class FakeHub:
    """`files` maps REPO/PATH to contents. Faults are taken from `faults` in order, one per GET of a file's bytes."""

    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = COMMIT
    faults: list[Callable[[bytes], Fault]] = field(default_factory=list)
    status: int = 200  # of every answer, where not 200
    error_code: str = ""  # X-Error-Code, as in GatedRepo
    token: str = ""  # where set, anything without it is answered 401
    announced: dict[str, bytes] = field(default_factory=dict)  # contents that HEAD speaks of, where others are sent
    announced_size: int = 0  # a lie about the size, where not 0
    ranges: bool = True
    requests: list[Request] = field(default_factory=list)
    address: str = ""
    cdn_address: str = ""

    def downloads(self) -> list[Request]:
        return [r for r in self.requests if r.method == "GET"]


@dataclass
class Fault:
    """What goes wrong in one answer: only these bytes are sent, then the line is cut; or another status."""

    send: int | None = None
    status: int = 0
    pause: threading.Event | None = None  # hold the line open after the bytes, until set


def cut_after(count: int) -> Callable[[bytes], Fault]:
    return lambda body: Fault(send=count)


def answer(status: int) -> Callable[[bytes], Fault]:
    return lambda body: Fault(status=status)


def stall_after(count: int, until: threading.Event) -> Callable[[bytes], Fault]:
    return lambda body: Fault(send=count, pause=until)


@contextmanager
def running_hub(**settings: object) -> Iterator[FakeHub]:
    """The hub and its content host, each on a port of its own."""
    hub = FakeHub(**settings)  # type: ignore[arg-type]
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, cdn)) for cdn in (False, True)]
    hub.address, hub.cdn_address = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True) for s in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _handler(hub: FakeHub, is_cdn: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._note()
            name, contents = self._wanted()
            if self._refused(contents):
                return
            body = hub.announced.get(name, contents)
            self.send_response(302)
            self.send_header("X-Repo-Commit", hub.commit)
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Linked-Size", str(hub.announced_size or len(body)))
            self.send_header("Location", f"{hub.cdn_address}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self._note()
            _, contents = self._wanted()
            if not is_cdn and self._refused(contents):
                return
            fault = hub.faults.pop(0)(contents) if hub.faults else Fault()
            if fault.status:
                self._status(fault.status)
                return
            start = self._start() if hub.ranges else 0
            body = contents[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(contents) - 1}/{len(contents)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if fault.send is None else body[: fault.send])
            if fault.send is not None:
                self.wfile.flush()
                if fault.pause is not None:
                    fault.pause.wait(30)
                self.close_connection = True

        def _wanted(self) -> tuple[str, bytes]:
            repo, _, tail = self.path.lstrip("/").partition("/resolve/")
            name = f"{repo}/{tail.partition('/')[2]}"
            return name, hub.files.get(name, b"")

        def _refused(self, contents: bytes) -> bool:
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self._status(401)
            elif hub.status != 200:
                self._status(hub.status)
            elif not contents:
                self._status(404, "EntryNotFound")
            else:
                return False
            return True

        def _status(self, status: int, code: str = "") -> None:
            self.send_response(status)
            if code or hub.error_code:
                self.send_header("X-Error-Code", code or hub.error_code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _start(self) -> int:
            asked = self.headers.get("Range", "")
            return int(asked.removeprefix("bytes=").partition("-")[0]) if asked.startswith("bytes=") else 0

        def _note(self) -> None:
            headers = self.headers
            port = self.server.server_address[1]
            assert isinstance(port, int)
            hub.requests.append(
                Request(self.command, self.path, headers.get("Range"), headers.get("Authorization"), port)
            )

    return Handler
