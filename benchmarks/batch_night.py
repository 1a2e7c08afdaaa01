"""A night of 24 jobs, three of them broken: done, run again, killed and resumed, with one worker and with two.

    python benchmarks/batch_night.py -o runs/night [--speech FOLDER] [--photos FOLDER] [--ray] [--json FILE]

Jobs pair photos with pieces of speech: examples/ and scikit-image's photo of a person, and whatever folders of
one's own are given. Prints a table; numbers hold for the machine's load of that moment, which is told beside them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import soundfile

ROOT = Path(__file__).parent.parent
JOBS, SECONDS, SIZE = 24, 3.0, 256
BROKEN = {"broken-face": "no face", "broken-photo": "no such file", "broken-sound": "cut off"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "runs" / "night")
    parser.add_argument("--speech", type=Path, help="folder with one's own two-channel recordings")
    parser.add_argument("--photos", type=Path, help="folder with one's own photos")
    parser.add_argument("--seed", type=int, default=0, help="of the moment at which the batch is killed")
    parser.add_argument("--ray", action="store_true", help="also on a Ray cluster of two nodes, one of them killed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    manifest = write_jobs(options.out / "in", options.speech, options.photos)
    steps = [
        step("one worker", manifest, options.out / "one", 1),
        step("the same again", manifest, options.out / "one", 1),
        step("two workers", manifest, options.out / "two", 2),
    ]
    killed = kill_somewhere(manifest, options.out / "killed", options.seed)
    steps.append(step("after kill -9", manifest, options.out / "killed", 2))
    if options.ray:
        steps.append(on_two_nodes(manifest, options.out / "ray"))
    hashes = {name: frame_hashes(options.out / name) for name in ("one", "two", "killed", "ray")[: 3 + options.ray]}
    facts = {
        "steps": steps,
        "killed_after_s": killed,
        "same_frames": all(each == hashes["one"] for each in hashes.values()),
        "jobs_per_minute_ratio": round(steps[2]["jobs_per_minute"] / steps[0]["jobs_per_minute"], 3),
        "cores": os.cpu_count(),
    }
    for line in lines_of(facts):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(facts, indent=2) + "\n")


def write_jobs(folder: Path, speech: Path | None, photos: Path | None) -> Path:
    """24 jobs as a manifest: pieces of every recording in turn, each on the next photo; the last three are broken."""
    import skimage.data
    import skimage.io

    folder.mkdir(parents=True)
    skimage.io.imsave(folder / "astronaut.png", skimage.data.astronaut(), check_contrast=False)
    skimage.io.imsave(folder / "brick.png", skimage.data.brick(), check_contrast=False)
    faces = [folder / "astronaut.png", ROOT / "examples" / "portrait_drawn.png"]
    faces += sorted(photos.glob("*.jpg")) if photos else []
    calls = [ROOT / "examples" / "dialogue.wav"]
    calls += [path for path in sorted(speech.glob("*.wav")) if soundfile.info(path).channels == 2] if speech else []
    cut = folder / "cut.wav"
    whole = calls[0].read_bytes()
    cut.write_bytes(whole[: len(whole) // 3])

    turns = {call: itertools.cycle(_starts(call)) for call in calls}
    rows: list[dict[str, Any]] = []
    for number in range(JOBS - len(BROKEN)):
        call, face = calls[number % len(calls)], faces[number % len(faces)]
        name = f"{number:02d}-{call.stem}-{face.stem}"
        rows.append({"name": name, "dialogue": str(call), "photo": str(face), "start": next(turns[call])})
    fine = {"dialogue": str(calls[0]), "photo": str(faces[0])}
    rows.insert(5, {**fine, "name": "broken-face", "photo": "brick.png"})
    rows.insert(11, {**fine, "name": "broken-photo", "photo": "nowhere.png"})
    rows.insert(17, {**fine, "name": "broken-sound", "dialogue": "cut.wav"})
    manifest = folder / "night.jsonl"
    manifest.write_text("".join(json.dumps(row | {"duration": SECONDS}) + "\n" for row in rows))
    return manifest


def _starts(call: Path) -> list[float]:
    """Where pieces of a recording begin."""
    return [number * SECONDS for number in range(max(1, int(soundfile.info(call).duration // SECONDS)))]


def command(manifest: Path, out: Path, *more: object) -> list[str]:
    avtr = [sys.executable, "-c", "from avtr_cli.cli import main; main()"]
    return [*avtr, "batch", str(manifest), "-o", str(out), "--set", f"render.size={SIZE}", *map(str, more)]


def step(name: str, manifest: Path, out: Path, jobs: int, *more: object) -> dict[str, Any]:
    """Run the batch; what it says of itself, and how busy the machine was."""
    load, spent = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command(manifest, out, "--jobs", jobs, *more), capture_output=True, text=True, check=False)
    wall, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads((out / "batch.json").read_text())
    complaints = {row["name"]: row["reason"] for row in summary["failures"]}
    expected = all(said in complaints.get(broken, "") for broken, said in BROKEN.items())
    assert done.returncode == 6, done.stderr
    assert expected, complaints
    return {
        "name": name,
        "wall_s": round(wall, 2),
        "cpu_s": round(
            now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime, 2
        ),  # workers of a cluster left out
        "load_before": load,
        "exit": done.returncode,
        **{key: summary[key] for key in ("counts", "estimate_s", "jobs_per_minute", "video_s")},
        "rendering_s": round(sum(job.get("wall_s", 0.0) for job in summary["jobs"]), 2),
        "peak_rss_mb": peak_rss(out),
    }


def kill_somewhere(manifest: Path, out: Path, seed: int) -> float:
    """Start a batch of two workers and kill -9 it a random while after its first job has begun."""
    batch = subprocess.Popen(command(manifest, out, "--jobs", 2), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    ledger = out / "batch.jsonl"
    while not (ledger.is_file() and '"started"' in ledger.read_text()):
        time.sleep(0.1)
    delay = random.Random(seed).uniform(1, 20)
    time.sleep(delay)
    batch.kill()
    batch.wait()
    return round(delay, 2)


def on_two_nodes(manifest: Path, out: Path) -> dict[str, Any]:
    """The batch on a head without work and two nodes of one core; one dies when some jobs are done."""
    import threading

    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
    cluster.add_node(num_cpus=1, **small)
    doomed = cluster.add_node(num_cpus=1, **small)
    cluster.wait_for_nodes()

    def kill() -> None:
        ledger = out / "batch.jsonl"
        while not (ledger.is_file() and ledger.read_text().count('"done"') >= 4):
            time.sleep(0.2)
        cluster.remove_node(doomed, allow_graceful=False)

    threading.Thread(target=kill, daemon=True).start()
    facts = step("Ray, one of two nodes killed", manifest, out, 2, "--ray", cluster.address)
    cluster.shutdown()
    events = [json.loads(line)["event"] for line in (out / "batch.jsonl").read_text().splitlines()]
    return facts | {"ledger": {event: events.count(event) for event in sorted(set(events))}}


def frame_hashes(out: Path) -> dict[str, str]:
    reports = [json.loads(path.read_text()) for path in sorted(out.glob("[!.]*.json")) if path.name != "batch.json"]
    return {report["batch"]["name"]: report["output"]["frames_sha256"] for report in reports}


def peak_rss(out: Path) -> float:
    reports = [json.loads(path.read_text()) for path in out.glob("[!.]*.json") if path.name != "batch.json"]
    return max(report["memory"]["peak_rss_mb"] for report in reports)


def lines_of(facts: dict[str, Any]) -> list[str]:
    heads = (
        "step",
        "wall s",
        "CPU s",
        "done",
        "before",
        "failed",
        "jobs / min",
        "foretold s",
        "load before",
        "peak MB",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for each in facts["steps"]:
        counts = each["counts"]
        lines.append(
            f"| {each['name']} | {each['wall_s']} | {each['cpu_s']} | {counts['done']} | {counts['finished_before']} | "
            f"{counts['failed']} | {each['jobs_per_minute']} | {each['estimate_s']} | {each['load_before']:.1f} | "
            f"{each['peak_rss_mb']:.0f} |"
        )
    lines.append(f"killed {facts['killed_after_s']} s after the first job began; frames of all runs equal: ")
    lines[-1] += (
        f"{facts['same_frames']}; two workers to one: {facts['jobs_per_minute_ratio']} ({facts['cores']} cores)"
    )
    return lines


if __name__ == "__main__":
    main()
