"""The heads of gestures, trained on simulated calls behind the embedded model's hearing, which stays as it is.

Accents are learned at every frame of speech, gesture or not: three times the examples that beats would give, and no
sampling in between. Hazards are learned with the ages of the true events. At last, on voices never trained on, the odds
of each hazard are corrected until as many are expected as there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from avtr_cli.core.arrays import AnyArray, Floats
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.files import replacing
from avtr_cli.core.timing import CHUNK_FRAMES, FPS, LOOKAHEAD_FRAMES, SAMPLE_RATE
from avtr_cli.motion.body.events import EVENTS, LEAD
from avtr_cli.motion.body.heads import (
    BEFORE,
    FORMAT,
    HISTORY,
    MIXED,
    SINCE_LONGEST,
    AccentAhead,
    Heads,
    hearing_sha256,
)  # fmt: skip
from avtr_cli.motion.lmfm import hearing
from avtr_cli.motion.lmfm.checkpoint import SHIPPED, load_lmfm
from avtr_cli.motion.lmfm.log_mel import SILENCE, LogMel
from avtr_cli.motion.lmfm.network import Lmfm
from avtr_cli.training import augment
from avtr_cli.training.conversation import Side, simulate
from avtr_cli.training.dataset import since_starts
from avtr_cli.training.gesture_truth import GestureTruth, draw_style, place_gestures
from avtr_cli.training.prosody import analyse
from avtr_cli.training.speech import Utterance
from avtr_cli.training.voices import load_utterances

CALL_SECONDS = 30.0
KEPT_APART = ("flite-slt", "espeak-en-US-m2", "festival-ked_diphone", "kokoro-af_bella", "mixed-0")
"""Voices that are never trained on here: odds are corrected on them, and numbers told of them."""
WINDOW = 200  # frames that hazards are learned over at once


@dataclass(frozen=True)
class GestureCorpus:
    """Sides of calls, arrays by name, (n, T, ...): encoded, flags, starts, up, accents, speech, style (n, 3)."""

    arrays: Mapping[str, AnyArray]

    def truths(self) -> list[GestureTruth]:
        """What was placed on each side."""
        names = [field.name for field in fields(GestureTruth)]
        return [GestureTruth(*one) for one in zip(*(self.arrays[name] for name in names), strict=True)]

    def __len__(self) -> int:
        return len(self.arrays["starts"])

    @property
    def frames(self) -> int:
        """Of a call: whole chunks."""
        return int(self.arrays["starts"].shape[1]) // CHUNK_FRAMES * CHUNK_FRAMES


def load_voices(folder: Path) -> tuple[dict[str, list[Utterance]], dict[str, list[Utterance]]]:
    """What the voices in `folder` say: those that are trained on, and those kept apart. Raises AvtrError."""
    paths = sorted(folder.glob("*.safetensors"))
    if len(paths) < 2:
        raise AvtrError(f"{folder} holds no voices; make them with avtr train data {folder.parent}")
    said = {path.stem: load_utterances(path) for path in paths}
    apart = {name: lines for name, lines in said.items() if name in KEPT_APART}
    return {name: lines for name, lines in said.items() if name not in apart}, apart or said


def make_calls(
    voices: dict[str, list[Utterance]], calls: int, seed: int, model: Lmfm, seconds: float = CALL_SECONDS,
    watch: Callable[[int], None] = lambda done: None,
) -> GestureCorpus:  # fmt: skip
    """Simulated calls, both sides of each, heard as a stream would hear them."""
    rows: list[dict[str, AnyArray]] = []
    for number in range(calls):
        rng = np.random.default_rng([seed, number])
        rows += heard_sides(simulate(voices, seconds, rng), rng, model)
        watch(number + 1)
    return GestureCorpus({name: np.stack([row[name] for row in rows]) for name in rows[0]})


def heard_sides(call: tuple[Side, Side], rng: np.random.Generator, model: Lmfm) -> Iterator[dict[str, AnyArray]]:
    """Of each side as the avatar, what it hears and when it gestures."""
    frames = len(call[0].samples) * FPS // SAMPLE_RATE
    prosody = [analyse(side) for side in call]
    coloured = [augment.colour(side.samples, rng) for side in call]
    leaked = np.stack([augment.leak(coloured[k], coloured[1 - k], rng) for k in (0, 1)])
    features = LogMel().of_file(torch.from_numpy(leaked))[:, :frames]
    for k in (0, 1):
        encoded, flags = hear(model, features[[k, 1 - k]])
        style = draw_style(rng)
        truth = place_gestures(prosody[k], prosody[1 - k], frames, style, rng)
        yield {
            "encoded": encoded.numpy().astype(np.float16), "flags": flags.numpy().astype(np.float16),
            "starts": truth.starts, "up": truth.up, "accents": truth.accents, "speech": truth.speech,
            "style": style.astype(np.float32),
        }  # fmt: skip


@torch.no_grad()
def hear(model: Lmfm, features: Tensor) -> tuple[Tensor, Tensor]:
    """(2, T, 320), the avatar's side first -> its encoded frames (T, 128) and the flags of both sides (T, 12)."""
    silence = torch.full((2, hearing.HISTORY, features.shape[-1]), SILENCE)
    whole = torch.cat([silence, features, silence[:, :LOOKAHEAD_FRAMES]], dim=1)
    encoded = model.hearing(whole[None])[0][0]
    before = model.hearing.of_silence()[:, None].expand(2, hearing.FLAG_HISTORY, -1)
    flags = model.hearing.flags(torch.cat([before, encoded], dim=1)).sigmoid()
    return encoded[0], torch.cat([flags[0], flags[1]], dim=-1)


def train_accents(head: AccentAhead, corpus: GestureCorpus, steps: int, seed: int) -> Iterator[float]:
    """Teach the accent ahead in batches of 512 chunks, yielding the loss of each step."""
    known = accents_ahead(corpus)
    encoded = np.pad(corpus.arrays["encoded"], ((0, 0), (BEFORE, 0), (0, 0)))
    descent = torch.optim.AdamW(head.parameters(), 3e-3, weight_decay=0.1)
    rng = np.random.default_rng(seed)
    head.train()
    for step in range(steps):
        _anneal(descent, 3e-3, step, steps)
        call, chunk = rng.integers(len(corpus), size=512), rng.integers(corpus.frames // CHUNK_FRAMES, size=512)
        rows = chunk[:, None] * CHUNK_FRAMES + np.arange(BEFORE + CHUNK_FRAMES)
        heard = torch.from_numpy(encoded[call[:, None], rows].astype(np.float32))
        told = known[call[:, None], chunk[:, None] * CHUNK_FRAMES + np.arange(CHUNK_FRAMES)]
        yield _learn(descent, F.binary_cross_entropy_with_logits(head(heard), torch.from_numpy(told)))
    head.eval()


def accents_ahead(corpus: GestureCorpus) -> Floats:
    """float32 (n, T): whether an accent is within a frame of LEAD frames later."""
    accents = corpus.arrays["accents"]
    known = np.zeros(accents.shape, np.float32)
    for ahead in (LEAD - 1, LEAD, LEAD + 1):
        known[:, :-ahead] = np.maximum(known[:, :-ahead], accents[:, ahead:])
    return known


def train_hands(heads: Heads, corpus: GestureCorpus, steps: int, seed: int) -> Iterator[float]:
    """Teach the hazards in batches of 24 windows of 8 s, yielding the loss of each step."""
    inputs = _Inputs(corpus)
    descent = torch.optim.AdamW(heads.hands.parameters(), 2e-3, weight_decay=0.02)
    rng = np.random.default_rng(seed)
    heads.hands.train()
    for step in range(steps):
        _anneal(descent, 2e-3, step, steps)
        calls = rng.integers(len(corpus), size=24)
        firsts = rng.integers((corpus.frames - WINDOW) // CHUNK_FRAMES + 1, size=24) * CHUNK_FRAMES
        logits, told = inputs.judged(heads, calls.tolist(), firsts.tolist(), WINDOW)
        yield _learn(descent, F.binary_cross_entropy_with_logits(logits, told, reduction="none").sum(-1).mean())
    heads.hands.eval()


class _Inputs:
    """What the hazards hear and know of a corpus, window by window."""

    def __init__(self, corpus: GestureCorpus):
        arrays = corpus.arrays
        self.flags = np.pad(arrays["flags"], ((0, 0), (HISTORY, 0), (0, 0)))
        self.encoded = np.pad(arrays["encoded"], ((0, 0), (MIXED, 0), (0, 0)))
        self.starts, self.style = arrays["starts"], arrays["style"]
        self.since = np.stack([since_starts(starts, int(SINCE_LONGEST)) for starts in arrays["starts"]])
        self.up = np.pad(arrays["up"][:, :-1], ((0, 0), (1, 0)))

    def judged(self, heads: Heads, calls: Sequence[int], firsts: Sequence[int], frames: int) -> tuple[Tensor, Tensor]:
        """Log odds and whether it began, (n, frames, 8), from `firsts` on."""

        def cut(array: AnyArray, more: int = 0) -> Tensor:
            rows = [array[call, first : first + frames + more] for call, first in zip(calls, firsts, strict=True)]
            return torch.from_numpy(np.stack(rows).astype(np.float32))

        memory = heads.hands.memory(cut(self.flags, HISTORY), cut(self.encoded, MIXED))
        style = torch.from_numpy(self.style[list(calls)])[:, None].expand(-1, frames, -1)
        return heads.hands(memory, cut(self.since), cut(self.up)[..., None], style), cut(self.starts)


@torch.no_grad()
def correct_odds(heads: Heads, corpus: GestureCorpus, most: float = 3.0) -> dict[str, tuple[float, float]]:
    """Set `heads.odds` so that as many events are expected of `corpus` as it has; returns both, by event."""
    inputs, told = _Inputs(corpus), {}
    logits, starts = inputs.judged(heads, range(len(corpus)), [0] * len(corpus), corpus.frames)
    for row, event in enumerate(EVENTS):
        true, low, high = float(starts[..., row].sum()), -math.log(most), math.log(most)
        expected = float(logits[..., row].sigmoid().sum())
        for _ in range(30):
            middle = (low + high) / 2
            if float((logits[..., row] + middle).sigmoid().sum()) < true:
                low = middle
            else:
                high = middle
        heads.odds[row] = math.exp((low + high) / 2)
        told[event] = (expected, true)
    return told


@torch.no_grad()
def accent_auc(head: AccentAhead, corpus: GestureCorpus) -> float:
    """How surely a frame with an accent ahead is told from one without: the area under the ROC curve."""
    chances, known = accent_chances(head, corpus).ravel(), accents_ahead(corpus)[:, : corpus.frames].ravel() > 0
    ranks = np.argsort(np.argsort(chances, kind="stable"), kind="stable")
    true = int(known.sum())
    return float((ranks[known].mean() - (true - 1) / 2) / max(len(known) - true, 1))


@torch.no_grad()
def accent_chances(head: AccentAhead, corpus: GestureCorpus) -> Floats:
    """float32 (n, T): the chance of an accent ahead, as a stream has it."""
    encoded = np.pad(corpus.arrays["encoded"][:, : corpus.frames], ((0, 0), (BEFORE, 0), (0, 0))).astype(np.float32)
    windows = torch.from_numpy(encoded).unfold(1, BEFORE + CHUNK_FRAMES, CHUNK_FRAMES).transpose(2, 3)
    chances: Floats = head(windows.flatten(0, 1)).sigmoid().reshape(len(encoded), -1).numpy()
    return chances


def begin_heads(seed: int) -> Heads:
    """Untrained heads."""
    torch.manual_seed(seed)
    return Heads()


def hearing_model(checkpoint: Path | None = None) -> Lmfm:
    """The embedded model whose hearing gestures follow."""
    return load_lmfm(checkpoint or SHIPPED)[0]


def write_heads(heads: Heads, model: Lmfm, path: Path, about: Mapping[str, str]) -> None:
    """Write them, with the hash of the hearing that they follow."""
    header = {"format": FORMAT, "hearing": hearing_sha256(model.hearing), **about}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        save_file({name: value.contiguous() for name, value in heads.state_dict().items()}, partial, header)


def _anneal(descent: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    """A warm-up of 50 steps, then a cosine."""
    for group in descent.param_groups:
        group["lr"] = rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-5


def _learn(descent: torch.optim.Optimizer, loss: Tensor) -> float:
    descent.zero_grad()
    loss.backward()
    descent.step()
    return float(loss.detach())
