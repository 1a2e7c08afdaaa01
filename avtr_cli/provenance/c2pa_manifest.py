"""A signed C2PA manifest in an MP4 or MOV, by c2pa-python: written for an `Origin`, and read back.

The manifest's hash covers every byte of the file but its own box, so a change anywhere shows. Nothing here uses
the network: no time stamp is asked for, nothing is fetched when reading. Needs the `provenance` extra.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avtr_cli import __version__
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.textfile import read_text, why_no_file
from avtr_cli.provenance.media_types import HEAD_BYTES, media_type, media_type_of
from avtr_cli.provenance.origin import DIGITAL_SOURCE_TYPE, Origin
from avtr_cli.provenance.signing import Signer

GENERATION_LABEL = "avtr.generation"  # of our own assertion: inputs' hashes, models, weights, seed, preset
_SETTINGS: dict[str, Any] = {
    "version": 1,
    # Hashed by the megabyte and buffered on disk: as it comes, c2pa holds the film in memory twice while it signs.
    "core": {"merkle_tree_chunk_size_in_kb": 1024, "backing_store_memory_threshold_in_mb": 4},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}, "actions": {"auto_created_action": {"enabled": False}}},
}
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class Finding:
    """What c2pa's own reader says about a file."""

    state: str  # Trusted (the certificate too), Valid (intact, signer unknown) or Invalid
    failures: tuple[str, ...]  # C2PA's codes, without that of the unknown signer
    generator: str
    signer: str
    issuer: str
    generated: bool  # a `c2pa.created` action with IPTC's source type of trained models
    facts: dict[str, Any]  # our own assertion; empty where another program made the file

    @property
    def intact(self) -> bool:
        """Whether the manifest is whole and fits the file, whoever signed it."""
        return self.state in ("Valid", "Trusted")


def sign(path: Path, target: Path, origin: Origin, signer: Signer) -> list[str]:
    """Copy the video at `path` to `target` with a signed manifest; says which photos are not in it, and why.

    A photo is an ingredient where it still has the bytes that were drawn and C2PA can read it: its hash is in the
    manifest anyway, and a video is not given up for it. Raises OutputError.
    """
    import c2pa

    ingredients, left_out = _ingredients(origin)
    try:
        try:
            _sign(path, target, origin, signer, ingredients)
        except c2pa.C2paError as error:
            if not ingredients:
                raise
            left_out.append(f"C2PA cannot take up what the photos say of themselves ({error})")
            _sign(path, target, origin, signer, [])
    except (c2pa.C2paError, OSError) as error:
        raise OutputError(f"{path}: the C2PA manifest cannot be written ({error})") from error
    return left_out


def _sign(path: Path, target: Path, origin: Origin, signer: Signer, ingredients: list[bytes]) -> None:
    builder = _builder(origin, ingredients)
    with path.open("rb") as source, target.open("w+b") as signed:
        builder.sign(_native(signer), media_type_of(path), source, signed)


def _builder(origin: Origin, ingredients: list[bytes]) -> Any:
    import c2pa

    context = c2pa.Context(settings=c2pa.Settings.from_dict(_SETTINGS))
    builder = c2pa.Builder(json.dumps(_definition(origin, len(ingredients))), context=context)
    for index, data in enumerate(ingredients):
        about = {"title": "photo", "relationship": "inputTo", "instance_id": f"photo-{index}"}
        builder.add_ingredient(about, media_type(data[:HEAD_BYTES]) or "application/octet-stream", io.BytesIO(data))
    return builder


def _ingredients(origin: Origin) -> tuple[list[bytes], list[str]]:
    """The bytes of the photos that can be ingredients, and a sentence for every other one."""
    import c2pa

    usable, left_out = [], []
    for photo, sha256 in origin.drawn:
        try:
            if why := why_no_file(photo):
                raise OSError(0, why)
            data = photo.read_bytes()
        except OSError as error:
            left_out.append(f"{photo}: {error.strerror}, so what it says of itself is not in the manifest")
            continue
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            left_out.append(
                f"{photo}: has changed since it was drawn, so what it says of itself is not in the manifest"
            )
            continue
        try:
            _builder(origin, [data])
            usable.append(data)
        except c2pa.C2paError as error:
            left_out.append(f"{photo}: C2PA cannot read it ({error}), so what it says of itself is not in the manifest")
    return usable, left_out


@functools.lru_cache(maxsize=4)
def try_signer(signer: Signer) -> None:
    """Sign one pixel and read it back, before hours are spent. Raises ConfigError where the certificate will not do."""
    import c2pa
    from PIL import Image

    pixel, signed = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "PNG")
    context = c2pa.Context(settings=c2pa.Settings.from_dict(_SETTINGS))
    try:
        builder = c2pa.Builder(json.dumps(_definition(Origin(models={}), 0)), context=context)
        builder.sign(_native(signer), "image/png", pixel, signed)
        with c2pa.Reader("image/png", signed, context=context) as reader:
            finding = _finding(json.loads(reader.json()))
    except c2pa.C2paError as error:
        raise ConfigError(f"C2PA does not accept the certificate of {signer.name}: {error}") from error
    if not finding.intact:
        raise ConfigError(f"C2PA does not accept the certificate of {signer.name}: {', '.join(finding.failures)}")


def _native(signer: Signer) -> Any:
    import c2pa

    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(signer.algorithm, signer.chain, signer.key, None))


def _definition(origin: Origin, photos: int) -> dict[str, Any]:
    created = {
        "action": "c2pa.created",
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "softwareAgent": {"name": "avtr", "version": __version__},
        "description": origin.sentence,
    }
    if photos:
        created["parameters"] = {"ingredientIds": [f"photo-{index}" for index in range(photos)]}
    facts: dict[str, Any] = {
        "inputs": {role: {"sha256": digest} for role, digest in origin.inputs.items()},
        "models": dict(origin.models),
        "weights": {name: {"sha256": digest} for name, digest in origin.weights.items()},
        "preset": origin.preset,
        "seed": origin.seed,
        "label": origin.label,
    }
    if origin.attribution:
        facts["attribution"] = list(origin.attribution)
    return {
        "claim_generator_info": [{"name": "avtr", "version": __version__}],
        "title": "avatar video",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": GENERATION_LABEL, "data": facts},
        ],
    }


def inspect(path: Path, anchors: Path | None = None) -> Finding | None:
    """What the manifest of `path` says and whether it holds; None where there is none, or no room for one.

    `anchors` are further root certificates to trust (PEM). Raises ConfigError where they cannot be read.
    """
    import c2pa

    context, kind = _reading(anchors), media_type_of(path)
    if kind not in c2pa.Reader.get_supported_mime_types():
        return None
    try:
        with path.open("rb") as file:
            reader = c2pa.Reader.try_create(kind, file, context=context)
            if reader is None:
                return None
            store = json.loads(reader.json())
    except c2pa.C2paError as error:
        if not mentions_manifest(path) or "remote" in str(error).lower():
            return None  # a damaged file of another kind; a manifest that lies on the network is not fetched
        return Finding("Invalid", (str(error),), "", "", "", False, {})
    return _finding(store)


def mentions_manifest(path: Path) -> bool:
    """Whether the bytes of a manifest's box (JUMBF, of C2PA's type) stand anywhere in the file."""
    with path.open("rb") as file:
        if not file.read(1):
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(b"jumdc2pa") >= 0


def _reading(anchors: Path | None) -> Any:
    import c2pa

    settings = dict(_SETTINGS)
    if anchors is not None:
        from cryptography import x509

        text = read_text(anchors)
        try:
            x509.load_pem_x509_certificates(text.encode())
        except ValueError:
            raise ConfigError(f"{anchors}: holds no certificate; --trust is a PEM file of root certificates") from None
        settings["trust"] = {"user_anchors": text}
    try:
        return c2pa.Context(settings=c2pa.Settings.from_dict(settings))
    except c2pa.C2paError as error:
        raise ConfigError(f"{anchors}: C2PA does not accept these root certificates ({error})") from error


def _finding(store: dict[str, Any]) -> Finding:
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    results = store.get("validation_results", {}).get("activeManifest", {})
    assertions = {assertion["label"]: assertion["data"] for assertion in manifest.get("assertions", [])}
    actions = [
        action
        for label, data in assertions.items()
        if label.startswith("c2pa.actions")
        for action in data.get("actions", [])
    ]
    generator = (manifest.get("claim_generator_info") or [{}])[0]
    signature = manifest.get("signature_info") or {}
    return Finding(
        state=store.get("validation_state", "Invalid"),
        failures=tuple(entry["code"] for entry in results.get("failure", []) if entry["code"] != _UNTRUSTED),
        generator=" ".join(filter(None, (generator.get("name"), generator.get("version")))),
        signer=signature.get("common_name") or "",
        issuer=signature.get("issuer") or "",
        generated=any(action.get("digitalSourceType") == DIGITAL_SOURCE_TYPE for action in actions),
        facts=assertions.get(GENERATION_LABEL) or {},
    )
