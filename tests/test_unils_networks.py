"""UniLS's networks to their golden values, and what of a made call depends on what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.core.config import MotionConfig
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.protocols import Voice, WholeCallGenerator
from avtr_cli.core.timing import frames_of
from avtr_cli.motion.flame.codes import FlameMotion, save_codes
from avtr_cli.motion.unils import build, smooth
from avtr_cli.motion.unils.call import Manner
from avtr_cli.motion.unils.codec import lengthened, shortened
from avtr_cli.motion.unils.generator import UnilsGenerator
from avtr_cli.motion.unils.network import level_positions
from avtr_cli.motion.unils.sampling import drawn, guided, uniforms_of
from avtr_cli.motion.unils.speech import Speech, gated, normalise, speech_state
from tests import made_unils, unils_goldens

CPU = torch.device("cpu")
ALONE = (Voice(3, 7),)


@pytest.mark.slow
@pytest.mark.parametrize("name", unils_goldens.here(unils_goldens.DATA))
def test_the_goldens_are_met(name):
    compared = list(unils_goldens.CASES[name](unils_goldens.DATA))
    assert len(compared) >= 3
    assert [one for one in compared if not one.met] == []


@pytest.fixture(scope="module")
def network():
    return made_unils.with_weights(build("dual", made_unils.TINY), "tiny", "dual")


@pytest.fixture(scope="module")
def speech():
    encoder = made_unils.speech_encoder()
    encoder.load_state_dict(speech_state(made_unils.speech_weights(encoder, "tiny")))
    return Speech(encoder.requires_grad_(False))


@pytest.fixture(scope="module")
def conditions():
    """Style, previous motion and both voices."""
    return (
        made_unils.motion_of("tiny/style"),
        made_unils.motion_of("tiny/previous"),
        made_unils.features_of("tiny/own"),
        made_unils.features_of("tiny/partner"),
    )


def uniforms(config=made_unils.TINY, seed: int = 1) -> torch.Tensor:
    return uniforms_of(seed, 0, 0, config.codec.rows, config.codec.code_width)


@pytest.mark.parametrize("guidance", [1.0, 1.5, 3.0])
def test_cached_tokens_draw_what_the_plain_form_says_level_by_level(network, conditions, guidance):
    style, previous, own, partner = conditions
    zeros, silent, u = torch.zeros_like(style), torch.zeros_like(own), uniforms()
    _, bits = network.generate(u, style, previous, zeros, own, partner, guidance=guidance)
    plain = torch.zeros_like(bits)
    first = 0
    for rows in network.config.codec.scales:  # what is not drawn yet has no part in what is coarser
        said = network.logits(plain, style, previous, own, partner)
        if guidance > 1:
            said = torch.cat([said, network.logits(plain, zeros, zeros, silent, silent)])
        now = slice(first, first + rows)
        plain[:, now] = drawn(guided(said, 1, guidance, 1.0), u, 0.97)[:, now]
        first += rows
    assert (bits != plain).float().mean() < 1e-3  # a probability may lie on its uniform number


def test_every_condition_is_heard(network, conditions):
    style, previous, own, partner = conditions
    bits = network.base_codec.encode(made_unils.motion_of("tiny/clip"))
    usual = network.logits(bits, style, previous, own, partner)
    for changed in (
        (previous, style, own, partner),
        (style, style, own, partner),
        (style, previous, partner, own),
        (style, previous, own, own),
    ):
        assert (network.logits(bits, *changed) - usual).abs().max() > 1e-3


@pytest.mark.slow
def test_finer_bits_never_change_what_is_said_of_coarser_ones(network, conditions):
    bits = network.base_codec.encode(made_unils.motion_of("tiny/clip"))
    other = bits.clone()
    other[:, 1:] = 1 - other[:, 1:]
    ours, theirs = (network.logits(one, *conditions) for one in (bits, other))
    torch.testing.assert_close(ours[:, :26], theirs[:, :26])
    assert (ours[:, 26:] - theirs[:, 26:]).abs().max() > 1e-3


def test_rows_stand_where_the_contract_says():
    assert level_positions(1) == [50]
    assert level_positions(5) == [10, 30, 50, 69, 89]
    assert level_positions(25)[:3] == [2, 6, 10]
    assert level_positions(50)[24:27] == [49, 50, 52]
    assert level_positions(100) == list(range(100))


@pytest.mark.parametrize("rows", [1, 5, 7, 25, 50, 100])
def test_shortening_what_was_lengthened_keeps_the_mean_of_what_is_even(rows):
    even = torch.full((1, rows, 3), 0.7)
    torch.testing.assert_close(shortened(lengthened(even), rows), even)
    clip = made_unils.motion_of("tiny/clip")
    short = shortened(clip, rows)
    first, end = 0, -(-100 // rows)
    torch.testing.assert_close(short[:, 0], clip[:, first:end].mean(1))
    assert lengthened(short).shape == clip.shape


@pytest.mark.parametrize(
    ("probability", "top_p", "u", "bit"),
    [
        (0.02, 0.97, 0.001, 0),  # too rare to be drawn at all
        (0.98, 0.97, 0.999, 1),
        (0.04, 0.97, 0.03, 1),
        (0.04, 0.97, 0.05, 0),
        (0.5, 0.5, 0.7, 1),  # one of the two is always left
        (0.4, 0.5, 0.1, 0),
        (0.02, 1.0, 0.001, 1),
    ],
)
def test_what_is_rare_is_never_drawn(probability, top_p, u, bit):
    logits = torch.log(torch.tensor([1 - probability, probability])).view(1, 1, 1, 2)
    assert drawn(logits, torch.full((1, 1, 1), u), top_p).item() == bit


def test_every_clip_and_side_is_drawn_anew_and_the_same_again():
    made = [uniforms_of(seed, clip, side, 3, 2) for seed in (0, 1) for clip in (0, 1) for side in (0, 1)]
    assert len({tuple(one.flatten().tolist()) for one in made}) == 8
    torch.testing.assert_close(uniforms_of(1, 0, 1, 3, 2), made[5], rtol=0, atol=0)


def test_loudness_is_lost_silence_stays_and_a_faint_voice_is_silenced_by_the_gate():
    voice = 0.1 * torch.from_numpy(np.random.default_rng(0).standard_normal((1, 6400)).astype(np.float32))
    torch.testing.assert_close(normalise(voice), normalise(4 * voice), rtol=1e-3, atol=1e-4)
    assert normalise(torch.zeros(1, 6400)).abs().max() == 0
    assert gated(voice).equal(voice)
    assert gated(0.005 * voice).abs().max() == 0


def test_smoothing_keeps_cubics_and_joins_a_step():
    time = torch.linspace(-1, 1, 40)
    cubic = (time**3 - time)[None, :, None]
    torch.testing.assert_close(smooth(cubic), cubic, rtol=0, atol=1e-6)
    step = (time > 0).float()[None, :, None]
    assert smooth(step).diff(dim=1).max() < 0.5
    assert smooth(step[:, :8]).equal(step[:, :8])  # too short to be smoothed


def generator(network, speech, **settings) -> UnilsGenerator:
    return UnilsGenerator(network, speech, MotionConfig(generator="unils", **settings), CPU)


def made(one: UnilsGenerator, sound: np.ndarray, voices=ALONE, cuts=()) -> list[np.ndarray]:
    blocks = np.split(sound, sorted(cuts), axis=1)
    return [replay.values.numpy() for replay in one.of_call(blocks, voices)]


@pytest.fixture(scope="module")
def usual(network, speech, dialogue):
    """5.9 s of a call, which is two clips, by the default settings."""
    sound = dialogue[:, :94_500]
    return sound, made(generator(network, speech), sound)[0]


def test_a_call_has_as_many_frames_as_its_sound(usual):
    sound, motion = usual
    assert motion.shape == (frames_of(sound.shape[1]), 108) == (148, 108)
    assert np.isfinite(motion).all()
    assert motion.std(0).max() > 0.05


@pytest.mark.slow
@settings(max_examples=3)
@given(cuts=st.lists(st.integers(0, 94_500), max_size=4))
def test_how_the_sound_is_cut_changes_nothing(network, speech, usual, cuts):
    sound, motion = usual
    np.testing.assert_array_equal(made(generator(network, speech), sound, cuts=cuts)[0], motion)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_neither_threads_nor_hearing_ahead_change_a_bit(network, speech, usual, monkeypatch, threads):
    sound, motion = usual
    monkeypatch.setattr("avtr_cli.motion.unils.generator.cores", lambda: 3)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        np.testing.assert_array_equal(made(generator(network, speech), sound)[0], motion)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_what_goes_wrong_while_hearing_ahead_is_raised(network, speech, usual, monkeypatch):
    monkeypatch.setattr("avtr_cli.motion.unils.generator.cores", lambda: 3)
    broken = Speech(torch.nn.Identity())  # gives no rows of features
    with pytest.raises((RuntimeError, IndexError)):
        made(generator(network, broken), usual[0])


@pytest.mark.slow
def test_seed_person_and_partner_change_the_motion(network, speech, usual):
    sound, motion = usual
    for other in (
        made(generator(network, speech), sound, [Voice(4, 7)])[0],
        made(generator(network, speech), sound, [Voice(3, 8)])[0],
        made(generator(network, speech), np.stack([sound[0], 0 * sound[0]]))[0],
    ):
        assert np.abs(other - motion).max() > 0.01


def test_of_two_sides_the_first_moves_as_alone_and_the_second_hears_the_call_from_the_other_side(
    network, speech, usual
):
    sound, motion = usual
    both = made(generator(network, speech), sound, [Voice(3, 7), Voice(3, 7)])
    np.testing.assert_array_equal(both[0], motion)
    assert both[1].shape == motion.shape
    assert np.abs(both[1] - motion).max() > 0.01


@pytest.mark.slow
def test_every_setting_turns_something(network, speech, usual, tmp_path):
    sound = usual[0][:, :32_000]
    motion = made(generator(network, speech), sound)[0]
    save_codes(tmp_path / "style.npz", FlameMotion(made_unils.motion_of("tiny/style")[0].numpy()))
    turned = {
        "guidance": 1.0,
        "temperature": 0.2,
        "top_p": 0.5,
        "smoothing": False,
        "expressiveness": 0.5,
        "head_gain": 0.0,
        "style": str(tmp_path / "style.npz"),
    }
    for name, value in turned.items():
        other = made(generator(network, speech, **{name: value}), sound)[0]
        assert np.abs(other - motion).max() > 1e-3, name
    assert np.abs(made(generator(network, speech, head_gain=0.0), sound)[0][:, 100:103]).max() == 0
    faint = np.stack([sound[0], 1e-4 * sound[1]])
    gates = [made(generator(network, speech, silence_gate=gate), faint)[0] for gate in (True, False)]
    assert np.abs(gates[0] - gates[1]).max() > 1e-3
    still = Manner()
    assert (still.guidance, still.temperature, still.top_p) == (1.5, 1.0, 0.97)
    assert replace(still, silence_gate=False).smoothing


def test_how_a_face_rests_is_told_by_the_weights_or_by_the_call(network, speech, usual):
    sound, motion = usual
    [average] = generator(network, speech).of_call([sound], [Voice(3, 7)])
    [clip] = generator(network, speech, rest="clip").of_call([sound], [Voice(3, 7)])
    mean = network.base_codec.motion_mean.numpy()
    np.testing.assert_allclose(average.rest[:100], mean[:100])
    np.testing.assert_allclose(clip.rest[:100], np.median(motion[:, :100], axis=0), atol=1e-6)
    assert not average.rest[100:104].any()


def test_no_sound_is_no_motion(network, speech):
    assert made(generator(network, speech), np.zeros((2, 0), np.float32))[0].shape == (0, 108)


def test_a_live_call_is_refused_in_one_sentence(network, speech):
    one = generator(network, speech)
    assert isinstance(one, WholeCallGenerator)
    with pytest.raises(ConfigError, match=r"4 s ahead .* follows no live call"):
        one.start(None, 0)
