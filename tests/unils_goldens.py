"""Holds UniLS's networks, its hearing and FLAME to golden values: `python -m tests.unils_goldens FOLDER [NAME...]`.

Each comparison is a word, the largest error over the golden's deviation (of bits, how many differ), and the limit. The
folder's manifest names the salt that all weights and inputs follow from; tests/data/unils/README.md has the rule.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from avtr_cli.motion import flame, unils
from avtr_cli.motion.unils.speech import Speech
from tests import made_flame, made_unils

DATA = Path(__file__).parent / "data" / "unils"
ZERO = torch.zeros(1, 100, 108)
Golden = dict[str, np.ndarray]


class Compared(NamedTuple):
    what: str
    error: float
    limit: float

    @property
    def met(self) -> bool:
        return self.error <= self.limit


def salt_of(folder: Path) -> str:
    return json.loads((folder / "manifest.json").read_text())["salt"]


def golden(folder: Path, name: str) -> Golden:
    with np.load(folder / f"{name}.npz") as table:
        return dict(table)


def near(what: str, ours: Any, theirs: np.ndarray, limit: float) -> Compared:
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return Compared(what, float(np.abs(a - b).max() / max(b.std(), 1e-9)) if a.shape == b.shape else np.inf, limit)


def unpacked(packed: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.unpackbits(packed)[: like.numel()].reshape(like.shape).astype(np.int32))


def same_bits(what: str, ours: torch.Tensor, packed: np.ndarray) -> Compared:
    return Compared(what, float((ours != unpacked(packed, ours)).sum()), 0)


def network(salt: str, name: str) -> Any:
    return made_unils.with_weights(unils.build(name), salt, name)


def codec(folder: Path, name: str) -> Iterator[Compared]:
    salt, held = salt_of(folder), golden(folder, name)
    net = network(salt, name)
    bits = net.encode(made_unils.motion_of(f"{salt}/{held['label']}"))
    yield same_bits("bits", bits, held["bits"])
    bits = unpacked(held["bits"], bits)
    yield near("features", net.features(bits)[:, ::3], held["features"], 1e-5)
    yield near("next inputs", net.next_inputs(bits)[:, ::3], held["next_inputs"], 1e-5)
    yield near("decoded", net.decode(bits), held["decoded"], 2e-5)
    yield same_bits("bits of zeros", net.encode(ZERO), held["zero_bits"])


def chained(
    net: Any,
    held: Golden,
    style: torch.Tensor,
    first: torch.Tensor,
    without: torch.Tensor,
    voices: list,
    strength: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Motion and bits of two clips, each from the motion before."""
    rows = len(held["uniforms"]) // 2
    made, codes, before = [], [], (first, without)
    for at in range(2):
        uniforms = torch.from_numpy(held["uniforms"][None, at * rows : (at + 1) * rows])
        motion, bits = net.generate(uniforms, style, *before, *(voices[at] if voices else ()), guidance=strength)
        made.append(motion)
        codes.append(bits)
        before = (motion, motion)
    return torch.cat(made, 1), torch.cat(codes, 1)


def free(folder: Path, name: str) -> Iterator[Compared]:
    salt, held = salt_of(folder), golden(folder, name)
    net = network(salt, name)
    style, previous, clip = (made_unils.motion_of(f"{salt}/{label}") for label in held["labels"])
    bits = net.base_codec.encode(clip)
    yield same_bits("bits", bits, held["bits"])
    yield near("logits", net.logits(bits, style, previous), held["logits"], 2e-5)
    motion, codes = chained(net, held, style, style, style, [], float(held["guidance"]))
    yield same_bits("two clips, bits", codes, held["generated_bits"])
    yield near("two clips, motion", motion[:, ::2], held["generated"], 5e-5)


def dual(folder: Path, name: str) -> Iterator[Compared]:
    salt, held = salt_of(folder), golden(folder, f"{name}-logits")
    net = network(salt, name)
    style, previous, clip = (made_unils.motion_of(f"{salt}/{label}") for label in held["labels"])
    voices = [[made_unils.features_of(f"{salt}/{who}{at}") for who in ("own", "partner")] for at in range(2)]
    silent = torch.zeros_like(voices[0][0])
    bits = net.base_codec.encode(clip)
    yield same_bits("bits", bits, held["bits"])
    yield near("logits", net.logits(bits, style, previous, *voices[0]), held["logits"], 2e-5)
    yield near("logits without", net.logits(bits, ZERO, ZERO, silent, silent), held["without"], 2e-5)
    swapped = net.logits(bits, style, previous, *voices[0][::-1])[:, ::4]
    yield near("logits, voices swapped", swapped, held["swapped"], 2e-5)
    held = golden(folder, f"{name}-step")
    for run in sorted({key.split("/")[0] for key in held if "/" in key}):
        asked = {word: float(held[f"{run}/{word}"]) for word in ("guidance", "temperature")}
        uniforms = torch.from_numpy(held[f"{run}/uniforms"][None])
        motion, bits = net.generate(uniforms, style, previous, ZERO, *voices[0], **asked)
        yield same_bits(f"{run}, bits", bits, held[f"{run}/bits"])
        yield near(f"{run}, motion", motion, held[f"{run}/motion"], 5e-5)
    for run, manner, first in (("script", ZERO, ZERO), ("chained", style, previous)):
        if not (folder / f"{name}-{run}.npz").exists():
            continue
        held = golden(folder, f"{name}-{run}")
        motion, bits = chained(net, held, manner, first, ZERO, voices, 1.5)
        motion = motion[:, : held["motion"].shape[1]]
        yield same_bits(f"{run}, bits", bits, held["bits"])
        yield near(f"{run}, motion", motion, held["motion"], 5e-5)
        if "smoothed" in held:
            yield near(f"{run}, smoothed", unils.smooth(motion)[0, ::3], held["smoothed"], 5e-5)


def speech(folder: Path) -> Iterator[Compared]:
    salt, held = salt_of(folder), golden(folder, "speech")
    encoder = made_unils.speech_encoder(width=64, layers=2, convolutions=32, heads=4, inner=128, kernel=16, groups=4)
    encoder.load_state_dict(unils.speech_state(made_unils.speech_weights(encoder, salt)))
    sound = 0.1 * made_unils.stream(f"{salt}/speech/input:sound", 16_000) + 0.02
    sound = torch.from_numpy(sound.astype(np.float32)[None])
    with torch.no_grad():
        yield near("normalised", unils.normalise(sound)[:, ::8], held["normalised"], 1e-5)
        yield near("features", Speech(encoder)(sound), held["features"], 2e-5)
        yield near("of silence", Speech(encoder)(torch.zeros(1, 16_000))[:, :3], held["silence"], 2e-5)


def head(folder: Path) -> Iterator[Compared]:
    held = golden(folder, "flame")
    with tempfile.TemporaryDirectory() as there:
        path = Path(there) / "generic_model.pkl"
        path.write_bytes(made_flame.as_python2_pickle(made_flame.arrays(salt_of(folder))))
        model = flame.load(path)
    still = flame.vertices(model, held["codes"], head=False)
    yield near("vertices", flame.vertices(model, held["codes"])[:, ::25], held["vertices"], 2e-5)
    yield near("vertices, head still", still[:, ::25], held["vertices_no_head"], 2e-5)
    measured = flame.metrics(model, held["other"], held["codes"], held["lips"], held["upper"])
    yield near("LVE MHD FDD PDD JDD", measured, held["metrics"], 2e-5)


CASES: dict[str, Callable[[Path], Iterator[Compared]]] = {
    **{name: partial(codec, name=name) for name in ("codec", "codec-small")},
    **{name: partial(free, name=name) for name in ("free", "free-small")},
    **{name: partial(dual, name=name) for name in ("dual", "dual-small")},
    "speech": speech,
    "flame": head,
}


def here(folder: Path) -> list[str]:
    """The cases that a folder has goldens for."""
    return [name for name in CASES if (folder / f"{name}{'-logits' * name.startswith('dual')}.npz").exists()]


def main() -> int:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    met = True
    for name in names or here(folder):
        for one in CASES[name](folder):
            print(
                f"{'ok  ' if one.met else 'FAIL'} {name + ' ' + one.what:40s} {one.error:.1e} (limit {one.limit:.0e})"
            )
            met &= one.met
    print("all met" if met else "not all met")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
