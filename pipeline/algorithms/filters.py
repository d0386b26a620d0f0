"""Images through filters, summed up plane by plane."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.kernels.resample import add_planes
from pipeline.kernels.weighting import overlap
from pipeline.spec import Planes, Table, Value

WHITE = (4650.0, 9300.0)
"""Range of the built-in filter ``white`` [Angstrom] (genuine pipeline)."""


@dataclass(frozen=True)
class Filter:
    """A filter: throughput at wavelengths [Angstrom], zero points where known [mag]."""

    name: str
    wavelength: NDArray[np.float64]
    throughput: NDArray[np.float64]
    keywords: Mapping[str, Value] = field(default_factory=dict)

    def at(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the throughput at wavelengths, float64[n]."""
        return np.asarray(
            np.interp(wavelength, self.wavelength, self.throughput, left=0.0, right=0.0)
        )

    def fraction(self, low: float, high: float) -> float:
        """Return how much of its area lies between two wavelengths [%]."""
        x = np.union1d(self.wavelength, np.clip([low, high], *self.wavelength[[0, -1]]))
        y = self.at(x)
        inside = (x >= low) & (x <= high)
        whole = float(np.trapezoid(y, x))
        return 100.0 * float(np.trapezoid(y[inside], x[inside])) / whole


def window(name: str, low: float, high: float) -> Filter:
    """Return a filter that passes all light between two wavelengths [Angstrom]."""
    edges = np.array([low - 1e-3, low, high, high + 1e-3])
    return Filter(name, edges, np.array([0.0, 1.0, 1.0, 0.0]))


def white() -> Filter:
    """Return the filter that passes everything."""
    return window("white", *WHITE)


def filter_from(name: str, table: Table) -> Filter:
    """Return a filter of a FILTER_LIST: columns lambda [Angstrom] and throughput."""
    keywords: dict[str, Value] = {}
    for system in ("VEGA", "AB"):
        if f"ZP_{system}" in table.header:
            key = f"ESO DRS MUSE FILTER ZP{system}"
            keywords[key] = float(table.header[f"ZP_{system}"])
    wavelength = np.asarray(table.columns["lambda"], np.float64)
    throughput = np.asarray(table.columns["throughput"], np.float64)
    order = np.argsort(wavelength)
    return Filter(name, wavelength[order], throughput[order], keywords)


def spectral_correlation(drop: float) -> float:
    """Return by how much the variance of a sum over planes exceeds the sum of variances.

    Parameters
    ----------
    drop
        Size of a drop along wavelength [voxel]. A pixel shared by two planes adds to
        their sum as a whole, but to the sum of their variances only by the squares.
    """
    offsets = np.arange(500) / 500.0
    reach = int(np.ceil(0.5 * drop + 1))
    shares = [
        sum(float(overlap(u - k, drop)) ** 2 for k in range(-reach, reach + 2))
        for u in offsets
    ]
    return 1.0 / float(np.mean(shares))


def distance_correlation(weight: Callable[[float, float, float], float]) -> float:
    """Return the same as `spectral_correlation` for weights by distance.

    Parameters
    ----------
    weight
        Of a pixel at a distance along x, y and wavelength [voxel]. One pixel a voxel is
        assumed, at any phase, and that it reaches the next voxels.
    """
    phases = (np.arange(4) - 1.5) / 4
    of_sum, of_planes = [], []
    for phase in product(phases, repeat=3):
        x, y, z = (offset + np.arange(-1, 2) for offset in phase)
        w = np.array([[[weight(a, b, c) for c in z] for b in y] for a in x])
        total = w.sum() ** 2
        of_sum.append((w.sum(axis=2) ** 2).sum() / total)
        of_planes.append((w**2).sum() / total)
    return float(np.mean(of_sum) / np.mean(of_planes))


class FilteredImage:
    """Mean of a cube through a filter, gathered plane by plane in their order.

    Parameters
    ----------
    band
        The filter.
    wavelengths : float64[n_planes]
        Of the planes [Angstrom].
    shape
        Rows and columns.
    correlation
        See `spectral_correlation`; may be set later, before the image is asked for.
    """

    def __init__(
        self,
        band: Filter,
        wavelengths: NDArray[np.float64],
        shape: tuple[int, int],
        correlation: float = 1.0,
    ) -> None:
        self.band = band
        self._throughput = band.at(wavelengths)
        self._range = (float(wavelengths[0]), float(wavelengths[-1]))
        self.correlation = correlation
        self._sums = np.zeros((3, *shape))

    def add(self, first: int, planes: Planes) -> None:
        """Take in planes from number ``first`` on; the result depends on their order."""
        weights = self._throughput[first : first + len(planes.data)]
        add_planes(planes.data, planes.stat, weights, self._sums)

    def planes(self) -> Planes:
        """Return the image: NaN and flagged where no plane has data."""
        total, data, stat = self._sums
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(total > 0, data / total, np.nan)
            variance = np.where(total > 0, self.correlation * stat / total**2, np.nan)
        missing = np.where(total > 0, np.uint32(0), np.uint32(Flag.MISSING_DATA))
        return Planes(
            mean.astype(np.float32), missing.astype(np.uint32), variance.astype(np.float32)
        )

    def keywords(self) -> dict[str, Value]:
        """Return what the image says about its filter."""
        return {
            "ESO DRS MUSE FILTER NAME": self.band.name,
            **self.band.keywords,
            "ESO DRS MUSE FILTER FRACTION": self.band.fraction(*self._range),
        }
