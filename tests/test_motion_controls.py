"""What users may ask of the embedded model: cues, emotions, gains; and the rules of gestures and closures."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from avtr_cli.core.config import EMOTIONS, MotionConfig
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import WINDOW_SAMPLES
from avtr_cli.core.types import CUE_STRENGTH, FACE_CUES, Cue, Identity, Window
from avtr_cli.evaluation.motion.face import lip_aperture
from avtr_cli.motion import gestures
from avtr_cli.motion.gestures import CURVES
from avtr_cli.motion.lmfm import decisions, person, voicing
from avtr_cli.motion.lmfm.articulation import (
    BROWS_FALL,
    FACE,
    MOUTH,
    MOUTH_GAINS,
    SPOKEN_SMILE,
    Manner,
    compose,
    from_photo,
)
from avtr_cli.motion.lmfm.checkpoint import SHIPPED
from avtr_cli.motion.lmfm.generator import LmfmGenerator

NEVER = np.full(len(gestures.EVENTS), -60.0)


def spoken(frames=10, **changes):
    """Controls of a wide open mouth and a still face, with some things changed."""
    given = {
        "mouth": torch.full((frames, len(MOUTH)), 0.5),
        "bilabial": torch.zeros(frames),
        "labiodental": torch.zeros(frames),
        "activity": torch.ones(frames),
        "presence": torch.ones(frames),
        "face": torch.zeros(frames, len(FACE)),
        "curves": torch.zeros(frames, len(CURVES)),
    }
    return compose(**(given | changes))


def decide(hazards=NEVER, cues=(), frames=100, odds=None, seed=1):
    """Gesture curves (frames, 8) of constant hazards."""
    numbers = np.random.default_rng(seed).random((frames, decisions.NUMBERS))
    cells = np.zeros(len(gestures.GAZE_CELLS))
    odds = np.ones((5, len(gestures.EVENTS))) * (1.0 if odds is None else odds)
    pending, out = decisions.Pending.empty(), []
    for first in range(0, frames, 5):
        curves, pending = decisions.decide(
            pending, 5, first, lambda frame, since: (hazards, cells), numbers[first : first + 5], odds, tuple(cues)
        )
        out.append(curves)
    return np.concatenate(out)


def column(name):
    return CURVES.index(name)


@pytest.mark.parametrize("expressiveness", [0.3, 1.0, 3.0])
def test_lips_close_at_a_bilabial_however_expressive_the_face(expressiveness):
    values = spoken(bilabial=torch.ones(10), manner=Manner(face=expressiveness))
    assert lip_aperture(values.numpy()).max() < 0.0


def test_lips_go_wider_and_narrower_than_the_weights_say_and_never_beyond_what_is_drawn():
    said = torch.tensor([0.4 if name in MOUTH_GAINS else 0.0 for name in MOUTH])
    values = spoken(mouth=said.expand(10, -1).clone())
    for name, gain in MOUTH_GAINS.items():
        drawn = f"mouth{name.title()}"
        column = CONTROLS.index(drawn if drawn in CONTROLS.channels else f"{drawn}Left")
        assert values[:, column].numpy() == pytest.approx(0.4 * gain)
        assert gain > 1
    assert float(spoken(mouth=torch.ones(10, len(MOUTH))).max()) <= 1


def test_a_silent_avatar_has_its_mouth_exactly_at_rest():
    values = spoken(activity=torch.zeros(10), bilabial=torch.ones(10))
    assert float(values[:, : CONTROLS.index("headPitch")].abs().max()) == 0.0


def test_in_silence_neither_talk_s_head_nor_its_brows_move():
    silent, voiced = torch.zeros(10), torch.ones(10)
    shown, _ = voicing.let_through(talking(), silent, voicing.unmoved())
    values = spoken(activity=silent, presence=silent, face=shown)
    assert float(values.abs().max()) == 0.0
    shown, _ = voicing.let_through(talking(), voiced, voicing.unmoved())
    assert float(spoken(face=shown)[:, CONTROLS.index("headYaw")].abs().max()) > 0.1


def talking(frames=10):
    """All that talk alone moves, at large."""
    face = torch.zeros(frames, len(FACE))
    face[:, [column for column, name in enumerate(FACE) if name.startswith("talk")]] = 8.0
    return face


@pytest.mark.parametrize("parted", [0.0, 0.01, 0.3, 1.2])
def test_an_opening_is_reached_from_wherever_the_photo_s_lips_are(parted):
    wanted = torch.linspace(0, 0.6, 25)
    jaw, shut = from_photo(wanted, parted)
    assert torch.allclose(parted * (1 - shut) + jaw, wanted, atol=1e-6)
    assert float((jaw * shut).max()) == 0.0  # never opened and shut at once


@pytest.mark.parametrize("parted", [0.05, 0.3, 1.0])
def test_parted_lips_of_a_photo_are_shut_by_a_bilabial_and_kept_in_silence(parted):
    close = CONTROLS.index("mouthClose")
    spoken_b = spoken(mouth=torch.zeros(10, len(MOUTH)), bilabial=torch.ones(10), parted=parted)
    silent = spoken(activity=torch.zeros(10), mouth=torch.zeros(10, len(MOUTH)), parted=parted)
    assert (spoken_b[:, close] >= 0.08).all()  # all of the gap, as `render.mesh.controls.seal_weights` reads it
    assert float(silent.abs().max()) == 0.0


def test_brows_rise_as_the_head_goes_up():
    face = torch.zeros(10, len(FACE))
    face[:, FACE.index("pitch")] = -8.0
    assert float(spoken(face=face)[0, CONTROLS.index("browInnerUp")]) > 0.1
    assert float(spoken(face=-face)[0, CONTROLS.index("browDownLeft")]) > 0.1


@pytest.mark.parametrize("pitch", [5.0, 12.0, 40.0])
def test_brows_of_talk_fall_a_little_at_most_and_a_dark_mood_lowers_them_besides(pitch: float):
    face, down = torch.zeros(10, len(FACE)), CONTROLS.index("browDownLeft")
    face[:, FACE.index("pitch")] = pitch
    fallen = float(spoken(face=face)[0, down])
    assert 0 < fallen <= BROWS_FALL
    face[:, FACE.index("browDown")] = 0.5
    assert float(spoken(face=face)[0, down]) == pytest.approx(fallen + 0.5)


def test_a_listener_s_brows_stay_while_the_head_nods_or_is_left_aside():
    face, curves = torch.zeros(10, len(FACE)), torch.zeros(10, len(CURVES))
    face[:, FACE.index("talkPitch")] = -8.0
    curves[:, column("pitch")] = 6.0
    brows = [CONTROLS.index(name) for name in ("browInnerUp", "browOuterUpLeft", "browDownLeft")]
    assert float(spoken(presence=torch.zeros(10), face=face, curves=curves)[:, brows].abs().max()) == 0.0
    assert torch.equal(spoken(curves=curves)[:, brows], spoken()[:, brows])  # and a talker's nods leave them alone


@pytest.mark.parametrize("manner", ["calm", "lively"])
def test_a_manner_moves_the_head_less_or_more_and_multiplies_the_user_s_own_gain(manner):
    plain, named = (
        person.manner_of(MotionConfig(head_gain=0.7)),
        person.manner_of(MotionConfig(head_gain=0.7, manner=manner)),
    )
    assert plain.head == 0.7
    assert (named.head < plain.head) == (named.brows < plain.brows) == (manner == "calm")


def test_lids_open_and_hang_between_blinks_and_a_blink_still_shuts_them():
    face, curves = torch.zeros(10, len(FACE)), torch.zeros(10, len(CURVES))
    face[:, FACE.index("lid")] = torch.linspace(-2, 2, 10)
    values = spoken(face=face)
    wide, shut = (values[:, CONTROLS.index(f"{name}Left")] for name in ("eyeWide", "eyeBlink"))
    assert (wide[5:] > 0.2).all()
    assert (shut[:5] > 0.05).all()
    assert float((wide * shut).max()) == 0.0  # never wide and hanging at once
    assert float(shut.max()) < 0.25  # drowsy, not asleep
    curves[:, column("blink")] = 1.0
    values = spoken(face=face, curves=curves)
    assert (values[:, CONTROLS.index("eyeBlinkLeft")] == 1.0).all()
    assert not values[:, CONTROLS.index("eyeWideLeft")].any()


def test_zeros_return_the_photo():
    still = spoken(mouth=torch.zeros(10, len(MOUTH)))
    assert float(still.abs().max()) == 0.0


def test_gains_scale_what_they_name():
    face = torch.zeros(10, len(FACE))
    face[:, FACE.index("yaw")] = 10.0
    curves = torch.zeros(10, len(CURVES))
    curves[:, column("gazeX")] = 0.4
    yaw, look = CONTROLS.index("headYaw"), CONTROLS.index("eyeLookOutRight")
    plain, half = spoken(face=face), spoken(face=face, manner=Manner(head=0.5))
    assert torch.allclose(half[:, yaw], 0.5 * plain[:, yaw])
    away, ahead = spoken(curves=curves), spoken(curves=curves, manner=Manner(gaze=0.0))
    assert float(away[0, look]) == pytest.approx(0.4)
    assert float(ahead[0, look]) == 0.0
    glad = spoken(mouth=torch.zeros(10, len(MOUTH)), manner=Manner(smile=0.3))
    assert float(glad[0, CONTROLS.index("mouthSmileLeft")]) == pytest.approx(0.3)


def test_who_speaks_smiles_half_as_much_as_who_listens():
    curves, still = torch.zeros(10, len(CURVES)), torch.zeros(10, len(MOUTH))
    curves[:, column("smile")] = 0.4
    present = torch.linspace(0, 1, 10)
    smile = spoken(mouth=still, curves=curves, presence=present)[:, CONTROLS.index("mouthSmileLeft")]
    assert float(smile[0]) == pytest.approx(0.4)
    assert float(smile[-1]) == pytest.approx(0.4 * SPOKEN_SMILE)
    assert (smile.diff() < 0).all()


def test_a_smile_leaves_what_speech_makes_of_the_lips_and_rounded_lips_hardly_smile():
    lips = [k for k, name in enumerate(CONTROLS.channels) if name.startswith(("jaw", "mouthStretch", "mouthFunnel"))]
    smiling = CONTROLS.index("mouthSmileLeft")
    mouth = torch.full((10, len(MOUTH)), 0.4)
    plain, glad = spoken(mouth=mouth)[0], spoken(mouth=mouth, manner=Manner(smile=0.6))[0]
    assert torch.equal(glad[lips], plain[lips])
    mouth[:, MOUTH.index("funnel")] = mouth[:, MOUTH.index("pucker")] = 0.8
    assert float(spoken(mouth=mouth, manner=Manner(smile=0.3))[0, smiling]) < 0.1


def test_eyes_stay_on_the_camera_while_the_head_turns():
    face = torch.zeros(10, len(FACE))
    face[:, FACE.index("yaw")] = 10.0  # towards the left of the picture
    values = spoken(face=face)
    assert (
        float(values[0, CONTROLS.index("eyeLookOutLeft")]) > 0.1
    )  # the subject's left eye looks to the picture's right
    assert float(values[0, CONTROLS.index("eyeLookOutRight")]) == 0.0


@pytest.mark.parametrize("event", ["nod", "brow", "smile", "blink", "accent", "turn"])
def test_every_gesture_begins_and_ends_at_rest(event):
    for seed in range(20):
        curve = gestures.draw(event, np.random.default_rng(seed).random(gestures.NUMBERS))
        assert len(curve) <= gestures.LONGEST
        peak = np.abs(curve).max(0)
        assert np.abs(curve[-1]).max() <= 0.05 * peak.max()
        if event != "blink":
            assert np.abs(curve[0]).max() <= 0.2 * peak.max()


def test_nods_are_as_fast_and_as_large_as_people_nod():
    for seed in range(20):
        pitch = gestures.draw("nod", np.random.default_rng(seed).random(gestures.NUMBERS))[:, column("pitch")]
        assert pitch.min() > -0.5  # downwards first
        assert 1.5 < pitch.max() <= 7.0


def test_cues_happen_at_their_frame_and_nowhere_else():
    curves = decide(cues=[Cue(42, "nod"), Cue(60, "smile", 0.5), Cue(10, "blink")])
    pitch, smile, blink = (curves[:, column(name)] for name in ("pitch", "smile", "blink"))
    assert not pitch[:42].any()
    assert pitch[42:70].max() > 1.5
    assert not smile[:60].any()
    assert 0.05 < smile[60:].max() < 0.25
    assert blink[:10].max() == 0
    assert blink[10:14].max() > 0.7


def test_a_look_on_cue_is_held():
    curves = decide(cues=[Cue(20, "look_left")])
    assert np.abs(curves[:20, -2:]).max() == 0
    assert (curves[23:50, column("gazeX")] > 0.25).all()


def test_gestures_of_one_kind_keep_their_distance():
    hazards = NEVER.copy()
    hazards[gestures.EVENTS.index("blink")] = 60.0  # always
    blink = decide(hazards, frames=200)[:, column("blink")]
    starts = np.flatnonzero((blink[1:] > 0.1) & (blink[:-1] <= 0.1))
    assert np.diff(starts).min() >= gestures.REFRACTORY["blink"] - 1


def test_odds_of_nought_forbid_and_larger_odds_bring_more():
    blinks = gestures.EVENTS.index("blink")
    hazards = NEVER.copy()
    hazards[blinks] = -3.5
    seen = []
    for factor in (0.0, 1.0, 3.0):
        odds = np.ones(len(gestures.EVENTS))
        odds[blinks] = factor
        seen.append(decide(hazards, frames=1500, odds=odds)[:, column("blink")].sum())
    assert seen[0] == 0
    assert seen[0] < seen[1] < seen[2]


@pytest.mark.parametrize("strength", [CUE_STRENGTH[0], 1.0, CUE_STRENGTH[1]])
@pytest.mark.parametrize("name", FACE_CUES)
def test_every_cue_there_is_moves_the_face_by_its_strength(name: str, strength: float):
    away = [Cue(0, "look_left")] if name == "look_ahead" else []
    curves = decide(cues=[*away, Cue(20, name, strength)])
    moved = np.abs(curves - decide(cues=away)).max()
    assert np.isfinite(curves).all()
    assert moved == 0 if strength == 0 and not name.startswith("look") else moved > 0.05 * min(strength, 1)


def test_a_shake_of_the_head_swings_to_both_sides_and_ends_where_it_began():
    yaw = decide(cues=[Cue(20, "shake")])[:, column("yaw")]
    assert min(yaw.max(), -yaw.min()) > 2.0  # degrees
    assert np.abs(yaw[:21]).max() == np.abs(yaw[75:]).max() == 0
    assert np.abs(np.diff(yaw)).max() < 5.0


@pytest.mark.parametrize(
    "said", [(3, "dance"), (-1, "nod"), (3, "nod", 9.0), (3, "nod", -1.0), (3, "nod", float("nan"))]
)
def test_a_cue_that_cannot_be_is_one_sentence(said):
    with pytest.raises(ConfigError, match=r"cue"):
        Cue(*said)


def test_an_emotion_is_its_intensity_in_its_own_place():
    happy = person.person_vector(MotionConfig(emotion="happy", emotion_intensity=0.7))
    neutral = person.person_vector(MotionConfig(emotion="neutral", emotion_intensity=0.7))
    assert float(happy[person.STYLE_NUMBERS + EMOTIONS.index("happy")]) == pytest.approx(0.7)
    assert float(neutral.abs().sum()) == 0.0


@cache
def perform(config, seconds=8, seed=4):
    """Controls of the shipped model in silence, (T, 58)."""
    generator = LmfmGenerator(config)
    state, out = generator.start(None, seed), []
    for index in range(seconds * 5):
        motion, state = generator.step(Window(np.zeros((2, WINDOW_SAMPLES), np.float32), index), state)
        out.append(motion.values)
    return torch.cat(out).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("emotion", "channel"),
    [("happy", "mouthSmileLeft"), ("serious", "browDownLeft"), ("surprised", "browInnerUp"), ("sad", "mouthFrownLeft")],
)
def test_the_shipped_model_wears_the_emotion_it_is_asked_for(emotion, channel):
    at = CONTROLS.index(channel)
    worn = perform(MotionConfig(emotion=emotion, emotion_intensity=1.0))[100:, at].mean()
    plain = perform(MotionConfig())[100:, at].mean()
    assert worn > plain + 0.12


@pytest.mark.slow
def test_the_shipped_model_in_silence_keeps_its_mouth_shut_and_its_head_alive():
    values = perform(MotionConfig(), seconds=20)
    assert float(np.abs(lip_aperture(values)).max()) <= 0.06
    pitch_yaw_roll = np.rad2deg(values[:, CONTROLS.index("headPitch") :][:, :3])
    assert pitch_yaw_roll.std(0).max() > 0.2
    assert np.abs(pitch_yaw_roll).max() < 20


def test_the_shipped_checkpoint_is_small_and_says_how_it_was_made():
    assert SHIPPED.stat().st_size <= 20 * 2**20
    about = LmfmGenerator(MotionConfig()).about
    assert int(about["step"]) > 0
    assert "dyadic" in about["training"]


def test_in_silence_there_is_nothing_to_nod_at_and_nothing_to_stress():
    silence, voice = np.zeros(80), np.ones(80)
    at = gestures.EVENTS.index
    nobody = decisions.occasions(silence, silence, 5)
    assert nobody[:, [at("nod"), at("accent"), at("turn")]].max() == 0
    assert nobody[:, [at("blink"), at("gaze")]].min() == 1
    partner = decisions.occasions(silence, voice, 5)
    assert partner[:, at("nod")].min() == 1
    assert partner[:, at("accent")].max() == 0
    assert decisions.occasions(voice, silence, 5)[:, at("accent")].min() == 1


def test_what_is_asked_of_a_chunk_is_done_in_it_and_changes_no_other_step():
    generator = LmfmGenerator(MotionConfig())
    window = Window(np.zeros((2, WINDOW_SAMPLES), np.float32), 0)
    second = Window(window.samples, 1)
    _, state = generator.step(window, generator.start(None, 2))
    plain, asked = (generator.step(second, state, asked)[0].values for asked in ((), (Cue(7, "nod"),)))
    pitch = CONTROLS.index("headPitch")
    assert float((asked - plain)[-1, pitch]) > np.deg2rad(0.1)
    assert torch.allclose(asked[:2], plain[:2], atol=1e-6)
    assert torch.equal(generator.step(second, state)[0].values, plain)


def test_eyes_that_left_the_partner_come_back():
    hazards = NEVER.copy()
    hazards[gestures.EVENTS.index("gaze")] = -2.5
    gaze = np.abs(decide(hazards, frames=3000)[:, -2:]).max(1)
    away = gaze > 0.12
    assert away.any()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], away.astype(int), [0]])))
    lengths = edges[1::2] - edges[::2]
    assert np.median(lengths) < 25  # a second
    assert away.mean() < 0.5


def test_two_people_do_not_move_alike_and_one_moves_the_same_again():
    generator = LmfmGenerator(MotionConfig())
    windows = [Window(np.zeros((2, WINDOW_SAMPLES), np.float32), index) for index in range(4)]

    def head(person: int) -> torch.Tensor:
        identity = Identity(CONTROLS, torch.zeros(len(CONTROLS)), None, (8, 8), person=person)
        state, out = generator.start(identity, 3), []
        for window in windows:
            motion, state = generator.step(window, state)
            out.append(motion.values[:, CONTROLS.index("headPitch") :])
        return torch.cat(out)

    one, other, again = head(0xFFFFFFFF), head(77), head(0xFFFFFFFF)
    assert torch.equal(one, again)
    assert float((one - other).abs().max()) > np.deg2rad(0.05)
