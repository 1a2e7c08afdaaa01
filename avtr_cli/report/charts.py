"""Numbers into inline SVG: shapes that stretch to any width, without a letter in them; words stay in the HTML.

A curve is one path of whole numbers, each relative to the one before, so that a long call's page stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from avtr_cli.core.arrays import Reals

WIDTH = 1600  # units of every chart, whatever its width on the screen; two are about a pixel
LOW, TALL = 64, 160  # heights, in the same unit

Spans = Sequence[tuple[float, float]]
"""(first, end) of stretches of time, each in shares of the whole, 0 to 1."""


def _svg(height: float, shapes: str, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" preserveAspectRatio="none" role="img" aria-label="{title}">'
        f"{shapes}</svg>"
    )


def _steps(values: Reals, scale: float, base: float, height: float) -> tuple[int, str]:
    """The first y and the way to the others: `scale` units up from `base` per 1, kept between 0 and `height`."""
    ys = np.rint(np.clip(base - scale * values.astype(np.float64), 0, height)).astype(int)
    if len(ys) == 1:
        return int(ys[0]), f"h{WIDTH}"
    xs = np.rint(np.linspace(0, WIDTH, len(ys))).astype(int)
    steps = zip(np.diff(xs).tolist(), np.diff(ys).tolist(), strict=True)
    return int(ys[0]), "l" + " ".join(f"{dx}{dy}" if dy < 0 else f"{dx} {dy}" for dx, dy in steps)


def area(values: Reals, css: str, scale: float, base: float, height: float) -> str:
    """A filled shape between the curve of `values` and `base`."""
    first, steps = _steps(values, scale, base, height)
    return f'<path class="{css}" d="M0 {base:g}V{first}{steps}V{base:g}z"/>'


def line(values: Reals, css: str, scale: float, base: float, height: float) -> str:
    """The curve of `values`, `scale` units up from `base` per 1, kept between 0 and `height`."""
    first, steps = _steps(values, scale, base, height)
    return f'<path class="{css}" d="M0 {first}{steps}"/>'


def level(y: float) -> str:
    """A level line of the grid at height `y`."""
    return f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y:g}" y2="{y:g}"/>'


def bands(spans: Spans, height: float) -> str:
    """A soft ground behind a chart, wherever something holds."""
    ways = (f"M{first * WIDTH:.0f} 0H{end * WIDTH:.0f}V{height:g}H{first * WIDTH:.0f}z" for first, end in spans)
    drawn = "".join(ways)
    return f'<path class="band" d="{drawn}"/>' if drawn else ""


def ticks(shares: Sequence[float], height: float) -> str:
    """A mark at the top of a chart for every moment, in shares of the whole; those of one pixel are one."""
    places = sorted({round(share * WIDTH / 2) * 2 for share in shares})
    return f'<path class="tick" d="{"".join(f"M{x} 0V{height / 4:g}" for x in places)}"/>' if places else ""


def voices(both: Reals) -> str:
    """Two voices (2, bins) in [0, 1]: the first upwards, the second downwards from one line."""
    middle, reach = TALL / 2, TALL / 2 - 2
    shapes = area(both[0], "a", reach, middle, TALL) + area(both[1], "b", -reach, middle, TALL) + level(middle)
    return _svg(TALL, shapes, "both voices over time")


def rise(values: Reals, css: str, name: str, reach: float, behind: str = "", marks: str = "") -> str:
    """What rises from the ground, (bins,) from 0 to `reach`; `behind` and `marks` are shapes of this height."""
    shapes = behind + area(values, css, (LOW - 4) / reach, LOW - 1, LOW) + level(LOW - 1) + marks
    return _svg(LOW, shapes, f"{name} over time")


def swing(values: Reals, css: str, name: str, reach: float, behind: str = "", marks: str = "") -> str:
    """How far something swings to both sides, (bins,) from 0 to `reach`: the same above and below a middle line."""
    middle, scale = LOW / 2, (LOW / 2 - 2) / reach
    both = area(values, css, scale, middle, LOW) + area(values, css, -scale, middle, LOW)
    return _svg(LOW, behind + both + level(middle) + marks, f"{name} over time")


def head(pitch: Reals, yaw: Reals, roll: Reals, reach: float, behind: str = "") -> str:
    """Three angles (bins,) in degrees around a middle line, `reach` at the edges; turning down is drawn downwards."""
    middle, scale = TALL / 2, (TALL / 2 - 2) / reach
    curves = ((-pitch, "p"), (yaw, "y"), (roll, "r"))
    lines = "".join(line(curve, css, scale, middle, TALL) for curve, css in curves)
    return _svg(TALL, behind + level(middle) + lines, "head angles over time")


def overlaid(curves: Sequence[tuple[Reals, str]], name: str, low: float, high: float) -> str:
    """Curves (bins,) with their styles, one over the other, `low` at the bottom and `high` at the top."""
    scale = (TALL - 4) / (high - low)
    lines = "".join(line(curve - low, css, scale, TALL - 2, TALL) for curve, css in curves)
    return _svg(TALL, level(TALL / 2) + lines, f"{name} over time")


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
