"""The report: every key of real reports is named in docs/report.md, and nothing there is made up."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import soundfile
from imageio_ffmpeg import get_ffmpeg_exe as ffmpeg_exe

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core.types import Cue
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.motion.lmfm.generator import SHIPPED
from avtr_cli.prompts.interactions import parse_option
from avtr_cli.provenance import signing
from avtr_cli.report.elements import size_text

DOCUMENT = Path(__file__).parent.parent / "docs" / "report.md"
STATISTICS = {"count", "mean", "p50", "p90", "p99", "max"}
WHOLE = {"settings", "interactions[].shares"}  # tables that the document names as a whole


def keys_of(value: Any, prefix: str = "") -> Iterator[str]:
    """Dotted keys of everything in a report; a table of statistics counts as one."""
    if isinstance(value, dict) and value.keys() != STATISTICS and prefix not in WHOLE:
        for key, inner in value.items():
            yield from keys_of(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield prefix
        yield from keys_of(value[0], f"{prefix}[]")
    else:
        yield prefix


@pytest.fixture(scope="module")
def reports(engine, photo, wav, dialogue, tmp_path_factory) -> list[dict[str, Any]]:
    """Three real jobs that between them have every key: live with two mono files, both sides, unmarked webm."""
    folder = tmp_path_factory.mktemp("reports")
    for name, row in (("self", 0), ("other", 1)):
        soundfile.write(folder / f"{name}.wav", dialogue[row, :8000], 16_000)
    mono = DialogueFiles(dialogue=folder / "self.wav", partner=folder / "other.wav")
    shared = {"photo": photo, "preset": engine.preset}
    both = DialogueFiles(dialogue=wav(0.4))
    asked = {"cues": (Cue(5, "nod"),), "interactions": (parse_option("0.2:nose:poke"),)}
    jobs = [
        Job(sound=mono, out=folder / "a.mp4", pace="realtime", label="AI", **asked, **shared),
        TwoSidedJob(sound=both, out=folder / "b.mov", photo_b=photo, **shared),
        Job(sound=both, out=folder / "c.webm", **shared),
        Job(sound=both, out=folder / "d.mp4", provenance=False, **shared),
    ]
    return [render_file(job, engine) for job in jobs]


@pytest.mark.slow
@pytest.mark.skipif(not signing.installed(), reason="needs the provenance extra: c2pa-python, cryptography")
def test_the_document_names_every_key_and_no_other(reports):
    named = set(re.findall(r"^\| `([^`]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    real = {key for report in reports for key in keys_of(report)}
    assert real - named == set(), "keys that docs/report.md does not name"
    elsewhere = {"provenance.c2pa", "batch.name", "batch.key", "batch.attempt"}  # a table's own line; avtr batch adds
    elsewhere |= {"timing.startup_s.motion", "inputs.style.path", "inputs.style.sha256"}  # test_unils_end_to_end.py
    elsewhere.add("provenance.c2pa.ingredient_left_out")  # only where a photo changed: tests/test_provenance_edges.py
    assert named - real - elsewhere == set(), "keys of docs/report.md that no report has"


@pytest.mark.slow
def test_a_report_says_how_the_video_is_marked(reports):
    live, _, webm, unmarked = (report["provenance"] for report in reports)
    assert (live["marked"], live["xmp"], live["label"]) == (True, True, "AI")
    assert (webm["marked"], webm["xmp"], webm["c2pa"]) == (True, False, None)
    assert "webm has no room" in webm["c2pa_absent"]
    assert unmarked == {"marked": False, "metadata": False, "xmp": False, "c2pa": None, "label": None}


@pytest.mark.slow
def test_the_label_is_part_of_the_frames_and_of_the_key(reports, engine, photo, wav, tmp_path):
    def job(label: str) -> Job:
        files = DialogueFiles(dialogue=wav(0.4))
        return Job(photo=photo, sound=files, out=tmp_path / "a.mp4", preset=engine.preset, label=label, overwrite=True)

    plain, labelled = render_file(job(""), engine), render_file(job("AI-generated"), engine)
    assert plain["output"]["frames_sha256"] == reports[3]["output"]["frames_sha256"]  # marks change no frame
    assert labelled["output"]["frames_sha256"] != plain["output"]["frames_sha256"]
    assert job("").key() != job("AI-generated").key()


@pytest.mark.slow
def test_a_video_without_marks_says_nothing_of_itself(reports):
    from avtr_cli.provenance.verification import verify

    assert not verify(Path(reports[3]["output"]["path"])).generated
    marked = verify(Path(reports[2]["output"]["path"]))
    assert marked.generated
    assert "a synthetic talking avatar" in marked.lines[0]
    assert "2 synthetic talking avatars" in verify(Path(reports[1]["output"]["path"])).lines[0]


@pytest.mark.slow
def test_what_is_told_of_the_files_is_what_is_in_them(reports):
    words = {"H.264": "h264", "VP9": "vp9", "ProRes 4444": "prores", "AAC": "aac", "Opus": "opus", "PCM": "pcm_s16le"}
    for output in (report["output"] for report in reports):
        path = Path(output["path"])
        assert output["bytes"] == path.stat().st_size
        said = subprocess.run([ffmpeg_exe(), "-i", path], capture_output=True, text=True, check=False).stderr
        (picture,) = re.findall(r"Video: (\w+)", said)
        ((sound, rate, channels),) = re.findall(r"Audio: (\w+)[^,]*, (\d+) Hz, (mono|stereo|[12] channels)", said)
        assert (picture, sound) == (words[output["codec"]], words[output["sound_codec"]])
        assert (int(rate), channels) in (
            (output["sound_rate"], "mono" if output["sound_channels"] == 1 else "stereo"),
            (output["sound_rate"], f"{output['sound_channels']} channels"),
        )
        assert 0 <= output["poster_s"] < output["duration_s"]


@pytest.mark.slow
def test_a_report_knows_the_weights_and_the_moment(reports):

    told = reports[0]
    assert told["weights"] == [{"file": SHIPPED.name, "sha256": hashlib.sha256(SHIPPED.read_bytes()).hexdigest()}]
    age = datetime.now(timezone.utc) - datetime.fromisoformat(told["avtr"]["finished"])
    assert timedelta(0) <= age + timedelta(seconds=1) < timedelta(hours=2)


@pytest.mark.slow
def test_the_summary_speaks_of_deadlines_only_at_the_speed_of_a_call(reports):
    live, two_sided, *_ = ("\n".join(report.summary()) for report in reports)
    assert "came too late" in live
    assert "too late" not in two_sided
    assert "missed" not in two_sided
    assert f" s, {size_text(reports[1]['output']['bytes'])}\n" in two_sided
    assert "0.0 MB" not in two_sided
