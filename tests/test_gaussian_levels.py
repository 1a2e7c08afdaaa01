"""Small frames are drawn of fewer Gaussians, and look as they would of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.core.camera import Pinhole, orbit
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.levels import level_of
from avtr_cli.render.gaussian.splatting import Splatter
from tests.gaussians import ball, camera, cloud

CAMERA = camera()


def picture(gaussians: Gaussians, seen: Pinhole = CAMERA) -> np.ndarray:
    splatter = Splatter(seen.size[1], seen.size[0])
    splatter.splat(gaussians, seen)
    return splatter.drawn


def test_a_small_frame_of_fewer_looks_as_of_all():
    fine, small = ball(13_500, 0.0107), camera(144, 120)  # discs of a pixel in a frame twice as large
    coarse = level_of(fine, small).merge(fine)
    assert len(coarse) < 0.6 * len(fine)
    for yaw in (0, 25):
        seen = small.seen_by(orbit(yaw, 0, (0, 0, 3)))
        wanted = picture(fine, seen)
        off = (picture(coarse, seen) - wanted)[wanted[..., 3] > 0]
        assert np.sqrt((off**2).mean()) < 10 ** (-30 / 20)
        assert abs(off[:, 3].mean()) < 0.02


def test_a_larger_frame_keeps_more_of_them():
    fine = ball(3000, 0.02)
    sizes = [level_of(fine, camera(6 * k, 5 * k)).size for k in (2, 8, 32, 2048)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 200
    assert sizes[-1] == 3000


def test_those_without_a_neighbour_stay_to_the_bit_and_in_their_order():
    alone = cloud(50)
    level = level_of(alone, camera(6000, 5000))
    assert level.labels.tolist() == list(range(50))
    merged = level.merge(alone)
    for name in ("means", "axes", "opacities", "colours"):
        assert np.array_equal(getattr(merged, name), getattr(alone, name))


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(0.5, 500))
def test_a_cluster_has_its_members_moments_and_clusters_are_numbered_as_they_come(seed: int, spacing: float):
    some = cloud(60, seed)
    level = level_of(some, camera(), spacing)
    merged = level.merge(some)
    firsts = [level.labels.tolist().index(k) for k in range(level.size)]
    assert firsts == sorted(firsts)
    assert np.allclose(np.bincount(level.labels, level.weights), 1)
    cluster = int(np.bincount(level.labels).argmax())
    inside = level.labels == cluster
    shares = level.weights[inside]
    mean = shares @ some.means[inside]
    apart = some.means[inside] - mean
    spread = np.einsum("n,nij->ij", shares, some.covariances[inside] + apart[:, :, None] * apart[:, None])
    assert np.allclose(merged.means[cluster], mean, atol=1e-5)
    assert np.allclose(merged.covariances[cluster], spread, atol=1e-6)
    assert np.allclose(merged.colours[cluster], shares @ some.colours[inside], atol=1e-5)


def test_two_halves_of_a_splat_are_the_splat():
    one = cloud(1)
    opaque = replace(one, opacities=np.array([0.8], np.float32))
    half = replace(one, opacities=np.array([0.4], np.float32))
    halves = Gaussians(*(np.concatenate([a, a]) for a in (half.means, half.axes, half.opacities, half.colours)))
    merged = level_of(halves, camera()).merge(halves)
    assert len(merged) == 1
    assert np.abs(picture(merged) - picture(opaque)).max() < 1e-3


def test_nothing_has_a_level_too():
    none = cloud(0)
    assert len(level_of(none, camera()).merge(none)) == 0
