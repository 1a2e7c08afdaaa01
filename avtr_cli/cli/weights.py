"""`avtr weights list | pull | verify | where`: published weights on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli import completions, options, voice
from avtr_cli.cli.command import Command, Group, epilog
from avtr_cli.core.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from avtr_cli.weights.registry import Licence, WeightFile
    from avtr_cli.weights.store import Store

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Published weights: what there is, where from, under which licence, and whether it is here.",
)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", show_default=False,
        help="Sets (avtr1, eval, liveportrait, unils) or single files.",
        autocompletion=completions.weights_names,
    ),
]  # fmt: skip


@app.command("list", cls=Command)
def list_command(as_json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """What there is, a line a file: size, licence, state here; then the licences in short.

    `avtr weights pull` shows each licence whole; --json has everything.
    """
    from avtr_cli.weights.store import Store

    store = Store()
    rows = [_row(store, file) for file in store.registry.files.values()]
    if as_json:
        licences = [
            licence.__dict__ | {"accepted": store.accepted(licence)} for licence in store.registry.licences.values()
        ]
        typer.echo(json.dumps({"root": str(store.root), "files": rows, "licences": licences}, indent=1))
        return
    if quiet:
        for row in rows:
            typer.echo(row["name"])
        return
    typer.echo(f"weights folder: {store.root}  (AVTR_WEIGHTS chooses another)\n")
    names = max(len(str(row["name"])) for row in rows)
    legend = {licence: f"[{number}]" for number, licence in enumerate(store.registry.licences, 1)}
    for row in rows:
        typer.echo(f"{row['name']:<{names}} {row['size_text']:>10}  {legend[str(row['licence'])]}  {row['state']}")
    typer.echo("")
    for licence in store.registry.licences.values():
        accepted = "" if not licence.accept else ", accepted" if store.accepted(licence) else ", not accepted yet"
        said = f"{legend[licence.id]} {licence.id}: {licence.name}{accepted}; commercial use: {licence.commercial}"
        typer.echo(voice.wrapped(said, voice.width(sys.stdout), "    "))
        typer.echo(f"    {licence.url}")


@app.command("pull", cls=Command, epilog=epilog("avtr weights pull avtr1 --accept-licence"))
def pull_command(
    names: Names = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="I have read the licences and accept.")
    ] = False,
    source: Annotated[Path | None, typer.Option("--from", help="Import from this folder, not the hub.")] = None,
    licence_policy: Annotated[
        str, typer.Option(help="any, or commercial: refuse what forbids commercial use.")
    ] = "any",
    token: Annotated[str, typer.Option(help="Token of the hub; HF_TOKEN and `hf auth login` work too.")] = "",
    endpoint: Annotated[str, typer.Option(help="A mirror of the hub; HF_ENDPOINT works too.")] = "",
    offline: Annotated[
        bool, typer.Option("--offline", help="Never use the network; HF_HUB_OFFLINE=1 works too.")
    ] = False,
    renew: Annotated[bool, typer.Option("--renew", help="Forget what earlier pulls pinned and fetch again.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Fetch weights from the hub, or import files you have. Run again, it goes on where it stopped."""
    if not names:
        raise ConfigError(
            "say what to pull: `avtr weights pull avtr1` (or liveportrait, eval, or a file of `avtr weights list`)"
        )
    from avtr_cli.weights.hub import Hub
    from avtr_cli.weights.pull import Terms, bring, pull
    from avtr_cli.weights.store import POLICIES

    if licence_policy not in POLICIES:
        raise ConfigError(f"--licence-policy is '{licence_policy}', but must be one of {', '.join(POLICIES)}")
    from avtr_cli.weights.store import Store

    store = Store()
    files = store.registry.choose(names)
    for licence in store.registry.licences_of(files):
        if not quiet or not store.accepted(licence):
            typer.echo(licence_text(licence, store.accepted(licence)) + "\n", err=True)
    say = (lambda line: None) if quiet else typer.echo
    terms = Terms(licence_policy, accept_licence, _ask if sys.stdin.isatty() and sys.stderr.isatty() else None)
    if source is not None:
        from avtr_cli.motion.checks import check_file

        bring(store, files, source, terms, say, check_file)
    else:
        pull(store, files, terms, Hub(endpoint, token, offline), renew, say)


@app.command("verify", cls=Command)
def verify_command(names: Names = None, as_json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """Read every file whole and compare it with what was published. Exit code 4 when one is damaged or absent.

    Without names a set of which nothing is here is no fault.
    """
    from avtr_cli.weights.store import Store

    store = Store()
    chosen = names or store.begun()
    if not chosen:
        if as_json or not quiet:
            typer.echo("[]" if as_json else "no published weights are here; the default preset needs none")
        return
    findings = [(file, *store.verify(file)) for file in store.registry.choose(chosen)]
    if as_json:
        typer.echo(
            json.dumps([{"name": f.name, "usable": good, "finding": text} for f, good, text in findings], indent=1)
        )
    else:
        widest = max(len(file.name) for file, _, _ in findings)
        for file, good, text in findings:
            if not (quiet and good):
                typer.echo(f"{file.name:<{widest}}  {text}")
    bad = [file for file, good, _ in findings if not good]
    if bad:
        raise WeightsError(_not_usable(store, bad, len(findings)))


def _not_usable(store: Store, bad: list[WeightFile], count: int) -> str:
    """One sentence about files that are named above it already."""
    from avtr_cli.core.config import Preset

    names = {file.name for file in bad}
    sets = {name: {one.name for one in store.registry.choose([name])} for name in store.registry.sets()}
    whole = [name for name, held in sorted(sets.items(), key=lambda entry: len(entry[1])) if names <= held]
    fetch = whole[0] if whole else " ".join(sorted(names))
    needed = {file.name for file in store.registry.needed(Preset())}
    default = "" if needed & names else "; the default preset needs none of them"
    return f"{len(bad)} of {count} files are not usable; fetch them with `avtr weights pull {fetch}`{default}"


@app.command("where", cls=Command)
def where_command(
    name: Annotated[str | None, typer.Argument(help="A file of the list; none: the folder.")] = None,
) -> None:
    """The weights folder, or the path of one file (where it lies, or would)."""
    from avtr_cli.weights.store import Store

    store = Store()
    if name is None:
        typer.echo(store.root)
        return
    if name not in store.registry.files:
        raise ConfigError(f"no weights file is called '{name}'; there are {', '.join(store.registry.files)}")
    file = store.registry.files[name]
    typer.echo(store.present(file) or store.target(file))


def licence_text(licence: Licence, accepted: bool) -> str:
    """A licence in four lines, for people."""
    said = licence.condition if licence.commercial == "conditional" else licence.commercial
    state = "" if not licence.accept else " (accepted)" if accepted else " (not accepted yet: --accept-licence)"
    return "\n    ".join([
        f"{licence.name}{state}", licence.url, licence.summary, f"commercial use: {said}", licence.notice
    ])  # fmt: skip


def _row(store: Store, file: WeightFile) -> dict[str, object]:
    size = file.size or file.about
    text = "?" if size is None else f"{'' if file.size else '~'}{size / 1e6:,.1f} MB"
    return {
        "name": file.name,
        "what": file.what,
        "repo": file.repo,
        "path": file.path,
        "licence": file.licence,
        "revision": file.revision,
        "sha256": file.sha256,
        "size": file.size,
        "size_text": text,
        "needed_by": list(file.sets),
        "optional": file.optional,
        "state": _state(store, file),
    }


def _state(store: Store, file: WeightFile) -> str:
    path = store.present(file)
    if path is None:
        target = store.target(file)
        part = next(target.parent.glob(f"{target.name}.*.part"), None)
        started = f"{part.stat().st_size / 1e6:,.1f} MB of it here" if part else "absent"
        return started + (" (optional)" if file.optional else "")
    if problem := store.wrong_size(file, path):
        return problem
    record = store.record(path)
    from avtr_cli.weights.store import MADE_UP

    return "here, made up" if record is not None and record.source == MADE_UP else "here"


def _ask(licence: Licence) -> bool:
    return typer.confirm(f"Accept the {licence.name}?", err=True)
