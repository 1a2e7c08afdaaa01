"""A body seen through cameras and framings, before a studio; kept, drawn by the plain form, and as files and jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.camera import FRONT, Camera, MovingCamera, Pinhole
from avtr_cli.core.config import RenderConfig, load_preset
from avtr_cli.core.errors import ConfigError, PhotoError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.jobs import production
from avtr_cli.jobs.as_command import as_command
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.kernels import mixing
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.composite import studio
from avtr_cli.render.gaussian.body_model import shipped_body
from avtr_cli.render.gaussian.floor import Floor, cast, floor_of
from avtr_cli.render.gaussian.ply import read_ply
from avtr_cli.render.gaussian.renderer import BodyRenderer
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.kept_avatars import KeptAvatars, Made

pytestmark = pytest.mark.usefixtures("compiled_loops")

CPU = torch.device("cpu")
SIZE = 160  # px
SETTINGS = (f"render.size={SIZE}", "runtime.device=cpu")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_preset("body", SETTINGS))


@pytest.fixture(scope="module")
def identity(engine: Engine, photo: Path) -> Identity:
    return engine.avatar(photo)[1]


@pytest.fixture(scope="module")
def portrait_before_green(photo: Path) -> Portrait:
    portrait = find_portrait(photo)
    own, wall = portrait.matte[..., None], np.array([0, 255, 0], np.float32)
    picture = np.rint(portrait.photo * own + wall * (1 - own)).astype(np.uint8)
    return replace(portrait, photo=picture, matte=cv2.GaussianBlur(portrait.matte, (0, 0), 2))  # as networks see it


def renderer(**settings) -> BodyRenderer:
    return BodyRenderer(RenderConfig(**{"renderer": "body", "view": "photo", "size": SIZE, **settings}), CPU)


def motion(of: BodyRenderer, first: int = 0, **controls: float) -> Motion:
    values = torch.zeros(1, len(of.space))
    for name, value in controls.items():
        values[0, CONTROLS.index(name)] = value
    return Motion(of.space, values, first)


def seen(identity: Identity, frame: int = 0, **settings) -> np.ndarray:
    """The frame that a job of these settings has of the person at rest."""
    drawer = renderer(breathing=0.0, **settings)
    camera = drawer.camera(identity)
    camera = camera.at(frame) if isinstance(camera, MovingCamera) else camera
    return drawer.draw(identity, motion(drawer, frame), camera)[0].copy()


def test_the_front_is_the_default_and_an_orbit_is_another_view_before_a_studio(identity):
    assert renderer().camera(identity) == FRONT
    aside = seen(identity, camera="orbit:20")
    assert aside.shape == (SIZE, SIZE, 3)
    assert np.array_equal(aside[:4, :20], studio(SIZE, SIZE)[:4, :20])
    assert (aside != seen(identity)).mean() > 0.5


def test_framings_show_what_they_say(identity):
    half, head = seen(identity, framing="half"), seen(identity, framing="head")
    assert head.shape[0] == head.shape[1] > half.shape[1]
    drawer = renderer(framing="head")
    camera = drawer.camera(identity)
    assert isinstance(camera, Camera)
    assert not camera.turned
    with pytest.raises(PhotoError, match=r"the feet are not seen.*half or head"):
        renderer(framing="full").camera(identity)


def test_a_head_that_is_framed_from_the_front_is_that_part_of_the_photo(identity):
    whole, kept = seen(identity), identity.kept
    left, top, right, bottom = map(int, kept.framings["head"].box)
    head = cv2.resize(seen(identity, framing="head"), (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    near, far = (cv2.GaussianBlur(one, (0, 0), 2).astype(int) for one in (head, whole[top:bottom, left:right]))
    assert np.abs(near - far).mean() < 6


def test_a_transparent_person_is_seen_from_anywhere(identity):
    frame = seen(identity, camera="orbit:-25", background="transparent")
    assert frame.shape == (SIZE, SIZE, 4)
    assert frame[0, 0, 3] == 0
    assert (frame[..., 3] == 255).mean() > 0.2


def test_edges_have_the_walls_colours_in_the_photos_own_view_alone(portrait_before_green):
    drawer = renderer(breathing=0.0)
    identity = drawer.prepare(portrait_before_green)
    avatar, still = identity.kept.avatar, motion(drawer)

    def green(frame: np.ndarray) -> int:
        others = frame[..., ::2].max(2).astype(int)
        return int((frame[..., 1] > others + 30).sum())

    aside = drawer.camera(identity), renderer(camera="orbit:15").camera(identity)
    before = drawer.draw(identity, still, aside[0])[0].copy()
    side = drawer.draw(identity, still, aside[1])[0].copy()
    assert len(avatar.edges) > 20
    assert np.array_equal(drawer.draw(identity, still, aside[0])[0], before)
    bare = replace(avatar, edges=avatar.edges[:0], own_edges=avatar.own_edges[:0])
    other = replace(identity, kept=replace(identity.kept, avatar=bare))
    assert np.array_equal(drawer.draw(other, still, aside[0])[0], before)
    assert green(side) < 0.5 * green(drawer.draw(other, still, aside[1])[0])


def test_a_moving_camera_passes_its_views_and_never_shows_the_photos_background(identity, tmp_path):
    path = tmp_path / "walk.yaml"
    path.write_text("- {at: 0}\n- {at: 1, yaw: 20}\n")
    assert np.array_equal(seen(identity, 40, camera=str(path)), seen(identity, camera="orbit:20"))
    first = seen(identity, 0, camera=str(path))
    assert np.array_equal(first[:4, :20], studio(SIZE, SIZE)[:4, :20])


def test_feet_cast_a_shadow_that_goes_with_them_and_ends_where_they_are_lifted():
    model = shipped_body()
    skin = model.mean + np.array([0, 0, 3], np.float32)
    camera = Camera(position=(0, -0.4, 0), focal_px=250.0)
    view = Pinhole((250.0, 250.0), (80.0, 40.0), (160, 160)).seen_by(camera)
    floor, grey = floor_of(model, skin), np.full((160, 160, 3), 200, np.uint8)
    assert isinstance(floor, Floor)
    dark = 200 - cast(floor, skin, view, 1.0, grey)[..., 0].astype(int)
    aside = 200 - cast(floor, skin + np.float32([0.2, 0, 0]), view, 1.0, grey)[..., 0].astype(int)
    lifted = 200 - cast(floor, skin - np.float32([0, 0.2, 0]), view, 1.0, grey)[..., 0].astype(int)
    columns = np.arange(160)
    assert dark.max() > 60
    assert (aside.sum(0) @ columns) / aside.sum() > (dark.sum(0) @ columns) / dark.sum() + 8
    assert lifted.max() < 0.7 * dark.max()
    assert np.array_equal(cast(floor, skin, view, 0.0, grey), grey)
    below = Pinhole((250.0, 250.0), (80.0, 70.0), (160, 160), position=(0.0, 2.0, 0.0))
    assert np.array_equal(cast(floor, skin, below, 1.0, grey), grey)


def unmixed(wanted, shares, rounds, most=np.inf, rows=(0, None)):
    """What `mixing.unmix` finds for `wanted` (3, n), of which each shows `shares` (n, n) of the others."""
    shares = csr_matrix(shares.astype(np.float32))
    found, shown = np.empty_like(wanted), np.empty_like(wanted)
    told = (shares.indptr.astype(np.int64), shares.indices, shares.data)
    end = wanted.shape[1] if rows[1] is None else rows[1]
    mixing.unmix(wanted, *told, rows[0], end, rounds, np.float32(most), found, shown)
    return found


@pytest.fixture
def mixed(identity):
    """120 pixels that show .7 of themselves, .2 of the one before and .1 of one that is far away."""
    return 0.7 * np.eye(120) + 0.2 * np.eye(120, k=-1) + 0.1 * np.eye(120, k=47)


def test_pixels_that_mix_however_far_apart_are_unmixed(mixed):
    wanted = np.random.default_rng(1).normal(size=(3, 120)).astype(np.float32)
    assert np.abs(unmixed(wanted, mixed, 40) @ mixed.T - wanted).max() < 1e-4
    assert np.array_equal(unmixed(wanted, mixed, 0), wanted)


def test_unmixing_changes_no_colour_by_more_than_is_allowed_and_none_outside_its_rows(mixed):
    wanted = np.random.default_rng(1).normal(size=(3, 120)).astype(np.float32)
    changed = np.abs(unmixed(wanted, mixed, 40, 0.3) - wanted)
    assert changed.max() == pytest.approx(0.3, abs=1e-6)
    part = np.abs(unmixed(wanted, mixed, 3, rows=(20, 60)) - wanted).max(0)
    assert part[20:60].min() > 0
    assert part[:20].max() == part[60:].max() == 0


def test_a_body_shows_what_the_mesh_renderer_draws_of_its_face(engine, identity):
    """Of a face of 25 px, whose lips are one: how far the change is from the drawn one, of that change."""
    drawer, face = renderer(breathing=0.0), identity.kept.face
    left, top, right, bottom = face.box
    mesh = MeshRenderer(RenderConfig(view="photo", size=SIZE, breathing=0), CPU)
    controls = Motion(CONTROLS, motion(drawer, jawOpen=0.7).values[:, : len(CONTROLS)])
    wanted = mesh.draw(Identity(CONTROLS, torch.zeros(len(CONTROLS)), face.mesh, (0, 0)), controls)[0].astype(float)
    wanted -= face.mesh.still
    still, moved = (
        drawer.draw(identity, one)[0].astype(float) for one in (motion(drawer), motion(drawer, jawOpen=0.7))
    )
    apart = (moved - still - wanted)[top:bottom, left:right]
    changes = np.abs(wanted[top:bottom, left:right]).max(-1) > 3
    off = np.sqrt((apart[changes] ** 2).mean() / (wanted[top:bottom, left:right][changes] ** 2).mean())
    assert off < 0.25


@pytest.mark.slow
def test_what_is_kept_of_a_body_draws_the_same_frames(engine, photo, identity, tmp_path):
    drawer = engine.renderer
    made = Made(photo, find_portrait(photo), identity)
    KeptAvatars(drawer, engine.preset.render, CPU, tmp_path).keep("k", made)
    found = KeptAvatars(drawer, engine.preset.render, CPU, tmp_path).find("k", photo, photo.read_bytes())
    assert found is not None
    moved = motion(drawer, 9, jawOpen=0.5, headYaw=0.2, eyeBlinkLeft=1.0)
    camera = renderer(camera="orbit:15").camera(identity)
    for view in (FRONT, camera):
        assert np.array_equal(drawer.draw(found.identity, moved, view), drawer.draw(identity, moved, view))
    assert found.identity.warnings == identity.warnings


def test_a_camera_or_a_shadow_makes_no_other_avatar(engine, tmp_path):
    def named(**settings) -> str:
        config = replace(engine.preset.render, **settings)
        return KeptAvatars(engine.renderer, config, CPU, tmp_path).key("0" * 64, None)

    assert named() == named(camera="orbit:20") == named(shadow=0.5)
    assert len({named(), named(framing="head"), named(background="studio")}) == 3


@pytest.mark.slow
def test_the_plain_form_draws_the_same_pictures(identity):
    plain = BodyRenderer(renderer().config, CPU, "off")
    quick = renderer()
    assert (plain.kernels, quick.kernels) == ("plain", "compiled")
    moved = motion(quick, 3, headYaw=0.2, headX=0.3)
    apart = np.abs(plain.draw(identity, moved)[0].astype(int) - quick.draw(identity, moved)[0])
    assert apart.max() <= 2
    face = motion(quick, 3, jawOpen=0.4, eyeBlinkLeft=1.0)  # the mesh renderer's two forms differ by up to 4 / 255
    assert np.abs(plain.draw(identity, face)[0].astype(int) - quick.draw(identity, face)[0]).mean() < 0.2


def job(photo: Path, sound: Path, out: Path, *settings: str, **more) -> Job:
    return Job(
        photo=photo,
        sound=DialogueFiles(dialogue=sound),
        out=out,
        preset=load_preset("body", [*SETTINGS, *settings]),
        report=out.with_suffix(".json"),
        provenance=False,
        **more,
    )


def test_the_camera_is_part_of_a_job_and_of_its_command(photo, wav, tmp_path):
    walk = tmp_path / "walk.yaml"
    walk.write_text("yaw: 10\n")
    front = job(photo, wav(1.0), tmp_path / "a.mp4")
    orbit = job(photo, wav(1.0), tmp_path / "a.mp4", "render.camera=orbit:20", "render.framing=half")
    from_file = job(photo, wav(1.0), tmp_path / "a.mp4", f"render.camera={walk}")
    assert "--set render.camera=orbit:20 --set render.framing=half" in as_command(orbit)
    keys = {front.key(), orbit.key(), from_file.key()}
    walk.write_text("yaw: 11\n")
    assert len(keys | {from_file.key()}) == 4
    assert walk in from_file.inputs


def test_renderers_without_a_free_camera_refuse_one(avtr, photo, wav, tmp_path):
    for words in (("--camera", "orbit:20"), ("--framing", "half")):
        code, _, said = avtr("render", photo, wav(1.0), *words, "-o", tmp_path / "never.mp4")
        assert code == ConfigError.exit_code
        assert f"render.{words[0][2:]} does nothing with 'mesh'" in said


@pytest.mark.slow
def test_a_body_s_job_that_is_interrupted_goes_on_to_the_same_frames(engine, photo, wav, tmp_path, monkeypatch):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 5)
    walk = tmp_path / "walk.yaml"
    walk.write_text("- {at: 0, yaw: -10}\n- {at: 0.6, yaw: 15}\n")
    moving = Engine(load_preset("body", [*SETTINGS, f"render.camera={walk}"]))

    def make(name: str) -> Job:
        return job(photo, wav(0.6), tmp_path / name, f"render.camera={walk}")

    whole = render_file(make("whole.mkv"), moving)

    def stop(done: int, total: int) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_file(make("cut.mkv"), moving, stop)
    again = render_file(make("cut.mkv"), moving)
    assert again["output"]["resumed_from_frame"] >= 5
    assert again["output"]["frames_sha256"] == whole["output"]["frames_sha256"]
    assert whole["settings"]["render"]["camera"] == str(walk)


@pytest.mark.slow
def test_two_bodies_talk_in_one_video(engine, photo, wav, tmp_path):
    files = DialogueFiles(dialogue=wav(0.4))
    both = TwoSidedJob(photo=photo, photo_b=photo, sound=files, out=tmp_path / "both.mkv", preset=engine.preset)
    report = render_file(both, engine)
    assert (report["output"]["width"], report["output"]["height"]) == (2 * SIZE, SIZE)


@pytest.mark.slow
def test_a_person_becomes_a_file_of_gaussians_and_a_motion_a_folder_of_them(avtr, photo, wav, identity, tmp_path):
    few = ("--set", f"render.size={SIZE}", "--device", "cpu")
    out = tmp_path / "me.ply"
    code, said, _ = avtr("avatar", photo, "-o", out, *few, "--json")
    assert code == 0
    told = json.loads(said)
    avatar = identity.kept.avatar
    assert told["gaussians"] == len(read_ply(out)) == len(avatar) - avatar.painted
    assert avtr("avatar", photo, "-o", out, *few)[0] == 5
    merged = tmp_path / "few.ply"
    assert avtr("avatar", photo, "-o", merged, "--merge", "2", *few)[0] == 0
    assert len(read_ply(merged)) < 0.7 * told["gaussians"]
    movement = tmp_path / "m.safetensors"
    clip = ("-o", tmp_path / "m.mkv", "--motion-out", movement, *few)
    assert avtr("render", photo, wav(0.4), "--preset", "body", *clip)[0] == 0
    folder = tmp_path / "frames"
    code, said, _ = avtr("avatar", photo, "--from-motion", movement, "--every", "3", "-o", folder, *few)
    assert code == 0, said
    assert [path.name for path in sorted(folder.iterdir())] == [f"frame_00000{n}.ply" for n in (1, 2, 3, 4)]
    first, second = (read_ply(folder / f"frame_00000{n}.ply") for n in (1, 4))
    assert len(first) == len(second)
    assert not np.array_equal(first.means, second.means)
    code, _, said = avtr("avatar", photo, "--from-motion", movement, "-o", folder, *few)
    assert code == 5
    assert "exists already" in said
    (folder / "frame_000009.ply").write_text("mine")
    assert avtr("avatar", photo, "--from-motion", movement, "--every", "9", "-o", folder, "-y", *few)[0] == 0
    assert [path.name for path in sorted(folder.iterdir())] == [
        "frame_000001.ply",
        "frame_000002.ply",
        "frame_000009.ply",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "x.txt"), "name it .ply"),
        (("-o", "x.ply", "--preset", "default"), "preset default draws none"),
        (("-o", "x.ply", "--from-motion", "m.safetensors"), "name a folder"),
        (("-o", "x.ply", "--every", "2"), "--every goes with --from-motion"),
    ],
)
def test_what_an_avatar_cannot_be_is_one_sentence(avtr, photo, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, _, told = avtr("avatar", photo, *words)
    assert code == 2
    assert said in told
    assert list(tmp_path.iterdir()) == []
