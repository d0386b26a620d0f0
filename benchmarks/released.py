"""Released cubes as their users open them, against the simulator's truth.

``python -m benchmarks.released STORE RAW``: each cube of the archive is opened with mpdaf
and with spectral-cube; the places of its sources and the wavelengths of their emission
lines are compared with the truth beside the raw frames. The pointing error of the first
exposure shows as one shift of all sources and is compared with the one simulated.
"""

import argparse
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HALF = 4
"""Half width of the window around a source [spaxel]."""
LINE = 12
"""Half width of the window around an emission line [plane]."""

REQUIRED = 0.1
"""Lines must lie this close to the truth [Angstrom] (specification of the archive)."""
FAINT = REQUIRED / 3
"""Lines with a larger error of their centre cannot tell and are left out [Angstrom]."""
BRIGHT = 5e-17
"""Stars of at least this flux are looked for [erg/s/cm**2/Angstrom]."""


@dataclass(frozen=True)
class Checked:
    """What was found of one cube.

    ``relative``: rms of the source places after their common shift [arcsec]; ``shift``:
    that shift minus the pointing error simulated, east and north [arcsec]; ``lines``:
    float64[n, 2], wavelengths minus truth and their errors [Angstrom]. Places are those of
    stars, lines those of galaxies that do not rotate.
    """

    name: str
    n_sources: int
    relative: float
    shift: tuple[float, float]
    lines: Floats


def open_everywhere(path: Path) -> WCS:
    """Open a cube with mpdaf and spectral-cube, check that they agree; return its WCS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units as the standard wants them
        from mpdaf.obj import Cube
        from spectral_cube import SpectralCube

        cube = Cube(str(path))
        other = SpectralCube.read(str(path), hdu=1)
        with fits.open(path) as hdus:
            wcs = WCS(hdus["DATA"].header)
    if cube.shape != other.shape:
        raise ValueError(
            f"{path.name}: mpdaf sees {cube.shape}, spectral-cube {other.shape}"
        )
    middle = [n // 2 for n in cube.shape]
    dec, ra = cube.wcs.pix2sky([middle[1], middle[2]])[0]
    expected = wcs.pixel_to_world_values(middle[2], middle[1], middle[0])
    if abs(ra - expected[0]) > 1e-7 or abs(dec - expected[1]) > 1e-7:
        raise ValueError(f"{path.name}: mpdaf places the middle at {ra}, {dec}")
    wave = other.spectral_axis.to("Angstrom").value[middle[0]]
    if abs(wave - expected[2] * 1e10) > 1e-3:
        raise ValueError(f"{path.name}: spectral-cube puts the middle plane at {wave}")
    return wcs.celestial


def _centroid(image: Floats, x: float, y: float) -> tuple[float, float] | None:
    """Return the place of a source near x, y (0-based), or None where it is cut off."""
    for _ in range(8):
        i, j = round(x), round(y)
        stamp = image[j - HALF : j + HALF + 1, i - HALF : i + HALF + 1]
        if min(i, j) < HALF or stamp.shape != (2 * HALF + 1,) * 2 or np.isnan(stamp).any():
            return None
        dy, dx = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1]
        window = np.exp(-0.5 * ((dx + i - x) ** 2 + (dy + j - y) ** 2) / 1.7**2)
        weight = window * (stamp - np.percentile(stamp, 15))
        step_x = 2 * (weight * (dx + i - x)).sum() / weight.sum()
        step_y = 2 * (weight * (dy + j - y)).sum() / weight.sum()
        x, y = x + step_x, y + step_y
    return x, y


def _line_centre(
    spectrum: Floats, wavelength: Floats, line: float
) -> tuple[float, float] | None:
    """Return the centre of an emission line and its error [Angstrom], None if too faint."""
    from scipy.optimize import curve_fit

    k = int(np.searchsorted(wavelength, line))
    part = slice(k - LINE, k + LINE + 1)
    w, s = wavelength[part], spectrum[part]
    if k < LINE or len(w) < 2 * LINE + 1 or not np.isfinite(s).all():
        return None

    def shape(w: Floats, flux: float, centre: float, sigma: float, c0: float) -> Floats:
        return c0 + flux * np.exp(-0.5 * ((w - centre) / sigma) ** 2)

    start = (float(s.max() - np.median(s)), line, 1.3, float(np.median(s)))
    try:
        fit, covariance = curve_fit(shape, w, s, start)
    except RuntimeError:
        return None
    error = float(np.sqrt(covariance[1, 1]))
    return (float(fit[1]), error) if error < FAINT else None


def check(path: Path, truth: dict[str, Any]) -> Checked:
    """Compare a cube with the truth of its first exposure (by the name in PROV1)."""
    wcs = open_everywhere(path)
    with fits.open(path) as hdus:
        exposure = truth[hdus[0].header["PROV1"].removesuffix(".fz")]
        data = hdus["DATA"].data.astype(np.float64)
        header = hdus["DATA"].header
    wavelength = header["CRVAL3"] + header["CD3_3"] * np.arange(data.shape[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # spaxels outside the field
        white = np.nanmean(data, axis=0)
    east, north = exposure["error_east_north_arcsec"]
    found, lines = [], []
    for source in exposure["scene"]["sources"]:
        cosine = np.cos(np.deg2rad(source["dec"]))
        ra, dec = source["ra"] - east / 3600 / cosine, source["dec"] - north / 3600
        x, y = (float(v) for v in wcs.world_to_pixel_values(ra, dec))
        if source["radius"] == 0 and source["flux"] >= BRIGHT:
            place = _centroid(white, x, y)
            if place is not None:
                seen_ra, seen_dec = wcs.pixel_to_world_values(*place)
                found.append(((seen_ra - ra) * cosine * 3600, (seen_dec - dec) * 3600))
        rows, columns = np.indices(white.shape)
        aperture = np.hypot(columns - x, rows - y) < HALF
        for line in source["lines"] if source["rotation"] == 0 else ():
            spectrum = np.nansum(data[:, aperture], axis=1)
            centre = _line_centre(spectrum, wavelength, line["wavelength"])
            if centre is not None:
                lines.append((centre[0] - line["wavelength"], centre[1]))
    offsets = np.array(found).reshape(-1, 2)
    shift = np.median(offsets, axis=0) if len(offsets) else np.zeros(2)
    rest = np.hypot(*(offsets - shift).T)
    relative = float(np.sqrt((rest**2).mean())) if len(rest) else 0.0
    where = (float(shift[0]), float(shift[1]))
    return Checked(path.stem, len(offsets), relative, where, np.array(lines).reshape(-1, 2))


def checked_cubes(store: Path, raw: Path) -> Iterator[Checked]:
    """Yield the checks of every released cube of a store."""
    truth = {
        e["file"].removesuffix(".fz"): e
        for e in json.loads((raw / "truth.json").read_text())
    }
    for path in sorted((store / "archive").rglob("MU_SCB*.fits")):
        yield check(path, truth)


def summary(lines: Floats) -> str:
    """Say how many lines are as close as required, the farthest and the mean of all.

    ``lines``: float64[n, 2], wavelengths minus truth and their errors [Angstrom].
    """
    if not len(lines):
        return "no lines"
    offset, weight = lines[:, 0], lines[:, 1] ** -2.0
    close = int((np.abs(offset) <= REQUIRED).sum())
    mean, error = np.sum(weight * offset) / weight.sum(), weight.sum() ** -0.5
    return (
        f"lines within {REQUIRED} A: {close} of {len(lines)}; farthest "
        f"{np.abs(offset).max():.3f}, mean {mean:+.3f}+-{error:.3f}"
    )


def main() -> None:
    """Print one row a cube, and a summary of the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("raw", type=Path)
    options = parser.parse_args()
    print(f"{'cube':55s} sources  places rms  shift - error [arcsec]  lines [A]")
    everything: list[Floats] = []
    for c in checked_cubes(options.store, options.raw):
        lines = " ".join(f"{x:+.3f}+-{e:.3f}" for x, e in c.lines)
        shift = f"{c.shift[0]:+.3f} {c.shift[1]:+.3f}"
        print(f"{c.name:55s} {c.n_sources:7d} {c.relative:11.4f}  {shift:>22s}  {lines}")
        everything += list(c.lines)
    print(summary(np.array(everything).reshape(-1, 2)))


if __name__ == "__main__":
    main()
