"""The pixel tables of one exposure as one: IFUs on one scale, lamp-flat spectrum undone.

The lamp flat takes the spectrum of the lamp out of the data of each IFU. Here the mean
spectrum of all IFUs is put back (``FFCORR`` of the genuine pipeline), so that a response
curve is the throughput of instrument and telescope, the same for all exposures.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.pixels import chosen, with_room
from pipeline.algorithms.smooth import smooth_spectrum
from pipeline.kernels.spectrum import multiply_by_spectrum
from pipeline.parallel import begin, map_ordered, run_all
from pipeline.spec import (
    BadInput,
    Columns,
    Header,
    Pixels,
    PixelTable,
    Segment,
    Table,
)

GRID_FIRST, GRID_LAST, GRID_STEP = 4150.0, 9800.0, 1.25
"""Wavelengths at which the mean lamp spectrum is formed [Angstrom]; all that MUSE can
record (genuine pipeline)."""

LAMP_FLUX, SKY_FLUX = "ESO DRS MUSE FLAT FLUX LAMP", "ESO DRS MUSE FLAT FLUX SKY"
"""Integrated flux of an IFU in the lamp flat and the twilight flat [count]."""


def group_exposures(tables: Sequence[PixelTable]) -> list[list[PixelTable]]:
    """Sort pixel tables into exposures by ``DATE-OBS``, inside them by IFU.

    Raises
    ------
    BadInput
        If a table has no date or an IFU occurs twice in an exposure.
    """
    groups: dict[str, list[PixelTable]] = {}
    for table in tables:
        if "DATE-OBS" not in table.header:
            raise BadInput(
                "cannot be assigned to an exposure",
                file=table.name,
                keyword="DATE-OBS",
                remedy="reduce the raw exposure again; its header lost the date",
            )
        groups.setdefault(str(table.header["DATE-OBS"]), []).append(table)
    exposures = [
        sorted(group, key=lambda t: t.ifu or 0) for _, group in sorted(groups.items())
    ]
    for group in exposures:
        ifus = [table.ifu for table in group]
        if len(set(ifus)) < len(ifus):
            raise BadInput(
                f"IFUs {ifus} of one exposure: one is given twice",
                file=group[-1].name,
                keyword="EXTNAME",
                remedy="list each pixel table once in the set of frames",
            )
    return exposures


def flux_scales(tables: Sequence[PixelTable]) -> list[float]:
    """Return the factor of each table that brings it to the flux scale of the first.

    The lamp does not light the IFUs equally; the twilight sky does, so its flux is
    preferred. It takes a keyword that all tables have; without any the factors are 1.
    """
    for keyword in (SKY_FLUX, LAMP_FLUX):
        fluxes = [float(table.header.get(keyword, 0.0)) for table in tables]
        if min(fluxes) > 0:
            return [fluxes[0] / flux for flux in fluxes]
    return [1.0] * len(tables)


def flat_spectra(tables: Sequence[PixelTable]) -> list[Table]:
    """Return the lamp-flat spectra of all tables; none if no table has one.

    Raises
    ------
    BadInput
        If only some tables have one.
    """
    found = [(table.name, table.flat_spectrum()) for table in tables]
    flats = [flat for _, flat in found if flat is not None]
    if flats and len(flats) < len(found):
        raise BadInput(
            "has no lamp-flat spectrum but other tables of the exposure have",
            file=next(name for name, flat in found if flat is None),
            keyword="PIXTABLE_FLAT_FIELD",
            remedy="reduce all IFUs with a master flat of the same pipeline version",
        )
    return flats


def mean_flat_spectrum(flats: Sequence[Table], mode: str) -> NDArray[np.float64]:
    """Return the mean lamp-flat spectrum of all IFUs on the common grid, smoothed.

    Parameters
    ----------
    flats
        Columns lambda [Angstrom] and data.
    mode
        ``ESO INS MODE``.

    Returns
    -------
    float64[n]
    """
    grid = np.arange(GRID_FIRST, GRID_LAST + GRID_STEP / 2, GRID_STEP)
    total = np.zeros(grid.size)
    low, high = GRID_FIRST, GRID_LAST
    for flat in flats:
        wavelength = np.asarray(flat.columns["lambda"], np.float64)
        total += np.interp(grid, wavelength, np.asarray(flat.columns["data"], np.float64))
        low, high = max(low, float(wavelength[0])), min(high, float(wavelength[-1]))
    spectrum = total / len(flats)
    covered = (grid >= low) & (grid <= high)
    smooth = smooth_spectrum(
        grid[covered], spectrum[covered], np.ones(int(covered.sum())), "ppoly", mode
    )
    return np.asarray(np.interp(grid, grid[covered], smooth.values))


@dataclass(frozen=True)
class MergedPixels:
    """All pixels of one exposure; a `pipeline.spec.PixelTable` itself.

    Parameters
    ----------
    tables
        Pixel tables of the IFUs.
    scales
        Factor of each, see `flux_scales`.
    wait_for_flat
        Returns the spectrum put back, see `mean_flat_spectrum`, which a thread prepares;
        None where there is none.
    """

    tables: tuple[PixelTable, ...]
    scales: tuple[float, ...]
    wait_for_flat: Callable[[], NDArray[np.float64]] | None
    ifu: None = None

    @property
    def has_lamp(self) -> bool:
        """Whether the lamp spectrum is put back into the data."""
        return self.wait_for_flat is not None

    @cached_property
    def flat(self) -> NDArray[np.float64] | None:
        """The lamp spectrum that is put back, float64[n]; None for none."""
        return self.wait_for_flat() if self.wait_for_flat is not None else None

    @property
    def name(self) -> str:
        """File name of the first table, for messages."""
        return self.tables[0].name

    @property
    def tag(self) -> str:
        """Tag of the tables."""
        return self.tables[0].tag

    @property
    def header(self) -> Header:
        """Keywords of the first table, slice offsets of all."""
        offsets = {
            key: value
            for table in self.tables[1:]
            for key, value in table.header.items()
            if key.startswith("ESO DRS MUSE PIXTABLE EXP")
        }
        return {**self.tables[0].header, **offsets}

    @cached_property
    def starts(self) -> list[int]:
        """First row of each table."""
        lengths = [0, *(table.n_rows for table in self.tables)]
        return list(accumulate(lengths))[:-1]

    @cached_property
    def n_rows(self) -> int:
        """Number of pixels of all tables."""
        return sum(table.n_rows for table in self.tables)

    @cached_property
    def segments(self) -> list[Segment]:
        """Segments of all tables; they are looked for in several tables at once."""
        found = map_ordered(lambda table: table.segments, self.tables)
        return [
            Segment(s.exposure, s.ifu, s.slice, s.start + first, s.stop + first)
            for segments, first in zip(found, self.starts, strict=True)
            for s in segments
        ]

    @cached_property
    def _curves(self) -> list[NDArray[np.float64] | None]:
        """What the pixels of each table are multiplied by; None for nothing."""
        if self.flat is not None:
            return [self.flat * scale for scale in self.scales]
        return [None if scale == 1.0 else np.full(1, scale) for scale in self.scales]

    def flat_spectrum(self) -> Table | None:
        """Return None: it is in the data."""
        return None

    def read_further(self, rows: slice) -> Columns:  # noqa: ARG002
        """Return nothing: pixels that are to be merged have no further columns."""
        return {}

    def read(self, rows: slice, columns: Sequence[str] = Pixels._fields) -> Pixels:
        """Return some rows on the common scale; they may span tables.

        Columns but for these, which include the wavelength for DATA, are empty.
        """
        start, stop, _ = rows.indices(self.n_rows)
        stop = max(start, stop)
        ends = [first for first in self.starts if start < first < stop]
        parts = [slice(*pair) for pair in pairwise((start, *ends, stop))]
        pixels = with_room(stop - start, columns)
        self.fill(parts, pixels)
        return pixels

    def fill(self, parts: Sequence[slice], out: Pixels) -> None:
        """Read several ranges of rows, none of them in two tables, into columns."""
        first = 0
        for number, group in groupby(parts, self._table_of):
            start = self.starts[number]
            own = [slice(rows.start - start, rows.stop - start) for rows in group]
            last = first + sum(rows.stop - rows.start for rows in own)
            pixels = out.rows(slice(first, last))
            self.tables[number].fill(own, pixels)
            if pixels.data.size:  # else the curves may come later
                self._rescale(pixels, self._curves[number])
            first = last

    def _table_of(self, rows: slice) -> int:
        """Return the number of the table in which rows lie, from 0."""
        return bisect_right(self.starts, rows.start) - 1

    @staticmethod
    def _rescale(pixels: Pixels, curve: NDArray[np.float64] | None) -> None:
        """Apply scale and lamp spectrum to DATA and STAT in place."""
        if curve is not None:
            multiply_by_spectrum(
                pixels.wavelength, pixels.data, pixels.stat, GRID_FIRST, GRID_STEP, curve
            )

    def lamp(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the lamp spectrum in the data at wavelengths, 1 if there is none."""
        if self.flat is None:
            return np.ones_like(wavelength)
        grid = GRID_FIRST + GRID_STEP * np.arange(self.flat.size)
        return np.asarray(np.interp(wavelength, grid, self.flat))

    def read_between(
        self, rows: slice, low: float, high: float, columns: Sequence[str] = Pixels._fields
    ) -> Pixels:
        """Return those of some rows with wavelengths in ``low``..``high`` [Angstrom].

        Columns but for these, which include the wavelength, are empty.
        """
        pixels = self.read(rows, columns)
        wavelength = pixels.wavelength
        if wavelength.size and low <= wavelength.min() and wavelength.max() <= high:
            return pixels
        return chosen(pixels, (wavelength >= low) & (wavelength <= high))


def merge(tables: Sequence[PixelTable]) -> MergedPixels:
    """Return the pixel tables of one exposure as one."""
    flats = flat_spectra(tables)
    mode = str(tables[0].header.get("ESO INS MODE", "WFM-NOAO-N"))
    flat = begin(partial(mean_flat_spectrum, flats, mode)) if flats else None
    run_all(lambda table: table.segments, tables)  # they are needed anyway
    return MergedPixels(tuple(tables), tuple(flux_scales(tables)), flat)
