"""Pixel tables looked at and cut: what ``muse_pixtable_dump``, ``_crop`` and
``_erase_slice`` of the genuine pipeline do (manual, section 7.3.1), block by block.
"""  # noqa: D205

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import Keywords
from pipeline.formats.pixtable import PixelTableFile, open_pixtable
from pipeline.formats.pixtable_writer import PixelTableProduct
from pipeline.spec import BadInput, Pixels, blocks

_TABLE = "ESO DRS MUSE PIXTABLE"
_ROWS = 500_000
_POSITION_UNITS = {"projected": "rad", "positioned": "deg"}

Keep = Callable[[Pixels], NDArray[np.bool_]]


class Ranges(NamedTuple):
    """What is kept: inclusive limits of wavelength [Angstrom], x and y [unit of the
    table], an IFU and a slice; None for all.
    """  # noqa: D205

    wavelength: tuple[float, float] = (-np.inf, np.inf)
    x: tuple[float, float] = (-np.inf, np.inf)
    y: tuple[float, float] = (-np.inf, np.inf)
    ifu: int | None = None
    slice: int | None = None


# --- show --------------------------------------------------------------------------


def dump(path: Path, start: int = 0, count: int | None = None) -> Iterator[str]:
    """Yield rows of a pixel table as text, with where on the detector they come from.

    Parameters
    ----------
    path
        The file.
    start
        First row, counted from 0.
    count
        Number of rows; None for all that follow.

    Raises
    ------
    BadInput
        If there are no such rows.
    """
    table = open_pixtable(path, "PIXTABLE")
    if not 0 <= start < table.n_rows or (count is not None and count < 0):
        raise BadInput(
            f"has {table.n_rows} rows, none from row {start} on",
            file=path.name,
            keyword="NAXIS2",
            remedy="give a smaller --start",
        )
    stop = table.n_rows if count is None else min(start + count, table.n_rows)
    yield (
        f'# MUSE pixel table "{path}", showing {stop - start} rows starting at index '
        f"{start} of {table.n_rows}"
    )
    position, unit = position_unit(table.header), table.unit
    yield (
        "# xpos          ypos           lambda     data        dq         stat         "
        "weight     exposure IFU xCCD yCCD xRaw yRaw slice"
    )
    yield (
        f"#{position:>13}  {position:>13} {'Angstrom':>9}   {'(flux)':>11}       flag "
        f"{'(flux**2)':>11}  ----------   No     No   pix  pix  pix  pix No"
    )
    yield f"# flux    in [{unit}]"
    yield f"# flux**2 in [{unit}**2]" if unit.isalpha() else f"# flux**2 in [({unit})**2]"
    for rows in blocks(stop - start, _ROWS):
        yield from _lines(table, slice(start + rows.start, start + rows.stop))


def position_unit(header: Keywords) -> str:
    """Return the unit of the positions, which the header tells."""
    state = str(header.get(f"{_TABLE} WCS", "")).split(" ")[0]
    return _POSITION_UNITS.get(state, "pix")


def _lines(table: PixelTableFile, rows: slice) -> Iterator[str]:
    """Yield the lines of some rows."""
    pixels, more = table.read(rows), table.read_further(rows)
    header, angle = table.header, position_unit(table.header) != "pix"
    zero = [0.0, 0.0]
    if position_unit(header) == "deg":
        zero = [float(header.get(f"CRVAL{i}", 0.0)) for i in (1, 2)]
    weight = more.get("weight", np.zeros(len(pixels.data), np.float32))
    form = "{:14.7e} {:14.7e} {:9.3f}  " if angle else "{:14.8f} {:14.8f} {:9.3f}  "
    exposures = exposure_of(header, np.arange(rows.start, rows.stop))
    for k, origin in enumerate(pixels.origin.tolist()):
        ifu, number, y = origin >> 6 & 31, origin & 63, origin >> 11 & 8191
        where = f"EXP{exposures[k]} IFU{ifu:02d} SLICE{number:02d}"
        x = (origin >> 24) + int(header.get(f"{_TABLE} {where} XOFFSET", 0))
        place = form.format(
            float(pixels.xpos[k]) + zero[0],
            float(pixels.ypos[k]) + zero[1],
            float(pixels.wavelength[k]),
        )
        yield (
            f"{place}{pixels.data[k]:12.5e} 0x{pixels.dq[k]:08x} {pixels.stat[k]:11.5e}  "
            f"{weight[k]:10.4e}   {exposures[k]:2d}     {ifu:2d} {x:4d} {y:4d} "
            f"{_raw(header, x, 'X'):4d} {_raw(header, y, 'Y'):4d}  {number:2d}"
        )


def exposure_of(header: Keywords, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the exposure of rows of a combined table, 0 in tables of a single one."""
    starts = _starts(header)
    if not starts:
        return np.zeros(len(rows), np.int64)
    return np.asarray(np.searchsorted(starts, rows, side="right"), np.int64)


def _starts(header: Keywords) -> list[int]:
    """Return the first rows of the exposures of a combined table."""
    starts: list[int] = []
    while (keyword := f"{_TABLE} EXP{len(starts) + 1} FIRST") in header:
        starts.append(int(header[keyword]))
    return starts


def _raw(header: Keywords, place: int, axis: str) -> int:
    """Return the coordinate in the raw frame of one on the trimmed image.

    The prescan comes first; in the middle lie two overscans.
    """
    half = int(header.get(f"ESO DET OUT1 N{axis}", {"X": 2048, "Y": 2056}[axis]))
    scan = int(header.get(f"ESO DET OUT1 PRSC{axis}", 32))
    return place + (scan if place <= half else 3 * scan)


# --- cut ---------------------------------------------------------------------------


def crop(path: Path, output: Path, ranges: Ranges) -> tuple[int, int]:
    """Write the part of a pixel table within ranges; return rows before and after."""

    def keep(pixels: Pixels) -> NDArray[np.bool_]:
        kept = np.ones(len(pixels.data), np.bool_)
        limits = zip((pixels.wavelength, pixels.xpos, pixels.ypos), ranges[:3], strict=True)
        for values, (low, high) in limits:
            kept &= (values >= np.float32(low)) & (values <= np.float32(high))
        if ranges.ifu is not None:
            kept &= (pixels.origin >> 6 & 31) == ranges.ifu
        if ranges.slice is not None:
            kept &= (pixels.origin & 63) == ranges.slice
        return kept

    return copy_rows_where(path, output, keep)


def erase_slice(path: Path, output: Path, ifu: int, number: int) -> tuple[int, int]:
    """Write a pixel table without a slice of an IFU; return rows before and after."""
    label = np.uint32(ifu << 6 | number)
    return copy_rows_where(path, output, lambda p: p.origin & np.uint32(0x7FF) != label)


def copy_rows_where(path: Path, output: Path, keep: Keep) -> tuple[int, int]:
    """Write the rows of a pixel table that are to be kept.

    The product appears under its name when it is complete.

    Returns
    -------
    before, after
        Numbers of rows.

    Raises
    ------
    BadInput
        If no row is kept.
    """
    table = open_pixtable(path, "PIXTABLE")
    parts = list(blocks(table.n_rows, _ROWS))
    counts = np.array([int(keep(table.read(rows)).sum()) for rows in parts])
    n_kept = int(counts.sum())
    if n_kept == 0:
        raise BadInput(
            "has no pixels in the ranges given",
            file=path.name,
            remedy="give wider ranges, in the unit of the table",
        )
    header = Keywords(table.header, table.header.comments)
    header["PIPEFILE"] = output.name
    _renumber(header, _kept_before(table, parts, counts, keep), n_kept)
    aside = output.with_name(f".{output.name}.part")
    product = PixelTableProduct(aside, header, n_kept, unit=table.unit, extra=table.further)
    try:
        starts = np.concatenate([[0], np.cumsum(counts)])
        for rows, start, stop in zip(parts, starts[:-1], starts[1:], strict=True):
            _copy(table, rows, slice(int(start), int(stop)), keep, product)
        lamp = table.flat_spectrum()
        if lamp is not None:
            product.write_flat_spectrum(lamp)
        product.close()
    except BaseException:
        product.abort()
        raise
    aside.replace(output)
    return table.n_rows, n_kept


def _copy(
    table: PixelTableFile, rows: slice, there: slice, keep: Keep, product: PixelTableProduct
) -> None:
    """Write what is kept of some rows."""
    pixels = table.read(rows)
    kept = keep(pixels)
    product.write(there, Pixels._make(column[kept] for column in pixels))
    further = table.read_further(rows)
    if further:
        product.write_extra(there, {name: column[kept] for name, column in further.items()})


def _kept_before(
    table: PixelTableFile, parts: list[slice], counts: NDArray[np.int64], keep: Keep
) -> list[int]:
    """Return how many rows are kept before the first row of each exposure."""
    before = np.concatenate([[0], np.cumsum(counts)])
    found = []
    for start in _starts(table.header):
        k = min(start // _ROWS, len(parts) - 1)
        inside = keep(table.read(slice(parts[k].start, start)))
        found.append(int(before[k] + inside.sum()))
    return found


def _renumber(header: Keywords, starts: list[int], n_rows: int) -> None:
    """Put the rows of the exposures of a combined table into its header."""
    for k, (start, stop) in enumerate(zip(starts, [*starts[1:], n_rows], strict=False), 1):
        header[f"{_TABLE} EXP{k} FIRST"] = start
        header[f"{_TABLE} EXP{k} LAST"] = stop - 1
