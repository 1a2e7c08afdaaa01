"""`avtr eval interactions`: how people who are touched answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import options, voice
from avtr_cli.cli.measured import tell_numbers
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Image, Sound


def interactions(
    photos: Annotated[list[Path], typer.Argument(help="Portraits to try it on.", show_default=False)],
    dialogue: Annotated[
        Path | None, typer.Option(help="Two-channel sound to speak meanwhile; the example dialogue if left out.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many, from --seed on; every other one has another word.", min=1)] = 2,
    seed: options.Seed = 0,
    size: Annotated[int, typer.Option(help="Side of the frames, px.", min=128)] = 320,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="Judge whole people instead: shoulders that go back, hands at cheeks.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Draw every region in every tone here (.png), of the first photo.")
    ] = None,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Touch 12 regions in 4 tones, read the answers with Face Mesh; speech meanwhile, bits and folds; with controls."""
    from avtr_cli.core.config import load_preset
    from avtr_cli.evaluation.touch import clips, exact, measures, speech
    from avtr_cli.perception.photo import picture_size
    from avtr_cli.streaming.engine import Engine

    if sheet is not None and sheet.suffix.lower() != ".png":
        raise ConfigError(f"--sheet {sheet}: name it .png")
    options.check_written({"--report": report, "--sheet": sheet}, (*photos, dialogue))
    for photo in photos:
        picture_size(photo)
    if bodies:
        _bodies(photos, range(seed, seed + seeds), size, sheet, report, as_json)
        return
    sound = _sound(dialogue)
    engine = Engine(load_preset("default", [f"render.size={size}"]))
    found: list[clips.Clip] = []
    for photo in photos:
        voice.note(str(photo))
        found += clips.clips_of(engine, photo, range(seed, seed + seeds))
    numbers, more = measures.of_clips(found, seed)
    numbers |= speech.evaluate_speech(engine, photos[0], sound, seed)
    numbers |= exact.evaluate_bits(engine, photos[0], sound[:, : 3 * 16_000], seed)
    numbers |= exact.evaluate_folds(engine, photos[0])
    if sheet is not None:
        from avtr_cli.evaluation.touch.sheet import sheet as drawn

        _draw(sheet, drawn(engine, photos[0], seed))
    kept, measured = measures.kept_of(numbers)
    bounds = {name: {"what": bound.what, "needed": bound.needed} for name, bound in measures.BOUNDS.items()}
    told: dict[str, Any] = {"command": options.typed(), "photos": [str(photo) for photo in photos]}
    told |= {"clips": len(found), "bounds": bounds, "numbers": numbers, "kept": kept, "measured": measured, **more}
    tell_numbers(measures.table(numbers, more), told, report, as_json)


def _bodies(
    photos: list[Path], seeds: range, size: int, sheet: Path | None, report: Path | None, as_json: bool
) -> None:
    import sys

    from avtr_cli.core.config import load_preset
    from avtr_cli.evaluation.mesh.renderer import kept_share, renderer_table
    from avtr_cli.evaluation.touch.bodies import BODIES, evaluate_bodies
    from avtr_cli.evaluation.touch.body_sheet import body_sheet
    from avtr_cli.streaming.engine import Engine

    engine = Engine(load_preset("body", [f"render.size={size}"]))
    results = {}
    for photo in photos:
        voice.note(str(photo))
        results[photo.stem] = evaluate_bodies(engine, photo, seeds)
    if sheet is not None:
        _draw(sheet, body_sheet(engine, photos[0], seeds[0]))
    kept, measured = kept_share(results, BODIES)
    bounds = {name: {"what": bound.what, "needed": bound.needed} for name, bound in BODIES.items()}
    told = {"command": options.typed(), "bounds": bounds, "photos": results, "kept": kept, "measured": measured}
    tell_numbers(renderer_table(results, BODIES, voice.width(sys.stdout)), told, report, as_json)


def _sound(dialogue: Path | None) -> Sound:
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.core.shipped import shipped_folder
    from avtr_cli.evaluation.motion.takes import load_dialogue

    return load_dialogue(DialogueFiles(dialogue=dialogue or shipped_folder("examples") / "dialogue.wav")).sound


def _draw(path: Path, picture: Image) -> None:
    import cv2

    from avtr_cli.core.errors import OutputError
    from avtr_cli.core.files import reason, replacing

    data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    try:
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error
