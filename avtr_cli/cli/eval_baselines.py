"""`avtr eval baselines`: our motion model and what it is held against, performing calls into a folder to be judged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import OUTPUT, SETTINGS
from avtr_cli.cli.measured import watched
from avtr_cli.cli.options import option
from avtr_cli.cli.performing import performer, sounds_in


def baselines(
    dialogues: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIALOGUE...",
            help="Sound files with NAME.truth.safetensors beside them, or folders of such.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, option(OUTPUT, "-o", "--out", metavar="FOLDER", help="A new folder for all of it.")],
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    device: options.Device = None,
    seeds: Annotated[int, option(SETTINGS, "--seeds", min=1, max=99, help="How many of the model's own.")] = 3,
    truth: Annotated[str, option(SETTINGS, "--truth", metavar="WORDS", help="Who the true person is.")] = (
        "a person simulated by rules"
    ),
    quiet: options.Quiet = False,
) -> None:
    """Perform calls for `avtr eval listening`: our model, late, deaf, with another's partner; a follower; a loop."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.core.errors import OutputError
    from avtr_cli.evaluation.baselines import write_folder
    from avtr_cli.evaluation.motion.baselines import baselines as held_against
    from avtr_cli.evaluation.motion.takes import load_dialogue

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out}: is there already; choose a new folder")
    sounds = [path for given in dialogues for path in sounds_in(given)]
    calls = [(path, load_dialogue(DialogueFiles(dialogue=path))) for path in sounds]
    perform = performer(options.preset_of(preset, settings, device))
    with watched("calls", quiet) as watch:
        write_folder(out, calls, held_against(perform, seeds), truth, watch)
    typer.echo(str(out))
