"""Small archive products made with astropy alone, from the cards of real ones.

``GENUINE`` are the cards that the genuine pipeline 2.8.7 wrote into a cube of three
exposures (``format=sdpCube``), ``REAL`` those of a cube of Abell 478 from 2014.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

NX, NY, NZ = 8, 6, 12

GENUINE: dict[str, Any] = {
    "DATE": "2026-11-20T17:30:07",
    "ORIGIN": "ESO-PARANAL",
    "TELESCOP": "ESO-VLT-U4",
    "INSTRUME": "MUSE",
    "RA": 53.1625458464899,
    "DEC": -27.7910049528451,
    "EQUINOX": 2000.0,
    "RADESYS": "FK5",
    "EXPTIME": 17517.3010380623,
    "MJD-OBS": 59600.07,
    "MJD-END": 59600.0998611111,
    "DATE-OBS": "2022-01-21T01:40:48.000",
    "OBJECT": "REFEREE FIELD",
    "TEXPTIME": 1800.0,
    "NCOMBINE": 3,
    "SPECSYS": "BARYCENT",
    "ARCFILE": "MUSE.2022-01-21T01:40:48.000.fits",
    "OBID1": 200000001,
    "PROG_ID": "60.A-9100(A)",
    "PROV1": "MUSE.2022-01-21T01:40:48.000.fits",
    "PROV2": "MUSE.2022-01-21T01:51:48.000.fits",
    "PROV3": "MUSE.2022-01-21T02:13:48.000.fits",
    "ASSON1": "IMAGE_FOV_0001.fits",
    "PRODCATG": "SCIENCE.CUBE.IFS",
    "PROCSOFT": "muse/2.8.7",
    "OBSTECH": "IFU",
    "FLUXCAL": "ABSOLUTE",
    "WAVELMIN": 474.966650390625,
    "WAVELMAX": 474.966650390625 + 0.125 * (NZ - 1),
    "SPEC_RES": 3026.54785481881,
    "SKY_RES": 0.669804073731356,
    "SKY_RERR": 0.300374765917512,
    "PIXNOISE": 4.99399639567351e-20,
    "ABMAGLIM": 24.5273738686475,
    "REFERENC": "",
    "HIERARCH ESO OBS ID": 200000001,
    "HIERARCH ESO INS MODE": "WFM-NOAO-N",
    "HIERARCH ESO PRO CATG": "DATACUBE_FINAL",
}

REAL: dict[str, Any] = {
    "DATE": "2015-09-21 17:06:03.452758",
    "ORIGIN": "ESO-PARANAL",
    "TELESCOP": "ESO-VLT-U4",
    "INSTRUME": "MUSE",
    "RA": 63.355417,
    "DEC": 10.46556,
    "EQUINOX": 2000.0,
    "RADECSYS": "FK5",
    "EXPTIME": 900.0,
    "MJD-OBS": 56999.11732405,
    "DATE-OBS": "2014-12-08T02:48:56.798",
    "OBJECT": "Abell 478",
    "BUNIT": "10**(-20)*erg/s/cm**2/Angstrom",
    "ARCFILE": "MUSE.2014-12-08T02:48:56.798.fits",
    "HIERARCH ESO OBS ID": 1135706,
    "HIERARCH ESO OBS PROG ID": "094.A-0859(A)",
    "HIERARCH ESO INS MODE": "WFM-NOAO-N",
}

FIXES: dict[str, Any] = {"ARCFILE": None, "EXPTIME": 600.0}
"""What the genuine cube needs to pass: None removes a card."""

WCS: dict[str, Any] = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "CRPIX1": 4.5,
    "CRPIX2": 3.5,
    "CD1_1": -5.55555555555556e-05,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": 5.55555555555556e-05,
    "CRVAL1": 53.1625,
    "CRVAL2": -27.791,
}
SPECTRAL: dict[str, Any] = {
    "CTYPE3": "AWAV",
    "CUNIT3": "angstrom",
    "CD3_3": 1.25,
    "CRPIX3": 1.0,
    "CRVAL3": 4749.66650390625,
    "CRDER3": 0.026,
}
SCHEME: dict[str, Any] = {
    "HDUCLASS": "ESO",
    "HDUDOC": "DICD",
    "HDUVERS": "DICD version 6",
    "HDUCLAS1": "IMAGE",
}
DATA: dict[str, Any] = {
    **SCHEME,
    "HDUCLAS2": "DATA",
    "ERRDATA": "STAT",
    "BUNIT": "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)",
}
STAT: dict[str, Any] = {
    **SCHEME,
    "HDUCLAS2": "ERROR",
    "HDUCLAS3": "MSE",
    "SCIDATA": "DATA",
    "BUNIT": "10**(-40)erg**2.s**(-2).cm**(-4).angstrom**(-2)",
}


def _set(header: fits.Header, cards: Mapping[str, Any]) -> None:
    for keyword, value in cards.items():
        if value is None:
            header.remove(keyword.removeprefix("HIERARCH "), ignore_missing=True)
        else:
            header[keyword] = value


def image(
    name: str,
    shape: tuple[int, ...],
    *cards: Mapping[str, Any],
    values: NDArray[np.float32] | None = None,
) -> fits.ImageHDU:
    if values is None:
        values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    hdu = fits.ImageHDU(values, name=name)
    for group in cards:
        _set(hdu.header, group)
    return hdu


def write_white(folder: Path, name: str = "IMAGE_FOV_0001.fits", **changes: Any) -> Path:
    """Write a white-light image; ``changes`` are cards of its DATA extension."""
    primary = fits.PrimaryHDU()
    primary.header["PRODCATG"] = changes.pop("PRODCATG", "ANCILLARY.IMAGE.WHITELIGHT")
    data = image("DATA", (NY, NX), WCS, DATA | {"ERRDATA": None}, changes)
    fits.HDUList([primary, data]).writeto(folder / name, checksum=True)
    return folder / name


def write_cube(
    folder: Path,
    primary: Mapping[str, Any] = {},
    data: Mapping[str, Any] = {},
    stat: Mapping[str, Any] = {},
    base: Mapping[str, Any] = GENUINE | FIXES,
    white: bool = True,
    shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((NZ, NY, NX), (NZ, NY, NX)),
    values: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None] = (None, None),
) -> Path:
    """Write a cube with some cards changed (None removes one)."""
    first = fits.PrimaryHDU()
    _set(first.header, base)
    _set(first.header, primary)
    hdus = fits.HDUList(
        [
            first,
            image("DATA", shapes[0], WCS, SPECTRAL, DATA, data, values=values[0]),
            image("STAT", shapes[1], WCS, SPECTRAL, STAT, stat, values=values[1]),
        ]
    )
    path = folder / "cube.fits"
    hdus.writeto(path, checksum=True)
    if white:
        write_white(folder)
    return path
