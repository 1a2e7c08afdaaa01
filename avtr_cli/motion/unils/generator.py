"""UniLS's published model behind our MotionGenerator: a call is heard whole, made once, and replayed chunk by chunk.

The weights are the user's (xg-chu/UniLS, CC-BY-NC-4.0). A frame depends on what is said up to 4 s after it, so no live
call can be followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from avtr_cli.core.arrays import Sound
from avtr_cli.core.config import NO_STYLE, MotionConfig
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import FLAME
from avtr_cli.core.protocols import MotionGenerator, Voice
from avtr_cli.core.runtime import cores
from avtr_cli.core.types import Asked, Identity, MotionState, Window
from avtr_cli.motion.flame.codes import EXPRESSION, HEAD, JAW, clip_rest, load_codes, mean_rest
from avtr_cli.motion.replay import RestingReplay
from avtr_cli.motion.unils.call import Manner, moved
from avtr_cli.motion.unils.checkpoint import load_network
from avtr_cli.motion.unils.config import CLIP_FRAMES, MOTION_WIDTH
from avtr_cli.motion.unils.network import UnilsNetwork
from avtr_cli.motion.unils.speech import Speech, load_speech
from avtr_cli.weights.registry import registry
from avtr_cli.weights.store import Store

NO_LIVE_CALL = (
    "UniLS hears 4 s ahead of every frame and so follows no live call: render a file at --pace max, or use "
    "motion.generator lmfm"
)
ATTRIBUTION = registry().licences["cc-by-nc-4.0-unils"].notice
PERSON_PRIME = 2_654_435_761  # spreads a photo's number over seeds


class UnilsGenerator:
    """UniLS as a generator of FLAME motion that hears calls whole."""

    space = FLAME
    cues: frozenset[str] = frozenset()

    def __init__(
        self,
        network: UnilsNetwork,
        speech: Speech,
        config: MotionConfig,
        device: torch.device,
        weights_files: tuple[Path, ...] = (),
    ):
        self._network, self._speech, self._config, self._device = network, speech, config, device
        self.weights_files = weights_files
        self._manner = Manner(
            guidance=config.guidance,
            temperature=config.temperature,
            top_p=config.top_p,
            silence_gate=config.silence_gate,
            smoothing=config.smoothing,
        )

    @classmethod
    def from_store(cls, config: MotionConfig, device: torch.device, store: Store | None = None) -> UnilsGenerator:
        """With the published weights of this machine. Raises WeightsError where they are absent or damaged."""
        store = store or Store()
        paths = (store.find("unils/model"), store.find("unils/speech"))
        return cls(load_network(paths[0], device), load_speech(paths[1], device), config, device, paths)

    def of_call(self, blocks: Iterable[Sound], voices: Sequence[Voice]) -> list[MotionGenerator]:
        """The motion of one side or both; see `WholeCallGenerator`.

        Raises InputError where the setting `style` names a file that is no FLAME motion.
        """
        style = style_of(self._config.style)
        seeds = [voice.seed + PERSON_PRIME * voice.person for voice in voices]
        sides = moved(self._network, self._speech, blocks, seeds, self._manner, style, self._device, cores())
        mean = self._network.base_codec.motion_mean.double().cpu().numpy()
        made: list[MotionGenerator] = []
        for motion in sides:
            rest = mean_rest(mean) if self._config.rest == "average" else clip_rest(motion.numpy())
            codes = motion.numpy().copy()
            codes[:, :EXPRESSION] = rest[:EXPRESSION] + self._config.expressiveness * (
                codes[:, :EXPRESSION] - rest[:EXPRESSION]
            )
            codes[:, JAW] *= self._config.expressiveness
            codes[:, HEAD] *= self._config.head_gain
            made.append(RestingReplay(FLAME, torch.from_numpy(codes.astype(np.float32)), rest, ATTRIBUTION))
        return made

    def start(self, identity: Identity, seed: int) -> MotionState:
        """Raises ConfigError: nothing can be begun before the call is over."""
        _refuse()

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> NoReturn:
        """Raises ConfigError, as `start`."""
        _refuse()


def style_of(setting: str) -> torch.Tensor:
    """The first 4 s of FLAME motion in a file, (1, 100, 108); a shorter one stands still at its end. Zeros for none."""
    if setting == NO_STYLE:
        return torch.zeros(1, CLIP_FRAMES, MOTION_WIDTH)
    codes = load_codes(Path(setting)).codes
    rows = np.arange(CLIP_FRAMES).clip(max=len(codes) - 1)
    return torch.from_numpy(codes[rows])[None]


def _refuse() -> NoReturn:
    raise ConfigError(NO_LIVE_CALL)
