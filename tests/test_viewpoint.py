"""From where a video is seen: words and files into views, views into cameras, and every mistake into one sentence."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from avtr_cli.core.camera import FRONT, Pinhole
from avtr_cli.core.config import RenderConfig, load_preset
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.timing import FPS
from avtr_cli.core.viewpoint import View, doubts, parse_views, view_at

PHOTO = Pinhole(focal_px=(900.0, 900.0), centre_px=(200.0, 300.0), size=(400, 600))
PIVOT = (0.1, -0.2, 3.0)


def test_words_name_views():
    assert parse_views("front") == (View(),)
    assert parse_views("orbit:-20") == (View(yaw=-20),)
    assert parse_views("orbit:+12.5,7") == (View(yaw=12.5, pitch=7),)


@pytest.mark.parametrize("word", ["orbit", "orbit:", "orbit:left", "orbit:181", "orbit:5,61", "orbit:1e1", "side", ""])
def test_other_words_are_refused_with_what_may_be_said(word):
    with pytest.raises(ConfigError, match=r"must be front, orbit:DEG"):
        load_preset("body", [f"render.camera='{word}'"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yaw: 200", "yaw is 200, but must lie between -180 and 180"),
        ("yaw: far", "yaw is 'far'"),
        ("yaw: .nan", "yaw is nan"),
        ("zoom: 2", "a view has no 'zoom'; there are at, yaw"),
        ("[]", "holds no views"),
        ("- 3", "view 1: 3 is no view"),
        ("- {at: 1}\n- {at: 1, yaw: 5}", "view 2 is at 1 s, not after"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_where_it_is_wrong(tmp_path, text, said):
    path = tmp_path / "views.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        parse_views(str(path))
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


def test_the_front_is_the_front():
    assert View().camera(PIVOT) == FRONT
    assert View(at=3).camera(PIVOT) == FRONT


def test_whom_it_walks_around_stays_in_place_and_shrinks_with_the_distance():
    for view in (View(yaw=25, pitch=-10), View(yaw=-40, distance=2)):
        camera = PHOTO.seen_by(view.camera(PIVOT))
        x, y, z = camera.view @ (*PIVOT, 1.0)
        assert z == pytest.approx(view.distance * 3.0)
        assert 900 * x / z + 200 == pytest.approx(900 * 0.1 / 3 + 200)
        assert 900 * y / z + 300 == pytest.approx(300 - 900 * 0.2 / 3)


def test_a_camera_moved_right_and_up_sees_the_person_left_and_low():
    x, y, _ = PHOTO.seen_by(View(right=0.1, up=0.2).camera(PIVOT)).view @ (*PIVOT, 1.0)
    assert (x, y) == pytest.approx((0.0, 0.0))


def test_a_moving_camera_rests_at_each_view_and_jolts_nowhere():
    views = (View(yaw=-20), View(at=2, yaw=20, pitch=5), View(at=3, yaw=20, pitch=0))
    yaws = np.array([view_at(views, frame).yaw for frame in range(4 * FPS)])
    assert (yaws[0], yaws[2 * FPS], yaws[-1]) == (-20, 20, 20)
    assert view_at(views, FPS).yaw == pytest.approx(0)
    steps = np.diff(yaws)
    assert (steps >= -1e-9).all()
    assert max(abs(b - a) for a, b in pairwise(steps)) < 0.2  # degrees a frame, each frame


def test_views_beyond_what_the_photo_knows_are_told():
    assert doubts(parse_views("orbit:30")) == ()
    assert "45 degrees" in doubts(parse_views("orbit:-45"))[0]


def test_files_that_settings_name_are_known(tmp_path):
    preset = load_preset("body", ["render.camera=walk.yaml", "render.background=sky.png"])
    assert {key: path.name for key, path in preset.files().items()} == {
        "render.background": "sky.png",
        "render.camera": "walk.yaml",
    }
    assert load_preset("body", ["render.background=studio", "render.camera=orbit:5"]).files() == {}
    assert RenderConfig().camera == "front"
