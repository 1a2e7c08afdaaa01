"""The command line: thin commands over the library, and the only place where an error becomes an exit code.

Exit codes: 0 done; 1 another error the user can act on; 2 usage or settings; 3 photo or audio; 4 weights;
5 output; 6 a batch finished with failures; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
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
from avtr_cli.core.errors import EXIT_INTERRUPTED, AvtrError, ConfigError
from avtr_cli.core.files import reason
from avtr_cli.core.renamed import name_now

_ClickException: Any = typer.BadParameter.__mro__[2]  # typer brings click along, from some releases on as its own copy

_MAY_BE_EMPTY = ("--label", "--set")  # no label; of a setting the sentence is better that says how it is written

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
    from avtr_cli.core import runtime

    _open_standard_streams()
    runtime.set_library_environment()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # nohup makes us deaf to it
        signal.signal(signal.SIGHUP, _interrupt)
    code: Any = 0
    try:
        _check_surroundings(sys.argv[1:])
        code = _command()(standalone_mode=False)
    except _ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        code = error.exit_code
    except AvtrError as error:
        _say(f"error: {error}")
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has heard enough
        _speak_to_nobody()
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):  # some typers make this of it
            raise
        _speak_to_nobody()
    except Exception as error:
        _say(f"error: {_unforeseen(error)}")
        code = 1
    if code == EXIT_INTERRUPTED:  # newer typers turn Ctrl-C into this code themselves
        _say("interrupted: nothing half-written is left")
    sys.exit(code or 0)


def _command() -> Any:
    """`app`, with files that may not be read left to what reads them: its sentence and exit code are the documented."""
    command = typer.main.get_command(app)
    waiting: list[Any] = [command]
    while waiting:
        one = waiting.pop()
        waiting += getattr(one, "commands", {}).values()
        for parameter in one.params:
            described = getattr(parameter, "type_descriptor", None)  # of newer typers; `type` of older ones
            checked: Any = getattr(described, "parameter_info", None) or getattr(parameter, "type", None)
            if hasattr(checked, "readable"):
                checked.readable = False
    return command


def _check_surroundings(words: list[str]) -> None:
    """Raises AvtrError where no path can be meant, ConfigError where an empty one is: a variable that is not set."""
    try:
        os.getcwd()
    except OSError:
        raise AvtrError("the folder you are in is gone; cd to one that is there") from None
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=") if word.startswith("--") else (before, "", word)
        if word.startswith("--") and (now := name_now(option)):
            raise ConfigError(f"{option}: {now}")
        if value or (word and not equals) or option in _MAY_BE_EMPTY:
            continue
        named = f"{option} is empty" if option.startswith("-") else "an argument is empty"
        raise ConfigError(f"{named}; name what you mean (is a variable not set?), or leave it out")


def _say(line: str) -> None:
    """To stderr, if anybody can be told; the exit code says it too."""
    with contextlib.suppress(OSError):
        typer.echo(line, err=True)


def _speak_to_nobody() -> None:
    """Nobody reads our output any more: what is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A polite kill, and a terminal that is closed, end as Ctrl-C does."""
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


def _unforeseen(error: Exception) -> str:
    """One sentence about what should not happen, and where the rest of it is."""
    if isinstance(error, MemoryError):
        said = "there is not enough memory; free some, or take a smaller --size"
    elif isinstance(error, OSError):
        hint = "; allow more with ulimit -n" if error.errno in (errno.EMFILE, errno.ENFILE) else ""
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        said = f"{where}the system says: {reason(error)}{hint}"
    else:
        said = f"a bug in avtr, please report it: {type(error).__name__}: {error}".splitlines()[0]
    with contextlib.suppress(OSError):
        handle, path = tempfile.mkstemp(prefix="avtr-bug-", suffix=".txt")
        with open(handle, "w", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
        said += f" (the whole trace is in {path})"
    return said
