"""A touch is answered: at once, on the right side, in its tone; by what came before; and all of it goes away again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from avtr_cli.core.interaction import STRENGTHS, TONES, WORDS, Contact, Interaction
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.regions import REGIONS
from avtr_cli.motion.interactions import memory
from avtr_cli.motion.interactions.blending import CLOSES_MOST, FURTHEST
from avtr_cli.motion.interactions.contacts import ENDS, GIVES, KINDS, contact, contacts
from avtr_cli.motion.interactions.faces import FACES, face
from avtr_cli.motion.interactions.reactor import react

AT = 20  # the touches' frame
PLACES = {  # region -> EO aside and below, on a common face
    "hair": (0.0, -1.0), "forehead": (0.0, -0.5), "left_brow": (0.3, -0.25), "right_brow": (-0.3, -0.25),
    "left_eye": (0.35, 0.0), "right_eye": (-0.35, 0.0), "nose": (0.0, 0.35), "left_cheek": (0.4, 0.4),
    "right_cheek": (-0.4, 0.4), "mouth": (0.0, 0.75), "chin": (0.0, 1.05), "left_jaw": (0.45, 0.8),
    "right_jaw": (-0.45, 0.8), "left_ear": (0.8, 0.2), "right_ear": (-0.8, 0.2), "neck": (0.0, 1.4),
    "left_shoulder": (1.7, 2.2), "right_shoulder": (-1.7, 2.2), "left_arm": (2.0, 3.0), "right_arm": (-2.0, 3.0),
    "left_hand": (2.0, 5.0), "right_hand": (-2.0, 5.0), "chest": (0.0, 2.6), "abdomen": (0.0, 5.0), "legs": (0.0, 8.0),
}  # fmt: skip


def touch(do: str, region: str = "nose", frame: int = AT, **more) -> Interaction:
    aside, below = PLACES[region]
    return Interaction(frame, do, 0.5, 0.5, ((region, 1.0),), aside, below, **more)


def still(frames: int) -> np.ndarray:
    return np.zeros((frames, len(CONTROLS)))


def answer(*touches: Interaction, frames: int = 200, seed: int = 0, smile: float = 0.0) -> np.ndarray:
    """Controls of a person who does nothing else, (frames, 58)."""
    return react(still(frames), 0, touches, np.zeros(frames), (seed,), smile)


def channel(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[:, CONTROLS.index(name)]


some_touches = some.builds(
    touch,
    some.sampled_from(list(WORDS)),
    some.sampled_from(list(PLACES)),
    some.integers(0, 120),
    tone=some.sampled_from(TONES),
    strength=some.floats(*STRENGTHS),
)


def test_every_region_has_a_place_in_these_tests():
    assert set(PLACES) == set(REGIONS)


def test_nobody_moves_who_is_not_touched_nor_before():
    rows = np.random.default_rng(1).random((60, len(CONTROLS)))
    assert react(rows, 0, (), np.zeros(60)) is rows
    touched = react(rows, 0, (touch("slap"),), np.zeros(60))
    assert np.array_equal(touched[:AT], rows[:AT])
    assert not np.array_equal(touched[AT + 2], rows[AT + 2])
    assert react(rows, 5000, (touch("slap"),), np.zeros(60)) is rows


@pytest.mark.slow
@given(
    some.lists(some_touches, max_size=4), some.lists(some.integers(1, 7), min_size=1, max_size=5), some.integers(0, 9)
)
@settings(max_examples=25)
def test_an_answer_is_the_same_however_it_is_cut_and_whatever_was_forgotten(touches, cuts, seed):
    touches = tuple(sorted(touches, key=lambda one: one.frame))
    whole = answer(*touches, frames=160, seed=seed)
    parts, at, kept = [], 0, memory.nothing()
    for count in itertools.cycle(cuts):
        count = min(5 * count, 160 - at)
        met = (*memory.remembered(kept), *(one for one in touches if at <= one.frame < at + count))
        parts.append(react(still(count), at, met, np.zeros(count), (seed,)))
        kept, at = memory.remember(met, at), at + count
        if at == 160:
            break
    assert np.array_equal(np.concatenate(parts), whole)


@given(some.lists(some_touches, max_size=3))
@settings(max_examples=30)
def test_a_memory_is_a_tensor_and_comes_back_as_it_was(touches):
    between = Interaction(7, "pat", 0.1, 0.9, (("left_cheek", 0.7), ("nose", 0.3)), 0.25, 1 / 3, strength=0.1)
    kept = (*touches, between, Interaction(9, "wave", 0.0, 1.0))
    assert memory.remembered(memory.remember(kept, 0)) == kept
    assert memory.remembered(memory.remember(kept, 10**6)) == ()


@pytest.mark.slow
@given(some.lists(some_touches, min_size=1, max_size=5))
@settings(max_examples=40)
def test_however_much_comes_together_controls_stay_within_what_can_be_drawn(touches):
    rows = answer(*touches, frames=220, smile=1.0)
    weights, head = rows[:, :52], rows[:, 52:].copy()
    head[:, :3] = np.degrees(head[:, :3])
    smiles = [CONTROLS.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    assert weights[:, smiles].min() >= -1
    assert np.delete(weights, smiles, axis=1).min() >= 0
    assert weights.max() <= 1
    assert (np.abs(head) <= FURTHEST + 1e-9).all()


@pytest.mark.parametrize("region", PLACES)
def test_whatever_is_done_is_over_after_six_seconds(region):
    for word in WORDS:
        rows = answer(touch(word, region))
        assert np.abs(rows[AT + 150]).max() <= 0.065, (word, region)
        assert np.abs(rows[AT : AT + 40]).max() > 0.05, (word, region)


@given(some.floats(0.12, 1.0), some.booleans(), some.integers(0, 99))
@settings(max_examples=40)
def test_heads_go_away_from_what_hurts_and_into_what_is_dear(aside, left, seed):
    aside = -aside if left else aside
    for word, name, after in (("poke", "headYaw", 10), ("push", "headYaw", 8), ("caress", "headRoll", 30)):
        one = Interaction(AT, word, 0.5, 0.5, (("left_cheek", 1.0),), aside, 0.4)
        # +yaw turns to the picture's left, +roll is clockwise.
        turned = channel(answer(one, seed=seed), name)[AT + after]
        assert np.sign(turned) == np.sign(aside), word


@pytest.mark.parametrize("region", ["left_cheek", "right_ear", "left_eye"])
def test_eyes_go_to_a_tap_and_then_to_the_user(region):
    rows = answer(touch("tap", region))
    right = channel(rows, "eyeLookOutLeft") - channel(rows, "eyeLookInLeft")
    assert np.sign(right[AT + 10]) == np.sign(PLACES[region][0])
    assert abs(right[AT + 10]) > 0.3
    assert np.abs(right[AT + 26 :]).max() < 0.25


def test_lids_answer_within_three_frames_and_a_touched_eye_stays_shut():
    rows = answer(touch("poke", "left_eye"))
    left, right = channel(rows, "eyeBlinkLeft"), channel(rows, "eyeBlinkRight")
    assert left[AT + 2] > 0.6
    assert left[AT + 7] > 0.85
    assert right[AT + 9] < left[AT + 9]


def test_tones_are_told_apart_by_brows_and_corners():
    faces = {tone: answer(touch("touch", "left_cheek", tone=tone))[AT : AT + 60] for tone in TONES}
    smiles = {tone: channel(rows, "mouthSmileLeft").max() for tone, rows in faces.items()}
    assert smiles["affectionate"] > 0.3 > smiles["neutral"] > smiles["aggressive"] == 0
    assert channel(faces["aggressive"], "browDownLeft").max() > 0.5
    assert channel(faces["neutral"], "browInnerUp").max() > 0.3


def test_a_strength_makes_it_more_and_none_makes_it_nothing():
    assert np.array_equal(answer(touch("slap", strength=0.0)), still(200))
    sizes = [np.abs(answer(touch("poke", "left_cheek", strength=one))[AT + 6]).sum() for one in (0.1, 0.5, 1.0, 1.6)]
    assert sizes == sorted(sizes)


def test_the_same_again_tires_the_reflex_and_makes_angry():
    pokes = [touch("poke", "left_cheek", AT + 50 * n) for n in range(4)]
    rows = answer(*pokes, frames=300)
    blinks = [channel(rows, "eyeBlinkLeft")[one.frame + 2] for one in pokes]
    sneers = [channel(rows, "noseSneerLeft")[one.frame + 28] for one in pokes]
    assert blinks[0] > blinks[1] > blinks[3] > 0.1
    assert sneers[3] > sneers[0]


def test_a_slap_leaves_a_mood_that_a_stroke_is_answered_in():
    after = answer(touch("slap", "left_cheek"), frames=300)[AT + 75]
    assert channel(after[None], "browDownLeft")[0] > 0.1
    assert memory.mood_before(touch("stroke", frame=AT + 75), [touch("slap")]) < -0.2


def test_a_smiling_photo_stops_smiling_and_smiles_again():
    rows = answer(touch("slap", "left_cheek"), frames=240, smile=0.8)
    smile = channel(rows, "mouthSmileLeft")
    assert smile[AT + 12] < -0.4
    assert abs(smile[-1]) < 0.03
    assert channel(answer(touch("slap", "left_cheek")), "mouthSmileLeft").min() >= 0


@pytest.mark.parametrize("region", ["chest", "abdomen", "legs"])
@pytest.mark.parametrize("word", ["kiss", "caress", "stroke", "touch", "pat", "tickle", "blow", "tap", "press"])
def test_any_touch_there_is_declined(region, word):
    rows = answer(touch(word, region))
    assert channel(rows, "mouthSmileLeft")[: AT + 60].max() == 0
    assert channel(rows, "browDownLeft").max() > 0.3
    assert channel(rows, "headZ").max() > 0.08  # back


def test_a_click_beside_the_person_is_a_glance():
    rows = answer(Interaction(AT, "slap", 0.9, 0.5, (), 1.5, 0.0))
    right = channel(rows, "eyeLookOutLeft")
    assert right[AT + 4] == 0
    assert right[AT + 12] > 0.5
    assert np.abs(rows[AT + 100]).max() < 0.01
    assert contacts((Interaction(AT, "slap", 0.9, 0.5),), 0, 100) == ()


def test_lips_that_speech_shuts_stay_shut_and_speech_keeps_its_mouth():
    rows = still(100)
    rows[:, CONTROLS.index("jawOpen")] = 0.3
    rows[::2, CONTROLS.index("mouthClose")] = 0.3
    spoken = react(rows, 0, (touch("slap", "mouth"), touch("tickle", "chin", AT + 20)), np.ones(100))
    assert (channel(spoken, "mouthClose")[::2] >= channel(spoken, "jawOpen")[::2] - 1e-9).all()
    assert np.abs(channel(spoken, "jawOpen") - 0.3).max() < 1e-9
    assert channel(spoken, "mouthClose")[1::2].max() <= CLOSES_MOST


def test_two_at_once_are_both_answered_and_the_order_says_nothing():
    one, other = touch("poke", "left_cheek"), touch("kiss", "forehead")
    assert np.allclose(answer(one, other), answer(other, one))
    assert not np.allclose(answer(one, other), answer(one))


def test_a_place_between_two_regions_is_answered_by_both():
    between = Interaction(AT, "stroke", 0.5, 0.5, (("forehead", 0.5), ("hair", 0.5)), 0.0, -0.7)
    lids = [channel(answer(one), "eyeBlinkLeft").max() for one in (touch("stroke", "nose"), between)]
    assert lids[1] > 0.5 > lids[0]


def test_another_seed_answers_otherwise_and_the_same_alike():
    answers = [answer(touch("kiss", "left_cheek"), seed=seed) for seed in (1, 2, 1)]
    assert not np.allclose(answers[0], answers[1], atol=0.02)
    assert np.array_equal(answers[0], answers[2])


def test_every_face_is_of_our_controls():
    for name in FACES:
        assert 0 < face(name).max() <= 1
        assert face(name).min() == 0


# ---- the skin -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_skin_is_at_rest_before_a_touch_and_after_its_mark_is_gone(word):
    one = touch(word, "left_cheek")
    assert contact(one, AT - 1) is None
    assert contact(one, AT + ENDS) is None
    felt = [contact(one, frame) for frame in range(AT, AT + ENDS)]
    assert any(felt) == (WORDS[word].kind in KINDS)
    touches = contacts((one,), AT + 1, 5)
    assert len(touches) == (5 if WORDS[word].kind in KINDS else 0)


@given(some_touches, some.integers(0, 60))
@settings(max_examples=80)
def test_contacts_are_small_and_finite(one, after):
    felt = contact(one, one.frame + after)
    if felt is not None:
        assert np.isfinite(felt).all()
        assert felt.width > 0
        assert felt.red_width > 0
        assert 0 <= felt.pinch <= 0.55
        assert np.hypot(felt.shift_x, felt.shift_y) < 0.25
        assert 0 <= felt.red < 1.2


def test_a_slap_pushes_inwards_and_flesh_swings_back():
    shifts = [contact(touch("slap", "left_cheek"), AT + after).shift_x for after in range(12)]
    assert min(shifts) < -0.05  # the left cheek is to the right of the picture
    assert max(shifts[3:]) > 0.005


def test_a_red_mark_comes_after_a_slap_stays_and_fades():
    reds = [contact(touch("slap", "left_cheek"), AT + after).red for after in (1, 20, 80)]
    assert reds[1] > 0.3 > reds[2] > 0.1
    assert contact(touch("slap", "hair"), AT + 40) is None


def test_places_that_give_otherwise_are_regions():
    assert set(GIVES) <= {name.rpartition("_")[2] for name in REGIONS}
    assert len(Contact._fields) == 10
