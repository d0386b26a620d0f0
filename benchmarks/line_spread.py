"""Line spread functions of both pipelines against the simulator's truth."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from pipeline.algorithms.lsf import read_lsf
from pipeline.algorithms.wavecal_products import REFERENCE
from pipeline.formats.tables import open_tables
from pipeline.instrument import FULL
from pipeline.simulator.lsf import pixel_profile
from pipeline.simulator.optics import optics
from pipeline.static import static_path

Floats = NDArray[np.float64]

WAVELENGTH: Floats = np.asarray(np.arange(5000.0, 9001.0, 100.0), np.float64)
"""Where profiles are compared [Angstrom]."""
NODES: Floats = np.asarray(np.linspace(4650.0, 9300.0, 30), np.float64)
"""Wavelengths of an LSF_PROFILE, over which QC LSF is measured [Angstrom]."""
OFFSET: Floats = np.asarray(np.linspace(-7.0, 7.0, 561), np.float64)
STEP = 0.025


def truth(ifu: int, wavelength: Floats = WAVELENGTH) -> Floats:
    """Return the profiles with which arc lines are drawn, [slice, wavelength, offset].

    With the pixel, whose width is the mean of a slice [1/Angstrom].
    """
    state = optics(FULL, ifu)
    width = np.gradient(state.wave[:, :, 0], axis=1).mean(axis=1)[:, None, None]
    parameters = state.lsf.parameters(wavelength)[:, :, None, :]
    return np.asarray(pixel_profile(OFFSET, parameters, width) / width)


def measured(path: Path, ifu: int) -> Floats:
    """Return the profiles of an LSF_PROFILE at the same places."""
    frames = open_tables(path, "LSF_PROFILE")
    found = read_lsf([frames[ifu]])
    profiles = np.empty((FULL.n_slices, len(WAVELENGTH), len(OFFSET)))
    for s in range(FULL.n_slices):
        one = found[ifu, s + 1]
        at = np.clip((WAVELENGTH - one.nodes[0]) / one.nodes[1], 0, len(one.profiles) - 1)
        low = np.minimum(at.astype(int), len(one.profiles) - 2)
        t = (at - low)[:, None]
        rows = one.profiles[low] * (1 - t) + one.profiles[low + 1] * t
        x = one.offsets[0] + one.offsets[1] * np.arange(rows.shape[1])
        profiles[s] = CubicSpline(x, rows, axis=1)(OFFSET)
    return profiles


def _fwhm(profiles: Floats) -> Floats:
    """Return the widths at half of the peak [Angstrom], [slice, wavelength]."""
    half = profiles.max(axis=-1, keepdims=True) / 2
    above = profiles > half
    first = above.argmax(axis=-1)
    last = above.shape[-1] - 1 - above[..., ::-1].argmax(axis=-1)

    def value(k: NDArray[np.int64]) -> Floats:
        return np.asarray(np.take_along_axis(profiles, k[..., None], axis=-1)[..., 0])

    level = half[..., 0]
    left = first - (value(first) - level) / (value(first) - value(first - 1))
    right = last + (value(last) - level) / (value(last) - value(last + 1))
    return np.asarray((right - left) * STEP)


def _skewness(profiles: Floats) -> Floats:
    """Return the skewness within 4 Angstrom, where noise of the wings counts little."""
    inside = np.abs(OFFSET) < 4
    x, share = OFFSET[inside], profiles[..., inside]
    share = share / share.sum(axis=-1, keepdims=True)
    mean = (share * x).sum(axis=-1, keepdims=True)
    sigma = np.sqrt((share * (x - mean) ** 2).sum(axis=-1))
    return np.asarray((share * (x - mean) ** 3).sum(axis=-1) / sigma**3)


def line_spread(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield how far the line spread functions of all slices are from the truth."""
    path = folder / "lsf" / f"LSF_PROFILE-{ifu:02d}.fits"
    if not path.exists():
        return
    true, found = truth(ifu), measured(path, ifu)
    width = _fwhm(found) - _fwhm(true)
    yield "LSF FWHM mean error [A]", float(width.mean())
    yield "LSF FWHM scatter [A]", float(width.std())
    yield "LSF FWHM worst [A]", float(np.abs(width).max())
    ratios = _scatter_of_widths(path) / _fwhm(truth(ifu, NODES)).std(axis=1, ddof=1)
    yield "QC LSF FWHM STDEV over truth, least", float(np.nanmin(ratios))
    yield "   largest", float(np.nanmax(ratios))
    rest = (found - true) / true.max(axis=-1, keepdims=True)
    yield "LSF profile rms / peak", float(np.sqrt(np.mean(rest**2)))
    skew = _skewness(found) - _skewness(true)
    yield "LSF skewness rms error", float(np.sqrt(np.mean(skew**2)))


def _scatter_of_widths(path: Path) -> Floats:
    """Return QC FWHM STDEV of all slices [Angstrom], NaN for slices left out."""
    header = fits.getheader(path)
    numbers = range(1, FULL.n_slices + 1)
    names = (f"ESO QC LSF SLICE{s} FWHM STDEV" for s in numbers)
    return np.array([header.get(name, np.nan) for name in names])


def arc_widths(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield the width of the reference arc lines over the truth."""
    lines = open_tables(static_path("LINE_CATALOG"), "LINE_CATALOG")[None].read().columns
    chosen = np.asarray(lines["lambda"], float)[lines["quality"] >= REFERENCE]
    true = _fwhm(truth(ifu, chosen)).mean(axis=1)
    header = fits.getheader(folder / "wavecal" / f"WAVECAL_TABLE-{ifu:02d}.fits")
    names = [f"ESO QC WAVECAL SLICE{s} LINES FWHM MEAN" for s in range(1, len(true) + 1)]
    found = np.array([header[name] for name in names])
    yield "QC WAVECAL FWHM MEAN over truth", float(np.mean(found / true))


def compare_widths(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield the ratios of the QC FWHM of both pipelines, the farthest from 1."""
    paths = [
        folder / s / "lsf" / f"LSF_PROFILE-{ifu:02d}.fits" for s in ("ours", "genuine")
    ]
    if not all(path.exists() for path in paths):
        return
    ours, genuine = (fits.getheader(path) for path in paths)
    for key in ("MEAN", "MIN", "MAX"):
        names = [f"ESO QC LSF SLICE{s} FWHM {key}" for s in range(1, FULL.n_slices + 1)]
        ratios = np.array([ours[name] / genuine[name] for name in names])
        yield f"QC LSF FWHM {key}, ours / genuine", float(ratios[abs(ratios - 1).argmax()])
