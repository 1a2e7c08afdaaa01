"""A learned answer to touch: what it is told, what it learns from, that it streams as trained, how it is judged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_interaction_prompts import MAP
from typer.testing import CliRunner

from avtr_cli.cli import evaluate, train
from avtr_cli.core.errors import ConfigError, WeightsError
from avtr_cli.core.interaction import TONES, Interaction
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.regions import REGIONS
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.evaluation.touch import learned
from avtr_cli.motion.interactions.reactor import LONGEST, react
from avtr_cli.motion.lmfm.network import Lmfm
from avtr_cli.training.objective import before, track_bias
from avtr_cli.training.touch import lessons, network, playing, scenes
from avtr_cli.training.touch.answers import CHANNELS, WEIGHTS, Scene, answered, drawn_answer
from avtr_cli.training.touch.condition import POSITIONS, Encoding, apart, condition
from avtr_cli.training.touch.learning import TouchConfig, learn

FRAMES = np.arange(300, dtype=np.float64)
SLAP = Interaction(40, "slap", 0.6, 0.5, (("left_cheek", 0.8), ("mouth", 0.2)), 0.4, 0.5)
KISS = Interaction(160, "kiss", 0.5, 0.6, (("mouth", 1.0),), 0.0, 0.75)


@pytest.fixture(scope="module")
def few():
    """Three scenes at rest."""
    torch.manual_seed(0)
    return lessons.at_rest(Lmfm(), 3, [MAP], 5)


@pytest.fixture(scope="module")
def trained(few):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    losses = []
    config = TouchConfig(centre_steps=40, rest_steps=3, call_steps=2, batch=2, frames=50, warmup=5)
    made = learn(config, Encoding(), few, few, lambda stage, _, loss: losses.append((stage, loss)))
    torch.set_num_threads(threads)
    return made, losses


def test_what_is_told_is_where_how_and_how_long_ago():
    told = condition([SLAP], FRAMES, Encoding())
    assert not told[:40].any()
    assert not told[40 + LONGEST :].any()
    shares, rest = told[40, : len(REGIONS) + 1], told[40, len(REGIONS) + 1 :]
    assert shares[REGIONS.index("left_cheek")] == np.float32(0.8)
    assert rest[:2] == pytest.approx((0.4, 0.5))
    assert rest[2:6].tolist() == [tone == "aggressive" for tone in TONES]
    assert rest[6] == np.float32(SLAP.force)
    assert rest[7:10].tolist() == [1, 1, 1]
    assert told[40 + 25, -1] < -0.3  # a mood


def test_no_touch_to_come_is_told():
    assert (condition([SLAP, KISS], FRAMES, Encoding())[:160] == condition([SLAP], FRAMES, Encoding())[:160]).all()


@pytest.mark.parametrize("position", POSITIONS)
def test_ablations_tell_less_or_otherwise(position):
    encoding = Encoding(position, "word")
    assert condition([SLAP], FRAMES, encoding).shape == (300, encoding.size)
    assert (encoding.size < Encoding("both", "word").size) == (position != "both")


def test_touches_that_are_answered_together_are_told_apart():
    told = apart([SLAP, KISS], FRAMES, Encoding())
    assert (told[170, 0] == condition([SLAP], FRAMES, Encoding())[170]).all()
    assert (told[170, 1] == condition([KISS], FRAMES, Encoding())[170]).all()
    assert not told[:, 2].any()


def speaking_scene(touches):
    rng = np.random.default_rng(0)
    rows = np.zeros((300, len(CONTROLS)))
    rows[:, CONTROLS.index("jawOpen")] = 0.3 * rng.random(300)
    rows[::7, CONTROLS.index("mouthClose")] = rows[::7, CONTROLS.index("jawOpen")]
    return Scene(rows, np.ones(300), touches, (3, 4))


def test_a_drawn_answer_that_is_taken_apart_and_put_back_is_the_reactors():
    scene = speaking_scene((SLAP, KISS))
    scene = Scene(scene.rows, np.zeros(300), scene.touches, scene.seed)
    chunks = (slice(first, first + CHUNK_FRAMES) for first in range(0, 300, CHUNK_FRAMES))
    reacted = np.concatenate(
        [react(scene.rows[now], now.start, scene.touches, scene.speaking[now], scene.seed) for now in chunks]
    )
    put_back = answered(scene, drawn_answer(scene))
    off = np.abs(put_back - reacted).max(axis=0)
    assert off[CONTROLS.index("headPitch") :].max() < 1e-6
    assert off.max() < 0.08  # what a blink takes of wide eyes, a frown of dimples


def test_a_learned_answer_leaves_lips_to_speech():
    scene = speaking_scene((SLAP,))
    wild = np.random.default_rng(1).normal(0, 1, (300, len(CHANNELS)))
    rows, still = answered(scene, wild), answered(scene, np.zeros_like(wild))
    assert len(WEIGHTS) == 7
    for name in ("jawOpen", "mouthClose", "mouthUpperUpLeft", "mouthFunnel"):
        assert (rows[:, CONTROLS.index(name)] == still[:, CONTROLS.index(name)]).all()


def test_touches_fall_where_the_photo_has_something():
    touches = list(scenes.touched_often(MAP, 750, np.random.default_rng(2)))
    gaps = np.diff([touch.frame for touch in touches])
    assert (gaps >= 100).all()
    assert (gaps <= 300).all()
    assert all(touch.regions for touch in touches)


def test_in_calls_mouths_are_not_taught_soon_after_a_touch(few):
    taught = lessons._lessons(few.scenes, torch.from_numpy(few.heard), mouth_first=True)
    soon = few.scenes[0].touches[0].frame + 10
    assert not taught.counts[0, soon, CHANNELS.index("mouthSmile")]
    assert taught.counts[0, soon, CHANNELS.index("yaw")]
    assert few.counts.all()


def test_all_stages_are_trained_and_kept(trained, tmp_path):
    made, losses = trained
    assert dict.fromkeys(stage for stage, _ in losses) == dict.fromkeys(("centre", "open", "rest", "calls"))
    centre = [loss for stage, loss in losses if stage == "centre"]
    assert np.mean(centre[-5:]) < 0.9 * centre[0]
    network.write(tmp_path / "touch.safetensors", made)
    again = network.read(tmp_path / "touch.safetensors")
    assert again.steps == (3, 2)
    assert all((again.model.state_dict()[name] == value).all() for name, value in made.model.state_dict().items())


def test_without_a_flow_the_mean_answer_is_played(few):
    config = TouchConfig(centre_steps=4, rest_steps=0, call_steps=0)
    model = learn(config, Encoding(), few, None).model
    told, alone = few.conditions(Encoding())[:, :400], few.apart(Encoding())[:, :400]
    mean = model.centres(torch.from_numpy(alone)).numpy()
    np.testing.assert_allclose(playing.play(model, few.heard[:, :400], told, alone, 0), mean, atol=1e-6)


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "other.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match="learned answers"):
        network.read(tmp_path / "other.safetensors")


def test_nothing_is_played_before_a_touch_and_the_same_seed_plays_the_same(few, trained):
    model = trained[0].model
    told, alone, heard = few.conditions(Encoding())[:, :400], few.apart(Encoding())[:, :400], few.heard[:, :400]
    one, same, other = (playing.play(model, heard, told, alone, seed) for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()
    assert not one[~told.any(axis=2)].any()


def test_a_chunk_streams_as_it_was_trained(few, trained):
    """The velocity of the last chunk of a window, with all chunks at once and alone."""
    model = trained[0].model
    heard = torch.randn(2, 100, 64)
    past, x = torch.randn(2, 100, len(CHANNELS)), torch.randn(2, 100, len(CHANNELS))
    memory = model.track.past_memory(past, before(past), heard)
    t = torch.full((2, 100), 0.25)
    with torch.no_grad():
        whole = model.velocity(x, t, heard, memory, track_bias(model.track, 100, False))[:, 95:]
        then = [past[:, 20:95], past[:, 19:94], heard[:, 20:95]]
        alone = model.velocity(
            x[:, 95:], t[:, 95:], heard[:, 95:], model.track.past_memory(*then), model.track.bias(75, 5, 0, 75)
        )
    torch.testing.assert_close(whole, alone, rtol=1e-4, atol=1e-5)


def judged_touches(count=12):
    """One touch of two photos in each tone, and made-up answers to them: two draws."""
    words = ("kiss", "stroke", "tap", "poke")
    touches = [Interaction(10, word, 0.6, 0.5, (("left_cheek", 1.0),), 0.4, 0.5) for word in words]
    labels = learned.Touches(["a"] * 4 * count + ["b"] * 4 * count, [t for t in touches for _ in range(count)] * 2)
    rng = np.random.default_rng(0)
    shape = np.exp(-(((np.arange(151) - 15) / 12) ** 2))[:, None]
    means = rng.normal(0, 3, (4, len(CHANNELS))) * learned.UNITS
    means[3, 1] = abs(means[3, 1]) + 4

    def draw():
        size = 1 + 0.2 * rng.normal(size=(len(labels.touches), 1, 1))
        return size * shape * means[labels.tones][:, None]

    return labels, draw


def test_a_second_draw_of_the_truth_is_as_near_as_can_be():
    labels, draw = judged_touches()
    found = learned.judged(labels, draw(), draw())
    assert found["tone"] == 1
    assert found["mean_off"] < 0.2
    assert found["rough"] == pytest.approx(1, abs=0.2)
    assert found["returned"] == 1
    assert list(found) == list(learned.NEEDED)


def test_what_comes_late_is_found_out_and_a_constant_mean_gains_nothing():
    labels, draw = judged_touches()
    truth = draw()
    late = learned.judged(labels, truth, np.roll(truth, 75, axis=1))
    assert late["mean_off"] > 1
    assert late["tone"] < 0.6
    flat = np.stack([truth[labels.groups == group].mean(axis=0) for group in labels.groups])
    assert learned.judged(labels, draw(), flat)["spread"] < 0.01


def test_lips_that_open_are_found_out():
    scene = speaking_scene(())
    open_mouth = scene.rows.copy()
    open_mouth[:, CONTROLS.index("mouthClose")] = 0
    speaking = np.ones(300, bool)
    assert learned.speech_kept(scene.rows, scene.rows, speaking)["closures"] == 1
    assert learned.speech_kept(scene.rows, open_mouth, speaking)["closures"] < 0.1


def test_beating_takes_all_three_points():
    good = dict.fromkeys(learned.NEEDED, 1.0) | {"mean_off": 0.01, "together_off": 0.01}
    good |= {"aperture_r": 1.0, "closures": 1.0}
    drawn = dict.fromkeys(learned.NEEDED, 1.0) | {"mean_off": 0.05, "together_off": 0.02}
    late = drawn | {"tone": 0.25, "mean_off": 2.0}
    assert all(learned.beats(good, late, drawn).values())
    assert not learned.beats(good | {"together_off": 0.03}, late, drawn)["drawn"]
    assert not learned.beats(good | {"closures": 0.9}, late, drawn)["speech"]


@pytest.mark.parametrize(
    ("app", "arguments", "says"),
    [
        (train.app, ["touch", "photo.png", "--position", "nowhere"], "there are both, regions, offset, neither"),
        (train.app, ["touch", "photo.png", "--wording", "french"], "there are tone, word"),
        (evaluate.app, ["answers", "w.safetensors", "--photo", "a.png"], "twice or more"),
    ],
)
def test_commands_say_what_they_need(app, arguments, says):
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigError)
    assert says in str(result.exception)
