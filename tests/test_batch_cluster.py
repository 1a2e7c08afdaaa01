"""Batches on a Ray cluster: two real nodes on this machine, one of them killed, one without our files."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.batch.cluster import _gathered, _write
from avtr_cli.batch.messages import Checked, Failure
from avtr_cli.batch.shipping import Needs, outputs_of, parcels_of, unpacked, with_absolute_paths, with_senders_paths
from avtr_cli.cli.batch import BatchCommand
from avtr_cli.core.config import load_preset
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.two_sided import TwoSidedJob
from tests.batches import (
    GOOD,
    SMALL,
    avtr_batch,
    environment,
    frame_hashes,
    frames_undisturbed,
    ledger,
    make_folder,
    start,
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """With every kind of file that a job can read."""
    files = {}
    for name in ("photo.png", "me.wav", "you.wav", "motion.safetensors", "sky.png", "style.npz"):
        files[name] = tmp_path / "sender" / name
        files[name].parent.mkdir(exist_ok=True)
        files[name].write_bytes(f"bytes of {name}".encode())
    return Job(
        photo=files["photo.png"],
        sound=DialogueFiles(dialogue=files["me.wav"], partner=files["you.wav"]),
        out=tmp_path / "sender" / "out.mp4",
        preset=load_preset("default", [f"render.background={files['sky.png']}", f"motion.style={files['style.npz']}"]),
        from_motion=files["motion.safetensors"],
    )


def test_files_that_a_machine_sees_are_used_where_they_lie(job):
    parcels = parcels_of(job)
    assert len(parcels) == 6
    with unpacked(job, parcels, lambda sha256: None, keep_out=True) as (arrived, called):
        assert (arrived, called) == (job, {})


def test_files_that_a_machine_does_not_see_are_asked_for_then_written_and_gone_afterwards(job, tmp_path):
    parcels = parcels_of(job)
    contents = {parcel.sha256: parcel.path.read_bytes() for parcel in parcels}
    key = job.key()
    shutil.rmtree(tmp_path / "sender")
    with unpacked(job, parcels, lambda sha256: None, keep_out=False) as answer:
        assert answer == Needs(tuple(parcel.sha256 for parcel in parcels))
    with unpacked(job, parcels, contents.get, keep_out=False) as (arrived, called):
        assert arrived.key() == key
        assert arrived.out.suffix == ".mp4"
        assert set(called.values()) == {str(parcel.path) for parcel in parcels} | {str(job.out)}
        said = with_senders_paths(Failure(3, f"{arrived.photo}: no face found"), called)
        assert said.reason == f"{job.photo}: no face found"
        checked = with_senders_paths(Checked(5, (64, 64), 1, (f"{arrived.sound.dialogue}: clipped",), {}), called)
        assert checked.warnings == (f"{job.sound.dialogue}: clipped",)
    assert not arrived.photo.exists()


def test_both_photos_travel_and_outputs_lie_to_each_other_as_at_home(job, tmp_path):
    you = tmp_path / "sender" / "you.png"
    you.write_bytes(b"bytes of you.png")
    home = tmp_path / "home"
    places = {"out": home / "a.mp4", "report": home / "r/a.json", "page": home / "pages/day/a.html"}
    two = TwoSidedJob(photo=job.photo, photo_b=you, sound=job.sound, preset=job.preset, layout="stack", **places)
    parcels = parcels_of(two)
    assert you in [parcel.path for parcel in parcels]
    contents = {parcel.sha256: parcel.path.read_bytes() for parcel in parcels}
    key = two.key()
    shutil.rmtree(tmp_path / "sender")
    with unpacked(two, parcels, contents.get, keep_out=False) as (arrived, called):
        assert arrived.key() == key
        assert arrived.photo_b.read_bytes() == b"bytes of you.png"
        for field, path in outputs_of(arrived).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{field} of {arrived.out} from {arrived.photo_b}")
        assert os.path.relpath(arrived.out, arrived.page.parent) == "../../a.mp4"
        files = _gathered(arrived, called)
    _write(two, files)
    for field in ("report", "page"):
        assert places[field].read_text() == f"{field} of {two.out} from {you}"
    assert two.out.is_file()


def test_motion_comes_back_as_it_is(job, tmp_path):
    one = dataclasses.replace(job, motion_out=tmp_path / "home" / "m.safetensors")
    contents = {parcel.sha256: parcel.path.read_bytes() for parcel in parcels_of(one)}
    with unpacked(one, parcels_of(one), contents.get, keep_out=False) as (arrived, called):
        for path in outputs_of(arrived).values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\xff\xfe\0")
        _write(one, _gathered(arrived, called))
    assert one.motion_out.read_bytes() == b"\xff\xfe\0"


def test_another_file_of_the_same_path_is_not_taken_for_ours(job):
    parcels = parcels_of(job)
    job.photo.write_bytes(b"bytes of another!")
    with unpacked(job, parcels, lambda sha256: None, keep_out=True) as answer:
        assert answer == Needs((parcels[0].sha256,))


def test_relative_paths_mean_the_same_in_whatever_folder_a_node_works(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "sender")
    here = dataclasses.replace(
        job, photo=Path("photo.png"), out=Path("out.mp4"), sound=DialogueFiles(dialogue=Path("me.wav"))
    )
    there = with_absolute_paths(here)
    assert (there.photo, there.out, there.sound.dialogue) == (job.photo, job.out, job.sound.dialogue)
    assert there.key() == here.key()


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        (["in", "-o", "out", "--ray"], ["in", "-o", "out", "--ray", "auto"]),
        (["in", "--ray", "-o", "out"], ["in", "--ray", "auto", "-o", "out"]),
        (["in", "--ray", "head:6379", "-o", "out"], ["in", "--ray", "head:6379", "-o", "out"]),
        (["in", "-o", "out"], ["in", "-o", "out"]),
    ],
)
def test_the_cluster_s_address_may_be_left_out(typed, understood, monkeypatch):
    seen: list[list[str]] = []
    monkeypatch.setattr(BatchCommand.__mro__[1], "parse_args", lambda self, context, args: seen.append(list(args)))
    BatchCommand("batch").parse_args(None, typed)
    assert seen == [understood]


@pytest.mark.slow
def test_no_cluster_is_said_in_a_sentence(tmp_path, photo, dialogue):
    pytest.importorskip("ray")
    source = make_folder(tmp_path / "in", photo, dialogue, broken=False)
    done = avtr_batch(source, "-o", tmp_path / "out", "--ray", "nowhere")
    assert done.returncode == 2
    assert "write host:port" in done.stderr


SMALL_NODE = {"num_cpus": 1, "object_store_memory": 100 << 20}


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A cluster whose only node works not."""
    pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": 100 << 20, "include_dashboard": False},
    )
    yield cluster
    cluster.shutdown()


@pytest.fixture
def cluster(head: Any) -> Iterator[Any]:
    """That cluster, to which nodes are added for as long as a test takes."""
    yield head
    for node in list(head.worker_nodes):
        head.remove_node(node)


FIRST_TWO_AT_THE_SPEED_OF_A_CALL = """
from dataclasses import replace
from itertools import count
from avtr_cli.batch.cluster import Cluster
submit, orders = Cluster.submit, count()
def submit_in_time(self, order):
    submit(self, replace(order, job=replace(order.job, pace="realtime")) if next(orders) < 2 else order)
Cluster.submit = submit_in_time
"""


@pytest.mark.slow
def test_one_of_two_nodes_dies_and_every_job_is_done_once(cluster, tmp_path, photo, dialogue):
    """The jobs at work then take longer than killing, but not more work: their sound comes at the speed of a call."""
    source, alone = (
        make_folder(tmp_path / name, photo, dialogue, seconds=8.0, broken=False) for name in ("in", "alone")
    )
    copies = {"fourth": "first", "fifth": "second"}
    for name, original in copies.items():
        shutil.copy(source / f"{original}.wav", source / f"{name}.wav")
    options = [source, "--photo", photo, *SMALL]
    cluster.add_node(**SMALL_NODE)
    doomed = cluster.add_node(**SMALL_NODE)
    cluster.wait_for_nodes()
    out = tmp_path / "out"
    batch = start(*options, "-o", out, "--ray", cluster.address, before=FIRST_TWO_AT_THE_SPEED_OF_A_CALL)
    while len({path.parent for path in out.glob(".*.avtr/*")}) < 2:  # both nodes render
        assert batch.poll() is None
        time.sleep(0.05)
    cluster.remove_node(doomed, allow_graceful=False)
    _, said = batch.communicate()
    assert batch.returncode == 0, said
    names = (*GOOD, *copies)
    assert sorted(ledger(out, "done")) == sorted(("done", name) for name in names)
    assert len(ledger(out, "lost")) == 1
    assert len(ledger(out, "started")) == len(names) + 1
    undisturbed = frames_undisturbed(alone, tmp_path / "clean", photo=photo)
    assert frame_hashes(out) == undisturbed | {name: undisturbed[original] for name, original in copies.items()}
    assert not [path.name for path in out.iterdir() if path.name.startswith(".avtr-here")]


@pytest.mark.slow
def test_files_travel_to_a_node_that_does_not_see_them_and_videos_back(cluster, tmp_path, photo, dialogue):
    source = make_folder(tmp_path / "in", photo, dialogue, broken=True)
    out = tmp_path / "out"
    out.mkdir()
    ray = Path(sys.executable).with_name("ray")
    start = f"{ray} start --address={cluster.address} --num-cpus=1 --object-store-memory=104857600 --block"
    hidden = f"mount -t tmpfs none {source} && mount -t tmpfs none {out} && exec {start}"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a folder can only be hidden from a process by root")
    node = subprocess.Popen(["unshare", "-m", "sh", "-c", hidden], env=environment(), stdout=subprocess.DEVNULL)
    try:  # the batch may begin before the node is there
        done = avtr_batch(source, "-o", out, *SMALL, "--ray", cluster.address)
        assert done.returncode == 6, done.stderr
        assert f"{source / 'faceless.png'}: no face found" in done.stderr
    finally:
        node.terminate()
        node.wait()
    assert frame_hashes(out) == frames_undisturbed(source, tmp_path / "clean")
    report = (out / "first.json").read_text()
    assert str(source / "first.wav") in report
    assert "avtr-job-" not in report
