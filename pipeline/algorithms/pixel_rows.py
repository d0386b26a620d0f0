"""Rows of pixel tables copied block by block, cut to a range of wavelengths."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.slab import Sampled
from pipeline.parallel import map_ordered, run_all
from pipeline.spec import Columns, Pixels, PixelTable, PixelWriter, blocks

_BLOCK = 500_000

_NEAR = 10.0
"""Closer than this to a limit, wavelengths are looked at one by one [Angstrom]."""


class RowBlock(NamedTuple):
    """Some rows of an exposure and the rows of the product that take them."""

    exposure: int
    rows: slice
    target: slice


def plan_rows(exposures: Sequence[Sampled]) -> list[RowBlock]:
    """Return which rows go where; those outside the limits of wavelength are left out."""
    plan: list[RowBlock] = []
    start = 0
    for number, sampled in enumerate(exposures):
        parts = list(blocks(sampled.table.n_rows, _BLOCK))
        counts = [rows.stop - rows.start for rows in parts]
        if not _all_inside(sampled):
            counts = list(map_ordered(partial(_count_inside, sampled), parts))
        for rows, n in zip(parts, counts, strict=True):
            plan.append(RowBlock(number, rows, slice(start, start + n)))
            start += n
    return plan


def copy_rows(
    writer: PixelWriter,
    exposures: Sequence[Sampled],
    plan: Sequence[RowBlock],
    convert: Callable[[int, Pixels], Pixels],
    extra: Callable[[int, Pixels], Columns] | None = None,
) -> None:
    """Write rows in threads.

    Parameters
    ----------
    writer
        The product.
    exposures, plan
        Where rows come from, and where they go, see `plan_rows`.
    convert
        Makes of the number of an exposure and its pixels those to be written; it may
        change the arrays it is given.
    extra
        Makes of the same the further columns, from the pixels as they were read.
    """

    def put(block: RowBlock) -> None:
        sampled = exposures[block.exposure]
        n = block.target.stop - block.target.start
        if n == block.rows.stop - block.rows.start:
            pixels = sampled.table.read(block.rows)
        else:
            pixels, inside = _inside(sampled, block.rows)
            pixels = Pixels._make(column[inside] for column in pixels)
        if extra:
            writer.write_extra(block.target, extra(block.exposure, pixels))
        writer.write(block.target, convert(block.exposure, pixels))

    run_all(put, plan)


def write_pixels(
    pixels: PixelTable,
    change: Callable[[Pixels], Pixels],
    limits: tuple[float, float],
    open_writer: Callable[[int], PixelWriter],
    original: str = "",
) -> PixelWriter:
    """Write those pixels of a table that lie between limits, changed.

    Parameters
    ----------
    pixels
        The table.
    change
        What becomes of some pixels; it may change the arrays it is given.
    limits
        Wavelengths kept, before the change [Angstrom].
    open_writer
        Opens the product, for a number of rows.
    original
        Name of a further column that keeps DATA as it was; empty for none.
    """
    sampled = [Sampled(pixels, *limits)]
    plan = plan_rows(sampled)
    writer = open_writer(plan[-1].target.stop)

    def keep(_: int, read: Pixels) -> Columns:
        return {original: read.data.copy()}

    copy_rows(
        writer, sampled, plan, lambda _, read: change(read), keep if original else None
    )
    return writer


def _inside(sampled: Sampled, rows: slice) -> tuple[Pixels, NDArray[np.bool_]]:
    """Read some rows and tell which lie between the limits."""
    pixels = sampled.table.read(rows)
    inside = pixels.wavelength >= sampled.low
    return pixels, inside & (pixels.wavelength <= sampled.high)


def _count_inside(sampled: Sampled, rows: slice) -> int:
    """Return how many of some rows lie between the limits."""
    return int(_inside(sampled, rows)[1].sum())


def _all_inside(sampled: Sampled) -> bool:
    """Tell whether all pixels lie well between the limits."""
    return all(
        sampled.low + _NEAR <= samples.low[0] and samples.high[-1] + _NEAR <= sampled.high
        for samples in sampled.samples
    )
