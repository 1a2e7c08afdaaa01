"""A generator of controls as one of a whole body: what moves the face stays as it is, arms and trunk come beside it.

What the inner model heard is read off its state, so nothing is heard twice. Everything random comes from (seed, person,
chunk index), so neither the cut of the audio nor a save in between changes a bit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arms import MEAN_ARM, Arm, arm_of
from avtr_cli.core.arrays import Doubles, Floats, Sound
from avtr_cli.core.breath import still_body
from avtr_cli.core.config import BodyConfig
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.motion_space import CONTROLS, FULL
from avtr_cli.core.protocols import MotionGenerator, Voice, WholeCallGenerator, backend_of, is_touchable
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.core.runtime import one_thread
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.core.types import BODY_CUES, Asked, Cue, Identity, Motion, MotionState, Window
from avtr_cli.motion.body.answers import Reach, reaches, trunk_answers
from avtr_cli.motion.body.cheek import cheek_turned, reaches_cheek, to_cheek
from avtr_cli.motion.body.deciding import NUMBERS, Clock, Hazards, Heard, decide, do_cues
from avtr_cli.motion.body.hands import Hands, Manner
from avtr_cli.motion.body.heads import BEFORE, HISTORY, MIXED, SHIPPED, STYLE, Heads, hearing_sha256, load_heads
from avtr_cli.motion.body.plans import Plan
from avtr_cli.motion.body.task import ARM, WRIST, rest_named, rest_of
from avtr_cli.motion.body.to_body import MIRRORED, to_body, trunk_channels
from avtr_cli.motion.body.torso import SHIFTED, SWAYS, Trunk, Voices, drift, shift_posture
from avtr_cli.motion.interactions.memory import remembered
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.motion.lmfm.hearing import FLAGS
from avtr_cli.motion.replay import Replay

logger = logging.getLogger(__name__)

LYING = 0.4  # of how hands drift, where they lie on something
LIVELY_A_STEP = 2.0  # of style, for a `body.liveliness` of 1 more
_PREFIX, _STREAM = "body.", 0xB0D1  # of the state's names; tells these numbers from all others of a seed
_ARMS = 2 * len(ARM)
_SHIFT = slice(_ARMS, _ARMS + len(SHIFTED))
_HEAD = [CONTROLS.index(name) for name in ("headPitch", "headYaw")]
_TURNED = [*_HEAD, CONTROLS.index("headRoll")]


class WithBody:
    """`inner`, which speaks controls, as a MotionGenerator of FULL."""

    space = FULL

    def __init__(self, inner: MotionGenerator, config: BodyConfig | None = None, weights: Path = SHIPPED):
        """Raises WeightsError where the weights of gestures are missing or damaged."""
        assert inner.space == CONTROLS
        self._inner, self.config = inner, config or BodyConfig()
        self.backend, self.touchable = backend_of(inner), is_touchable(inner)
        self._heads: Heads | None = None
        self.weights_files = inner.weights_files
        if isinstance(inner, LmfmGenerator):  # whose hearing the heads were trained behind
            self._heads, about = load_heads(weights)
            self.weights_files = (*inner.weights_files, weights)
            if about.get("hearing") != hearing_sha256(inner.model.hearing):
                logger.warning(
                    "gestures were trained for another hearing than %s has; they may be late", inner.weights_files[0]
                )
        self.cues = inner.cues | set(BODY_CUES) if inner.cues else inner.cues
        self._manner = Manner(lively=min(max(LIVELY_A_STEP * (self.config.liveliness - 1), -2), 2))
        style = {"lively": self._manner.lively, "size": self._manner.size}
        self._style = torch.tensor([style.get(name, 0.0) for name in STYLE])

    def start(self, identity: Identity, seed: int) -> MotionState:
        """The inner model's state for the same person, and the arms of `identity.anatomy` at rest."""
        neutral, anatomy = identity.neutral[: len(CONTROLS)], identity.anatomy
        face = Identity(CONTROLS, neutral, None, identity.size, anatomy=anatomy, person=identity.person)
        body = anatomy.get("body")
        rows = np.stack([MEAN_ARM.row()] * 2) if body is None else body.double().cpu().numpy()
        rest = self._rest(_arms(rows))
        plan = Plan.resting(np.concatenate([rest.ravel(), np.zeros(len(SHIFTED))]))
        hands = Hands(plan, _arms(rows), rest, rest.copy())
        who = torch.tensor([seed & 0xFFFFFFFF, identity.person], dtype=torch.int64)
        own = {"who": who, "arms": torch.from_numpy(rows)}
        inner = self._inner.start(face, seed)
        return dict(inner) | _named(own | _told(hands, Clock.unset(), Trunk.at_rest(), np.zeros((3, 6))))

    def _rest(self, arms: tuple[Arm, Arm]) -> Doubles:
        """(2, 10): the photo's own, unless another is asked for and the arm is free."""
        photo = np.stack([rest_of(arm) for arm in arms])
        if self.config.rest == "photo":
            return photo
        other = rest_named(self.config.rest)
        return np.where([[self._may_move(side, arm)] for side, arm in enumerate(arms)], other, photo)

    def _may_move(self, side: int, arm: Arm) -> bool:
        wanted = self.config.arms
        return arm.free if wanted == "auto" else wanted in ("both", ("left", "right")[side])

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The 5 frames of one chunk, float32 (5, 94), and the state after it."""
        inner = {name: tensor for name, tensor in state.items() if not name.startswith(_PREFIX)}
        own = {name[len(_PREFIX) :]: tensor for name, tensor in state.items() if name.startswith(_PREFIX)}
        ours = tuple(one for one in asked if isinstance(one, Cue) and one.name in BODY_CUES)
        motion, after = self._inner.step(window, inner, tuple(one for one in asked if one not in ours))
        controls = motion.values.float().cpu()
        with torch.inference_mode(), one_thread():
            heard = self._heard(after)
            touches = remembered(after["touches"]) if "touches" in after else ()
            rows, own = self._moved(window.index, own, heard, controls.double().numpy(), ours, touches)
        values = torch.cat([controls, torch.from_numpy(rows.astype(np.float32))], dim=1)
        return Motion(FULL, values, motion.first, motion.contacts), dict(after) | _named(own)

    def _moved(
        self, index: int, own: dict[str, Tensor], heard: Heard | None, controls: Doubles, cues: Sequence[Cue],
        touches: Sequence[Interaction] = (),
    ) -> tuple[Doubles, dict[str, Tensor]]:  # fmt: skip
        """The body's columns of a chunk, (5, 36), and what is remembered after it."""
        hands, clock, trunk = self._remembered(own)
        who, may = own["who"].tolist(), hands.free
        answering: tuple[Reach, ...] = ()
        if touches and self.config.liveliness:
            answering = reaches(touches, [arm for arm in may if reaches_cheek(hands.arms[arm])], who)
        rng = np.random.default_rng([*own["who"].tolist(), index, _STREAM])
        numbers, normal = rng.random((CHUNK_FRAMES, NUMBERS)), rng.standard_normal((CHUNK_FRAMES, len(SWAYS) + 6))
        moving = [side for side in hands.free if self.config.liveliness and hands.arms[side].free]
        paths = own["drift"].numpy().copy()
        lie = np.array([[LYING if arm.pinned else 1.0] for arm in hands.arms])
        arms, torso = [], []
        for frame in range(CHUNK_FRAMES):
            at = index * CHUNK_FRAMES + frame
            busy = [one for one in answering if one.leaves <= at < one.over]
            hands.free = tuple(arm for arm in may if all(arm != one.arm for one in busy)) if busy else may
            voices = Voices(0.0, 0.0)
            if heard is not None:
                voices = Voices(float(heard.own[frame]), float(heard.partner[frame]))
                decide(
                    hands, clock, frame, heard, numbers[frame], self._manner, self.config.liveliness,
                    lambda drawn: shift_posture(hands.plan, _SHIFT, drawn, not hands.arms[0].sits),
                )  # fmt: skip
            do_cues(hands, clock, at, cues, numbers[frame], self._manner)
            for one in busy:
                if one.leaves == at:
                    to_cheek(hands, one.arm, one.takes, one.stays, one.returns)
            row = hands.plan.step()
            arms.append(row[:_ARMS].reshape(2, len(ARM)))
            arms[-1][moving, WRIST] += (lie * drift(paths, normal[frame, len(SWAYS) :]))[moving]
            head = controls[frame, _HEAD]
            torso.append(trunk.step(normal[frame, : len(SWAYS)], voices, row[_SHIFT], arms[-1], hands.rest, head))
            if touches:
                torso[-1] += trunk_answers(touches, at, who)
                for arm in {one.arm for one in busy}:
                    near = max(one.near(at) for one in busy if one.arm == arm)
                    turned = _turned_head(controls[frame], torso[-1], arm)
                    arms[-1][arm, WRIST] += near * cheek_turned(hands.arms[arm], turned)
            clock.tick(voices.own > 0.5)
        rows = to_body(np.stack(arms), np.stack(torso), hands.arms)
        return rows, {"who": own["who"], "arms": own["arms"]} | _told(hands, clock, trunk, paths)

    def _remembered(self, own: dict[str, Tensor]) -> tuple[Hands, Clock, Trunk]:
        told = {name: tensor.numpy().copy() for name, tensor in own.items()}
        arms = _arms(told["arms"])
        free = tuple(side for side, arm in enumerate(arms) if self._may_move(side, arm))
        up = [bool(one) for one in told["up"]]
        hands = Hands(Plan(told["plan"], told["last"]), arms, self._rest(arms), told["home"], free, up)
        clock = Clock(told["since"], *map(int, told["clock"]))
        return hands, clock, Trunk(told["sway"], told["levels"], float(told["breath"][0]))

    def _heard(self, after: MotionState) -> Heard | None:
        """What the inner model's state tells of the chunk that it has just heard."""
        if self._heads is None:
            return None
        encoded, flags = after["encoded"][0], after["flags"]
        windows = encoded[-(BEFORE + 2 * CHUNK_FRAMES) :].unfold(0, BEFORE + CHUNK_FRAMES, CHUNK_FRAMES).mT
        chances = self._heads.accent(windows).sigmoid().flatten().double().numpy()[CHUNK_FRAMES - 1 :]
        memory = self._heads.hands.memory(
            flags[None, -(HISTORY + CHUNK_FRAMES) :], encoded[None, -(MIXED + CHUNK_FRAMES) :]
        )[0]
        now = flags[-CHUNK_FRAMES:].double().numpy()
        return Heard(now[:, 0], now[:, FLAGS], chances, self._hazards(memory))

    def _hazards(self, memory: Tensor) -> Hazards:
        heads = self._heads
        assert heads is not None

        def hazards(frame: int, since: Floats, up: bool) -> Doubles:
            logits = heads.hands(memory[frame], torch.from_numpy(since), torch.tensor([float(up)]), self._style)
            odds: Doubles = (logits.exp() * heads.odds).double().numpy()
            return odds / (1 + odds)

        return hazards


class WithBodyCall(WithBody):
    """The same of a generator that hears calls whole: its motion with a body that breathes."""

    def of_call(self, blocks: Iterable[Sound], voices: Sequence[Voice]) -> list[MotionGenerator]:
        """As the inner generator gives it, in FULL."""
        assert isinstance(self._inner, WholeCallGenerator)
        made = self._inner.of_call(blocks, voices)
        assert all(isinstance(one, Replay) for one in made)
        return [with_still_body(one) for one in made if isinstance(one, Replay)]


def with_body(generator: MotionGenerator, config: BodyConfig) -> MotionGenerator:
    """`generator` of controls as one of FULL. What replays controls has no more to say than that somebody breathes."""
    if isinstance(generator, Replay):
        return with_still_body(generator)
    return (WithBodyCall if isinstance(generator, WholeCallGenerator) else WithBody)(generator, config)


def with_still_body(replay: Replay) -> Replay:
    """Controls that are there already, with a body that does nothing but breathe."""
    body = torch.from_numpy(still_body(0, replay.frames))
    return replay.in_space(FULL, torch.cat([replay.values[:, : len(CONTROLS)], body], dim=1))


def _turned_head(controls: Doubles, torso: Doubles, arm: int) -> Doubles:
    """(3, 3): how the head is turned against the chest, relative to the photo; of a right arm the mirror image."""
    trunk = trunk_channels(torso[None])[0]
    against = controls[_TURNED] - np.array([0.0, *trunk[2:4]]) - trunk[4:7]
    return turn_matrix(against * (MIRRORED if arm else 1.0))


def _arms(rows: Doubles) -> tuple[Arm, Arm]:
    return arm_of(rows[0]), arm_of(rows[1])


def _named(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {_PREFIX + name: tensor for name, tensor in tensors.items()}


def _told(hands: Hands, clock: Clock, trunk: Trunk, drifting: Doubles) -> dict[str, Tensor]:
    """What is remembered, as tensors of their own."""
    arrays = {
        "plan": hands.plan.ahead, "last": hands.plan.last, "home": hands.home, "up": np.array(hands.up),
        "since": clock.since, "clock": np.array([clock.quiet, clock.talked, clock.risen]), "sway": trunk.sway,
        "levels": trunk.levels, "breath": np.array([trunk.breath]), "drift": drifting,
    }  # fmt: skip
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
