"""Windows of sound into controls, a chunk at a time, by the embedded model: the streaming twin of its training.

The state is small and plain: 16 feature rows, 75 frames of what was heard and moved, the last noise row, the
gestures under way. Everything random comes from (seed, chunk index), so neither the cut of the audio nor a
save in between changes a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.core.types import CUES, Asked, Identity, Motion, MotionState, Window
from avtr_cli.motion import flow
from avtr_cli.motion.gestures import CURVES, EVENTS
from avtr_cli.motion.lmfm import decisions, event_head, hearing, voicing
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH, compose
from avtr_cli.motion.lmfm.checkpoint import SHIPPED, load_lmfm
from avtr_cli.motion.lmfm.log_mel import FEATURES, SILENCE, LogMel
from avtr_cli.motion.lmfm.network import NOISE_CORRELATION, NOISE_LIMIT, NOISE_SD, Conditions, Track
from avtr_cli.motion.lmfm.person import manner_of, person_vector

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_GUIDANCE = 1.25  # of the event head by the partner, times the user's own: answers stand out from chance
MOUTH_TEMPERATURE = 0.25  # of the mouth's base noise: less scatter around what is heard, closer to the true shapes
_SPREAD = 1.15  # of the mouth's shapes around their mean: what is guessed from sound is flatter than any mouth
_OPEN_BELOW, _SHUT_ABOVE = 0.1, 0.8  # closure probabilities between which the lips come together
_STILL_BELOW, _SPEAKS_ABOVE = 0.12, 0.75  # the same for the own voice, which lets the mouth move at all


class LmfmGenerator:
    """The embedded motion model behind the two calls of `types.MotionGenerator`.

    Raises WeightsError when the checkpoint is missing, damaged or not of this model.
    """

    space = CONTROLS
    cues = frozenset(CUES)

    def __init__(self, config: MotionConfig, checkpoint: Path | None = None) -> None:
        self.config = config
        self.weights_files: tuple[Path, ...] = (checkpoint or SHIPPED,)
        self.model, self.about = load_lmfm(self.weights_files[0])
        self._person = person_vector(config)
        self._manner = manner_of(config)
        self._mel = LogMel()
        trained = (config.noise_correlation, config.noise_limit) == (NOISE_CORRELATION, NOISE_LIMIT)
        self._noise_sd = NOISE_SD if trained else flow.ar1_sd(config.noise_correlation, config.noise_limit)
        self._moments: dict[tuple[Track, bool, float], list[tuple[Tensor, ...]]] = {}
        self._biases: dict[tuple[Track, int], Tensor] = {}
        self._odds = np.ones(len(EVENTS))
        self._odds[EVENTS.index("blink")] = config.blink_rate

    def start(self, identity: Identity | None, seed: int) -> MotionState:
        """The state before the first chunk. Of `identity.anatomy` it takes how far the photo's lips are parted."""
        model, width = self.model, self.model.shape.width
        with torch.no_grad(), one_thread():
            rest = -model.face_centre(self._person) / model.face_sd  # zero controls: the photo
            silence = model.hearing.of_silence()
        parted = identity.anatomy.get("parted_lips") if identity else None
        pending = decisions.Pending.empty()
        return {
            "seed": torch.tensor(seed, dtype=torch.int64),
            "features": torch.full((2, hearing.HISTORY, FEATURES), SILENCE),
            "encoded": silence[:, None].expand(2, PAST_FRAMES, width).clone(),
            "flags": torch.zeros(PAST_FRAMES, 2 * hearing.FLAGS),
            "curves": torch.zeros(PAST_FRAMES, len(CURVES)),
            "mouth": torch.zeros(PAST_FRAMES + 1, len(MOUTH)),
            "face": rest.expand(PAST_FRAMES + 1, -1).clone(),
            "noise": torch.zeros(len(MOUTH)),
            "pending": torch.from_numpy(pending.curves),
            "since": torch.from_numpy(pending.since),
            "gaze": torch.from_numpy(pending.gaze),
            "voicing": voicing.at_rest(),
            "held": voicing.unmoved(),
            "parted": torch.zeros(1) if parted is None else parted.detach().float().cpu().reshape(1),
        }

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The 5 frames of one chunk, float32 (5, 58), and the state after it."""
        with torch.no_grad(), one_thread():
            return self._step(window, state, asked)

    def _step(self, window: Window, state: MotionState, asked: Asked) -> tuple[Motion, MotionState]:
        model = self.model
        rng = np.random.default_rng([int(state["seed"]) & 0xFFFFFFFF, window.index])
        fresh = self._mel.of_window(torch.from_numpy(window.samples))
        features = torch.cat([state["features"], fresh], dim=1)
        new, said = model.hearing(features[None])
        encoded = torch.cat([state["encoded"], new[0]], dim=1)
        flags = model.hearing.flags(encoded[:, -hearing.FLAG_HISTORY - CHUNK_FRAMES :]).sigmoid()
        flags = torch.cat([state["flags"], torch.cat([flags[0], flags[1]], dim=-1)])

        drawn, pending = self._gesture(window.index, flags, state, rng, asked)
        curves = torch.cat([state["curves"], torch.from_numpy(drawn)])
        given = self._conditions(encoded, flags, curves)
        mouth, noise = self._mouth(window.index, given, state, rng)
        face = self._face(window.index, given, state, rng)

        closures = ramp(said.closures[0].sigmoid(), _OPEN_BELOW, _SHUT_ABOVE)
        activity = ramp(said.activity[0].sigmoid(), _STILL_BELOW, _SPEAKS_ABOVE)
        gate, presence, voiced = voicing.follow(activity, state["voicing"])
        meant = face * model.face_sd + model.face_centre(self._person)
        shown, held = voicing.let_through(meant, presence, state["held"])
        values = compose(
            model.mouth_from_z(_SPREAD * mouth), closures[:, 0], closures[:, 1], gate, presence,
            shown, curves[-CHUNK_FRAMES:], self._manner, float(state["parted"]),
        )  # fmt: skip
        after = {
            "seed": state["seed"],
            "features": features[:, CHUNK_FRAMES : CHUNK_FRAMES + hearing.HISTORY].clone(),
            "encoded": encoded[:, CHUNK_FRAMES:].clone(),
            "flags": flags[CHUNK_FRAMES:].clone(),
            "curves": curves[CHUNK_FRAMES:].clone(),
            "mouth": _shift(state["mouth"], mouth, window.index),
            "face": _shift(state["face"], face, window.index),
            "noise": noise,
            "pending": torch.from_numpy(pending.curves.copy()),
            "since": torch.from_numpy(pending.since),
            "gaze": torch.from_numpy(pending.gaze),
            "voicing": voiced,
            "held": held,
            "parted": state["parted"],
        }
        return Motion(CONTROLS, values, window.index * CHUNK_FRAMES), after

    def _gesture(
        self, index: int, flags: Tensor, state: MotionState, rng: np.random.Generator, asked: Asked
    ) -> tuple[Floats, decisions.Pending]:
        """Which gestures start in this chunk: the event head's hazards, guided by the partner if asked for."""
        events, person, guidance = self.model.events, self._person, self.config.partner_guidance
        recent = flags[-event_head.HISTORY - CHUNK_FRAMES :]
        memory = events.history_memory(recent.unsqueeze(0))[0]
        alone = memory
        guidance = ANSWER_GUIDANCE * guidance
        if guidance != 1.0:
            deaf = recent.clone()
            deaf[:, hearing.FLAGS :] = 0
            alone = events.history_memory(deaf.unsqueeze(0))[0]

        def hazards(frame: int, since: Floats) -> tuple[Doubles, Doubles]:
            ages = torch.from_numpy(since.astype(np.float32))
            logits, cells = events(memory[frame], ages, person)
            if guidance != 1.0:
                logits = flow.guided(logits, [events(alone[frame], ages, person)[0]], [guidance])
            return logits.double().numpy(), cells.double().numpy()

        pending = decisions.Pending(state["pending"].numpy(), state["since"].numpy(), state["gaze"].numpy())
        numbers = rng.random((CHUNK_FRAMES, decisions.NUMBERS))
        first = index * CHUNK_FRAMES
        odds = self._odds * decisions.occasions(flags[:, 0].numpy(), flags[:, hearing.FLAGS].numpy(), CHUNK_FRAMES)
        return decisions.decide(pending, CHUNK_FRAMES, first, hazards, numbers, odds, asked)

    def _conditions(self, encoded: Tensor, flags: Tensor, curves: Tensor) -> dict[str, Conditions]:
        """What past and chunk are told, whole and (where guidance needs it) without one condition; batch of one."""
        model, config = self.model, self.config
        person = self._person.expand(1, len(curves), -1)

        def tell(avatar: Tensor, partner: Tensor, heard: Tensor, who: Tensor) -> Conditions:
            return model.conditions(avatar.unsqueeze(0), partner.unsqueeze(0), heard[None], curves[None], who)

        own, other = encoded[0], encoded[1]
        given = {"all": tell(own, other, flags, person)}
        if config.avatar_guidance != 1.0:
            heard = flags.clone()
            heard[:, : hearing.FLAGS] = 0
            given["avatar"] = tell(model.no_avatar.expand_as(own), other, heard, person)
        if config.partner_guidance != 1.0:
            heard = flags.clone()
            heard[:, hearing.FLAGS :] = 0
            given["partner"] = tell(own, model.no_partner.expand_as(other), heard, person)
        if config.identity_guidance != 1.0:
            given["person"] = tell(own, other, flags, model.no_person.expand_as(person))
        return given

    def _weight(self, condition: str) -> float:
        config = self.config
        return {"avatar": config.avatar_guidance, "partner": config.partner_guidance}.get(
            condition, config.identity_guidance
        )

    def _mouth(
        self, index: int, given: dict[str, Conditions], state: MotionState, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """The mouth's 5 frames in z-units and the last row of its base noise. The partner has no part in it."""
        config = self.config
        uniform = torch.from_numpy(rng.random((CHUNK_FRAMES, len(MOUTH)), np.float32))
        last = state["noise"] if index else None
        noise = flow.ar1_noise(uniform, last, config.noise_correlation, config.noise_limit)
        branches = {name: g for name, g in given.items() if name != "partner"}
        now = {name: Conditions(*(part[:, -CHUNK_FRAMES:] for part in g)) for name, g in branches.items()}
        guesses = {name: self.model.guess_mouth(g) for name, g in now.items()}

        def skip(name: str, x: Tensor, t: float) -> Tensor:
            mean, scale = guesses[name]
            return flow.gaussian_skip(x, t, mean, scale, self._noise_sd)

        heard = {name: g.avatar for name, g in branches.items()}
        x = self._flow(self.model.mouth_track, index, MOUTH_TEMPERATURE * noise, state["mouth"], branches, heard, skip)
        return x, noise[-1].clone()

    def _face(self, index: int, given: dict[str, Conditions], state: MotionState, rng: np.random.Generator) -> Tensor:
        """The face's 5 frames in z-units: white noise carried to innovations, decoded after the last 4 frames."""
        noise = torch.from_numpy(rng.standard_normal((CHUNK_FRAMES, len(FACE)), np.float32))
        scales = {name: self.model.scale_face(g.person[:, -CHUNK_FRAMES:]) for name, g in given.items()}

        def skip(name: str, x: Tensor, t: float) -> Tensor:
            return flow.gaussian_skip(x, t, torch.zeros_like(x), scales[name], 1.0)

        heard = {name: g.fused for name, g in given.items()}
        noise = noise / flow.euler_gain(self.config.euler_steps)
        codes = self._flow(self.model.face_track, index, noise, state["face"], given, heard, skip)
        return self.model.innovations.decode(codes.clamp(-6, 6), state["face"][-4:])

    def _flow(
        self,
        track: Track,
        index: int,
        noise: Tensor,
        history: Tensor,
        given: dict[str, Conditions],
        heard: dict[str, Tensor],
        skip: Callable[[str, Tensor, float], Tensor],
    ) -> Tensor:
        """Euler steps from noise (5, C), guided by every branch of `given`; the past's memory is made once."""
        frames = min(index * CHUNK_FRAMES, PAST_FRAMES)
        past, before = history[1:][None, PAST_FRAMES - frames :], history[:-1][None, PAST_FRAMES - frames :]
        bias = self._bias(track, frames)
        memories = {
            name: track.past_memory(past, before, sound[:, PAST_FRAMES - frames : PAST_FRAMES])
            for name, sound in heard.items()
        }

        told = {name: track.sound_tokens(sound[:, -CHUNK_FRAMES:]) for name, sound in heard.items()}
        others = [name for name in given if name != "all"]
        weights = [self._weight(name) for name in others]

        def velocity(x: Tensor, t: float) -> Tensor:
            made = {
                name: skip(name, x, t) + track(x, told[name], self._modulations(track, name, t), memories[name], bias)
                for name in given
            }
            return flow.guided(made["all"], [made[name] for name in others], weights)

        return flow.euler(velocity, noise.unsqueeze(0), self.config.euler_steps)[0]

    def _bias(self, track: Track, frames: int) -> Tensor:
        """Who looks at whom, of one chunk after `frames` of past: the same in every chunk once the past is full."""
        key = (track, frames)
        if key not in self._biases:
            self._biases[key] = track.bias(frames, CHUNK_FRAMES, 0, frames)
        return self._biases[key]

    def _modulations(self, track: Track, condition: str, t: float) -> list[tuple[Tensor, ...]]:
        """Time and identity as each layer takes them: they recur in every chunk, so they are made once."""
        key = (track, condition == "person", t)
        if key not in self._moments:
            person = self.model.no_person if condition == "person" else self._person
            person = person.expand(1, CHUNK_FRAMES, -1)
            self._moments[key] = track.modulations(torch.full((1, CHUNK_FRAMES), t), person)
        return self._moments[key]


def ramp(p: Tensor, low: float, high: float) -> Tensor:
    """A probability as an amount: 0 below `low`, 1 above `high`, straight between."""
    return ((p - low) / (high - low)).clamp(0, 1)


def _shift(history: Tensor, new: Tensor, index: int) -> Tensor:
    """The last 76 frames; before the very first frame lies that frame itself, as at the edge of a training window."""
    if index == 0:
        history = torch.cat([history[:-1], new[:1]])
    return torch.cat([history[CHUNK_FRAMES:], new])


@contextmanager
def one_thread() -> Iterator[None]:
    """Run with one torch thread, so that sums do not depend on how many the renderer was given."""
    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)
