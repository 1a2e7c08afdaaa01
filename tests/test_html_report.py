"""The report page: it holds all it shows, runs nobody else's code, survives strange names, fits a phone."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core.config import load_preset
from avtr_cli.jobs import finishing
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.report import charts
from avtr_cli.report.job_page import job_page
from avtr_cli.report.settings import changes
from avtr_cli.report.stills import still_times, stills
from avtr_cli.report.timeline import GESTURES, Curves, Gesture, Timeline

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def rendered(engine, photo, wav, tmp_path_factory):
    """A real job of 4 s with its page: (report, page)."""
    folder = tmp_path_factory.mktemp("page")
    page = folder / "page.html"
    job = Job(
        photo=photo,
        sound=DialogueFiles(dialogue=wav(4.0)),
        out=folder / 'a "<b>&amp;.mp4',
        preset=engine.preset,
        page=page,
        label="AI-generated",
    )
    return render_file(job, engine), page


class Page(html.parser.HTMLParser):
    """Collects tags and attributes, and notes tags that are not closed in order."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.slow
def test_the_page_is_well_formed_and_takes_nothing_from_anywhere(rendered):
    text = rendered[1].read_text()
    page = Page(text)
    assert page.wrong == []
    assert page.open == []
    addresses = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert all(value.startswith("data:image/jpeg;base64,") or ":" not in value for value in addresses)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|http-equiv=.refresh", text)
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


@pytest.mark.slow
def test_names_that_look_like_html_stay_names(rendered):
    page = Page(rendered[1].read_text())
    assert 'a "<b>&amp;.mp4' in page.text
    assert page.all("video")[0]["src"] == "a%20%22%3Cb%3E%26amp%3B.mp4"
    assert len(page.all("b")) == len([tag for tag in page.tags if tag[0] == "b"])


@pytest.mark.slow
def test_the_page_tells_what_the_report_tells(rendered):
    report, path = rendered
    page = Page(path.read_text())
    output, inputs = report["output"], report["inputs"]
    assert len(page.all("img")) == 12
    assert f"{output['frames']} frames" in page.text
    for told in (
        output["sha256"],
        output["frames_sha256"],
        f"{output['bytes']:,} bytes",
        "H.264, 256×256 px, 25 fps",
        "AAC, mono, 48 kHz",
        inputs["photo"]["sha256"],
        "0:00.0 to 0:04.0 (4.00 s)",
        f"the avatar {inputs['audio']['voice_share'][0]:.0%} of the time",
        report["weights"][0]["sha256"],
        "Label on every frame: “AI-generated”",
        "motion.euler_steps",
    ):
        assert told in page.text
    for name in ("motion", "drawing", "encoding"):
        assert name in page.text
    assert f"{report['timing']['stages_ms']['render']['p50']:.1f}" in page.text
    assert len(page.all("svg")) >= 8 + 3


@pytest.mark.slow
def test_what_a_deadline_is_concerns_only_jobs_at_the_speed_of_a_call(rendered, tmp_path):
    offline = json.loads(json.dumps(rendered[0]))
    offline["timing"]["deadline_misses"] = 17
    write_page(tmp_path / "o.html", offline)
    text = Page((tmp_path / "o.html").read_text()).text
    assert "too late" not in text
    assert "missed" not in text
    times = {"count": 20, "mean": 300.0, "p50": 300.0, "p90": 390.0, "p99": 405.0, "max": 410.0}
    pace = {"mode": "realtime", "packet_ms": 20, "frame_latency_ms": times, "chunk_delay_ms": times}
    offline["timing"]["pace"] = pace | {"deadline_ms": 200.0, "deadline_misses": 3}
    write_page(tmp_path / "l.html", offline)
    text = Page((tmp_path / "l.html").read_text()).text
    assert "3of 20 chunks came too late" in text
    assert "frames left 300 ms (median)" in text


@pytest.mark.slow
def test_what_was_asked_for_can_be_copied_and_cues_stand_on_the_page_and_on_the_timeline(rendered, tmp_path):
    cues = [{"frame": 50, "cue": "nod", "strength": 1.0}, {"frame": 55, "cue": "look_left", "strength": 0.8}]
    report = json.loads(json.dumps(rendered[0])) | {"cues": cues}
    report["avtr"]["command"] = "avtr render 'a <b>.png' c.wav"
    write_page(tmp_path / "c.html", report, long_timeline())
    page = Page((tmp_path / "c.html").read_text())
    assert "avtr render 'a <b>.png' c.wav" in page.text
    marks = [mark for mark in page.all("b") if "title" in mark]
    assert [(mark["style"], mark["title"]) for mark in marks] == [
        ("left:50.00%", "nod at 2 s, strength 1"),
        ("left:55.00%", "look left at 2.2 s, strength 0.8"),
    ]
    places = [word["style"] for word in page.all("span") if "title" in word]
    assert places == ["left:50.00%;top:6px", "left:55.00%;top:21px"]  # the second word finds no room beside the first
    assert "look_left" in page.text


@pytest.mark.slow
def test_what_a_browser_cannot_play_is_a_picture_with_a_link(rendered, tmp_path):
    report = json.loads(json.dumps(rendered[0]))
    video = Path(report["output"]["path"])
    for name, target in (("a.mov", "a.mov"), ("clip_%03d.png", "clip_001.png")):
        report["output"]["path"] = str(tmp_path / name)
        (tmp_path / "m.html").write_text(job_page(tmp_path / "m.html", report, video))
        page = Page((tmp_path / "m.html").read_text())
        assert page.all("video") == []
        assert [link["href"] for link in page.all("a") if link.get("class") == "player"] == [target]


# Settings


def settings_of(*pairs: str, preset: str = "default", name: str = "") -> dict:
    chosen = load_preset(preset, pairs)
    return {"avtr": {"preset": name or preset}, "settings": chosen.as_dict()}


def test_settings_of_the_job_come_first_then_those_of_its_preset():
    found = changes(settings_of("motion.smile=0.2", preset="fast"))
    assert found[0] == ("motion.smile", 0.2, 0.0, "this job")
    assert {change.by for change in found[1:]} == {"preset fast"}
    assert ("render.size", 320, 512, "preset fast") in found
    assert changes(settings_of()) == []


def test_a_setting_put_back_to_the_default_against_the_preset_is_told():
    assert ("render.size", 512, 320, "this job") in changes(settings_of("render.size=512", preset="fast"))


def test_a_preset_of_the_users_own_explains_nothing_by_itself():
    assert changes(settings_of("render.size=256", name="mine")) == [("render.size", 256, 512, "mine.yaml or this job")]


def write_page(path: Path, report: dict, timeline: Timeline | None = None) -> None:
    path.write_text(job_page(path, report, Path(report["output"]["path"]), timeline), encoding="utf-8")


@pytest.mark.slow
def test_every_warning_is_shown(rendered, tmp_path):
    report = json.loads(json.dumps(rendered[0])) | {"warnings": ["the <face> is small", "channel 1 is clipped"]}
    write_page(tmp_path / "w.html", report)
    text = Page((tmp_path / "w.html").read_text()).text
    assert "the <face> is small" in text
    assert "channel 1 is clipped" in text


@pytest.mark.slow
def test_stills_are_pictures_of_the_moments_asked_for(rendered):

    video = Path(rendered[0]["output"]["path"])
    pictures = [cv2.imdecode(np.frombuffer(data, np.uint8), 1) for data in stills(video, still_times(4.0, 3), 96)]
    assert [picture.shape for picture in pictures] == [(96, 96, 3)] * 3
    assert stills(video, [99.0]) == []
    assert stills(video.with_name("none.mp4"), [0.0]) == []


@pytest.mark.slow
def test_a_page_without_its_video_still_stands(rendered, tmp_path):
    report = json.loads(json.dumps(rendered[0]))
    report["output"]["path"] = str(tmp_path / "gone.mp4")
    write_page(tmp_path / "gone.html", report)
    page = Page((tmp_path / "gone.html").read_text())
    assert page.all("img") == []
    assert "gone.mp4" in page.text


# Timelines


@pytest.mark.slow
def test_the_voices_of_the_timeline_are_where_the_sound_is(engine, photo, wav, tmp_path, monkeypatch):

    taken: list[Timeline] = []
    monkeypatch.setattr(finishing, "job_page", lambda path, report, video, timeline: taken.append(timeline) or "")
    job = Job(
        photo=photo,
        sound=DialogueFiles(dialogue=wav(5.0)),
        out=tmp_path / "a.mp4",
        preset=engine.preset,
        page=tmp_path / "a.html",
    )
    render_file(job, engine)
    (timeline,) = taken
    assert timeline.duration_s == 5.0
    assert timeline.voices.shape == (2, 125)
    assert timeline.speaking(1.0) == (True, False)  # the avatar's turn lasts 2.5 s, then the partner's
    assert timeline.speaking(4.0) == (False, True)
    (curves,) = timeline.curves
    assert {len(getattr(curves, name)) for name in ("mouth", "blink", "smile", "nod", "away", "roll")} == {125}
    assert curves.mouth[:60].max() > 2 * curves.mouth[80:].max()  # the mouth speaks while the voice does


def heights(shapes: str) -> list[float]:
    """Every y of the paths in a chart."""
    found = []
    for way in re.findall(r' d="(M0 [^"]*)"', shapes):
        y = 0.0
        for letter, numbers in re.findall(r"([MVlhz])([^MVlhz]*)", way):
            values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
            if letter == "M":
                found.append(y := values[1])
            elif letter == "V":
                found.append(y := values[0])
            elif letter == "l":
                for step in values[1::2]:
                    found.append(y := y + step)
    return found


def test_charts_stay_inside_their_box_whatever_the_numbers():
    values = np.array([0.0, 1.0, 0.5], np.float32)
    for chart, height in (
        (charts.rise(values * 9, "a", "mouth", 1.0), charts.LOW),
        (charts.swing(values * 9, "a", "nods", 1.0), charts.LOW),
        (charts.head(values * 90, -values * 200, values, 5.0), charts.TALL),
        (charts.voices(np.stack([values, values])), charts.TALL),
    ):
        found = heights(chart)
        assert len(found) >= 3
        assert min(found) >= 0
        assert max(found) <= height
    bar = charts.spread({"p50": 10, "p99": 1e9, "max": 1e12}, 200, 200)
    assert max(float(x) for x in re.findall(r'(?:width|x1)="([\d.]+)"', bar)) <= charts.WIDTH


def test_a_curve_that_is_drawn_goes_where_its_numbers_go():
    values = np.array([0.0, 0.5, 1.0, 0.25], np.float32)
    drawn = heights(charts.line(values, "a", 100, 100, 100))
    assert drawn == [100, 50, 0, 75]
    assert heights(charts.line(values[:1], "a", 100, 100, 100)) == [100]  # a video of one frame


@pytest.mark.slow
def test_two_people_are_drawn_on_one_scale(rendered, tmp_path):
    small = Curves(**{name: np.full(8, 1.0, np.float32) for name in ("mouth", "blink", "nod", "pitch", "yaw", "roll")})
    large = dataclasses.replace(small, pitch=small.pitch * 9, nod=small.nod * 4)
    write_page(tmp_path / "t.html", rendered[0], Timeline(4.0, np.zeros((2, 8), np.float32), (small, large)))
    text = Page((tmp_path / "t.html").read_text()).text
    assert text.count("+9°") == 2
    assert text.count("±4°") == 2


@pytest.mark.slow
def test_a_motion_that_does_not_tell_of_smiles_has_no_track_of_them(rendered, tmp_path):
    timeline = long_timeline()
    known = dataclasses.replace(
        timeline.curves[0], smile=None, brow=None, away=None, relative=True, gestures=(Gesture("nod", 1.0),)
    )
    write_page(tmp_path / "k.html", rendered[0], dataclasses.replace(timeline, curves=(known,)))
    text = Page((tmp_path / "k.html").read_text()).text
    assert "Nods" in text
    assert "widest" in text
    for unknown in ("Smile", "Brows", "Looks away"):
        assert unknown not in text


@pytest.mark.slow
def test_the_longest_calls_of_two_people_make_a_page_that_can_be_mailed(rendered, tmp_path):
    write_page(tmp_path / "long.html", rendered[0], long_timeline())
    assert (tmp_path / "long.html").stat().st_size < 400_000


# In a browser


def browse(page: Path, width: int, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags += [f"--user-data-dir={folder / f'profile-{width}'}", f"--window-size={width},1600", *more]
    return subprocess.run([CHROMIUM, *flags, page.as_uri()], capture_output=True, text=True, check=False, timeout=1800)


def long_timeline() -> Timeline:
    """As busy as a timeline can be: every bin another value, a gesture of every kind ten times a second."""
    wave = np.abs(np.sin(np.linspace(0, 600, 800))).astype(np.float32)
    gestures = tuple(Gesture(name, k / 10, k % 2 == 0) for name in GESTURES for k in range(40))
    listens = tuple((k / 2, k / 2 + 0.25) for k in range(8))
    curves = Curves(wave, wave**8, wave, 4 * wave, -6 * wave, wave, wave, wave, 9 * wave, False, gestures, listens)
    return Timeline(4.0, np.stack([wave, wave[::-1]]), (curves, curves))


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it_without_errors_and_without_scrolling_sideways(rendered, tmp_path, width):
    report, path = rendered
    page, frame = path.with_name(f"probe-{width}.html"), path.with_name(f"frame-{width}.html")
    write_page(page, report, long_timeline())
    ready = "document.querySelector('video').readyState"
    played = "document.querySelector('.playhead').style.getPropertyValue('--at') > 0.4"
    sizes = "document.documentElement.scrollWidth, innerWidth"
    told = f"[{sizes}, {ready}, {played}, document.images.length].join(' ')"
    play = "document.querySelectorAll('[data-time]')[6].click()"  # past the middle of the video
    # Its clock is virtual and jumps from timer to timer, but a video is read in true time: so it is asked many times.
    ask = f"if (({ready} >= 1 && {played}) || ++asked > 50000) {{ stop(); parent.postMessage({told}, '*'); }}"
    wait = f"{play}; const asking = setInterval(() => {{ {ask} }}, 50), stop = () => clearInterval(asking);"
    probe = f"let asked = 0; addEventListener('load', () => {{ {wait} }})"
    page.write_text(page.read_text().replace("</body>", f"<script>{probe}</script></body>"))
    listener = "addEventListener('message', event => { document.title = event.data; })"
    frame.write_text(  # a window cannot be narrower than 500 px, a frame can
        f"<title>none</title><script>{listener}</script>"
        f"<iframe width={width} height=900 style='border:0' src='{page.name}'>"
    )
    done = browse(frame, 1300, tmp_path, "--virtual-time-budget=3000000", "--enable-logging=stderr", "--dump-dom")
    title = re.search(r"<title>(.*?)</title>", done.stdout).group(1).split()
    assert int(title[0]) <= int(title[1]) == width
    assert int(title[2]) >= 1, "the linked video's metadata was read"
    assert title[3:] == ["true", "12"], "a click on a still plays from there, and the pictures are there"
    assert not re.search(r"CONSOLE.*(Refused|Error|violates)", done.stderr)


@needs_chromium
@pytest.mark.slow
def test_a_screenshot_has_the_pictures_and_the_curves_in_it(rendered, tmp_path):

    path = rendered[1].with_name("shot.html")
    write_page(path, rendered[0], long_timeline())
    shot = tmp_path / "shot.png"
    browse(path, 1200, tmp_path, f"--screenshot={shot}")
    picture = cv2.imread(str(shot))
    assert picture.shape == (1600, 1200, 3)
    blue = (np.abs(picture.astype(int) - (201, 99, 37)) < 12).all(2)  # --a, in OpenCV's order
    assert blue.sum() > 2000
