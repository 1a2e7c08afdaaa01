"""Fetching published weights, against a real HTTP server that speaks the hub's protocol (tests/hub_server.py)."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from hub_server import COMMIT, FakeHub, answer, cut_after, running_hub, stall_after

from avtr_cli.core.errors import WeightsError
from avtr_cli.weights.hub import Hub
from avtr_cli.weights.pull import Terms, pull
from avtr_cli.weights.registry import Licence, Registry, WeightFile
from avtr_cli.weights.store import Store

CONTENT = bytes(range(256)) * 2000  # 512 kB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PINNED = WeightFile(
    name="part/pinned", what="", repo="owner/repo", path="folder/net.pth", licence="free", sha256=SHA256,
    size=len(CONTENT), revision=COMMIT, sets=("part",),
)  # fmt: skip
UNPINNED = WeightFile(name="part/new", what="", repo="owner/repo", path="new.onnx", licence="free", sets=("part",))
FREE = Licence(id="free", name="Free", url="-", summary="", notice="By us.", commercial="yes")


@pytest.fixture
def hub(monkeypatch):
    for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_TOKEN", "AVTR_LICENCE_POLICY"):
        monkeypatch.delenv(name, raising=False)
    with running_hub(files={"owner/repo/folder/net.pth": CONTENT, "owner/repo/new.onnx": CONTENT}) as hub:
        yield hub


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "weights", Registry({"free": FREE}, {f.name: f for f in (PINNED, UNPINNED)}))


def fetch(store: Store, hub: FakeHub, file: WeightFile = PINNED, **options) -> Path:
    pull(store, [file], Terms(), Hub(hub.address, **options), say=lambda line: None)
    return store.find(file.name)


def parts(store: Store) -> list[Path]:
    return list(store.root.rglob("*.part"))


def test_a_file_arrives_whole_with_a_record_of_what_it_is(store, hub):
    path = fetch(store, hub)
    assert path.read_bytes() == CONTENT
    record = store.record(path)
    assert (record.sha256, record.size, record.revision, record.source) == (SHA256, len(CONTENT), COMMIT, hub.address)
    assert parts(store) == []


def test_a_file_that_is_here_and_whole_is_not_fetched_again(store, hub):
    fetch(store, hub)
    asked = len(hub.requests)
    fetch(store, hub)
    assert len(hub.requests) == asked


def test_the_pinned_revision_is_asked_for(store, hub):
    fetch(store, hub)
    assert all(f"/resolve/{COMMIT}/" in request.path for request in hub.requests)


def test_an_unknown_revision_is_fixed_by_the_first_pull(store, hub):
    path = fetch(store, hub, UNPINNED)
    assert "/resolve/main/" in hub.requests[0].path
    path.unlink()
    fetch(store, hub, UNPINNED)
    assert f"/resolve/{COMMIT}/" in hub.requests[-1].path


def test_a_file_replaced_upstream_after_the_first_pull_is_refused_until_renew(store, hub):
    fetch(store, hub, UNPINNED).unlink()
    hub.files["owner/repo/new.onnx"] = CONTENT[::-1]
    with pytest.raises(WeightsError, match=r"new\.onnx of owner/repo.*other contents.*--renew"):
        fetch(store, hub, UNPINNED)
    pull(store, [UNPINNED], Terms(), Hub(hub.address), renew=True, say=lambda line: None)
    assert store.find(UNPINNED.name).read_bytes() == CONTENT[::-1]


@pytest.mark.slow
def test_a_connection_cut_half_way_goes_on_within_the_same_pull(store, hub):
    hub.faults = [cut_after(200_000)]
    assert fetch(store, hub).read_bytes() == CONTENT
    first, second = hub.downloads()
    assert first.range is None
    assert second.range == "bytes=200000-"


@pytest.mark.slow
def test_a_pull_that_failed_half_way_goes_on_in_the_next_one(store, hub):
    hub.faults = [cut_after(300_000), answer(503)]
    with pytest.raises(WeightsError, match=r"net\.pth of owner/repo: .* answers 503; .*again"):
        fetch(store, hub)
    assert [part.stat().st_size for part in parts(store)] == [300_000]
    assert fetch(store, hub).read_bytes() == CONTENT
    assert hub.downloads()[-1].range == "bytes=300000-"


@pytest.mark.slow
def test_a_pull_that_was_killed_goes_on_in_the_next_one(store, hub):
    let_go = threading.Event()
    hub.faults = [stall_after(400_000, let_go)]
    script = (
        "from pathlib import Path; from avtr_cli.weights.hub import Hub; from test_weights_download import PINNED;"
        f"Hub({hub.address!r}).fetch(PINNED, Path({str(store.target(PINNED))!r}), None, None)"
    )
    folders = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)}
    )
    while not any(part.stat().st_size for part in parts(store)):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    let_go.set()
    held = parts(store)[0].stat().st_size
    assert fetch(store, hub).read_bytes() == CONTENT
    assert hub.downloads()[-1].range == f"bytes={held}-"


@pytest.mark.slow
def test_a_server_that_ignores_ranges_costs_time_but_not_the_file(store, hub):
    hub.faults, hub.ranges = [cut_after(300_000), answer(503)], False
    with pytest.raises(WeightsError):
        fetch(store, hub)
    assert fetch(store, hub).read_bytes() == CONTENT


def test_wrong_bytes_of_the_right_length_are_thrown_away(store, hub):
    hub.announced["owner/repo/folder/net.pth"] = CONTENT
    hub.files["owner/repo/folder/net.pth"] = CONTENT[::-1]
    with pytest.raises(WeightsError, match=r"net\.pth.*not the published ones.*thrown away"):
        fetch(store, hub)
    assert not store.target(PINNED).exists()
    assert parts(store) == []


def test_wrong_bytes_of_an_unpinned_file_are_told_by_the_hash_the_hub_announces(store, hub):
    hub.announced["owner/repo/new.onnx"] = CONTENT
    hub.files["owner/repo/new.onnx"] = b"x" * len(CONTENT)
    with pytest.raises(WeightsError, match=r"new\.onnx.*not the published ones"):
        fetch(store, hub, UNPINNED)
    assert not store.target(UNPINNED).exists()


def test_another_file_under_the_pinned_name_is_refused_before_any_byte_is_fetched(store, hub):
    hub.files["owner/repo/folder/net.pth"] = CONTENT[::-1]
    with pytest.raises(WeightsError, match="now offers other contents"):
        fetch(store, hub)
    assert hub.downloads() == []


def test_without_the_right_token_the_way_to_log_in_is_said(store, hub):
    hub.token = "hf_right"
    with pytest.raises(WeightsError, match=r"net\.pth of owner/repo: .*401.*HF_TOKEN"):
        fetch(store, hub, token="hf_wrong")
    assert fetch(store, hub, token="hf_right").read_bytes() == CONTENT


def test_the_token_never_reaches_the_host_that_serves_the_bytes(store, hub):
    hub.token = "hf_right"
    fetch(store, hub, token="hf_right")
    seen = {request.method: request.authorization for request in hub.requests}
    assert seen == {"HEAD": "Bearer hf_right", "GET": None}


def test_a_gated_repository_sends_the_user_to_its_page(store, hub):
    hub.status, hub.error_code = 403, "GatedRepo"
    with pytest.raises(WeightsError, match=r"net\.pth.*agree there.*token"):
        fetch(store, hub)


def test_a_file_that_the_hub_does_not_have_is_named(store, hub):
    hub.files.clear()
    with pytest.raises(WeightsError, match=r"net\.pth of owner/repo: .*404.*--from FOLDER"):
        fetch(store, hub)


def test_a_hub_that_cannot_be_reached_is_one_sentence(store):
    with pytest.raises(WeightsError, match=r"net\.pth of owner/repo: the connection to http://127\.0\.0\.1:9 failed"):
        pull(store, [PINNED], Terms(), Hub("http://127.0.0.1:9"), say=lambda line: None)


def test_a_server_that_is_no_hub_is_told_apart(store, hub):
    hub.commit = ""
    with pytest.raises(WeightsError, match="does not answer as a model hub does"):
        fetch(store, hub)


def test_offline_mode_asks_nobody(store, hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"net\.pth.*offline.*--from FOLDER"):
        fetch(store, hub)
    assert hub.requests == []


def test_a_mirror_is_taken_from_the_environment(store, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    pull(store, [PINNED], Terms(), Hub(), say=lambda line: None)
    assert store.find(PINNED.name).read_bytes() == CONTENT


def test_a_disk_too_small_for_the_file_is_noticed_before_any_byte_is_fetched(store, hub):
    hub.announced_size = 10**15
    with pytest.raises(WeightsError, match=r"net\.pth: 1,000,000,000\.0 MB more are needed.*AVTR_WEIGHTS"):
        fetch(store, hub)
    assert hub.downloads() == []


def test_a_disk_that_fills_up_while_bytes_arrive_is_one_sentence(store, hub):
    part = store.target(PINNED).with_name(f"net.pth.{SHA256[:16]}.part")
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")  # the kernel answers every write with "no space left on device"
    with pytest.raises(WeightsError, match=r"\.part: no space left on this disk; make room"):
        fetch(store, hub)
    assert not store.target(PINNED).exists()


def test_after_a_write_limit_is_lifted_the_pull_goes_on_where_it_stopped(store, hub):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(WeightsError, match="no space left"):
            fetch(store, hub)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    held = parts(store)[0].stat().st_size
    assert 0 < held <= 100_000
    assert fetch(store, hub).read_bytes() == CONTENT
    assert hub.downloads()[-1].range == f"bytes={held}-"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(store, hub):
    store.root.mkdir()
    store.root.chmod(0o500)
    with pytest.raises(WeightsError, match="cannot be written"):
        fetch(store, hub)


def test_a_file_in_the_place_of_the_folder_is_named(store, hub):
    store.root.write_text("in the way")
    with pytest.raises(WeightsError, match=r"net\.pth.*cannot be written.*AVTR_WEIGHTS"):
        fetch(store, hub)


@pytest.mark.slow
def test_two_pulls_of_one_file_do_not_write_into_each_other(store, hub):
    let_go = threading.Event()
    hub.faults = [stall_after(100_000, let_go)]
    first = threading.Thread(target=fetch, args=(store, hub))
    first.start()
    while not hub.downloads():
        time.sleep(0.01)
    try:
        with pytest.raises(WeightsError, match="another avtr is fetching this file"):
            fetch(store, hub)
    finally:
        let_go.set()
        first.join()
    assert store.find(PINNED.name).read_bytes() == CONTENT
