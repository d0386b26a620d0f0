"""Rows of pixel tables copied block by block, cut to a range of wavelengths."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.slab import Sampled
from pipeline.parallel import map_ordered, run_all
from pipeline.spec import Pixels, PixelWriter, blocks

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
    weights: Sequence[float] = (),
) -> None:
    """Write rows in threads.

    Parameters
    ----------
    writer
        The product.
    exposures, plan
        Where rows come from, and where they go, see `plan_rows`.
    convert
        Makes of the number of an exposure and its pixels those to be written.
    weights
        Of the exposures, for a column ``weight``; none for no such column.
    """

    def put(block: RowBlock) -> None:
        sampled = exposures[block.exposure]
        n = block.target.stop - block.target.start
        if n == block.rows.stop - block.rows.start:
            pixels = sampled.table.read(block.rows)
        else:
            pixels, inside = _inside(sampled, block.rows)
            pixels = Pixels._make(column[inside] for column in pixels)
        writer.write(block.target, convert(block.exposure, pixels))
        if weights:
            column = np.full(n, weights[block.exposure], np.float32)
            writer.write_extra(block.target, {"weight": column})

    run_all(put, plan)


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
