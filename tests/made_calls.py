"""UniLSTalkDataset and Seamless Interaction made up in their published layouts: tones for voices, waves for motion."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from avtr_cli.perception.template import template

FACE68 = (
    127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 6, 197, 1, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178,
)  # fmt: skip
"""Of the average head's points those that iBUG's 68 stand at, about."""


def speaks(side: int, frames: int) -> np.ndarray:
    return (np.arange(frames) // 22 + side) % 2 == 0


def voice(side: int, rate: int, frames: int) -> np.ndarray:
    time = np.arange(rate * frames // 25) / rate
    said = speaks(side, frames).repeat(rate // 25)[: len(time)]
    return (0.2 * np.sin(2 * np.pi * (140 + 60 * side) * time) * said).astype(np.float32)


def motion(seed: int, frames: int) -> np.ndarray:
    """float16 (T, 112): 100 expression, head 3, jaw 3, left eye 3, right eye 3."""
    time, k = np.arange(frames)[:, None] / 25, np.arange(112)[None] + 7 * seed
    values = 0.4 * np.sin(2 * np.pi * time * (0.3 + 0.05 * (k % 11)) + k)
    values[:, 100:103] = 0.2 * values[:, 100:103] + (0.1, -0.05, 0.02)
    values[:, 103] = 0.4 * np.abs(values[:, 103])
    values[:, 104:106] *= 0.01
    values[:, 106:] *= 0.25
    return values.astype(np.float16)


def npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def lmdb_of(folder: Path, records: Mapping[str, bytes]) -> None:
    import lmdb

    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 26) as store, store.begin(write=True) as put:
        for key, data in records.items():
            put.put(key.encode(), data)
    (folder / "lock.mdb").unlink(missing_ok=True)


def record(side: int, frames: int, **more: np.ndarray | None) -> bytes:
    held = {
        "audio": voice(side, 16_000, frames).astype(np.float16),
        "motioncode": motion(2 + side, frames),
        "speech_mask": speaks(side, frames).astype(np.float16),
    }
    return npz(**{name: array for name, array in (held | more).items() if array is not None})


def unils(root: Path, frames: int, split: str = "train", spoiled: Mapping[str, bytes | None] | None = None) -> Path:
    """A call of two people and one person alone; `spoiled` records take the place of those of their key, or remove."""
    a, b = "V00_S0001_I00000001_P0001", "V00_S0001_I00000001_P0002"
    records: dict[str, bytes | None] = {a: record(0, frames), b: record(1, frames), **(spoiled or {})}
    paired, alone = root / "SeamlessInteractionTalk", root / "TalkMotionOnly"
    lmdb_of(paired / "data_lmdb", {key: data for key, data in records.items() if data is not None})
    pairs = {split: {"V00_S0001_I00000001": [f"some/folder/{a}", f"some/folder/{b}", frames]}}
    (paired / "seamless_interaction_pairs.json").write_text(json.dumps(pairs))
    lmdb_of(alone / "data_lmdb", {"clip_0": npz(motioncode=motion(0, frames)), "short": npz(motioncode=motion(1, 60))})
    (alone / "talk_motion.json").write_text(json.dumps({"train": [["clip_0", frames], ["short", 60]], "val": []}))
    return root


def wav(path: Path, sound: np.ndarray, rate: int = 48_000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def face68(frames: int, fps: float = 30.0) -> np.ndarray:
    """Keypoints (T, 68, 2) px of an average face that opens its mouth in one wave a second and moves about."""
    time = np.arange(frames) / fps
    points = np.tile(template().points[list(FACE68), :2], (frames, 1, 1))
    opened = 0.18 * (1 - np.cos(2 * np.pi * time))  # EO
    points[:, 65:68, 1] += opened[:, None]
    points[:, 55:60, 1] += opened[:, None]
    points[:, :, 0] += 0.1 * np.sin(time)[:, None]
    return 120 * points + (950, 400)


def person(folder: Path, name: str, side: int, frames: int, moved: bool) -> None:
    """The wav, npz and json of one person; `moved`: with movement features, invalid in a block of 60 tracks."""
    count = frames * 30 // 25
    time = np.arange(count)[:, None] / 30
    points = np.zeros((count, 133, 3), np.float32)
    points[:, 23:91, :2], points[..., 2] = face68(count), 0.9
    valid = np.ones(count, bool)
    valid[-2:] = False
    points[~valid] = 0
    arrays = {"boxes_and_keypoints:keypoints": points, "boxes_and_keypoints:is_valid_box": valid}
    if moved:
        followed = np.ones((count, 1), np.float32)
        followed[60:120] = 0
        arrays["movement:alignment_head_rotation"] = (0.1 * np.sin(time * (1, 2, 3)) * followed).astype(np.float32)
        arrays["movement:is_valid"] = followed
        arrays["movement:FAUValue"] = np.zeros((count, 24), np.float32)
    (folder / f"{name}.npz").write_bytes(npz(**arrays))
    wav(folder / f"{name}.wav", voice(side, 48_000, frames))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], speaks(side, frames).astype(int), [0]]))).reshape(-1, 2) / 25
    said = [{"start": float(a), "end": float(b)} for a, b in edges]
    words = [{"word": "so", "start": None, "end": None}]
    about = {"id": name, "metadata:vad": said, "metadata:transcript": [{"words": words, "transcript": "so"}]}
    (folder / f"{name}.json").write_text(json.dumps(about))


def as_on_s3(folder: Path, split: str = "dev") -> None:
    """Lay a set as the bucket has it: a folder a feature, an npy a track, voice activity in lines, and opinions."""
    top = folder / "improvised" / split
    for path in sorted(top.rglob("V*")):
        if path.suffix == ".npz":
            with np.load(path) as table:
                for name, array in table.items():
                    save(top / name.replace(":", "/") / f"{path.stem}.npy", npy(array))
        elif path.suffix == ".json":
            said = json.loads(path.read_text())["metadata:vad"]
            save(top / "vad" / f"{path.stem}.jsonl", "".join(json.dumps(row) + "\n" for row in said).encode())
            save(top / "transcript" / f"{path.stem}.jsonl", b'{"words": [], "transcript": "so"}\n')
            save(top / "1P-IS" / f"{path.stem}.json", b'[{"rating": 3}]')
        else:
            save(top / {".wav": "audio", ".mp4": "video"}[path.suffix] / path.name, path.read_bytes())
        path.unlink()


def save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def seamless(root: Path, frames: int, split: str = "dev") -> Path:
    """A call of vendor V00, which has movement features, and one of V03, which has not."""
    for vendor, batch in (("V00", "0000/0005"), ("V03", "0000/0006")):
        folder = root / "improvised" / split / batch
        folder.mkdir(parents=True)
        for side, who in enumerate(("P0001A", "P0002")):
            person(folder, f"{vendor}_S0001_I00000001_{who}", side, frames, vendor == "V00")
    return root
