"""Marks that say a video is generated: container metadata, an XMP packet and, with the extra, a signed manifest.

EU AI Act article 50(2) asks for machine-readable marks. Metadata is read by every player and archive, XMP by
editors and search engines; the C2PA manifest is signed, so that a change of the file shows. All are written
to the file before it appears under its name.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from avtr_cli import __version__
from avtr_cli.core.config import Preset
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.output import isobmff, png
from avtr_cli.provenance import signing, xmp
from avtr_cli.provenance.origin import DIGITAL_SOURCE_TYPE, Origin
from avtr_cli.provenance.signing import Signer

INSTALL = "pip install 'avtr-cli[provenance]'"


def metadata(origin: Origin, suffix: str = "") -> dict[str, str]:
    """Container metadata for ffmpeg; MP4 and MOV keep the comment, WebM and Matroska both.

    A Matroska file (`suffix` .mkv) has a title besides: it has no room for XMP, and a title is what players show.
    """
    return ({"title": origin.sentence} if suffix == ".mkv" else {}) | {
        "comment": f"{origin.sentence} digitalSourceType={DIGITAL_SOURCE_TYPE}",
        "digital_source_type": DIGITAL_SOURCE_TYPE,
    }


def choose_signer(certificate: Path | None, key: Path | None) -> Signer | None:
    """The user's signer (AVTR_CERT and AVTR_KEY where not given), else the local one; None without the extra.

    Raises ConfigError, OutputError.
    """
    if certificate is None and key is None:
        certificate, key = (_path_in(name) for name in ("AVTR_CERT", "AVTR_KEY"))
    if (certificate is None) != (key is None):
        raise ConfigError("--cert and --key go together: a PEM chain of certificates and the signer's private key")
    if not signing.installed():
        if certificate is not None:
            raise ConfigError(f"--cert needs C2PA: {INSTALL}")
        return None
    if certificate is not None and key is not None:
        signer = signing.users_signer(certificate, key)
        _try(signer)
        return signer
    signer = signing.local_signer()
    try:
        _try(signer)
    except ConfigError as error:
        place = signing.local_certificate_file()
        raise ConfigError(f"{place}: {error}; delete it and a new one is made, or add --no-provenance") from None
    return signer


def _try(signer: Signer) -> None:
    """Before hours are spent: does C2PA work here, and take this certificate?"""
    try:
        from avtr_cli.provenance.c2pa_manifest import try_signer

        try_signer(signer)
    except (ImportError, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"C2PA does not work here ({said}); install it again: {INSTALL}") from error


def _path_in(variable: str) -> Path | None:
    try:
        return Path(os.environ[variable]).expanduser() if os.environ.get(variable) else None
    except RuntimeError as error:
        raise ConfigError(f"{variable}={os.environ[variable]}: {error}; write the whole path") from None


def mark(path: Path, origin: Origin, signer: Signer | None) -> dict[str, Any]:
    """Write XMP and manifest into the finished video at `path`; returns the report's `provenance` entry.

    WebM and Matroska have room for neither and keep the metadata alone; a PNG picture takes XMP. Raises OutputError;
    then `path` is not to be used.
    """
    try:
        return _mark(path, origin, signer)
    except OSError as error:
        raise OutputError(f"{path}: the marks cannot be written ({error.strerror})") from error


def _mark(path: Path, origin: Origin, signer: Signer | None) -> dict[str, Any]:
    done = unmarked(origin.label) | {"marked": True, "metadata": True}
    if png.is_png(path):
        png.add_words(path, {}, _packet(origin, signed=False))
        return done | {"xmp": True, "c2pa_absent": "single pictures are not signed; the video made of them can be"}
    if not isobmff.is_isobmff(path):
        done["c2pa_absent"] = f"{path.suffix.lstrip('.')} has no room for a C2PA manifest; .mp4 and .mov have"
        return done
    isobmff.append_uuid(path, isobmff.XMP_UUID, _packet(origin, signed=signer is not None))
    done["xmp"] = True
    if signer is None:
        done["c2pa_absent"] = f"C2PA is not installed: {INSTALL}"
        return done
    from avtr_cli.provenance import c2pa_manifest

    signed = path.with_name(f".signed{path.name}")
    try:
        left_out = c2pa_manifest.sign(path, signed, origin, signer)
        signed.replace(path)
    finally:
        with contextlib.suppress(OSError):
            signed.unlink(missing_ok=True)
    done["c2pa"] = {
        "signer": signer.name,
        "certificate": "local" if signer.local else "user",
        "algorithm": signer.algorithm,
    }
    if left_out:
        done["c2pa"]["ingredient_left_out"] = "; ".join(left_out)
    return done


def _packet(origin: Origin, signed: bool) -> bytes:
    properties = {
        "xmp:CreatorTool": origin.tool,
        "Iptc4xmpExt:DigitalSourceType": DIGITAL_SOURCE_TYPE,
        "Iptc4xmpExt:AISystemUsed": f"avtr ({origin.models_text})",
        "Iptc4xmpExt:AISystemVersionUsed": __version__,
        "avtr:Signed": "yes" if signed else "no",
        **({"avtr:Attribution": " ".join(origin.attribution)} if origin.attribution else {}),
        **{f"avtr:{role.title().replace('_', '')}Sha256": digest for role, digest in origin.inputs.items()},
    }
    return xmp.packet(origin.sentence, properties)


def unmarked(label: str = "") -> dict[str, Any]:
    """The report's `provenance` entry for --no-provenance."""
    return {"marked": False, "metadata": False, "xmp": False, "c2pa": None, "label": label or None}


def made_by(preset: Preset, seed: int, command: str) -> dict[str, Any]:
    """The report's `avtr` entry."""
    return {"version": __version__, "preset": preset.name, "seed": seed, "command": command}
