"""The command line: thin commands over the library, and the only place where an error becomes an exit code.

Exit codes: 0 done; 1 another error the user can act on; 2 usage or settings; 3 photo or audio; 4 weights;
5 output; 6 a batch finished with failures; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
import traceback
from types import FrameType
from typing import Any

import typer

from avtr_cli import __version__
from avtr_cli.cli import batch, bench, demo, dialogue, doctor, evaluate, render, train, verify, weights
from avtr_cli.errors import EXIT_INTERRUPTED, AvtrError

_ClickException: Any = typer.BadParameter.__mro__[2]  # typer brings click along, from some releases on as its own copy

app = typer.Typer(
    name="avtr",
    help="Render talking and listening avatars: one photo and a two-channel WAV become a video.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("render")(render.render)
app.command("dialogue")(dialogue.dialogue)
app.command("batch", cls=batch.BatchCommand)(batch.batch)
app.command("demo")(demo.demo)
app.command("verify")(verify.verify)
app.command("doctor")(doctor.doctor)
app.add_typer(bench.app, name="bench")
app.add_typer(weights.app, name="weights")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="eval")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"avtr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Render talking and listening avatars: one photo and a two-channel WAV become a video."""


def main() -> None:
    """Run the command line and leave with the documented exit code."""
    from avtr_cli import runtime

    _open_standard_streams()
    runtime.settle()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(standalone_mode=False)
    except _ClickException as error:
        error.show()
        code = error.exit_code
    except AvtrError as error:
        typer.echo(f"error: {error}", err=True)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except Exception as error:
        typer.echo(f"error: {_bug(error)}", err=True)
        code = 1
    if code == EXIT_INTERRUPTED:  # newer typers turn Ctrl-C into this code themselves
        typer.echo("interrupted: nothing half-written is left", err=True)
    sys.exit(code or 0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A polite kill ends as Ctrl-C does."""
    raise KeyboardInterrupt


def _open_standard_streams() -> None:
    """Stand-ins for closed ones (services have none), so that no file of ours gets their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")


def _bug(error: Exception) -> str:
    """One sentence about what should not happen, and where the rest of it is."""
    said = f"a bug in avtr, please report it: {type(error).__name__}: {error}".splitlines()[0]
    with contextlib.suppress(OSError):
        handle, path = tempfile.mkstemp(prefix="avtr-bug-", suffix=".txt")
        with open(handle, "w", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
        said += f" (the whole trace is in {path})"
    return said
