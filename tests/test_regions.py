"""What of a person lies where in a photo: regions by name and by place, drawn, and on a page to click on."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.interaction import WORDS
from avtr_cli.core.regions import BODY, HEAD, ON_PERSON, REGIONS, RegionMap
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.regions import region_map
from avtr_cli.prompts.interactions import parse_interactions, parse_option
from avtr_cli.report.region_page import region_page
from avtr_cli.report.region_picture import region_picture
from tests.test_html_report import CHROMIUM, Page, needs_chromium

DRAWN = shipped_folder("examples") / "portrait_drawn.png"


@pytest.fixture(scope="module")
def portrait():
    return find_portrait(DRAWN)


@pytest.fixture(scope="module")
def regions(portrait) -> RegionMap:
    return region_map(portrait)


def test_a_face_from_the_front_has_every_region_of_the_head(regions):
    assert set(HEAD) <= set(regions.names)
    assert set(regions.names) == regions.centres.keys() <= set(REGIONS)


def test_the_middle_of_a_region_lies_in_it(regions):
    for name, place in regions.centres.items():
        assert regions.at(*place)[0][0] == name


def test_left_is_the_subjects_own_and_so_to_the_right_of_the_picture(regions):
    for name in (name.removeprefix("left_") for name in regions.names if name.startswith("left_")):
        assert regions.centres[f"left_{name}"][0] > regions.centres[f"right_{name}"][0]
        assert regions.offset(*regions.centres[f"left_{name}"])[0] > 0


def test_shares_are_one_together_on_the_person_and_go_over_softly(regions):
    on_person = regions.person > ON_PERSON
    assert regions.shares.shape == (len(regions.names), *regions.person.shape)
    assert np.abs(regions.shares[:, on_person].sum(axis=0) - 1).max() < 1e-5
    largest = regions.shares.max(axis=0)[on_person]
    assert 0.02 < (largest < 0.9).mean() < 0.5


def test_places_are_counted_from_the_corner_and_in_eye_distances(regions):
    order = ["forehead", "nose", "mouth", "chin", "neck"]
    below = [regions.offset(*regions.centres[name])[1] for name in order]
    assert below == sorted(below)
    assert abs(regions.offset(*regions.centres["mouth"])[0]) < 0.2
    eyes = [regions.offset(*regions.centres[f"{side}_eye"])[0] for side in ("left", "right")]
    assert 0.5 < eyes[0] - eyes[1] < 1.0  # the outer corners are 1 apart


def test_beside_the_person_is_background(regions):
    for place in ((0.0, 0.0), (1.0, 0.0), (0.02, 0.3)):
        assert regions.at(*place) == ()
        assert regions.touched(3, "touch", *place).region == "background"


def test_a_region_that_is_not_there_is_refused_and_those_that_are_named(regions):
    with pytest.raises(ConfigError, match=r"^the photo shows no legs; it has hair, forehead, "):
        regions.centre("legs")
    with pytest.raises(ConfigError, match=r"^no region is called 'left_cheeks', did you mean left_cheek"):
        regions.centre("left_cheeks")


def test_a_touch_of_a_place_knows_what_lies_there(regions):
    touch = regions.touched(7, "kissed", *regions.centres["left_cheek"])
    assert (touch.frame, touch.do, touch.tone, touch.region) == (7, "kiss", "affectionate", "left_cheek")
    assert touch.aside > 0.2


@pytest.mark.parametrize("place", [(1.01, 0.5), (0.5, -0.1), (float("nan"), 0.5), ("0.5", 0.5), (True, 0.5)])
def test_a_place_outside_of_the_photo_is_none(regions, place):
    with pytest.raises(ConfigError, match="must be a share of the picture, from 0 to 1"):
        regions.touched(0, "poke", *place)


@pytest.mark.slow
def test_a_person_to_the_hips_has_a_body_and_a_small_head_is_drawn_once_more_enlarged(photo):
    portrait = find_portrait(photo)
    regions = region_map(portrait)
    assert {"chest", "abdomen", "left_shoulder", "right_shoulder", "right_arm"} <= set(regions.names)
    below = {name: regions.offset(*regions.centres[name])[1] for name in BODY if name in regions.centres}
    assert below["right_shoulder"] < below["right_arm"]
    assert below["chest"] < below["abdomen"]
    assert all(value > 1 for value in below.values())
    picture = region_picture(portrait.photo, regions)
    assert picture.shape[1] > 1.3 * picture.shape[0]


# ---- avtr regions ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_lists_draws_and_writes_a_page_the_same_every_time(avtr, tmp_path, regions):
    picture, page = tmp_path / "map.png", tmp_path / "deep" / "touch.html"
    code, out, _ = avtr("regions", DRAWN, "-o", picture, "--page", page)
    assert code == 0
    listed = dict(line.split() for line in out.splitlines()[: len(regions.names)])
    assert list(listed) == list(regions.names)
    drawn = cv2.imread(str(picture))
    assert max(drawn.shape[:2]) >= 900
    before = picture.read_bytes(), page.read_bytes()
    assert avtr("regions", DRAWN, "-o", picture)[0] == 5  # it is there already
    told = json.loads(avtr("regions", DRAWN, "-o", picture, "--page", page, "-y", "--json")[1])
    assert (picture.read_bytes(), page.read_bytes()) == before
    assert [one["region"] for one in told] == list(regions.names)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-o", "map.jpg"], 2, "-o map.jpg: name it .png"),
        (["--page", "map.png"], 2, "--page map.png: name it .html"),
        (["-o", "photo.png"], 5, "photo.png: is the photo itself; choose another -o"),
        (["--face", "0"], 2, ""),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_the_work(avtr, tmp_path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(DRAWN.read_bytes())
    monkeypatch.setattr("avtr_cli.perception.portrait.find_portrait", None)
    ended, out, err = avtr("regions", "photo.png", *arguments)
    assert (ended, out) == (code, "")
    assert said in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_page_is_well_formed_holds_all_it_needs_and_takes_nothing_from_anywhere(portrait, regions):
    text = region_page('a "<b>&.png', portrait.photo, regions)
    page = Page(text.partition("<script>")[0] + "</body></html>")
    assert 'Touch a "<b>&.png' in page.text
    assert page.all("img")[0]["src"].startswith("data:image/jpeg;base64,")
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", text)
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', text).group(1))
    assert facts["regions"] == list(regions.names)
    assert sorted(word for words in facts["words"].values() for word in words) == sorted(WORDS)


class Browser:
    """Chromium without a window, asked over a pipe in DevTools' language; clicks are those of a mouse."""

    def __init__(self, to: int, back: int):
        self._to, self._back, self._count, self._rest, self.session = to, back, 0, b"", ""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        os.write(self._to, json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                self._rest += os.read(self._back, 1 << 16)
            said, _, self._rest = self._rest.partition(b"\0")
            answer = json.loads(said)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]

    def value(self, expression: str) -> Any:
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def click(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@contextmanager
def browsing(page: Path, folder: Path) -> Iterator[Browser]:
    """The page in a browser of its own."""
    (from_us, to), (back, to_us) = os.pipe(), os.pipe()
    os.dup2(from_us, 253)
    os.dup2(to_us, 254)
    command = f'exec 3<&253 4>&254; exec "{CHROMIUM}" --headless --no-sandbox --disable-gpu --remote-debugging-pipe '
    command += f'--user-data-dir="{folder / "profile"}" --window-size=1280,1000 about:blank'
    ran = subprocess.Popen(
        ["bash", "-c", command], pass_fds=(253, 254), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        browser = Browser(to, back)
        target = browser.ask("Target.createTarget", url=page.as_uri())["targetId"]
        browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        while browser.value("document.body && document.body.dataset.ready") != "yes":
            pass
        yield browser
    finally:
        ran.kill()
        ran.wait()
        for handle in (from_us, to, back, to_us, 253, 254):
            os.close(handle)


@needs_chromium
@pytest.mark.slow
def test_clicks_on_the_page_are_the_regions_and_what_it_writes_is_understood(portrait, regions, tmp_path):
    path = tmp_path / "touch.html"
    path.write_text(region_page("drawn.png", portrait.photo, regions))
    with browsing(path, tmp_path) as browser:
        box = json.loads(browser.value("JSON.stringify(document.getElementById('photo').getBoundingClientRect())"))
        asked = [("left_cheek", "poke"), ("hair", "stroke"), ("mouth", "kiss")]
        for name, word in asked:
            browser.value(f"document.getElementById('word').value = '{word}'")
            x, y = regions.centres[name]
            browser.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        written = browser.value("document.getElementById('yaml').value")
        options = browser.value("document.getElementById('command').value").split()
        browser.value("document.getElementById('undo').click()")
        left = browser.value("document.querySelectorAll('.mark').length")
    assert [line.rpartition("# ")[2] for line in written.splitlines()] == [name for name, _ in asked]
    import yaml

    touches = parse_interactions(yaml.safe_load(written), "page")
    assert [(touch.frame, touch.do) for touch in touches] == [(25, "poke"), (75, "stroke"), (125, "kiss")]
    assert tuple(parse_option(text) for text in options[1::2]) == touches
    for touch, (name, _) in zip(touches, asked, strict=True):
        assert regions.at(*touch.place)[0][0] == name
        assert np.abs(np.subtract(touch.place, regions.centres[name])).max() < 0.01
    assert left == 2


def test_an_arm_and_a_hand_are_so_to_their_edges():
    """Beside the trunk nothing else is there: a click on a sleeve's edge must not be declined as one on the chest."""
    regions = region_map(find_portrait(shipped_folder("examples") / "figure_drawn.png"))
    for side in ("left", "right"):
        names, (x, y) = set(), regions.centres[f"{side}_arm"]
        across = np.linspace(-0.25, 0.25, 101)
        outer = across[across > 0] if side == "left" else across[across < 0]
        for shift in outer:
            names |= {name for name, share in regions.at(float(np.clip(x + shift, 0, 1)), y) if share > 0.3}
        assert names == {f"{side}_arm"}
        hand = regions.centres[f"{side}_hand"]
        below = {regions.at(hand[0], hand[1] + down) for down in np.linspace(0, 0.05, 11)}
        assert {found[0][0] for found in below if found} == {f"{side}_hand"}
