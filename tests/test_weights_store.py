"""The registry, the weights folder, licences, import, verification, and `avtr weights` around them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re

import pytest
from typer.testing import CliRunner

from avtr_cli.cli.weights import app
from avtr_cli.core.config import ConfigError, MotionConfig, Preset, RenderConfig
from avtr_cli.core.errors import WeightsError
from avtr_cli.weights.pull import Terms, bring
from avtr_cli.weights.registry import Licence, Registry, WeightFile, notices, registry
from avtr_cli.weights.store import MADE_UP, Record, Store, default_root

CONTENT = b"weights" * 1000
FREE = Licence(id="free", name="Free Licence", url="-", summary="", notice="", commercial="yes")
ASKED = dataclasses.replace(FREE, id="asked", name="Asked Licence", accept=True, commercial="conditional")
CLOSED = dataclasses.replace(FREE, id="closed", name="Closed Licence", commercial="no")
PINNED = WeightFile(
    name="part/pinned", what="", repo="owner/repo", path="liveportrait/net.pth", licence="free", size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(), sets=("part",), also=("net.safetensors", "ditto_net.pth"),
)  # fmt: skip
EXTRA = WeightFile(
    name="part/extra", what="", repo="owner/repo", path="extra.onnx", licence="asked", sets=("part",), optional=True
)
SHUT = WeightFile(name="shut/net", what="", repo="owner/repo", path="shut.onnx", licence="closed", sets=("shut",))
KNOWN = Registry({licence.id: licence for licence in (FREE, ASKED, CLOSED)}, {f.name: f for f in (PINNED, EXTRA, SHUT)})


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "avtr-weights"))
    monkeypatch.delenv("AVTR_LICENCE_POLICY", raising=False)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "weights", KNOWN)


@pytest.fixture
def folder(tmp_path):
    """A user's download of everything, as the hub lays it out."""
    here = tmp_path / "mine"
    for file in (PINNED, EXTRA):
        path = here / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    return here


def brought(store: Store, folder, *files: WeightFile, **terms) -> None:
    bring(store, list(files), folder, Terms(**terms), say=lambda line: None)


# the registry that avtr ships


def test_every_published_file_says_where_it_comes_from_under_which_licence_and_for_what():
    for file in registry().files.values():
        assert re.fullmatch(r"[\w.-]+" if file.part == "flame" else r"[\w.-]+/[\w.-]+", file.repo)
        assert registry().licences[file.licence].url.startswith("https://")
        assert file.what
        assert file.sets
        assert file.revision is None or re.fullmatch(r"[0-9a-f]{40}", file.revision)
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)


def test_liveportrait_is_pinned_whole():
    for file in registry().choose(["liveportrait"]):
        assert file.revision
        assert file.sha256
        assert file.size


def test_the_set_avtr1_holds_motion_features_and_every_network():
    names = {file.name for file in registry().choose(["avtr1"])}
    assert {"avtr1/motion", "avtr1/hubert", "liveportrait/warping_module", "liveportrait/spade_generator"} <= names


def test_unils_and_flame_alone_forbid_commercial_use():
    forbidden = [file for file in registry().files.values() if registry().licences[file.licence].commercial == "no"]
    assert {file.part for file in forbidden} == {"unils", "flame"}
    assert all(file.bring for file in forbidden), "what is not for everyone is not fetched for anyone"
    unils = Preset(motion=MotionConfig(generator="unils"))
    assert {file.part for file in registry().needed(unils)} == {"unils", "flame"}


def test_no_file_of_a_non_commercial_licence_is_needed_by_a_preset():
    needed = registry().choose(["avtr1", "liveportrait"])
    assert {licence.commercial for licence in registry().licences_of(needed)} <= {"yes", "conditional"}


def test_what_measures_need_is_a_set_of_its_own_that_no_preset_asks_for():
    files = registry().choose(["eval"])
    assert [file.name for file in files] == ["eval/syncnet", "eval/inception", "eval/i3d", "eval/sface"]
    assert {file.sets for file in files} == {("eval",)}
    unstated = {file.name for file in files if registry().licences[file.licence].commercial == "unstated"}
    assert unstated == {"eval/syncnet", "eval/i3d"}


def test_weights_whose_licence_nobody_states_are_the_users_decision_and_refused_by_a_commercial_policy():
    store = Store()
    licences = registry().licences_of(registry().choose(["eval/syncnet", "eval/i3d"]))
    for licence in licences:
        assert licence.name.startswith("no stated licence")
        with pytest.raises(WeightsError, match=r"no stated licence .* is not accepted yet.*pull eval --accept-licence"):
            store.allow([licence])
        store.accept(licence)
        store.allow([licence])
        with pytest.raises(WeightsError, match="nobody says that commercial use is allowed"):
            store.allow([licence], "commercial")


def test_a_preset_needs_the_files_of_its_generator_and_renderer_alone():
    ours = Preset()
    mixed = Preset(render=RenderConfig(renderer="liveportrait"))
    published = Preset(motion=MotionConfig(generator="avtr1"), render=RenderConfig(renderer="liveportrait"))
    assert registry().needed(ours) == []
    assert {file.part for file in registry().needed(mixed)} == {"liveportrait"}
    assert {file.part for file in registry().needed(published)} == {"avtr1", "liveportrait"}


def test_reports_carry_the_attribution_of_published_models():
    published = Preset(motion=MotionConfig(generator="avtr1"), render=RenderConfig(renderer="liveportrait"))
    assert notices(Preset()) == []
    together = "\n".join(notices(published))
    for words in ("LivePortrait", "MIT License", "AVTR-1", "Community License"):
        assert words in together


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="no weights are called 'avtr2'; there are avtr1, eval, flame, liveport"):
        registry().choose(["avtr2"])


# the folder


def test_the_folder_is_the_users_choice_or_the_platforms_cache(monkeypatch, tmp_path):
    assert default_root() == tmp_path / "avtr-weights"
    monkeypatch.delenv("AVTR_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_root() == tmp_path / "cache" / "avtr" / "weights"


def test_absent_weights_are_named_with_the_way_to_get_them(store):
    with pytest.raises(WeightsError, match=r"net\.pth: the weights 'part/pinned' are not here; .*weights pull part"):
        store.find("part/pinned")
    assert store.find_optional("part/extra") is None


def test_a_folder_that_may_not_be_looked_into_is_named(store, monkeypatch):
    def locked(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.is_file", locked)
    with pytest.raises(WeightsError, match=r"cannot be read \(Permission denied\); choose another with AVTR_WEIGHTS"):
        store.find("part/pinned")


def test_a_file_put_there_by_hand_is_found(store):
    path = store.target(PINNED)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert store.find("part/pinned") == path
    assert store.verify(PINNED) == (True, "ok")


def test_a_file_cut_short_is_damaged(store, folder):
    brought(store, folder, PINNED)
    path = store.target(PINNED)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match=r"net\.pth: damaged: 6,999 bytes where 7,000 were published; fetch"):
        store.find("part/pinned")
    assert store.verify(PINNED)[0] is False


def test_a_flipped_bit_is_found_by_verify(store, folder):
    brought(store, folder, PINNED, EXTRA, accept=True)
    for file in (PINNED, EXTRA):  # one pinned by the registry, one by the record of its first arrival
        assert store.verify(file)[0] is True
        path = store.target(file)
        path.write_bytes(b"W" + CONTENT[1:])
        good, finding = store.verify(file)
        assert not good
        assert finding.startswith("damaged: sha256")


def test_made_up_files_are_said_to_be_made_up_and_ask_for_no_licence(store):
    path = store.target(EXTRA)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"ours")
    store.note(path, Record(sha256=hashlib.sha256(b"ours").hexdigest(), size=4, source=MADE_UP))
    assert store.find("part/extra") == path
    assert store.verify(EXTRA) == (True, "made up: our own test weights, not the published ones")


# licences


def test_a_licence_that_wants_acceptance_is_accepted_once_and_noted(store, folder):
    with pytest.raises(WeightsError, match=r"Asked Licence .* is not accepted yet; read it.*--accept-licence"):
        brought(store, folder, EXTRA)
    assert not store.target(EXTRA).exists()
    brought(store, folder, EXTRA, accept=True)
    noted = json.loads((store.root / "licences" / "asked.json").read_text())
    assert noted["licence"] == "asked"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", noted["accepted_at"])
    brought(store, folder, EXTRA)


def test_a_person_at_the_terminal_is_asked(store, folder):
    asked = []

    def answer(licence: Licence) -> bool:
        asked.append(licence.id)
        return len(asked) > 1

    with pytest.raises(WeightsError, match="not accepted"):
        brought(store, folder, EXTRA, ask=answer)
    brought(store, folder, EXTRA, ask=answer)
    assert asked == ["asked", "asked"]


def test_files_under_a_licence_not_accepted_are_not_used_even_when_here(store):
    path = store.target(EXTRA)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="not accepted"):
        store.find("part/extra")


def test_a_commercial_policy_refuses_what_forbids_commercial_use(store, folder, monkeypatch):
    (folder / "shut.onnx").write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="Closed Licence forbids commercial use"):
        brought(store, folder, SHUT, policy="commercial")
    brought(store, folder, SHUT)
    monkeypatch.setenv("AVTR_LICENCE_POLICY", "commercial")
    with pytest.raises(WeightsError, match="Closed Licence forbids commercial use"):
        store.find("shut/net")


# import


def test_import_finds_files_by_path_by_name_and_deep_inside(store, tmp_path):
    layouts = ["liveportrait/net.pth", "net.pth", "ComfyUI/models/liveportrait/base_models/net.pth", "ditto_net.pth"]
    for number, layout in enumerate(layouts):
        folder = tmp_path / f"layout{number}"
        (folder / layout).parent.mkdir(parents=True)
        (folder / layout).write_bytes(CONTENT)
        target = Store(tmp_path / f"store{number}", KNOWN)
        brought(target, folder, PINNED)
        assert target.find("part/pinned").read_bytes() == CONTENT


def test_import_takes_a_community_conversion_in_its_own_format(store, tmp_path):
    folder = tmp_path / "community"
    folder.mkdir()
    (folder / "net.safetensors").write_bytes(b"other bytes, same weights")
    brought(store, folder, PINNED)
    assert store.find("part/pinned").name == "net.safetensors"


def test_import_passes_by_the_animal_model_of_the_same_name(store, tmp_path):
    folder = tmp_path / "mine"
    for kind in ("animals", "human"):
        (folder / kind).mkdir(parents=True)
    (folder / "animals" / "net.pth").write_bytes(b"a cat")
    (folder / "human" / "net.pth").write_bytes(CONTENT)
    brought(store, folder, PINNED)
    assert store.find("part/pinned").read_bytes() == CONTENT


def test_import_refuses_another_file_under_the_published_name(store, folder):
    (folder / PINNED.path).write_bytes(CONTENT[::-1])
    with pytest.raises(WeightsError, match=r"liveportrait/net\.pth: not the published file, or damaged"):
        brought(store, folder, PINNED)
    assert not store.target(PINNED).exists()


def test_import_names_what_the_folder_lacks_and_does_without_optional_files(store, folder, tmp_path):
    (folder / EXTRA.path).unlink()
    brought(store, folder, PINNED, EXTRA, accept=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"empty: shut\.onnx not found there"):
        brought(store, tmp_path / "empty", SHUT)
    with pytest.raises(WeightsError, match="nowhere: not a folder"):
        brought(store, tmp_path / "nowhere", SHUT)


# the command line


def avtr_weights(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.slow
def test_list_shows_every_file_on_a_line_with_its_state_and_every_licence():
    done = avtr_weights("list")
    assert done.exit_code == 0
    for name in registry().files:
        assert name in done.stdout
    assert "absent (optional)" in done.stdout
    for licence in registry().licences.values():
        assert licence.id in done.stdout
        assert licence.url in done.stdout
    assert "not accepted yet" in done.stdout
    assert all(len(line) <= 80 or "://" in line for line in done.stdout.splitlines()[1:])


def test_list_as_json_is_for_machines():
    listed = json.loads(avtr_weights("list", "--json").stdout)
    assert {row["name"] for row in listed["files"]} == set(registry().files)
    assert {licence["id"]: licence["accepted"] for licence in listed["licences"]} == {
        "mit-liveportrait": True,
        "avtr-1-community": False,
        "cc-by-nc-4.0-unils": False,
        "apache-2.0-xls-r": True,
        "flame": False,
        "apache-inception": True,
        "apache-sface": True,
        "unstated-syncnet": False,
        "unstated-i3d": False,
    }


def test_where_names_the_folder_or_one_file(tmp_path):
    assert avtr_weights("where").stdout.strip() == str(tmp_path / "avtr-weights")
    path = avtr_weights("where", "liveportrait/landmark").stdout.strip()
    assert path == str(tmp_path / "avtr-weights/KlingTeam/LivePortrait/liveportrait/landmark.onnx")
    assert isinstance(avtr_weights("where", "nothing").exception, ConfigError)


def test_pull_shows_the_licence_and_waits_for_acceptance():
    done = avtr_weights("pull", "avtr1", "--offline")
    assert isinstance(done.exception, WeightsError)
    assert "not accepted yet" in str(done.exception)
    assert "USD 10 million" in done.stderr
    shown = registry().licences_of(registry().choose(["avtr1"]))
    assert all((licence.notice in done.stderr) == (licence in shown) for licence in registry().licences.values())


def test_pull_offline_names_the_file_and_the_way_out():
    done = avtr_weights("pull", "liveportrait", "--offline")
    assert isinstance(done.exception, WeightsError)
    assert re.search(r"appearance_feature_extractor\.pth .*offline.*--from FOLDER", str(done.exception))


def test_pull_wants_to_know_what():
    assert isinstance(avtr_weights("pull").exception, ConfigError)
    assert isinstance(avtr_weights("pull", "avtr1", "--licence-policy", "none").exception, ConfigError)


def test_verify_without_names_leaves_out_sets_of_which_nothing_is_here():
    assert avtr_weights("verify").stdout.startswith("no published weights are here")
    assert avtr_weights("verify").exit_code == 0
    store = Store()
    file = store.registry.files["liveportrait/warping_module"]
    store.target(file).parent.mkdir(parents=True)
    store.target(file).write_bytes(b"x")
    done = avtr_weights("verify")
    assert isinstance(done.exception, WeightsError)
    assert "of 6 files are not usable" in str(done.exception)
    assert "avtr1/motion" not in done.stdout


def test_verify_of_absent_files_says_which_and_fails():
    done = avtr_weights("verify", "liveportrait")
    assert isinstance(done.exception, WeightsError)
    assert done.stdout.count("liveportrait/warping_module") == 1
    said = str(done.exception)
    assert "5 of 6 files are not usable" in said  # one is optional
    assert "avtr weights pull liveportrait" in said
    assert "the default preset needs none of them" in said
