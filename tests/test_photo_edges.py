"""Photo files at the edges: what they are whatever they are called, odd metadata, sizes, pipes; one sentence each."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avtr_cli.core.errors import PhotoError
from avtr_cli.perception import photo as photos
from avtr_cli.perception import picture_formats
from avtr_cli.perception.photo import decode_photo, load_photo, read_bytes
from avtr_cli.perception.portrait import find_portrait
from tests.fuzz import pictures

SMALL = Image.fromarray(np.linspace(0, 255, 96 * 64 * 3).reshape(64, 96, 3).astype(np.uint8))


def as_file(picture: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def exif(*entries: tuple[int, int, int, bytes], rest: bytes = b"") -> bytes:
    """An EXIF block of (tag, type, count, value or offset) as they stand in the file."""
    table = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + b"\0\0\0\0" + rest


TURNED = (0x112, 3, 1, struct.pack("<HH", 6, 0))
NEGATIVE_RATIONAL = exif(TURNED, (0x11A, 10, 1, struct.pack("<I", 38)), rest=struct.pack("<ii", -1, 0))
NUMBER_FOR_A_NAME = exif((0x10F, 11, 1, struct.pack("<I", 0x42900000)), TURNED)
TWO_FOR_ONE = exif((0x112, 3, 2, struct.pack("<HH", 6, 6)))


@pytest.mark.parametrize("block", [NEGATIVE_RATIONAL, NUMBER_FOR_A_NAME])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_odd_tags_beside_it_do_not_keep_the_orientation_from_being_applied(kind: str, block: bytes):
    lying = SMALL.transpose(Image.Transpose.ROTATE_90)
    assert decode_photo(as_file(lying, kind, exif=block), "x").shape == (64, 96, 3)


def test_an_orientation_that_cannot_be_read_leaves_the_picture_as_it_lies(capfd: pytest.CaptureFixture[str]):
    for block in (TWO_FOR_ONE, exif((0x112, 2, 1, b"6\0\0\0")), exif((0x112, 3, 1, struct.pack("<HH", 99, 0)))):
        assert decode_photo(as_file(SMALL, "JPEG", exif=block), "x").shape[:2] in ((64, 96), (96, 64))
    assert decode_photo(as_file(SMALL, "JPEG", exif=exif((0x112, 5, 1, b"\xff\xff\xff\xff"))), "x").shape == (64, 96, 3)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_no_exif_block_can_do_more_than_turn_the_picture(block: bytes, kind: str):
    data = as_file(SMALL, kind, exif=b"Exif\0\0II*\0\x08\0\0\0" + block)
    assert decode_photo(data, "x").shape in ((64, 96, 3), (96, 64, 3))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(120))
def test_a_spoiled_picture_is_read_or_refused_in_a_sentence(number: int):
    assert pictures.judge(3, number, faces=False) in ("read", "refused")


def test_decoders_may_raise_anything_and_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    def broken(_: bytes) -> Image.Image:
        raise ZeroDivisionError("line one\nline two.")

    monkeypatch.setattr(photos, "open_picture", broken)
    with pytest.raises(PhotoError) as caught:
        decode_photo(b"", "x.jpg")
    assert str(caught.value) == "x.jpg: the picture is damaged (line one line two); save it again"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "JPEG2000"])
def test_a_picture_is_what_its_bytes_are_whatever_its_name_says(kind: str, tmp_path: Path):
    for name in ("photo.jpg", "photo.png", "photo.heic", "photo"):
        (tmp_path / name).write_bytes(as_file(SMALL, kind))
        assert load_photo(tmp_path / name).shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n", "a PostScript file"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"8BPS\0\1" + bytes(40), "a Photoshop file"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "a Windows metafile"),
        (b"<svg xmlns='x'>", "a drawing"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
    ],
)
def test_what_no_decoder_shall_see_is_named(data: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program, called = tmp_path / "gs", tmp_path / "called"
    program.write_text(f"#!/bin/sh\ntouch {called}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PhotoError, match=says) as caught:
        decode_photo(data, "photo.jpg")
    assert "JPEG, PNG, WebP" in str(caught.value)
    assert not called.exists()


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"hevc"])
def test_heic_is_told_from_avif_and_named(brand: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(picture_formats.importlib.util, "find_spec", lambda name: None)
    data = struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + brand + b"miaf" + bytes(100)
    with pytest.raises(PhotoError, match=r"IMG_1\.jpg: this is a HEIC picture.*export it as JPEG"):
        decode_photo(data, "IMG_1.jpg")
    as_avif = data.replace(b"miaf", b"avif")
    with pytest.raises(PhotoError) as caught:
        decode_photo(as_avif, "x.avif")
    assert "HEIC" not in str(caught.value)


def test_heic_is_read_where_its_decoder_is_installed(monkeypatch: pytest.MonkeyPatch):
    class Decoder:
        @staticmethod
        def register_heif_opener() -> None:
            Image.register_open("HEIF", lambda file, name: Image.open(io.BytesIO(as_file(SMALL, "PNG"))))

    monkeypatch.setattr(picture_formats.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "pillow_heif", Decoder)
    try:
        data = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"heicmiaf" + bytes(100)
        assert np.array_equal(decode_photo(data, "x.heic"), np.asarray(SMALL))
    finally:
        Image.OPEN.pop("HEIF", None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_of_more_pixels_than_are_kept_is_halved_until_it_has_no_more(
    kind: str, monkeypatch: pytest.MonkeyPatch
):
    whole = Image.fromarray(np.kron(np.asarray(SMALL), np.ones((8, 8, 1), np.uint8)))  # 768 x 512
    monkeypatch.setattr(photos, "KEPT_WHOLE", 200_000)
    read = decode_photo(as_file(whole, kind, quality=95), "x")
    assert read.shape == (256, 384, 3)
    assert np.abs(read.astype(int) - np.asarray(whole.resize((384, 256), Image.Resampling.BOX))).mean() < 2
    if kind == "JPEG":
        monkeypatch.setattr(photos, "KEPT_WHOLE", 20_000)
        assert decode_photo(as_file(whole, kind), "x").shape == (64, 96, 3)  # an eighth, read so


@pytest.mark.slow
def test_the_108_megapixels_of_a_phone_are_read_in_bounded_memory():
    photo = Image.new("L", (12_000, 9_000), 90)
    assert decode_photo(as_file(photo, "JPEG"), "x").shape == (4_500, 6_000, 3)


@pytest.mark.slow
def test_limits_are_told_in_the_numbers_that_they_are(monkeypatch: pytest.MonkeyPatch):
    for size, says in (
        ((33_000, 64), "33000x64 px is too large; 32000 px a side"),
        ((30_000, 9_000), "270 megapixels"),
    ):
        with pytest.raises(PhotoError, match=says):
            decode_photo(as_file(Image.new("1", size), "PNG"), "x")
    assert Image.MAX_IMAGE_PIXELS == 89_478_485  # Pillow's own limit is what it was
    monkeypatch.setattr(photos, "LARGEST_FILE", 100)
    with pytest.raises(PhotoError, match="MiB is the most"):
        read_bytes(__file__)


def test_a_pipe_and_a_device_are_refused_and_do_not_hang(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        done: list[str] = []
        thread = threading.Thread(target=lambda path=path, done=done: done.append(_refusal(path)), daemon=True)
        thread.start()
        thread.join(5)
        assert done
        assert "pipe or a device" in done[0]


def _refusal(path: Path) -> str:
    with pytest.raises(PhotoError) as caught:
        read_bytes(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["n" * 300, "a\0b", "x" * 20_000])
def test_a_name_that_no_file_can_have_is_one_sentence(name: str, tmp_path: Path):
    assert "\n" not in _refusal(tmp_path / name)


def test_a_name_that_is_not_utf_8_is_a_name(tmp_path: Path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    SMALL.save(path)
    assert load_photo(path).shape == (64, 96, 3)


@pytest.mark.slow
def test_known_bytes_are_not_read_again(photo: Path, tmp_path: Path):
    portrait = find_portrait(tmp_path / "gone.png", None, photo.read_bytes())
    assert portrait.sha256 == find_portrait(photo).sha256
