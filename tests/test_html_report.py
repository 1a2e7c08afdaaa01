"""The report page: it holds all it shows, runs nobody else's code, survives strange names, fits a phone."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.report import charts
from avtr_cli.report.page import batch_page, job_page
from avtr_cli.report.stills import still_times, stills
from avtr_cli.report.timeline import Curves, Timeline

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


def test_names_that_look_like_html_stay_names(rendered):
    page = Page(rendered[1].read_text())
    assert 'a "<b>&amp;.mp4' in page.text
    assert page.all("video")[0]["src"] == "a%20%22%3Cb%3E%26amp%3B.mp4"
    assert len(page.all("b")) == len([tag for tag in page.tags if tag[0] == "b"])


def test_the_page_tells_what_the_report_tells(rendered):
    report, path = rendered
    page = Page(path.read_text())
    assert len(page.all("img")) == 12
    assert f"{report['output']['frames']} frames" in page.text
    assert report["output"]["frames_sha256"] in page.text
    assert report["inputs"]["photo"]["sha256"] in page.text
    assert "render.size" in page.text
    for told in ("audio.sample_rate", "audio.correlation", "command", "cues"):
        assert told in page.text
    assert "Label on every frame: “AI-generated”" in page.text
    for name in ("motion", "drawing", "encoding"):
        assert name in page.text
    assert f"{report['timing']['stages_ms']['render']['p50']:.1f}" in page.text
    assert len(page.all("svg")) >= 4 + 3


def write_page(path: Path, report: dict, timeline: Timeline | None = None) -> None:
    path.write_text(job_page(path, report, Path(report["output"]["path"]), timeline), encoding="utf-8")


def test_every_warning_is_shown(rendered, tmp_path):
    report = json.loads(json.dumps(rendered[0])) | {"warnings": ["the <face> is small", "channel 1 is clipped"]}
    write_page(tmp_path / "w.html", report)
    text = Page((tmp_path / "w.html").read_text()).text
    assert "the <face> is small" in text
    assert "channel 1 is clipped" in text


def test_stills_are_pictures_of_the_moments_asked_for(rendered):
    import cv2

    video = Path(rendered[0]["output"]["path"])
    pictures = [cv2.imdecode(np.frombuffer(data, np.uint8), 1) for data in stills(video, still_times(4.0, 3), 96)]
    assert [picture.shape for picture in pictures] == [(96, 96, 3)] * 3
    assert stills(video, [99.0]) == []
    assert stills(video.with_name("none.mp4"), [0.0]) == []


def test_a_page_without_its_video_still_stands(rendered, tmp_path):
    report = json.loads(json.dumps(rendered[0]))
    report["output"]["path"] = str(tmp_path / "gone.mp4")
    write_page(tmp_path / "gone.html", report)
    page = Page((tmp_path / "gone.html").read_text())
    assert page.all("img") == []
    assert "gone.mp4" in page.text


def test_the_index_of_a_batch_links_every_video_and_names_every_failure(rendered, tmp_path):
    report, page_path = rendered
    other = json.loads(json.dumps(report))
    other["output"]["path"] = str(Path(report["output"]["path"]).with_name("other.mp4"))
    index = page_path.with_name("index.html")
    batch_page([report, other], index, [("third", "third.png: no <face> found")], {report["output"]["path"]: page_path})
    page = Page(index.read_text())
    links = [link["href"] for link in page.all("a")]
    assert links.count("other.mp4") == 2
    assert "page.html" in links
    assert "third.png: no <face> found" in page.text
    assert (page.wrong, page.open) == ([], [])


# Timelines


def test_the_voices_of_the_timeline_are_where_the_sound_is(engine, photo, wav, tmp_path, monkeypatch):
    from avtr_cli.jobs import finishing

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
    assert {len(getattr(curves, name)) for name in ("mouth", "blink", "pitch", "yaw", "roll")} == {125}
    assert curves.mouth[:60].max() > 2 * curves.mouth[80:].max()  # the mouth speaks while the voice does


def test_charts_stay_inside_their_box_whatever_the_numbers():
    values = np.array([0.0, 1.0, 0.5], np.float32)
    shapes = charts.opening(values, "a", "mouth") + charts.head(values * 90, -values * 200, values)
    heights = [float(y) for y in re.findall(r"[\d.]+,(-?[\d.]+)", shapes)]
    assert min(heights) >= 0
    assert max(heights) <= 80
    bar = charts.spread({"p50": 10, "p99": 1e9, "max": 1e12}, 200, 200)
    assert max(float(x) for x in re.findall(r'(?:width|x1)="([\d.]+)"', bar)) <= charts.WIDTH


# In a browser


def browse(page: Path, width: int, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags += [f"--user-data-dir={folder / f'profile-{width}'}", f"--window-size={width},1600", *more]
    return subprocess.run([CHROMIUM, *flags, page.as_uri()], capture_output=True, text=True, check=False, timeout=1800)


def long_timeline() -> Timeline:
    wave = np.abs(np.sin(np.linspace(0, 60, 800))).astype(np.float32)
    curves = Curves(wave, wave**8, 4 * wave, -6 * wave, wave)
    return Timeline(4.0, np.stack([wave, wave[::-1]]), (curves, curves))


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it_without_errors_and_without_scrolling_sideways(rendered, tmp_path, width):
    report, path = rendered
    page, frame = path.with_name(f"probe-{width}.html"), path.with_name(f"frame-{width}.html")
    write_page(page, report, long_timeline())
    told = "[document.documentElement.scrollWidth, innerWidth, document.querySelector('video').readyState,"
    told += "document.querySelector('.playhead').style.left, document.images.length].join(' ')"
    probe = f"addEventListener('load', () => setTimeout(() => parent.postMessage({told}, '*'), 1500))"
    page.write_text(page.read_text().replace("</body>", f"<script>{probe}</script></body>"))
    listener = "addEventListener('message', event => { document.title = event.data; })"
    frame.write_text(  # a window cannot be narrower than 500 px, a frame can
        f"<title>none</title><script>{listener}</script>"
        f"<iframe width={width} height=900 style='border:0' src='{page.name}'>"
    )
    done = browse(frame, 1300, tmp_path, "--virtual-time-budget=8000", "--enable-logging=stderr", "--dump-dom")
    title = re.search(r"<title>(.*?)</title>", done.stdout).group(1).split()
    assert int(title[0]) <= int(title[1]) == width
    assert int(title[2]) >= 1, "the linked video's metadata was read"
    assert title[3:] == ["0%", "12"], "our own script ran and the pictures are there"
    assert not re.search(r"CONSOLE.*(Refused|Error|violates)", done.stderr)


@needs_chromium
@pytest.mark.slow
def test_a_screenshot_has_the_pictures_and_the_curves_in_it(rendered, tmp_path):
    import cv2

    path = rendered[1].with_name("shot.html")
    write_page(path, rendered[0], long_timeline())
    shot = tmp_path / "shot.png"
    browse(path, 1200, tmp_path, f"--screenshot={shot}")
    picture = cv2.imread(str(shot))
    assert picture.shape == (1600, 1200, 3)
    blue = (np.abs(picture.astype(int) - (201, 99, 37)) < 12).all(2)  # --a, in OpenCV's order
    assert blue.sum() > 2000
