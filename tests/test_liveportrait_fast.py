"""The fast forms give what the plain networks give, and meet the same goldens."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from liveportrait_goldens import CHAINED, SINGLE, error, frame_error, golden, inputs, keypoints, network

from avtr_cli.core.config import RenderConfig, RuntimeConfig
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.core.types import Motion
from avtr_cli.diagnostics.made_up import numbers as made_up
from avtr_cli.perception.crop import resample
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.liveportrait import (
    convolution,
    fast_spade,
    fast_warping,
    networks,
    pose,
    renderer,
    retargeting,
    winograd,
)
from avtr_cli.render.liveportrait.convolution import DirectConvolution, Scratch, inside, tiled
from avtr_cli.render.liveportrait.fast_spade import FastSpadeGenerator
from avtr_cli.render.liveportrait.fast_warping import FastWarpingModule
from avtr_cli.render.liveportrait.fourier import BORDER, FourierConvolution
from avtr_cli.render.liveportrait.pose import FacePose
from avtr_cli.render.liveportrait.spade import SpadeGenerator
from avtr_cli.render.liveportrait.warping import WarpingModule, candidate_flows, identity_grid, sample
from tests import small_liveportrait

CPU = torch.device("cpu")
ROUNDING = 1e-4  # of the fast forms against the plain ones, over the output's deviation


@pytest.fixture(scope="module")
def warp():
    plain = network("warping_module")
    assert isinstance(plain, WarpingModule)
    return FastWarpingModule(plain, CPU)


@pytest.fixture(scope="module")
def decode():
    plain = network("spade_generator")
    assert isinstance(plain, SpadeGenerator)
    return FastSpadeGenerator(plain, CPU)


@pytest.fixture(params=["packed", "ordinary"])
def library(request, monkeypatch):
    """With and without the library's operator for weights laid out beforehand."""
    if request.param == "ordinary":
        for module in (convolution, winograd):
            monkeypatch.setattr(module, "can_pack", lambda: False)
    elif not convolution.can_pack():
        pytest.skip("this torch cannot lay weights out")


@pytest.fixture
def on_a_gpu(monkeypatch):
    """The forms that GPUs take, here on the CPU."""
    for module in (convolution, fast_spade, fast_warping):
        monkeypatch.setattr(module, "prefers_tiles", lambda scratch: False)


def bordered(x, border=1):
    return F.pad(x, (0, 0, border, border, border, border))


def assembled(blocks):
    return torch.cat([y.clone() for _, y in blocks], dim=1).flatten(3, 4).flatten(1, 2)


def close(actual, expected):
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() < ROUNDING * expected.std()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("depth", [0, 4])
@pytest.mark.parametrize("kind", ["direct", "winograd", "enlarged 2", "enlarged 4"])
def test_every_convolution_is_the_convolution(kind, depth):
    torch.manual_seed(0)
    scratch, layers = Scratch(CPU, torch.float32), depth or 2
    weight = torch.randn(32, 16, *[3] * (3 if depth else 2)) / 10
    x, bias = torch.randn(layers, 8, 8, 16), torch.randn(32)
    factor = int(kind[-1]) if kind.startswith("enlarged") else 1
    ours: convolution.Convolution
    if kind == "direct":
        ours = DirectConvolution(weight, bias, 8, scratch, depth)
    else:
        algorithm = winograd.enlarged(factor) if factor > 1 else winograd.winograd()
        ours = winograd.TiledConvolution(weight, bias, algorithm, 8, scratch, depth)
    large = x.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    if depth:
        expected = F.conv3d(large.permute(3, 0, 1, 2)[None], weight, bias, padding=1)[0].permute(1, 2, 3, 0)
    else:
        expected = F.conv2d(large.movedim(-1, 1), weight, bias, padding=1).movedim(1, -1)
    close(assembled(ours.blocks(bordered(x))), expected)


def test_winograds_algorithm_needs_36_products_for_16_outputs_and_is_exact():
    algorithm = winograd.winograd()
    assert (algorithm.outputs, algorithm.window, len(algorithm.G)) == (4, 6, 6)
    w, x = np.arange(1.0, 4), np.array([3.0, -1, 4, 1, -5, 9])
    y = algorithm.A @ ((algorithm.G @ w) * (algorithm.B @ x))
    np.testing.assert_allclose(y, np.correlate(x, w), atol=1e-12)


def test_wide_convolutions_by_spectra():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(16, 32, 32, 8), torch.randn(3, 8, 7, 7, 7) / 50, torch.randn(3)
    expected = F.conv3d(x.permute(3, 0, 1, 2)[None], weight, bias, padding=3)[0].permute(1, 2, 3, 0)
    close(FourierConvolution(weight, bias, Scratch(CPU, torch.float32))(bordered(x, BORDER)), expected)


def test_blocks_show_a_picture_by_tiles():
    picture = torch.arange(2 * 8 * 8 * 3).view(2, 8, 8, 3)
    tiles = tiled(picture, 4)
    assert tiles.shape == (2, 2, 4, 2, 4, 3)
    assert torch.equal(tiles[1, 1, 2, 0, 3], picture[1, 6, 3])
    assert torch.equal(inside(bordered(picture)), picture)


@pytest.mark.slow
def test_the_fast_warp_meets_the_golden(warp):
    feature = inputs("warping_module/feature_3d", made_up.volume, (1, 32, 16, 64, 64))
    source, driving = keypoints("warping_module", 1, 1)
    result = warp(warp.prepare(feature, source), driving)
    for name in ("out", "deformation", "occlusion_map"):
        assert error(result[name], "warping_module", name) < SINGLE, name


@pytest.mark.slow
def test_a_shifted_volume_is_sampled_as_the_plain_network_samples_it(warp):
    torch.manual_seed(0)
    volume, shift = torch.randn(1, 4, 16, 64, 64), torch.randn(1, 21, 3) / 2
    flows = candidate_flows(identity_grid(16, 64, 64, volume), shift, torch.zeros(1, 21, 3))[0, 1:]
    torch.testing.assert_close(
        warp._shifted(volume, shift)[0], sample(volume.expand(21, -1, -1, -1, -1), flows), rtol=1e-4, atol=1e-4
    )


@pytest.mark.slow
def test_the_fast_decoder_meets_the_golden(decode):
    feature = inputs("spade_generator/feature", made_up.volume, (1, 256, 64, 64))
    assert error(decode(feature), "spade_generator", "out") < SINGLE


@pytest.mark.slow
@pytest.mark.usefixtures("on_a_gpu")
def test_the_form_for_gpus_meets_the_goldens_two_portraits_at_once():
    """The decoder, one picture: that it makes several in one forward is in test_in_step.py."""
    plain = network("warping_module"), network("spade_generator")
    assert isinstance(plain[0], WarpingModule)
    assert isinstance(plain[1], SpadeGenerator)
    warp, decode = FastWarpingModule(plain[0], CPU), FastSpadeGenerator(plain[1], CPU)
    features = inputs("batch2/feature_3d", made_up.volume, (2, 32, 16, 64, 64))
    sources, driving = keypoints("batch2", 2, 2)
    result = warp([warp.prepare(features[i : i + 1], sources[i : i + 1]) for i in range(2)], driving)
    for name in ("out", "deformation", "occlusion_map"):
        assert error(result[name], "warp_spade_batch2_unrelated", f"warp/{name}") < SINGLE, name
    feature = inputs("spade_generator/feature", made_up.volume, (1, 256, 64, 64))
    assert error(decode(feature), "spade_generator", "out") < SINGLE


def stays_near(actual, exact):
    """Half precision: at most 0.15 of the deviation away, 0.02 on average (the contract's section 4)."""
    difference = (actual.float() - exact).abs() / exact.std()
    assert difference.max() < 0.15
    assert difference.mean() < 0.02


@pytest.mark.slow
@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="takes a quarter of an hour on a CPU that has no instructions for bfloat16",
)
def test_half_precision_stays_within_its_bounds(warp, decode):
    """bfloat16 in the form for GPUs, each network by itself, against the fast forms that meet the goldens."""
    feature = inputs("warping_module/feature_3d", made_up.volume, (1, 32, 16, 64, 64))
    source, driving = keypoints("warping_module", 1, 1)
    exact = {name: value.clone() for name, value in warp(warp.prepare(feature, source), driving).items()}
    warping, spade = network("warping_module"), network("spade_generator")
    assert isinstance(warping, WarpingModule)
    assert isinstance(spade, SpadeGenerator)
    half = FastWarpingModule(warping, CPU, torch.bfloat16)
    result = half(half.prepare(feature, source), driving)
    for name, expected in exact.items():
        stays_near(result[name], expected)
    stays_near(FastSpadeGenerator(spade, CPU, torch.bfloat16)(exact["out"]), decode(exact["out"]))


@pytest.mark.slow
def test_five_frames_of_one_portrait_meet_the_golden(warp, decode):
    feature = inputs("batch5/feature_3d", made_up.volume, (1, 32, 16, 64, 64))
    source, driving = keypoints("batch5", 1, 5)
    warped = warp(warp.prepare(feature, source), driving)
    for name in ("out", "deformation", "occlusion_map"):
        assert error(warped[name], "warp_spade_batch5", f"warp/{name}") < SINGLE, name
    last = decode(warped["out"][4:])  # one of five: on a CPU a picture is decoded by itself
    assert frame_error(last, "warp_spade_batch5", "image", 4) < CHAINED


@pytest.mark.slow
def test_unrelated_portraits_in_turn_meet_the_golden(warp, decode):
    """Scratch memory is shared between calls."""
    features = inputs("batch2/feature_3d", made_up.volume, (2, 32, 16, 64, 64))
    sources, driving = keypoints("batch2", 2, 2)
    prepared = [warp.prepare(features[i : i + 1], sources[i : i + 1]) for i in range(2)]
    warped = [warp(prepared[i], driving[i : i + 1])["out"] for i in range(2)]
    pictures = torch.cat([decode(w) for w in warped])
    assert error(pictures, "warp_spade_batch2_unrelated", "image") < CHAINED


@pytest.mark.slow
def test_unrelated_portraits_in_turn_leave_no_trace_of_each_other(monkeypatch):
    """On smaller maps, to the bit: a result must not depend on the call before."""
    small_liveportrait.use_smaller_maps(monkeypatch)
    plain = network("warping_module"), network("spade_generator")
    assert isinstance(plain[0], WarpingModule)
    assert isinstance(plain[1], SpadeGenerator)
    warp, decode = small_liveportrait.SmallWarp(plain[0], CPU), FastSpadeGenerator(plain[1], CPU)
    features = inputs("batch2/feature_3d", made_up.volume, (2, 32, 16, 64, 64))
    sources, driving = keypoints("batch2", 2, 2)
    prepared = [warp.prepare(features[i : i + 1], sources[i : i + 1]) for i in range(2)]
    first, second, again = (warp(prepared[i], driving[i : i + 1])["out"] for i in (0, 1, 0))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    picture, other, picture_again = (decode(warped) for warped in (first, second, first))
    assert torch.equal(picture, picture_again)
    assert not torch.equal(picture, other)


@pytest.mark.slow
def test_pictures_to_pictures_meets_the_golden(warp, decode):
    portrait = inputs("end_to_end/source_image", made_up.image, 1)
    clip = inputs("end_to_end/driving_images", made_up.image, 5)
    feature = network("appearance_feature_extractor")(image=portrait)
    source, driving = (FacePose.from_heads(network("motion_extractor")(image=image)) for image in (portrait, clip))
    x_s, x_d = source.keypoints(), pose.relative_keypoints(source, driving, driving[:1])
    stitched = retargeting.stitched(network("stitching"), x_s, x_d)
    for name, actual in (("x_s", x_s), ("x_d", x_d), ("x_d_stitched", stitched)):
        expected = golden("end_to_end")[f"mid/{name}"]
        assert np.abs(actual.numpy() - expected).max() < CHAINED * expected.std(), name
    picture = decode(warp(warp.prepare(feature, x_s), stitched[3:4])["out"])
    assert frame_error(picture, "end_to_end", "image_0_and_3", 1) < CHAINED


@pytest.mark.slow
def test_a_renderer_joins_them_at_full_size(warp, decode, photo, monkeypatch):
    monkeypatch.setattr(renderer, "FastWarpingModule", lambda *_: warp)
    monkeypatch.setattr(renderer, "FastSpadeGenerator", lambda *_: decode)
    states = {name: network(name).state_dict() for name in networks.NAMES}
    drawing = renderer.LivePortraitRenderer(states, RenderConfig(size=512), RuntimeConfig(), CPU)
    portrait = find_portrait(photo)
    identity = drawing.prepare(portrait)
    (frame,) = drawing.draw(identity, Motion(KEYPOINTS, identity.neutral[None]))
    plain = resample(portrait.photo, portrait.crop, 512, 512)
    assert np.array_equal(frame[-20:], plain[-20:])  # below the face
    face, beneath = frame[150:350, 150:350].astype(int), plain[150:350, 150:350]
    assert np.abs(face - beneath).mean() > 20  # made-up networks draw no face
