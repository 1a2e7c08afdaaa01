"""A whole body that is touched: shoulders go back, hands go to cheeks and back; no picture is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.core.arms import MEAN_ARM, posed
from avtr_cli.core.config import BodyConfig
from avtr_cli.core.interaction import TONES, WORDS, Interaction
from avtr_cli.core.motion_space import FULL
from avtr_cli.core.regions import REGIONS
from avtr_cli.motion.body.answers import LONGEST, reaches, trunk_answers
from avtr_cli.motion.body.cheek import ALONG_HAND, OFF_SKIN, at_cheek, cheek_turned, reaches_cheek
from avtr_cli.motion.body.generator import WithBody
from avtr_cli.motion.body.task import HOME, TORSO, rest_of
from avtr_cli.motion.body.to_body import to_body
from avtr_cli.render.gaussian.limbs import KEPT_LEAVES, left_photo
from avtr_cli.streaming.session import StreamingSession
from tests.test_body_motion import Unseen, dialogue, performed, somebody, wrist

TWIST, LEAN = TORSO.index("twist"), TORSO.index("lean")
LEFT, RIGHT = 0, 1
SIDES = {"left": LEFT, "right": RIGHT}
SEED = (1, 0)


def touch(region: str, do: str, frame: int = 10, **more: object) -> Interaction:
    aside = 0.4 if region.startswith("left") else -0.4 if region.startswith("right") else 0.0
    return Interaction(frame, do, 0.5, 0.5, ((region, 1.0),), aside, 0.3, **more)  # type: ignore[arg-type]


def silent(seconds: float) -> np.ndarray:
    return np.zeros((2, int(16_000 * seconds)), np.float32)


@settings(max_examples=60)
@given(
    region=st.sampled_from(REGIONS), do=st.sampled_from(sorted(WORDS)), tone=st.sampled_from(TONES),
    strength=st.floats(0, 1.6), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_a_trunk_answers_within_bounds_and_is_at_rest_again_after_six_seconds(region, do, tone, strength, seed):
    one = [touch(region, do, tone=tone, strength=strength)]
    rows = np.stack([trunk_answers(one, frame, (seed, 0)) for frame in range(10 + LONGEST + 5)])
    assert (rows[:10] == 0).all()
    assert (rows[10 + LONGEST :] == 0).all()
    assert np.abs(rows[10 + LONGEST - 5 :]).max() < 1e-9
    assert np.abs(rows[:, [TWIST, LEAN]]).max() < 15
    assert np.abs(np.diff(rows, axis=0)).max() < 3.5  # degrees a frame
    if strength == 0 or do in ("wave", "point"):
        assert (rows == 0).all()


@pytest.mark.parametrize("do", ["poke", "pinch", "push", "slap", "tap", "press"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_touched_shoulder_goes_back_and_the_trunk_turns_away(side, do):
    sign = 1 if side == "left" else -1
    for region in (f"{side}_shoulder", f"{side}_arm"):
        rows = np.stack([trunk_answers([touch(region, do)], frame, SEED) for frame in range(10, 21)])
        assert 0.17 * np.sin(np.radians(sign * rows[:, TWIST])).max() > 0.0085
    harder = [abs(trunk_answers([touch(f"{side}_shoulder", one)], 18, SEED)[TWIST]) for one in ("poke", "punch")]
    assert harder[1] > harder[0] + 1


def test_what_is_dear_is_given_the_shoulder_and_a_chest_is_drawn_back():
    dear = trunk_answers([touch("left_shoulder", "caress")], 35, SEED)
    assert dear[TORSO.index("side")] > 0.5
    assert dear[TWIST] < 0
    assert trunk_answers([touch("chest", "stroke")], 25, SEED)[LEAN] < -2
    assert trunk_answers([touch("chest", "punch")], 25, SEED)[LEAN] < -2


def test_a_touch_of_the_background_or_one_that_is_only_seen_moves_no_body():
    for one in (Interaction(10, "slap", 0.1, 0.1), touch("left_cheek", "wave")):
        assert (trunk_answers([one], 20, SEED) == 0).all()
        assert not reaches([one], (LEFT, RIGHT), SEED)


def test_after_a_blow_the_hand_of_that_side_goes_to_the_cheek_and_in_the_middle_one_that_is_free():
    for side, arm in SIDES.items():
        [reach] = reaches([touch(f"{side}_cheek", "slap")], (LEFT, RIGHT), SEED)
        assert reach.arm == arm
        assert reach.leaves > 10
        assert reach.over < 10 + 6 * 25
        assert not reaches([touch(f"{side}_cheek", "slap")], (1 - arm,), SEED)
    assert reaches([touch("nose", "punch")], (RIGHT,), SEED)[0].arm == RIGHT
    assert not reaches([touch("nose", "punch")], (), SEED)
    assert not reaches([touch("left_cheek", "stroke")], (LEFT, RIGHT), SEED)
    assert not reaches([touch("left_shoulder", "punch")], (LEFT, RIGHT), SEED)


def test_fingers_end_beside_the_cheek_and_off_its_skin():
    row, missed = at_cheek(MEAN_ARM)
    assert missed < 0.01
    assert reaches_cheek(MEAN_ARM)
    assert not reaches_cheek(replace(MEAN_ARM, cheek=MEAN_ARM.cheek * 0.3))
    assert OFF_SKIN > 0.02
    assert ALONG_HAND > 0.1
    assert 0.3 < np.linalg.norm(row[:3]) < 0.6


@given(st.floats(1.0, 1.25), st.floats(0.85, 1.15))
@settings(deadline=None)
def test_a_long_arm_bends_as_far_as_it_can_before_it_misses_its_cheek(longer, forearm):
    arm = posed(replace(MEAN_ARM, upper=longer * MEAN_ARM.upper, fore=longer * forearm * MEAN_ARM.fore))
    row, missed = at_cheek(arm)
    away = float(np.linalg.norm(row[:3])) * arm.length
    assert away > arm.nearest * (1 - 1e-4)
    assert missed < 0.01 or away == pytest.approx(arm.nearest, rel=1e-4)


def test_a_cheek_goes_along_with_the_head():
    assert (cheek_turned(MEAN_ARM, np.eye(3)) == 0).all()
    quarter = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])  # to the left of the body
    assert np.linalg.norm(cheek_turned(MEAN_ARM, quarter)) * MEAN_ARM.length > 0.1


def test_a_slap_brings_the_hand_up_and_down_again_and_untouched_frames_keep_their_bits(body_generator):
    asked = [touch("left_cheek", "slap", 12)]
    still, moved = performed(body_generator, silent(7)), performed(body_generator, silent(7), cues=asked)
    assert (moved[:12] == still[:12]).all()
    arm = moved[:, 66:80]
    heights = np.array([wrist(row, MEAN_ARM, LEFT)[1] for row in arm])
    assert heights.max() > -0.1 > -0.7 > heights[0]
    assert np.abs(moved - still)[-15:, 66:80].max() < 0.05
    right = np.array([wrist(row, MEAN_ARM, RIGHT)[1] for row in moved[:, 80:94]])
    assert right.max() < -0.7
    places = np.stack([wrist(row, MEAN_ARM, LEFT) for row in arm])
    assert np.abs(np.diff(places, n=2, axis=0)).max() < 0.06  # arm lengths a frame^2: nothing jerks


def test_arms_that_may_not_move_stay_when_the_cheek_is_hit(body_generator, head_generator):
    asked, held = [touch("left_cheek", "slap", 5)], replace(MEAN_ARM, free=False)
    for made in (
        performed(body_generator, silent(3), cues=asked, arms=(held, MEAN_ARM)),
        performed(WithBody(head_generator, BodyConfig(liveliness=0)), silent(3), cues=asked),
        performed(WithBody(head_generator, BodyConfig(arms="none")), silent(3), cues=asked),
        performed(WithBody(head_generator, BodyConfig(arms="right")), silent(3), cues=asked),
    ):
        assert max(wrist(row, MEAN_ARM, LEFT)[1] for row in made[:, 66:80]) < -0.8
        assert np.abs(np.diff(made[:, FULL.index("spineYaw")])).max() > 0  # the trunk does answer


def test_touches_in_speech_give_the_same_bits_in_other_cuts_and_after_a_save(body_generator, tmp_path):
    sound = dialogue(3.0)
    asked = [touch("right_cheek", "punch", 7), touch("left_shoulder", "push", 31), touch("left_cheek", "slap", 44)]
    whole = performed(body_generator, sound, cues=asked)
    assert (performed(body_generator, sound, cues=asked, cut=1_777) == whole).all()
    one, other = (StreamingSession(somebody(), body_generator, Unseen()) for _ in range(2))
    one.ask(asked)
    first = [*one.stream(sound[:, :22_000])]
    one.save(tmp_path / "state")
    other.restore(tmp_path / "state")
    rest = [*other.stream(sound[:, 22_000:]), *other.stream_tail()]
    made = np.concatenate([chunk.motion.values.numpy() for chunk in (*first, *rest)])
    assert (made == whole).all()
    assert (performed(body_generator, sound, cues=asked, seed=3)[20:, 58:] != whole[20:, 58:]).any()


def test_a_second_touch_takes_the_hand_on_from_where_it_is(body_generator):
    asked = [touch("left_cheek", "slap", 5), touch("left_cheek", "punch", 22)]
    made = performed(body_generator, silent(8), cues=asked)
    places = np.stack([wrist(row, MEAN_ARM, LEFT) for row in made[:, 66:80]])
    assert np.abs(np.diff(places, n=2, axis=0)).max() < 0.08
    assert places[-1, 1] < -0.9


def test_an_arm_that_is_not_free_keeps_the_photo_s_hand_and_what_it_holds_while_the_trunk_turns():
    """Its joints turn to keep the hand in its place, and that is no gesture: nothing is painted anew."""
    held = posed(replace(MEAN_ARM, free=False, pinned=True, rest=np.array([0.31, -0.85, -0.43, 10.0])))
    rest, torso = np.stack([rest_of(held)] * 2)[None].repeat(50, 0), np.zeros((50, len(TORSO)))
    torso[:, TWIST], torso[:, LEAN] = np.linspace(-8, 8, 50), np.linspace(5, -5, 50)
    kept = to_body(rest, torso, (held, held))[:, 8:22]
    assert max(left_photo(row) for row in kept) > 0.5  # of an arm that gestures
    assert max(left_photo(row, KEPT_LEAVES) for row in kept) == 0
    raised = to_body(np.broadcast_to(HOME, (1, 2, 10)), torso[25:26] * 0, (held, held))[0, 8:22]
    assert left_photo(raised, KEPT_LEAVES) == 1  # which body.arms may ask for
