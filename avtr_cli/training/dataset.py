"""The corpus on disk: calls with their features and ground truth, in safetensors shards.

Each call gives two examples, one for either side as the avatar. A shard holds some calls of one length,
stacked; training draws windows from all shards held in memory (about 1.1 MB a call). Shards of simulated calls know
everything; those of recorded people (`people/`) say in arrays of their own what they do not know (`WHAT_IS_KNOWN`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from avtr_cli.core.arrays import AnyArray, Floats, Reals
from avtr_cli.core.config import EMOTIONS
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.files import replacing
from avtr_cli.core.timing import FPS
from avtr_cli.motion.gestures import EVENTS
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.log_mel import LogMel
from avtr_cli.training import augment
from avtr_cli.training.behaviour import behave, draw_person, flags
from avtr_cli.training.conversation import Side, simulate
from avtr_cli.training.mouth import mouth_truth
from avtr_cli.training.prosody import analyse
from avtr_cli.training.speech import Utterance

CALL_SECONDS = 30
UNKNOWN_VISEME = 255  # of a frame whose phone nobody knows: it teaches the hearing nothing
WHAT_IS_KNOWN: dict[str, tuple[int, ...]] = {
    "seen": (),
    "closures_known": (2,),
    "events_known": (len(EVENTS),),
    "mouth_known": (len(MOUTH),),
    "face_known": (len(FACE),),
}
"""Arrays uint8 (calls, 2, ...) that a shard may leave out, all ones then: whether a side's face was seen at all,
whether its closures, and its events, of each kind are told wherever they are, and which channels were measured."""
LICENCES = "licences"  # in the header of a shard, and of what is trained on it: a JSON list of those of recorded people
_OPENING = {"happy": 0.1, "surprised": 0.1, "sad": -0.18, "serious": -0.05}  # of the mouth, at full intensity


def condition(style: Reals, emotion: str, intensity: float) -> Floats:
    """float32 (13,): style, then the emotion's intensity at its place (neutral is none)."""
    out = np.zeros(len(style) + len(EMOTIONS), np.float32)
    out[: len(style)] = style
    out[len(style) + EMOTIONS.index(emotion)] = intensity if emotion != "neutral" else 0.0
    return out


def opening_of(style: Reals, emotion: str, intensity: float) -> float:
    """How far a person opens the mouth, where 1 is average."""
    return float(np.exp(0.15 * style[0]) * (1 + intensity * _OPENING.get(emotion, 0.0)))


def make_call(call: tuple[Side, Side], rng: np.random.Generator, augmented: bool = True) -> dict[str, AnyArray]:
    """Features (2, T, 320) of the heard sound and the truth of both sides; the keys are those of `Batch`."""
    frames = len(call[0].samples) * FPS // 16_000
    prosody = [analyse(side) for side in call]
    heard = [side.samples for side in call]
    if augmented:
        coloured = [augment.colour(samples, rng) for samples in heard]
        heard = [augment.leak(coloured[k], coloured[1 - k], rng) for k in (0, 1)]
    features = LogMel().of_file(torch.from_numpy(np.stack(heard)))[:, :frames]
    truth: list[dict[str, AnyArray]] = []
    for k in (0, 1):
        style, emotion, intensity = draw_person(rng)
        mouth = mouth_truth(call[k].phone_rows, prosody[k], opening_of(style, emotion, intensity), rng)
        made = behave(prosody[k], prosody[1 - k], frames, style, emotion, intensity, rng)
        truth.append(
            {
                "mouth": mouth.shapes[:frames], "closures": mouth.closures[:frames],
                "activity": mouth.activity[:frames], "visemes": mouth.visemes[:frames],
                "face": made.face, "curves": made.curves, "starts": made.starts.astype(np.uint8),
                "gaze_cell": made.gaze_cell.astype(np.uint8), "flags": flags(prosody[k], frames),
                "person": condition(style, emotion, intensity), "foreign": np.array(call[k].foreign, np.uint8),
            }
        )  # fmt: skip
    stacked = {key: np.stack([truth[0][key], truth[1][key]]) for key in truth[0]}
    halves = {key: value.astype(np.float16) if value.dtype == np.float32 else value for key, value in stacked.items()}
    return {"features": features.numpy().astype(np.float16), **halves}


def write_corpus(
    folder: Path,
    corpus: dict[str, list[Utterance]],
    calls: int,
    seed: int,
    seconds: float = CALL_SECONDS,
    shard: int = 50,
) -> Iterator[int]:
    """Write the shards that are missing, yielding the number of calls done; each shard has its own seed."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for first in range(0, calls, shard):
        path = folder / f"calls-{first:06d}.safetensors"
        count = min(shard, calls - first)
        if not path.exists():
            rng = np.random.default_rng([seed, first])
            made = []
            for index in range(count):
                made.append(make_call(simulate(corpus, seconds, rng), rng))
                yield first + index + 1
            stacked = {key: np.stack([one[key] for one in made]) for key in made[0]}
            with replacing(path) as partial:
                save_file(stacked, partial)
        yield first + count


@dataclass
class Corpus:
    """All shards in memory: arrays (calls, 2, T, ...) by name."""

    arrays: dict[str, AnyArray]
    licences: tuple[str, ...] = ()  # of recorded people: whatever is trained on them says so

    @classmethod
    def load(cls, folders: Path | Sequence[Path], limit: int | None = None) -> Corpus:
        """The calls of the shards in one folder or several, of the first `limit` shards of each.

        Where shards differ in length, all are cut to pieces of the shortest: what is left over at a call's end is given
        up. Raises AvtrError where a folder has none.
        """
        shards: list[dict[str, AnyArray]] = []
        licences: list[str] = []
        for folder in [folders] if isinstance(folders, Path) else folders:
            paths = sorted(folder.glob("calls-*.safetensors"))[:limit]
            if not paths:
                raise AvtrError(f"{folder} holds no training data; make it with avtr train data {folder}")
            shards += [load_file(path) for path in paths]
            licences += [licence for path in paths for licence in licences_of(path)]
        _tell_what_is_known(shards)
        frames = min(shard["mouth"].shape[2] for shard in shards)
        shards = [shard if shard["mouth"].shape[2] == frames else _cut(shard, frames) for shard in shards]
        joined = {key: np.concatenate([shard.pop(key) for shard in shards]) for key in list(shards[0])}
        return cls(joined, tuple(sorted(set(licences))))

    def __len__(self) -> int:
        return len(self.arrays["mouth"])

    def first(self, calls: int) -> Corpus:
        """The first so many calls alone."""
        return Corpus({name: values[:calls] for name, values in self.arrays.items()}, self.licences)

    def batch(self, rng: np.random.Generator, size: int, frames: int) -> dict[str, torch.Tensor]:
        """`size` windows of `frames` frames, chunk-aligned, half of them around a listener's gesture.

        Side 0 of every window is the avatar; `lead` holds the 4 face frames before the window.
        """
        total = self.arrays["mouth"].shape[2]
        listener = [EVENTS.index(name) for name in ("nod", "brow", "smile")]
        windows: list[dict[str, AnyArray]] = []
        for _ in range(size):
            call, side = int(rng.integers(len(self))), int(rng.integers(2))
            if not self._seen(call, side):
                side = 1 - side
            first = int(rng.integers(1, (total - frames) // 5 + 1)) * 5
            starts = np.flatnonzero(self.arrays["starts"][call, side][:, listener].any(1))
            if len(starts) and rng.random() < 0.4:
                wanted = int(starts[rng.integers(len(starts))]) - int(rng.integers(30, frames - 10))
                first = int(np.clip(wanted // 5 * 5, 5, total - frames))
            windows.append(self._window(call, side, first, frames))
        return {key: torch.from_numpy(np.stack([w[key] for w in windows])) for key in windows[0]}

    def _seen(self, call: int, side: int) -> bool:
        return "seen" not in self.arrays or bool(self.arrays["seen"][call, side])

    def _window(self, call: int, side: int, first: int, frames: int) -> dict[str, AnyArray]:
        a, order = self.arrays, [side, 1 - side]
        now = slice(first, first + frames)
        out = {"flags": a["flags"][call][order, now].astype(np.float32)}
        if "encoded" in a:
            for key in ("encoded", "heard_flags"):
                out[key] = a[key][call][order, now].astype(np.float32)
        else:
            out["features"] = features_ahead(a["features"][call][order, first : first + frames + 5], frames)
        for key in ("mouth", "closures", "activity", "face", "curves", "starts"):
            out[key] = a[key][call, side, now].astype(np.float32)
        out["lead"] = a["face"][call, side, first - 4 : first].astype(np.float32)
        out["since"] = since_starts(a["starts"][call, side])[now]
        out["visemes"] = a["visemes"][call, side, now].astype(np.int64)
        for key in WHAT_IS_KNOWN:
            if key in a and key != "seen":
                out[key] = a[key][call, side].astype(np.float32)
        out["gaze_cell"] = a["gaze_cell"][call, side, now].astype(np.int64)
        out["person"] = a["person"][call, side].astype(np.float32)
        out["foreign"] = a["foreign"][call, side].astype(np.float32)
        return out


def licences_of(path: Path) -> list[str]:
    """Under which licences a shard's recordings are; of simulated calls none."""
    with safe_open(path, "np") as held:
        return list(json.loads((held.metadata() or {}).get(LICENCES, "[]")))


def _tell_what_is_known(shards: Sequence[dict[str, AnyArray]]) -> None:
    """Give every shard what one of them says of what it knows; one that says nothing knows everything."""
    for key, shape in WHAT_IS_KNOWN.items():
        if any(key in shard for shard in shards):
            for shard in shards:
                shard.setdefault(key, np.ones((len(shard["mouth"]), 2, *shape), np.uint8))


def _cut(shard: dict[str, AnyArray], frames: int) -> dict[str, AnyArray]:
    """The calls of a shard as more and shorter ones, `frames` long; what does not change over time is said again."""
    total = shard["mouth"].shape[2]
    pieces = total // frames
    cut = {}
    for key, values in shard.items():
        if values.ndim > 2 and values.shape[2] == total:
            kept = values[:, :, : pieces * frames]
            parts = kept.reshape(*kept.shape[:2], pieces, frames, *kept.shape[3:])
            cut[key] = parts.swapaxes(1, 2).reshape(-1, 2, frames, *kept.shape[3:])
        else:
            cut[key] = values.repeat(pieces, axis=0)
    return cut


def features_ahead(rows: AnyArray, frames: int) -> Floats:
    """The rows of `frames` frames and the 5 that follow, (2, frames + 5, 320); a call's last row is said again."""
    ahead = rows.astype(np.float32)
    missing = frames + 5 - ahead.shape[1]
    return np.concatenate([ahead, ahead[:, -1:].repeat(missing, 1)], 1) if missing else ahead


def since_starts(starts: AnyArray, longest: int = 250) -> Floats:
    """float32 (T, 7): frames since each gesture last started, before this frame; `longest` where never."""
    frames = np.arange(len(starts))[:, None]
    last = np.maximum.accumulate(np.where(starts > 0, frames, -longest - 1), axis=0)
    before = np.concatenate([np.full((1, starts.shape[1]), -longest - 1), last[:-1]])
    since: Floats = np.minimum(frames - before, longest).astype(np.float32)
    return since
