"""Marks at the edges: photos whose names lie or that changed, homes nobody may write to, odd certificates."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from avtr_cli.core.errors import AvtrError, ConfigError, InputError, OutputError
from avtr_cli.provenance import marks, signing
from avtr_cli.provenance.media_types import media_type
from avtr_cli.provenance.origin import Origin
from avtr_cli.provenance.verification import ALTERED, INTACT, verify
from tests import videos, warm

pytestmark = pytest.mark.skipif(not signing.installed(), reason="needs the provenance extra: c2pa-python, cryptography")

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "TIFF": "image/tiff"}


@pytest.fixture(autouse=True)
def identity_of_this_test(tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_IDENTITY", str(tmp_path / "identity" / "identity.pem"))
    monkeypatch.delenv("AVTR_CERT", raising=False)
    monkeypatch.delenv("AVTR_KEY", raising=False)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    videos.ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=0.2", str(path))
    return path.read_bytes()


@pytest.fixture
def video(tmp_path, film) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(film)
    return path


def picture(kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(data, kind)
    return data.getvalue()


def signed(data: bytes) -> bytes:
    """Another program's picture, signed with a certificate of this machine."""

    import c2pa

    from avtr_cli.provenance import c2pa_manifest as ours

    context = c2pa.Context(settings=c2pa.Settings.from_dict(ours._SETTINGS))
    builder = c2pa.Builder(json.dumps(ours._definition(Origin(models={}), 0)), context=context)
    done = io.BytesIO()
    builder.sign(ours._native(signing.local_signer()), media_type(data[:64]), io.BytesIO(data), done)
    return done.getvalue()


def marked(video: Path, photo: Path, sha256: str = "") -> dict:
    inputs = {"photo": sha256} if sha256 else {}
    origin = Origin(models={"motion": "lmfm"}, photos=(photo,), inputs=inputs)
    return marks.mark(video, origin, marks.choose_signer(None, None))


def ingredients(video: Path) -> list[dict]:
    import c2pa

    with c2pa.Reader(str(video)) as reader:
        return reader.get_active_manifest().get("ingredients", [])


# The photo as an ingredient


@pytest.mark.parametrize("called", [".jpg", ".png", ".webp", ".bin", ""])
@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_is_an_ingredient_whatever_its_name_says(video, tmp_path, kind, called):
    photo = tmp_path / f"photo{called}"
    photo.write_bytes(picture(kind))
    assert "ingredient_left_out" not in marked(video, photo)["c2pa"]
    (one,) = ingredients(video)
    assert (one["relationship"], one["format"]) == ("inputTo", KINDS[kind])
    assert verify(video).integrity == INTACT


def test_a_photo_that_c2pa_cannot_read_is_left_out_and_the_report_says_so(video, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture()[:200])
    said = marked(video, photo)["c2pa"]["ingredient_left_out"]
    assert "photo.png: C2PA cannot read it" in said
    assert ingredients(video) == []
    assert verify(video).integrity == INTACT


@pytest.mark.parametrize("change", ["other bytes", "gone", "a pipe", "a folder"])
def test_a_photo_that_is_no_longer_what_was_drawn_is_not_signed_as_it(video, tmp_path, change):
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture())
    drawn = hashlib.sha256(photo.read_bytes()).hexdigest()
    photo.unlink()
    if change == "other bytes":
        photo.write_bytes(picture("JPEG"))
    elif change == "a pipe":
        os.mkfifo(photo)
    elif change == "a folder":
        photo.mkdir()
    said = marked(video, photo, drawn)["c2pa"]["ingredient_left_out"]
    assert "photo.png: " in said
    assert "not in the manifest" in said
    assert ingredients(video) == []
    assert verify(video).integrity == INTACT


def test_a_photo_that_is_what_was_drawn_brings_its_own_manifest_along(video, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(signed(picture()))
    assert "ingredient_left_out" not in marked(video, photo, hashlib.sha256(photo.read_bytes()).hexdigest())["c2pa"]
    assert ingredients(video)[0]["active_manifest"]


def test_a_disk_that_is_full_while_marking_is_an_output_error(video, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("avtr_cli.output.isobmff.append_uuid", full)
    with pytest.raises(OutputError, match=r"the marks cannot be written \(No space left"):
        marks.mark(video, Origin(models={}), None)


# Who signs


@pytest.mark.parametrize("home", ["/dev/null", "/proc/nowhere"])
def test_a_home_that_cannot_be_written_to_is_one_sentence_with_the_ways_out(home, monkeypatch):
    monkeypatch.delenv("AVTR_IDENTITY")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    with pytest.raises(OutputError, match=r"cannot be kept there .*AVTR_IDENTITY.*--no-provenance"):
        marks.choose_signer(None, None)


def test_without_any_home_the_ways_out_are_named(monkeypatch):
    def nobody(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AVTR_IDENTITY")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(OutputError, match="--no-provenance"):
        marks.choose_signer(None, None)
    monkeypatch.setattr(Path, "expanduser", nobody)
    monkeypatch.setenv("AVTR_CERT", "~nobody/a.pem")
    with pytest.raises(ConfigError, match="write the whole path"):
        marks.choose_signer(None, None)


@pytest.mark.parametrize("damage", ["empty", "cut", "letters", "two halves", "folder", "pipe", "another's key"])
def test_a_local_certificate_that_is_damaged_is_told_before_anything_is_rendered(tmp_path, damage, monkeypatch):
    signing.local_signer()
    path = signing.local_certificate_file()
    whole = path.read_bytes()
    if damage in ("folder", "pipe"):
        path.unlink()
        path.mkdir() if damage == "folder" else os.mkfifo(path)
    elif damage == "another's key":
        monkeypatch.setenv("AVTR_IDENTITY", str(tmp_path / "other.pem"))
        signing.local_signer()
        key, marker, _ = whole.partition(b"-----BEGIN CERTIFICATE-----")
        signing.local_certificate_file().write_bytes(
            key + marker + (tmp_path / "other.pem").read_bytes().partition(marker)[2]
        )
    else:
        halves = whole[:100] + whole[300:]
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "letters": b"x" * 500}.get(damage, halves))
    with pytest.raises(ConfigError, match=r"delete it and a new one is made|the local certificate is kept there"):
        marks.choose_signer(None, None)


MAKE = "from avtr_cli.provenance.signing import local_signer; print(local_signer().chain.hex()[-200:])"


@pytest.mark.slow
def test_processes_that_make_the_certificate_at_once_agree_on_one(tmp_path):
    running = [warm.start(MAKE) for _ in range(4)]
    said = {process.communicate()[0] for process in running}
    assert len(said) == 1
    assert [path.name for path in signing.local_certificate_file().parent.iterdir()] == ["identity.pem"]


def test_a_c2pa_that_cannot_be_loaded_is_told_before_anything_is_rendered(monkeypatch):
    monkeypatch.setitem(sys.modules, "avtr_cli.provenance.c2pa_manifest", None)
    with pytest.raises(ConfigError, match=r"C2PA does not work here .*pip install"):
        marks.choose_signer(None, None)


# Reading back


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("called", ["a.mp4", "a.jpg", "a"])
def test_a_signed_picture_is_told_to_be_signed_whatever_its_name_says(tmp_path, kind, called):
    path = tmp_path / called
    path.write_bytes(signed(picture(kind)))
    verdict = verify(path)
    assert (verdict.integrity, verdict.good) == (INTACT, True)
    assert "not altered since it was signed" in verdict.lines


def test_a_signed_picture_whose_pixels_changed_is_altered(tmp_path):
    data = bytearray(signed(picture("JPEG")))
    data[-100] ^= 1
    (tmp_path / "a.jpg").write_bytes(data)
    assert verify(tmp_path / "a.jpg").integrity == ALTERED


@pytest.mark.slow
def test_a_signed_sound_is_told_to_be_signed(tmp_path):
    videos.ffmpeg("-f", "lavfi", "-i", "sine=440:duration=0.2", str(tmp_path / "plain.wav"))
    (tmp_path / "a.wav").write_bytes(signed((tmp_path / "plain.wav").read_bytes()))
    assert verify(tmp_path / "a.wav").integrity == INTACT


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "BMP", "wav", "mp3", "m4a", "text", "nothing", "damaged"])
def test_what_is_no_video_and_holds_no_manifest_is_said_to_be_no_video(tmp_path, kind):
    path = tmp_path / "a.mp4"
    if kind in ("wav", "mp3", "m4a"):
        form = {"m4a": "ipod"}.get(kind, kind)
        videos.ffmpeg("-f", "lavfi", "-i", "sine=440:duration=0.2", "-f", form, str(path))
    else:
        texts = {"text": b"just words\n" * 100, "nothing": b"", "damaged": picture("JPEG")[:300]}
        path.write_bytes(texts[kind] if kind in texts else picture(kind))
    (tmp_path / "a.txt").write_bytes(path.read_bytes())
    for called in (path, tmp_path / "a.txt"):
        with pytest.raises(InputError, match=r"no video|not a video"):
            verify(called)


def test_a_folder_a_pipe_and_a_missing_file_are_called_what_they_are(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow.mp4").touch()
    for name, says in (
        ("pipe.mp4", "is a pipe"),
        ("empty", "is a folder, and no sequence of pictures lies in it"),
        ("none.mp4", "there is no such file"),
        ("hollow.mp4", "it is empty"),
        ("none.png", r"there is no such file, nor a none_000001\.png"),
        ("n" * 300, "File name too long"),
        ("nul\0.mp4", "NUL"),
        ("%d%d.png", "number the pictures once"),
    ):
        with pytest.raises(InputError, match=says):
            verify(tmp_path / name)


def test_a_folder_of_numbered_pictures_is_verified_as_the_sequence_it_is(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number:06d}.png").write_bytes(picture())
        marks.mark(folder / f"{number:06d}.png", Origin(models={"motion": "lmfm"}), None)
    for path in (folder, folder / "%06d.png", folder / "######.png"):
        assert verify(path).generated


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"output": []}', '{"output": {"sha256": 1, "path": 7}}', "[" * 9000, "x"]
)
def test_a_report_that_is_none_is_refused(video, tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ConfigError, match="not a report of avtr"):
        verify(video, tmp_path / "report.json")


def test_roots_that_are_none_are_refused_and_not_taken_for_an_alteration(video, tmp_path):
    marked(video, tmp_path / "none.png")
    (tmp_path / "roots.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigError, match="holds no certificate"):
        verify(video, anchors=tmp_path / "roots.pem")


@pytest.mark.slow
def test_the_command_tells_of_the_good_ones_though_another_is_none(video, tmp_path):
    marked(video, tmp_path / "none.png")
    done = warm.run(warm.AVTR, "verify", tmp_path / "none.mp4", video)
    assert done.returncode == AvtrError.exit_code + 2
    assert "not altered since it was signed" in done.stdout
    assert "there is no such file" in done.stderr
