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
import traceback
from functools import cache
from types import FrameType
from typing import Any

import typer

from avtr_cli import __version__
from avtr_cli.cli import (
    avatar,
    batch,
    bench,
    compare,
    config,
    cues,
    demo,
    dialogue,
    doctor,
    evaluate,
    interactions,
    motion,
    presets,
    regions,
    render,
    train,
    unforeseen,
    verify,
    voice,
    weights,
)
from avtr_cli.cli.command import Command, Group, epilog
from avtr_cli.core import logs
from avtr_cli.core.errors import EXIT_INTERRUPTED, AvtrError, ConfigError
from avtr_cli.core.renamed import name_now

_ClickException: Any = typer.BadParameter.__mro__[2]  # typer brings click along, from some releases on as its own copy

_MAY_BE_EMPTY = ("--label", "--set")  # no label; of a setting the sentence is better that says how it is written

MAKE, ASK, MEASURE, DEVELOP = "Make videos", "Settings and files", "This machine, and how good it is", "Developers"

app = typer.Typer(
    name="avtr",
    cls=Group,
    help="Render talking and listening avatars: one photo and a two-channel WAV become a video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=epilog("avtr render photo.jpg call.wav -o avatar.mp4", "avtr render --help"),
)


def _add(panel: str, name: str, command: Any, *examples: str, cls: Any = Command) -> None:
    app.command(name, cls=cls, rich_help_panel=panel, epilog=epilog(*examples))(command)


_add(
    MAKE, "render", render.render,
    "avtr render photo.jpg call.wav -o avatar.mp4",
    "avtr render photo.jpg me.wav --partner them.wav -o two.mp4",
    "avtr render photo.jpg monday.wav tuesday.wav -o videos/",
)  # fmt: skip
_add(MAKE, "dialogue", dialogue.dialogue, "avtr dialogue me.jpg them.jpg call.wav -o call.mp4")
_add(MAKE, "batch", batch.batch, "avtr batch calls/ -o videos/", cls=batch.BatchCommand)
_add(
    MAKE, "avatar", avatar.avatar,
    "avtr avatar full.jpg -o me.ply",
    "avtr avatar full.jpg --from-motion call.safetensors -o frames/",
)  # fmt: skip
_add(MAKE, "demo", demo.demo, "avtr demo --list", "avtr demo astronaut-speaking -o out")
_add(ASK, "presets", presets.presets)
app.add_typer(config.app, name="config", rich_help_panel=ASK)
_add(ASK, "cues", cues.cues)
_add(ASK, "interactions", interactions.interactions)
_add(ASK, "regions", regions.regions, "avtr regions photo.jpg -o map.png --page touch.html")
_add(ASK, "verify", verify.verify, "avtr verify avatar.mp4")
app.add_typer(weights.app, name="weights", rich_help_panel=ASK)
app.add_typer(motion.app, name="motion", rich_help_panel=ASK)
_add(MEASURE, "doctor", doctor.doctor)
app.add_typer(bench.app, name="bench", rich_help_panel=MEASURE)
app.add_typer(evaluate.app, name="eval", rich_help_panel=MEASURE)
_add(MEASURE, "compare", compare.compare, "avtr compare calls/ -o compare.mp4 --html compare.html")
app.add_typer(train.app, name="train", rich_help_panel=DEVELOP)


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
    runtime.collect_garbage_seldom()
    runtime.hand_over_soon()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # nohup makes us deaf to it
        signal.signal(signal.SIGHUP, _interrupt)
    voice.begin()
    logs.listen(voice.logged)
    try:
        code = _exit_code()
    finally:
        logs.fall_silent()
    if code == EXIT_INTERRUPTED:  # newer typers turn Ctrl-C into this code themselves
        voice.interrupted()
    sys.exit(code or 0)


def _exit_code() -> Any:
    """Run what was typed; every error becomes a sentence and a code here."""
    try:
        _check_surroundings(sys.argv[1:])
        return assembled()(prog_name="avtr", standalone_mode=False)
    except _ClickException as error:
        _say_usage(error)
        return error.exit_code
    except AvtrError as error:
        voice.error(str(error), error.exit_code)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has heard enough
        _speak_to_nobody()
        return 0
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):  # some typers make this of it
            raise
        _speak_to_nobody()
        return 0
    except Exception as error:
        if logs.tells_details():
            voice.note("".join(traceback.format_exception(error)).rstrip())
        voice.error(unforeseen.sentence(error), 1)
        return 1


def _say_usage(error: Any) -> None:
    """A mistyped option in one sentence; help, where nothing was typed at all."""
    context = getattr(error, "ctx", None)
    if context is None or type(error).__name__ == "NoArgsIsHelpError":
        with contextlib.suppress(OSError):
            error.show()
        return
    said = error.format_message().replace("\n", " ").rstrip(".")
    voice.error(f"{said}; see {context.command_path} --help", error.exit_code)


@cache
def assembled() -> Any:
    """`app` as Click's command of commands, put together once, which takes a quarter of a second.

    Files that may not be read are left to what reads them: its sentence and exit code are the documented.
    """
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
