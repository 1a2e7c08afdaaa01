"""What a video file says of its origin, read back and put in plain words: what it is, by whom, whether altered.

Only a signed C2PA manifest can show that a file is unaltered; metadata and XMP can be removed or written by anyone.
With the report of the job at hand, the file's hash tells as well.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avtr_cli.errors import ConfigError, InputError, OutputError
from avtr_cli.files import file_sha256
from avtr_cli.output import ffmpeg, isobmff, png, signing, xmp
from avtr_cli.output.c2pa_manifest import Finding, inspect
from avtr_cli.output.origin import DIGITAL_SOURCE_TYPE
from avtr_cli.output.provenance import INSTALL
from avtr_cli.output.sequence import FIRST, PictureSequence, is_sequence, sequence_sha256

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
        return asdict(self) | {"path": str(self.path), "good": self.good}


def verify(path: Path, report: Path | None = None, anchors: Path | None = None) -> Verdict:
    """Read every mark of `path`; compare with its `report` where given; trust the roots in `anchors` (PEM) too.

    Raises InputError where there is no such video, ConfigError for a report or roots that cannot be read.
    """
    if is_sequence(path) and not path.is_file():
        path = PictureSequence(path).picture(FIRST)  # all of them say the same
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    packet = isobmff.read_uuid(path, isobmff.XMP_UUID) if isobmff.is_isobmff(path) else None
    words = png.read_words(path) if png.is_png(path) else {}
    said = xmp.read(packet or words.get(png.XMP_KEYWORD.decode(), "").encode())
    holds_manifest = isobmff.is_isobmff(path) and isobmff.find_uuid(path, isobmff.C2PA_UUID) is not None
    comment = words.get("Comment") or _metadata(path, damaged=holds_manifest).get("comment", "")
    stripped = said.get("avtr:Signed") == "yes" and not holds_manifest
    manifest = inspect(path, anchors) if holds_manifest and signing.installed() else None
    declared = DIGITAL_SOURCE_TYPE in comment or said.get("Iptc4xmpExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE
    generated = declared or (manifest is not None and manifest.generated)
    same = _same_as_reported(path, report) if report is not None else None
    integrity = ALTERED if stripped else _integrity(manifest, same)
    lines = [
        f"{path}: {_what(generated, comment, said, manifest)}",
        *_signature(manifest, holds_manifest, stripped),
        _alteration(integrity, manifest, same),
        *_inputs(manifest, integrity),
    ]
    return Verdict(
        path=path,
        generated=generated,
        integrity=integrity,
        signer=_signer(manifest) if manifest else "",
        trusted=manifest is not None and manifest.state == "Trusted",
        facts=manifest.facts if manifest else {},
        lines=tuple(lines),
    )


def _integrity(manifest: Finding | None, same: bool | None) -> str:
    if same is False or (manifest is not None and not manifest.intact):
        return ALTERED
    return INTACT if same or manifest is not None else UNKNOWN


def _what(generated: bool, comment: str, said: dict[str, str], manifest: Finding | None) -> str:
    if not generated:
        return "nothing in it says how it was made"
    tool = (manifest.generator if manifest else "") or said.get("xmp:CreatorTool", "")
    if comment.startswith("AI-generated: "):
        return comment.split(" digitalSourceType=")[0]
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
        output = json.loads(report.read_text(encoding="utf-8"))["output"]
        wanted, named = output["sha256"], Path(output.get("path", ""))
    except OSError as error:
        raise ConfigError(f"{report}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{report}: not a report of avtr; --report is what avtr render --report wrote") from error
    if is_sequence(named):  # the report knows the whole sequence, not one picture
        return sequence_sha256(PictureSequence(path.parent / named.name).pictures()) == wanted
    return file_sha256(path) == wanted


def _metadata(path: Path, damaged: bool) -> dict[str, str]:
    """The container's own metadata, keys in small letters.

    Raises InputError where it is no video; nothing is found in one that may be `damaged`.
    """
    try:
        text = ffmpeg.capture(["-i", str(path), "-f", "ffmetadata", "-"], f"{path}: not a video that can be read")
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
