"""AVTR-1's TorchScript archive, checked when it is loaded: sizes, buffers, and one silent call of each method.

TorchScript is accepted for this one published file alone; it runs in torch's own interpreter and executes no Python.
The archive's words are renamed here once: its `self` is our avatar, its `other` our partner.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avtr_cli.core.config import MotionConfig
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.timing import CHUNK_FRAMES, LOOKAHEAD_FRAMES, PAST_FRAMES

_optimized = torch.jit.optimized_execution  # type: ignore[attr-defined]  # torch does not export it by name

CHANNELS = 42  # so3 (3) and expression (39)
LIPSYNC_COORDINATES = (*range(3, 9), *range(18, 21), *range(33, 63))  # of the flat 63: keypoints 1, 2, 6, 11-20
SIDE_WIDTH = 1024  # of one side's features
LATENT = 512
CONTEXT_ROWS = PAST_FRAMES // CHUNK_FRAMES  # 15: one time for every past chunk
PORTRAIT_NUMBERS = 3 + 63 + 63  # rotation vector, keypoints, expression

ATTRIBUTES = {
    "chunk_size": CHUNK_FRAMES,
    "past_size": PAST_FRAMES,
    "future_size": LOOKAHEAD_FRAMES,
    "nfeats": CHANNELS,
    "cond_feature_dim": SIDE_WIDTH,
    "latent_dim": LATENT,
}
BUFFERS: dict[str, tuple[int, ...]] = {
    "motion_offset": (CHANNELS,),
    "motion_scale": (CHANNELS,),
    "offset_so3": (3,),
    "scale_so3": (3,),
    "offset_kp": (21, 3),
    "scale_kp": (21, 3),
    "offset_exp": (21, 3),
    "scale_exp": (21, 3),
    "lipsync_coords": (len(LIPSYNC_COORDINATES),),
}


@dataclass(frozen=True)
class Guidance:
    """How strongly each condition is followed, for every latent coordinate: (512,) each."""

    avatar: Tensor
    partner: Tensor
    identity: Tensor

    @classmethod
    def of(cls, config: MotionConfig, device: torch.device) -> Guidance:
        """The strengths of a preset on `device`, the same for every latent channel."""
        strengths = (config.avatar_guidance, config.partner_guidance, config.identity_guidance)
        return cls(*(torch.full((LATENT,), strength, device=device) for strength in strengths))


class Avtr1Archive:
    """The archive, checked: its buffers by name and its two methods. Holds weights only."""

    def __init__(self, path: Path, device: torch.device):
        self.path, self.device = path, device
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TorchScript is deprecated; the published file is what it is
                self._archive: Any = torch.jit.load(str(path), map_location=device).eval()
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).strip().splitlines()[0][:160]
            raise WeightsError(
                f"{path}: cannot be loaded, damaged or not a TorchScript archive ({reason}); check it with "
                "`avtr weights verify`, or fetch it again with `avtr weights pull avtr1/motion`"
            ) from error
        self._check_attributes()
        self.buffers = {name: self._part(name).float() for name in BUFFERS if name != "lipsync_coords"}
        self._check_calls()

    def encode(self, past: Tensor, audio: Tensor, portrait: Tensor) -> tuple[Tensor, ...]:
        """(B, 75, 42), (B, 85, 2048) and (B, 129), a chunk of each of B sessions -> what `velocity` needs."""
        times = torch.ones(len(past), CONTEXT_ROWS, 1, device=self.device)
        with torch.no_grad(), _optimized(False):  # an optimiser that learns would change bits
            encoded: tuple[Tensor, ...] = self._archive.encode_conditions(
                past_cond=past, audio_cond=audio, kp_cond=portrait[:, None], past_times=times
            )
        return encoded

    def velocity(self, x: Tensor, time: float, encoded: tuple[Tensor, ...], guidance: Guidance) -> Tensor:
        """dx/dt (B, 5, 42) of x (B, 5, 42) at `time` in [0, 1), guided."""
        kp, past_context, past_last, audio_self, audio_other = encoded
        with torch.no_grad(), _optimized(False):
            slope: Tensor = self._archive.forward(
                x=x,
                kp=kp,
                past_context=past_context,
                past_last=past_last,
                audio_self=audio_self,
                audio_other=audio_other,
                t=torch.full((len(x), 1), time, device=self.device),
                self_weights=guidance.avatar,
                other_weights=guidance.partner,
                kp_weights=guidance.identity,
            )
        return slope

    def _part(self, name: str) -> Any:
        """An attribute of the archive or of the `model` inside it."""
        for owner in (self._archive, getattr(self._archive, "model", None)):
            if owner is not None and hasattr(owner, name):
                return getattr(owner, name)
        raise self._other(f"it has no {name}")

    def _other(self, finding: str) -> WeightsError:
        return WeightsError(
            f"{self.path}: not the AVTR-1 motion model that avtr knows: {finding}; fetch it again with "
            "`avtr weights pull avtr1/motion`, or update avtr"
        )

    def _check_attributes(self) -> None:
        for name, value in ATTRIBUTES.items():
            found = self._part(name)
            if found != value:
                raise self._other(f"{name} is {found}, not {value}")
        for name, shape in BUFFERS.items():
            tensor = self._part(name)
            if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape or not torch.isfinite(tensor).all():
                raise self._other(f"{name} is no finite {shape}")
        if tuple(self._part("lipsync_coords").tolist()) != LIPSYNC_COORDINATES:
            raise self._other("lipsync_coords names other coordinates")

    def _check_calls(self) -> None:
        """One silent call of each method: signatures and shapes are as published, before any job runs."""

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, device=self.device)

        weights = Guidance(*[zeros(LATENT)] * 3)
        try:
            encoded = self.encode(
                zeros(1, PAST_FRAMES, CHANNELS),
                zeros(1, PAST_FRAMES + CHUNK_FRAMES + LOOKAHEAD_FRAMES, 2 * SIDE_WIDTH),
                zeros(1, PORTRAIT_NUMBERS),
            )
            answer = self.velocity(zeros(1, CHUNK_FRAMES, CHANNELS), 0.0, encoded, weights)
        except (RuntimeError, AttributeError, ValueError) as error:
            raise self._other(str(error).strip().splitlines()[-1][:160]) from error
        if tuple(answer.shape) != (1, CHUNK_FRAMES, CHANNELS):
            raise self._other(f"it answers {tuple(answer.shape)} where motion is {(1, CHUNK_FRAMES, CHANNELS)}")
