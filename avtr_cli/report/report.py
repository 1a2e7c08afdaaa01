"""The report: one JSON with stable keys about what went in, what came out, how long each stage took.

docs/report.md names every key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avtr_cli.core.clocks import ChunkClock, statistics
from avtr_cli.core.files import write_json
from avtr_cli.core.timing import DEADLINE_MS, FIRST_CHUNK_SAMPLES, SAMPLE_RATE
from avtr_cli.report.elements import size_text


class Report(dict[str, Any]):
    """A finished job's report: a plain JSON-able table that knows how to be shown and written."""

    def write(self, path: Path) -> None:
        """Save it as JSON. Raises OSError."""
        write_json(path, self)

    def summary(self) -> list[str]:
        """The lines a person wants to see when a job is done; deadlines only where it ran at the speed of a call."""
        timing, output = self["timing"], self["output"]
        chunk, made = timing["chunk_ms"], output["frames"] - output["resumed_from_frame"]
        rendering_s = made / output["fps"] / timing["realtime_factor"] if made else 0.0
        startup = timing["wall_s"] - rendering_s
        size = f"{output['width']}x{output['height']}"
        lines = [
            f"{output['path']}: {output['frames']} frames, {size}, {output['duration_s']:.2f} s, "
            f"{size_text(output['bytes'])}",
            f"{timing['realtime_factor']:.2f} times real time "
            f"({timing['wall_s']:.1f} s in all, {startup:.1f} s start-up)",
        ]
        pace = timing["pace"]
        if pace["mode"] == "realtime":
            latency, delay = pace["frame_latency_ms"], pace["chunk_delay_ms"]
            lines.append(
                f"a chunk of 200 ms took p50 {chunk['p50']:.0f} ms, p99 {chunk['p99']:.0f} ms; "
                f"{timing['deadline_misses']} of {chunk['count']} missed the deadline"
            )
            lines.append(
                f"at the speed of a call frames left p50 {latency['p50']:.0f} ms, p99 {latency['p99']:.0f} ms after "
                f"their sound began; {pace['deadline_misses']} of {delay['count']} chunks came too late"
            )
        return lines


def timing_entry(
    clock: ChunkClock, startup_s: dict[str, float], wall_s: float, realtime_factor: float
) -> dict[str, Any]:
    """The report's `timing`; `realtime_factor` is video seconds per wall second, start-up left out."""
    clock.finish()
    return {
        "wall_s": round(wall_s, 3),
        "realtime_factor": round(realtime_factor, 3),
        "startup_s": {name: round(seconds, 3) for name, seconds in startup_s.items()},
        "first_frame": {
            "algorithmic_ms": 1000 * FIRST_CHUNK_SAMPLES / SAMPLE_RATE,
            "compute_ms": round(clock.chunk_ms[0], 3) if clock.chunk_ms else 0.0,
        },
        "chunk_ms": statistics(clock.chunk_ms),
        "deadline_ms": DEADLINE_MS,
        "deadline_misses": sum(ms > DEADLINE_MS for ms in clock.chunk_ms),
        "stages_ms": {name: statistics(values) for name, values in clock.stages_ms.items()},
        "cpu_ms": {name: statistics(values) for name, values in clock.cpu_ms.items()},
    }
