"""The pixels of arc exposures that show line profiles, by slice and line."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.geometry import SliceMap
from pipeline.kernels.line_samples import Samples, count_samples, gather_samples
from pipeline.kernels.pixels import line_spans
from pipeline.spec import Planes

Floats = NDArray[np.float64]
SAMPLE_TYPES = ("f4", "f4", "f4", "i2", "i2")


@dataclass(frozen=True)
class LampLines:
    """The lines of one lamp.

    ``wavelength``, ``flux``: float64[n], of all lines in the catalogue [Angstrom; count];
    ``references``: int64[n_ref], the lines whose profile is measured; ``near``:
    int64[n_ref, 2], first and last line + 1 that may reach the pixels of each of these;
    ``elements``: what emits.
    """

    wavelength: Floats
    flux: Floats
    references: NDArray[np.int64]
    near: NDArray[np.int64]
    elements: tuple[str, ...]

    @property
    def reference_wavelength(self) -> Floats:
        """Wavelengths of the reference lines [Angstrom]."""
        return np.ascontiguousarray(self.wavelength[self.references])


def lamp_lines(
    catalogue: ArcLines,
    elements: Sequence[str],
    quality: int,
    reach: float,
    limits: tuple[float, float],
) -> LampLines:
    """Choose the lines of a lamp.

    Parameters
    ----------
    catalogue
        All lines of all lamps.
    elements
        What the lamp holds.
    quality
        Lowest quality of a reference line.
    reach
        Half width of the window of a line [Angstrom].
    limits
        Wavelengths between which reference lines are wanted [Angstrom].
    """
    lines = catalogue.of(elements)
    low, high = limits
    there = (lines.wavelength > low - 2 * reach) & (lines.wavelength < high + 2 * reach)
    lines = lines.take(there & (lines.flux > 0))
    w = lines.wavelength
    wanted = (lines.quality >= quality) & (w >= low) & (w <= high)
    references = np.flatnonzero(wanted)
    near = np.searchsorted(w, w[references, None] + [-2 * reach, 2 * reach])
    return LampLines(w, lines.flux, references, near.astype(np.int64), tuple(elements))


Spans = tuple[NDArray[np.int32], NDArray[np.int32]]


def columns_of(slices: SliceMap) -> Spans:
    """Return first and last column of all slices in all rows [1-based]."""
    return line_spans(slices.left, slices.right, *slices.shape)


class LampSamples:
    """The pixels of one lamp, filled block by block of detector rows.

    Parameters
    ----------
    lines
        The lines of the lamp.
    slices
        Where the slices lie.
    spans
        Columns of the slices, as `columns_of` gives them.
    reach
        Half width of the window of a line [Angstrom].
    """

    def __init__(
        self, lines: LampLines, slices: SliceMap, spans: Spans, reach: float
    ) -> None:
        self.lines = lines
        self._slices, self._spans, self._reach = slices, spans, reach
        ny = slices.shape[0]
        self.starts = count_samples(
            self._spans, slices.wave, ny, lines.reference_wavelength, reach
        )
        n = int(self.starts[-1])
        self._all: Samples = tuple(np.zeros(n, kind) for kind in SAMPLE_TYPES)  # type: ignore[assignment]

    def add(self, rows: slice, planes: Planes) -> None:
        """Take in some rows of the combined exposures of the lamp."""
        gather_samples(
            (rows.start, rows.stop),
            self.starts,
            self._spans,
            self._slices.wave,
            self._slices.shape[0],
            self.lines.reference_wavelength,
            self._reach,
            (planes.data, planes.dq, planes.stat),
            self._all,
        )

    def of_slice(self, index: int) -> Samples:
        """Return the pixels of a slice (from 0), row by row."""
        ny = self._slices.shape[0]
        part = slice(int(self.starts[index * ny]), int(self.starts[(index + 1) * ny]))
        offset, light, variance, place, number = self._all
        return offset[part], light[part], variance[part], place[part], number[part]

    def rows_of_slice(self, index: int) -> NDArray[np.int64]:
        """Return the detector row [0-based] of each pixel of a slice."""
        ny = self._slices.shape[0]
        starts = self.starts[index * ny : (index + 1) * ny + 1]
        return np.repeat(np.arange(ny), np.diff(starts))
