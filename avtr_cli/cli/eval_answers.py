"""`avtr eval answers`: learned answers to touch beside the drawn ones that they must beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import INPUT, SETTINGS
from avtr_cli.cli.measured import tell_numbers
from avtr_cli.cli.options import option
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.training.touch.lessons import Lessons
    from avtr_cli.training.touch.network import Answers


def answers(
    weights: Annotated[
        list[Path], typer.Argument(metavar="WEIGHTS...", help="Files of `avtr train touch`.", show_default=False)
    ],
    photos: Annotated[
        list[Path] | None,
        option(INPUT, "--photo", metavar="PHOTO", help="A portrait that they did not learn from; two at least."),
    ] = None,
    data: Annotated[
        Path | None,
        option(INPUT, "--data", metavar="FOLDER", help="Calls that they did not learn from: speech is judged too."),
    ] = None,
    calls: Annotated[int, option(SETTINGS, "--calls", min=1, help="Taken of --data, both sides each.")] = 5,
    seed: options.Seed = 100,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Touch photos in motion space: learned answers, the same told 3 s late, and drawn ones, beside the drawn truth."""
    if len(photos or ()) < 2:
        raise ConfigError("tones are told on one photo by what is learned on others: give --photo twice or more")
    import torch

    from avtr_cli.cli.train_touch import region_maps
    from avtr_cli.evaluation.touch import learned
    from avtr_cli.motion.lmfm.checkpoint import SHIPPED, load_lmfm
    from avtr_cli.training.dataset import Corpus
    from avtr_cli.training.touch import lessons, network, trials

    torch.set_num_threads(1)
    models = {str(path): network.read(path).model for path in weights}
    lmfm, maps = load_lmfm(SHIPPED)[0], region_maps(photos or ())
    tried = trials.trials(models, lmfm, maps, seed)
    labels = learned.Touches(tried.photos, tried.touches)
    truth = tried.arms["truth"]
    numbers = {name: learned.judged(labels, truth, arm) for name, arm in tried.arms.items() if name != "truth"}
    if data is not None:
        spoken = lessons.in_calls(lmfm, Corpus.load(data).first(calls), list(maps.values()), seed)
        for name, model in models.items():
            numbers[name] |= _speech(model, spoken, seed)
    verdicts = {
        name: learned.beats(numbers[name], numbers[trials.late(name)], numbers[trials.DRAWN]) for name in models
    }
    told: dict[str, Any] = {"command": options.typed(), "trials": len(tried.touches)}
    tell_numbers(_table(numbers, verdicts), told | {"numbers": numbers, "beats": verdicts}, report, as_json)


def _speech(model: Answers, spoken: Lessons, seed: int) -> dict[str, float]:
    """The worst of all sides of all calls."""
    import numpy as np

    from avtr_cli.evaluation.touch.learned import speech_kept
    from avtr_cli.training.touch.trials import in_speech

    kept = [
        speech_kept(scene.rows, rows, scene.speaking > SPEAKS)
        for scene, rows in in_speech(model, spoken, seed)
        if (scene.speaking > SPEAKS).any()
    ]
    return {name: float(np.nanmin([one[name] for one in kept])) for name in kept[0]}


SPEAKS = 0.5  # of how far the own voice moves the mouth


def _table(numbers: Mapping[str, Mapping[str, float]], verdicts: Mapping[str, Mapping[str, bool]]) -> Iterator[str]:
    """A block for every arm, and for every run what it beats."""
    for name, row in numbers.items():
        yield f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in row.items())
    for name, verdict in verdicts.items():
        yield f"{name} beats: " + ", ".join(f"{key} {'yes' if beaten else 'no'}" for key, beaten in verdict.items())
