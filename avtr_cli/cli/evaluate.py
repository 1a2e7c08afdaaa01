"""`avtr eval …`: how well motion and pictures do, in numbers and curves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import (
    eval_alike,
    eval_alive,
    eval_answers,
    eval_baselines,
    eval_body,
    eval_folder,
    eval_gestures,
    eval_interactions,
    eval_renderer,
    eval_seamless,
    eval_temporal,
    options,
    voice,
)
from avtr_cli.cli.command import Command, Group
from avtr_cli.cli.measured import tell_numbers, watched
from avtr_cli.cli.performing import performer, sounds_in
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.audio.files import DialogueFiles

SHORTEST_MINUTES = 0.1  # of a take that borders and drift can be told from

app = typer.Typer(cls=Group, help="Measures of motion, pictures and videos, with their bounds.", no_args_is_help=True)
app.command("renderer", cls=Command)(eval_renderer.renderer)
app.command("body", cls=Command)(eval_body.body)
app.command("temporal", cls=Command)(eval_temporal.temporal)
app.command("interactions", cls=Command)(eval_interactions.interactions)
app.command("gestures", cls=Command)(eval_gestures.gestures)
app.command("answers", cls=Command)(eval_answers.answers)
app.command("alike", cls=Command)(eval_alike.alike)
app.command("alive", cls=Command)(eval_alive.alive)
app.command("listening", cls=Command)(eval_folder.listening)
app.command("unils", cls=Command)(eval_folder.unils)
app.command("pictures", cls=Command)(eval_folder.pictures)
app.command("sync", cls=Command)(eval_folder.sync)
app.command("all", cls=Command)(eval_folder.everything)
app.command("seamless", cls=Command)(eval_seamless.seamless)
app.command("baselines", cls=Command)(eval_baselines.baselines)

AvatarChannel = Annotated[int, typer.Option(help="The avatar's channel.", min=1, max=2)]
Partner = Annotated[Path | None, typer.Option(help="The partner's mono file; DIALOGUE is then the avatar's.")]
Solo = Annotated[bool, typer.Option("--solo", help="DIALOGUE is the avatar's voice alone (mono).")]
Start = Annotated[float, typer.Option(help="Begin here (seconds).", min=0)]
Duration = Annotated[float | None, typer.Option(help="Take so much (seconds).")]


@app.command("motion", cls=Command)
def motion(
    dialogues: Annotated[
        list[Path], typer.Argument(help="Sound files as for avtr render, or folders of .wav files.", show_default=False)
    ],
    avatar_channel: AvatarChannel = 1,
    partner: Partner = None,
    solo: Solo = False,
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    device: options.Device = None,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0, max=2**31 - 1)] = 0,
    seeds: Annotated[int, typer.Option(help="How many; mean and spread are over them.", min=1)] = 3,
    minutes: Annotated[float, typer.Option(help="Length of the long take; 0 leaves it out.", min=0, max=1440)] = 10.0,
    start: Start = 0.0,
    duration: Duration = None,
    phones: Annotated[
        Path | None, typer.Option(help="Label file of the avatar's voice; NAME.lab beside a sound is found by itself.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Judge this LMFM checkpoint, not the shipped one.")] = None,
    follower: Annotated[bool, typer.Option("--follower", help="Judge the plain loudness follower instead.")] = False,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the first dialogue's curves here (.png, .svg, .pdf).")] = None,
    quiet: options.Quiet = False,
) -> None:
    """Judge the motion model on dialogues: mouth, head, listening, life, independence of the two sides."""
    from avtr_cli.evaluation.motion.curves import check_plot, draw_take
    from avtr_cli.evaluation.motion.suite import evaluate_motion
    from avtr_cli.evaluation.motion.takes import load_dialogue, take
    from avtr_cli.evaluation.table import table_lines

    if 0 < minutes < SHORTEST_MINUTES:
        raise ConfigError(f"--minutes is {minutes:g}, but must be 0 or at least {SHORTEST_MINUTES:g}")
    sounds = [path for given in dialogues for path in sounds_in(given)]
    options.check_written({"--report": report, "--plot": plot}, (*sounds, partner, phones, weights))
    if plot is not None:
        check_plot(plot)
    files = [_files(path, partner, solo, avatar_channel, start, duration) for path in sounds]
    if len(files) > 1 and (partner or phones):
        raise ConfigError("--partner and --phones go with one DIALOGUE, not with several")
    loaded = [load_dialogue(one, phones) for one in files]
    perform = performer(options.preset_of(preset, settings, device), weights, follower)
    with watched("takes", quiet) as watch:
        told = {"command": options.typed()} | evaluate_motion(loaded, perform, seeds, minutes, seed, watch)
    tell_numbers(table_lines(told, voice.width(sys.stdout)), told, report, as_json)
    if plot is not None:
        draw_take(take(loaded[0], perform, seed), plot, f"{loaded[0].name}, seed {seed}")


@app.command("video", cls=Command)
def video(
    file: Annotated[Path, typer.Argument(help="A video that avtr rendered.", show_default=False)],
    photo: Annotated[Path, typer.Option(help="The photo it was made from.", show_default=False)],
    face: Annotated[int | None, typer.Option(help="Which face of the photo, from 1.", min=1)] = None,
    dialogue: Annotated[
        Path | None, typer.Option(help="Its dialogue; else the video's first sound channel is the avatar's voice.")
    ] = None,
    avatar_channel: AvatarChannel = 1,
    partner: Partner = None,
    solo: Solo = False,
    start: Start = 0.0,
    duration: Duration = None,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a rendered video with Face Mesh: face, lips against sound, blinks, head, a background that stays."""
    from avtr_cli.evaluation.motion.takes import load_dialogue
    from avtr_cli.evaluation.table import table_lines
    from avtr_cli.evaluation.video import evaluate_video
    from avtr_cli.perception.portrait import find_portrait

    options.check_written({"--report": report}, (file, photo, dialogue, partner))
    sound = None
    if dialogue is not None:
        sound = load_dialogue(_files(dialogue, partner, solo, avatar_channel, start, duration)).sound
    portrait = find_portrait(photo, face)
    with watched(file.name, quiet) as watch:
        told: dict[str, Any] = {"command": options.typed()} | evaluate_video(file, portrait, sound, watch)
    tell_numbers(table_lines(told, voice.width(sys.stdout)), told, report, as_json)


@app.command("stage", cls=Command)
def stage(
    avatar: Annotated[Path, typer.Argument(help="Folder of recordings of one voice.", show_default=False)],
    partners: Annotated[list[Path], typer.Argument(help="Folders of other voices, by turns.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the calls.")],
    count: Annotated[int, typer.Option(help="How many calls.", min=1)] = 30,
    seconds: Annotated[float, typer.Option(help="Length of a call.", min=10, max=36_000)] = 40.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Lay recordings of single voices out as two-channel calls, to judge listening on many of them."""
    from avtr_cli.training.staging import stage_calls

    written = stage_calls(avatar, partners, out, count, seconds, seed)
    typer.echo(f"{len(written)} calls of {seconds:g} s in {out}")


def _files(
    path: Path, partner: Path | None, solo: bool, avatar_channel: int, start: float, duration: float | None
) -> DialogueFiles:
    from avtr_cli.audio.files import DialogueFiles

    return DialogueFiles(
        dialogue=path, partner=partner, solo=solo, avatar_channel=avatar_channel, start_s=start, duration_s=duration
    )
