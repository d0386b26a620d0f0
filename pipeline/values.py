"""What moves between frames, recipes and products; see `pipeline.spec` for conventions."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Value = bool | int | float | str
Header = Mapping[str, Value]
Columns = Mapping[str, NDArray[Any]]
NO_HEADER: Header = MappingProxyType({})


class Planes(NamedTuple):
    """Some rows of an image or planes of a cube; all three of one shape."""

    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    stat: NDArray[np.float32]


class Pixels(NamedTuple):
    """Some rows of a pixel table, each ``[n]``.

    ``xpos``/``ypos``: float32 [pix] until scipost, then [rad] or [deg] (see the
    header); ``wavelength``: float32 [Angstrom], air; ``data``: float32 [count or
    1e-20 erg/s/cm**2/Angstrom]; ``dq``: uint32; ``stat``: float32 variance;
    ``origin``: uint32, ``(x - xoffset) << 24 | y << 11 | ifu << 6 | slice``.
    """

    xpos: NDArray[np.float32]
    ypos: NDArray[np.float32]
    wavelength: NDArray[np.float32]
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    stat: NDArray[np.float32]
    origin: NDArray[np.uint32]

    def rows(self, rows: slice) -> "Pixels":
        """Return some rows, not copied."""
        return Pixels._make(column[rows] for column in self)


def copy_rows(read: Callable[[slice], Pixels], parts: Sequence[slice], out: Pixels) -> None:
    """Copy what is read of several ranges of rows into columns, one after the other.

    Columns without any room are left out.
    """
    first = 0
    for rows in parts:
        pixels = read(rows)
        there = out.rows(slice(first, first + len(pixels.data)))
        for target, column in zip(there, pixels, strict=True):
            target[:] = column[: len(target)]
        first += len(pixels.data)


class Segment(NamedTuple):
    """The consecutive rows ``start:stop`` of one slice in a pixel table.

    Rows of a segment are ordered by detector row, then column, so wavelength rises
    along it and a range of wavelengths is (nearly) one range of rows.
    """

    exposure: int
    ifu: int
    slice: int
    start: int
    stop: int


class Table(NamedTuple):
    """One table extension: columns (1-D, or 2-D for array cells), units, keywords."""

    columns: Columns
    units: Mapping[str, str]
    header: Header = NO_HEADER


class Image2D(NamedTuple):
    """A small image held whole, with its own keywords (WCS, filter ...).

    ``keeps_flags``: DQ becomes an extension of its own (``NAME_DQ``) and DATA stays as it
    is; otherwise flagged pixels of DATA become NaN. ``keeps_variance``: STAT becomes one,
    too (``NAME_STAT``).
    """

    planes: Planes
    unit: str
    header: Header = NO_HEADER
    keeps_flags: bool = False
    keeps_variance: bool = False


class Spaxels(NamedTuple):
    """What a cube kept as spectra (Euro3D) tells of its spaxels.

    ``ra``, ``dec``: float64[ny, nx], in ``unit``; ``size``: along x and y [arcsec];
    ``corrected``: whether refraction is; ``air``: columns ``G_...`` of the Euro3D group
    table that describe the refraction, NaN where it is corrected; ``unit``: ``deg``, or
    ``pix`` of a field without astrometry.
    """

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    size: tuple[float, float]
    corrected: bool
    air: Mapping[str, float]
    unit: str = "deg"
