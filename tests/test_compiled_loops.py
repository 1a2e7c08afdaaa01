"""The compiled loops draw what the plain form draws, to a few 1/255, and the same bits whenever they are asked."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core import runtime
from avtr_cli.core.arrays import Frames
from avtr_cli.core.config import RenderConfig, load_preset
from avtr_cli.core.errors import AvtrError, ConfigError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.diagnostics.doctor import NOTE, OK, examine_machine
from avtr_cli.evaluation.mesh.studio import command
from avtr_cli.jobs.job import Job
from avtr_cli.kernels import compiling, strips
from avtr_cli.kernels import eyes as eye_loops
from avtr_cli.kernels import grid as grid_loops
from avtr_cli.kernels import picture as picture_loops
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh import eyes, inverse, shading
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.eyes import Eye
from avtr_cli.render.mesh.rectangle import Rectangle
from avtr_cli.render.mesh.renderer import MeshRenderer
from tests.sources import ROOT

CPU = torch.device("cpu")
SIZE = 128  # px
BUSY = (
    {"jawOpen": 0.7, "mouthSmile": 0.5, "eyeBlink": 0.4},
    {"jawOpen": 0.3, "tongueOut": 0.4, "yaw": 15, "eyeBlink": 1.0},
    {"jawOpen": 1.0, "mouthLowerDown": 0.6, "pitch": -9, "browInnerUp": 1.0, "eyeWide": 0.7},
    {"mouthPucker": 1.0, "yaw": -15, "roll": 8, "eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8, "eyeSquint": 0.6},
    {"mouthFunnel": 0.8, "jawOpen": 0.2, "headZ": -0.5, "headX": 0.1, "eyeLookDown": 0.7, "browDown": 1.0},
    {"jawOpen": 0.4, "mouthClose": 0.4, "eyeBlink": 0.15, "yaw": 6, "cheekPuff": 0.5},
)


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


def motion(*rows: dict[str, float], first: int = 0) -> Motion:
    return Motion(CONTROLS, torch.stack([torch.from_numpy(command(**row)).float() for row in rows]), first)


def plainly(identity: Identity) -> Identity:
    """The same avatar, for the plain form to draw."""
    return replace(identity, kept=replace(identity.kept, tables=None))


@pytest.fixture(scope="module", params=["crop", "photo", "transparent", "#10A020"])
def drawn(portrait: Portrait, request: pytest.FixtureRequest) -> tuple[MeshRenderer, Identity]:
    """A renderer and an avatar of each kind of picture."""
    kind: str = request.param
    config = RenderConfig(size=SIZE, **({"view": kind} if kind in ("crop", "photo") else {"background": kind}))
    renderer = MeshRenderer(config, CPU)
    return renderer, renderer.prepare(portrait)


@pytest.fixture(scope="module")
def crop(portrait: Portrait) -> tuple[MeshRenderer, Identity]:
    renderer = MeshRenderer(RenderConfig(size=SIZE), CPU)
    return renderer, renderer.prepare(portrait)


def differences(renderer: MeshRenderer, identity: Identity, asked: Motion) -> np.ndarray:
    """Of 255, of what is seen: a colour counts as far as it covers what is behind it."""
    frames = [renderer.draw(one, asked).astype(float) for one in (identity, plainly(identity))]
    for frame in frames:
        if frame.shape[-1] == 4:
            frame[..., :3] *= frame[..., 3:] / 255
    return np.abs(frames[0] - frames[1])


def test_at_rest_the_photo_is_returned_bit_for_bit(drawn: tuple[MeshRenderer, Identity]):
    renderer, identity = drawn
    assert identity.kept.tables is not None
    assert np.array_equal(renderer.draw(identity, motion({}))[0], identity.kept.still)


def test_both_forms_draw_the_same_pictures(drawn: tuple[MeshRenderer, Identity]):
    off = differences(*drawn, motion(*BUSY, first=40))
    assert off.mean() <= 0.2
    assert (off > 2).mean() <= 1e-4
    assert off.max() <= 4


def test_each_part_alone_is_the_same_in_both_forms(crop: tuple[MeshRenderer, Identity]):
    for wanted in (
        {"eyeBlink": 1.0},
        {"jawOpen": 0.8},
        {"tongueOut": 0.5, "jawOpen": 0.2},
        {"yaw": 14},
        {"headX": 0.2},
    ):
        assert differences(*crop, motion(wanted)).max() <= 4, wanted


def overlapping(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the boxes of the eyes overlap, and reach into the mouth's region."""
    geometry, visible = identity.kept.geometry, identity.kept.stage.visible
    high = Rectangle(visible.x + 30, visible.y + 20, 60, 70)
    wide = Rectangle(visible.x + 50, visible.y + 30, 50, 60)
    of = {eye.side: box for eye, box in zip(identity.kept.eyes, (high, wide), strict=True)}
    assert geometry is not None
    monkeypatch.setattr(Eye, "region", lambda eye, *_: of[eye.side])
    monkeypatch.setattr(Eye, "region_about", lambda eye, *_: of[eye.side])


def test_overlapping_eyes_and_mouth_are_drawn_as_the_plain_form_draws_them(
    crop: tuple[MeshRenderer, Identity], monkeypatch: pytest.MonkeyPatch
):
    overlapping(crop[1], monkeypatch)
    off = differences(*crop, motion({"eyeBlink": 0.7, "jawOpen": 0.5}, {"eyeLookOutLeft": 0.6, "mouthSmile": 0.6}))
    assert off.max() <= 4


def test_the_same_bits_for_any_number_of_threads(crop: tuple[MeshRenderer, Identity]):
    identity = crop[1]
    threads = torch.get_num_threads()
    frames = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            frames.append(MeshRenderer(RenderConfig(size=SIZE), CPU).draw(identity, motion(*BUSY)).copy())
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(frames[0], frames[1])
    assert np.array_equal(frames[0], frames[2])


def test_a_frame_is_the_same_after_any_other(crop: tuple[MeshRenderer, Identity]):
    renderer, identity = crop
    together = renderer.draw(identity, motion(*BUSY)).copy()
    for number in (3, 1, 1, 5, 0):
        assert np.array_equal(renderer.draw(identity, motion(BUSY[number], first=number))[0], together[number])


def in_another_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        cwd=ROOT,
    )


@pytest.mark.slow
def test_two_processes_draw_the_same_bits(photo: Path, crop: tuple[MeshRenderer, Identity]):
    frames: Frames = crop[0].draw(crop[1], motion(*BUSY))
    done = in_another_process(
        "import hashlib, torch; from pathlib import Path\n"
        "from tests.test_compiled_loops import *\n"
        f"renderer = MeshRenderer(RenderConfig(size={SIZE}), CPU)\n"
        f"identity = renderer.prepare(find_portrait(Path({str(photo)!r})))\n"
        "print(hashlib.sha256(renderer.draw(identity, motion(*BUSY)).tobytes()).hexdigest())"
    )
    assert done.stdout.split()[-1] == hashlib.sha256(frames.tobytes()).hexdigest(), done.stderr


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_motion_that_is_not_finite_is_refused_with_the_number_of_its_frame(
    crop: tuple[MeshRenderer, Identity], wrong: float
):
    asked = motion({}, {"jawOpen": wrong}, first=7)
    for identity in (crop[1], plainly(crop[1])):
        with pytest.raises(AvtrError, match=r"frame 8: .*NaN or infinite"):
            crop[0].draw(identity, asked)


def test_far_out_motion_is_drawn(crop: tuple[MeshRenderer, Identity]):
    random = np.random.default_rng(3)
    rows = torch.from_numpy(random.normal(0, 30, (12, len(CONTROLS)))).float()
    frames = crop[0].draw(crop[1], Motion(CONTROLS, rows, 0))
    assert (frames.mean(axis=(1, 2, 3)) > 20).all()


def test_what_is_known_to_show_nothing_of_the_person_shows_the_plate_alone(portrait: Portrait):
    renderer = MeshRenderer(RenderConfig(size=SIZE, background="#10A020"), CPU)
    identity = renderer.prepare(portrait)
    frames = renderer.draw(identity, motion(*BUSY))
    assert (frames[:, 2, 2] == (0x10, 0xA0, 0x20)).all()
    shown: dict[str, np.ndarray] = {}
    find: Callable[..., None] = picture_loops.find_person
    assert identity.kept.tables is not None
    nodes = np.zeros((3, *identity.kept.field.grid), np.float32)
    shown["at rest"] = np.empty((nodes.shape[1] - 1, nodes.shape[2] - 1), np.uint8)
    high, wide = identity.kept.tables.texels.shape
    words = strips.scratch()[1]
    find(nodes, identity.kept.stage.cell, identity.kept.tables.before, high, wide, shown["at rest"], words)
    assert 0.2 < shown["at rest"].mean() < 0.9  # so that there is something to be skipped


def test_the_grids_inverse_is_that_of_the_plain_form(crop: tuple[MeshRenderer, Identity]):
    from avtr_cli.render.mesh import compiled, field

    identity = crop[1]
    avatar = identity.kept
    loops = compiled.Loops()
    for wanted in (BUSY[0], BUSY[1], BUSY[3]):
        controls = read_controls(command(**wanted), 30, 1.0, avatar.calibration)
        scratch = loops._scratch(avatar, avatar.tables)
        loops._find_nodes(avatar, avatar.tables, controls, scratch)
        moved = field.displacement(avatar.field, controls)
        back = inverse.invert(avatar.field, moved, inverse.lips_in_frame(avatar.field, controls))
        if controls.pose.turn > inverse.FOLDS_BEGIN:
            back = inverse.mend_folds(avatar.field, moved, back)
        assert np.abs(scratch.moved - moved.numpy()).max() < 1e-3  # px
        assert np.abs(scratch.back - back.numpy()).max() < 0.02
        light = shading.gain(avatar.shading, avatar.field, controls, back[0])[0].numpy()
        assert np.abs(scratch.nodes[2] - light).max() < 1e-4


def test_numbers_that_both_forms_have_are_the_same():
    for name in ("LASHES", "BELOW", "BALL_ENDS", "GAZE_X", "GAZE_Y", "CANVAS_REACH", "CANVAS_SCALE"):
        assert getattr(eye_loops, name) == pytest.approx(getattr(eyes, name)), name
    for name in ("HALF_STEPS", "COARSE_STEPS", "LEAST_AREA", "LOST", "MEND"):
        assert getattr(grid_loops, name) == pytest.approx(getattr(inverse, name)), name
    assert pytest.approx(shading.BRIGHTENING) == grid_loops.BRIGHTENING


def test_off_draws_by_the_plain_form_and_a_gpu_is_never_asked_to(portrait: Portrait):
    renderer = MeshRenderer(RenderConfig(size=64), CPU, kernels="off")
    assert (renderer.kernels, renderer.prepare(portrait).kept.tables) == ("plain", None)
    assert MeshRenderer(RenderConfig(size=64), CPU).kernels == "compiled"
    assert not runtime.kernels_on(torch.device("cuda"), "auto")


def test_kernels_are_auto_or_off_and_nothing_else():
    assert load_preset("default", ["runtime.kernels=off"]).runtime.kernels == "off"
    with pytest.raises(ConfigError, match=r"runtime\.kernels is 'on', but must be one of auto, off"):
        load_preset("default", ["runtime.kernels=on"])


@pytest.mark.slow
def test_the_report_says_what_drew(avtr, wav, photo, tmp_path):
    drew = {}
    for kernels in ("auto", "off"):
        report = tmp_path / f"{kernels}.json"
        small = ("--set", "render.size=64", "--set", f"runtime.kernels={kernels}")
        code, _, err = avtr("render", photo, wav(0.4), "-o", tmp_path / f"{kernels}.mp4", "--report", report, *small)
        assert code == 0, err
        drew[kernels] = json.loads(report.read_text())["device"]["kernels"]
    assert drew == {"auto": "compiled", "off": "plain"}


def test_a_job_is_not_taken_on_by_other_loops(photo: Path, wav: Callable[..., Path]):
    keys = set()
    for kernels in ("auto", "off"):
        preset = load_preset("default", [f"runtime.kernels={kernels}"])
        keys.add(Job(photo=photo, sound=DialogueFiles(dialogue=wav(0.4)), out=Path("a.mp4"), preset=preset).key())
    assert len(keys) == 2


ONE_KERNEL = (
    "import numpy as np, sys; from pathlib import Path\n"
    "from avtr_cli.kernels import compiling, points\n"
    "said = []\n"
    "folder = compiling.load(Path(sys.argv[1] if len(sys.argv) > 1 else '{base}'), said.append)\n"
    "found = np.empty((1, 4))\n"
    "points.bounds(np.array([0]), np.ones(1, np.float32), np.ones((1, 3)), np.ones((1, 1, 3), np.float32), "
    "np.array([1]), np.eye(3)[:2].copy(), np.zeros(2), found)\n"
    "print(found.tolist(), folder is not None, said)"
)


@pytest.mark.slow
def test_loops_are_compiled_once_and_kept(tmp_path: Path):
    code = ONE_KERNEL.format(base=tmp_path)
    first, second = (in_another_process(code, NUMBA_CACHE_DIR="").stdout for _ in range(2))
    assert first.startswith("[[2.0, 2.0, 2.0, 2.0]] True ['compiling the drawing loops for this machine, once (kept in")
    assert second == "[[2.0, 2.0, 2.0, 2.0]] True []\n"


def test_loops_that_another_renderer_adds_are_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compiling, "_kernels", [])
    monkeypatch.setattr(compiling.config, "CACHE_DIR", "")
    said: list[list[str]] = []
    for module in ("one", "one", "two", "one"):

        def doubled(x: int) -> int:
            return 2 * x

        doubled.__module__ = module
        loop = compiling.kernel("i8(i8)")(doubled)
        said.append([])
        compiling.load(tmp_path, said[-1].append)
        assert loop(21) == 42
    assert [len(sentences) for sentences in said] == [1, 0, 1, 0]


@pytest.mark.slow
def test_loops_for_touched_skin_wait_for_the_first_touch():
    code = (
        "from avtr_cli.kernels import contact, eyes, yuv; from avtr_cli.render.mesh.compiled import Loops\n"
        "for touched in (False, True):\n"
        "    Loops(touched=touched)\n"
        "    print([one.ready for one in (eyes.draw, yuv.to_planes, contact.dent, contact.redden)])"
    )
    assert in_another_process(code).stdout == "[True, True, False, False]\n[True, True, True, True]\n"


@pytest.mark.slow
def test_a_damaged_folder_and_one_that_cannot_be_written_cost_time_and_no_more(tmp_path: Path):
    code = ONE_KERNEL.format(base=tmp_path)
    in_another_process(code, NUMBA_CACHE_DIR="")
    kept = list(tmp_path.rglob("*.nbc"))
    assert kept
    for file in kept:
        file.write_bytes(file.read_bytes()[:100])
    for _ in range(2):
        assert in_another_process(code, NUMBA_CACHE_DIR="").stdout == "[[2.0, 2.0, 2.0, 2.0]] True []\n"
    assert min(file.stat().st_size for file in tmp_path.rglob("*.nbc")) > 100  # made anew
    (tmp_path / "file").write_text("no folder")
    done = in_another_process(ONE_KERNEL.format(base=tmp_path / "file"), NUMBA_CACHE_DIR="")
    assert done.stdout.startswith("[[2.0, 2.0, 2.0, 2.0]] False ["), done.stderr
    assert "cannot be written, so the drawing loops are compiled anew in every run" in done.stdout


@pytest.mark.slow
def test_two_processes_may_compile_at_once(tmp_path: Path):
    code = ONE_KERNEL.format(base=tmp_path)
    with ThreadPoolExecutor(2) as both:
        done = [both.submit(in_another_process, code, NUMBA_CACHE_DIR="") for _ in range(2)]
    for process in done:
        assert process.result().stdout.startswith("[[2.0, 2.0, 2.0, 2.0]] True")
    assert in_another_process(code, NUMBA_CACHE_DIR="").stdout == "[[2.0, 2.0, 2.0, 2.0]] True []\n"


@pytest.mark.slow
def test_where_numba_does_not_compile_the_plain_form_draws_and_says_so():
    done = in_another_process(
        "import logging, torch; logging.basicConfig()\n"
        "from avtr_cli.core.config import RenderConfig\n"
        "from avtr_cli.render.mesh.renderer import MeshRenderer\n"
        "print(MeshRenderer(RenderConfig(size=64), torch.device('cpu')).kernels)",
        NUMBA_DISABLE_JIT="1",
    )
    assert done.stdout == "plain\n"
    assert (
        "drawn by the plain form, which is slower: Numba does not work here (NUMBA_DISABLE_JIT is set)" in done.stderr
    )


def test_the_doctor_makes_the_loops_ready():
    check = next(check for check in examine_machine() if check.name == "drawing loops")
    assert check.state in (OK, NOTE)
    assert "Numba" in check.found
    assert check.state == OK or check.fix


def test_numba_is_not_loaded_to_say_help():
    done = in_another_process("import sys, avtr_cli.cli, avtr_cli.core.config; print('numba' in sys.modules)")
    assert done.stdout == "False\n"
