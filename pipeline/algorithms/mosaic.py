"""A cube from exposures: made slab by slab, measured on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.covariance import Covariance, measure_covariance
from pipeline.algorithms.depth import MeanImage, VarianceMode
from pipeline.algorithms.filters import Filter, FilteredImage, window
from pipeline.algorithms.grid import Grid
from pipeline.algorithms.resample import (
    PlacedExposure,
    Resampling,
    Slab,
    correlation_of_planes,
    make_slab,
    slab_size,
)
from pipeline.algorithms.sources import find_sources, source_qc
from pipeline.parallel import memory_gb, n_threads, use_in_turn
from pipeline.spec import CubeWriter, Value, blocks

_QC_PLANES = 5
"""Planes on either side of the middle one that are averaged to look for sources."""

_SHARE = 0.5
"""Part of the memory budget for slabs; the rest is for tables and accumulators."""


@dataclass
class Mosaic:
    """What was measured while a cube was written.

    ``images``: through the filters; ``n_rejected``: int64[n_exposures, 25], pixels
    rejected as cosmic rays, by exposure and IFU; ``coverage``: bool[n_exposures, ny, nx],
    spaxels that an exposure reaches; ``noise`` and ``mean``: for the depth, only filled
    on demand; ``covariance``: of the voxels, None unless asked for.
    """

    grid: Grid
    images: list[FilteredImage]
    n_rejected: NDArray[np.int64]
    coverage: NDArray[np.bool_]
    noise: VarianceMode
    mean: MeanImage
    middle: FilteredImage
    covariance: Covariance | None = None

    @property
    def middle_wavelength(self) -> float:
        """Wavelength at which sources were looked for [Angstrom]."""
        return float(self.grid.wavelengths()[self.grid.shape[0] // 2])

    def source_qc(self, recipe: str) -> dict[str, Value]:
        """Return the QC values of the sources, with names as in the products."""
        sources = find_sources(self.middle.planes().data)
        found = source_qc(sources, self.middle_wavelength, self.grid.spaxel)
        return {f"QC {recipe} {name}": value for name, value in found.items()}

    def noise_qc(self, recipe: str) -> dict[str, Value]:
        """Return how much noisier sums of voxels are than their variances say."""
        if self.covariance is None:
            return {}
        return self.covariance.keywords(f"QC {recipe}")

    def rejection_qc(self, recipe: str) -> dict[str, Value]:
        """Return the counts of rejected pixels by exposure, and by IFU of each."""
        qc: dict[str, Value] = {}
        for k, counts in enumerate(self.n_rejected, 1):
            qc[f"QC {recipe} EXP{k} NCOSMIC"] = int(counts.sum())
            for ifu in np.flatnonzero(counts):
                qc[f"QC {recipe} EXP{k} IFU{ifu:02d} NCOSMIC"] = int(counts[ifu])
        return qc


def fill_cube(
    writer: CubeWriter,
    exposures: Sequence[PlacedExposure],
    grid: Grid,
    settings: Resampling,
    bands: Sequence[Filter],
    depth: bool = False,
    covariance: bool = False,
) -> Mosaic:
    """Write all planes of a cube and return what was seen on the way.

    Parameters
    ----------
    writer
        The product.
    exposures
        What is combined.
    grid, settings
        Where and how.
    bands
        Filters of the images wanted.
    depth
        Measure how deep the cube is.
    covariance
        Measure how the errors of voxels are correlated; without it the variances of
        images suppose that pixels lie densely.
    """
    nz, *image_shape = grid.shape
    shape = (image_shape[0], image_shape[1])
    wavelengths = grid.wavelengths()
    for exposure in exposures:
        _ = exposure.pixels.samples  # read once, before threads ask for them
    mosaic = Mosaic(
        grid,
        [FilteredImage(band, wavelengths, shape) for band in bands],
        np.zeros((len(exposures), 25), np.int64),
        np.zeros((len(exposures), *shape), np.bool_),
        VarianceMode(),
        MeanImage(shape),
        FilteredImage(_around_middle(wavelengths), wavelengths, shape),
    )

    memory = _SHARE * memory_gb() * 1e9
    height, step = slab_size(grid, exposures, memory, n_threads() + 1)

    def make(rows: slice) -> Slab:
        slab = make_slab(exposures, grid, settings, rows, step)
        writer.write(slab.rows, slab.planes)
        return slab

    def measure(slab: Slab) -> None:
        mosaic.n_rejected += slab.n_rejected
        mosaic.coverage |= slab.coverage
        if depth:
            mosaic.noise.add(slab.planes.stat)
            mosaic.mean.add(slab.planes.data)
        for image in (*mosaic.images, mosaic.middle):
            image.add(slab.rows.start, slab.planes)

    use_in_turn(make, blocks(nz, height), measure)
    correlation = correlation_of_planes(grid, settings)
    if covariance:
        mosaic.covariance = measure_covariance(exposures, grid, settings)
        correlation = mosaic.covariance.factor(nz, 1, 1) ** 2
    for image in (*mosaic.images, mosaic.middle):
        image.correlation = correlation
    return mosaic


def _around_middle(wavelengths: NDArray[np.float64]) -> Filter:
    """Return a filter that passes the planes around the middle one."""
    middle = len(wavelengths) // 2
    low = wavelengths[max(middle - _QC_PLANES, 0)] - 0.01
    high = wavelengths[min(middle + _QC_PLANES, len(wavelengths) - 1)] + 0.01
    return window("middle", float(low), float(high))


def exposure_weights(headers: Sequence[Mapping[str, Value]], scheme: str) -> list[float]:
    """Return the weights of exposures relative to the first.

    Parameters
    ----------
    headers
        Of the exposures.
    scheme
        ``exptime``; ``fwhm``: exposure time over seeing, of the autoguider, else of the
        active optics, else of the DIMM; ``header``: exposure time times
        ``ESO DRS MUSE WEIGHT``; ``none``: all alike.
    """
    if scheme == "none":
        return [1.0] * len(headers)
    weights = np.array([float(h.get("EXPTIME", 0.0)) for h in headers])
    if scheme == "fwhm":
        weights /= _seeing(headers)
    elif scheme == "header":
        weights *= [float(h.get("ESO DRS MUSE WEIGHT", 1.0)) for h in headers]
    if not (weights > 0).all():
        return [1.0] * len(headers)
    return [float(w) for w in weights / weights[0]]


def _seeing(headers: Sequence[Mapping[str, Value]]) -> NDArray[np.float64]:
    """Return the seeing of exposures by the best source that all of them have."""
    for keywords in (
        ("ESO OCS SGS AG FWHMX AVG", "ESO OCS SGS AG FWHMY AVG"),
        ("ESO TEL IA FWHM",),
        ("ESO TEL AMBI FWHM START", "ESO TEL AMBI FWHM END"),
    ):
        values = np.array([[float(h.get(k, -1.0)) for k in keywords] for h in headers])
        if (values > 0).all():
            return np.asarray(values.mean(axis=1))
    return np.ones(len(headers))
