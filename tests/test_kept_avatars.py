"""Prepared avatars on the disk: the same frames as prepared anew, private, bounded, and never a reason to fail."""

from __future__ import annotations

import dataclasses
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avtr_cli.core.config import RenderConfig, load_preset
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.protocols import KeepsAvatars
from avtr_cli.core.types import Motion, Portrait
from avtr_cli.diagnostics.render_timing import talking
from avtr_cli.kernels.sampling import TorchSampler
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.streaming import engine as engines
from avtr_cli.streaming import kept_avatars
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.kept_avatars import KeptAvatars, Made

CPU = torch.device("cpu")
SMALL = RenderConfig(size=64)
PRESET = load_preset("default", ["render.size=64"])


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


@pytest.fixture(scope="module")
def renderer() -> MeshRenderer:
    return MeshRenderer(SMALL, CPU)


@pytest.fixture(scope="module")
def made(photo: Path, portrait: Portrait, renderer: MeshRenderer) -> Made:
    return Made(photo, portrait, renderer.prepare(portrait))


@pytest.fixture
def kept(renderer: MeshRenderer, tmp_path: Path) -> KeptAvatars:
    return KeptAvatars(renderer, SMALL, CPU, tmp_path / "avatars")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing is kept yet."""
    monkeypatch.setenv("AVTR_AVATARS", str(tmp_path / "avatars"))
    return tmp_path / "avatars"


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def frames(renderer: MeshRenderer, made: Made) -> np.ndarray:
    motion = Motion(CONTROLS, torch.from_numpy(talking(40)[::4]))
    return renderer.draw(made.identity, motion).copy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "kernels"),
    [({"size": 96}, "auto"), ({"size": 96}, "off"), ({"size": 64}, "as on a GPU"),
     ({"size": 65, "view": "photo"}, "auto"), ({"size": 64, "background": "transparent"}, "auto")],
)  # fmt: skip
def test_what_is_kept_draws_the_frames_of_what_was_prepared(
    photo: Path, portrait: Portrait, tmp_path: Path, settings: dict, kernels: str
):
    config = RenderConfig(**settings)
    renderer = MeshRenderer(config, CPU, "auto" if kernels == "auto" else "off")
    if kernels == "as on a GPU":
        renderer.sampler = TorchSampler(CPU)
    made = Made(photo, portrait, renderer.prepare(portrait))
    KeptAvatars(renderer, config, CPU, tmp_path).keep("k", made)
    found = KeptAvatars(renderer, config, CPU, tmp_path).find("k", photo, photo.read_bytes())
    assert found is not None
    assert np.array_equal(frames(renderer, found), frames(renderer, made))
    assert (found.identity.size, found.identity.person) == (made.identity.size, made.identity.person)
    assert torch.equal(found.identity.anatomy["parted_lips"], made.identity.anatomy["parted_lips"])
    for field in dataclasses.fields(Portrait):
        assert np.array_equal(getattr(found.portrait, field.name), getattr(portrait, field.name)), field.name


def test_what_is_kept_is_for_its_owner_alone(kept: KeptAvatars, made: Made, tmp_path: Path):
    (tmp_path / "avatars").mkdir(mode=0o755)
    kept.keep("k", made)
    (file,) = files(tmp_path / "avatars")
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "text", "another format", "folder"])
def test_what_is_damaged_or_foreign_is_made_anew(
    kept: KeptAvatars, made: Made, photo: Path, tmp_path: Path, spoil: str
):
    kept.keep("k", made)
    (file,) = files(tmp_path / "avatars")
    whole = bytearray(file.read_bytes())
    if spoil == "folder":
        file.unlink()
        file.mkdir()
    else:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 4
        another = whole.replace(b"avtr-avatar-1", b"avtr-avatar-0")
        spoilt = {
            "flip": flipped,
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "text": b"hello",
            "another format": another,
        }
        file.write_bytes(spoilt[spoil])
    assert kept.find("k", photo, photo.read_bytes()) is None
    kept.keep("k", made)
    if spoil != "folder":  # which is somebody else's, and left alone
        assert kept.find("k", photo, photo.read_bytes()) is not None


@pytest.mark.parametrize("at", [0.02, 0.3, 0.9, 0.999])
def test_no_byte_of_it_may_change(kept: KeptAvatars, made: Made, photo: Path, tmp_path: Path, at: float):
    kept.keep("k", made)
    (file,) = files(tmp_path / "avatars")
    whole = bytearray(file.read_bytes())
    whole[int(at * len(whole))] ^= 1
    file.write_bytes(whole)
    assert kept.find("k", photo, photo.read_bytes()) is None
    assert not file.exists()


def test_whatever_shapes_an_avatar_has_a_name_of_its_own(
    renderer: MeshRenderer, kept: KeptAvatars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def named(**changes: object) -> str:
        config = dataclasses.replace(SMALL, **changes)
        return KeptAvatars(renderer, config, CPU, tmp_path).key("a" * 64, None)

    picture = tmp_path / "behind.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    names = [named(), named(size=66), named(view="photo"), named(background="blur"), named(background=str(picture))]
    names += [kept.key("b" * 64, None), kept.key("a" * 64, 1), kept.key("a" * 64, 2)]
    names += [KeptAvatars(renderer, SMALL, torch.device("cuda"), tmp_path).key("a" * 64, None)]
    Image.new("RGB", (8, 8), "blue").save(picture)
    names.append(named(background=str(picture)))
    for name in ("_code", "_libraries"):
        with monkeypatch.context() as patched:
            patched.setattr(kept_avatars, name, lambda: "others")
            names.append(named())
    assert len(set(names)) == len(names)
    assert named() == kept.key("a" * 64, None) == names[0]


def test_the_name_knows_the_code_that_prepares(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for room in kept_avatars.PREPARING:
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "one.py").write_text("1")
    monkeypatch.setattr(kept_avatars, "PACKAGE", tmp_path)
    code = kept_avatars._code.__wrapped__
    before = code()
    assert code() == before
    (tmp_path / "render" / "one.py").write_text("2")
    assert code() != before


def test_the_longest_unused_go_where_there_are_too_many(
    kept: KeptAvatars, made: Made, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept.keep("a", made)
    (file,) = files(tmp_path / "avatars")
    monkeypatch.setattr(kept_avatars, "MOST_BYTES", int(2.5 * file.stat().st_size))
    kept.keep("b", made)
    for name, age in (("a", 300), ("b", 200)):
        os.utime(tmp_path / "avatars" / f"{name}.safetensors", (time.time() - age,) * 2)
    (tmp_path / "avatars" / "notes.txt").write_text("mine")
    assert kept.find("a", photo, photo.read_bytes()) is not None  # used just now
    kept.keep("c", made)
    assert [file.name for file in files(tmp_path / "avatars")] == ["a.safetensors", "c.safetensors", "notes.txt"]


def test_what_a_killed_process_left_goes_and_what_one_still_writes_stays(kept: KeptAvatars, made: Made, tmp_path: Path):
    folder = tmp_path / "avatars"
    folder.mkdir()
    for name, age in (("old", 7200), ("new", 60)):
        partial = folder / f".avtr-{name}.partial"
        partial.write_bytes(b"half")
        os.utime(partial, (time.time() - age,) * 2)
    kept.keep("k", made)
    assert [file.name for file in files(folder)] == [".avtr-new.partial", "k.safetensors"]


@pytest.mark.parametrize(("limit", "value"), [("MOST_OF_ONE", 1000), ("LEFT_FREE", 1 << 60)])
def test_neither_huge_avatars_are_kept_nor_any_on_a_full_disk(
    kept: KeptAvatars, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
):
    monkeypatch.setattr(kept_avatars, limit, value)
    kept.keep("k", made)
    assert files(tmp_path / "avatars") == []


def test_a_folder_that_cannot_be_is_no_reason_to_fail(renderer: MeshRenderer, made: Made, photo: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    kept = KeptAvatars(renderer, SMALL, CPU, tmp_path / "file" / "avatars")
    kept.keep("k", made)
    assert kept.find("k", photo, photo.read_bytes()) is None


def test_a_folder_of_another_user_is_not_used(
    kept: KeptAvatars, made: Made, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept.keep("k", made)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert kept.find("k", photo, photo.read_bytes()) is None
    kept.keep("other", made)
    assert [file.name for file in files(tmp_path / "avatars")] == ["k.safetensors"]


def test_several_at_once_may_keep_and_find_one_avatar(renderer: MeshRenderer, made: Made, photo: Path, tmp_path: Path):
    def both(_: int) -> Made | None:
        kept = KeptAvatars(renderer, SMALL, CPU, tmp_path)
        kept.keep("k", made)
        return kept.find("k", photo, photo.read_bytes())

    with ThreadPoolExecutor(3) as crew:
        assert all(found is not None for found in crew.map(both, range(6)))
    assert [file.name for file in files(tmp_path)] == ["k.safetensors"]


@pytest.mark.slow
def test_a_second_engine_finds_what_the_first_prepared(
    fresh: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    small = Image.open(photo).resize((200, 200))  # so that there is a warning
    for name in ("one", "two"):
        small.save(tmp_path / f"{name}.png")
    first = Engine(PRESET).avatar(tmp_path / "one.png")
    assert len(files(fresh)) == 1
    monkeypatch.setattr(engines, "find_portrait", lambda *_: pytest.fail("it was found before"))
    portrait, identity = Engine(PRESET).avatar(tmp_path / "two.png")
    assert portrait.warnings
    assert all("two.png" in said for said in (*portrait.warnings, *identity.warnings))
    assert [said.replace("two.png", "one.png") for said in portrait.warnings] == list(first[0].warnings)


@pytest.mark.slow
def test_off_keeps_nothing_and_looks_for_nothing(fresh: Path, photo: Path):
    Engine(PRESET.with_settings(**{"runtime.keep_avatars": "off"})).avatar(photo)
    assert not fresh.exists()


@pytest.mark.slow
def test_a_job_has_the_frames_of_one_without_kept_avatars(
    fresh: Path, photo: Path, wav: Callable[..., Path], tmp_path: Path
):
    from avtr_cli import DialogueFiles, Job, render_file

    def hash_of(name: str, preset) -> str:
        job = Job(photo=photo, sound=DialogueFiles(dialogue=wav(0.6)), out=tmp_path / f"{name}.mp4", preset=preset)
        return render_file(job)["output"]["frames_sha256"]

    without = hash_of("without", PRESET.with_settings(**{"runtime.keep_avatars": "off"}))
    assert [hash_of(name, PRESET) for name in ("first", "second")] == [without] * 2
    assert len(files(fresh)) == 1


def test_a_background_that_changes_meanwhile_is_not_kept(fresh: Path, photo: Path, tmp_path: Path, made: Made):
    picture = tmp_path / "behind.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    engine = Engine(PRESET.with_settings(**{"render.background": str(picture)}))

    def prepare(_: Portrait):
        Image.new("RGB", (8, 8), "blue").save(picture)
        return made.identity

    engine.renderer.prepare = prepare
    engine.avatar(photo)
    assert files(fresh) == []


def test_only_auto_and_off_are_settings():
    with pytest.raises(ConfigError, match="keep_avatars"):
        load_preset("default", ["runtime.keep_avatars=always"])


def test_the_mesh_renderer_keeps_avatars(renderer: MeshRenderer):
    assert isinstance(renderer, KeepsAvatars)
