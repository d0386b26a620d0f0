"""GEOMETRY_TABLE and ASTROMETRY_WCS of a perfect instrument."""

from collections.abc import Mapping

import numpy as np

from pipeline.instrument import SAMPLING, Size
from pipeline.static.files import Extension

ASTROMETRY: Mapping[str, bool | int | float | str] = {
    "WCSAXES": 2,
    "CRPIX1": 0.0,
    "CRPIX2": 0.0,
    "CRVAL1": 0.0,
    "CRVAL2": 0.0,
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "CD1_1": -SAMPLING / 3600,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": SAMPLING / 3600,
}
"""Keywords of the default solution: 0.2 arcsec, no rotation, no offset; east is left."""


def geometry_table(size: Size) -> Extension:
    """Build the place of every slice in the field: nominal centres, no rotation."""
    rows = [
        (ifu, number, size.sky_slice(number), *size.slice_centre(ifu, number))
        for ifu in range(1, size.n_ifus + 1)
        for number in range(1, size.n_slices + 1)
    ]
    ifu, ccd, sky, x, y = (np.array(column) for column in zip(*rows, strict=True))
    return Extension(
        "",
        {
            "SubField": (ifu.astype(np.int32), ""),
            "SliceCCD": (ccd.astype(np.int32), ""),
            "SliceSky": (sky.astype(np.int32), ""),
            "x": (x.astype(np.float64), "pix"),
            "y": (y.astype(np.float64), "pix"),
            "angle": (np.zeros(ifu.size), "deg"),
            "width": (np.full(ifu.size, size.stack_width), "pix"),
        },
    )
