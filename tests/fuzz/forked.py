"""Cases judged in forked processes: a crash or a hang in C code ends one of them and is counted, and no more."""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import select
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

LIMIT_S = 20.0  # for one case; more is a hang
BATCH = 50  # cases of one process
GOOD = ("read", "refused")
Judge = Callable[[int, int], str]  # of seed and number: what became of it


@dataclass
class Tally:
    """What became of all cases."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by (kind of case, outcome)
    bad: list[str] = field(default_factory=list)
    memory_mb: int = 0
    chatter: list[str] = field(default_factory=list)  # what was written to standard error
    seconds: float = 0.0

    def table(self) -> str:
        kinds = sorted({kind for kind, _ in self.outcomes})
        names = sorted({outcome for _, outcome in self.outcomes} | {"traceback", "hang", "crash"})
        rows = [["", *names], *([kind, *(str(self.outcomes[kind, name]) for name in names)] for kind in kinds)]
        rows.append(["all", *(str(sum(self.outcomes[kind, name] for kind in kinds)) for name in names)])
        return "\n".join(f"{first:12}" + "".join(f"{cell:>11}" for cell in cells) for first, *cells in rows)

    def report(self) -> str:
        ends = f"{self.seconds:.0f} s, at most {self.memory_mb} MB, {len(self.chatter)} lines on standard error"
        return "\n".join([self.table(), ends, *self.chatter[:5], *self.bad])


def run(names: Sequence[str], judge: Callable[[int], str]) -> Tally:
    """`judge` number after number; `names` say of each what it is, its kind up to a colon.

    An outcome's first word counts. It is bad unless among GOOD, as are a crash, a hang and whatever `judge` raises.
    """
    tally, left, began = Tally(), list(range(len(names))), time.monotonic()
    with tempfile.TemporaryFile() as words:
        while left:
            ended = set()
            for number, memory, outcome in _batch(left[:BATCH], judge, words.fileno()):
                kind = outcome.split()[0]
                tally.outcomes[names[number].split(":")[0], kind] += 1
                tally.memory_mb = max(tally.memory_mb, memory)
                ended.add(number)
                if kind not in GOOD:
                    tally.bad.append(f"{number} ({names[number]}): {outcome}")
            assert ended, "a process died without a word"
            left = [number for number in left if number not in ended]
        tally.chatter = os.pread(words.fileno(), 100_000, 0).decode(errors="replace").splitlines()
    tally.seconds = time.monotonic() - began
    return tally


def _child(todo: list[int], judge: Callable[[int], str], out: int, words: int) -> None:
    os.dup2(words, 2)
    for number in todo:
        os.write(out, f"begin {number}\n".encode())
        try:
            outcome = judge(number)
        except BaseException:
            outcome = "traceback " + traceback.format_exc(-3).replace("\n", " | ")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        os.write(out, f"done {number} {memory} {outcome}\n".encode(errors="replace"))


def _batch(todo: list[int], judge: Callable[[int], str], words: int) -> Iterator[tuple[int, int, str]]:
    """(number, memory in MB, outcome) of some of `todo`, at least one; a hang or a crash ends it."""
    here, there = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            _child(todo, judge, there, words)
        os._exit(0)
    os.close(there)
    current, rest = todo[0], b""
    with os.fdopen(here, "rb", buffering=0) as pipe:
        while True:
            if not select.select([pipe], [], [], LIMIT_S)[0]:
                os.kill(child, signal.SIGKILL)
                yield current, 0, "hang"
                break
            piece = pipe.read(65_536)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                word, number, *said = line.decode().split(" ", 3)
                current = int(number)
                if word == "done":
                    yield current, int(said[0]), said[1]
            if not piece:
                break
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        yield current, 0, f"crash by signal {os.WTERMSIG(status)}"


def main(about: str | None, what: str, count: int, case: Callable[..., tuple[str, bytes]], judge: Judge) -> None:
    """The command line of one kind of case, that `case(seed, number)` makes and names; exit code 1 if any is bad."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    names = [case(options.seed, number)[0] for number in range(options.count)]
    tally = run(names, lambda number: judge(options.seed, number))
    print(f"{options.count} {what}, seed {options.seed}", tally.report(), sep="\n")
    raise SystemExit(bool(tally.bad))
