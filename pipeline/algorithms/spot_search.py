"""Where the spots of the pinhole mask are on the detector: lines, boxes, detection."""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.polynomial import polyval2d
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.geometry import SliceMap
from pipeline.instrument import PINHOLES_PER_SLICE
from pipeline.spec import BadInput, Planes

Floats = NDArray[np.float64]

FAINTEST, FAINTEST_NEON = 5000.0, 10000.0
"""Flux of lines in the catalogue that are used [count]; neon has enough of them (genuine
pipeline)."""
FEWEST = 6
"""Lines needed (genuine pipeline)."""
SHORTEST = 4650.0
"""Lines blueward of it are not used [Angstrom] (genuine pipeline)."""
HALF_BOX = 7
"""Rows searched on either side of a line [pix] (genuine pipeline)."""
ASTRAY = 4.0
"""Spots farther than this from the row of their line belong to another one [pix]."""


def geometry_lines(lines: ArcLines, file: str) -> Floats:
    """Return the wavelengths of lines that suit the geometry, sorted [Angstrom].

    The lamps are neon, mercury and cadmium. Neon, which has many lines, gives only good
    bright ones; its reddest is kept in any case, to reach as far as can be.

    Raises
    ------
    BadInput
        If there are too few.
    """
    chosen = (lines.element != "Xe") & (lines.flux >= FAINTEST)
    chosen &= (lines.wavelength >= SHORTEST) & (lines.quality >= 1)
    left = np.flatnonzero(chosen)
    for poor in (lines.quality < 2, lines.flux < FAINTEST_NEON):
        drop = (lines.element[left] == "Ne") & poor[left]
        drop[-1:] = False
        left = left[~drop]
    if len(left) < FEWEST:
        raise BadInput(
            f"has {len(left)} bright lines of Ne, Hg and Cd, {FEWEST} are needed",
            file=file,
            keyword="flux",
            remedy="give the line catalogue shipped with the pipeline",
        )
    return lines.wavelength[left]


def edges(slices: SliceMap, rows: Floats) -> tuple[Floats, Floats]:
    """Return left and right edges of slices at 1-based rows, [n_slices, ...] [pix]."""
    powers = rows[..., None] ** np.arange(slices.left.shape[1])
    shape = (len(slices.left), *(1,) * (rows.ndim - 1), -1)
    left, right = (
        (powers * curve.reshape(shape)).sum(axis=-1)
        for curve in (slices.left, slices.right)
    )
    return left, right


def line_rows(slices: SliceMap, lines: Floats) -> Floats:
    """Return the 1-based rows of lines in the middle of slices, float64[n_slices, n].

    NaN where a line is not on the detector or the solution of the slice is not monotonic.
    """
    y = np.arange(1.0, slices.shape[0] + 1)
    left, right = edges(slices, np.broadcast_to(y, (len(slices.left), len(y))))
    found = np.full((len(slices.left), len(lines)), np.nan)
    for s, surface in enumerate(slices.wave):
        wavelength = polyval2d((left[s] + right[s]) / 2, y, surface)
        if np.all(np.diff(wavelength) > 0):
            found[s] = np.interp(lines, wavelength, y, left=np.nan, right=np.nan)
    return found


@dataclass(frozen=True)
class SpotPlaces:
    """Where the spots are: columns and rows, from 0 [pix], NaN where not found.

    ``xy``: float64[n_lines, n_slices, 3, 2], from left to right within the slice.
    """

    lines: Floats
    xy: Floats

    @property
    def found(self) -> NDArray[np.bool_]:
        """Lines and slices whose spots were found, bool[n_lines, n_slices]."""
        return np.asarray(np.isfinite(self.xy).all(axis=(2, 3)))


def find_spots(image: Planes, slices: SliceMap, lines: Floats, sigma: float) -> SpotPlaces:
    """Detect the three spots of every line in every slice on the combined exposures.

    Parameters
    ----------
    image
        Average of all exposures [count].
    slices
        Of the same IFU.
    lines : float64[n]
        Wavelengths [Angstrom].
    sigma
        Limit: mean deviations from the median above the median of the box.
    """
    rows = line_rows(slices, lines)
    places = np.full((len(lines), len(rows), PINHOLES_PER_SLICE, 2), np.nan)
    left, right = edges(slices, np.nan_to_num(rows, nan=1.0))
    inside = (rows > HALF_BOX + 1) & (rows < slices.shape[0] - HALF_BOX)
    for s, k in np.argwhere(inside):
        first, last = max(round(left[s, k]) - 1, 0), round(right[s, k])
        bottom = round(rows[s, k]) - 1 - HALF_BOX
        area = np.s_[bottom : bottom + 2 * HALF_BOX + 1, first:last]
        spots = _spots(image.data[area], image.dq[area], sigma)
        spots = [spot for spot in spots if abs(spot[1] - HALF_BOX) < ASTRAY]
        if len(spots) == PINHOLES_PER_SLICE:
            places[k, s] = np.add(sorted(spots), (first, bottom))
    return SpotPlaces(lines, places)


def _spots(
    box: NDArray[np.float32], dq: NDArray[np.uint32], sigma: float
) -> list[tuple[float, float]]:
    """Return the centres of light x, y of connected bright pixels."""
    data = np.where(dq == 0, box, np.float32(np.median(box))).astype(np.float64)
    middle = float(np.median(data))
    limit = middle + sigma * float(np.mean(np.abs(data - middle)))
    bright = ndimage.gaussian_filter(data, 1.0, truncate=2.0) > limit
    labels, n = ndimage.label(bright)
    light = np.maximum(data - middle, 0.0)
    centres = ndimage.center_of_mass(light, labels, range(1, n + 1)) if n else []
    return [(float(x), float(y)) for y, x in centres if np.isfinite([x, y]).all()]


def row_ranges(rows: Floats, reach: int, n_rows: int) -> list[slice]:
    """Return the detector rows within ``reach`` of some, as few slices as can be.

    ``rows``: float64[n], from 0 [pix].
    """
    merged: list[list[int]] = []
    for row in np.unique(np.rint(rows).astype(np.int64)).tolist():
        start, stop = max(row - reach, 0), min(row + reach + 1, n_rows)
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(stop, merged[-1][1])
        else:
            merged.append([start, stop])
    return [slice(start, stop) for start, stop in merged]
