"""Windows of sound into controls, a chunk at a time, by the embedded model: the streaming twin of its training.

The state is small and plain: 16 feature rows, 75 frames of what was heard and moved, the last noise row, the
gestures under way. Everything random comes from (seed, chunk index), so neither the cut of the audio nor a
save in between changes a bit.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Floats
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.interaction import Contact, Interaction
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.runtime import one_thread
from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.core.types import FACE_CUES, Asked, Cue, Identity, Motion, MotionState, Window
from avtr_cli.motion import flow
from avtr_cli.motion.gestures import CURVES, EVENTS
from avtr_cli.motion.interactions import memory as touched
from avtr_cli.motion.interactions.contacts import contacts
from avtr_cli.motion.interactions.reactor import react
from avtr_cli.motion.lmfm import decisions, event_head, hearing, voicing
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH, compose
from avtr_cli.motion.lmfm.checkpoint import SHIPPED, load_lmfm
from avtr_cli.motion.lmfm.guidance import branches_of
from avtr_cli.motion.lmfm.hazards import HazardHead
from avtr_cli.motion.lmfm.log_mel import FEATURES, SILENCE, LogMel
from avtr_cli.motion.lmfm.network import NOISE_CORRELATION, NOISE_LIMIT, NOISE_SD
from avtr_cli.motion.lmfm.onnx_backend import OnnxBackend, onnxruntime_is_installed
from avtr_cli.motion.lmfm.person import manner_of, person_vector
from avtr_cli.motion.lmfm.prior import nulls, unheard
from avtr_cli.motion.lmfm.torch_backend import Told, TorchBackend

logger = logging.getLogger(__name__)

ANSWER_GUIDANCE = 1.25  # of the event head by the partner, times the user's own: answers stand out from chance
MOUTH_TEMPERATURE = 0.1  # of the mouth's base noise: less scatter around what is heard, closer to the true shapes
_SPREAD = 1.15  # of the mouth's shapes around their mean: what is guessed from sound is flatter than any mouth
_OPEN_BELOW, _SHUT_ABOVE = 0.1, 0.8  # closure probabilities between which the lips come together
_STILL_BELOW, _SPEAKS_ABOVE = 0.12, 0.75  # the same for the own voice, which lets the mouth move at all


class LmfmGenerator:
    """The embedded motion model behind the two calls of `types.MotionGenerator`.

    Raises WeightsError when the checkpoint is missing, damaged or not of this model.
    """

    space = CONTROLS
    cues = frozenset(FACE_CUES)
    touchable = True

    def __init__(self, config: MotionConfig, checkpoint: Path | None = None, kernels: str = "auto") -> None:
        """`kernels`: auto, the network through onnxruntime where it is installed, or off, through torch."""
        self.config = config
        self.weights_files: tuple[Path, ...] = (checkpoint or SHIPPED,)
        self.model, self.about = load_lmfm(self.weights_files[0])
        self._person = person_vector(config)
        with torch.no_grad(), one_thread():
            self._centre = self.model.face_centre(self._person)  # where this person's face rests
        self._manner = manner_of(config)
        self._mel = LogMel()
        trained = (config.noise_correlation, config.noise_limit) == (NOISE_CORRELATION, NOISE_LIMIT)
        self._noise_sd = NOISE_SD if trained else flow.ar1_sd(config.noise_correlation, config.noise_limit)
        branches = branches_of(config, self._person, self.model.no_person)
        self._events = HazardHead(self.model.events, self._person, ANSWER_GUIDANCE * config.partner_guidance)
        self._backend = _backend(kernels)(self.model, config, branches, self._noise_sd, self._events.deaf)
        logger.debug("motion through %s", self._backend.name)
        self._unheard = unheard(self.model, self._events.deaf) if config.audio_free else None
        self._odds = np.ones(len(EVENTS))
        self._odds[EVENTS.index("blink")] = config.blink_rate

    @property
    def backend(self) -> str:
        """What computes the network."""
        return self._backend.name

    def start(self, identity: Identity | None, seed: int) -> MotionState:
        """The state before the first chunk. Of `identity` it takes who that is, and how far lips are parted."""
        model, width = self.model, self.model.shape.width
        with torch.no_grad(), one_thread():
            rest = -self._centre / model.face_sd  # zero controls: the photo
            silence = model.hearing.of_silence()[:, None].expand(2, PAST_FRAMES, width)
        told = identity.anatomy if identity else {}
        parted, smile, opened = (told.get(name) for name in ("parted_lips", "photo_smile", "open_eyes"))
        pending = decisions.Pending.empty()
        return {
            "seed": torch.tensor([seed & 0xFFFFFFFF, identity.person if identity else 0], dtype=torch.int64),
            "features": torch.full((2, hearing.HISTORY, FEATURES), SILENCE),
            "encoded": silence.clone() if self._unheard is None else nulls(model),
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
            "opened": torch.zeros(1) if opened is None else opened.detach().float().cpu().reshape(1),
            "photo_smile": torch.zeros(1) if smile is None else smile.detach().float().cpu().reshape(1),
            "touches": touched.nothing(),
        }

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The 5 frames of one chunk, float32 (5, 58), and the state after it."""
        with torch.inference_mode(), one_thread():
            cues = tuple(one for one in asked if isinstance(one, Cue))
            values, speaking, after = self._step(window, state, cues)
            first = window.index * CHUNK_FRAMES
            fresh = tuple(one for one in asked if isinstance(one, Interaction))
            touches = (*touched.remembered(state["touches"]), *fresh)
            values, contacts = _touched(values, first, touches, speaking, state)
            after["touches"] = touched.remember(touches, first)
        return Motion(CONTROLS, values.clone(), first, contacts), after  # a tensor as any other

    def _step(
        self, window: Window, state: MotionState, asked: tuple[Cue, ...]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Controls (5, 58), how far the own voice moves the mouth (5,), and the state after them but for touches."""
        model, config = self.model, self.config
        rng = np.random.default_rng(np.array([*state["seed"].tolist(), window.index], np.uint32))
        fresh = self._mel.of_window(torch.from_numpy(window.samples))
        features = torch.cat([state["features"], fresh], dim=1)
        heard = self._unheard or self._backend.hear(
            features, state["encoded"][:, -hearing.FLAG_HISTORY :], state["flags"][-event_head.HISTORY :]
        )
        encoded = torch.cat([state["encoded"], heard.encoded], dim=1)
        flags = torch.cat([state["flags"], heard.flags])
        drawn, pending = self._gesture(window.index, flags, heard.memory, state, rng, asked)
        curves = torch.cat([state["curves"], torch.from_numpy(drawn)])

        noise = self._mouth_noise(window.index, state, rng)
        face_noise = torch.from_numpy(rng.standard_normal((CHUNK_FRAMES, len(FACE)), np.float32))
        told = Told(
            encoded, flags, curves, state["mouth"], state["face"], MOUTH_TEMPERATURE * noise,
            face_noise / flow.euler_gain(config.euler_steps),
        )  # fmt: skip
        mouth, codes = self._backend.flow(window.index, told)
        face = model.innovations.decode(codes.clamp(-6, 6), state["face"][-4:])

        said = heard.said.sigmoid()
        closures = ramp(said[:, :2], _OPEN_BELOW, _SHUT_ABOVE)
        activity = ramp(said[:, 2], _STILL_BELOW, _SPEAKS_ABOVE)
        gate, presence, voiced = voicing.follow(activity, state["voicing"])
        meant = face * model.face_sd + self._centre
        shown, held = voicing.let_through(meant, presence, state["held"])
        values = compose(
            model.mouth_from_z(_SPREAD * mouth), closures[:, 0], closures[:, 1], gate, presence,
            shown, curves[-CHUNK_FRAMES:], self._manner, float(state["parted"]), float(state["opened"]),
        )  # fmt: skip
        after = {
            "seed": state["seed"],
            "features": features[:, CHUNK_FRAMES : CHUNK_FRAMES + hearing.HISTORY].clone(),
            "encoded": encoded[:, CHUNK_FRAMES:].clone(),
            "flags": flags[CHUNK_FRAMES:].clone(),
            "curves": curves[CHUNK_FRAMES:].clone(),
            "mouth": _shift(state["mouth"], mouth, window.index),
            "face": _shift(state["face"], face, window.index),
            "noise": noise[-1].clone(),
            "pending": torch.from_numpy(pending.curves.copy()),
            "since": torch.from_numpy(pending.since),
            "gaze": torch.from_numpy(pending.gaze),
            "voicing": voiced,
            "held": held,
            "parted": state["parted"],
            "opened": state["opened"],
            "photo_smile": state["photo_smile"],
        }
        return values, gate, after

    def _gesture(
        self,
        index: int,
        flags: Tensor,
        memory: Tensor,
        state: MotionState,
        rng: np.random.Generator,
        asked: tuple[Cue, ...],
    ) -> tuple[Floats, decisions.Pending]:
        """Which gestures start in this chunk: the event head's hazards, guided by the partner if asked for."""
        pending = decisions.Pending(state["pending"].numpy(), state["since"].numpy(), state["gaze"].numpy())
        numbers = rng.random((CHUNK_FRAMES, decisions.NUMBERS))
        first = index * CHUNK_FRAMES
        odds = self._odds * decisions.occasions(flags[:, 0].numpy(), flags[:, hearing.FLAGS].numpy(), CHUNK_FRAMES)
        hazards = self._events.of(memory.numpy())
        return decisions.decide(pending, CHUNK_FRAMES, first, hazards, numbers, odds, asked)

    def _mouth_noise(self, index: int, state: MotionState, rng: np.random.Generator) -> Tensor:
        """The mouth's base noise (5, 7), which goes on from the last row of the chunk before."""
        uniform = torch.from_numpy(rng.random((CHUNK_FRAMES, len(MOUTH)), np.float32))
        last = state["noise"] if index else None
        return flow.ar1_noise(uniform, last, self.config.noise_correlation, self.config.noise_limit)


def _backend(kernels: str) -> type[TorchBackend] | type[OnnxBackend]:
    """What computes the network: chosen by the setting and by what is installed alone, never by load."""
    if kernels == "off":
        return TorchBackend
    if onnxruntime_is_installed():
        return OnnxBackend
    logger.warning("onnxruntime is not installed, so motion is computed by torch, in about three times the time")
    return TorchBackend


def _touched(
    values: Tensor, first: int, touches: tuple[Interaction, ...], speaking: Tensor, state: MotionState
) -> tuple[Tensor, tuple[tuple[Contact, ...], ...]]:
    """Controls (5, 58) with the answers to `touches`, and what these do to the skin."""
    if not touches:
        return values, ()
    rows = values.double().numpy()
    seed, smile = state["seed"].tolist(), float(state["photo_smile"])
    answered = react(rows, first, touches, speaking.double().numpy(), seed, smile)
    return torch.from_numpy(answered).to(values.dtype), contacts(touches, first, len(rows))


def ramp(p: Tensor, low: float, high: float) -> Tensor:
    """A probability as an amount: 0 below `low`, 1 above `high`, straight between."""
    return ((p - low) / (high - low)).clamp(0, 1)


def _shift(history: Tensor, new: Tensor, index: int) -> Tensor:
    """The last 76 frames; before the very first frame lies that frame itself, as at the edge of a training window."""
    if index == 0:
        history = torch.cat([history[:-1], new[:1]])
    return torch.cat([history[CHUNK_FRAMES:], new])
