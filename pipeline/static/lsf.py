"""LSF_PROFILE: a static line spread function for all slices.

A Gaussian of the width that the MUSE user manual (ESO-261650) plots, 2.80 A at 4650 A,
2.50 A at 7000 A and 2.50 A at 9300 A, integrated over the pixel of 1.25 A, as the
measured profiles of the genuine pipeline include the pixel width too.
"""

import numpy as np
from astropy.io import fits
from scipy.special import erf

from pipeline.instrument import DISPERSION, FULL, Size

N_OFFSETS, REACH = 150, 7.5
"""Samples of a profile and its half width [Angstrom], as the genuine pipeline writes."""

N_WAVELENGTHS = 16
"""Wavelengths at which the profile is given."""

FWHM_AT = ((4650.0, 2.80), (7000.0, 2.50), (9300.0, 2.50))
"""Wavelength and resolution [Angstrom]."""


def lsf_profile(size: Size) -> fits.ImageHDU:
    """Build the image ``LSF_PROFILE``: float32[slice, wavelength, offset], [1/Angstrom]."""
    offset = np.linspace(-REACH, REACH, N_OFFSETS)
    wavelength = np.linspace(FULL.blue, FULL.red, N_WAVELENGTHS)
    fwhm = np.interp(wavelength, [w for w, _ in FWHM_AT], [value for _, value in FWHM_AT])
    total = fwhm / np.sqrt(8 * np.log(2))
    sigma = np.sqrt(total**2 - DISPERSION**2 / 12)[:, np.newaxis]
    upper = erf((offset + DISPERSION / 2) / (np.sqrt(2) * sigma))
    lower = erf((offset - DISPERSION / 2) / (np.sqrt(2) * sigma))
    profile = (upper - lower) / 2 / DISPERSION
    hdu = fits.ImageHDU(
        np.repeat(profile[np.newaxis], size.n_slices, axis=0).astype(np.float32)
    )
    hdu.header["EXTNAME"] = "LSF_PROFILE"
    hdu.header.update(
        {
            "WCSAXES": 3,
            "CTYPE1": "PARAM",
            "CUNIT1": "Angstrom",
            "CRPIX1": 1.0,
            "CRVAL1": -REACH,
            "CD1_1": float(offset[1] - offset[0]),
            "CTYPE2": "AWAV",
            "CUNIT2": "Angstrom",
            "CRPIX2": 1.0,
            "CRVAL2": FULL.blue,
            "CD2_2": float(wavelength[1] - wavelength[0]),
            "CTYPE3": "PARAM",
            "CUNIT3": "",
            "CRPIX3": 1.0,
            "CRVAL3": 1.0,
            "CD3_3": 1.0,
        }
    )
    return hdu
