"""What the machine needed, for those who ask: a chunk's milliseconds by stage, start-up, memory.

A deadline matters only where sound came at the speed of a call; a file that is made offline misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from avtr_cli.report import charts
from avtr_cli.report.elements import Tile, facts

STAGE_WORDS = {
    "audio": "hearing",
    "motion": "motion",
    "render": "drawing",
    "composite": "background, layout",
    "encode": "encoding (its own thread)",
}
SHORT_WORDS = {"composite": "layout", "encode": "encoding"}  # at the head of a column
NOTHING_MS = 0.05  # shown as 0.0


def in_realtime(report: Mapping[str, Any]) -> bool:
    """Whether the job's sound came at the speed of a call."""
    return bool(report["timing"].get("pace", {}).get("mode") == "realtime")


def live_tiles(report: Mapping[str, Any]) -> Iterator[Tile]:
    """How a call at its own speed went; nothing for a job that was made as fast as it goes."""
    if in_realtime(report):
        pace = report["timing"]["pace"]
        latency, late, count = pace["frame_latency_ms"], pace["deadline_misses"], pace["chunk_delay_ms"]["count"]
        yield Tile(f"{latency['p99']:.0f} ms", "from sound to picture at call speed (99 of 100)")
        yield Tile(str(late), f"of {count} chunks came too late", "bad" if late else "good")


def live_words(report: Mapping[str, Any]) -> str:
    """The same as sentences, with its medians."""
    pace = report["timing"]["pace"]
    delay = pace["chunk_delay_ms"]
    return (
        f"<p>Fed at the speed of a call: frames left {pace['frame_latency_ms']['p50']:.0f} ms (median) after their "
        f"sound began, chunks {delay['p50']:.0f} ms after theirs was complete; {pace['deadline_misses']} of "
        f"{delay['count']} came later than {pace['deadline_ms']:.0f} ms.</p>"
    )


def stages(timing: Mapping[str, Any]) -> str:
    """The table of a chunk's stages, those that took no time left out; a deadline is drawn for the whole chunk."""
    rows = [("a whole chunk", timing["chunk_ms"], timing["deadline_ms"])]
    rows += [
        (STAGE_WORDS.get(name, name), stage, None)
        for name, stage in timing["stages_ms"].items()
        if stage["max"] >= NOTHING_MS
    ]
    limit = max(timing["deadline_ms"] * 1.05, *(stage["p99"] for _, stage, _ in rows))
    lines = []
    for name, stage, deadline in rows:
        keys = ("p50", "p90", "p99", "max")
        numbers = "".join(f'<td class="n" data-name="{key}">{stage[key]:.1f}</td>' for key in keys)
        bar = charts.spread(stage, limit, deadline)
        lines.append(f'<tr><td>{escape(name)}</td><td class="spread">{bar}</td>{numbers}</tr>')
    return (
        '<table class="stages"><thead><tr><th>of a chunk (5 frames, 200 ms)</th>'
        '<th>median and p99, mark at the largest</th><th class="n">p50</th><th class="n">p90</th><th class="n">p99</th>'
        f'<th class="n">max ms</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
        f'<p class="small soft">The dashed line: what a live call has for it, {timing["deadline_ms"]:.0f} ms.</p>'
    )


def machine(report: Mapping[str, Any]) -> str:
    """Start-up, stages, memory and device."""
    timing, device, memory = report["timing"], report["device"], report["memory"]
    first, startup = timing["first_frame"], timing["startup_s"]
    gpu = {"GPU memory": f"{memory['peak_gpu_mb']:.0f} MiB at most"} if memory["peak_gpu_mb"] else {}
    told = {
        "device": f"{device['kind']}, {device['name']}",
        "threads": f"{device['threads']} of {device['cores']} cores",
        "torch": f"{device['torch']}, {device['precision']}",
        "memory": f"{memory['peak_rss_mb']:.0f} MiB at most",
        **gpu,
        "start-up": ", ".join(f"{name} {seconds:.2f} s" for name, seconds in startup.items()),
        "first frame": f"{first['algorithmic_ms']:.0f} ms for its sound, {first['compute_ms']:.0f} ms for the machine",
    }
    return stages(timing) + facts(told)


def stage_table(reports: Sequence[Mapping[str, Any]]) -> str:
    """Median milliseconds a chunk of many jobs, a row each; a stage that took none of them any time has no column."""
    names = list(dict.fromkeys(name for report in reports for name in report["timing"]["stages_ms"]))
    table = [[_median(report, name) for name in names] for report in reports]
    shown = [at for at, _ in enumerate(names) if any(row[at] >= NOTHING_MS for row in table)]
    heads = "".join(f'<th class="n">{escape(_short(names[at]))}</th>' for at in shown)
    rows = []
    for report, row in zip(reports, table, strict=True):
        cells = "".join(f'<td class="n">{row[at]:.1f}</td>' for at in shown)
        name = escape(Path(report["output"]["path"]).name)
        rows.append(f'<tr><td>{name}</td><td class="n">{report["timing"]["chunk_ms"]["p50"]:.1f}</td>{cells}</tr>')
    return (
        '<div class="scroll"><table><thead><tr><th>ms a chunk (median)</th>'
        f'<th class="n">chunk</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _median(report: Mapping[str, Any], stage: str) -> float:
    return float(report["timing"]["stages_ms"].get(stage, {"p50": 0.0})["p50"])


def _short(stage: str) -> str:
    return SHORT_WORDS.get(stage, STAGE_WORDS.get(stage, stage))
