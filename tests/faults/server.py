"""A process with models ready that forks a child for each command: real runs of the command line in a fraction.

Speaks JSON lines: a list of {"arguments", "folder", "at", "error", "log", "after"} in, one of {"code", "changes"} out.
All of a list run at once, each `after` so many seconds. With `error` 0 the child is killed at change number `at` below
`folder`, else that change fails so; `at` 0 only counts.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import sys
import time
from pathlib import Path

from avtr_cli.core import runtime

runtime.set_library_environment()

SEGMENT_FRAMES = 5  # a border after every chunk
FIRST_LIFE_S = 60  # no run takes as long; a child that does hangs


def serve(photo: Path, settings: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    from avtr_cli.batch import worker
    from avtr_cli.cli import batch, main
    from avtr_cli.core.config import load_preset
    from avtr_cli.jobs import preparation, production
    from avtr_cli.streaming.engine import Engine
    from tests.batches import Here

    engine = Engine(load_preset("default", settings))
    engine.avatar(photo)
    preparation.Engine = worker.Engine = lambda preset: engine
    production.SEGMENT_FRAMES = SEGMENT_FRAMES
    batch._workers = lambda *_: lambda *_: Here(fresh=True)
    shim = ctypes.CDLL(None)
    print("ready", flush=True)
    for line in sys.stdin:
        begun = [_begin(order, main, shim) for order in json.loads(line)]
        print(json.dumps([_ended(*one) for one in begun]), flush=True)


def _begin(order: dict, main, shim) -> tuple[int, int]:
    """(its process id, where it tells how many changes it made)."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        time.sleep(order["after"])
        _live(order, main, shim, tell)
    os.close(tell)
    return child, told


def _ended(child: int, told: int) -> dict:
    with os.fdopen(told, "rb") as pipe:
        changes = int(pipe.read() or b"0")
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "changes": changes}


def _live(order: dict, main, shim, tell: int) -> None:
    signal.alarm(FIRST_LIFE_S)
    os.chdir(order["folder"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(log, number)
    faulthandler.dump_traceback_later(FIRST_LIFE_S * 0.8, file=log)
    sys.argv = ["avtr", *order["arguments"]]
    shim.fault_arm(os.fsencode(order["folder"]), ctypes.c_long(order["at"]), order["error"])
    code = 1
    try:
        main()
    except SystemExit as left:
        code = left.code or 0
    finally:
        os.write(tell, str(shim.fault_count()).encode())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
