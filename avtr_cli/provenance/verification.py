"""What a file says of its origin, read back and put in plain words: what it is, by whom, whether altered.

Only a signed C2PA manifest can show that a file is unaltered; metadata and XMP can be removed or written by anyone.
With the report of the job at hand, the file's hash tells as well.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import ConfigError, InputError, OutputError
from avtr_cli.core.files import file_sha256
from avtr_cli.core.textfile import parse_json, read_text, why_no_file
from avtr_cli.output import ffmpeg, isobmff, png
from avtr_cli.output.sequence import FIRST, PictureSequence, is_sequence, named_output, sequence_sha256
from avtr_cli.provenance import signing, xmp
from avtr_cli.provenance.c2pa_manifest import Finding, inspect, mentions_manifest
from avtr_cli.provenance.marks import INSTALL
from avtr_cli.provenance.media_types import media_type_of
from avtr_cli.provenance.origin import DIGITAL_SOURCE_TYPE

INTACT, ALTERED, UNKNOWN = "intact", "altered", "unknown"


@dataclass(frozen=True)
class Verdict:
    """What was found, as facts and as lines for a person."""

    path: Path
    generated: bool  # some mark says that a trained model made it
    integrity: str  # intact | altered | unknown
    signer: str = ""
    trusted: bool = False  # the signer's certificate leads to a root that is trusted here
    facts: dict[str, Any] = field(default_factory=dict)  # inputs' hashes, models, seed, of our own manifest
    lines: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Marked as generated, and nothing speaks against the file being as it was made."""
        return self.generated and self.integrity != ALTERED

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it, with `good`."""
        return asdict(self) | {"path": str(self.path), "good": self.good}


def verify(path: Path, report: Path | None = None, anchors: Path | None = None) -> Verdict:
    """Read every mark of `path`; compare with its `report` where given; trust the roots in `anchors` (PEM) too.

    A video, a sequence of pictures (its name, or its folder), or any other file with a C2PA manifest. Raises
    InputError where it is none of them, ConfigError for a report or roots that cannot be read.
    """
    path = _file_of(path)
    marks = _marks(path, anchors)
    same = _same_as_reported(path, report) if report is not None else None
    manifest, stripped = marks.manifest, marks.stripped
    integrity = ALTERED if stripped else _integrity(manifest, same)
    lines = [
        f"{path}: {_what(marks)}",
        *_signature(manifest, marks.holds_manifest, stripped),
        _alteration(integrity, manifest, same),
        *_inputs(manifest, integrity),
    ]
    return Verdict(
        path=path,
        generated=marks.generated,
        integrity=integrity,
        signer=_signer(manifest) if manifest else "",
        trusted=manifest is not None and manifest.state == "Trusted",
        facts=manifest.facts if manifest else {},
        lines=tuple(lines),
    )


def _file_of(path: Path) -> Path:
    """The file to look at: of a sequence, the first picture, as all of them say the same. Raises InputError."""
    numbered = path / named_output("./").name if os.path.isdir(path) else path
    if is_sequence(numbered) and not os.path.lexists(numbered):
        try:
            numbered = PictureSequence(numbered).picture(FIRST)
        except OutputError as error:
            raise InputError(str(error)) from None
    if os.path.isdir(path) and not os.path.isfile(numbered):
        raise InputError(f"{path}: is a folder, and no sequence of pictures lies in it; name a video")
    if why := why_no_file(numbered):
        also = f", nor a {numbered.name}, the first of pictures so called" if numbered != path else ""
        raise InputError(f"{path}: {why}{also}")
    return numbered


@dataclass(frozen=True)
class _Marks:
    """Everything that a file says of itself."""

    comment: str  # of the container
    said: dict[str, str]  # by XMP
    holds_manifest: bool
    manifest: Finding | None  # None also where it cannot be read here

    @property
    def stripped(self) -> bool:
        return self.said.get("avtr:Signed") == "yes" and not self.holds_manifest

    @property
    def generated(self) -> bool:
        declared = self.said.get("Iptc4xmpExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE
        by_manifest = self.manifest is not None and self.manifest.generated
        return declared or by_manifest or DIGITAL_SOURCE_TYPE in self.comment


def _marks(path: Path, anchors: Path | None) -> _Marks:
    """Raises InputError for what is neither a video nor says anything that can be read here."""
    try:
        boxes, kind = isobmff.is_isobmff(path), media_type_of(path)
        packet = isobmff.read_uuid(path, isobmff.XMP_UUID) if boxes else None
        words = png.read_words(path) if kind == "image/png" else {}
        manifest = inspect(path, anchors) if signing.installed() else None
        holds = isobmff.find_uuid(path, isobmff.C2PA_UUID) is not None if boxes else manifest is not None
        holds = holds or (not signing.installed() and path.stat().st_size > 0 and mentions_manifest(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    said = xmp.read(packet or words.get(png.XMP_KEYWORD.decode(), "").encode())
    comment = words.get("Comment", "")
    if not holds and not comment and not said:
        _check_video(path, kind)
    if kind.startswith("video/") or not kind:
        comment = comment or _metadata(path, damaged=holds).get("comment", "")
    return _Marks(comment, said, holds, manifest if holds else None)


def _check_video(path: Path, kind: str) -> None:
    """Raises InputError for what is no video: nothing of it was looked at, so nothing may be said of it."""
    what = kind.partition("/")[0]
    if what not in ("video", ""):
        name = {"image": "a picture", "audio": "a sound"}.get(what, "a document")
        raise InputError(f"{path}: no video but {name} ({kind}), and without a C2PA manifest")
    with path.open("rb") as file:
        head = file.read(4096)
        if not head:
            raise InputError(f"{path}: no video: it is empty")
        if not head.translate(None, bytes(range(32, 256)) + b"\t\n\r"):
            raise InputError(f"{path}: no video but text")  # which ffmpeg would show as one
    wanted = ["-i", str(path.absolute()), "-map", "0:V:0", "-c", "copy", "-frames:v", "1", "-f", "null", "-"]
    try:
        ffmpeg.run(wanted, f"{path}: not a video that can be read")
    except OutputError as error:
        raise InputError(str(error)) from None


def _integrity(manifest: Finding | None, same: bool | None) -> str:
    if same is False or (manifest is not None and not manifest.intact):
        return ALTERED
    return INTACT if same or manifest is not None else UNKNOWN


def _what(marks: _Marks) -> str:
    if not marks.generated:
        return "nothing in it says how it was made"
    tool = (marks.manifest.generator if marks.manifest else "") or marks.said.get("xmp:CreatorTool", "")
    if marks.comment.startswith("AI-generated: "):
        return marks.comment.split(" digitalSourceType=")[0]
    return f"AI-generated{f', by {tool}' if tool else ''}"


def _signature(manifest: Finding | None, holds_manifest: bool, stripped: bool) -> list[str]:
    if stripped:
        return ["it was signed when it was made, but there is no signature in it now"]
    if manifest is None:
        if holds_manifest:
            return [f"it holds a signed C2PA manifest that cannot be checked here: {INSTALL}"]
        return ["not signed: nothing shows who made it"]
    if not manifest.signer and not manifest.issuer:
        return ["its C2PA manifest is damaged and names no signer"]
    signer = _signer(manifest)
    if signing.LOCAL_ORGANIZATION in (manifest.issuer, manifest.signer):
        return ["signed with a certificate that avtr made on some machine: it shows alterations, not who made the file"]
    if manifest.state == "Trusted":
        return [f"signed by {signer}, whose certificate is trusted here"]
    return [f"signed by {signer}, whose certificate no root that is trusted here vouches for"]


def _signer(manifest: Finding) -> str:
    return ": ".join(filter(None, (manifest.issuer, manifest.signer)))


def _alteration(integrity: str, manifest: Finding | None, same: bool | None) -> str:
    if integrity == ALTERED:
        if manifest is not None and not manifest.intact:
            why = ", ".join(manifest.failures) or "its manifest does not hold"
            return f"ALTERED since it was signed ({why})"
        return f"ALTERED: {'it is not the file of the report' if same is False else 'its signature was removed'}"
    if integrity == INTACT:
        return "not altered since it was " + ("signed" if manifest is not None else "rendered, as its report shows")
    return "whether it was altered cannot be told without a signature; --report FILE.json of its job would tell"


def _inputs(manifest: Finding | None, integrity: str) -> list[str]:
    if manifest is None or not manifest.facts.get("inputs") or integrity == ALTERED:
        return []
    made_from = ", ".join(f"{role} {about['sha256'][:16]}…" for role, about in manifest.facts["inputs"].items())
    return [f"made from {made_from} (SHA-256), preset {manifest.facts['preset']}, seed {manifest.facts['seed']}"]


def _same_as_reported(path: Path, report: Path) -> bool:
    try:
        output = parse_json(read_text(report))["output"]
        wanted, named = output["sha256"], Path(output.get("path", ""))
        # the report knows the whole sequence, not one picture
        pictures = PictureSequence(path.parent / named.name).pictures() if is_sequence(named) else []
    except (ValueError, KeyError, TypeError, AttributeError, OutputError) as error:
        raise ConfigError(f"{report}: not a report of avtr; --report is what avtr render --report wrote") from error
    return bool((sequence_sha256(pictures) if is_sequence(named) else file_sha256(path)) == wanted)


def _metadata(path: Path, damaged: bool) -> dict[str, str]:
    """The container's own metadata, keys in small letters.

    Raises InputError where it is no video; nothing is found in one that may be `damaged`.
    """
    try:
        text = ffmpeg.capture(
            ["-i", str(path.absolute()), "-f", "ffmetadata", "-"], f"{path}: not a video that can be read"
        )
    except OutputError as error:
        if damaged:
            return {}
        raise InputError(str(error)) from None
    pairs: dict[str, str] = {}
    for line in text.decode(errors="replace").replace("\\\n", " ").splitlines():
        if line.startswith("["):  # chapters and streams follow
            break
        key, equals, value = line.partition("=")
        if equals:
            pairs[key.lower()] = _unescaped(value)
    return pairs


def _unescaped(value: str) -> str:
    letters = iter(value)
    return "".join(next(letters, "") if letter == "\\" else letter for letter in letters)
