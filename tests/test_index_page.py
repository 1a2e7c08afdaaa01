"""The index of a batch: every video, every failure, how it went, and commands that do what they say."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.cli import running
from avtr_cli.core.config import load_preset
from avtr_cli.core.types import Cue
from avtr_cli.jobs.as_command import as_command
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.report.index_page import About, Failed, Made, can_be_shown, index_page
from tests.batches import avtr_batch
from tests.test_html_report import Page, browse, needs_chromium

STAGES = ("audio", "motion", "render", "composite", "encode")


def report_of(name: str, seconds: float = 4.0, factor: float = 1.5, seed: int = 0, **more) -> dict:
    """As much of a report as the index reads."""
    times = {"count": 20, "mean": 50.0, "p50": 50.0, "p90": 60.0, "p99": 70.0, "max": 80.0}
    nothing = dict.fromkeys(times, 0.0)
    return {
        "avtr": {"preset": "default", "seed": seed},
        "output": {"path": name, "duration_s": seconds, "width": 64, "height": 64, "bytes": 1_500_000} | more,
        "timing": {
            "wall_s": seconds / factor,
            "realtime_factor": factor,
            "chunk_ms": times,
            "stages_ms": {stage: nothing if stage in ("audio", "composite") else times for stage in STAGES},
        },
        "warnings": [],
    }


def page_of(tmp_path: Path, made, failed=(), about=None) -> Page:
    (tmp_path / "index.html").write_text(index_page(tmp_path / "index.html", made, failed, about))
    page = Page((tmp_path / "index.html").read_text())
    assert (page.wrong, page.open) == ([], [])
    return page


def test_every_video_can_be_played_and_opened_with_its_report(tmp_path):
    names = [tmp_path / "a <b>.mp4", tmp_path / "day2" / "c.mp4"]
    made = [Made(report_of(str(names[0])), tmp_path / "a.html"), Made(report_of(str(names[1])))]
    page = page_of(tmp_path, made)
    assert [video["src"] for video in page.all("video")] == ["a%20%3Cb%3E.mp4", "day2/c.mp4"]
    assert {video["preload"] for video in page.all("video")} == {"none"}
    links = [link["href"] for link in page.all("a")]
    assert [link for link in links if not link.startswith("#")] == ["a%20%3Cb%3E.mp4", "a.html", "day2/c.mp4"]
    assert "a <b>.mp4" in page.text


def test_a_failure_has_its_reason_its_exit_code_its_inputs_and_a_command(tmp_path):
    reason = "third.png: no <face> found; " + "give a photo of a person " * 20
    failed = Failed("third", reason, 3, (tmp_path / "third.png",), "avtr render third.png x.wav", attempts=2)
    page = page_of(tmp_path, [], [failed], About(name="night", command="avtr batch night.yaml -o out"))
    for told in (reason, "exit code 3, tried 2 times", "avtr render third.png x.wav", "avtr batch night.yaml -o out"):
        assert told in page.text
    assert [link["href"] for link in page.all("a")] == ["third.png"]


def test_the_batch_says_what_it_was_and_how_it_ended(tmp_path):
    about = About("week-48", "night.yaml", "avtr batch", "2026-11-29T20:22:07+00:00", 125.0, 6, "2 processes")
    page = page_of(tmp_path, [Made(report_of("a.mp4"))], (), about)
    assert "from night.yaml, 2026-11-29 20:22 UTC, took 2:05, 2 processes, exit code 6" in page.text
    assert page.text.split("<title>")[0].count("week-48") == 2  # title and heading


def test_a_stage_that_took_no_job_any_time_has_no_column(tmp_path):
    made = [Made(report_of("a.mp4")), Made(report_of("b.mp4"))]
    made[1].report["timing"]["stages_ms"]["audio"] = made[1].report["timing"]["chunk_ms"]
    text = page_of(tmp_path, made).text
    assert "hearing" in text
    assert "layout" not in text


def test_reports_of_an_older_avtr_have_their_cards_too(tmp_path):
    old = report_of("a.mp4")
    del old["output"]["bytes"]
    assert "a.mp4" in page_of(tmp_path, [Made(old)]).text


@pytest.mark.parametrize("damage", ["timing", "output", "avtr", "warnings"])
def test_a_report_that_somebody_has_edited_is_told_apart_from_a_whole_one(damage):
    assert can_be_shown(report_of("a.mp4"))
    for odd in (None, 7, "words", [], {}):
        report = report_of("a.mp4") | {damage: odd}
        assert can_be_shown(report) == ((damage, odd) == ("warnings", []))
    assert not can_be_shown([])


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_a_click_on_a_heading_sorts_rows_and_cards_and_nothing_scrolls_sideways(tmp_path, width):
    jobs = [("b", 9.75, 3), ("a" * 60, 10.5, 20), ("c", 0.6, 100)]
    made = [Made(report_of(str(tmp_path / f"{name}.mp4"), seconds, seed=seed)) for name, seconds, seed in jobs]
    failed = [Failed("x" * 80, "y" * 300, 3, (tmp_path / f"{'z' * 90}.wav",), f"avtr render {'w' * 200}")]
    page = tmp_path / "index.html"
    text = index_page(page, made, failed, About("n" * 100, command="avtr batch " + "v" * 200))
    script = (
        "var heads = document.querySelectorAll('th button'); function order(s, f) { return "
        "Array.from(document.querySelectorAll(s)).map(f).join(''); } function rows() { return "
        "order('.sortable tbody tr', r => r.dataset.at) + order('.card', c => c.id[1]); }"
        "heads[1].click(); var one = rows(); heads[1].click(); var two = rows(); heads[5].click();"
        "parent.postMessage([one, two, rows(), document.documentElement.scrollWidth, innerWidth].join(' '), '*')"
    )
    page.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    frame = tmp_path / "frame.html"
    frame.write_text(
        "<title>none</title><script>addEventListener('message', e => { document.title = e.data; })</script>"
        f"<iframe width={width} height=900 style='border:0' src='index.html'>"
    )
    done = browse(frame, 1300, tmp_path, "--virtual-time-budget=8000", "--dump-dom")
    up, down, seeds, scroll, inner = re.search(r"<title>(.*?)</title>", done.stdout).group(1).split()
    assert (up, down, seeds) == ("201201", "102102", "012012")
    assert int(scroll) <= int(inner) == width


# The index of a real batch


@pytest.mark.slow
def test_a_batch_of_one_good_and_one_bad_job_ends_in_an_index_of_both(avtr, photo, wav, tmp_path):
    import skimage.io

    skimage.io.imsave(tmp_path / "empty.png", np.full((80, 80, 3), 200, np.uint8), check_contrast=False)
    shutil.copy(photo, tmp_path / "anna.png")
    shutil.copy(wav(0.4), tmp_path / "call.wav")
    jobs = [{"name": "good", "seed": 5}, {"name": "bad", "photo": "empty.png", "duration": 0.2}]
    manifest = {"defaults": {"photo": "anna.png", "dialogue": "call.wav", "render.size": 64}, "jobs": jobs}
    (tmp_path / "night.yaml").write_text(json.dumps(manifest))
    assert avtr_batch(tmp_path / "night.yaml", "-o", tmp_path / "out", "--jobs", 1).returncode == 6
    page = Page((tmp_path / "out" / "index.html").read_text())
    assert "exit code 6" in page.text
    assert "exit code 3" in page.text
    assert "no face found" in page.text
    links = [link["href"] for link in page.all("a")]
    assert {"../empty.png", "../call.wav", "good.mp4"} <= set(links)
    (alone,) = re.findall(r"avtr render [^\n]*--overwrite", page.text)
    code, _, said = avtr(*shlex.split(alone)[1:])
    assert (code, "no face found" in said) == (3, True)  # the command does what it says


# A job as a command


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"seed": 7, "face": 2, "label": "AI generated", "provenance": False},
        {"from_motion": Path("a b.safetensors")},
        {"sound": DialogueFiles(dialogue=Path("a.wav"), partner=Path("it's b.wav"), start_s=1 / 3, duration_s=2.5)},
        {"sound": DialogueFiles(dialogue=Path("a.wav"), solo=True), "photo": Path("-rf.png")},
        {"sound": DialogueFiles(dialogue=Path("a.wav"), avatar_channel=2)},
        {"preset": load_preset("fast", ["render.background=#204060", "motion.smile=-0.25"])},
        {"preset": load_preset("quality", ["render.size=512", "render.close_lips=true"])},
        {"preset": load_preset("unils", ["motion.style=a b.npz"])},
        {"photo_b": Path("you.png"), "layout": "stack", "face": 2},
        {"photo_b": Path("-you.png"), "face_b": 3, "preset": load_preset("fast", ["output.sound=mix"])},
    ],
    ids=["plain", "options", "motion", "partner", "solo", "channel", "fast", "quality", "manner", "two", "two faces"],
)
def test_a_job_said_as_a_command_is_the_same_job(avtr, monkeypatch, more):
    understood: list[Job] = []
    monkeypatch.setattr(running, "run", lambda job, shared: understood.append(job))
    wanted = {"photo": Path("my photo.png"), "sound": DialogueFiles(dialogue=Path("c.wav")), "out": Path("o.mp4")}
    job = (TwoSidedJob if "photo_b" in more else Job)(**wanted | more)
    code, _, said = avtr(*shlex.split(as_command(job))[1:])
    assert code == 0, said
    (same,) = understood
    assert type(same) is type(job)
    names = ("photo", "sound", "out", "preset", "seed", "face", "label", "provenance", "from_motion")
    names += ("photo_b", "face_b", "layout") if "photo_b" in more else ()
    assert {name: getattr(same, name) for name in names} == {name: getattr(job, name) for name in names}


def test_cues_that_no_option_can_say_are_told_behind_the_command():
    job = Job(photo=Path("a"), sound=DialogueFiles(dialogue=Path("b")), out=Path("c.mp4"), cues=(Cue(3, "nod"),))
    assert as_command(job, "--dry-run").endswith("--dry-run  # its cues are left out; a file of them goes with --cues")
