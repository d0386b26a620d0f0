"""Pixel tables written block by block: cut to wavelengths, changed on the way."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pipeline.parallel import map_ordered, run_all
from pipeline.spec import Header, Pixels, PixelTable, PixelWriter, blocks

_BLOCK = 500_000

_LIMITS = "ESO DRS MUSE PIXTABLE LIMITS LAMBDA"

Mask = NDArray[np.bool_] | None


def write_pixels(
    pixels: PixelTable,
    change: Callable[[Pixels], Pixels],
    limits: tuple[float, float],
    headers: Sequence[Header],
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
    headers
        Of the files behind the table, whose keywords may tell that all lie inside.
    open_writer
        Opens the product, for a number of rows.
    original
        Name of a further column that keeps DATA as it was; empty for none.
    """
    parts = list(blocks(pixels.n_rows, _BLOCK))
    inside: list[Mask] = [None] * len(parts)
    if not _all_inside(headers, limits):
        inside = list(map_ordered(lambda rows: _inside(pixels, rows, limits), parts))
    lengths = [
        rows.stop - rows.start if mask is None else int(mask.sum())
        for rows, mask in zip(parts, inside, strict=True)
    ]
    writer = open_writer(sum(lengths))
    starts = accumulate([0, *lengths])

    def put(part: tuple[slice, Mask, int]) -> None:
        rows, mask, start = part
        found = pixels.read(rows)
        if mask is not None:
            found = Pixels._make(column[mask] for column in found)
        there = slice(start, start + len(found.data))
        if original:
            writer.write_extra(there, {original: found.data.copy()})
        writer.write(there, change(found))

    run_all(put, zip(parts, inside, starts, strict=False))
    return writer


def _all_inside(headers: Sequence[Header], limits: tuple[float, float]) -> bool:
    """Tell whether all pixels lie between the limits, as far as headers know it."""
    return all(
        limits[0] <= float(header.get(f"{_LIMITS} LOW", -np.inf))
        and float(header.get(f"{_LIMITS} HIGH", np.inf)) <= limits[1]
        for header in headers
    )


def _inside(pixels: PixelTable, rows: slice, limits: tuple[float, float]) -> Mask:
    """Tell which rows lie between the limits of wavelength; None for all."""
    wavelength = pixels.read(rows).wavelength
    inside = (wavelength >= limits[0]) & (wavelength <= limits[1])
    return None if inside.all() else inside
