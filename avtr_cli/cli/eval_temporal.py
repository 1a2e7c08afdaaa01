"""`avtr eval temporal`: a minute of driven frames, held against each other and against the photo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options, voice
from avtr_cli.cli.measured import tell_numbers


def temporal(
    photos: Annotated[list[Path], typer.Argument(help="Portraits to try it on.", show_default=False)],
    dialogue: Annotated[
        Path | None, typer.Option(help="Two-channel sound that drives them; the example dialogue where not given.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="How long; a shorter dialogue begins again.", min=1, max=36_000)
    ] = 60.0,
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    size: options.Size = None,
    view: options.View = None,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw what the motion model makes of a dialogue; measure flicker, swimming and likeness before encoding."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.core import runtime
    from avtr_cli.core.motion_space import CONTROLS
    from avtr_cli.core.shipped import shipped_folder
    from avtr_cli.evaluation.mesh.renderer import kept_share, renderer_table
    from avtr_cli.evaluation.mesh.temporal import TEMPORAL_BOUNDS, evaluate_temporal
    from avtr_cli.evaluation.motion.rollout import SessionPerformer
    from avtr_cli.evaluation.motion.takes import load_dialogue, repeated
    from avtr_cli.perception.photo import picture_size
    from avtr_cli.streaming.engine import motion_generator

    options.check_written({"--report": report}, (*photos, dialogue))
    for photo in photos:
        picture_size(photo)  # a mistyped name is told before the motion is made
    chosen = options.preset_of(preset, settings, device, size=size, view=view)
    runtime.use_threads(chosen.runtime.threads)
    where = runtime.choose_device(chosen.runtime.device)
    call = load_dialogue(DialogueFiles(dialogue=dialogue or shipped_folder("examples") / "dialogue.wav"))
    controls = SessionPerformer(motion_generator(chosen, CONTROLS, where))(repeated([call], seconds).sound, seed)
    results = evaluate_temporal(photos, controls, chosen.render, where, voice.note)
    kept, measured = kept_share(results, TEMPORAL_BOUNDS)
    bounds = {name: {"what": bound.what, "needed": bound.needed} for name, bound in TEMPORAL_BOUNDS.items()}
    told = {"command": options.typed(), "frames": len(controls), "bounds": bounds, "photos": results}
    told |= {"kept": kept, "measured": measured}
    lines = renderer_table(results, TEMPORAL_BOUNDS, voice.width(sys.stdout))
    tell_numbers(lines, told, report, as_json)
