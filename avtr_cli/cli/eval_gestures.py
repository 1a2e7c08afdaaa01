"""`avtr eval gestures`: how a whole body gestures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options
from avtr_cli.cli.measured import tell_numbers
from avtr_cli.cli.performing import sounds_in


def gestures(
    dialogues: Annotated[
        list[Path], typer.Argument(help="Sound files as for avtr render, or folders of .wav files.", show_default=False)
    ],
    both: Annotated[bool, typer.Option("--both", help="Judge the other side of each call as well.")] = False,
    seed: options.Seed = 0,
    seeds: Annotated[int, typer.Option(help="How many, from --seed on.", min=1)] = 3,
    preset: options.PresetName = "body",
    settings: options.Settings = None,
    minutes: Annotated[
        float, typer.Option(help="Of the long call that the dialogues are repeated to; 0 leaves it out.", min=0, max=60)
    ] = 10.0,
    weights: Annotated[Path | None, typer.Option(help="Weights of gestures to judge, not the shipped ones.")] = None,
    bodies: Annotated[
        list[Path] | None,
        typer.Option("--body", help="A photo whose fitted body is looked at too, hands and trunk; may be repeated."),
    ] = None,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Judge arms and trunk on dialogues: beats against accents, rest, speeds, hands out of the body, ten minutes."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.evaluation.body.fitted import FITTED, evaluate_fitted
    from avtr_cli.evaluation.motion.gesture_trials import TRIALS, trial_rows
    from avtr_cli.evaluation.motion.gesturing import GESTURES, gesture_rows
    from avtr_cli.evaluation.motion.takes import load_dialogue
    from avtr_cli.motion.body.generator import WithBody
    from avtr_cli.motion.body.heads import SHIPPED
    from avtr_cli.motion.lmfm.generator import LmfmGenerator
    from avtr_cli.streaming.engine import Engine

    sounds = [path for given in dialogues for path in sounds_in(given)]
    options.check_written({"--report": report}, (*sounds, *(bodies or ()), weights))
    loaded = [load_dialogue(DialogueFiles(dialogue=path)) for path in sounds]
    if both:
        loaded += [one.heard_as(one.sound[1], one.sound[0]) for one in loaded]
    chosen = options.preset_of(preset, settings, None)
    generator = WithBody(LmfmGenerator(chosen.motion), chosen.body, weights or SHIPPED)
    chosen_seeds = range(seed, seed + seeds)
    found = gesture_rows(generator, loaded, chosen_seeds) | trial_rows(generator, loaded, chosen_seeds, minutes)
    rows = {
        name: {
            "what": measure.what,
            "needed": measure.needed,
            **asdict(found[name]),
            "met": measure.met(found[name].value),
        }
        for name, measure in (GESTURES | TRIALS).items()
        if name in found
    }
    lines = [_line(name, row) for name, row in rows.items()]
    photos: dict[str, dict[str, float]] = {}
    for photo in bodies or ():
        photos[photo.stem] = evaluate_fitted(Engine(chosen), photo, loaded, chosen_seeds)
        lines += [f"{photo.stem}:"] + [
            _line(name, {"value": value, "needed": one.needed, "what": one.what, "met": one.met(value)})
            for name, one in FITTED.items()
            for value in (photos[photo.stem][name],)
        ]
    told = {"command": options.typed(), "dialogues": [str(path) for path in sounds], "measures": rows}
    told |= {"photos": photos} if photos else {}
    tell_numbers(lines, told, report, as_json)


def _line(name: str, row: dict[str, object]) -> str:
    mark = {True: "ok", False: "NO", None: ""}[row["met"]]  # type: ignore[index]
    return f"{name:34}{mark:3}{row['value']:9.3f}  {row['needed']:14} {row['what']}".rstrip()
