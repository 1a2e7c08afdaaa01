"""The parametric body: what the shipped file promises, how bones move skin, what compiled loops owe the plain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.core.rotation import matrix_of
from avtr_cli.core.shipped import asset
from avtr_cli.kernels import skinning, triangles
from avtr_cli.render.gaussian.body_model import (
    COMPONENTS,
    LEFT_ARM,
    LEFT_EYE,
    RIGHT_ARM,
    SKIN,
    BodyModel,
    shipped_body,
    transforms,
)
from tests import sources

pytestmark = pytest.mark.usefixtures("compiled_loops")


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return shipped_body()


def turned_at(body: BodyModel, **bones: tuple[float, float, float]) -> torch.Tensor:
    vectors = torch.zeros(len(body.bones), 3)
    for name, vector in bones.items():
        vectors[body.bone(name.replace("_", "."))] = torch.tensor(vector)
    return matrix_of(vectors)


def test_the_file_is_small_and_its_licence_is_told():
    assert asset("body.npz").stat().st_size <= 2_000_000
    notice = (sources.ROOT / "NOTICE").read_text()
    assert "body.npz" in notice
    assert "CC0" in notice


def test_the_mean_adult_has_an_adults_size_and_stands_facing_the_camera(body):
    tall = np.ptp(body.mean[:, 1])
    assert 1.55 < tall < 1.8
    nose = body.mean[body.masks["face"] > 0.5][:, 2].min()
    assert nose < body.mean[body.part == LEFT_EYE][:, 2].min()  # nearer to the camera than the eyes
    assert body.joints[0, body.bone("wrist.L"), 0] > 0 > body.joints[0, body.bone("wrist.R"), 0]


def test_every_bone_comes_after_its_parent_and_every_vertex_is_carried_wholly(body):
    assert body.parents[0] == -1
    assert (body.parents[1:] < np.arange(1, len(body.bones))).all()
    np.testing.assert_allclose(body.shares.sum(1), 1, atol=1e-6)
    assert (np.diff(body.shares, axis=1) <= 0).all()  # the largest first, as the loops have it


def test_the_body_is_its_own_mirror_image(body):
    np.testing.assert_allclose(body.mean[body.mirror] * [-1, 1, 1], body.mean, atol=1e-5)
    assert (body.mirror[body.mirror] == np.arange(len(body.mean))).all()


def test_face_points_lie_on_skin_and_left_ones_to_the_right_of_the_picture(body):
    assert (body.part[body.triangles[body.face_triangles[:468], 0]] == SKIN).all()
    places = (body.mean[body.triangles[body.face_triangles]] * body.face_weights[..., None]).sum(1)
    assert places[263, 0] > 0.03 > -0.03 > places[33, 0]  # outer corners of the eyes
    assert places[152, 1] > places[10, 1] + 0.1  # chin below forehead
    mirrored = places[[263, 362, 291]] * [-1, 1, 1]
    np.testing.assert_allclose(places[[33, 133, 61]], mirrored, atol=0.006)


def test_larger_people_are_taller_and_a_longer_arm_is_a_longer_arm(body):
    shape = np.zeros(len(body.changes))
    shape[0] = 1.0
    taller = np.ptp(body.vertices(shape)[:, 1]) - np.ptp(body.mean[:, 1])
    assert abs(taller) > 0.03
    arm = np.zeros(len(body.changes))
    arm[COMPONENTS + body.local.index("lowerarm-scale-horiz")] = 1.0

    def forearm(shape):
        heads = body.joints_of(shape)[0]
        return np.linalg.norm(heads[body.bone("wrist.L")] - heads[body.bone("lowerarm01.L")])

    assert forearm(arm) > forearm(np.zeros_like(arm)) + 0.01


def test_no_rotation_is_the_pose_at_rest(body):
    heads = torch.from_numpy(body.joints[0])
    turned, placed = body.posed(heads, turned_at(body), torch.zeros(3))
    torch.testing.assert_close(placed, heads, atol=1e-6, rtol=0)
    skinned = body.skinned(torch.from_numpy(body.mean), heads, turned, placed)
    torch.testing.assert_close(skinned, torch.from_numpy(body.mean), atol=1e-5, rtol=0)


def test_a_bent_elbow_moves_that_hand_and_nothing_above_it(body):
    heads = torch.from_numpy(body.joints[0])
    pose = body.posed(heads, turned_at(body, lowerarm01_L=(0.0, 0.0, -1.0)), torch.zeros(3))
    moved = np.linalg.norm(body.skinned(torch.from_numpy(body.mean), heads, *pose).numpy() - body.mean, axis=1)
    assert moved[body.on_hand & (body.vertex_limb == LEFT_ARM)].min() > 0.1
    assert moved[body.vertex_limb == RIGHT_ARM].max() < 1e-5
    assert moved[body.part != SKIN].max() < 1e-5
    assert pose[1][body.bone("wrist.L"), 1] < heads[body.bone("wrist.L"), 1]  # raised


def test_a_body_turned_at_its_root_turns_as_one_piece(body):
    heads, turn = torch.from_numpy(body.joints[0]), torch.tensor([0.3, -0.8, 0.2])
    shift = torch.tensor([0.1, 0.2, 2.0])
    pose = body.posed(heads, turned_at(body, root=tuple(turn.tolist())), shift)
    skinned = body.skinned(torch.from_numpy(body.mean), heads, *pose)
    whole = (torch.from_numpy(body.mean) - heads[0]) @ matrix_of(turn).T + heads[0] + shift
    torch.testing.assert_close(skinned, whole, atol=1e-5, rtol=0)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**31), size=st.floats(0, 1.5))
def test_compiled_loops_pose_and_skin_as_the_plain_form(body, seed, size):
    random = np.random.default_rng(seed)
    heads = body.joints_of(random.normal(0, 1, len(body.changes)))[0].astype(np.float64)
    turns = matrix_of(torch.from_numpy(random.normal(0, size, (len(heads), 3))))
    shift = random.normal(0, 1, 3)
    plain = body.posed(torch.from_numpy(heads), turns, torch.from_numpy(shift))
    turned, placed = np.empty((len(heads), 3, 3)), np.empty((len(heads), 3))
    maps = np.empty((len(heads), 3, 4), np.float32)
    skinning.chain(body.parents.astype(np.int64), heads, turns.numpy(), shift, turned, placed, maps)
    np.testing.assert_allclose(turned, plain[0], atol=1e-12)
    np.testing.assert_allclose(placed, plain[1], atol=1e-12)
    np.testing.assert_allclose(maps, transforms(torch.from_numpy(heads), *plain), atol=1e-5)
    posed = np.empty_like(body.mean)
    skinning.skin(body.mean, body.carried_by, body.shares, maps, posed)
    expected = body.skinned(torch.from_numpy(body.mean).double(), torch.from_numpy(heads), *plain)
    np.testing.assert_allclose(posed, expected, atol=2e-5)


def test_gaussians_on_a_triangle_stretch_with_it_up_to_a_length():
    corners = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], np.float32)
    wider = corners * np.array([3, 1, 1], np.float32)
    one, weights = np.zeros(1, np.int32), np.array([[0.5, 0.25, 0.25]], np.float32)
    form = np.diag([0.05, 0.05, 0.001]).astype(np.float32)[None]  # 0.1 m along both edges, 1 mm along the normal
    high, triangle = np.full(1, 0.2, np.float32), np.array([[0, 1, 2]], np.int32)
    for place, axes, most in ((corners, (0.1, 0.1), 9), (wider, (0.3, 0.1), 9), (wider, (0.25, 0.1), 0.25)):
        means, made = np.empty((1, 3), np.float32), np.empty((1, 3, 3), np.float32)
        skinning.carry(place, triangle, one, weights, high, form, np.full(1, most, np.float32), means, made)
        np.testing.assert_allclose(means[0], [0.25 * place[1, 0], 0.5, 0.2], rtol=1e-6)
        np.testing.assert_allclose(made[0], np.diag([*axes, 0.001]), atol=1e-7)


def test_loose_gaussians_turn_with_the_bones_that_carry_them():
    turn = matrix_of(torch.tensor([0.0, 0.0, 0.5])).numpy()
    maps = np.stack([np.eye(3, 4), np.column_stack([turn, [1, 2, 3]])]).astype(np.float32)
    rest, form = np.array([[1.0, 0, 0]] * 2, np.float32), np.tile(np.diag([1, 2, 3]).astype(np.float32), (2, 1, 1))
    carried_by, shares = np.array([[1, 0], [0, 1]], np.int32), np.array([[1, 0], [0.5, 0.5]], np.float32)
    means, axes = np.empty((2, 3), np.float32), np.empty((2, 3, 3), np.float32)
    skinning.carry_loose(rest, form, carried_by, shares, maps, means, axes)
    np.testing.assert_allclose(means[0], turn[:, 0] + [1, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(axes[0], turn @ np.diag([1, 2, 3]), atol=1e-6)
    np.testing.assert_allclose(means[1], (means[0] + [1, 0, 0]) / 2, rtol=1e-6)


def seen(points, corners, height=8, width=10):
    which, depth = np.empty((height, width), np.int32), np.empty((height, width), np.float32)
    weights = np.empty((height, width, 3), np.float32)
    triangles.nearest(np.array(points, np.float32), np.array(corners, np.int32), which, weights, depth)
    return which, weights, depth


def test_a_pixel_shows_the_nearest_triangle_and_nothing_beyond_the_mesh():
    far = [[0, 0, 5], [9, 0, 5], [0, 7, 5]]
    near = [[0, 0, 2], [4, 0, 2], [0, 3, 2]]
    which, _, depth = seen(far + near, [[0, 1, 2], [3, 4, 5]])
    assert (which[0, :5] == 1).all()
    assert which[0, 6] == 0
    assert which[7, 9] == -1
    assert depth[0, 0] == 2
    assert depth[0, 6] == 5
    assert np.isinf(depth[7, 9])
    assert (seen(near + far, [[0, 1, 2], [3, 4, 5]])[2] == depth).all()  # in any order


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_weights_are_of_the_place_in_space_that_projects_to_the_pixel(seed):
    random = np.random.default_rng(seed)
    points = np.column_stack([random.uniform(-5, 15, (3, 2)), random.uniform(1, 4, 3)])
    which, weights, depth = seen(points, [[0, 1, 2]])
    y, x = np.nonzero(which == 0)
    space = np.column_stack([points[:, :2] * points[:, 2:], points[:, 2]])  # before a pinhole of 1 px
    places = weights[y, x] @ space
    np.testing.assert_allclose(places[:, 2], depth[y, x], rtol=2e-3)
    np.testing.assert_allclose(places[:, :2] / places[:, 2:], np.column_stack([x, y]), atol=0.03)


def test_triangles_that_share_an_edge_leave_no_pixel_between_them():
    grid = [[x * 2.3, y * 1.9, 1.0] for y in range(5) for x in range(5)]
    corners = [
        t for y in range(4) for x in range(4) for k in [5 * y + x] for t in ([k, k + 1, k + 5], [k + 1, k + 6, k + 5])
    ]
    assert (seen(grid, corners)[0][:7, :9] >= 0).all()
