"""Keywords of ESO's science data products (SCIENCE.CUBE.IFS).

Source: ESO Science Data Products Standard, tables for IFS cubes.
"""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
import scipy
from numpy.typing import NDArray

from pipeline import __version__
from pipeline.algorithms.depth import limiting_magnitude, pixel_noise
from pipeline.algorithms.mosaic import Mosaic
from pipeline.algorithms.pointing import airmass
from pipeline.spec import Header, Value

UNIT = "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)"
"""Unit of flux-calibrated data as the standard spells it."""

WAVELENGTH_ERROR = 0.026
"""Random error of wavelengths, CRDER3 [Angstrom] (genuine pipeline, MUSE QC)."""

POINTING_ERROR = 3.0
"""Accuracy of the telescope's pointing [arcsec] (VLT user manual); the genuine pipeline
writes -1, which FITS does not allow."""

_SEEING_ERROR = 0.3
"""Scatter of image quality about seeing [arcsec] (genuine pipeline)."""

_OUTER_SCALE = 23.0
"""Outer scale of turbulence at Paranal [m] (Martinez et al. 2010)."""

_TYPICAL = (0.85, 0.5)
"""Image quality and its scatter where the header tells no seeing [arcsec] (genuine
pipeline: median of earlier measurements)."""


def wcs_keywords() -> dict[str, Value]:
    """Return what the standard wants to know about the axes of each extension."""
    return {
        "CUNIT3": "angstrom",
        "CRDER3": WAVELENGTH_ERROR,
        "CSYER1": POINTING_ERROR / 3600.0,
        "CSYER2": POINTING_ERROR / 3600.0,
    }


def resolving_power(wavelength: float) -> float:
    """Return the spectral resolving power of the wide field at a wavelength [Angstrom].

    The width of the line spread function is that of Bacon et al. 2017 (A&A 608, A1).
    """
    return wavelength / (5.866e-8 * wavelength**2 - 9.187e-4 * wavelength + 6.040)


def image_quality(seeing: float, mass: float, wavelength: float = 7000.0) -> float:
    """Return the width of a star [arcsec] that seeing and airmass predict.

    Parameters
    ----------
    seeing
        At 5000 Angstrom at the zenith [arcsec].
    mass
        Airmass.
    wavelength
        [Angstrom].

    Notes
    -----
    Kolmogorov turbulence, reduced by its finite outer scale (Tokovinin 2002, PASP 114,
    1156).
    """
    colour = wavelength / 5000.0
    width = seeing * colour**-0.2 * mass**0.6
    fried = 0.976 * 5e-7 / np.radians(seeing / 3600.0) * colour**1.2 * mass**-0.6
    return float(width * np.sqrt(max(1.0 - 2.183 * (fried / _OUTER_SCALE) ** 0.356, 0.0)))


def sky_resolution(headers: Sequence[Header]) -> tuple[float, float]:
    """Return SKY_RES and SKY_RERR [arcsec] of some exposures."""
    widths, times, ambient = [], [], []
    for header in headers:
        seeing = float(header.get("ESO TEL IA FWHMLIN", header.get("ESO TEL IA FWHM", 0.0)))
        if seeing <= 0:
            return _TYPICAL
        widths.append(image_quality(seeing, airmass(header)))
        times.append(float(header["EXPTIME"]))
        ambient += [
            float(header.get(f"ESO TEL AMBI FWHM {at}", 0)) for at in ("START", "END")
        ]
    known = [value for value in ambient if value > 0]
    half_range = 0.5 * (max(known) - min(known)) if known else _TYPICAL[1]
    return float(np.average(widths, weights=times)), float(
        np.hypot(half_range, _SEEING_ERROR)
    )


def time_keywords(headers: Sequence[Header], mean_exposure: float) -> dict[str, Value]:
    """Return the keywords of dates and exposure times.

    Parameters
    ----------
    headers
        Of the exposures.
    mean_exposure
        Exposure time of a spaxel, mean over the field [s].
    """
    starts = [float(h["MJD-OBS"]) for h in headers]
    times = [float(h["EXPTIME"]) for h in headers]
    end = max(start + time / 86400.0 for start, time in zip(starts, times, strict=True))
    return {
        "MJD-OBS": min(starts),
        "MJD-END": ceil(end * 1e8) / 1e8,
        "EXPTIME": min(mean_exposure, sum(times)),
        "TEXPTIME": sum(times),
    }


def exposure_map(
    coverage: NDArray[np.bool_], times: Sequence[float]
) -> NDArray[np.float64]:
    """Return the exposure time of every spaxel, float64[ny, nx] [s].

    Parameters
    ----------
    coverage : bool[n_exposures, ny, nx]
        Which spaxels an exposure has pixels in; small holes between pixels are closed.
    times
        Exposure times [s].
    """
    total = np.zeros(coverage.shape[1:])
    for mask, time in zip(coverage, times, strict=True):
        padded = np.pad(mask, 2, mode="edge")
        total += time * scipy.ndimage.binary_closing(padded, iterations=2)[2:-2, 2:-2]
    return total


def mean_exposure(coverage: NDArray[np.bool_], times: Sequence[float]) -> float:
    """Return the mean exposure time of the spaxels that have any [s]."""
    total = exposure_map(coverage, times)
    return float(total[total > 0].mean()) if (total > 0).any() else float(sum(times))


def origin_keywords(headers: Sequence[Header]) -> dict[str, Value]:
    """Return the keywords of programme, observation blocks and raw files."""
    programmes = _distinct(headers, "ESO OBS PROG ID")
    words: dict[str, Value] = {"PROG_ID": programmes[0] if programmes else ""}
    if len(programmes) > 1:
        words = {"PROG_ID": "MULTI"}
        words |= {f"PROGID{k}": name for k, name in enumerate(programmes, 1)}
    words |= {
        f"OBID{k}": block for k, block in enumerate(_distinct(headers, "ESO OBS ID"), 1)
    }
    files = [str(h.get("ESO PRO ANCESTOR") or h.get("ARCFILE", "")) for h in headers]
    words |= {f"PROV{k}": name for k, name in enumerate(files, 1)}
    return words | {"NCOMBINE": len(headers)}


def _distinct(headers: Sequence[Header], keyword: str) -> list[Value]:
    """Return the values of a keyword in their order, each once."""
    return list(dict.fromkeys(h[keyword] for h in headers if keyword in h))


def sdp_keywords(
    headers: Sequence[Header], mosaic: Mosaic, flux_calibrated: bool
) -> Mapping[str, Value]:
    """Return the primary keywords of a science data product.

    Parameters
    ----------
    headers
        Of the exposures in it.
    mosaic
        What was measured on the cube.
    flux_calibrated
        Whether the fluxes are physical.
    """
    grid, n_images = mosaic.grid, len(mosaic.images)
    blue, red = grid.wavelengths()[[0, -1]]
    times = [float(h["EXPTIME"]) for h in headers]
    resolution, error = sky_resolution(headers)
    ra, dec = grid.sky((grid.shape[2] - 1) / 2, (grid.shape[1] - 1) / 2)
    depth = limiting_magnitude(
        mosaic.mean.image(), resolution / max(grid.spaxel), float(blue), float(red)
    )
    words: dict[str, Value] = {
        "RA": ra,
        "DEC": dec,
        "RADESYS": headers[0].get("RADESYS", "FK5"),
        "EQUINOX": headers[0].get("EQUINOX", 2000.0),
        **time_keywords(headers, mean_exposure(mosaic.coverage, times)),
        **origin_keywords(headers),
        **{f"ASSON{k}": f"IMAGE_FOV_{k:04d}.fits" for k in range(1, n_images + 1)},
        "PRODCATG": "SCIENCE.CUBE.IFS",
        "PROCSOFT": f"phoenix/{__version__}",
        "OBSTECH": "IFU",
        "FLUXCAL": "ABSOLUTE" if flux_calibrated else "UNCALIBRATED",
        "WAVELMIN": float(blue) / 10.0,
        "WAVELMAX": float(red) / 10.0,
        "SPEC_RES": resolving_power(0.5 * float(blue + red)),
        "SKY_RES": resolution,
        "SKY_RERR": error,
        "PIXNOISE": pixel_noise(mosaic.noise),
        "ABMAGLIM": depth,
        "REFERENC": "",
    }
    return words


COMMENTS = {
    "RA": "[deg] Image center (J2000)",
    "DEC": "[deg] Image center (J2000)",
    "EXPTIME": "[s] Mean integration time of a spaxel",
    "TEXPTIME": "[s] Total integration time of all exposures",
    "MJD-OBS": "[d] Start of observations (days)",
    "MJD-END": "[d] End of observations (days)",
    "NCOMBINE": "No. of combined raw science data files",
    "PROG_ID": "ESO programme identification",
    "PRODCATG": "Data product category",
    "PROCSOFT": "Data reduction software and version",
    "OBSTECH": "Technique for observation",
    "FLUXCAL": "Type of flux calibration",
    "WAVELMIN": "[nm] Minimum wavelength",
    "WAVELMAX": "[nm] Maximum wavelength",
    "SPEC_RES": "Spectral resolving power at central wavelength",
    "SKY_RES": "[arcsec] FWHM effective spatial resolution",
    "SKY_RERR": "[arcsec] Error of SKY_RES",
    "PIXNOISE": "[erg.s**(-1).cm**(-2).angstrom**(-1)] Pixel noise",
    "ABMAGLIM": "5-sigma magnitude limit for point sources",
    "REFERENC": "Reference publication",
}
