"""A batch from entries to outcome, with real renders in this process; test_batch_nights.py has the processes."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from avtr_cli.batch.entries import Entry
from avtr_cli.batch.events import Events
from avtr_cli.batch.index import write_index
from avtr_cli.batch.messages import Order
from avtr_cli.batch.plan import Item
from avtr_cli.batch.progress import Progress
from avtr_cli.batch.run import BatchOptions, Outcome, plan_batch, render_batch
from avtr_cli.batch.summary import INDEX, failures_table, index_is_due, plan_table, summary_of
from avtr_cli.batch.worker import Worker
from avtr_cli.core.config import load_preset
from avtr_cli.core.errors import OutputError
from avtr_cli.jobs.production import render_file
from avtr_cli.jobs.workfolder import beside
from avtr_cli.motion.file import load_motion
from tests import videos
from tests.batches import BROKEN, GOOD, Here, entries, frame_hashes, ledger, make_folder


@pytest.fixture(scope="module")
def source(tmp_path_factory, photo, dialogue) -> Path:
    return make_folder(tmp_path_factory.mktemp("batch") / "in", photo, dialogue)


@pytest.fixture(scope="module")
def good(tmp_path_factory, photo, dialogue) -> Path:
    """The same jobs without the broken ones."""
    return make_folder(tmp_path_factory.mktemp("batch") / "in", photo, dialogue, broken=False)


def conduct(
    source: Path, out: Path, workers: Here | None = None, options: BatchOptions | None = None, **more
) -> Outcome:
    workers = workers or Here()
    return render_batch(
        entries(source, out, **more), out, lambda orders, lock: workers, options or BatchOptions(), Progress(quiet=True)
    )


@pytest.fixture(scope="module")
def night(source, tmp_path_factory) -> tuple[Path, Outcome]:
    """A batch of six, three of them broken, that has been run once."""
    out = tmp_path_factory.mktemp("batch") / "out"
    return out, conduct(source, out)


@pytest.fixture
def morning(night, tmp_path) -> Path:
    """A copy of the night's folder, to be run again."""
    return shutil.copytree(night[0], tmp_path / "out")


def states(outcome: Outcome) -> dict[str, str]:
    return {item.name: item.state for item in outcome.items}


@pytest.mark.slow
def test_one_failure_never_stops_the_rest(night):
    out, outcome = night
    assert states(outcome) == dict.fromkeys(GOOD, "done") | dict.fromkeys(BROKEN, "failed")
    for name in GOOD:
        assert len(videos.decode(out / f"{name}.mp4")) == 13
        assert videos.report_of(out / f"{name}.json")["batch"]["name"] == name
    assert {path.stem for path in out.glob("*.mp4")} == set(GOOD)
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] in ([], [".batch-hashes.json"])


@pytest.mark.slow
def test_every_failure_is_reported_with_its_reason(night):
    _, outcome = night
    table = "\n".join(failures_table(outcome.items))
    for name, reason in (("faceless", "no face found"), ("mono", "--solo"), ("torn", "is cut off after")):
        line = next(line for line in table.splitlines() if line.startswith(name))
        assert reason in line
        assert f"{name}." in line.split(maxsplit=2)[2]  # the sentence names the file


@pytest.mark.slow
def test_every_job_is_checked_before_any_is_rendered(source, tmp_path):
    workers = Here()
    conduct(source, tmp_path / "out", workers)
    kinds = [kind for kind, _ in workers.orders]
    assert kinds == ["check"] * 6 + ["measure"] + ["render"] * 3


@pytest.mark.slow
def test_the_summary_counts_and_points(night):
    out, outcome = night
    summary = json.loads(json.dumps(summary_of(outcome, out, Path("in"))))
    assert summary["counts"] == {"jobs": 6, "done": 3, "finished_before": 0, "failed": 3, "interrupted": 0}
    assert summary["video_s"] == pytest.approx(3 * 13 / 25)
    assert {failure["name"] for failure in summary["failures"]} == set(BROKEN)
    first = next(job for job in summary["jobs"] if job["name"] == "first")
    assert (out / first["video"]).is_file()
    assert first["frames_sha256"] == videos.report_of(out / first["report"])["output"]["frames_sha256"]


@pytest.mark.slow
def test_a_second_run_renders_nothing_and_says_the_same(source, night, morning):
    before = (morning / "batch.jsonl").read_bytes()
    entries_now = entries(source, morning)

    def none_needed(orders, lock):
        raise AssertionError("nothing is to be done")

    again = render_batch(entries_now, morning, none_needed, BatchOptions(), Progress(quiet=True))
    assert states(again) == dict.fromkeys(GOOD, "finished") | dict.fromkeys(BROKEN, "failed")
    assert failures_table(again.items) == [
        line.replace(str(night[0]), str(morning)) for line in failures_table(night[1].items)
    ]
    assert (morning / "batch.jsonl").read_bytes() == before


@pytest.mark.slow
def test_the_index_is_written_where_something_is_new_or_a_killed_run_left_it_unwritten(source, night, morning):
    outcome = night[1]
    again = conduct(source, morning)
    index = morning / INDEX
    assert index_is_due(outcome, morning)
    assert index_is_due(again, morning)
    index.write_text("older than the ledger")
    os.utime(index, ns=(0, 0))
    assert index_is_due(again, morning)
    index.write_text("newer")
    assert not index_is_due(again, morning)


@pytest.mark.slow
def test_what_a_finished_job_left_half_cleaned_up_goes_with_the_next_run(source, night, morning):
    left = beside(morning / f"{GOOD[0]}.mp4")
    left.mkdir()
    (left / "lock").write_text("1")
    conduct(source, morning)
    assert not left.exists()


@pytest.mark.slow
def test_only_what_has_changed_is_done_again(good, night, morning):
    workers = Here()
    (morning / "third.mp4").unlink()
    outcome = conduct(good, morning, workers)
    assert [name for kind, name in workers.orders if kind == "render"] == ["third"]
    assert frame_hashes(morning) == frame_hashes(night[0])
    assert states(outcome)["third"] == "done"
    other_seed = Here()
    conduct(good, morning, other_seed, seed=1)
    assert [name for kind, name in other_seed.orders if kind == "render"] == list(GOOD)


@pytest.mark.slow
def test_away_from_a_terminal_there_is_a_line_a_job(source, morning, capsys):
    (morning / "third.mp4").unlink()
    out = entries(source, morning)
    render_batch(out, morning, lambda orders, lock: Here(), BatchOptions(), Progress(terminal=False))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "6 jobs: 1 to do, 2 finished, 3 failed"
    assert any(line.startswith("mono: cannot be rendered: ") for line in lines)
    assert any(line.startswith("1 to render: about ") for line in lines)
    assert lines[-1].startswith("[1/1] third: 13 frames in ")


@pytest.mark.slow
def test_on_a_terminal_a_bar_shows_the_time_left(source, morning, capsys):
    (morning / "third.mp4").unlink()
    progress = Progress(terminal=True)
    render_batch(entries(source, morning), morning, lambda orders, lock: Here(), BatchOptions(), progress)
    progress.close()
    said = capsys.readouterr().err
    assert "0/1 jobs" in said
    assert " left" in said


@pytest.mark.slow
def test_a_dry_run_foretells_and_writes_nothing(source, tmp_path):
    out = tmp_path / "out"
    seen = plan_batch(entries(source, out), out, lambda orders, lock: Here(), BatchOptions(), Progress(quiet=True))
    assert not out.exists()
    plan = {line.split()[0]: line for line in plan_table(seen.items)[1:]}
    assert all("render" in plan[name] and "0.52 s" in plan[name] for name in GOOD)
    assert all("cannot" in plan[name] for name in BROKEN)
    assert seen.estimate_s > 0


def in_the_way(out: Path, order: Order) -> None:
    """A folder where the report is to be written, once it is too late to refuse it, and until others are done."""
    if order.kind == "render" and not (out / "third.json").exists():
        (out / f"{order.name}.json").mkdir(exist_ok=True)


def clear_away(out: Path, order: Order) -> None:
    if order.kind == "render" and (out / "first.json").is_dir():
        (out / "first.json").rmdir()


@pytest.mark.slow
def test_a_job_that_fails_for_a_passing_reason_is_tried_again(good, tmp_path):
    out = tmp_path / "out"
    workers = Here(lambda order: (in_the_way if order.name == "first" else clear_away)(out, order))
    outcome = conduct(good, out, workers)
    item = next(item for item in outcome.items if item.name == "first")
    assert (item.state, item.attempts) == ("done", 2)
    assert ("failed", "first") in ledger(out)
    assert ledger(out)[-1] == ("done", "first")


@pytest.mark.slow
def test_retries_come_to_an_end(good, tmp_path):
    out = tmp_path / "out"
    workers = Here(lambda order: (out / "first.json").mkdir(exist_ok=True) if order.kind == "render" else None)
    outcome = conduct(good, out, workers, BatchOptions(retries=2))
    item = next(item for item in outcome.items if item.name == "first")
    assert (item.state, item.failure.exit_code, item.attempts) == ("failed", 5, 3)
    assert [name for kind, name in workers.orders if kind == "render"].count("first") == 3
    assert states(outcome)["third"] == "done"


@pytest.mark.slow
def test_a_job_is_given_to_another_worker_when_its_own_dies(good, tmp_path):
    deaths = iter(["the worker died"])
    workers = Here(lambda order: next(deaths, None) if order.kind == "render" else None)
    outcome = conduct(good, tmp_path / "out", workers, BatchOptions(retries=0))
    assert states(outcome)["first"] == "done"
    assert ("lost", "first") in ledger(tmp_path / "out")


@pytest.mark.slow
def test_a_job_that_kills_every_worker_fails_at_last(good, tmp_path):
    workers = Here(lambda order: "the worker died" if (order.kind, order.name) == ("render", "second") else None)
    outcome = conduct(good, tmp_path / "out", workers, BatchOptions(retries=0))
    assert (states(outcome)["second"], states(outcome)["third"]) == ("failed", "done")
    assert ledger(tmp_path / "out", "lost") == [("lost", "second")] * 3


@pytest.mark.slow
def test_ctrl_c_leaves_a_ledger_to_go_on_from(good, night, tmp_path):
    out = tmp_path / "out"

    def interrupt(order: Order) -> None:
        if (order.kind, order.name) == ("render", "second"):
            raise KeyboardInterrupt

    outcome = conduct(good, out, Here(interrupt))
    assert outcome.interrupted
    assert [states(outcome)[name] for name in GOOD] == ["done", "interrupted", "interrupted"]
    assert ledger(out, "interrupted") == [("interrupted", "second")]
    workers = Here()
    assert not conduct(good, out, workers).interrupted
    assert [name for kind, name in workers.orders if kind == "render"] == ["second", "third"]
    assert frame_hashes(out) == frame_hashes(night[0])


@pytest.mark.slow
def test_a_folder_that_is_taken_away_under_a_batch_ends_it_with_one_sentence(good, tmp_path):
    out = tmp_path / "out"

    def take_away(order: Order) -> None:
        if (order.kind, order.name) == ("render", "second"):
            shutil.rmtree(out)

    with pytest.raises(OutputError, match=r"batch\.jsonl: the ledger cannot be written \(it was taken away"):
        conduct(good, out, Here(take_away))


def test_a_disk_too_small_for_the_night_is_found_before_it(good, tmp_path, monkeypatch):
    import shutil as disks

    usage = disks.disk_usage(tmp_path)
    monkeypatch.setattr("avtr_cli.batch.preflight.shutil.disk_usage", lambda path: usage._replace(free=1 << 20))
    workers = Here()
    with pytest.raises(OutputError, match="free some"):
        conduct(good, tmp_path / "out", workers)
    assert "render" not in {kind for kind, _ in workers.orders}


@pytest.mark.slow
def test_workers_with_other_weights_than_the_check_saw_are_refused(source, tmp_path):

    entry = entries(source, tmp_path)[1]
    answer = Worker(1).answer(Order("render", entry.name, replace(entry.job, out=tmp_path / "a.mp4"), ("0" * 64,)))
    assert (answer.exit_code, answer.permanent) == (4, True)
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.slow
def test_a_kept_avatar_s_warnings_name_the_photo_of_the_job(tmp_path):
    import skimage.data
    import skimage.io

    worker = Worker(1)
    for name in ("one", "two"):  # small, so that there is a warning
        skimage.io.imsave(tmp_path / f"{name}.png", skimage.data.astronaut()[::2, ::2], check_contrast=False)
        portrait, identity = worker.engine(load_preset("default", ["render.size=96"])).avatar(tmp_path / f"{name}.png")
        assert portrait.warnings
        assert all(f"{name}.png" in warning for warning in (*portrait.warnings, *identity.warnings))


@pytest.mark.slow
def test_avatars_are_prepared_once_whatever_their_files_are_called(good, tmp_path, monkeypatch):
    from avtr_cli.streaming import engine

    found = []
    monkeypatch.setenv("AVTR_AVATARS", str(tmp_path / "avatars"))
    monkeypatch.setattr(engine, "find_portrait", lambda *a, _real=engine.find_portrait: found.append(a) or _real(*a))
    conduct(good, tmp_path / "out", Here(fresh=True))
    assert len([path for path, *_ in found if path.stem in GOOD]) == 1


# Two people, motion, and doubts


@pytest.fixture(scope="module")
def talks(tmp_path_factory, photo, dialogue) -> Path:
    """A manifest of a call of two, one of them small enough for a doubt, and of one person with a motion file."""
    import skimage.data
    import skimage.io

    folder = make_folder(tmp_path_factory.mktemp("talks") / "in", photo, dialogue, broken=False)
    skimage.io.imsave(folder / "small.png", skimage.data.astronaut()[::2, ::2], check_contrast=False)
    skimage.io.imsave(folder / "faceless.png", skimage.data.brick()[:128, :128], check_contrast=False)
    (folder / "m.yaml").write_text(
        "defaults: {photo: first.png, dialogue: first.wav}\n"
        "jobs:\n"
        "- {name: both, photo_b: small.png, layout: stack, label: AI}\n"
        "- {name: one, motion_out: motion/, report: told/one.json, page: told/one.html, format: mkv}\n"
        "- {name: nobody, photo_b: faceless.png}\n"
    )
    return folder / "m.yaml"


@pytest.fixture(scope="module")
def told(talks, tmp_path_factory) -> tuple[Path, Outcome]:
    out = tmp_path_factory.mktemp("talks") / "out"
    return out, conduct(talks, out)


def item_of(outcome: Outcome, name: str) -> Item:
    return next(item for item in outcome.items if item.name == name)


@pytest.mark.slow
def test_a_job_of_two_people_is_one_among_others(talks, told, tmp_path):
    out, outcome = told
    assert states(outcome) == {"both": "done", "one": "done", "nobody": "failed"}
    assert videos.decode(out / "both.mp4").shape[:3] == (13, 192, 96)
    assert item_of(outcome, "both").checked.size == (96, 192)
    report = videos.report_of(out / "both.json")
    assert report["output"]["layout"] == "stack"
    alone = dataclasses.replace(item_of(outcome, "both").job, out=tmp_path / "a.mp4", report=None)
    assert render_file(alone)["output"]["frames_sha256"] == report["output"]["frames_sha256"]


@pytest.mark.slow
def test_of_two_photos_the_second_is_checked_as_the_first_before_anything_is_rendered(told):
    _, outcome = told
    failure = item_of(outcome, "nobody").failure
    assert failure.exit_code == 3
    assert "faceless.png: no face found" in failure.reason
    assert item_of(outcome, "nobody").attempts == 0


@pytest.mark.slow
def test_two_people_take_longer_than_one_and_are_measured_by_themselves(talks, tmp_path):
    workers = Here()
    outcome = conduct(talks, tmp_path / "out", workers)
    assert [name for kind, name in workers.orders if kind == "measure"] == ["both", "one"]
    assert item_of(outcome, "both").estimate_s > 0


@pytest.mark.slow
def test_motion_report_and_page_lie_where_the_row_says(told):
    out, outcome = told
    assert videos.report_of(out / "told/one.json")["output"]["path"].endswith("one.mkv")
    assert not (out / "one.json").exists()
    page = (out / "told/one.html").read_text(encoding="utf-8")
    assert "../one.mkv" in page
    assert len(load_motion(out / "motion/one.safetensors")[1]) == 13
    entry = next(job for job in summary_of(outcome, out, "m.yaml")["jobs"] if job["name"] == "one")
    assert (entry["video"], entry["report"], entry["motion"]) == (
        "one.mkv", "told/one.json", "motion/one.safetensors"
    )  # fmt: skip


@pytest.mark.slow
def test_what_is_done_again_is_what_the_second_photo_or_the_missing_motion_asks_for(talks, told, tmp_path):
    out = shutil.copytree(told[0], tmp_path / "out")
    assert states(conduct(talks, out)) == {"both": "finished", "one": "finished", "nobody": "failed"}
    (out / "motion/one.safetensors").unlink()
    other = talks.with_name("n.yaml")
    other.write_text(talks.read_text().replace("photo_b: small.png", "photo_b: second.png"))
    workers = Here()
    outcome = conduct(other, out, workers)
    assert [name for kind, name in workers.orders if kind == "render"] == ["both", "one"]
    assert item_of(outcome, "one").why == "its motion is gone"
    assert item_of(outcome, "both").why == "has changed"
    assert (out / "motion/one.safetensors").is_file()


@pytest.mark.slow
def test_a_doubt_carries_its_job_s_name_in_the_summary_the_plan_and_on_the_index(told):
    out, outcome = told
    doubt = next(warning for warning in item_of(outcome, "both").warnings if "small.png" in warning)
    summary = summary_of(outcome, out, "m.yaml")
    assert f"both: {doubt}" in summary["warnings"]
    assert not [warning for warning in summary["warnings"] if not warning.startswith(("both: ", "one: "))]
    write_index(outcome.items, out, summary)
    index = (out / INDEX).read_text(encoding="utf-8")
    assert f"both: {html.escape(doubt)}" in index
    assert "avtr dialogue" in index  # how to look at the failed one alone
    assert "told/one.html" in index


@pytest.mark.slow
def test_videos_of_one_name_in_two_folders_are_told_apart_on_the_index(told, tmp_path):
    made = told[1].items[0]
    for day in ("monday", "tuesday"):
        (tmp_path / day).mkdir()
        for suffix in (".mp4", ".json"):
            shutil.copy(made.out.with_suffix(suffix), tmp_path / day / f"call{suffix}")
    outs = [tmp_path / day / "call.mp4" for day in ("monday", "tuesday")]
    jobs = [dataclasses.replace(made.job, out=out, report=out.with_suffix(".json")) for out in outs]
    items = [Item(Entry(job.out.parent.name, job.out, job), state="finished") for job in jobs]
    write_index(items, tmp_path)
    index = (tmp_path / INDEX).read_text(encoding="utf-8")
    assert "<h3>monday/call.mp4</h3>" in index
    assert "<h3>tuesday/call.mp4</h3>" in index


@pytest.mark.slow
def test_a_call_of_two_goes_in_step_with_another_job_to_the_frames_of_each_alone(told, tmp_path):
    _, outcome = told
    worker, hashes = Worker(1, sessions=2), {}
    for name in ("both", "one"):
        job = item_of(outcome, name).job
        moved = {"out": tmp_path / job.out.name, "report": None, "page": None, "motion_out": None}
        assert worker.take(Order("render", name, dataclasses.replace(job, **moved))) is None
    while worker.busy:
        for order, answer in worker.render_next_chunks():
            hashes[order.name] = answer.frames_sha256
    assert hashes == {name: item_of(outcome, name).rendered.frames_sha256 for name in ("both", "one")}


@pytest.mark.slow
def test_a_program_hears_of_every_job_in_order(talks, tmp_path):
    heard: list[dict] = []
    events = Events(lambda event, **facts: heard.append({"event": event} | facts), clock=iter(range(1000)).__next__)
    out = tmp_path / "out"
    render_batch(entries(talks, out), out, lambda *_: Here(), BatchOptions(), events)
    assert json.loads(json.dumps(heard)) == heard
    assert heard[0] == {"event": "planned", "jobs": 3, "to_do": 3, "finished": 0, "failed": 0}
    changes = [(one["job"], one["state"]) for one in heard if one["event"] == "job"]
    assert changes == [("nobody", "failed"), ("both", "started"), ("both", "done"), ("one", "started"), ("one", "done")]
    frames = [(one["job"], one["done"], one["total"], one["batch_total"]) for one in heard if one["event"] == "frames"]
    assert frames == [("both", 13, 13, 26), ("one", 13, 13, 26)]
    assert all(one["message"].startswith(f"{one['job']}: ") for one in heard if one["event"] == "warning")
    failed = next(one for one in heard if one.get("state") == "failed")
    assert (failed["exit_code"], "no face found" in failed["reason"]) == (3, True)
