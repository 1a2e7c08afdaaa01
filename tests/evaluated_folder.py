"""Makes folders to be judged: calls of made-up voices, people who answer them, and systems that do or do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME

SECONDS = 10


def turns(random: np.random.Generator, seconds: float) -> np.ndarray:
    """bool (2, T): two voices that take turns of about a second and a half, with pauses."""
    count = round(seconds * FPS)
    active, at, side = np.zeros((2, count), bool), 0, int(random.integers(2))
    while at < count:
        length = int(random.integers(22, 50))
        active[side, at : at + length] = True
        at += length + int(random.integers(12, 35))
        side = 1 if side == 0 or random.random() < 0.7 else 0  # mostly the partner speaks: there is more to listen to
    return active


def sound(random: np.random.Generator, active: np.ndarray) -> np.ndarray:
    """float32 (2, n): a buzz whose loudness wavers wherever a side is active."""
    samples = active.shape[1] * SAMPLES_PER_FRAME
    time = np.arange(samples) / SAMPLE_RATE
    buzz = np.stack([np.sign(np.sin(2 * np.pi * pitch * time)) for pitch in (110.0, 180.0)])
    loud = (
        0.1
        * active.repeat(SAMPLES_PER_FRAME, 1)
        * (0.4 + 0.6 * random.random((2, active.shape[1]))).repeat(SAMPLES_PER_FRAME, 1)
    )
    return (buzz * loud + 1e-4 * random.standard_normal((2, samples))).astype(np.float32)


def face(random: np.random.Generator, active: np.ndarray, answer: float, who: float = 0.0) -> np.ndarray:
    """Controls (T, 58): a head dips and brows rise half a second behind the partner's phrases, by `answer`."""
    count = active.shape[1]
    table = np.zeros((count, len(CONTROLS)), np.float32)
    ends = np.flatnonzero(np.diff(active[1].astype(int)) < 0) + 1
    pulse = np.zeros(count)
    for end in ends:
        where = np.arange(end + 8, min(end + 26, count))
        pulse[where] += np.sin(np.pi * (where - end - 8) / 18)

    def wander(size: float) -> np.ndarray:
        steps = np.cumsum(random.standard_normal(count + 50))
        return size * (steps[50:] - np.convolve(steps, np.ones(51) / 51, "valid")[:count]) / 3

    def put(name: str, curve: np.ndarray) -> None:
        table[:, CONTROLS.index(name)] = curve

    put("headPitch", 0.06 * answer * pulse + wander(0.01) + who)
    put("headYaw", wander(0.01))
    for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
        put(name, 0.3 * answer * pulse + wander(0.03))
    for side in ("Left", "Right"):
        put(f"mouthSmile{side}", 0.2 * answer * pulse + wander(0.02) + 0.2)
    put("jawOpen", 0.3 * active[0] * random.random(count))
    return table


def write_npz(path: Path, controls: np.ndarray, **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, motion=controls, channels=np.array(CONTROLS.channels), fps=np.float32(FPS), **more)


def make_folder(
    folder: Path, clips: int = 12, seconds: float = SECONDS, systems: tuple[str, ...] = ("deaf", "twin")
) -> Path:
    """`twin` answers as truth does, `deaf` never, `half` half as much; conversations are on their own."""
    (folder / "audio").mkdir(parents=True)
    answers = {"twin": 1.0, "deaf": 0.0, "half": 0.5}
    for clip in range(clips):
        random = np.random.default_rng(clip)
        active = turns(random, seconds)
        name = f"c{clip:02d}"
        soundfile.write(folder / "audio" / f"{name}.wav", sound(random, active).T, SAMPLE_RATE)
        write_npz(folder / "truth" / f"{name}.npz", face(random, active, 1.0))
        for system in systems:
            write_npz(folder / "systems" / system / f"{name}.npz", face(random, active, answers[system]))
    return folder
