"""Marks in a video: what is written before the file appears, what a stranger can read, and what alteration shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.core.files import file_sha256
from avtr_cli.output import isobmff
from avtr_cli.provenance import marks, signing, xmp
from avtr_cli.provenance.origin import DIGITAL_SOURCE_TYPE, Origin
from avtr_cli.provenance.verification import ALTERED, INTACT, UNKNOWN, verify
from tests import videos, warm

needs_c2pa = pytest.mark.skipif(not signing.installed(), reason="needs the provenance extra: c2pa-python, cryptography")

ORIGIN = Origin(
    models={"motion": "lmfm", "renderer": "mesh"},
    inputs={"photo": "ab" * 32, "audio": "cd" * 32},
    weights={"lmfm.safetensors": "ef" * 32},
    seed=7,
    label="AI <&>",
)


@pytest.fixture(autouse=True)
def identity_of_this_test(tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_IDENTITY", str(tmp_path / "identity" / "identity.pem"))
    monkeypatch.delenv("AVTR_CERT", raising=False)
    monkeypatch.delenv("AVTR_KEY", raising=False)


@pytest.fixture
def video(tmp_path):
    """Makes a second of picture and sound with our metadata, as output.video.join does."""

    def make(suffix: str = ".mp4", marked: bool = True) -> Path:
        path = tmp_path / f"video{suffix}"
        pairs = marks.metadata(ORIGIN, suffix).items() if marked else ()
        metadata = [word for key, value in pairs for word in ("-metadata", f"{key}={value}")]
        made = videos.ffmpeg(
            *("-f", "lavfi", "-i", "testsrc2=size=128x128:rate=25:duration=1"),
            *("-f", "lavfi", "-i", "sine=440:duration=1"),
            *(*metadata, "-movflags", "+faststart", "-y", str(path)),
        )
        assert made.returncode == 0, made.stderr.decode()
        return path

    return make


def signed(path: Path) -> Path:
    marks.mark(path, ORIGIN, signing.local_signer())
    return path


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


# Metadata and XMP


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".mkv"])
def test_every_container_says_in_its_own_metadata_that_it_is_generated(video, suffix):
    path = video(suffix)
    marks.mark(path, ORIGIN, None)
    said = videos.describe(path)
    assert "AI-generated" in said
    assert DIGITAL_SOURCE_TYPE in said


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_the_xmp_packet_carries_iptc_s_words_and_the_film_stays_as_it_was(video, suffix):
    path = video(suffix)
    before = videos.decode(path)
    report = marks.mark(path, ORIGIN, None)
    said = xmp.read(isobmff.read_uuid(path, isobmff.XMP_UUID))
    assert said["Iptc4xmpExt:DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert said["Iptc4xmpExt:AISystemUsed"] == "avtr (motion lmfm, renderer mesh)"
    assert said["xmp:CreatorTool"] == ORIGIN.tool
    assert said["avtr:PhotoSha256"] == "ab" * 32
    assert report["xmp"] is True
    assert (videos.decode(path) == before).all()


def test_xmp_survives_letters_that_mean_something_in_xml():
    data = xmp.packet('Tom & "Jerry" <b>', {"xmp:CreatorTool": 'a & "b" <c>'})
    assert xmp.read(data)["xmp:CreatorTool"] == 'a & "b" <c>'
    assert b'&amp; "Jerry" &lt;b&gt;' in data


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"<x", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'])
def test_a_packet_that_is_none_says_nothing(data):
    assert xmp.read(data) == {}


def test_boxes_of_a_damaged_file_end_without_a_loop(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x04mdat")  # a box smaller than its own head
    with path.open("rb") as file:
        assert [box.kind for box in isobmff.boxes(file)] == [b"ftyp"]
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\x7f\0\0\0mdat1234")  # one that promises more than there is
    with path.open("rb") as file:
        assert [box.kind for box in isobmff.boxes(file)] == [b"ftyp"]


# The signed manifest


@pytest.mark.slow
@needs_c2pa
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_c2pa_s_own_reader_validates_the_manifest(video, suffix):
    import c2pa

    path = signed(video(suffix))
    with c2pa.Reader(str(path)) as reader:
        assert reader.get_validation_state() == "Valid"
        failures = [entry["code"] for entry in reader.get_validation_results()["activeManifest"]["failure"]]
        manifest = reader.get_active_manifest()
    assert failures == ["signingCredential.untrusted"]  # nobody vouches for a certificate made here
    assert manifest["claim_generator_info"][0]["name"] == "avtr"
    assertions = {assertion["label"]: assertion["data"] for assertion in manifest["assertions"]}
    (action,) = assertions["c2pa.actions.v2"]["actions"]
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", DIGITAL_SOURCE_TYPE)
    facts = assertions["avtr.generation"]
    assert facts["inputs"]["photo"]["sha256"] == "ab" * 32
    assert facts["models"] == {"motion": "lmfm", "renderer": "mesh"}
    assert facts["weights"]["lmfm.safetensors"]["sha256"] == "ef" * 32
    assert (facts["seed"], facts["label"]) == (7, "AI <&>")


@pytest.mark.slow
@needs_c2pa
def test_signing_changes_no_picture(video):
    path = video()
    before = videos.decode(path)
    signed(path)
    assert (videos.decode(path) == before).all()
    assert videos.has_faststart(path)


@pytest.mark.slow
@needs_c2pa
def test_a_signed_video_is_told_to_be_intact_and_its_signer_unknown(video):
    verdict = verify(signed(video()))
    assert (verdict.integrity, verdict.generated, verdict.trusted, verdict.good) == (INTACT, True, False, True)
    text = " ".join(verdict.lines)
    assert "AI-generated" in text
    assert "not who made the file" in text
    assert "not altered since it was signed" in text


@pytest.mark.slow
@needs_c2pa
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_one_changed_byte_of_the_video_is_noticed(video, share):
    path = signed(video())
    with path.open("rb") as file:
        film = next(box for box in isobmff.boxes(file) if box.kind == b"mdat")
    flip(path, film.payload + int((film.end - film.payload) * share))
    verdict = verify(path)
    assert (verdict.integrity, verdict.good) == (ALTERED, False)
    assert "bmffHash.mismatch" in " ".join(verdict.lines)


@pytest.mark.slow
@needs_c2pa
def test_a_changed_byte_of_the_tables_the_xmp_or_the_manifest_is_noticed(video):
    path = signed(video())
    whole = path.read_bytes()
    for needle in (b"moov", b'trainedAlgorithmicMedia"', b"c2pa.created"):
        path.write_bytes(whole)
        flip(path, whole.rindex(needle) + 8)
        assert verify(path).integrity == ALTERED, needle


@pytest.mark.slow
@needs_c2pa
def test_a_file_that_was_cut_off_is_altered(video):
    path = signed(video())
    path.write_bytes(path.read_bytes()[:-100])
    assert verify(path).integrity == ALTERED


@pytest.mark.slow
@needs_c2pa
def test_a_removed_signature_is_missed(video, tmp_path):
    path = signed(video())
    with path.open("rb") as file:
        manifest = next(box for box in isobmff.boxes(file) if box.uuid == isobmff.C2PA_UUID)
    data = path.read_bytes()
    path.write_bytes(data[: manifest.start] + data[manifest.end :])
    verdict = verify(path)
    assert verdict.integrity == ALTERED
    assert any("there is no signature in it now" in line for line in verdict.lines)


@pytest.mark.slow
@needs_c2pa
def test_signing_and_reading_take_no_more_memory_for_a_longer_film(tmp_path):
    script = (
        "import resource, sys; from pathlib import Path;"
        "from avtr_cli.provenance import c2pa_manifest, marks, signing;"
        "from avtr_cli.provenance.origin import Origin; path = Path(sys.argv[1]);"
        "marks.mark(path, Origin(models={}), signing.local_signer()); assert c2pa_manifest.inspect(path).intact;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    peaks = []
    for seconds in (1, 600):
        path = tmp_path / f"{seconds}.mov"
        videos.ffmpeg("-f", "lavfi", "-i", f"sine=440:duration={seconds}:r=48000", "-c:a", "pcm_s16le", str(path))
        done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert (tmp_path / "600.mov").stat().st_size > 50 << 20
    assert peaks[1] - peaks[0] < 16, peaks  # MiB


@pytest.mark.slow
@needs_c2pa
def test_the_photo_s_own_manifest_is_carried_along(video, photo):
    from avtr_cli.provenance import c2pa_manifest

    origin = Origin(models={"motion": "lmfm"}, photos=(photo,))
    path = video()
    marks.mark(path, origin, signing.local_signer())
    import c2pa

    with c2pa.Reader(str(path)) as reader:
        (ingredient,) = reader.get_active_manifest()["ingredients"]
    assert ingredient["relationship"] == "inputTo"
    assert ingredient["title"] == "photo"  # never the file's name
    assert c2pa_manifest.inspect(path).intact


# Who signs


@needs_c2pa
def test_the_local_certificate_is_made_once_and_for_its_owner_alone():
    first, path = signing.local_signer(), signing.local_certificate_file()
    assert signing.local_signer() == first
    assert first.local
    assert path.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.fixture
def certificate(tmp_path):
    """A root of one's own and a signer's certificate under it, as a company would have it."""

    def make(organization: str = "Example Studio", days: int = 30, web: bool = False) -> tuple[Path, Path, Path]:
        import datetime

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        now = datetime.datetime.now(datetime.timezone.utc)
        root_key, key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())

        def named(name: str) -> x509.Name:
            pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, name))
            return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])

        def issue(name: str, public, root: bool) -> x509.Certificate:
            usage = [not root, False, False, False, False, root, root, False, False]
            builder = (
                x509.CertificateBuilder()
                .subject_name(named(name))
                .issuer_name(named("Root"))
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=60))
                .not_valid_after(now + datetime.timedelta(days=days))
                .add_extension(x509.BasicConstraints(root, None), True)
                .add_extension(x509.KeyUsage(*usage), True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            )
            if not root:
                issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
                builder = builder.add_extension(issuer, False)
                purpose = ExtendedKeyUsageOID.SERVER_AUTH if web else ExtendedKeyUsageOID.EMAIL_PROTECTION
                builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
            return builder.sign(root_key, hashes.SHA384())

        pem = serialization.Encoding.PEM
        leaf, root = issue("Signer", key.public_key(), False), issue("Root", root_key.public_key(), True)
        chain, secret, anchor = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "root.pem"
        chain.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
        secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        anchor.write_bytes(root.public_bytes(pem))
        return chain, secret, anchor

    return make


@pytest.mark.slow
@needs_c2pa
def test_the_user_s_certificate_signs_and_is_trusted_where_its_root_is(video, certificate):
    chain, key, root = certificate()
    path = video()
    report = marks.mark(path, ORIGIN, marks.choose_signer(chain, key))
    assert report["c2pa"] == {"signer": "Example Studio: Signer", "certificate": "user", "algorithm": "es384"}
    stranger, friend = verify(path), verify(path, anchors=root)
    assert (stranger.integrity, stranger.trusted) == (INTACT, False)
    assert "no root that is trusted here vouches for" in " ".join(stranger.lines)
    assert (friend.integrity, friend.trusted) == (INTACT, True)
    assert "Example Studio: Signer, whose certificate is trusted" in " ".join(friend.lines)


@needs_c2pa
def test_the_environment_may_name_the_certificate(certificate, monkeypatch):
    chain, key, _ = certificate()
    monkeypatch.setenv("AVTR_CERT", str(chain))
    monkeypatch.setenv("AVTR_KEY", str(key))
    assert marks.choose_signer(None, None).name == "Example Studio: Signer"


@needs_c2pa
def test_certificates_that_cannot_sign_are_refused_in_one_sentence(certificate, tmp_path):
    chain, key, _ = certificate()
    with pytest.raises(ConfigError, match="go together"):
        marks.choose_signer(chain, None)
    with pytest.raises(ConfigError, match="holds no certificate"):
        marks.choose_signer(key, key)
    with pytest.raises(ConfigError, match="holds no private key"):
        marks.choose_signer(chain, chain)
    with pytest.raises(ConfigError, match=r"nowhere\.pem: there is no such file"):
        marks.choose_signer(tmp_path / "nowhere.pem", key)
    kept = chain.read_bytes()
    certificate()  # writes another pair over the files
    chain.write_bytes(kept)
    with pytest.raises(ConfigError, match="is not the key of"):
        marks.choose_signer(chain, key)
    chain, key, _ = certificate(days=-1)
    with pytest.raises(ConfigError, match="use one valid today"):
        marks.choose_signer(chain, key)


@needs_c2pa
def test_a_web_server_s_certificate_is_refused_before_anything_is_rendered(certificate):
    chain, key, _ = certificate(web=True)
    with pytest.raises(ConfigError, match="does not accept the certificate of Example Studio: Signer"):
        marks.choose_signer(chain, key)


@pytest.mark.slow
def test_without_the_extra_the_report_says_what_to_install(video, monkeypatch):
    monkeypatch.setattr(signing, "installed", lambda: False)
    path = video()
    report = marks.mark(path, ORIGIN, marks.choose_signer(None, None))
    assert report["c2pa"] is None
    assert "pip install 'avtr-cli[provenance]'" in report["c2pa_absent"]
    verdict = verify(path)
    assert (verdict.generated, verdict.integrity, verdict.good) == (True, UNKNOWN, True)
    with pytest.raises(ConfigError, match="--cert needs C2PA"):
        marks.choose_signer(Path("a.pem"), Path("b.pem"))


# Reading back


@pytest.mark.slow
def test_an_unmarked_video_is_said_to_tell_nothing(video):
    verdict = verify(video(marked=False))
    assert (verdict.generated, verdict.integrity, verdict.good) == (False, UNKNOWN, False)
    assert "nothing in it says how it was made" in verdict.lines[0]


@pytest.mark.slow
def test_the_report_tells_an_unsigned_file_from_another(video, tmp_path):

    path, report = video(), tmp_path / "report.json"
    marks.mark(path, ORIGIN, None)
    report.write_text(json.dumps({"output": {"sha256": file_sha256(path)}}))
    assert verify(path, report).integrity == INTACT
    flip(path, 4000)
    assert verify(path, report).integrity == ALTERED
    report.write_text("[]")
    with pytest.raises(ConfigError, match="not a report of avtr"):
        verify(path, report)


def test_what_is_no_video_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        verify(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(InputError, match="no video but text"):
        verify(tmp_path / "text.mp4")


@pytest.mark.slow
@needs_c2pa
def test_the_command_speaks_plainly_and_its_exit_code_follows(video):
    path = signed(video())

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(warm.AVTR, "verify", path, *arguments)

    good = run()
    assert good.returncode == 0
    assert "not altered since it was signed" in good.stdout
    assert json.loads(run("--json").stdout)[0]["integrity"] == INTACT
    flip(path, path.stat().st_size // 2)
    bad = run()
    assert bad.returncode == 1
    assert "ALTERED" in bad.stdout
