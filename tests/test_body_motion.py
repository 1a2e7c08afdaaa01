"""A whole body's gestures: where wrists go, how they get there, and when; no picture is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.core.arms import MEAN_ARM, Arm, across, arm_of, place_of, posed, reach, swivel_of, unit
from avtr_cli.core.breath import still_body
from avtr_cli.core.config import BodyConfig
from avtr_cli.core.errors import ConfigError, WeightsError
from avtr_cli.core.motion_space import BODY_CHANNELS, CONTROLS, FULL, speaks_controls
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.core.types import BODY_CUES, Cue, Identity
from avtr_cli.motion.body import deciding
from avtr_cli.motion.body.chain import chain_of, hand_points
from avtr_cli.motion.body.cheek import to_cheek
from avtr_cli.motion.body.events import BEATS
from avtr_cli.motion.body.generator import WithBody
from avtr_cli.motion.body.hands import NUMBERS, Hands, Manner, begin, columns
from avtr_cli.motion.body.heads import SHIPPED, hearing_sha256, load_heads
from avtr_cli.motion.body.plans import Key, Plan, quintic
from avtr_cli.motion.body.room import TIPS, _inside, off_trunk, with_room
from avtr_cli.motion.body.task import FRONT, HOME, LOWEST, OUT, REACH, UP, WRIST, rest_of, within_reach
from avtr_cli.motion.body.to_body import to_body
from avtr_cli.motion.bridges.table import bridged
from avtr_cli.motion.replay import Replay
from avtr_cli.streaming.session import StreamingSession
from tests.sounds import heard as hear
from tests.sources import ROOT

ARMS = (MEAN_ARM, posed(replace(MEAN_ARM, upper=0.28, fore=0.2, rest=np.array([0.3, -0.6, 0.5, 40.0]))))


def dialogue(seconds: float) -> np.ndarray:
    return hear(ROOT / "examples" / "dialogue.wav", start_s=4.0, duration_s=seconds)


def somebody(*arms: Arm) -> Identity:
    rows = torch.from_numpy(np.stack([arm.row() for arm in arms or (MEAN_ARM, MEAN_ARM)]))
    return Identity(FULL, torch.zeros(len(FULL)), None, (0, 0), anatomy={"body": rows})


class Unseen:
    """A renderer without pictures."""

    space, free_camera, weights_files = FULL, False, ()

    def draw(self, identity, motion, camera):
        return np.empty((0, 0, 0, 3), np.uint8)


def performed(body_generator: WithBody, sound: np.ndarray, *, seed: int = 0, cues=(), cut: int = 16_000, arms=()):
    session = StreamingSession(somebody(*arms), body_generator, Unseen(), seed)
    session.ask(cues)
    pushed = [session.stream(sound[:, at : at + cut]) for at in range(0, sound.shape[1], cut)]
    return torch.cat([chunk.motion.values for part in (*pushed, session.stream_tail()) for chunk in part]).numpy()


def wrist(channels: np.ndarray, arm: Arm, side: int) -> np.ndarray:
    """Where an arm's 14 channels have its wrist, out, up and front in arm lengths: forward kinematics."""
    vector = channels[1:4] * ([1, 1, 1] if side == 0 else [1, -1, -1])
    turn, bend = turn_matrix(vector.astype(np.float64)), arm.bend + channels[4]
    along, hinge = turn @ arm.along, turn @ arm.hinge
    fore = np.cos(bend) * along + np.sin(bend) * np.cross(hinge, along)
    return (arm.upper * along + arm.fore * fore) / arm.length * [1, -1, -1]


def test_a_body_has_the_controls_first_and_36_channels_of_its_own():
    assert FULL.channels[: len(CONTROLS)] == CONTROLS.channels
    assert FULL.channels[len(CONTROLS) :] == BODY_CHANNELS
    assert (len(FULL), len(BODY_CHANNELS)) == (94, 36)
    assert speaks_controls(FULL)


@pytest.mark.parametrize("event", [*BEATS, "raise", "rest", "adaptor", *BODY_CUES])
@pytest.mark.parametrize("lively", [-2.0, 2.0])
@pytest.mark.parametrize("number", [0.0, 0.5, 1.0])
def test_every_gesture_is_over_before_its_plan_ends(event, lively, number):
    """At its slowest, with every amount at either end; also the way to a cheek and back at its longest."""
    rest = np.stack([rest_of(MEAN_ARM)] * 2)
    hands = Hands(Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)])), (MEAN_ARM, MEAN_ARM), rest, rest.copy())
    begin(hands, "raise", np.full(NUMBERS, 0.1), Manner(lively, lively))
    begin(hands, event, np.full(NUMBERS, number), Manner(lively, lively))
    assert np.array_equal(hands.plan.ahead[0, -1], hands.plan.ahead[0, -2])
    to_cheek(hands, 0, 19, 55, 26)
    assert np.array_equal(hands.plan.ahead[0, -1], hands.plan.ahead[0, -2])
    assert not hands.plan.ahead[1:, -1].any()


def test_the_photo_s_own_pose_is_zeros():
    rest = np.stack([rest_of(arm) for arm in ARMS])[None]
    assert np.abs(to_body(rest, np.zeros((1, 9)), ARMS)).max() < 1e-9


def test_an_arm_comes_through_its_anatomy_as_it_was():
    assert (arm_of(MEAN_ARM.row()).row() == MEAN_ARM.row()).all()
    along, _, hinge, bend = reach(MEAN_ARM, MEAN_ARM.rest[None, :3], MEAN_ARM.rest[3:])
    assert np.allclose(along[0], MEAN_ARM.along)
    assert np.allclose(hinge[0], MEAN_ARM.hinge)
    assert bend[0] == pytest.approx(MEAN_ARM.bend)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31))
def test_joints_bring_a_wrist_where_it_is_wanted(seed):
    rng = np.random.default_rng(seed)
    wanted = np.stack([with_room(HOME + rng.normal(0, 0.1, 10), arm) for arm in ARMS])
    channels = to_body(wanted[None], np.zeros((1, 9)), ARMS)[0, 8:].reshape(2, 14)
    for side, arm in enumerate(ARMS):
        assert np.abs(wrist(channels[side], arm, side) - wanted[side, WRIST]).max() < 1e-6


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31))
def test_no_target_is_out_of_reach_or_in_the_trunk(seed):
    target = within_reach(HOME + np.random.default_rng(seed).normal(0, 1, 10), 0.36)
    again = within_reach(target, 0.36)
    assert target[UP] >= LOWEST - 0.01
    assert np.linalg.norm(target[WRIST]) <= REACH + 0.36
    if (aside := max(0.14 + target[OUT], 0)) < 0.42 and target[UP] < 0.1:
        assert target[FRONT] >= 0.36 * np.sqrt(1 - (aside / 0.42) ** 2) - 1e-9
    assert np.abs(again - target).max() < 0.2


def tips_of(row: np.ndarray, arm: Arm) -> np.ndarray:
    """Wrist and finger tips, m from the shoulder."""
    return hand_points(chain_of(row[None], arm), row[None], arm, TIPS)[:, 0]


NARROW = replace(MEAN_ARM, box=np.array([-0.16, 0.19, -0.3, 0.16]))


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31), narrow=st.booleans())
def test_all_of_a_hand_that_gestures_is_in_the_picture_and_on_its_own_side(seed, narrow):
    arm, rng = NARROW if narrow else MEAN_ARM, np.random.default_rng(seed)
    row = with_room(HOME + rng.normal(0, [0.2, 0.2, 0.2, 8, 30, 8, 0.3, 0.2, 0, 0]), arm)
    for point in tips_of(row, arm):
        assert point[0] + arm.lever[0] > 0.02  # the other hand, mirrored, cannot be met
        x, y, z = arm.camera.reshape(3, 4) @ np.append(point, 1.0)
        assert arm.box[0] < x / z < arm.box[1]
        assert arm.box[2] < y / z < arm.box[3]


@pytest.mark.parametrize("event", BODY_CUES)
@pytest.mark.parametrize("arm", [MEAN_ARM, NARROW])
def test_no_cue_leads_hands_out_of_the_picture_but_at_its_lower_edge(event, arm):
    rest = np.stack([rest_of(arm)] * 2)
    hands = Hands(Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)])), (arm, arm), rest, rest.copy())
    begin(hands, event, np.random.default_rng(1).random(NUMBERS), Manner(), 1.5)
    for row in (hands.plan.step()[:20].reshape(2, 10) for _ in range(80)):
        for side in (0, 1):
            for point in tips_of(row[side], arm):
                x, y, z = arm.camera.reshape(3, 4) @ np.append(point, 1.0)
                assert arm.box[0] < x / z < arm.box[1]
                assert arm.box[2] < y / z


@given(back=st.floats(-0.3, 0.0), out=st.floats(0.0, 0.25), swivel=st.floats(0.0, 20.0))
def test_an_arm_that_hangs_a_little_back_does_not_twist_as_its_wrist_moves(back, out, swivel):
    """By 1 % of its length: an elbow told to be below an arm that points there would go around it."""
    near = np.array([[0.0, 0.0, 0.0], [0.01, 0.0, 0.0], [0.0, 0.0, 0.01]])
    _, _, hinges, _ = reach(MEAN_ARM, np.array([out, -0.93, back]) + near, np.full(3, swivel))
    assert (hinges @ hinges[0]).min() > np.cos(np.radians(6.0))


@given(angle=st.floats(-3.0, 3.0), out=st.floats(-0.2, 0.3), back=st.floats(-0.3, 0.3))
def test_an_arm_rests_with_its_elbow_where_the_photo_has_it(angle, out, back):
    wrist = np.array([out, -0.85, back])
    towards = unit(place_of(wrist)[None])
    beside = unit(across(np.array([[0.0, 0.0, 1.0]]), towards))
    side = np.cos(angle) * beside + np.sin(angle) * np.cross(towards, beside)
    swivel = swivel_of((towards + side)[0], towards[0])
    arm = posed(replace(MEAN_ARM, rest=np.array([*wrist, swivel])))
    np.testing.assert_allclose(reach(arm, wrist[None], np.array([swivel]))[2], np.cross(side, towards), atol=1e-6)


@given(out=st.floats(-0.1, 0.2), up=st.floats(-0.8, -0.6))
def test_fingers_that_curl_to_the_palm_keep_out_of_the_trunk_too(out, up):
    row = rest_of(MEAN_ARM)[None]
    row[:, WRIST] = out, up, 0.0
    row[:, WRIST] = off_trunk(row, MEAN_ARM, np.zeros((1, 3)))
    curled = hand_points(chain_of(row, MEAN_ARM), row, MEAN_ARM, np.array([[0.75, 0.0, 0.2]]))[0, 0]
    middle_x, middle_z, wide, deep = MEAN_ARM.trunk_at(curled[1])
    assert curled[0] < tips_of(row[0], MEAN_ARM)[1][0]  # palms look to the body
    assert abs((curled[0] - middle_x) / wide) ** 3 + abs((curled[2] - middle_z) / deep) ** 3 > 1.1**3


POCKETS = posed(replace(MEAN_ARM, rest=np.array([-0.1, -0.85, 0.1, 20.0]), pinned=True))


def test_a_hand_leaves_its_pocket_outwards_and_rests_in_it_to_the_bit():
    arm, turn = POCKETS, np.zeros((1, 3))
    rest = rest_of(arm)[None]
    assert (off_trunk(rest, arm, turn) == rest[:, WRIST]).all()
    deep = _inside(rest, arm, turn)[0].max()
    assert deep > 0.03
    for share in np.linspace(0, 1, 21):
        row = rest + share * (with_room(HOME, arm) - rest)
        pushed = row.copy()
        pushed[:, WRIST] = off_trunk(row, arm, turn)
        inside = _inside(pushed, arm, turn)[0].max()
        assert inside < deep + 1e-9
        if np.linalg.norm(row[0, WRIST] - arm.rest[:3]) > 0.3:
            assert inside < 0.01


def test_a_hand_beside_the_hips_gives_way_when_they_come_and_so_smoothly():
    arm = posed(replace(MEAN_ARM, rest=np.array([0.02, -0.95, 0.05, 10.0])))
    rest = rest_of(arm)[None]
    turns = np.array([[0.0, 0.0, 0.12]]) * np.linspace(-1, 1, 81)[:, None]
    moved = np.concatenate([off_trunk(rest, arm, turn[None]) for turn in turns]) - rest[:, WRIST]
    assert 0.02 < np.abs(moved).max() < 0.25
    assert np.abs(moved).min(0).max() < 1e-3  # to the one side they go away from it
    assert np.abs(np.diff(moved, n=2, axis=0)).max() < 2e-3


def test_a_plan_that_is_interrupted_goes_on_with_the_speed_it_has():
    plan, rows = Plan.resting(np.zeros(1)), [0.0, 0.0]
    for frame in range(40):
        if frame in (0, 6, 11):
            plan.lead(slice(0, 1), [Key(np.array([{0: 0.3, 6: -0.1, 11: 0.2}[frame]]), 10)])
        rows.append(plan.step()[0])
    acceleration = np.diff(rows, n=2)
    assert np.abs(np.diff(acceleration)).max() < 0.05  # arm lengths a frame: no step where one piece joins another
    assert rows[-1] == pytest.approx(0.2)


def test_a_quintic_begins_and_ends_with_the_speed_that_it_is_given_and_passes_on_smoothly():
    begins = np.array([[0.0], [0.02], [-0.003]])
    places, speeds, bends = quintic(begins, np.ones(1), 400, np.full(1, 0.05))[..., 0]
    path = np.concatenate([[0.0], places])
    assert path[-1] == pytest.approx(1)
    assert path[1] - path[0] == pytest.approx(0.02, abs=2e-3)
    assert np.diff(path, n=2)[:2] == pytest.approx(-0.003, abs=3e-4)
    assert path[-1] - path[-2] == pytest.approx(0.05, abs=1e-3)
    assert np.allclose((path[2:] - path[:-2]) / 2, speeds[:-1], atol=1e-4)
    assert np.allclose(np.diff(path, n=2), bends[:-1], atol=1e-4)
    plan = Plan.resting(np.zeros(1))
    plan.lead(slice(0, 1), [Key(np.ones(1), 20, speed=np.full(1, 0.06)), Key(np.full(1, 1.4), 20)])
    rows = np.array([0.0, 0.0, *(plan.step()[0] for _ in range(60))])
    assert rows[21] == pytest.approx(1)
    assert np.abs(np.diff(rows, n=3))[17:25].max() < 0.02  # where one piece hands over to the next
    assert rows[-1] == pytest.approx(1.4)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31))
def test_a_new_gesture_takes_over_place_speed_and_acceleration_of_the_one_that_it_interrupts(seed):
    """Read off the frames alone: a polynomial of the fifth degree through six frames of either piece, at the join."""
    rng, plan, steps = np.random.default_rng(seed), Plan.resting(np.zeros(3)), []
    plan.lead(slice(0, 3), [Key(rng.normal(0, 0.3, 3), 12)])
    for _ in range(12):
        through = int(rng.integers(0, 6))
        path = [plan.now, *(plan.step() for _ in range(through))]
        would = plan.copy()
        path += [would.step() for _ in range(6 - through)]
        plan.lead(slice(0, 3), [Key(rng.normal(0, 0.3, 3), int(rng.integers(6, 14)))])
        goes = plan.copy()
        taken = [plan.now, *(goes.step() for _ in range(6))]
        for order in (0, 1, 2):
            before, after = _derivative(path, through, order), _derivative(taken, 0, order)
            steps.append(np.abs(before - after).max())
    assert max(steps) < 1e-9


def _derivative(path: list[np.ndarray], at: int, order: int) -> np.ndarray:
    frames = np.arange(6.0) - at
    powers = np.linalg.solve(np.vander(frames, increasing=True), np.stack(path[:6]))
    return powers[order] * (2 if order == 2 else 1)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31))
def test_gestures_that_interrupt_each_other_join_in_place_speed_and_bend(seed):
    rng = np.random.default_rng(seed)
    rest = np.stack([rest_of(MEAN_ARM)] * 2)
    hands = Hands(Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)])), (MEAN_ARM, MEAN_ARM), rest, rest.copy())
    steps, calm = [], Manner(lively=-2.0)  # so that no piece of a gesture is shorter than the five frames that tell it
    begin(hands, "raise", rng.random(NUMBERS), calm)
    for _ in range(12):
        for _ in range(int(rng.integers(deciding.BETWEEN_BEATS, 24))):
            hands.plan.step()
        before, planned = hands.plan.last.copy(), hands.plan.ahead[0].copy()
        event = str(rng.choice(["stroke", "emphatic", "palmup", "deictic", *BODY_CUES]))
        begin(hands, event, rng.random(NUMBERS), calm)
        goes = hands.plan.copy()
        path = np.stack([before[0], *(goes.step() for _ in range(5))])
        speeds, bends = before[1], before[2]
        for column in np.flatnonzero((hands.plan.ahead[0] != planned).any(0)[:20]):
            if (np.abs(path[1:-1, column] - path[-1, column]) < 1e-12).any():
                continue  # stays, or holds at once
            powers = np.linalg.solve(np.vander(np.arange(6.0), increasing=True), path[:, column])
            steps.append((abs(powers[1] - speeds[column]), abs(2 * powers[2] - bends[column])))
    assert np.abs(np.array(steps)).max() < 1e-6


@pytest.mark.parametrize("event", ["stroke", "emphatic", "palmup", "deictic", "rest", "adaptor", *BODY_CUES])
def test_every_gesture_moves_the_hands_and_leaves_them_where_they_belong(event):
    rest = np.stack([rest_of(MEAN_ARM)] * 2)
    hands = Hands(Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)])), (MEAN_ARM, MEAN_ARM), rest, rest.copy())
    numbers = np.random.default_rng(1).random(NUMBERS)
    if event not in ("adaptor", *BODY_CUES):
        begin(hands, "raise", numbers, Manner())
        for _ in range(20):
            hands.plan.step()
    begin(hands, event if event != "hands_down" else "rest", numbers, Manner())
    path = np.stack([hands.plan.step()[:20] for _ in range(100)]).reshape(100, 2, 10)
    if event != "hands_down":
        assert np.ptp(path[..., WRIST], axis=0).max() > 0.02
    ends = hands.home if hands.raised else hands.rest
    for side in hands.raised or (0, 1):
        assert np.abs(path[-1, side, WRIST] - ends[side, WRIST]).max() < 0.25
    assert np.abs(np.diff(path[..., WRIST], n=2, axis=0)).max() < 0.06


def test_what_is_heard_in_other_cuts_gives_the_same_bits_and_other_seeds_other_gestures(body_generator):
    sound = dialogue(3.0)
    values = performed(body_generator, sound)
    assert (performed(body_generator, sound, cut=1_777) == values).all()
    assert values.shape == (75, 94)
    assert np.isfinite(values).all()
    assert (performed(body_generator, sound, seed=1)[:, 58:] != values[:, 58:]).any()


def test_the_face_moves_as_it_does_without_a_body(body_generator, head_generator):
    sound = dialogue(1.0)
    session = StreamingSession(
        Identity(CONTROLS, torch.zeros(58), None, (0, 0)),
        head_generator,
        type("Unseen", (Unseen,), {"space": CONTROLS})(),
    )
    chunks = [*session.stream(sound), *session.stream_tail()]
    alone = torch.cat([chunk.motion.values for chunk in chunks]).numpy()
    assert (performed(body_generator, sound)[:, :58] == alone).all()


def test_a_session_that_is_saved_between_goes_on_with_the_same_gesture(body_generator, tmp_path):
    sound, cue = dialogue(2.4), Cue(8, "wave")
    whole = performed(body_generator, sound, cues=[cue])
    one, other = (StreamingSession(somebody(), body_generator, Unseen()) for _ in range(2))
    one.ask([cue])
    first = [*one.stream(sound[:, :20_000])]
    one.save(tmp_path / "state")
    other.restore(tmp_path / "state")
    rest = [*other.stream(sound[:, 20_000:]), *other.stream_tail()]
    assert (torch.cat([chunk.motion.values for chunk in (*first, *rest)]).numpy() == whole).all()


@pytest.mark.parametrize("name", ["wave", "open_hands", "point"])
def test_cues_move_the_arms_and_let_them_rest_again(body_generator, name):
    silent = np.zeros((2, 16_000 * 5), np.float32)
    still, moved = performed(body_generator, silent), performed(body_generator, silent, cues=[Cue(5, name)])
    apart = np.abs(moved - still)[:, 66:].max(1)
    assert (moved[:5] == still[:5]).all()
    assert apart[25] > 0.5
    assert apart[-1] < 0.05


def test_arms_that_are_not_free_stay_unless_they_are_asked_for(body_generator, head_generator):
    silent, held = np.zeros((2, 16_000 * 2), np.float32), replace(MEAN_ARM, free=False)
    wave = performed(body_generator, silent, cues=[Cue(0, "wave")], arms=(MEAN_ARM, held))
    assert np.abs(wave[:, 67:72]).max() > 0.5
    assert np.abs(wave[:, 81:86]).max() < 0.1
    right = performed(
        WithBody(head_generator, BodyConfig(arms="right")), silent, cues=[Cue(0, "wave")], arms=(MEAN_ARM, held)
    )
    assert np.abs(right[:, 81:86]).max() > 0.5


def test_nobody_gestures_in_silence_nor_without_liveliness(body_generator, head_generator):
    silent = np.zeros((2, 16_000 * 6), np.float32)
    assert np.abs(performed(body_generator, silent)[:, [70, 84]]).max() < 0.4  # elbows: at most a rub
    calm = WithBody(head_generator, BodyConfig(liveliness=0))
    assert np.abs(performed(calm, dialogue(3.0))[:, [70, 84]]).max() < 1e-6


def heard(own: float, partner: float, accent: float, hazard: float) -> deciding.Heard:
    five = np.full(5, 1.0)
    chances = np.full(6, accent)
    return deciding.Heard(own * five, partner * five, chances, lambda frame, since, up: np.full(8, hazard))


def test_beats_need_hands_that_are_up_a_voice_and_an_accent():
    rest = np.stack([rest_of(MEAN_ARM)] * 2)

    def begun(up: bool, own: float, accent: float) -> tuple[str, ...]:
        hands = Hands(Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)])), ARMS, rest, rest.copy(), up=[up, up])
        clock = deciding.Clock.unset()
        clock.risen, clock.quiet = 10, 0
        numbers = np.full(deciding.NUMBERS, 0.5)
        return deciding.decide(hands, clock, 0, heard(own, 0, accent, 0.0), numbers, Manner(), 1.0, lambda drawn: None)

    assert begun(True, 0.9, 0.9) == ("stroke",)
    assert begun(False, 0.9, 0.9) == begun(True, 0.0, 0.9) == begun(True, 0.9, 0.1) == ()


def test_beats_and_pointing_hear_the_own_voice_alone():
    """Hazards, which hear the partner too, may be anything: the same frames beat, in the same way."""
    rest, rng, told = np.stack([rest_of(MEAN_ARM)] * 2), np.random.default_rng(3), []
    numbers, accents = rng.random((3000, deciding.NUMBERS)), rng.random(3000)
    for partner, hazard in ((0.0, 0.0), (1.0, 0.3)):
        begun = []
        for frame in range(3000):
            plan = Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)]))
            hands = Hands(plan, ARMS, rest, rest.copy(), up=[True, True])
            clock = deciding.Clock(np.full(8, 90, np.float32), 0, 0, deciding.RISEN - 1)
            five = heard(1.0, partner, accents[frame], hazard)
            events = deciding.decide(hands, clock, 0, five, numbers[frame], Manner(), 1.0, lambda drawn: None)
            begun.append([event for event in events if event in BEATS])
        told.append(begun)
    assert told[0] == told[1]
    assert ["deictic"] in told[0]


@pytest.mark.parametrize("top", range(5))
def test_a_beat_begins_a_frame_after_the_top_of_its_accent_also_from_one_chunk_to_the_next(top):
    rest, numbers = np.stack([rest_of(MEAN_ARM)] * 2), np.full(deciding.NUMBERS, 0.5)
    chances = np.zeros(11)
    chances[top + 1 : top + 4] = 0.5, 0.9, 0.7  # of frames -1 .. 9
    hands = Hands(Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)])), ARMS, rest, rest.copy(), up=[True, True])
    clock, told = deciding.Clock(np.full(8, 90, np.float32), 0, 0, 40), []
    for frame in range(10):
        first = frame // 5 * 5
        bump = deciding.Heard(np.ones(5), np.zeros(5), chances[first : first + 6], lambda *_: np.zeros(8))
        told.append(deciding.decide(hands, clock, frame - first, bump, numbers, Manner(), 1.0, lambda drawn: None))
        clock.tick(True)
    assert [frame for frame, events in enumerate(told) if events == ("stroke",)] == [top + 2]
    assert sum(map(len, told)) == 1


@pytest.mark.parametrize(("partner", "still"), [(0.0, deciding.GIVEN_UP), (1.0, deciding.WORD_TAKEN)])
def test_raised_hands_go_down_soon_after_the_last_word_and_sooner_where_the_partner_has_it(partner, still):
    rest = np.stack([rest_of(MEAN_ARM)] * 2)
    hands = Hands(Plan.resting(np.concatenate([rest.ravel(), np.zeros(4)])), ARMS, rest, rest.copy(), up=[True, True])
    clock, numbers = deciding.Clock(np.full(8, 90, np.float32), 0, 0, 40), np.full(deciding.NUMBERS, 0.99)
    frame, told = -1, ()
    while not told and frame < 60:
        frame += 1
        told = deciding.decide(hands, clock, 0, heard(0, partner, 0, 0.0), numbers, Manner(), 1.0, lambda drawn: None)
        clock.tick(False)
    assert told == ("rest",)
    assert frame == still
    assert not hands.raised
    assert (hands.plan.end[columns(0)] == rest[0]).all()


def test_motion_files_of_heads_and_bodies_drive_each_other():
    head = Replay(CONTROLS, torch.rand(12, 58))
    whole = bridged(head, FULL)
    assert isinstance(whole, Replay)
    assert (whole.values[:, :58] == head.values).all()
    assert (whole.values[:, 58:].numpy() == still_body(0, 12)).all()
    back = bridged(whole, CONTROLS)
    assert isinstance(back, Replay)
    assert (back.values == head.values).all()


def test_cues_of_a_body_are_refused_where_there_is_none(head_generator):
    identity = Identity(CONTROLS, torch.zeros(58), None, (0, 0))
    session = StreamingSession(identity, head_generator, type("Unseen", (Unseen,), {"space": CONTROLS})())
    with pytest.raises(ConfigError, match=r"'wave' is for a whole body.*--preset body"):
        session.ask([Cue(0, "wave")])


def test_the_shipped_gestures_follow_the_shipped_hearing(head_generator):
    _, about = load_heads(SHIPPED)
    assert about["hearing"] == hearing_sha256(head_generator.model.hearing), (
        "run avtr train gestures after training a hearing"
    )
    assert SHIPPED.stat().st_size < 400_000


def test_damaged_weights_of_gestures_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="missing"):
        load_heads(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="damaged"):
        load_heads(tmp_path / "bad.safetensors")
