"""The timeline: gestures are found where they are, listening is what it should be, eyes are open on every still."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.motion_space import CONTROLS, KEYPOINTS
from avtr_cli.core.timing import FPS
from avtr_cli.jobs import timeline
from avtr_cli.jobs.timeline import Movement, collect, movement, movements, open_eyed, poster_time
from avtr_cli.motion.bridges.controls_to_keypoints import keypoints_of
from avtr_cli.motion.file import save_motion
from avtr_cli.motion.gestures import draw
from avtr_cli.report.timeline import Curves

SECONDS = 10
HALF = np.full(6, 0.5)  # of every number that a gesture is drawn from


class Folder:
    """A work folder of one closed segment, made of given motion."""

    def __init__(self, folder, *motions: np.ndarray, space=CONTROLS):
        self.closed, self.frames, self._folder = [None], len(motions[0]), folder
        for avatar, values in enumerate(motions):
            save_motion(self.motion(0, avatar), space, torch.from_numpy(values), 0)

    def motion(self, index: int, avatar: int = 0):
        return self._folder / f"{index}-{avatar}.safetensors"


def still_face() -> np.ndarray:
    return np.zeros((SECONDS * FPS, len(CONTROLS)), np.float32)


def add(motion: np.ndarray, at_s: float, channels: str | tuple[str, ...], curve: np.ndarray) -> None:
    first = round(at_s * FPS)
    for channel in (channels,) if isinstance(channels, str) else channels:
        motion[first : first + len(curve), CONTROLS.index(channel)] += curve


def lively() -> np.ndarray:
    """One gesture of every kind: as the motion model draws them."""
    motion = still_face()
    nod, smile, brow, blink = (draw(name, HALF) for name in ("nod", "smile", "brow", "blink"))
    add(motion, 7.0, "headPitch", np.radians(nod[:, 0]))
    add(motion, 1.0, ("mouthSmileLeft", "mouthSmileRight"), smile[:, 4])
    add(motion, 4.0, ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), brow[:, 3])
    add(motion, 2.0, ("eyeBlinkLeft", "eyeBlinkRight"), blink[:, 5])
    add(motion, 8.6, ("eyeLookOutLeft", "eyeLookInRight"), np.full(20, 0.36))
    return motion


@pytest.fixture
def curves(wav, tmp_path) -> Curves:
    """Of a lively avatar: it speaks for 2.5 s, listens for 2.5 s, and both again."""
    with DialogueSource(DialogueFiles(dialogue=wav(10.0))) as source:
        (found,) = collect(source, Folder(tmp_path, lively()), [np.zeros(len(CONTROLS), np.float32)]).curves
    return found


def test_every_gesture_is_found_once_and_where_it_began(curves):
    found = {gesture.name: gesture.time_s for gesture in curves.gestures}
    assert len(curves.gestures) == len(found) == 5
    began = {"smile": 1.0, "blink": 2.0, "brow raise": 4.0, "nod": 7.0, "look away": 8.6}
    for name, time_s in began.items():
        assert found[name] == pytest.approx(time_s, abs=0.25), name


def test_gestures_are_told_apart_by_whether_the_avatar_listened(curves):
    assert dict(curves.counts(listening=True)) == {"nod": 0, "smile": 0, "brow raise": 1, "look away": 1, "blink": 0}
    assert dict(curves.counts(listening=False)) == {"nod": 1, "smile": 1, "brow raise": 0, "look away": 0, "blink": 1}


def test_the_avatar_listens_in_the_partners_turns(curves):
    (first, second) = curves.listens
    assert first == pytest.approx((2.9, 4.6), abs=0.4)
    assert second == pytest.approx((7.9, 9.9), abs=0.4)
    assert 3.0 < curves.listens_s < 4.5


def test_a_word_in_the_partners_turn_is_listening_and_a_sentence_is_not():
    own, partner = np.zeros(10 * FPS, bool), np.ones(10 * FPS, bool)
    own[50:60] = True
    assert timeline._listening(own, partner).all()
    own[50:90] = True
    heard = timeline._listening(own, partner)
    assert not heard[45:95].any()
    assert heard[:40].all()
    assert heard[100:].all()


def test_nobody_listens_to_a_partner_who_is_never_heard():
    assert not timeline._listening(np.zeros(100, bool), np.zeros(100, bool)).any()


def test_a_happy_face_at_rest_is_not_one_long_smile(wav, tmp_path):
    motion = still_face()
    add(motion, 0, ("mouthSmileLeft", "mouthSmileRight"), np.full(len(motion), 0.5))
    with DialogueSource(DialogueFiles(dialogue=wav(10.0))) as source:
        (found,) = collect(source, Folder(tmp_path, motion), [np.zeros(len(CONTROLS), np.float32)]).curves
    assert found.gestures == ()
    assert found.smile.min() == pytest.approx(0.5)


def test_eyes_that_hold_the_camera_while_the_head_turns_do_not_look_away():
    motion = still_face()
    turn = np.full(len(motion), np.radians(10.0))
    add(motion, 0, "headYaw", turn)
    assert movement(CONTROLS, motion, motion[0]).away == pytest.approx(10, abs=0.01)
    add(motion, 0, ("eyeLookInRight", "eyeLookOutLeft"), np.full(len(motion), 10 / 35))  # back, to the right
    assert movement(CONTROLS, motion, motion[0]).away == pytest.approx(0, abs=0.01)


def test_the_head_is_the_same_in_keypoints_and_what_they_do_not_tell_is_not_invented():
    motion = lively()
    add(motion, 0, "headYaw", np.radians(6 * np.sin(np.arange(len(motion)) / 20)))
    random = torch.Generator().manual_seed(1)
    values = torch.from_numpy(motion)
    points = torch.randn(21, 3, generator=random)
    moved = keypoints_of(values, torch.eye(3), points, torch.zeros(21, 3), 1.45).numpy()
    neutral = keypoints_of(values[:1] * 0, torch.eye(3), points, torch.zeros(21, 3), 1.45).numpy()[0]
    of_keypoints, of_controls = movement(KEYPOINTS, moved, neutral), movement(CONTROLS, motion, neutral)
    np.testing.assert_allclose(of_keypoints.head, of_controls.head, atol=1e-3)
    assert (of_keypoints.smile, of_keypoints.brow, of_keypoints.away) == (None, None, None)
    assert of_keypoints.learned


def test_learned_openings_of_two_people_are_relative_to_the_widest_of_both(tmp_path):
    small = np.zeros((50, len(KEYPOINTS)), np.float32)
    small[10:20, 3:] = 0.01
    folder = Folder(tmp_path, small, small * 4, space=KEYPOINTS)
    one, other = movements(folder, [np.zeros(len(KEYPOINTS), np.float32)] * 2)
    assert other.mouth.max() == pytest.approx(1)
    assert one.mouth.max() == pytest.approx(0.25)


def blinking(*spans: tuple[int, int], frames: int = 240) -> Movement:
    blink = np.zeros(frames, np.float32)
    for first, end in spans:
        blink[first:end] = 1.0
    return Movement(blink * 0, blink, np.zeros((frames, 3), np.float32))


def test_every_still_has_open_eyes_where_there_are_any():
    moved = [blinking((8, 12), (100, 106)), blinking((45, 52))]
    moments = open_eyed(moved)
    assert len(moments) == 12
    for time in moments:
        frame = round(time * FPS)
        assert all(one.blink[frame - 1 : frame + 2].max() == 0 for one in moved)
    assert moments[5] == pytest.approx(110 / FPS)  # nothing was in the way: the middle of its twelfth
    assert [round(time * FPS) // 20 for time in moments] == list(range(12))  # each in its own twelfth


def test_the_poster_is_a_still_of_open_eyes_even_if_most_are_shut():
    moved = [blinking((0, 170))]
    assert poster_time(moved) in open_eyed(moved)
    assert moved[0].blink[round(poster_time(moved) * FPS)] == 0


def test_a_video_of_one_frame_has_one_moment():
    assert open_eyed([blinking(frames=1)]) == (0.0,)
    assert poster_time([blinking(frames=1)]) == 0.0
