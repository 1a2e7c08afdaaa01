"""docs/extending.md, tried: a toy renderer, motion model, format and measure, each by its entry in one table."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
import torch

from avtr_cli.core.camera import FRONT
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import CHUNK_FRAMES, SAMPLES_PER_FRAME
from avtr_cli.core.types import Identity, Motion
from avtr_cli.evaluation import table
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.motion import lips
from avtr_cli.evaluation.motion.follower import follow_loudness
from avtr_cli.evaluation.motion.suite import evaluate_motion
from avtr_cli.evaluation.motion.takes import Dialogue, Finding
from avtr_cli.motion.table import GENERATORS, GeneratorEntry
from avtr_cli.output.formats import FORMATS, Format
from avtr_cli.render.table import RENDERERS, RendererEntry
from tests import videos
from tests.sources import ROOT

GUIDE = (ROOT / "docs" / "extending.md").read_text()
GREEN = (0, 255, 0)


class Bars:
    """A renderer: the photo's crop, and a green bar as high as the mouth is open."""

    space = CONTROLS
    free_camera = False
    weights_files = ()

    def __init__(self, side: int):
        self.side = side

    def prepare(self, portrait):
        affine = self.side / portrait.crop_size * portrait.crop
        picture = cv2.warpAffine(portrait.photo, affine, (self.side, self.side))
        return Identity(CONTROLS, torch.zeros(len(CONTROLS)), picture, (self.side, self.side))

    def draw(self, identity, motion, camera=FRONT):
        shown = self.space.readings(motion.values.numpy(), identity.neutral.numpy())
        frames = np.stack([identity.kept] * len(shown.mouth))
        for frame, mouth in zip(frames, shown.mouth, strict=True):
            frame[self.side - int(mouth * self.side) :, : self.side // 4] = GREEN
        return frames


class Loud:
    """A motion model without memory: the jaw is as open as the avatar's frame is loud."""

    space = CONTROLS
    cues = frozenset()
    weights_files = ()

    def start(self, identity, seed):
        return {}

    def step(self, window, state, asked=()):
        now = window.samples[0, 3 * SAMPLES_PER_FRAME : 8 * SAMPLES_PER_FRAME].reshape(CHUNK_FRAMES, -1)
        values = torch.zeros(CHUNK_FRAMES, len(CONTROLS))
        values[:, CONTROLS.index("jawOpen")] = torch.from_numpy(4 * np.abs(now).max(1)).clamp(0, 1)
        return Motion(CONTROLS, values, window.index * CHUNK_FRAMES), state


def avi(config):
    video = ("-vf", "format=yuv420p", "-c:v", "mpeg4", "-q:v", "2")
    return Format(".avi", "avi", ("MPEG-4", "PCM"), video, ("-c:a", "pcm_s16le"), False, 6.0, lossy=False)


@pytest.mark.slow
def test_a_renderer_a_motion_model_and_a_format_are_an_entry_each(avtr, photo, wav, tmp_path, monkeypatch):
    monkeypatch.setitem(RENDERERS, "mesh", RendererEntry(lambda preset, _: Bars(preset.render.size), CONTROLS, ()))
    monkeypatch.setitem(GENERATORS, "lmfm", GeneratorEntry(lambda *_: Loud(), ("gaze",)))
    monkeypatch.setitem(FORMATS, ".avi", avi)
    out, report = tmp_path / "a.avi", tmp_path / "r.json"
    assert avtr("render", photo, wav(1.0), "-o", out, "--size", 64, "--report", report, "-q") == (0, f"{out}\n", "")
    told = videos.report_of(report)["output"]
    assert (told["codec"], told["sound_codec"], told["frames"]) == ("MPEG-4", "PCM", 25)
    corner = videos.decode(out)[:, -4:, :4].reshape(25, -1, 3).mean(1)
    green = np.abs(corner - GREEN).max(1) < 60
    assert green.any()
    assert not green.all()
    code, _, said = avtr("render", photo, wav(1.0), "-o", tmp_path / "b.avi", "--set", "motion.gaze=0.5")
    assert (code, "motion.gaze does nothing" in said) == (2, True)


@pytest.mark.slow
def test_a_measure_is_a_finding_and_a_row_and_one_without_its_row_is_noticed(dialogue, monkeypatch):
    def measured(takes, usual=lips.measure):
        widest = max(float(take.face.aperture.max()) for take in takes)
        return usual(takes) | {"mouth.widest": Finding(widest)}

    monkeypatch.setattr(lips, "measure", measured)
    call = Dialogue("call", dialogue[:, :64_000])
    with pytest.raises(AssertionError, match=r"mouth\.widest"):
        evaluate_motion([call], follow_loudness, seeds=1, long_minutes=0)
    monkeypatch.setitem(table.MEASURES, "mouth.widest", Measure("highest aperture", 0.2, 1.0))
    report = evaluate_motion([call], follow_loudness, seeds=1, long_minutes=0)
    assert report["measures"]["mouth.widest"]["met"] is True


def test_the_guide_names_files_that_are_there():
    named = set(re.findall(r"`((?:avtr_cli|docs|presets|tests)/[\w./]+\.\w+)`", GUIDE))
    assert len(named) > 8
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


def test_the_guide_names_things_that_their_files_hold():
    """Wherever it says `NAME` in `file`, the file defines or mentions NAME."""
    pairs = re.findall(r"`([A-Za-z_]\w+)`[^`]{1,12} in `(avtr_cli/[\w./]+\.py)`", " ".join(GUIDE.split()))
    assert len(pairs) > 4
    missing = [(name, file) for name, file in pairs if not re.search(rf"\b{name}\b", (ROOT / file).read_text())]
    assert missing == []
