"""Does the audio-free stage make better listeners? `python benchmarks/prior.py FOLDER [--seeds 3] [--calls 60] ...`

UniLS's claim, tried on our own model: the same dyadic training from the same seed, once from an audio-free prior and
once without, judged on calls of voices that were not trained on by UniLS's measures in both protocols, in frames where
the avatar listens. Vertices are our own average head's 478 points. Rows are mean over seeds with a 95 % t-interval.
What is in FOLDER already is not made again; another size of training needs another folder.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from avtr_cli.core import runtime

runtime.set_library_environment()

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402

from avtr_cli.core.arrays import Floats  # noqa: E402
from avtr_cli.core.config import MotionConfig  # noqa: E402
from avtr_cli.core.motion_space import CONTROLS, FACE_WEIGHTS  # noqa: E402
from avtr_cli.core.timing import CHUNK_FRAMES, CHUNK_SAMPLES, FPS, SAMPLES_PER_FRAME, frames_of  # noqa: E402
from avtr_cli.evaluation import unils  # noqa: E402
from avtr_cli.motion.file import load_motion  # noqa: E402
from avtr_cli.motion.lmfm.generator import LmfmGenerator  # noqa: E402
from avtr_cli.perception.topology import EYES, INNER_LOWER_LIP, INNER_UPPER_LIP  # noqa: E402
from avtr_cli.render.mesh.face_points import face_displacements  # noqa: E402
from avtr_cli.streaming.windows import Windows  # noqa: E402
from avtr_cli.training import dataset, voices  # noqa: E402
from avtr_cli.training.people.voice import speech_in  # noqa: E402
from avtr_cli.training.stages import Run, TrainConfig, export  # noqa: E402
from avtr_cli.training.validation import write_validation_calls  # noqa: E402

EO_MM = 92.0
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # of a mean of so many, two-sided
LIPS = sorted({*INNER_UPPER_LIP, *INNER_LOWER_LIP})
UPPER = sorted({point for eye in EYES for point in (*eye.upper, *eye.lower, *eye.brow)})
JAW = CONTROLS.index("jawOpen")
ROWS = [CONTROLS.index(name) for name in FACE_WEIGHTS]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path)
    for name, default in (
        ("seeds", 3),
        ("calls", 60),
        ("sentences", 40),
        ("prior", 200),
        ("dyadic", 500),
        ("batch", 8),
    ):
        ask.add_argument(f"--{name}", type=int, default=default)
    ask.add_argument("--judged", type=int, default=4, help="calls of 30 s")
    options = ask.parse_args()
    torch.set_num_threads(1)
    corpus, judged = _data(options)
    found: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    for seed in range(options.seeds):
        for arm in found:
            weights = _trained(options, corpus, arm, seed)
            found[arm].append(_judge(weights, judged, seed))
            print(f"seed {seed} {arm}: {json.dumps(found[arm][-1])}", flush=True)
    told = {"options": {name: str(value) for name, value in vars(options).items()}, "found": found}
    (options.folder / "prior.json").write_text(json.dumps(told, indent=1))
    for line in _table(found):
        print(line)


def _data(options: argparse.Namespace) -> tuple[dataset.Corpus, list[Path]]:
    """Calls to train on, of the installed engines' voices but one, and calls of that one to judge by."""
    shares = {"flite": 1.0, "festival": 0.5, "espeak": 0.25, "kokoro": 0.0, "mixed": 0.0}
    counts = {engine: max(4, round(share * options.sentences)) for engine, share in shares.items()}
    spoken = voices.speak_corpus(options.folder / "speech", counts, 1, options.folder / "no-kokoro")
    kept = sorted(name for name in spoken if name.startswith("flite"))[0]
    folder, judged = options.folder / "calls", options.folder / "judged"
    paths = sorted(judged.glob("*.wav"))
    if len(paths) < options.judged:
        paths = write_validation_calls(judged, spoken[kept], options.judged, 30.0, 77)
    for _ in dataset.write_corpus(folder, {k: v for k, v in spoken.items() if k != kept}, options.calls, 1):
        pass
    return dataset.Corpus.load(folder), paths


def _trained(options: argparse.Namespace, corpus: dataset.Corpus, arm: str, seed: int) -> Path:
    """The checkpoint of one arm."""
    common: dict[str, Any] = {"batch": options.batch, "seed": seed, "nonspeech": 20, "warmup": 50, "tracks_every": 2}
    start = None
    if arm == "with":
        prior = options.folder / f"prior-{seed}"
        for _ in Run(prior, TrainConfig(stage="prior", steps=options.prior, **common), corpus).steps():
            pass
        start = prior / "last.safetensors"
    run, out = options.folder / f"{arm}-{seed}", options.folder / f"{arm}-{seed}.safetensors"
    for _ in Run(run, TrainConfig(stage="dyadic", steps=options.dyadic, **common), corpus, start).steps():
        pass
    export([run], out)
    return out


def _judge(weights: Path, calls: list[Path], seed: int) -> dict[str, float]:
    """UniLS's measures of all calls, in frames where the avatar listens, averaged; distances pooled."""
    generator = LmfmGenerator(MotionConfig(), weights)
    rows: list[dict[str, float]] = []
    made_all: list[Floats] = []
    true_all: list[Floats] = []
    for path in calls:
        sound = soundfile.read(path, dtype="float32", always_2d=True)[0].T
        made = _performed(generator, sound, seed)
        true = load_motion(path.with_suffix(".truth.safetensors"))[1].numpy()[: len(made)]
        own, partner = (_by_frame(side, len(made)) for side in sound)
        row: dict[str, float] = {}
        for protocol in unils.PROTOCOLS:
            measured = unils.measure(
                _vertices(made), _vertices(true), made[:, 52:55], true[:, 52:55], made[:, [JAW]], true[:, [JAW]], own,
                partner, LIPS, UPPER, protocol,
            )  # fmt: skip
            row |= {f"{protocol}.{name}": value for name, value in measured.items() if value is not None}
        rows.append(row)
        listens = partner & ~own
        made_all.append(made[listens])
        true_all.append(true[listens])
    wanted = [name for name in rows[0] if "L_" in name or "S_LVE" in name]
    told = {name: float(np.mean([row[name] for row in rows if name in row])) for name in wanted}
    told["L_F-FID"] = unils.motion_frechet([one[:, ROWS] for one in made_all], [one[:, ROWS] for one in true_all])
    told["L_P-FID"] = unils.motion_frechet([one[:, 52:55] for one in made_all], [one[:, 52:55] for one in true_all])
    return {name: value for name, value in told.items() if math.isfinite(value)}


def _performed(generator: LmfmGenerator, sound: Floats, seed: int) -> Floats:
    state, windows, rows = generator.start(None, seed), Windows(), []
    for window in [*windows.push(np.ascontiguousarray(sound)), *windows.finish()]:
        motion, state = generator.step(window, state)
        rows.append(motion.values.numpy())
    assert CHUNK_SAMPLES == CHUNK_FRAMES * SAMPLES_PER_FRAME
    return np.concatenate(rows)[: frames_of(sound.shape[1])]


def _vertices(controls: Floats) -> Floats:
    """(T, 478, 3) mm that the face weights move the average head's points by, the head still."""
    return np.einsum("tk,kvi->tvi", controls[:, ROWS], face_displacements()) * EO_MM


def _by_frame(side: Floats, frames: int) -> Any:
    speech = speech_in(side)[: 4 * frames]
    return np.pad(speech, (0, 4 * frames - len(speech))).reshape(frames, 100 // FPS).mean(1) >= 0.5


def _table(found: dict[str, list[dict[str, float]]]) -> list[str]:
    seeds = len(found["with"])
    lines = ["| measure | with the prior | without | difference, seed by seed |", "|---|---|---|---|"]
    for name in found["with"][0]:
        arms = [np.array([one[name] for one in found[arm]]) for arm in ("with", "without")]
        cells = [_interval(values, seeds) for values in (*arms, arms[0] - arms[1])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _interval(values: Floats, seeds: int) -> str:
    half = T_95[seeds] * values.std(ddof=1) / math.sqrt(seeds) if seeds in T_95 else math.nan
    return f"{values.mean():.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
