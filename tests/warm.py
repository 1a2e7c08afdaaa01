"""`python -c CODE` without its start-up: a process that has loaded every library forks a child for each program.

Most of what a short command costs is loading torch, SciPy and onnxruntime: some seconds of a slow core. A child has
them, and is else a process like any other: its own id, streams, folder, environment, signals, and end. Where it would
spawn workers it forks them. What start-up itself does, is in the tests that begin Python anew: what commands load,
closed streams, one batch with spawned workers.

The order of one program goes by a socket that carries its streams too; its process id and its end come back by another.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import multiprocessing
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

AVTR = "from avtr_cli.cli import main; main()"
PIPE = subprocess.PIPE
_LARGEST_ORDER = 1 << 17  # bytes; it is one message


class Process:
    """A program under way, asked as a `subprocess.Popen` is; what it says is text unless `text` is false."""

    def __init__(self, program: tuple[str, ...], order: Mapping[str, Any], streams: Mapping[str, Any], text: bool):
        self.args, self.returncode, self._text = program, None, text
        self.stdout = self.stderr = None
        self._told, theirs = socket.socketpair()
        given = [_opened(streams["stdin"], "r"), self._stream("stdout", streams), self._stream("stderr", streams)]
        socket.send_fds(_server(), [json.dumps(order).encode()], [*given, theirs.fileno()])
        theirs.close()
        for descriptor in given:
            os.close(descriptor)
        self._answers = self._told.makefile("r")
        self.pid = int(self._answers.readline())

    def _stream(self, name: str, streams: Mapping[str, Any]) -> int:
        if streams[name] is not PIPE:
            return _opened(streams[name], "w")
        ours, theirs = os.pipe()
        setattr(self, name, open(ours, "rb"))  # noqa: SIM115
        return theirs

    def poll(self) -> int | None:
        """Its exit code, negative for a signal, or None while it lives."""
        if self.returncode is not None:
            return self.returncode
        with selectors.DefaultSelector() as ready:
            ready.register(self._told, selectors.EVENT_READ)
            return self.wait() if ready.select(0) else None

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        if self.returncode is None:
            self.returncode = int(self._answers.readline())
            self._answers.close()
            self._told.close()
        return self.returncode

    def communicate(self) -> tuple[Any, Any]:
        """(stdout, stderr) until nobody holds them any more; its end is then known too."""
        heard: dict[IO[bytes], bytes] = {stream: b"" for stream in (self.stdout, self.stderr) if stream is not None}
        with selectors.DefaultSelector() as ready:
            for stream in heard:
                ready.register(stream, selectors.EVENT_READ)
            while ready.get_map():
                for key, _ in ready.select():
                    piece = os.read(key.fd, 1 << 16)
                    heard[key.fileobj] += piece  # type: ignore[index]
                    if not piece:
                        ready.unregister(key.fileobj)
        said = [heard.get(stream) for stream in (self.stdout, self.stderr)]
        for stream in heard:
            stream.close()
        self.wait()
        if self._text:
            said = [words if words is None else words.decode(errors="surrogateescape") for words in said]
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    code: str,
    *arguments: object,
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = PIPE,
    stderr: Any = PIPE,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    text: bool = True,
) -> Process:
    """Begin `python -c code arguments`, the first of a process group of its own.

    Streams are PIPE, DEVNULL, open files or their numbers.
    """
    order = {
        "code": code,
        "arguments": [os.fspath(one) if isinstance(one, Path) else str(one) for one in arguments],
        "folder": str(cwd or Path.cwd()),
        "environment": dict(os.environ if env is None else env),
    }
    streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    return Process((code, *order["arguments"]), order, streams, text)


def run(code: str, *arguments: object, **more: Any) -> subprocess.CompletedProcess[Any]:
    """What became of `python -c code arguments`; `more` is that of `start`."""
    process = start(code, *arguments, **more)
    said = process.communicate()
    return subprocess.CompletedProcess(process.args, process.wait(), *said)


def _opened(stream: Any, mode: str) -> int:
    """A descriptor of our own for a file, a descriptor or DEVNULL."""
    if stream is subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
    return os.dup(stream if isinstance(stream, int) else stream.fileno())


@cache
def _server() -> socket.socket:
    """The way to the server of these tests; it ends when this end is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
    subprocess.Popen(command, pass_fds=[theirs.fileno()], env=here, start_new_session=True)
    theirs.close()
    return ours


# The server


def _load() -> None:
    """What commands import once they run."""
    import c2pa  # noqa: F401
    import onnxruntime  # noqa: F401
    import soxr  # noqa: F401
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: F401
    from cryptography.x509 import CertificateBuilder  # noqa: F401
    from PIL import Image

    from avtr_cli import cli
    from avtr_cli.audio import torchaudio_cpu  # noqa: F401
    from avtr_cli.batch import run, worker  # noqa: F401
    from avtr_cli.motion.bridges import table  # noqa: F401
    from avtr_cli.motion.lmfm import generator  # noqa: F401
    from avtr_cli.provenance import c2pa_manifest  # noqa: F401
    from avtr_cli.render.mesh import renderer  # noqa: F401

    Image.init()
    with open(os.devnull, "w") as nobody, contextlib.redirect_stdout(nobody):  # a command, for what typer loads late
        cli.assembled()(["cues"], standalone_mode=False)


def _serve(way: socket.socket) -> dict[str, Any]:
    """Returns in every child, with its order; the server itself ends here."""
    while True:
        data, descriptors, *_ = socket.recv_fds(way, _LARGEST_ORDER, 4)
        if not data:
            while _reaped(0):
                pass
            os._exit(0)
        if not os.fork() and _kept(descriptors[3]):
            way.close()
            for number, descriptor in enumerate(descriptors[:3]):
                os.dup2(descriptor, number)
            for descriptor in descriptors:
                os.close(descriptor)
            return json.loads(data)
        for descriptor in descriptors:
            os.close(descriptor)
        while _reaped(os.WNOHANG):
            pass


def _reaped(how: int) -> bool:
    try:
        return os.waitpid(-1, how)[0] != 0
    except ChildProcessError:
        return False


def _kept(told: int) -> bool:
    """True in a child of this process, which tells of its beginning and its end, and ends with it."""
    child = os.fork()
    if not child:
        os.setsid()
        return True
    os.closerange(0, told)
    os.write(told, f"{child}\n".encode())
    os.write(told, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
    os._exit(0)


def _begin(order: Mapping[str, Any]) -> None:
    """What Python does when it begins, as far as it is seen."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["-c", *order["arguments"]]
    for number, (name, errors) in enumerate(
        (("stdin", "strict"), ("stdout", "strict"), ("stderr", "backslashreplace"))
    ):
        stream = os.fdopen(number, "w" if number else "r", buffering=1, errors=errors, closefd=False)
        setattr(sys, name, stream)
    fork = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda method=None: fork  # type: ignore[assignment, return-value]


def _live(code: str) -> NoReturn:
    """The program, and of Python's end all but the taking down of every module, which takes seconds."""
    ended = 1
    try:
        exec(compile(code, "-c", "exec"), {"__name__": "__main__"})
        ended = 0
    except SystemExit as left:
        ended = left.code if isinstance(left.code, int) else bool(left.code)
        if not isinstance(left.code, (int, type(None))):
            print(left.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(ended)


if __name__ == "__main__":
    from avtr_cli.core import runtime

    runtime.set_library_environment()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell makes what runs in the background deaf to it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup to this
    _load()
    order = _serve(socket.socket(fileno=int(sys.argv[1])))
    _begin(order)
    _live(order["code"])
