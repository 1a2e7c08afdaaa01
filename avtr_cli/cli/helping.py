"""`--help` as people read it: options in panels, in the words of the command line, at the width of the terminal.

Plain text of ours, as rich's tables take half of 80 columns for frames, and a third of a second to load.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from avtr_cli.cli import voice

WIDEST = 100  # columns: longer lines are no easier to read
INDENT = 28  # columns before what an option does
ARGUMENTS, OPTIONS, COMMANDS = "Arguments", "Options", "Commands"

Row = tuple[str, str]


def usage_pieces(command: Any, rest: Iterable[str] = ()) -> list[str]:
    """`[OPTIONS] PHOTO DIALOGUE...`, of a group with its `rest`."""
    return ["[OPTIONS]", *(_argument(one) for one in command.params if one.param_type_name == "argument"), *rest]


def text(command: Any, context: Any) -> str:
    """The whole of `--help`."""
    width = min(voice.width(sys.stdout), WIDEST)
    usage = f"Usage: {context.command_path} " + " ".join(command.collect_usage_pieces(context))
    lines = [textwrap.fill(usage, width, subsequent_indent=" " * 7), ""]
    for paragraph in (command.help or "").split("\n\n"):
        lines += [textwrap.fill(" ".join(paragraph.split()), width), ""]
    for panel, rows in _panels(command, context).items():
        lines += [voice.painted(f"{panel}:", "cyan", sys.stdout), *_table(rows, width), ""]
    lines += _epilog(command.epilog or "", width)
    return "\n".join(lines).rstrip() + "\n"


def _panels(command: Any, context: Any) -> dict[str, list[Row]]:
    """What each panel holds: arguments, then commands, then options in the order of the command's `panel_order`."""
    panels: dict[str, list[Row]] = {}
    shown = [one for one in command.get_params(context) if not getattr(one, "hidden", False)]
    for one in shown:
        if one.param_type_name == "argument":
            panels.setdefault(ARGUMENTS, []).append((_argument(one), one.help or ""))
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                said = " ".join((inner.help or "").split("\n\n")[0].split())
                panels.setdefault(inner.rich_help_panel or COMMANDS, []).append((name, said))
    options: dict[str, list[Row]] = {}
    for one in shown:
        if one.param_type_name != "argument":
            options.setdefault(one.rich_help_panel or OPTIONS, []).append((_option(one), _said(one)))
    order = [OPTIONS, *command.panel_order]
    return panels | {panel: options[panel] for panel in sorted(options, key=order.index)}


def _argument(argument: Any) -> str:
    """PHOTO, or [NAME] where it may be left out."""
    name = argument.metavar or argument.name.upper()
    if argument.nargs == -1 and "..." not in name:
        name += "..."
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _option(option: Any) -> str:
    """`-o, --out FILE`, `--[no-]resume`."""
    short = [name for name in option.opts if not name.startswith("--")]
    long = [name for name in option.opts if name.startswith("--")]
    if option.secondary_opts:
        long = [f"--[no-]{name.removeprefix('--')}" for name in long]
    names = ", ".join([*short, *long])
    if _is_flag(option):
        return names if short else f"    {names}"
    return f"{names if short else f'    {names}'} {option.metavar or long[0].lstrip('-').upper()}"


def _is_flag(option: Any) -> bool:
    return bool(getattr(option, "is_flag", False) or getattr(option, "count", False))


def _said(option: Any) -> str:
    """What it does, its default, and the variable that sets it."""
    said = [option.help or ""]
    if option.show_default and not any(option.default is none for none in (None, False)) and option.default != "":
        said.append(f"[default: {option.opts[-1] if option.default is True else _plain(option.default)}]")
    if option.envvar:
        said.append(f"[env: {option.envvar}]")
    return " ".join(said)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(rows: Iterable[Row], width: int) -> Iterator[str]:
    rows = list(rows)
    column = min(INDENT, max(len(name) for name, _ in rows) + 4)
    for name, said in rows:
        roomy = len(name) + 4 <= column
        first = f"  {name:<{column - 2}}" if roomy else " " * column
        if not roomy:
            yield f"  {name}"
        yield from textwrap.wrap(
            said, width, initial_indent=first, subsequent_indent=" " * column, break_on_hyphens=False
        ) or [first.rstrip()]


def _epilog(epilog: str, width: int) -> Iterator[str]:
    """Examples as they stand, sentences wrapped."""
    for line in epilog.split("\n"):
        yield line if line.startswith(" ") else textwrap.fill(line, width, subsequent_indent="  ")
