"""Frames of videos on one picture: `python examples/contact_sheet.py OUT.png VIDEO... [--columns 8] [--rows 2]`.

Each video gives `rows` rows of frames, evenly spaced in time, with the second in the corner.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

FRAME_WIDTH = 160  # px


def rows_of(video: Path, columns: int, rows: int) -> np.ndarray:
    """uint8 (H, columns * FRAME_WIDTH, 3), BGR."""
    reader = cv2.VideoCapture(str(video))
    count, fps = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)), reader.get(cv2.CAP_PROP_FPS)
    cells = []
    for index in np.linspace(0, count - 1, columns * rows).astype(int):
        reader.set(cv2.CAP_PROP_POS_FRAMES, int(index))
        found, frame = reader.read()
        if not found:
            raise SystemExit(f"{video}: frame {index} cannot be read")
        height = round(frame.shape[0] * FRAME_WIDTH / frame.shape[1])
        cell = cv2.resize(frame, (FRAME_WIDTH, height), interpolation=cv2.INTER_AREA)
        cv2.putText(cell, f"{index / fps:.1f} s", (5, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 2, cv2.LINE_AA)
        cv2.putText(cell, f"{index / fps:.1f} s", (5, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255,) * 3, 1, cv2.LINE_AA)
        cells.append(cell)
    return np.vstack([np.hstack(cells[row * columns : (row + 1) * columns]) for row in range(rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rows", type=int, default=2)
    chosen = parser.parse_args()
    sheet = np.vstack([rows_of(video, chosen.columns, chosen.rows) for video in chosen.videos])
    cv2.imwrite(str(chosen.out), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
