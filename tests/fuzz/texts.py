"""Everything that people or programs write and avtr reads, written wrongly: settings, cues, manifests, ledgers, marks.

    python -m tests.fuzz.texts --count 500 --seed 1 [--only cues ...]

Every case is a file made by a seeded mutator (bytes turned, cut, doubled, nasty tokens put in) or by a grammar of nasty
values, read through the library's own calls. It may be accepted, or refused by one sentence of the AvtrError family;
a traceback, a sentence of several lines or ten seconds without an answer is a fault, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from avtr_cli.batch.entries import Entry, entries_of
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.ledger import History, Ledger, read_ledger
from avtr_cli.batch.manifest import Row, read_source
from avtr_cli.batch.plan import plan
from avtr_cli.batch.run import Outcome
from avtr_cli.batch.summary import failures_table, plan_table, summary_of
from avtr_cli.core.config import Preset, fields, load_preset
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.textfile import json_text
from avtr_cli.core.types import CUES
from avtr_cli.prompts.reading import check_cues, load_cues
from tests.fuzz.mutators import VALUES, mutated, nasty, value

PATIENCE_S = 10
LONGEST_SENTENCE = 2000  # characters: paths may be long, values may not

DEFAULTS = {
    f"{name}.{field.name}": getattr(group, field.name)
    for name, group in vars(Preset()).items()
    if name != "name"
    for field in fields(group)
}
GOOD: dict[str, tuple[str, ...]] = {  # of a job
    "name": ("one", "two", "day/three"), "out": ("one.webm", "x"), "format": ("mp4", "mov"), "photo": ("a.png",),
    "dialogue": ("a.wav", "b.wav", "c.flac"), "partner": ("b.wav",), "solo": ("true", "false"),
    "avatar_channel": ("1", "2"),
    "start": ("0", "1.5"), "duration": ("2", "3.5"), "preset": ("fast", "default"), "seed": ("3", "0"), "face": ("1",),
    "set": ("{render.size: 256}", "[render.size=256]", "render.size=64; motion.smile=0.5"), "cues": ("[]", "c.yaml"),
    "from_motion": ("m.safetensors",), "render.size": ("128",), "render.background": ("blur",),
    "motion.smile": ("0.1",), "photo_b": ("a.png", "b.png"), "face_b": ("1",), "layout": ("stack", "side-by-side"),
    "label": ("AI", ""), "motion_out": ("m/", "m.csv"), "report": ("r/", "one.json"), "page": ("p.html", "p/"),
}  # fmt: skip


class Hang(Exception):
    """No answer in PATIENCE_S."""


@dataclass(frozen=True)
class Target:
    """One kind of text: `make` writes a case into a folder, `read` reads it and raises what it raises."""

    name: str
    make: Callable[[random.Random, Path], Any]
    read: Callable[[Any, Path], object]


# Settings


def _preset(rng: random.Random, folder: Path) -> Path:
    path = folder / "mine.yaml"
    groups = sorted({key.partition(".")[0] for key in DEFAULTS})
    lines: dict[str, dict[str, object]] = {group: {} for group in groups}
    for key in rng.sample(sorted(DEFAULTS), rng.randint(1, 3)):
        lines[key.partition(".")[0]][key.partition(".")[2]] = value(rng, DEFAULTS[key])
    written = "\n".join(f"{s}: {{{', '.join(f'{k}: {v}' for k, v in one.items())}}}" for s, one in lines.items())
    path.write_bytes(mutated(rng, written.encode(errors="surrogateescape")))
    return path


def _pair(rng: random.Random, folder: Path) -> str:
    right = rng.choice(sorted(DEFAULTS))
    key = rng.choice([right, right, right, right.rpartition(".")[2], nasty(rng)])
    said = value(rng, DEFAULTS[right]) if rng.random() < 0.7 else nasty(rng)
    return nasty(rng) if rng.random() < 0.1 else f"{key}={said}"


# Cues and manifests


def _cues(rng: random.Random, folder: Path) -> Path:
    path = folder / "cues.yaml"
    entries = [
        f"- {{at: {value(rng, 0, 1, 2.5)}, cue: {value(rng, *CUES)}, strength: {value(rng, 1, 0.5)}}}"
        for _ in range(rng.randint(0, 4))
    ]
    path.write_bytes(mutated(rng, "\n".join(entries).encode(errors="surrogateescape")))
    return path


def _row(rng: random.Random) -> dict[str, Any]:
    row: dict[str, Any] = {"dialogue": "a.wav", "photo": "a.png"}
    for key in rng.sample(sorted(GOOD), rng.randint(0, 4)):
        row[key] = value(rng, *GOOD[key])
    if rng.random() < 0.05:
        row[nasty(rng)] = "x"
    return row


def _manifest(suffix: str) -> Callable[[random.Random, Path], Path]:
    def make(rng: random.Random, folder: Path) -> Path:
        for name in ("a.wav", "b.wav", "a.png"):
            (folder / name).write_bytes(b"x")
        path = folder / f"night{suffix}"
        rows = [_row(rng) for _ in range(rng.randint(1, 4))]
        if suffix == ".yaml":
            lines = [f"- {{{', '.join(f'{key}: {value}' for key, value in row.items())}}}" for row in rows]
            text = "\n".join(lines) if rng.random() < 0.7 else "defaults: {seed: 3}\njobs:\n" + "\n".join(lines)
        elif suffix == ".csv":
            separator = rng.choice([",", ";", "\t"])
            keys = ["dialogue", *rng.sample(sorted(GOOD), 5)]
            cells = [[str(row.get(key, value(rng, *GOOD[key]))) for key in keys] for row in rows]
            text = "\n".join(separator.join(line) for line in [keys, *cells])
        else:
            text = "\n".join(json.dumps({key: _json(value) for key, value in row.items()}) for row in rows)
        path.write_bytes(mutated(rng, text.encode(errors="surrogateescape")))
        return path

    return make


def _json(value: Any) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return value


def _read_manifest(path: Path, folder: Path) -> object:
    out = folder / "out"
    entries = entries_of(read_source(path), Row("the command line", Path(), {}), out, pages=True)
    items = plan(entries, History(), Hashes(folder / "hashes.json"))
    outcome = Outcome(items, 1.0, ("none", 0), 0.0, False)
    json_text(summary_of(outcome, out, path)).encode()
    return plan_table(items) + failures_table(items)


def _names(rng: random.Random, folder: Path) -> Path:
    source = folder / "calls"
    source.mkdir()
    for _ in range(rng.randint(1, 8)):
        stem = rng.choice(["a", "A", "Zoë", "Zoe\u0308", "caf\udce9", "index", "a.b", "007", "x\ny", "n" * 240])
        ending = rng.choice([".wav", ".WAV", ".png", ".jpg", ".mp4", ".json", ".m4a", ".heic", "", ".txt"])
        (source / f"{stem}{ending}").write_bytes(b"x")
    return source


# Ledgers


LINES = (
    {"event": "started", "name": "a", "inputs": "i", "out": "a.mp4"},
    {"event": "started", "name": "a", "inputs": "i", "out": "a.mp4", "also": ["m/a.csv"]},
    {"event": "done", "name": "a", "inputs": "i", "key": "k", "out": "a.mp4", "bytes": 1, "mtime_ns": 1, "sha256": "s",
     "frames": 5, "frames_sha256": "f", "wall_s": 1.0, "weights": {"w": "h"}, "weights_root": ""},
    {"event": "failed", "name": "a", "inputs": "i", "exit_code": 3, "reason": "no face found"},
    {"event": "lost", "name": "a", "reason": "the worker died"},
)  # fmt: skip


def _ledger(rng: random.Random, folder: Path) -> Path:
    out = folder / "out"
    out.mkdir()
    lines = []
    for _ in range(rng.randint(1, 5)):
        line: dict[str, Any] = dict(rng.choice(LINES))
        for key in rng.sample(sorted(line), rng.randint(0, 2)):
            line[key] = _json(rng.choice(VALUES))
        if rng.random() < 0.3:
            line.pop(rng.choice(sorted(line)))
        lines.append(json.dumps(line))
    data = "\n".join(lines).encode() + b"\n"
    (out / "batch.jsonl").write_bytes(mutated(rng, data) if rng.random() < 0.5 else data)
    (out / ".batch-hashes.json").write_bytes(mutated(rng, b'{"/a": [1, 2, 3, "abc"]}'))
    return out


def _read_ledger(out: Path, folder: Path) -> object:
    from avtr_cli.audio.source import DialogueFiles
    from avtr_cli.jobs.job import Job

    for name in ("a.png", "a.wav"):
        (folder / name).write_bytes(b"x")
    job = Job(photo=folder / "a.png", sound=DialogueFiles(dialogue=folder / "a.wav"), out=out / "a.mp4")
    (out / "a.mp4").write_bytes(b"x")
    (out / "a.json").write_bytes(b"{}")
    hashes = Hashes(out / ".batch-hashes.json")
    items = plan([Entry("a", out / "a.mp4", job)], History(read_ledger(out / "batch.jsonl")), hashes)
    hashes.save()
    with Ledger(out, patience_s=0) as ledger:
        ledger.write("failed", name="b", inputs="", exit_code=3, reason="x")
        assert ledger.history.last("b")
    return plan_table(items)


TARGETS = [
    Target("preset", _preset, lambda path, _: load_preset(path)),
    Target("--set", _pair, lambda pair, _: load_preset("default", [pair])),
    Target("cues", _cues, lambda path, _: check_cues(load_cues(path), 50, str(path))),
    *(Target(f"manifest {suffix}", _manifest(suffix), _read_manifest) for suffix in (".yaml", ".csv", ".jsonl")),
    Target("folder", _names, _read_manifest),
    Target("ledger", _ledger, _read_ledger),
]


def run(targets: list[Target], count: int, seed: int) -> dict[str, Counter[str]]:
    """target -> outcome -> how many of `count` cases; every fault is printed with its case's number."""
    outcomes: dict[str, Counter[str]] = {}
    for target in targets:
        found = outcomes[target.name] = Counter()
        for number in range(count):
            rng = random.Random(f"{seed} {target.name} {number}")
            with tempfile.TemporaryDirectory(prefix="avtr-fuzz-") as name:
                found[_outcome(target, rng, Path(name), f"{target.name}, case {number} of seed {seed}")] += 1
    return outcomes


def _outcome(target: Target, rng: random.Random, folder: Path, called: str) -> str:
    case = target.make(rng, folder)
    try:
        with _patience():
            target.read(case, folder)
        return "accepted"
    except AvtrError as error:
        if "\n" not in str(error) and len(str(error)) < LONGEST_SENTENCE:
            return "refused"
        print(f"{called}: no sentence: {str(error)[:300]!r}", file=sys.stderr)
        return "no sentence"
    except Hang:
        print(f"{called}: no answer", file=sys.stderr)
        return "hang"
    except Exception:
        print(f"{called}:\n{traceback.format_exc()}", file=sys.stderr)
        return "traceback"


@contextmanager
def _patience() -> Iterator[None]:
    def over(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def faults(outcomes: dict[str, Counter[str]]) -> int:
    return sum(found[kind] for found in outcomes.values() for kind in ("traceback", "hang", "no sentence"))


def main() -> None:
    from tests.fuzz import marks

    everything = TARGETS + marks.targets()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="cases of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=[target.name for target in everything])
    options = parser.parse_args()
    outcomes = run([one for one in everything if one.name in (options.only or [one.name])], options.count, options.seed)
    columns = ("accepted", "refused", "no sentence", "traceback", "hang")
    print(f"{'':16}" + "".join(f"{column:>12}" for column in columns))
    for name, found in outcomes.items():
        print(f"{name:16}" + "".join(f"{found[column]:12}" for column in columns))
    sys.exit(1 if faults(outcomes) else 0)


if __name__ == "__main__":
    main()
