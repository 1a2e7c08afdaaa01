"""The network as training runs it: the plain form of what `onnx_backend` computes quicker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from avtr_cli.core.config import MotionConfig
from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.motion import flow
from avtr_cli.motion.lmfm import hearing
from avtr_cli.motion.lmfm.guidance import Branch
from avtr_cli.motion.lmfm.network import Conditions, Lmfm, Track


class Heard(NamedTuple):
    """What a chunk's sound says.

    encoded (2, 5, D); flags (5, 12) as probabilities; said (5, 3) logits of bilabial, labiodental, own voice;
    memory (1 or 2, 5, 60) of the event head, the second row as if there were no partner.
    """

    encoded: Tensor
    flags: Tensor
    said: Tensor
    memory: Tensor


class Told(NamedTuple):
    """What a chunk's motion follows from, the past first.

    encoded (2, 80, D), flags (80, 12), curves (80, 8); history of each track, (76, C); base noise of each, (5, C).
    """

    encoded: Tensor
    flags: Tensor
    curves: Tensor
    mouth: Tensor
    face: Tensor
    mouth_noise: Tensor
    face_noise: Tensor


class Backend(Protocol):
    """How the network is computed; of the same inputs the same bits, for any number of threads that ask at once."""

    @property
    def name(self) -> str:
        """As reports and job keys call it."""

    def hear(self, features: Tensor, encoded: Tensor, flags: Tensor) -> Heard:
        """Features (2, 26, 320) and, of what was heard before, encoded (2, 44, D) and flags (48, 12)."""

    def flow(self, index: int, told: Told) -> tuple[Tensor, Tensor]:
        """The mouth (5, 7) in z-units and the face's innovations (5, F) of chunk `index`."""


class TorchBackend:
    """Operator by operator, every Euler step and every branch of guidance by itself."""

    name = "torch"

    def __init__(
        self, model: Lmfm, config: MotionConfig, branches: Sequence[Branch], noise_sd: float, deaf: bool
    ) -> None:
        self._model, self._branches, self._noise_sd, self._deaf = model, branches, noise_sd, deaf
        self._steps = config.euler_steps
        self._moments: dict[tuple[Track, str, float], list[tuple[Tensor, ...]]] = {}
        self._biases: dict[tuple[Track, int], Tensor] = {}

    def hear(self, features: Tensor, encoded: Tensor, flags: Tensor) -> Heard:
        """As `Backend.hear`."""
        model = self._model
        new, said = model.hearing(features[None])
        fresh = model.hearing.flags(torch.cat([encoded, new[0]], dim=1)).sigmoid()
        fresh = torch.cat([fresh[0], fresh[1]], dim=-1)
        recent = torch.cat([flags, fresh]).expand(2 if self._deaf else 1, -1, -1).clone()
        recent[1:, :, hearing.FLAGS :] = 0
        logits = torch.cat([said.closures[0], said.activity[0].unsqueeze(-1)], dim=-1)
        return Heard(new[0], fresh, logits, model.events.history_memory(recent))

    def flow(self, index: int, told: Told) -> tuple[Tensor, Tensor]:
        """As `Backend.flow`."""
        given = self._conditions(told)
        return self._mouth(index, told, given), self._face(index, told, given)

    def _conditions(self, told: Told) -> dict[str, Conditions]:
        """What past and chunk are told, whole ("") and without each condition that guidance weighs; batch of one."""
        model, given = self._model, {}
        for branch in self._branches:
            own, other = told.encoded[0], told.encoded[1]
            avatar = model.no_avatar.expand_as(own) if branch.without == "avatar" else own
            partner = model.no_partner.expand_as(other) if branch.without == "partner" else other
            person = branch.person.expand(1, len(own), -1)
            flags = (told.flags * branch.flags())[None]
            given[branch.without] = model.conditions(avatar[None], partner[None], flags, told.curves[None], person)
        return given

    def _mouth(self, index: int, told: Told, given: Mapping[str, Conditions]) -> Tensor:
        """The mouth's frames (5, 7). The partner has no part in it."""
        branches = [branch for branch in self._branches if branch.mouth]
        now = {one.without: Conditions(*(part[:, -CHUNK_FRAMES:] for part in given[one.without])) for one in branches}
        guesses = {name: self._model.guess_mouth(conditions) for name, conditions in now.items()}

        def skip(name: str, x: Tensor, t: float) -> Tensor:
            mean, scale = guesses[name]
            return flow.gaussian_skip(x, t, mean, scale, self._noise_sd)

        heard = {one.without: given[one.without].avatar for one in branches}
        return self._flow(self._model.mouth_track, index, told.mouth_noise, told.mouth, branches, heard, skip)

    def _face(self, index: int, told: Told, given: Mapping[str, Conditions]) -> Tensor:
        """The face's innovations (5, F)."""
        scales = {one.without: self._model.scale_face(one.person) for one in self._branches}

        def skip(name: str, x: Tensor, t: float) -> Tensor:
            return flow.gaussian_skip(x, t, torch.zeros_like(x), scales[name], 1.0)

        heard = {name: conditions.fused for name, conditions in given.items()}
        return self._flow(self._model.face_track, index, told.face_noise, told.face, self._branches, heard, skip)

    def _flow(
        self,
        track: Track,
        index: int,
        noise: Tensor,
        history: Tensor,
        branches: Sequence[Branch],
        heard: Mapping[str, Tensor],
        skip: Callable[[str, Tensor, float], Tensor],
    ) -> Tensor:
        """Euler steps from noise (5, C), guided by every branch; the past's memory is made once."""
        frames = min(index * CHUNK_FRAMES, PAST_FRAMES)
        past, before = history[1:][None, PAST_FRAMES - frames :], history[:-1][None, PAST_FRAMES - frames :]
        bias = self._bias(track, frames)
        memories = {
            name: track.past_memory(past, before, sound[:, PAST_FRAMES - frames : PAST_FRAMES])
            for name, sound in heard.items()
        }
        told = {name: track.sound_tokens(sound[:, -CHUNK_FRAMES:]) for name, sound in heard.items()}

        def velocity(x: Tensor, t: float) -> Tensor:
            whole, *others = (
                skip(one.without, x, t)
                + track(x, told[one.without], self._modulations(track, one, t), memories[one.without], bias)
                for one in branches
            )
            return flow.guided(whole, others, [one.weight for one in branches[1:]])

        return flow.euler(velocity, noise.unsqueeze(0), self._steps)[0]

    def _bias(self, track: Track, frames: int) -> Tensor:
        """Who looks at whom, of one chunk after `frames` of past: the same in every chunk once the past is full."""
        key = (track, frames)
        if key not in self._biases:
            self._biases[key] = track.bias(frames, CHUNK_FRAMES, 0, frames)
        return self._biases[key]

    def _modulations(self, track: Track, branch: Branch, t: float) -> list[tuple[Tensor, ...]]:
        """Time and identity as each layer takes them: they recur in every chunk, so they are made once."""
        key = (track, branch.without, t)
        if key not in self._moments:
            person = branch.person.expand(1, CHUNK_FRAMES, -1)
            self._moments[key] = track.modulations(torch.full((1, CHUNK_FRAMES), t), person)
        return self._moments[key]
