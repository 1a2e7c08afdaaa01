"""AVTR-1's published motion model behind our MotionGenerator: a window of both voices becomes 5 frames of keypoints.

The weights are the user's (Avaturn, AVTR-1 Community License). Every chunk: HuBERT rows of both sides join 75 carried
ones; the history, the sound and the portrait are encoded once; AR(1) noise flows to motion in Euler steps whose
velocity carries the guidance; the last 75 frames are carried on. Motion is 42 numbers, z-scored: rotation vector (3)
and 39 of the 63 expression coordinates; the others stay the portrait's.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.clocks import timed
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.cuda_graphs import Graphs
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.core.rotation import vector_of
from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.core.types import Asked, Identity, Motion, MotionState, Window
from avtr_cli.motion.avtr1.archive import CHANNELS, LIPSYNC_COORDINATES, SIDE_WIDTH, Avtr1Archive, Guidance
from avtr_cli.motion.avtr1.hubert import SpeechFeatures, load_features
from avtr_cli.motion.flow import ar1_noise, euler
from avtr_cli.motion.table import ignored
from avtr_cli.weights.store import Store

EQUAL = 1e-3  # of a CUDA graph's features and motion to the plain call's, in their own units
CLAMP = 5.0  # of z-scored keypoints and expression in the portrait's condition


class Avtr1Generator:
    """AVTR-1 as a MotionGenerator in the keypoints space. Raises ConfigError for settings it cannot follow."""

    space = KEYPOINTS
    cues: frozenset[str] = frozenset()

    def __init__(self, model: Avtr1Archive, features: SpeechFeatures, config: MotionConfig, graphs: str = "auto"):
        """`graphs` as `runtime.cuda_graphs`."""
        _check_settings(config)
        self._model, self._config = model, config
        self._guidance = Guidance.of(config, model.device)
        self._coordinates = torch.tensor(LIPSYNC_COORDINATES, device=model.device)
        self._gains = torch.full((CHANNELS,), config.expressiveness, device=model.device)
        self._gains[:3] = config.head_gain
        self._in_turn = model.device.type == "cpu"
        in_torch = isinstance(features, torch.nn.Module)  # what onnxruntime runs cannot be captured
        self._hear = Graphs(lambda windows: [features(*windows)], model.device, graphs if in_torch else "off", EQUAL)
        self._flow = Graphs(self._flowed, model.device, graphs, EQUAL)
        self._one_at_a_time = threading.Lock()  # graphs answer in memory of their own
        self.weights_files: tuple[Path, ...] = (model.path,)

    @classmethod
    def from_store(
        cls, config: MotionConfig, device: torch.device, store: Store | None = None, graphs: str = "auto"
    ) -> Avtr1Generator:
        """With the published weights of this machine. Raises WeightsError where they are absent or damaged."""
        store = store or Store()
        paths = (store.find("avtr1/motion"), store.find("avtr1/hubert"))
        generator = cls(Avtr1Archive(paths[0], device), load_features(paths[1], device), config, graphs)
        generator.weights_files = paths
        return generator

    def start(self, identity: Identity, seed: int) -> MotionState:
        """The neutral motion for 3 s, silence, and what the portrait says of itself.

        Of `identity.anatomy` it takes the keypoints, rotation and expression that the motion extractor gives.
        """
        device, buffers = self._model.device, self._model.buffers
        points, rotation, expression = (
            identity.anatomy[name].float().to(device) for name in ("canonical_keypoints", "rotation", "expression")
        )
        so3 = vector_of(rotation)
        turned = expression @ rotation.mT  # the expression in the head's own frame, in which the model speaks
        neutral = torch.cat([so3, turned.flatten()[self._coordinates]])
        neutral = (neutral - buffers["motion_offset"]) / buffers["motion_scale"]
        portrait = torch.cat(
            [
                (so3 - buffers["offset_so3"]) / buffers["scale_so3"],
                ((points - buffers["offset_kp"]) / buffers["scale_kp"]).clamp(-CLAMP, CLAMP).flatten(),
                ((turned - buffers["offset_exp"]) / buffers["scale_exp"]).clamp(-CLAMP, CLAMP).flatten(),
            ]
        )
        return {
            "past": neutral.expand(PAST_FRAMES, -1).clone(),
            "audio": torch.zeros(PAST_FRAMES, 2 * SIDE_WIDTH, device=device),
            "noise": torch.zeros(CHANNELS, dtype=torch.float64),  # of the last frame, on the CPU, where it is drawn
            "portrait": portrait,
            "neutral": neutral,
            "expression": expression.flatten(),
            "seed": torch.tensor(seed, dtype=torch.int64),
        }

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The 5 frames of one chunk and the state after it. It knows no cues."""
        return self.step_together([window], [state], [asked])[0]

    def step_together(
        self, windows: Sequence[Window], states: Sequence[MotionState], asked: Sequence[Asked]
    ) -> list[tuple[Motion, MotionState]]:
        """`step` of several sessions in one forward; on a CPU in turn, so with the bits of each alone."""
        together = 1 if self._in_turn else len(windows)
        steps: list[tuple[Motion, MotionState]] = []
        for at in range(0, len(windows), together):
            with self._one_at_a_time:
                steps += self._step(windows[at : at + together], states[at : at + together])
        return steps

    def _step(self, windows: Sequence[Window], states: Sequence[MotionState]) -> list[tuple[Motion, MotionState]]:
        device = self._model.device
        with timed("audio"):
            samples = np.concatenate([window.samples for window in windows])
            rows = self._hear([], [torch.from_numpy(samples).to(device)])[0].float()  # (2 B, 10, 1024)
        heard = torch.cat([rows[0::2], rows[1::2]], dim=-1)
        noise = [
            self._noise(window.index, int(state["seed"]), state["noise"])
            for window, state in zip(windows, states, strict=True)
        ]
        past, audio, portrait, neutral, expression = (
            torch.stack([state[name] for state in states])
            for name in ("past", "audio", "portrait", "neutral", "expression")
        )
        audio = torch.cat([audio, heard], dim=1)
        start = torch.stack(noise).float().to(device)
        x, values = self._flow([], [past, audio, portrait, start, neutral, expression])
        steps: list[tuple[Motion, MotionState]] = []
        for at, (window, state) in enumerate(zip(windows, states, strict=True)):
            after = dict(state) | {
                "past": torch.cat([state["past"], x[at]])[CHUNK_FRAMES:],
                "audio": audio[at, CHUNK_FRAMES : CHUNK_FRAMES + PAST_FRAMES].clone(),
                "noise": noise[at][-1],
            }
            steps.append((Motion(KEYPOINTS, values[at].clone(), window.index * CHUNK_FRAMES), after))
        return steps

    def _flowed(self, inputs: list[Tensor]) -> list[Tensor]:
        """Base noise (B, 5, 42), under its conditions, to motion: z-scored (B, 5, 42) and as keypoints (B, 5, 66).

        Inputs: past, audio and portrait as `Avtr1Archive.encode` takes them, noise, neutral motion, expression.
        """
        past, audio, portrait, noise, neutral, expression = inputs
        encoded = self._model.encode(past, audio, portrait)
        x = euler(
            lambda x, time: self._model.velocity(x, time, encoded, self._guidance), noise, self._config.euler_steps
        )
        return [x, self._keypoints(x, neutral, expression)]

    def _noise(self, index: int, seed: int, last: Tensor) -> Tensor:
        """Base noise, float64 (5, 42), drawn on the CPU from (seed, index) so that it is the same on every device."""
        generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
        uniform = torch.rand(CHUNK_FRAMES, CHANNELS, dtype=torch.float64, generator=generator)
        config = self._config
        return ar1_noise(uniform, last if index else None, config.noise_correlation, config.noise_limit)

    def _keypoints(self, x: Tensor, neutral: Tensor, expression: Tensor) -> Tensor:
        """(B, 5, 42), z-scored -> (B, 5, 66): rotation vector and the whole expression, (B, 63) elsewhere."""
        neutral = neutral[:, None]
        x = neutral + self._gains * (x - neutral)
        values = x * self._model.buffers["motion_scale"] + self._model.buffers["motion_offset"]
        whole = expression[:, None].repeat(1, CHUNK_FRAMES, 1)
        whole[..., self._coordinates] = values[..., 3:]
        return torch.cat([values[..., :3], whole], dim=-1)


def _check_settings(config: MotionConfig) -> None:
    """AVTR-1 knows nothing of these; a setting that does nothing would mislead."""
    for name in ignored(config, by="avtr1"):
        raise ConfigError(f"motion.{name} is not a setting of the AVTR-1 model; leave it out, or use generator lmfm")
