"""`avtr train touch`: a learned answer to touch, from the drawn one; `avtr eval answers` judges it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import INPUT, OUTPUT, SETTINGS
from avtr_cli.cli.options import option
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.core.regions import RegionMap


def touch(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="Portraits whose places are touched.", show_default=False)
    ],
    data: Annotated[
        Path, option(INPUT, "--data", metavar="FOLDER", help="Calls of the second stage, as `avtr train data` makes.")
    ] = Path("runs/data"),
    out: Annotated[Path, option(OUTPUT, "-o", "--out", metavar="FILE", help="The weights to write.")] = Path(
        "runs/touch.safetensors"
    ),
    scenes: Annotated[int, option(SETTINGS, "--scenes", min=1, help="Of 30 s, at rest, for the first stage.")] = 240,
    calls: Annotated[int, option(SETTINGS, "--calls", min=1, help="Taken of --data, both sides each.")] = 24,
    centre_steps: Annotated[int, option(SETTINGS, "--centre-steps", min=1, help="Of the mean answer.")] = 5000,
    rest_steps: Annotated[int, option(SETTINGS, "--rest-steps", min=0, help="Of the flow's first stage.")] = 1500,
    call_steps: Annotated[
        int,
        option(SETTINGS, "--call-steps", min=0, help="Of its second; with 0 of both the mean answer alone is learned."),
    ] = 500,
    position: Annotated[
        str, option(SETTINGS, "--position", help="How a place is told: both, regions, offset or neither.")
    ] = "both",
    wording: Annotated[str, option(SETTINGS, "--wording", help="Tone and force (tone), or the word alone (word).")] = (
        "tone"
    ),
    seed: options.Seed = 0,
) -> None:
    """Learn to answer touches from the drawn answer: where they take the head and face, then a flow around it.

    Nothing that is rendered uses it: it has not beaten the drawn answer (docs/interactions.md).
    """
    from avtr_cli.training.touch.condition import POSITIONS, WORDINGS, Encoding

    for name, value, known in (("--position", position, POSITIONS), ("--wording", wording, WORDINGS)):
        if value not in known:
            raise ConfigError(f"{name} {value}: there are {', '.join(known)}")
    import torch
    from tqdm import tqdm

    from avtr_cli.motion.lmfm.checkpoint import SHIPPED, load_lmfm
    from avtr_cli.training.dataset import Corpus
    from avtr_cli.training.touch import lessons
    from avtr_cli.training.touch.learning import TouchConfig, learn
    from avtr_cli.training.touch.network import write

    torch.set_num_threads(1)
    lmfm, maps = load_lmfm(SHIPPED)[0], list(region_maps(photos).values())
    in_calls = lessons.in_calls(lmfm, Corpus.load(data).first(calls), maps, seed) if call_steps else None
    config = TouchConfig(centre_steps=centre_steps, rest_steps=rest_steps, call_steps=call_steps, seed=seed)
    with tqdm(total=config.steps, unit="step", disable=None) as bar:
        at_rest = lessons.at_rest(lmfm, scenes, maps, seed)
        trained = learn(config, Encoding(position, wording), at_rest, in_calls, lambda *_: bar.update() and None)
    write(out, trained)
    typer.echo(f"{out}: {trained.minutes:.1f} minutes")


def region_maps(photos: Sequence[Path]) -> dict[str, RegionMap]:
    """What of the people in photos lies where. Raises PhotoError."""
    from avtr_cli.perception.portrait import find_portrait
    from avtr_cli.perception.regions import region_map

    return {str(photo): region_map(find_portrait(photo)) for photo in photos}
