"""Numbers into inline SVG: shapes that stretch to any width, without a letter in them; words stay in the HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from avtr_cli.core.arrays import Reals

WIDTH = 1000  # units of every chart, whatever its width on the screen


def _svg(height: float, shapes: str, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" preserveAspectRatio="none" role="img" aria-label="{title}">'
        f"{shapes}</svg>"
    )


def _points(values: Reals, scale: float, base: float) -> list[str]:
    """`x,y` for every value: spread over the width, `scale` units up from `base` per 1."""
    step = WIDTH / max(len(values) - 1, 1)
    return [f"{index * step:.4g},{base - scale * float(value):.4g}" for index, value in enumerate(values)]


def area(values: Reals, css: str, scale: float, base: float) -> str:
    """A filled shape between the curve of `values` and `base`."""
    return f'<polygon class="{css}" points="0,{base:g} {" ".join(_points(values, scale, base))} {WIDTH},{base:g}"/>'


def line(values: Reals, css: str, scale: float, base: float) -> str:
    """The curve of `values`, `scale` units up from `base` per 1."""
    return f'<polyline class="{css}" points="{" ".join(_points(values, scale, base))}"/>'


def level(y: float) -> str:
    """A level line of the grid at height `y`."""
    return f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y:g}" y2="{y:g}"/>'


def voices(both: Reals) -> str:
    """Two voices (2, bins) in [0, 1]: the first upwards, the second downwards from one line."""
    shapes = area(both[0], "a", 48, 50) + area(both[1], "b", -48, 50) + level(50)
    return _svg(100, shapes, "both voices over time")


def opening(values: Reals, css: str, name: str) -> str:
    """How far something is open, (bins,) in [0, 1]."""
    return _svg(40, area(values, css, 38, 39) + level(39), f"{name} over time")


def head_range(curves: Sequence[Reals]) -> float:
    """The whole degrees that a chart of these angles must reach, 5 at least."""
    return max(5.0, float(np.ceil(max(float(np.abs(curve).max()) for curve in curves))))


def head(pitch: Reals, yaw: Reals, roll: Reals) -> str:
    """Three angles (bins,) in degrees around a middle line."""
    scale = 38 / head_range((pitch, yaw, roll))
    lines = "".join(line(curve, css, scale, 40) for curve, css in ((pitch, "p"), (yaw, "y"), (roll, "r")))
    return _svg(80, level(40) + lines, "head angles over time")


def spread(statistics: Mapping[str, float], limit: float, deadline: float | None = None) -> str:
    """Milliseconds on a scale from 0 to `limit`: a bar to the median, a thinner one to p99, a mark at the largest."""

    def x(ms: float) -> float:
        return min(ms / limit, 1.0) * WIDTH

    p50, p99, largest = (x(statistics[name]) for name in ("p50", "p99", "max"))
    shapes = f'<rect class="p99" x="0" y="7" width="{p99:.1f}" height="6"/>'
    shapes += f'<rect class="p50" x="0" y="3" width="{p50:.1f}" height="14"/>'
    shapes += f'<line class="max" x1="{largest:.1f}" x2="{largest:.1f}" y1="3" y2="17"/>'
    if deadline is not None:
        at = x(deadline)
        shapes += f'<line class="deadline" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="20"/>'
    return _svg(20, shapes, f"median {statistics['p50']:g} ms, 99th percentile {statistics['p99']:g} ms")
