"""How two pictures can go into one: names and sizes, known without NumPy."""

from __future__ import annotations

LAYOUTS = ("side-by-side", "active-speaker", "stack")


def layout_size(name: str, cell: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of a picture of two whose first is as large as `cell`."""
    width, height = cell
    return {"side-by-side": (2 * width, height), "stack": (width, 2 * height)}.get(name, cell)
