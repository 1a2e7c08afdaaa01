"""What files say of their origin, spoiled: reports, certificates, and signed videos, pictures and sounds themselves."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg

from avtr_cli.provenance import marks, signing
from avtr_cli.provenance.origin import Origin
from avtr_cli.provenance.verification import verify
from tests.fuzz.mutators import VALUES, mutated

if TYPE_CHECKING:
    from tests.fuzz.texts import Target

ORIGIN = Origin(models={"motion": "lmfm"}, inputs={"photo": "ab" * 32})


def targets() -> list[Target]:
    """Those that this machine can do: without the `provenance` extra, reports and metadata alone."""
    from tests.fuzz.texts import Target

    found = [Target("report", _report, lambda case, _: verify(case[0], case[1]))]
    if signing.installed():
        found += [
            Target("--cert --key", _pems, lambda case, _: marks.choose_signer(*case)),
            Target("--trust", _anchors, lambda case, _: verify(case[0], anchors=case[1])),
            Target("identity", _identity, _choose),
        ]
    return [*found, Target("marked file", _marked_file, lambda path, _: verify(path))]


@cache
def _identity_pem() -> bytes:
    return signing._make_identity()


@cache
def _films() -> tuple[tuple[str, bytes], ...]:
    """(suffix, bytes) of a video of every container and a picture, marked."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        os.environ.setdefault("AVTR_IDENTITY", str(Path(name) / "identity.pem"))
        for suffix in (".mp4", ".mov", ".webm", ".png"):
            path = Path(name) / f"film{suffix}"
            pairs = [w for key, value in marks.metadata(ORIGIN).items() for w in ("-metadata", f"{key}={value}")]
            source = ["-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=0.08"]
            once = ["-frames:v", "1"] if suffix == ".png" else []
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *once, *pairs, str(path)]
            subprocess.run(command, check=True, capture_output=True)
            marks.mark(path, ORIGIN, signing.local_signer() if signing.installed() else None)
            found.append((suffix, path.read_bytes()))
    return tuple(found)


def _film(folder: Path) -> Path:
    path = folder / "film.mp4"
    path.write_bytes(_films()[0][1])
    return path


def _report(rng: random.Random, folder: Path) -> tuple[Path, Path]:
    output: dict[str, Any] = {"sha256": "ab" * 32, "path": "film.mp4", "frames": 2}
    for key in rng.sample(sorted(output), rng.randint(0, 2)):
        output[key] = rng.choice([*VALUES, 1, None, [], {}, "%06d.png", "%d%d.png", "a\0b.png"])
    path = folder / "report.json"
    path.write_bytes(mutated(rng, json.dumps({"output": output}).encode()))
    return _film(folder), path


def _pems(rng: random.Random, folder: Path) -> tuple[Path, Path]:
    key, marker, chain = _identity_pem().partition(b"-----BEGIN CERTIFICATE-----")
    paths = folder / "chain.pem", folder / "key.pem"
    spoiled = rng.randrange(3)
    paths[0].write_bytes(_spoiled(rng, marker + chain) if spoiled != 1 else marker + chain)
    paths[1].write_bytes(_spoiled(rng, key) if spoiled != 0 else key)
    return paths


def _anchors(rng: random.Random, folder: Path) -> tuple[Path, Path]:
    path = folder / "roots.pem"
    path.write_bytes(_spoiled(rng, _identity_pem().partition(b"-----END PRIVATE KEY-----\n")[2]))
    return _film(folder), path


def _identity(rng: random.Random, folder: Path) -> Path:
    path = folder / "identity.pem"
    path.write_bytes(_spoiled(rng, _identity_pem()))
    return path


def _choose(path: Path, folder: Path) -> object:
    before = os.environ.get("AVTR_IDENTITY")
    os.environ["AVTR_IDENTITY"] = str(path)
    try:
        return marks.choose_signer(None, None)
    finally:
        if before is None:
            del os.environ["AVTR_IDENTITY"]
        else:
            os.environ["AVTR_IDENTITY"] = before


def _spoiled(rng: random.Random, pem: bytes) -> bytes:
    """Mutated as text, or with some letters of its base64 changed, which only shows once it is decoded."""
    if rng.random() < 0.5:
        return mutated(rng, pem)
    data = bytearray(pem)
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data))
        if data[at] not in b"\n-":
            data[at] = rng.choice(b"ABCDEFghijkl0123456789+/=")
    return bytes(data)


def _marked_file(rng: random.Random, folder: Path) -> Path:
    suffix, data = rng.choice(_films())
    path = folder / f"film{rng.choice([suffix, suffix, '.mp4', '.png', '.jpg', ''])}"
    if rng.random() < 0.5:
        stream = io.BytesIO(data)
        for _ in range(rng.randint(1, 6)):  # among the headers, where a change means most
            stream.seek(rng.choice([rng.randrange(len(data)), rng.randrange(min(200, len(data)))]))
            stream.write(rng.randbytes(rng.choice([1, 1, 4])))
        data = stream.getvalue()
    else:
        data = mutated(rng, data)
    path.write_bytes(data)
    return path
