"""Another salt than the goldens': networks and head agree with a plain float64 form that shares no line with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.motion import flame
from avtr_cli.motion.flame.model import IDENTITY, FlameModel
from avtr_cli.motion.unils import build
from avtr_cli.motion.unils.config import CodecConfig, NetworkConfig
from tests import made_flame, made_unils, unils_reference
from tests.unils_reference import Reference

pytestmark = pytest.mark.slow
DEPTH = 2
SMALL = NetworkConfig(
    codec=CodecConfig(depth=DEPTH, heads=2, width=128, scales=(1, 5, 25, 100), code_width=8),
    depth=DEPTH, heads=2, width=128,
)  # fmt: skip


def off(ours: torch.Tensor, theirs: np.ndarray) -> float:
    """The largest error over the deviation, as the goldens have it."""
    assert tuple(ours.shape) == theirs.shape
    return float(np.abs(ours.double().numpy() - theirs).max() / theirs.std())


@pytest.fixture(scope="module")
def salt():
    return "held out"


@pytest.fixture(scope="module")
def network(salt):
    return made_unils.with_weights(build("dual", SMALL), salt, "dual")


@pytest.fixture(scope="module")
def plain(network):
    return Reference({key: tensor.numpy() for key, tensor in network.state_dict().items()}, SMALL.codec.scales, DEPTH)


@pytest.fixture(scope="module")
def given(salt):
    """Style, previous motion, and both voices, (1, ...)."""
    motions = [made_unils.motion_of(f"{salt}/{name}") for name in ("style", "previous")]
    return [*motions, *(made_unils.features_of(f"{salt}/{name}") for name in ("own", "partner"))]


def doubles(tensors: list[torch.Tensor]) -> list[np.ndarray]:
    return [one[0].double().numpy() for one in tensors]


def test_the_codec_keeps_the_same_bits_and_gives_the_same_motion(salt, network, plain):
    clip = made_unils.motion_of(f"{salt}/clip")
    bits = network.base_codec.encode(clip)
    wanted = plain.encode(clip[0].double().numpy())
    assert np.array_equal(bits[0].numpy(), np.concatenate(wanted))
    assert off(network.base_codec.features(bits)[0], plain.features(wanted)) < 1e-5
    assert off(network.base_codec.decode(bits)[0], plain.decode(wanted)) < 2e-5


def test_the_generator_says_the_same_of_every_bit(salt, network, plain, given):
    bits = network.base_codec.encode(made_unils.motion_of(f"{salt}/clip"))
    levels = np.split(bits[0].numpy(), np.cumsum(SMALL.codec.scales)[:-1])
    assert off(network.logits(bits, *given)[0], plain.logits(levels[:-1], *doubles(given))) < 2e-5


def test_two_clips_in_a_chain_are_drawn_alike(network, plain, given):
    style, previous, own, partner = given
    without = torch.zeros_like(style)
    for clip in range(2):
        u = np.random.default_rng(clip).random((SMALL.codec.rows, SMALL.codec.code_width))
        wanted, wanted_bits, used = plain.generate(
            u, doubles([style, previous, own, partner]), without[0].double().numpy(), 1.5
        )
        motion, bits = network.generate(
            torch.from_numpy(used)[None], style, previous, without, own, partner, guidance=1.5
        )
        assert np.array_equal(bits[0].numpy(), wanted_bits)
        assert off(motion[0], wanted) < 5e-5
        previous = without = motion
        own, partner = partner, own


def test_the_head_s_vertices_and_measures_are_the_same(salt):
    held = made_flame.arrays(salt)
    model = FlameModel(
        held["v_template"], held["shapedirs"][..., IDENTITY:], held["posedirs"], held["J_regressor"], held["weights"],
        held["f"].astype(np.intp),
    )  # fmt: skip
    codes = made_unils.motion_of(f"{salt}/codes")[0, ::20].double().numpy()
    for head in (True, False):
        wanted = np.stack([unils_reference.vertices(held, one, head) for one in codes])
        assert off(torch.from_numpy(flame.vertices(model, codes, head)), wanted) < 2e-5
    other = codes[::-1].copy()
    made, true = (
        np.stack([unils_reference.vertices(held, one, False) for one in two]) * 1000 for two in (other, codes)
    )
    lips, upper = [5, 9, 9], [100, 200]
    lve = np.sqrt(np.mean([max(sum((a[v] - b[v]) ** 2) for v in lips) for a, b in zip(made, true, strict=True)]))
    spread = [two.sum(2)[:, upper].std(0, ddof=1) for two in (made, true)]
    sizes = [two.std(0, ddof=1) for two in (other, codes)]
    wanted = [
        lve, np.sqrt(((made - true) ** 2).sum(2).mean()), 100 * np.abs(spread[0] - spread[1]).mean(),
        100 * np.abs(sizes[0] - sizes[1])[100:103].mean(), 100 * abs(sizes[0] - sizes[1])[103],
    ]  # fmt: skip
    np.testing.assert_allclose(flame.metrics(model, other, codes, lips, upper), wanted, rtol=1e-4, atol=1e-6)
