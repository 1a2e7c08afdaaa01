"""One disturbed run and what must hold after it: one sentence, nothing half, nothing of the user's touched, a rerun."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avtr_cli.batch.run import HASHES

SETTINGS = ["render.size=64", "output.speed=ultrafast", "motion.euler_steps=2"]
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "kill": 0}
KINDS: dict[str, list[str]] = {
    "render": ["render", "photo.png", "call.wav", "-o", "out/a.mp4", "--report", "r/a.json", "--motion-out", "r/a.csv"],
    "dialogue": ["dialogue", "photo.png", "photo.png", "call.wav", "-o", "a.mp4", "--report", "a.json"],
    "sequence": ["render", "photo.png", "call.wav", "-o", "frames/", "--report", "a.json"],
    "webm": ["render", "photo.png", "call.wav", "-o", "a.webm", "--report", "a.json"],
    "batch": ["batch", "in", "-o", "out"],
}
MINE = "mine/diary.txt"  # a stranger's file that nobody may touch


def build_shim(folder: Path) -> Path | None:
    """The compiled shim, or None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


class Server:
    """Runs commands in children of a process that has everything loaded. A context."""

    def __init__(self, shim: Path, photo: Path):
        environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-m", "tests.faults.server", str(photo), *SETTINGS]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def run(
        self, arguments: list[str], folder: Path, at: int = 0, error: int = 0, log: Path | None = None
    ) -> tuple[int, int, str]:
        """(exit code, negative for a signal; changes made; what was said)."""
        log = log or folder.with_name(f"{folder.name}.log")
        order = {"arguments": arguments, "folder": str(folder), "at": at, "error": error, "log": str(log), "after": 0.0}
        (answer,) = self._answers([order])
        return answer["code"], answer["changes"], log.read_text(errors="replace")

    def run_at_once(self, runs: Sequence[tuple[list[str], float, Path]], folder: Path) -> list[tuple[int, str]]:
        """Of each (arguments, seconds until it begins, log): exit code and what was said."""
        undisturbed = {"folder": str(folder), "at": 0, "error": 0}
        orders = [undisturbed | {"arguments": words, "after": after, "log": str(log)} for words, after, log in runs]
        logs = [log for _, _, log in runs]
        codes = [answer["code"] for answer in self._answers(orders)]
        return [(code, log.read_text(errors="replace")) for code, log in zip(codes, logs, strict=True)]

    def _answers(self, orders: list[dict[str, Any]]) -> list[dict[str, int]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(orders), file=self._process.stdin, flush=True)
        answers: list[dict[str, int]] = json.loads(self._process.stdout.readline())
        return answers

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Result:
    """What a disturbed run came to; `wrong` says in words what should not be."""

    kind: str
    at: int
    error: str
    code: int
    said: str
    wrong: list[str] = field(default_factory=list)


class Trial:
    """Disturbed runs of one kind of job in fresh copies of one folder."""

    def __init__(self, server: Server, kind: str, photo: Path, sound: Path, folder: Path):
        self._server, self.kind, self._folder = server, kind, folder
        self._photo, self._sound = photo, sound
        given = ["--set", *" --set ".join(SETTINGS).split()]
        self._arguments = [*KINDS[kind], *given]
        clean = self._fresh("clean")
        code, self.changes, said = server.run(self._arguments, clean)
        assert code == 0, said
        self._files, self._frames = _outputs(clean), _frames_of(clean)
        assert self._frames

    def disturb(self, at: int, error: str) -> Result:
        """Let change number `at` fail with `error`, look, run again, look again."""
        folder = self._fresh("run")
        code, _, said = self._server.run(self._arguments, folder, at, ERRORS[error])
        result = Result(self.kind, at, error, code, said)
        result.wrong += _what_is_wrong(code, said, killed=error == "kill")
        result.wrong += self._untouched(folder)
        result.wrong += self._half(folder)
        code, _, said = self._server.run(self._arguments, folder)
        if self.kind != "batch" and code == 5 and "exists already" in said and _frames_of(folder) == self._frames:
            code = 0  # all was done when it was disturbed
        if code != 0:
            result.wrong.append(f"run again: exit {code}, {said.strip()[-300:]}")
        elif _frames_of(folder) != self._frames:
            result.wrong.append("run again: other frames")
        if self._files != (left := _outputs(folder)):
            result.wrong.append(f"run again: {sorted(self._files ^ left)} too much or too little")
        result.wrong += self._untouched(folder)
        return result

    def _fresh(self, name: str) -> Path:
        folder = self._folder / self.kind / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "mine").mkdir(parents=True)
        (folder / MINE).write_text("precious")
        if self.kind == "batch":
            (folder / "in").mkdir()
            for job in ("first", "second"):
                shutil.copy(self._photo, folder / "in" / f"{job}.png")
                shutil.copy(self._sound, folder / "in" / f"{job}.wav")
        else:
            shutil.copy(self._photo, folder / "photo.png")
            shutil.copy(self._sound, folder / "call.wav")
        self._given = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return folder

    def _untouched(self, folder: Path) -> list[str]:
        changed = [path for path, data in self._given.items() if not path.is_file() or path.read_bytes() != data]
        return [f"touched {path.relative_to(folder)}" for path in changed]

    def _half(self, folder: Path) -> list[str]:
        """Finished files are whole; what is hidden is a work folder that a job can go on from."""
        wrong = []
        frames = _frames_of(folder)
        for name, digest in frames.items():
            if digest != self._frames.get(name):
                wrong.append(f"{name} vouches for other frames")
        for path in folder.rglob("*"):
            if path.suffix in (".mp4", ".webm") and not path.parent.name.endswith(".avtr") and not _decodes(path):
                wrong.append(f"{path.relative_to(folder)} is broken")
        return wrong


def _what_is_wrong(code: int, said: str, killed: bool) -> list[str]:
    if killed:
        return [] if code in (-9, 0) else [f"exit {code} instead of a kill"]
    wrong = []
    if "Traceback" in said or "a bug in avtr" in said:
        wrong.append(f"a traceback: {said.strip()[-400:]}")
    if code not in (0, 5, 6):
        wrong.append(f"exit {code}")
    if code and "error: " not in said:
        wrong.append("no sentence")
    return wrong


def _frames_of(folder: Path) -> dict[str, str]:
    """Hash of the frames that each finished report vouches for."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.json")):
        if ".avtr" in str(path) or path.name in ("batch.json", HASHES):
            continue
        report: dict[str, Any] = json.loads(path.read_text())
        found[path.name] = report["output"]["frames_sha256"]
    return found


def _outputs(folder: Path) -> set[str]:
    """Every file, but a batch's memory of hashes, which it may do without."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != HASHES)
    return {str(path.relative_to(folder)) for path in found}


def _decodes(path: Path) -> bool:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
