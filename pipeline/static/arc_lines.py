"""LINE_CATALOG: arc lines of the Ne, Xe and HgCd lamps from the NIST tables.

NIST gives vacuum wavelengths and relative intensities from photographic plates, which
compress the contrast and do not compare between elements. The fluxes here are
therefore ours: a power of the intensity, scaled so that the brightest line of each
element has the counts that a normal arc exposure of MUSE shows.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.air import vacuum_to_air
from pipeline.static.files import Extension

FIRST, LAST = 4600.0, 9400.0
"""Wavelengths listed [Angstrom]; MUSE records 4600 to 9350."""

BRIGHTEST = {"Ne": 80000.0, "Xe": 60000.0, "Hg": 70000.0, "Cd": 50000.0}
"""Counts of each element's brightest line in one column of an arc exposure (ours)."""

CONTRAST = 1.3
"""Exponent that undoes the compression of plate intensities (ours)."""

FAINTEST = 20.0
"""Fainter lines are not listed [count]."""

MEASURABLE = 100.0
"""Flux from which a line is significant in a single column [count] (ours)."""

LSF_SIGMA = 1.06
"""Gaussian width of the MUSE line spread function, FWHM 2.5 A [Angstrom]."""

WINDOW = 7.5
"""Half width of the window in which a line is fitted [Angstrom], 3 FWHM."""


def nist_lines(table: Path) -> dict[str, NDArray[np.float64]]:
    """Read neutral lines of the lamps' elements.

    Returns
    -------
    dict
        Element to float64[n, 3]: vacuum wavelength and its uncertainty [Angstrom],
        relative intensity; sorted, coincident entries merged.
    """
    found: dict[str, dict[float, tuple[float, float]]] = defaultdict(dict)
    with table.open(newline="") as rows:
        for row in csv.DictReader(rows):
            if row["element"] not in BRIGHTEST or row["sp_num"] != "1":
                continue
            intensity = "".join(c for c in row["intens"] if c.isdigit())
            if not (intensity and row["unc_obs_wl"]):
                continue
            wavelength = float(row["obs_wl_vac(A)"])
            found[row["element"]][wavelength] = (float(row["unc_obs_wl"]), float(intensity))
    return {
        element: np.array([(w, *lines[w]) for w in sorted(lines)])
        for element, lines in found.items()
    }


def blend_shift(
    wavelength: NDArray[np.float64], flux: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far neighbours pull the fitted centre of each line [Angstrom].

    First-order result for a least-squares fit of one Gaussian to a sum of Gaussians.
    """
    distance = wavelength - wavelength[:, np.newaxis]
    ratio = flux / flux[:, np.newaxis]
    pull = ratio * distance * np.exp(-((distance / LSF_SIGMA) ** 2) / 4)
    return np.asarray(np.abs(pull).sum(axis=1))


def neighbours(
    wavelength: NDArray[np.float64], flux: NDArray[np.float64], within: float
) -> NDArray[np.float64]:
    """Return the summed flux of other lines closer than ``within``, over a line's own."""
    distance = np.abs(wavelength - wavelength[:, np.newaxis])
    near = (distance < within) & (distance > 0)
    return np.asarray((near * flux).sum(axis=1) / flux)


def line_quality(
    wavelength: NDArray[np.float64],
    uncertainty: NDArray[np.float64],
    flux: NDArray[np.float64],
) -> NDArray[np.int32]:
    """Grade the lines of one lamp as the genuine catalogue does.

    0: not usable, 1: identifies the pattern only, 3: fitted, 5: bright and isolated,
    measures the resolution. Multiplets (2) are not used: their lines are graded by how
    far a fit of a single line would be pulled.
    """
    shift = blend_shift(wavelength, flux)
    window = neighbours(wavelength, flux, WINDOW)
    quality = np.zeros(wavelength.size, np.int32)
    visible = (flux >= MEASURABLE) & (uncertainty <= 0.011)
    quality[visible & (shift < 0.15) & (window < 1.0)] = 1
    quality[visible & (shift < 0.02) & (window < 0.3)] = 3
    isolated = neighbours(wavelength, flux, 2 * WINDOW) < 0.02
    quality[(quality == 3) & isolated & (flux >= 3000)] = 5
    return quality


def line_catalogue(table: Path) -> Extension:
    """Build the catalogue from rascal's copy of the NIST lines."""
    lamps: dict[str, list[tuple[float, float, float, str]]] = defaultdict(list)
    for element, lines in nist_lines(table).items():
        air = vacuum_to_air(lines[:, 0])
        inside = (air > FIRST) & (air < LAST)
        strength = (lines[:, 2] / lines[inside, 2].max()) ** CONTRAST * BRIGHTEST[element]
        lamp = "HgCd" if element in ("Hg", "Cd") else element
        for use, wavelength, line, flux in zip(inside, air, lines, strength, strict=True):
            if use and flux >= FAINTEST:
                lamps[lamp].append((wavelength, line[1], flux, f"{element}I"))
    rows = []
    for lines_of_lamp in lamps.values():
        lines_of_lamp.sort()
        wavelength, uncertainty, flux = np.array([r[:3] for r in lines_of_lamp]).T
        quality = line_quality(wavelength, uncertainty, flux)
        rows += [(*line, q) for line, q in zip(lines_of_lamp, quality, strict=True)]
    rows.sort()
    return Extension(
        "",
        {
            "lambda": (np.array([r[0] for r in rows], np.float32), "Angstrom"),
            "flux": (np.array([r[2] for r in rows], np.float32), "count"),
            "ion": (np.array([r[3] for r in rows]), ""),
            "quality": (np.array([r[4] for r in rows], np.int32), ""),
        },
    )
