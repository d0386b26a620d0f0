"""EXTINCT_TABLE, STD_FLUX_TABLE, FILTER_LIST and TELLURIC_REGIONS."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.algorithms.response import TELLURIC_BANDS
from pipeline.static.files import Extension

STANDARDS = {
    "GD71": ("esoxshooter/fGD71.dat", "05:52:27.62", "+15:53:13.2"),
    "GD153": ("esoxshooter/fGD153.dat", "12:57:02.32", "+22:01:52.6"),
    "Feige110": ("esoxshooter/fFeige110.dat", "23:19:58.40", "-05:09:56.2"),
    "EG274": ("esoxshooter/fEG274.dat", "16:23:33.84", "-39:13:46.2"),
    "LTT3218": ("esoxshooter/fLTT3218.dat", "08:41:32.43", "-32:56:32.9"),
    "LTT7987": ("esoxshooter/fLTT7987.dat", "20:10:56.85", "-30:13:06.6"),
    "HD49798": ("esohststan/fhd49798.dat", "06:48:04.70", "-44:18:58.4"),
    "GD108": ("esowdstan/fgd108_005.dat", "10:00:47.37", "-07:33:30.5"),
    "LDS749B": ("esohststan/flds749b.dat", "21:32:16.01", "+00:15:14.3"),
}
"""Name to file in aspired's ``standards`` and J2000 position (SIMBAD)."""

FIRST, LAST, STEP = 4500.0, 9800.0, 1.25
"""Range and bins of the shipped standard spectra [Angstrom]."""

FILTERS = (
    "Johnson_V",
    "Cousins_R",
    "Cousins_I",
    "SDSS_g",
    "SDSS_r",
    "SDSS_i",
    "SDSS_z",
    "ACS_F606W",
    "ACS_F775W",
    "ACS_F814W",
    "WFC3_F606W",
    "WFC3_F814W",
)


def degrees(ra: str, dec: str) -> tuple[float, float]:
    """Convert sexagesimal hours and degrees to degrees."""
    h, m, s = (float(part) for part in ra.split(":"))
    d, arcmin, arcsec = (float(part) for part in dec.lstrip("+-").split(":"))
    sign = -1 if dec.startswith("-") else 1
    return 15 * (h + m / 60 + s / 3600), sign * (d + arcmin / 60 + arcsec / 3600)


def extinction(table: Path) -> Extension:
    """Build the extinction curve of Paranal (Patat et al. 2011, A&A 527, A91).

    The source says micrometres, but its first column is in Angstrom.
    """
    wavelength, magnitudes = np.loadtxt(table, unpack=True, comments="#")
    return Extension(
        "", {"lambda": (wavelength, "Angstrom"), "extinction": (magnitudes, "mag/airmass")}
    )


def standard_star(folder: Path, name: str) -> Extension:
    """Build one standard's spectrum, averaged into bins that conserve its flux."""
    file, ra, dec = STANDARDS[name]
    table = np.loadtxt(folder / file)
    scale = 1.0 if "esoxshooter" in file else 1e-16
    centres = np.arange(FIRST, LAST + STEP / 2, STEP)
    alpha, delta = degrees(ra, dec)
    return Extension(
        name,
        {
            "lambda": (centres, "Angstrom"),
            "flux": (
                bin_means(table[:, 0], table[:, 1] * scale, centres),
                "erg/s/cm**2/Angstrom",
            ),
        },
        {"OBJECT": name, "RA": alpha, "DEC": delta, "EQUINOX": 2000.0},
    )


def bin_means(
    wavelength: NDArray[np.float64], flux: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average a piecewise linear spectrum over equal bins around ``centres``."""
    step = centres[1] - centres[0]
    edges = np.append(centres - step / 2, centres[-1] + step / 2)
    grid = np.union1d(wavelength, edges)
    values = np.interp(grid, wavelength, flux)
    area = np.append(0.0, np.cumsum(np.diff(grid) * (values[1:] + values[:-1]) / 2))
    return np.asarray(np.diff(np.interp(edges, grid, area)) / step)


def filter_curve(hdu: fits.BinTableHDU) -> Extension:
    """Build one filter curve, thinned to steps of 10 A where it is finer."""
    wavelength = hdu.data["lambda"].astype(np.float64)
    throughput = hdu.data["throughput"].astype(np.float64)
    used = np.flatnonzero(throughput > 1e-4 * throughput.max())
    first, last = max(used[0] - 1, 0), min(used[-1] + 1, wavelength.size - 1)
    wavelength, throughput = wavelength[first : last + 1], throughput[first : last + 1]
    if np.median(np.diff(wavelength)) < 8:
        coarse = np.arange(np.ceil(wavelength[0]), wavelength[-1] + 1, 10.0)
        wavelength, throughput = coarse, np.interp(coarse, wavelength, throughput)
    zero_points = {key: float(hdu.header[key]) for key in ("ZP_VEGA", "ZP_AB")}
    return Extension(
        hdu.name,
        {"lambda": (wavelength, "Angstrom"), "throughput": (throughput, "")},
        zero_points,
    )


def filters(table: Path) -> list[Extension]:
    """Build the filter list: white light first, then `FILTERS`."""
    edges = np.array([4650 - 1e-5, 4650, 9300, 9300 + 1e-5])
    white = Extension(
        "white",
        {"lambda": (edges, "Angstrom"), "throughput": (np.array([0.0, 1, 1, 0]), "")},
    )
    with (
        fits.conf.set_temp("extension_name_case_sensitive", True),
        fits.open(table) as hdus,
    ):
        return [white, *(filter_curve(hdus[name]) for name in FILTERS)]


def telluric_regions() -> Extension:
    """Build the default bands of telluric absorption with their surroundings."""
    names = ("lmin", "lmax", "bgmin", "bgmax")
    limits = np.array(TELLURIC_BANDS, np.float64).T
    return Extension(
        "", {n: (column, "Angstrom") for n, column in zip(names, limits, strict=True)}
    )
