"""What a file is by its first bytes, whatever it is called, as the media types that C2PA knows.

Browsers save WebP as `.jpg`, phones HEIC as `.jpg`, and many a `.png` is a JPEG; C2PA must be told what is there.
"""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 64

_HEADS = (  # (offset, bytes, media type)
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"BM", "image/bmp"),
    (0, b"OggS", "audio/ogg"),
)
_EBML = b"\x1a\x45\xdf\xa3"  # WebM and Matroska; the DocType, soon after, tells which
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/avi"}
_BRANDS = {
    "image/avif": (b"avif", b"avis"),
    "image/heic": (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"),
    "image/heif": (b"mif1", b"msf1"),
    "audio/mp4": (b"M4A ", b"M4B "),
    "video/quicktime": (b"qt  ",),
}  # of ISO base media files; others are MP4


def media_type(head: bytes) -> str:
    """The media type of a file that begins with `head` (HEAD_BYTES of it), or "" where none is recognised."""
    if head[4:8] == b"ftyp":
        return next((kind for kind, brands in _BRANDS.items() if head[8:12] in brands), "video/mp4")
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12], "")
    if head[:4] == _EBML:
        return "video/webm" if b"webm" in head else "video/x-matroska"
    return next((kind for at, start, kind in _HEADS if head[at : at + len(start)] == start), "")


def media_type_of(path: Path) -> str:
    """The same of the file at `path`. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return media_type(file.read(HEAD_BYTES))
