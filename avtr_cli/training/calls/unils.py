"""UniLSTalkDataset as published: records of FLAME numbers and voices in two LMDBs, paired by JSON lists.

`SeamlessInteractionTalk` has calls of two people, `TalkMotionOnly` people without a voice. Its numbers become controls
by the user's own FLAME file.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import AnyArray, Floats, Mask, Sound
from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.core.files import reason
from avtr_cli.core.motion_space import CONTROLS, HEAD_CHANNELS
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.motion.bridges.flame import FlameBridge
from avtr_cli.motion.flame.codes import HEAD, JAW, clip_rest
from avtr_cli.training.calls.record import CallRecord
from avtr_cli.training.calls.source import SPLITS, Entry
from avtr_cli.training.people.voice import speech_in

PAIRED, ALONE = "SeamlessInteractionTalk", "TalkMotionOnly"
LISTS = {PAIRED: "seamless_interaction_pairs.json", ALONE: "talk_motion.json"}
COLUMNS = (*range(104), 106, 107, 109, 110)  # of `motioncode`; jaw y, z and the eyes' z are left out
LEAST_COLUMNS = 111
LEAST_FRAMES = 102  # as the authors' own loader has it
UNKNOWN = ("tongueOut", "cheekPuff", "noseSneerLeft", "noseSneerRight", *HEAD_CHANNELS[3:])
JAW_MOVES, JAW_WINDOW = 0.012, 11  # rad: spread over so many frames from which on a jaw without a voice talks
INT16 = 32768.0


class UnilsSet:
    """The set in `folder`; `bridge` makes controls of its numbers."""

    source = "UniLSTalkDataset"
    licence = "CC BY-NC 4.0 (of Seamless Interaction, from which it was tracked)"

    def __init__(self, folder: Path, bridge: FlameBridge):
        self._folder, self._bridge = folder, bridge
        self._stores: dict[str, Any] = {}
        self._calls: dict[str, tuple[str, tuple[str, ...], int]] = {}

    def entries(self) -> list[Entry]:
        """Of the lists that are there. Raises InputError where there is none, or one is damaged."""
        found = []
        for part, name in LISTS.items():
            path = self._folder / part / name
            if path.exists():
                stamp = _stamp(path, self._folder / part / "data_lmdb" / "data.mdb")
                found += [self._entry(part, *one, stamp) for one in _listed(path)]
        if not found:
            raise InputError(
                f"{self._folder}: holds no UniLSTalkDataset; give the folder with {PAIRED}/{LISTS[PAIRED]} or "
                f"{ALONE}/{LISTS[ALONE]}"
            )
        return found

    def _entry(self, part: str, split: str, keys: tuple[str, ...], frames: int, stamp: list[Any]) -> Entry:
        name = re.sub(r"\W+", "_", "__".join(keys))
        self._calls[name] = (part, keys, frames)
        return Entry(name, split, [*stamp, *keys, frames], part == ALONE)

    def read(self, entry: Entry) -> CallRecord:
        """The controls and voices of both sides. Raises InputError."""
        part, keys, listed = self._calls[entry.name]
        held = [self._record(part, key) for key in keys]
        motions = [_motion(key, arrays) for key, arrays in zip(keys, held, strict=True)]
        frames = min(len(motion) for motion in motions)
        if frames < LEAST_FRAMES:
            raise InputError(f"{entry.name}: has {frames} frames (its list says {listed}); {LEAST_FRAMES} are needed")
        controls = np.zeros((2, frames, len(CONTROLS)), np.float32)
        valid, speaks = np.zeros((2, frames), bool), np.zeros((2, frames), bool)
        sound = np.zeros((2, frames * SAMPLES_PER_FRAME), np.float32)
        known = np.zeros((2, len(CONTROLS)), bool)
        for side, (key, arrays, motion) in enumerate(zip(keys, held, motions, strict=True)):
            motion = motion[:frames]
            motion[:, HEAD] -= motion[:, HEAD].mean(0)
            controls[side] = self._bridge.controls(motion, clip_rest(motion))
            valid[side], known[side] = True, True
            known[side, [CONTROLS.index(name) for name in UNKNOWN]] = False
            controls[side][:, ~known[side]] = 0
            if part == PAIRED:
                sound[side] = _voice(key, arrays, frames)
                speaks[side] = _speaking(arrays, sound[side], frames)
            else:
                speaks[side] = _talks(motion)
        return CallRecord(
            controls=controls, known=known, valid=valid, speaks=speaks, sound=sound, names=keys, source=self.source,
            licence=self.licence, split=entry.split,
        )  # fmt: skip

    def _record(self, part: str, key: str) -> Mapping[str, AnyArray]:
        """The arrays of one record; nothing in it is run. Raises InputError."""
        with self._store(part).begin() as look:
            data = look.get(key.encode())
        if data is None:
            raise InputError(f"{key}: there is no such record in {part}/data_lmdb")
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as table:
                return {name: table[name] for name in ("motioncode", "audio", "speech_mask") if name in table}
        except Exception as error:  # what a damaged record raises is of almost any kind
            raise InputError(f"{key}: its record is damaged") from error

    def _store(self, part: str) -> Any:
        if part not in self._stores:
            try:
                import lmdb
            except ImportError:
                raise ConfigError(
                    "UniLSTalkDataset lies in LMDB; install its package with `pip install 'avtr-cli[train]'`"
                ) from None
            path = self._folder / part / "data_lmdb"
            try:
                self._stores[part] = lmdb.open(str(path), readonly=True, lock=False, create=False)
            except lmdb.Error as error:
                raise InputError(f"{path}: is no LMDB that can be read ({error})") from error
        return self._stores[part]


def _listed(path: Path) -> list[tuple[str, tuple[str, ...], int]]:
    """(split, keys of the records, frames) of every entry. Raises InputError."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        found = []
        for split in SPLITS:
            rows = held.get(split, [])
            for row in rows.values() if isinstance(rows, dict) else rows:
                *keys, frames = row
                found.append((split, tuple(Path(str(key)).name for key in keys), int(frames)))
        if not all(len(keys) in (1, 2) and all(keys) for _, keys, _ in found):
            raise ValueError("an entry of neither one nor two people")
        return found
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)})") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged, or no list of UniLSTalkDataset") from error


def _stamp(*paths: Path) -> list[Any]:
    about = [(path, path.stat()) for path in paths if path.exists()]
    return [[path.name, stat.st_size, stat.st_mtime_ns] for path, stat in about]


def _motion(key: str, arrays: Mapping[str, AnyArray]) -> Floats:
    """float32 (T, 108). Raises InputError."""
    motion = arrays.get("motioncode")
    if motion is None or motion.ndim != 2 or motion.shape[1] < LEAST_COLUMNS or motion.dtype.kind != "f":
        shape = "no array" if motion is None else f"{motion.dtype} {motion.shape}"
        raise InputError(f"{key}: its motioncode is {shape}, not (T, {LEAST_COLUMNS} or more)")
    chosen = motion[:, COLUMNS].astype(np.float32)
    if not np.isfinite(chosen).all():
        raise InputError(f"{key}: its motioncode holds values that are no numbers")
    return chosen


def _voice(key: str, arrays: Mapping[str, AnyArray], frames: int) -> Sound:
    """float32 (640 T), cut or padded with silence. Raises InputError."""
    audio = arrays.get("audio")
    if audio is None or audio.ndim != 1 or audio.dtype.kind not in "fi" or not len(audio):
        raise InputError(f"{key}: has no audio beside its motion")
    sound = audio.astype(np.float32) / (INT16 if audio.dtype.kind == "i" else 1.0)
    if not np.isfinite(sound).all():
        raise InputError(f"{key}: its audio holds values that are no numbers")
    wanted = frames * SAMPLES_PER_FRAME
    fitted: Sound = np.pad(sound[:wanted], (0, max(wanted - len(sound), 0))).clip(-1, 1)
    return fitted


def _speaking(arrays: Mapping[str, AnyArray], sound: Sound, frames: int) -> Mask:
    """(T,): by the mask of the record where it has one, else by the voice's level."""
    mask = arrays.get("speech_mask")
    if mask is not None and mask.ndim == 1 and len(mask) >= frames:
        told: Mask = mask[:frames] > 0.5
        return told
    return by_frames(speech_in(sound), frames)


def by_frames(speech: Mask, frames: int) -> Mask:
    """A mask at 100 Hz at 25: a frame speaks where half of it does."""
    per_frame = RATE // FPS
    padded = np.pad(speech[: frames * per_frame], (0, max(frames * per_frame - len(speech), 0)))
    spoken: Mask = padded.reshape(frames, per_frame).mean(1) >= 0.5
    return spoken


def _talks(motion: Floats) -> Mask:
    """(T,): where the jaw of somebody without a voice moves as in talk."""
    jaw = np.pad(motion[:, JAW], JAW_WINDOW // 2, mode="edge")
    spread = np.lib.stride_tricks.sliding_window_view(jaw, JAW_WINDOW).std(1)
    talks: Mask = spread > JAW_MOVES
    return talks
