"""What is measured of answers: tones told from faces, sides, beginnings and ends, each beside what chance gives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from avtr_cli.core.config import load_preset
from avtr_cli.core.interaction import TONES, WORDS
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.evaluation.touch import measures, tones
from avtr_cli.evaluation.touch.bodies import BODIES, TOUCHING, deepest, evaluate_bodies
from avtr_cli.evaluation.touch.clips import (
    DOES,
    LOOKED_AT,
    REGIONS,
    TOUCHED_AT,
    Clip,
    drawn,
    motion_of,
    silence,
    touched,
)
from avtr_cli.evaluation.touch.reading import NAMES, UNITS, read_face
from avtr_cli.render.gaussian.body_model import HEAD, LEFT_ARM, shipped_body
from avtr_cli.streaming.engine import Engine


def clip(
    tone: str, photo: str = "a", region: str = "nose", seed: int = 0, aside: float = 0.4, noise: float = 0.0
) -> Clip:
    """A face that answers in the same way whenever the tone is the same, over by +3 s."""
    random = np.random.default_rng([TONES.index(tone), ord(photo), REGIONS.index(region), seed])
    way = np.random.default_rng(TONES.index(tone)).normal(0, 3, len(NAMES))
    rise = np.array([0 if after == 0 or after > 60 else 1 for after in LOOKED_AT])
    change = rise[:, None] * way + noise * random.normal(0, 1, (len(LOOKED_AT), len(NAMES)))
    return Clip(photo, region, tone, seed, aside, change * UNITS)


def clips(noise: float) -> list[Clip]:
    return [
        clip(tone, photo, region, seed, noise=noise)
        for photo in "ab" for region in REGIONS[:4] for tone in TONES for seed in (0, 1)
    ]  # fmt: skip


def test_tones_that_are_shown_are_told_and_mixed_ones_are_not():
    shown = clips(noise=0.3)
    numbers, more = measures.of_clips(shown)
    assert numbers["tone.left_out_photo"] == numbers["tone.left_out_region"] == 1
    assert abs(numbers["tone.shuffled"] - 0.25) < 0.12
    assert numbers["tone.shifted"] < 0.45
    assert more["confusion"] == (16 * np.eye(4, dtype=int)).tolist()


def test_tones_that_are_not_shown_are_told_by_chance_alone():
    blank = [replace(one, change=np.random.default_rng(at).normal(0, UNITS, one.change.shape))
             for at, one in enumerate(clips(0.0))]  # fmt: skip
    assert abs(tones.accuracy(tones.confusion(blank, [one.region for one in blank])) - 0.25) < 0.15


def test_beginnings_ends_and_sides_are_read_off():
    late, never = clip("gentle"), clip("neutral")
    late.change[: LOOKED_AT.index(14)] = 0
    never.change[:] = 0
    numbers, _ = measures.of_clips([clip(tone, region=region) for tone in TONES for region in REGIONS[:3]])
    assert (numbers["begins.median_frame"], numbers["begins.latest_frame"], numbers["returned.worst"]) == (2, 2, 0)
    assert numbers["tone.left_out_photo"] != numbers["tone.left_out_photo"]  # one photo leaves none to learn from
    found = measures.of_clips([late, never, *clips(0.0)])
    assert found[0]["begins.latest_frame"] == math.inf
    assert found[1]["latest"][0][:4] == ["a", "nose", "neutral", 0]
    right = np.zeros((len(LOOKED_AT), len(NAMES)))
    right[:, NAMES.index("yaw")] = 5.0
    away = [replace(clip("aggressive"), change=right, aside=aside) for aside in (0.5, -0.5, 0.1)]
    assert measures._sides(away, np.stack([one.change for one in away]))["side.head"] == 0.5


def test_bounds_are_kept_broken_or_not_measured():
    assert measures.kept_of({"begins.median_frame": 2.0, "returned.worst": 9.0}) == (1, 2)
    lines = list(measures.table({"returned.worst": 9.0}, {"confusion": np.eye(4, dtype=int).tolist()}))
    assert any("returned.worst" in line and "9*" in line for line in lines)
    assert sum("aggressive" in line for line in lines) == 2


def test_every_tone_is_touched_by_words_of_its_own():
    assert DOES.keys() == set(TONES)
    assert all(WORDS[word].tone == tone for tone, words in DOES.items() for word in words)


@pytest.mark.slow
def test_a_poke_is_seen_in_the_frames_and_its_twin_does_nothing(engine: Engine, photo):
    identity, regions = engine.avatar(photo)[1], engine.regions(photo)
    poke = touched(regions, "left_cheek", "aggressive")
    frames = [TOUCHED_AT - 1, TOUCHED_AT + 6]
    plain, poked = (motion_of(engine, identity, some, 0, silence(frames[-1] + 1)) for some in ((), (poke,)))
    before, after = (drawn(engine, identity, motion, frames) for motion in (plain, poked))
    assert np.array_equal(before[0], after[0])
    change = (read_face(after[1]) - read_face(before[1])) / UNITS
    assert change[NAMES.index("yaw")] > 1  # to the left of the picture, away
    assert (np.abs(change) > 1).sum() > 3
    assert np.isnan(read_face(np.zeros((64, 64, 3), np.uint8))).all()


def test_a_sheet_has_to_be_a_picture(avtr, photo, tmp_path):
    code, out, err = avtr("eval", "interactions", photo, "--sheet", tmp_path / "a.jpg")
    assert (code, out) == (2, "")
    assert "a.jpg: name it .png" in err


@pytest.mark.slow
def test_a_whole_body_that_is_touched_keeps_its_bounds():
    engine = Engine(load_preset("body", ["render.size=320"]))
    numbers = evaluate_bodies(engine, shipped_folder("examples") / "figure_drawn.png", [1])
    assert numbers.keys() == BODIES.keys()
    broken = [name for name, bound in BODIES.items() if bound.met(numbers[name]) is False]
    assert not broken
    assert [name for name, value in numbers.items() if math.isnan(value)] == ["hand.kept_m"]  # both arms are free


def test_what_is_in_a_body_is_told_from_what_is_beside_it():
    model = shipped_body()
    hand, head = model.on_hand & (model.vertex_limb == LEFT_ARM), model.vertex_limb == HEAD
    assert deepest(model, model.mean, hand, head) == pytest.approx(-TOUCHING)
    inside = model.mean.copy()
    inside[hand] += model.mean[head].mean(0) - model.mean[hand].mean(0) + np.array([0.05, 0, 0], np.float32)
    assert deepest(model, inside, hand, head) > 0.01
