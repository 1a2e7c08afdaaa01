"""Skin of the throat that a photo hides, and a turned head shows: made of the skin beside it, down to a collar."""

from __future__ import annotations

import numpy as np

from avtr_cli.render.gaussian.body_model import HEAD, NECK, SKIN, shipped_body
from avtr_cli.render.gaussian.painting import NAPE, below_ears
from avtr_cli.render.gaussian.surface import Surface
from avtr_cli.render.gaussian.throat import paint_throat

FACE, HAIR, COLLAR = np.array([0.8, 0.6, 0.5]), np.array([0.2, 0.1, 0.05]), np.array([0.1, 0.1, 0.3])


def throat_of(collar: float) -> tuple[np.ndarray, ...]:
    """The throat, and which of it a photo shows; colours, before and after, under a collar so many m below the ears."""
    model = shipped_body()
    surface, rest = Surface(model), model.mean
    throat = (model.vertex_limb == HEAD) | (model.vertex_limb == NECK)
    throat &= (model.part == SKIN) & below_ears(model, rest, NAPE)
    shown = throat & (surface.normals(rest)[:, 2] < -0.3)
    height = rest[:, 1] - rest[below_ears(model, rest) & throat, 1].min()
    skin = height < collar
    before = np.where((shown & skin)[:, None], FACE, np.where(shown[:, None], COLLAR, HAIR)).astype(np.float32)
    after = before.copy()
    paint_throat(surface, after, rest, throat, shown, FACE)
    return throat, shown, height, before, after


def test_what_is_hidden_of_a_bare_throat_is_skin_and_no_hair():
    throat, shown, height, before, after = throat_of(collar=1.0)
    hidden = throat & ~shown & (height < 0.08)
    assert hidden.sum() > 100
    assert (np.abs(before[hidden] - HAIR).max(1) < 1e-6).all()
    assert (np.abs(after[hidden] - FACE).max(1) < 0.2).mean() > 0.95
    assert after[hidden].mean() < FACE.mean()  # in shade


def test_what_is_seen_and_all_that_is_no_throat_stays():
    throat, shown, _, before, after = throat_of(collar=1.0)
    assert (after[shown | ~throat] == before[shown | ~throat]).all()


def test_skin_ends_at_a_collar():
    throat, shown, height, before, after = throat_of(collar=0.09)
    deep = throat & ~shown & (height > 0.12)
    assert deep.any()
    assert (after[deep] == before[deep]).all()
    assert (after != before).any()


def test_a_throat_of_which_no_skin_is_seen_stays_as_it_is():
    _, _, _, before, after = throat_of(collar=0.0)
    assert (after == before).all()
