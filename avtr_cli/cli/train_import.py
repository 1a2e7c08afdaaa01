"""`avtr train import`: videos of talking people, or a published set of calls, become training data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import options, train_calls, voice
from avtr_cli.cli.command import INPUT, OUTPUT
from avtr_cli.cli.measured import watched
from avtr_cli.cli.options import option
from avtr_cli.core.errors import BatchError, ConfigError, OutputError

if TYPE_CHECKING:
    from avtr_cli.training.people.folder import Source

PAGE = "index.html"
VIDEOS = "videos"


def import_people(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[KIND] FOLDER",
            help="videos (the default): NAME.mp4, or NAME.a.mp4 and NAME.b.mp4 of a call. unils, seamless: the folder "
            "of UniLSTalkDataset, or of Seamless Interaction.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        option(OUTPUT, "-o", "--out", metavar="FOLDER", help="Where the corpus goes (runs/people, runs/KIND)."),
    ] = None,
    seconds: Annotated[
        float, option(INPUT, "--seconds", metavar="SECONDS", min=6, max=120, help="Length of a piece.")
    ] = 10.0,
    flame: Annotated[
        Path | None,
        option(INPUT, "--flame", metavar="FILE", help="unils: your FLAME file, if not that of `avtr weights`."),
    ] = None,
    landmarks: Annotated[
        Path | None, option(INPUT, "--landmarks", metavar="FILE", help="unils: FLAME's landmark embedding, likewise.")
    ] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Make training data of recorded people: only of people who agreed, under a licence that allows training.

    What is done already is not done again; what could not be used is told, and the command ends with code 6. Train with
    `avtr train dyadic DATA --data OUT`, of a published set OUT/train.
    """
    kind, folder = _meant(words)
    if kind == VIDEOS:
        if flame is not None or landmarks is not None:
            raise ConfigError("--flame and --landmarks go with unils; leave them out")
        import_videos(folder, out or Path("runs/people"), seconds, as_json, quiet)
        return
    from avtr_cli.core.timing import FPS

    if kind != "unils" and (flame is not None or landmarks is not None):
        raise ConfigError("--flame and --landmarks go with unils; leave them out")
    frames = round(seconds * FPS)
    train_calls.import_calls(kind, folder, out or Path("runs") / kind, frames, flame, landmarks, as_json, quiet)


def _meant(words: Sequence[str]) -> tuple[str, Path]:
    """The kind and the folder. Raises ConfigError."""
    kinds = (VIDEOS, *train_calls.KINDS)
    if len(words) == 1:
        return VIDEOS, Path(words[0])
    if len(words) > 2 or words[0] not in kinds:
        raise ConfigError(f"say what to import and its folder: [{'|'.join(kinds)}] FOLDER, not {' '.join(words)}")
    return words[0], Path(words[1])


def import_videos(folder: Path, out: Path, seconds: float, as_json: bool = False, quiet: bool = False) -> None:
    """Each face is followed, solved for the controls of our own face, and told as the simulated calls are.

    A page shows what became of each video. Raises AvtrError.
    """
    from avtr_cli.core.files import write_text
    from avtr_cli.core.timing import FPS
    from avtr_cli.training.people.folder import sources_in
    from avtr_cli.training.people.page import import_page

    sources = sources_in(folder)
    _refuse(folder, out, sources)
    frames = round(seconds * FPS)
    accounts = list(_accounts(sources, out, frames, quiet))
    page = out / PAGE
    write_text(page, import_page(accounts, out, options.typed()))
    for line in [_json(accounts, page)] if as_json else _lines(accounts, page):
        typer.echo(line)
    if failed := [account["name"] for account in accounts if account["refused"]]:
        raise BatchError(f"{len(failed)} of {len(accounts)} could not be taken: {', '.join(failed)}; {page} says why")


def _refuse(folder: Path, out: Path, sources: Sequence[Source]) -> None:
    """Before the work: nothing of the user's lies where ours will. Raises ConfigError, OutputError."""
    if out.resolve() == folder.resolve():
        raise ConfigError(f"{out}: is the folder of the videos; give another one with -o")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is no folder; give another one with -o")
    from avtr_cli.training.people.importing import account_of

    for source in sources:
        account = account_of(out, source)
        if account.exists() and not _is_ours(account):
            raise OutputError(f"{account}: lies there and is not avtr's; move it, or give another folder with -o")
    page = out / PAGE
    if page.exists() and b'content="avtr ' not in page.read_bytes()[:4000]:
        raise OutputError(f"{page}: lies there and is not avtr's; move it, or give another folder with -o")


def _is_ours(account: Path) -> bool:
    try:
        return "piece_frames" in json.loads(account.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _accounts(sources: Sequence[Source], out: Path, frames: int, quiet: bool) -> Iterator[dict[str, Any]]:
    """Of every source, in order: read where it was imported before, else made."""
    from avtr_cli.training.people.importing import account_of, import_source, is_done
    from avtr_cli.training.people.solver import shipped

    out.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(sources, 1):
        if is_done(out, source, frames):
            yield json.loads(account_of(out, source).read_text(encoding="utf-8"))
            continue
        with watched(f"{number}/{len(sources)} {source.name}", quiet) as watch:
            account = import_source(out, source, frames, shipped(), watch)
        for sentence in account["refused"]:
            voice.warning(sentence)
        yield account


def _lines(accounts: Sequence[Mapping[str, Any]], page: Path) -> Iterator[str]:
    for account in accounts:
        if not account["refused"]:
            yield f"{account['name']}: {account['kept_s']:.1f} s kept, {account['pieces']} pieces"
    yield str(page)


def _json(accounts: Sequence[Mapping[str, Any]], page: Path) -> str:
    from avtr_cli.core.textfile import json_text

    told = [{key: value for key, value in account.items() if key != "stretches"} for account in accounts]
    kept = sum(account["kept_s"] for account in accounts)
    return json_text({"command": options.typed(), "page": str(page), "kept_s": kept, "sources": told}, 2)
