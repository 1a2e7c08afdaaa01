"""Who signs: the user's certificate, or one that is made here once and that nobody vouches for.

C2PA asks for a chain of X.509 certificates whose first may sign documents. Making one needs the `provenance` extra.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.textfile import read_bytes

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes

LOCAL_ORGANIZATION = "avtr, made on this machine"
LOCAL_NAME = "local certificate, nobody vouches for it"
WAYS_OUT = "name another place in AVTR_IDENTITY, give --cert and --key, or add --no-provenance"
_MOST_BYTES = 1 << 20  # of a PEM file
_YEARS = 20  # a local certificate must outlive the videos it signed; nothing else limits it
_ALGORITHMS = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Signer:
    """A key and the certificates that go with it, PEM; `local` where avtr made them itself."""

    chain: bytes
    key: bytes
    algorithm: str  # C2PA's name, as es256
    name: str  # of the certificate's subject
    local: bool


def installed() -> bool:
    """Whether the `provenance` extra is here."""
    from importlib.util import find_spec

    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


def local_certificate_file() -> Path:
    """AVTR_IDENTITY, or avtr/identity.pem in the platform's data folder: where the local certificate lies."""
    try:
        if chosen := os.environ.get("AVTR_IDENTITY"):
            return Path(chosen).expanduser()
        if sys.platform == "darwin":
            base = str(Path.home() / "Library" / "Application Support")
        else:
            base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    except RuntimeError as error:  # nobody's home
        raise OutputError(f"there is no place for the local certificate ({error}); {WAYS_OUT}") from None
    return Path(base) / "avtr" / "identity.pem"


def users_signer(certificate: Path, key: Path) -> Signer:
    """The signer of a chain and a key (PEM files). Raises ConfigError where they are no such thing or do not match."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    chain, key_pem = read_bytes(certificate, _MOST_BYTES), read_bytes(key, _MOST_BYTES)
    no_certificate = f"{certificate}: holds no certificate; --cert is a PEM chain, the signer's first"
    try:
        mine, *_ = x509.load_pem_x509_certificates(chain)
        public, name = mine.public_key(), _subject(mine)
        first, last = mine.not_valid_before_utc, mine.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(no_certificate) from None
    private = _private_key(key_pem, key)
    if private.public_key() != public:
        raise ConfigError(f"{key}: is not the key of {certificate}; the signer's own certificate comes first in it")
    if not first <= datetime.datetime.now(datetime.timezone.utc) <= last:
        raise ConfigError(f"{certificate}: is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d} only; use one valid today")
    return Signer(chain, key_pem, _algorithm(private, key), name, local=False)


def local_signer() -> Signer:
    """The certificate of this machine, made at the first use.

    Raises OutputError where it cannot be kept, ConfigError where what lies in its place cannot be used.
    """
    path = local_certificate_file()
    if not os.path.lexists(path):
        _keep(path, _make_identity())
    try:
        pem = read_bytes(path, _MOST_BYTES)
    except ConfigError as error:
        raise ConfigError(f"{error}; the local certificate is kept there: {WAYS_OUT}") from None
    marker = b"-----BEGIN CERTIFICATE-----"
    key, _, chain = pem.partition(marker)
    if not _belong_together(key, marker + chain):
        raise ConfigError(f"{path}: is not the local certificate that avtr made; delete it and a new one is made")
    return Signer(marker + chain, key, "es256", f"{LOCAL_ORGANIZATION}: {LOCAL_NAME}", local=True)


def _belong_together(key: bytes, chain: bytes) -> bool:
    """Whether this is a P-256 key and the certificate that goes with it."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key, password=None)
        mine, *_ = x509.load_pem_x509_certificates(chain)
        return _ALGORITHMS.get(getattr(getattr(private, "curve", None), "name", "")) == "es256" and bool(
            private.public_key() == mine.public_key()
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _make_identity() -> bytes:
    """A P-256 key, its certificate and the root that signed it. The root's key is forgotten at once."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(common: str) -> x509.Name:
        pairs = ((NameOID.ORGANIZATION_NAME, LOCAL_ORGANIZATION), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = named("local root, nobody vouches for it")
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject: x509.Name, public: CertificatePublicKeyTypes, root: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
            .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
            .add_extension(x509.BasicConstraints(root, 0 if root else None), critical=True)
            .add_extension(_key_usage(root), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if not root:  # C2PA accepts signers whose certificate is for documents or mail
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
            builder = builder.add_extension(usage, critical=False).add_extension(authority, critical=False)
        return builder.sign(root_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    parts = (
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate(named(LOCAL_NAME), key.public_key(), root=False).public_bytes(pem),
        certificate(root_name, root_key.public_key(), root=True).public_bytes(pem),
    )
    return b"".join(parts)


def _key_usage(root: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=root,
        crl_sign=root,
        encipher_only=False,
        decipher_only=False,
    )


def _keep(path: Path, pem: bytes) -> None:
    """Write the identity for its owner alone; of several processes that make one at once, the first wins."""
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".partial", f".{path.name}.", path.parent)  # its owner's alone
        partial = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(handle)
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: the local certificate cannot be kept there ({error.strerror}); {WAYS_OUT}"
        ) from error
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def _private_key(pem: bytes, path: Path) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise ConfigError(f"{path}: the key is locked with a password; unlock it: openssl pkcs8 -in {path}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: holds no private key; --key is a PEM file") from None


def _algorithm(private: PrivateKeyTypes, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _ALGORITHMS:
        return _ALGORITHMS[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
        return "ps256"
    raise ConfigError(f"{path}: C2PA knows no such key; use P-256, P-384, P-521, Ed25519 or RSA of 2048 bits and more")


def _subject(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import NameOID

    names = [
        str(attribute.value)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for attribute in certificate.subject.get_attributes_for_oid(oid)
    ]
    return ": ".join(names) or certificate.subject.rfc4514_string()
