"""`avtr eval temporal`: a minute of driven frames, held against each other and against the photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options


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
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers here.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not say what is being done.")] = False,
) -> None:
    """Draw what the motion model makes of a dialogue; measure flicker, swimming and likeness before encoding."""
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.core import runtime
    from avtr_cli.core.files import write_json
    from avtr_cli.core.motion_space import CONTROLS
    from avtr_cli.core.shipped import shipped_folder
    from avtr_cli.evaluation.mesh.renderer import kept_share, renderer_table
    from avtr_cli.evaluation.mesh.temporal import TEMPORAL_BOUNDS, evaluate_temporal
    from avtr_cli.evaluation.motion.rollout import SessionPerformer
    from avtr_cli.evaluation.motion.takes import load_dialogue, repeated
    from avtr_cli.perception.photo import picture_size
    from avtr_cli.streaming.engine import motion_generator

    options.check_written({"--json": json_file}, (*photos, dialogue))
    for photo in photos:
        picture_size(photo)  # a mistyped name is told before the motion is made
    chosen = options.preset_of(preset, settings, device, size, view)
    runtime.use_threads(chosen.runtime.threads)
    where = runtime.choose_device(chosen.runtime.device)
    call = load_dialogue(DialogueFiles(dialogue=dialogue or shipped_folder("examples") / "dialogue.wav"))
    controls = SessionPerformer(motion_generator(chosen, CONTROLS, where))(repeated([call], seconds).sound, seed)
    say = (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True))
    results = evaluate_temporal(photos, controls, chosen.render, where, say)
    for line in renderer_table(results, TEMPORAL_BOUNDS):
        typer.echo(line)
    if json_file is not None:
        kept, measured = kept_share(results, TEMPORAL_BOUNDS)
        bounds = {name: {"what": bound.what, "needed": bound.text} for name, bound in TEMPORAL_BOUNDS.items()}
        facts = {"command": options.typed(), "frames": len(controls), "bounds": bounds}
        write_json(json_file, facts | {"photos": results, "kept": kept, "measured": measured})
