"""The two stages of training (after UniLS): an audio-free prior of facial motion, then both voices come in.

Everything random is drawn from (seed, stage, step), so a run that is stopped and resumed at any step goes on
as if it had not been. A run folder holds `last.safetensors` (weights, their running mean, optimiser) and
`curve.csv`; `export` writes the running mean, of one run or of several, as a checkpoint that `LmfmGenerator` loads.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from avtr_cli.core.errors import AvtrError
from avtr_cli.core.files import replacing, write_text
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.motion import flow
from avtr_cli.motion.lmfm.checkpoint import FORMAT
from avtr_cli.motion.lmfm.network import Lmfm, LmfmShape
from avtr_cli.training.dataset import LICENCES, Corpus
from avtr_cli.training.nonspeech import Bank, mix
from avtr_cli.training.objective import AUDIO_FREE, Dropout, Weights, heard_corpus, losses, total
from avtr_cli.training.perturb import perturb

STAGES = ("prior", "dyadic")
_MOUTH_SD_FLOOR = 0.02  # sparse channels would else be all spikes in z-units
_FACE_SD_FLOOR = 1e-3  # degrees, hundredths of the eye distance, weights: of what nobody measured


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How one stage is trained. Defaults suit two CPU cores; no GPU was ever at hand to choose a `batch` for one."""

    stage: str
    steps: int = 12_000
    batch: int = 16  # windows
    frames: int = 125  # of a window: 5 s
    learning_rate: float = 1.5e-3
    warmup: int = 200  # steps
    average: float = 0.999  # decay of the weights' running mean
    seed: int = 0
    save_every: int = 200  # steps
    tracks_every: int = 3  # steps; hearing needs more of them than the flows, which are most of the work
    audio_partner: bool = True  # false: the ablation without partner audio
    mixed: bool = True  # matrix products in bfloat16, where this machine has them in hardware 4 times as fast
    phones: bool = True  # false: the ablation without the phone head's labels
    nonspeech: int = 400  # breaths, laughs and the like, made once and mixed into pauses; 0: none
    keep_hearing: bool = False  # true: hear as the weights it begins with do, and learn to move alone
    keep_listening: bool = False  # true: hear the partner and answer as those do; learn to hear oneself and to move

    def rate(self, step: int) -> float:
        """Learning rate: linear warm-up, then a cosine down to 4 %."""
        up = min(1.0, (step + 1) / self.warmup)
        down = 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))
        return self.learning_rate * up * (0.04 + 0.96 * down)


@dataclass(frozen=True)
class Progress:
    """What a stage reports after each step."""

    step: int
    parts: dict[str, float]
    seconds: float


def fit_statistics(model: Lmfm, corpus: Corpus, calls: int = 400) -> None:
    """Set the buffers that give channels their units: mouth z-scores, the face's rest by person, innovations."""
    mouth, face, person = (_of_seen(corpus, name, calls) for name in ("mouth", "face", "person"))
    mouth = mouth.flatten(0, 1)
    model.mouth_mean.copy_(mouth.mean(0))
    model.mouth_sd.copy_(mouth.std(0).clamp_min(_MOUTH_SD_FLOOR))
    design = torch.cat([person, torch.ones(len(person), 1)], dim=1)
    ridge = design.T @ design + 1e-2 * torch.eye(design.shape[1])
    line = torch.linalg.solve(ridge, design.T @ face.mean(1))
    model.face_slope.copy_(line[:-1])
    model.face_mean.copy_(line[-1])
    rest = face - model.face_centre(person).unsqueeze(1)
    model.face_sd.copy_(rest.flatten(0, 1).std(0).clamp_min(_FACE_SD_FLOOR))
    fitted = flow.Innovations.fit(rest / model.face_sd, CHUNK_FRAMES)
    model.face_predictor.copy_(fitted.predictor)
    model.face_whiten.copy_(fitted.whiten)
    model.face_colour.copy_(fitted.colour)


def _of_seen(corpus: Corpus, name: str, calls: int) -> Tensor:
    """An array of the first `calls` calls, (n, ...): one row for each side whose face was seen."""
    rows = torch.from_numpy(corpus.arrays[name][:calls].astype(np.float32)).flatten(0, 1)
    if "seen" not in corpus.arrays:
        return rows
    return rows[torch.from_numpy(corpus.arrays["seen"][:calls].astype(bool)).flatten()]


class Run:
    """One stage of training in one folder; `steps()` goes on from where the folder stands."""

    def __init__(self, folder: Path, config: TrainConfig, corpus: Corpus, start_from: Path | None = None,
                 device: str = "cpu") -> None:  # fmt: skip
        if config.stage not in STAGES:
            raise AvtrError(f"no training stage is called '{config.stage}'; there are {', '.join(STAGES)}")
        self.folder, self.config, self.corpus, self.device = folder, config, corpus, torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.model = Lmfm()
        self.step, self.minutes = 0, 0.0
        self.licences = list(corpus.licences)
        if start_from:
            load_weights(self.model, start_from)
            self.licences = sorted({*self.licences, *json.loads(read_tensors(start_from)[1].get(LICENCES, "[]"))})
        if not start_from or config.keep_hearing:
            fit_statistics(self.model, corpus)
        if config.keep_hearing:
            self.model.hearing.requires_grad_(False).eval()
            self.corpus = heard_corpus(self.model, corpus, config.seed)
        elif config.keep_listening:
            keep_listening(self.model)
        heard = config.stage == "dyadic" and "features" in self.corpus.arrays
        self.nonspeech = Bank.made(config.nonspeech, config.seed) if heard and config.nonspeech else None
        self.model.to(self.device)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=config.learning_rate, weight_decay=0.01)
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        if (folder / "last.safetensors").exists():
            self._resume()

    def steps(self) -> Iterator[Progress]:
        """Train until `config.steps`, saving as it goes; yields after every step."""
        config = self.config
        dropout = AUDIO_FREE if config.stage == "prior" else Dropout(partner=0.1 if config.audio_partner else 1.0)
        weights = Weights() if config.phones else Weights(visemes=0.0)
        with (self.folder / "curve.csv").open("a", newline="", encoding="utf-8") as lines:
            curve = csv.writer(lines)
            while self.step < config.steps:
                began = time.monotonic()
                parts = self._one_step(dropout, weights)
                self.step += 1
                seconds = time.monotonic() - began
                self.minutes += seconds / 60
                if self.step % 25 == 0:
                    row = [self.step, round(self.minutes, 2), *(f"{name}={value:.4f}" for name, value in parts.items())]
                    curve.writerow(row)
                    lines.flush()
                if self.step % config.save_every == 0 or self.step == config.steps:
                    self.save()
                yield Progress(self.step, parts, seconds)

    def _one_step(self, dropout: Dropout, weights: Weights) -> dict[str, float]:
        config = self.config
        key = [config.seed, STAGES.index(config.stage), self.step]
        rng = np.random.default_rng(key)
        batch = self.corpus.batch(rng, config.batch, config.frames)
        if self.nonspeech:
            batch = mix(batch, self.nonspeech, rng)
        number = key[0] * 1_000_003 + key[1] * 500_009 + key[2]
        generator = torch.Generator().manual_seed(number)
        torch.manual_seed(number)  # of dropout
        if "features" in batch:
            batch["features"] = perturb(batch["features"], generator)
        batch = {name: value.to(self.device) for name, value in batch.items()}
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        mixed = config.mixed and half_is_quick(self.device)
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else contextlib.nullcontext():
            tracks = config.stage == "prior" or self.step % config.tracks_every == 0
            parts = losses(self.model, batch, dropout, generator, tracks)
            loss = total(parts, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        keep = min(config.average, (1 + self.step) / (10 + self.step))
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)
        return {name: float(value.detach()) for name, value in parts.items()}

    def save(self) -> None:
        """Everything needed to go on, under its name only when complete."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        names = [name for name, _ in self.model.named_parameters()]
        for index, held in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{key}.{names[index]}": value for key, value in held.items()}
        header = {"step": str(self.step), "minutes": str(self.minutes), "config": json.dumps(asdict(self.config)),
                  LICENCES: json.dumps(self.licences)}  # fmt: skip
        write_tensors(self.folder / "last.safetensors", tensors, header)

    def _resume(self) -> None:
        tensors, header = read_tensors(self.folder / "last.safetensors")
        self.model.load_state_dict(_under(tensors, "model."))
        self.average = {name: value.to(self.device) for name, value in _under(tensors, "average.").items()}
        state = self.optimiser.state_dict()
        for index, (name, _) in enumerate(self.model.named_parameters()):
            held = {key: tensors.get(f"optimiser.{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
            if held["step"] is not None:
                state["state"][index] = held
        self.optimiser.load_state_dict(state)
        self.step, self.minutes = int(header["step"]), float(header["minutes"])
        self.licences = sorted({*self.licences, *json.loads(header.get(LICENCES, "[]"))})


def keep_listening(model: Lmfm) -> None:
    """Freeze what hears the partner and answers: all of the hearing but the own voice's deeper net, and the events."""
    model.hearing.requires_grad_(False)
    model.hearing.diction.requires_grad_(True)
    model.events.requires_grad_(False)


def export(runs: Sequence[Path], out: Path, notes: dict[str, str] | None = None) -> None:
    """Write the running mean of a run's weights as a checkpoint for `LmfmGenerator`, or its mean over several runs.

    Runs that began at the same weights may be averaged ("Model soups", Wortsman et al. 2022); the header tells of
    each one's training, and of all minutes together.
    """
    held = [read_tensors(run / "last.safetensors") for run in runs]
    averages = [_under(tensors, "average.") for tensors, _ in held]
    mean = {name: torch.stack([one[name] for one in averages]).mean(0) for name in averages[0]}
    headers = [header for _, header in held]
    about = {"format": FORMAT, **LmfmShape().as_strings(), "step": headers[0]["step"],
             "minutes": str(sum(float(header["minutes"]) for header in headers)),
             "training": ", ".join(header["config"] for header in headers), **(notes or {})}  # fmt: skip
    licences = sorted({licence for header in headers for licence in json.loads(header.get(LICENCES, "[]"))})
    write_tensors(out, mean, about | {LICENCES: json.dumps(licences)} if licences else about)
    if licences:
        write_text(out.with_suffix(".md"), card(out.name, about, licences))


def card(name: str, about: Mapping[str, str], licences: Sequence[str]) -> str:
    """The model card of weights that were trained on recorded people: under whose terms they stand."""
    terms = "\n".join(f"- {licence}" for licence in licences)
    return (
        f"# Model card of {name}\n\nTrained by avtr on recordings of people. Their terms hold for these weights and "
        f"for what is made with them:\n\n{terms}\n\nSteps: {about['step']}; minutes: {float(about['minutes']):.1f}; "
        f"settings: {about['training']}\n"
    )


def half_is_quick(device: torch.device) -> bool:
    """Whether bfloat16 is this device's own: a CPU without its instructions takes a hundred times as long for it."""
    if device.type != "cpu":
        return True
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def load_weights(model: Lmfm, path: Path) -> None:
    """Take the weights of a run folder's state or of an exported checkpoint; what has another size begins anew."""
    tensors, _ = read_tensors(path)
    held = _under(tensors, "average.") or tensors
    own = model.state_dict()
    model.load_state_dict(
        {name: held[name] if held[name].shape == value.shape else value for name, value in own.items()}
    )


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file, on the CPU."""
    with safe_open(path, "pt") as held:
        return {name: held.get_tensor(name) for name in held.keys()}, held.metadata() or {}  # noqa: SIM118


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write them whole or not at all: beside `path` first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial, header)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
