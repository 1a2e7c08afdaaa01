"""The published networks, written anew, give what the published code gave on the same made-up weights."""

import hashlib

import numpy as np
import pytest
import torch
from liveportrait_goldens import SINGLE, contract, error, inputs, keypoints, network, probe_errors

from avtr_cli.diagnostics.made_up import numbers as made_up
from avtr_cli.render.liveportrait import networks
from avtr_cli.render.liveportrait.spade import SpectralConv2d

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", networks.NAMES)
def test_state_dicts_have_the_published_keys_order_shapes_and_types(name):
    ours = [(key, [list(shape), str(dtype)[6:]]) for key, (shape, dtype) in networks.layout(name).items()]
    assert ours == list(contract("state_dicts")["networks"][name]["state_dict"].items())


@pytest.mark.parametrize("name", networks.NAMES)
def test_made_up_weights_are_the_agreed_bits(name):
    digest = hashlib.sha256()
    for tensor in made_up.weights(name).values():
        digest.update(tensor.numpy().tobytes())
    assert digest.hexdigest() == contract("checksums")["weights"][name]


def test_made_up_numbers_are_the_agreed_ones():
    assert made_up.stream("public/check", 4).tolist() == contract("checksums")["stream_check"]["public/check"]


@pytest.mark.parametrize(
    ("name", "kind", "args"),
    [
        ("motion_extractor/image", made_up.image, (2,)),
        ("warping_module/feature_3d", made_up.volume, ((1, 32, 16, 64, 64),)),
        ("spade_generator/feature", made_up.volume, ((1, 256, 64, 64),)),
        ("warping_module/kp_source", made_up.plain, ((1, 21, 3), 0.25)),
        ("eye/x", made_up.plain, ((4, 66), 0.3)),
    ],
)
def test_made_up_inputs_are_the_agreed_bits(name, kind, args):
    digest = hashlib.sha256(inputs(name, kind, *args).numpy().tobytes()).hexdigest()
    assert digest == contract("checksums")["inputs"][name]


def test_a_number_does_not_depend_on_how_many_are_made_with_it():
    assert np.array_equal(made_up.stream("any", 300_000)[:1000], made_up.stream("any", 1000))


def test_networks_are_built_ready_to_be_evaluated():
    for name in networks.NAMES:
        module = networks.build(name)
        assert not module.training
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_the_appearance_extractor_meets_its_golden():
    module = network("appearance_feature_extractor")
    image = inputs("appearance_feature_extractor/image", made_up.image, 1)
    out, probes = probe_errors(module, "appearance_feature_extractor", lambda: module(image=image))
    assert max(probes.values()) < SINGLE, probes
    assert error(out, "appearance_feature_extractor", "out") < SINGLE


def test_the_motion_extractor_meets_its_golden():
    module = network("motion_extractor")
    image = inputs("motion_extractor/image", made_up.image, 2)
    heads, probes = probe_errors(module, "motion_extractor", lambda: module(image=image))
    assert max(probes.values()) < SINGLE, probes
    assert set(heads) == {"pitch", "yaw", "roll", "t", "exp", "scale", "kp"}
    for head, values in heads.items():
        assert error(values, "motion_extractor", f"out/{head}") < SINGLE, head


def test_the_warping_module_meets_its_golden():
    module = network("warping_module")
    feature = inputs("warping_module/feature_3d", made_up.volume, (1, 32, 16, 64, 64))
    source, driving = keypoints("warping_module", 1, 1)
    result, probes = probe_errors(
        module, "warping_module", lambda: module(feature_3d=feature, kp_source=source, kp_driving=driving)
    )
    assert max(probes.values()) < SINGLE, probes
    for name in ("out", "deformation", "occlusion_map"):
        assert error(result[name], "warping_module", name) < SINGLE, name


def test_the_spade_generator_meets_its_golden():
    module = network("spade_generator")
    feature = inputs("spade_generator/feature", made_up.volume, (1, 256, 64, 64))
    picture, probes = probe_errors(module, "spade_generator", lambda: module(feature=feature))
    assert max(probes.values()) < SINGLE, probes
    assert error(picture, "spade_generator", "out") < SINGLE


@pytest.mark.parametrize(("name", "width"), [("stitching", 126), ("eye", 66), ("lip", 65)])
def test_the_keypoint_perceptrons_meet_their_goldens(name, width):
    out = network(name)(x=inputs(f"{name}/x", made_up.plain, (4, width), 0.3))
    assert error(out, "stitching_retargeting_module", f"{name}/out") < SINGLE


def test_two_unrelated_portraits_share_a_batch_without_mixing():
    feature = inputs("batch2/feature_3d", made_up.volume, (2, 32, 16, 64, 64))
    source, driving = keypoints("batch2", 2, 2)
    warped = network("warping_module")(feature_3d=feature, kp_source=source, kp_driving=driving)
    for name in ("out", "deformation", "occlusion_map"):
        assert error(warped[name], "warp_spade_batch2_unrelated", f"warp/{name}") < SINGLE, name
    # The decoder has no size of its own: on a corner of the maps it mixes as it would on all. The golden pictures of
    # this batch are met in test_liveportrait_fast.py.
    decode, corner = network("spade_generator"), warped["out"][..., :16, :16]
    alone = torch.cat([decode(feature=one) for one in corner.split(1)])
    assert (decode(feature=corner) - alone).abs().max() < SINGLE * alone.std()


def test_weights_loaded_after_a_call_count_in_the_next_one():
    """The spectral norm is that of the weights loaded last, by its stored vectors."""

    torch.manual_seed(0)
    x = torch.randn(1, 4, 5, 5)
    convolution, other = SpectralConv2d(4, 6, 3), SpectralConv2d(4, 6, 3)
    before = convolution(x)
    convolution.load_state_dict(other.state_dict())
    assert not torch.allclose(before, convolution(x))
    weight, u, v = (other.state_dict()[f"weight_{part}"].double() for part in ("orig", "u", "v"))
    sigma = torch.einsum("o,oikl,ikl->", u, weight, v.view(4, 3, 3))
    expected = torch.conv2d(x.double(), weight / sigma, other.state_dict()["bias"].double(), padding=1)
    torch.testing.assert_close(convolution(x), expected.float(), rtol=1e-4, atol=1e-5)
