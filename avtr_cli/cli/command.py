"""How every command of ours is built: -h, -v, --log-file, a readable --help, and options written once."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer
import typer.core
import typer.main

from avtr_cli.cli import helping, voice
from avtr_cli.core import logs
from avtr_cli.core.renamed import check_json_words

_Options = TypeVar("_Options")

INPUT, DRAWN, SOUND, SETTINGS = "Input", "What is drawn", "Sound", "Settings"
OUTPUT, TOLD, RUN = "Output", "Report and provenance", "Run"
PANELS = (INPUT, DRAWN, SOUND, SETTINGS, OUTPUT, TOLD, RUN)  # in the order of --help

EXIT_CODES = (
    "Exit codes: 0 done, 1 other, 2 usage or settings, 3 photo or sound, 4 weights, 5 output, "
    "6 some of several failed, 130 interrupted."
)


def _listen(context: typer.Context, value: int) -> int:
    """Callback of -v and --log-file, of a group's and of its command's: what is said first holds until more is said."""
    said = context.find_root().ensure_object(dict).setdefault("logs", {"verbose": 0, "file": None})
    said["verbose"] = max(said["verbose"], value)
    _attend(said)
    return value


def _keep(context: typer.Context, value: Path | None) -> Path | None:
    said = context.find_root().ensure_object(dict).setdefault("logs", {"verbose": 0, "file": None})
    said["file"] = value or said["file"]
    _attend(said)
    return value


def _attend(said: dict[str, Any]) -> None:
    level = (logs.QUIET, logs.DECISIONS, logs.DETAILS)[min(said["verbose"], 2)]
    logs.listen(voice.logged, level, said["file"])


def _everywhere(
    verbose: Annotated[
        int,
        typer.Option(
            "-v", "--verbose", count=True, expose_value=False, callback=_listen, rich_help_panel=RUN,
            help="Tell decisions and times on stderr; -vv: more.", show_default=False,
        ),
    ] = 0,
    log_file: Annotated[
        Path | None,
        typer.Option(
            "--log-file", metavar="FILE", expose_value=False, callback=_keep, rich_help_panel=RUN,
            help="Append the same to FILE.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """The options of every command."""


def _with_ours(settings: dict[str, Any]) -> dict[str, Any]:
    """What typer hands a command, with our options behind its own, and --help under -h too."""
    carrier = typer.Typer(add_completion=False)
    carrier.command()(_everywhere)
    ours = typer.main.get_command(carrier).params
    context = {"help_option_names": ["-h", "--help"]} | (settings.get("context_settings") or {})
    return settings | {"params": [*(settings.get("params") or ()), *ours], "context_settings": context}


class _Ours:
    """What our commands and groups have in common."""

    params: list[Any]
    rest: tuple[str, ...] = ()  # of the usage line
    panel_order = PANELS  # of --help

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        check_json_words(args)
        rest: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        return rest

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.rich_help_panel = RUN
        return option

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return helping.usage_pieces(self, self.rest)

    def get_help(self, ctx: Any) -> str:
        return helping.text(self, ctx)


class Command(_Ours, typer.core.TyperCommand):
    """One of ours."""

    def __init__(self, name: str | None, **settings: Any):
        super().__init__(name, **_with_ours(settings))


class Group(_Ours, typer.core.TyperGroup):
    """Some of ours under one name."""

    rest = ("COMMAND", "...")

    def __init__(self, **settings: Any):
        super().__init__(**_with_ours(settings))


def epilog(*examples: str, codes: str = EXIT_CODES) -> str:
    """Examples and exit codes, as they stand at the end of a command's --help."""
    shown = "\n".join(("Examples:", *(f"  {example}" for example in examples), "", "")) if examples else ""
    return shown + codes


def takes(options: type[_Options]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a command: the fields of `options` become options of its own, which it gets as one value, `shared`.

    Each field's annotation is the option, as a parameter's would be; the order of --help is that of PANELS.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "shared"]
        hints = get_type_hints(options, include_extras=True)
        fields = [_parameter(field, hints[field.name]) for field in dataclasses.fields(options)]  # type: ignore[arg-type]
        parameters = sorted([*own, *fields], key=_place)

        def run(**given: Any) -> None:
            shared = options(**{field.name: given.pop(field.name) for field in fields})
            command(**given, shared=shared)

        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


def _parameter(field: dataclasses.Field[Any], annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _place(parameter: inspect.Parameter) -> int:
    """Arguments first, then options by panel."""
    [described] = parameter.annotation.__metadata__
    if not isinstance(described, typer.models.OptionInfo):
        return -1
    return PANELS.index(described.rich_help_panel) if described.rich_help_panel in PANELS else len(PANELS)
