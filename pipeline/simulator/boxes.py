"""Where the slices lie on the detector.

Full size: the boxes measured during the acceptance in Europe, July 2013 (shipped with
mpdaf 3.6 in its mask of slices); rows of 4650 and 9300 Angstrom, columns around the
bent slice. Mini size: made to the same pattern of three steps.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pipeline.instrument import Size

_BOXES = Path(__file__).with_name("slice_boxes.csv")


class SliceBox(NamedTuple):
    """First and last column, rows of the blue and red end [pix, 1-based trimmed]."""

    left: float
    right: float
    bottom: float
    top: float


@cache
def _measured() -> dict[int, list[tuple[int, ...]]]:
    """Return left, right, bottom, top on the raw frame of all slices by IFU."""
    lines = [line for line in _BOXES.read_text().splitlines() if not line.startswith("#")]
    found: dict[int, list[tuple[int, ...]]] = {}
    for row in csv.DictReader(lines):
        box = tuple(int(row[key]) for key in ("xstart", "xend", "ystart", "yend"))
        found.setdefault(int(row["chan"]), []).append(box)
    return found


def _trimmed(raw: int, n_half: int, scan: int) -> int:
    """Return the trimmed position of a raw one (both 1-based)."""
    return raw - scan if raw <= n_half + 2 * scan else raw - 3 * scan


def slice_boxes(size: Size, ifu: int) -> list[SliceBox]:
    """Return the boxes of all slices of one IFU, from left to right."""
    if size.name == "full":
        nx, ny, scan = size.quadrant_nx, size.quadrant_ny, size.scan
        return [
            SliceBox(
                _trimmed(left, nx, scan),
                _trimmed(right, nx, scan),
                _trimmed(bottom, ny, scan),
                _trimmed(top, ny, scan),
            )
            for left, right, bottom, top in _measured()[ifu]
        ]
    margin = 4.0
    pitch = (size.shape[1] - 2 * margin) / size.n_slices
    rows = (size.red - size.blue) / 1.25
    boxes = []
    for s in range(size.n_slices):
        middle = margin + (s + 0.5) * pitch + 0.5 + 0.3 * (ifu - 2.5)
        half = size.slice_width / 2 + (0.4 if 2 <= s < size.n_slices - 2 else 0.9)
        bottom = 9.0 + 18.0 * (s % 3) + 1.5 * ifu
        boxes.append(SliceBox(middle - half, middle + half, bottom, bottom + rows))
    return boxes
