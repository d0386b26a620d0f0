"""What muse_create_sky and muse_scipost write about the sky."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.filters import white
from pipeline.algorithms.flux_calibration import LAMP_RESTORED, UNIT
from pipeline.algorithms.sky_fit import continuum_qc, line_qc
from pipeline.algorithms.sky_lines import SkyLines
from pipeline.algorithms.sky_spectrum import FieldSky
from pipeline.spec import QC, Outputs, Planes, Product, Table, Value

LINE_FLUX = "10**(-20)*erg/(s cm^2 arcsec^2)"
CONTINUUM_FLUX = "erg/(s cm^2 arcsec^2)"
"""Units as the genuine pipeline writes them; the numbers are 1e-20 of them, and of a
spaxel of 0.2 arcsec, in both."""


def sky_products(**options: Any) -> tuple[Product, ...]:
    """Return the declarations of the products."""
    return (
        Product("SKY_MASK", "image", "Where the sky was measured.", **options),
        Product("SKY_IMAGE", "image", "White-light image.", unit=UNIT, **options),
        Product("SKY_SPECTRUM", "table", "Spectrum of the sky.", **options),
        Product("SKY_LINES", "table", "Fluxes of the sky lines.", **options),
        Product("SKY_CONTINUUM", "table", "Continuum of the sky.", **options),
    )


def sky_qc(prefix: str, optional: bool) -> tuple[QC, ...]:
    """Return the declarations of their QC; ``prefix``: SKY or SCIPOST."""
    return tuple(
        QC(f"QC {prefix} {name}", tag, unit, doc, optional)
        for name, tag, unit, doc in (
            ("LOWLIMIT", "SKY_MASK", UNIT, "Darkest sky taken."),
            ("THRESHOLD", "SKY_MASK", UNIT, "Brightest sky taken."),
            ("LINE# NAME", "SKY_LINES", "", "Brightest line of a group."),
            ("LINE# AWAV", "SKY_LINES", "Angstrom", "Its wavelength in air."),
            ("LINE# FLUX", "SKY_LINES", "1e-20 erg/s/cm**2", "Its flux in a spaxel."),
            ("CONT FLUX", "SKY_CONTINUUM", "", "Sum of the continuum."),
            ("CONT MAXDEV", "SKY_CONTINUUM", "", "Steepest slope."),
        )
    )


def write_model(
    out: Outputs,
    field: FieldExposure,
    lines: SkyLines,
    continuum: Mapping[str, Any],
    *,
    prefix: str,
    unit: str = UNIT,
    number: int | None = None,
) -> None:
    """Write what was fitted of a modelled sky, lines and continuum, see `write_field`."""
    write_lines(out, field, lines, prefix=prefix, unit=unit, number=number)
    like, calibrated = field.pixels.tables[0], unit == UNIT
    rest = out.table("SKY_CONTINUUM", like=like, number=number)
    columns = {name: np.asarray(continuum[name], np.float64) for name in ("lambda", "flux")}
    units = {"lambda": "Angstrom", "flux": CONTINUUM_FLUX if calibrated else unit}
    rest.write("CONTINUUM", Table(columns, units))
    rest.qc.update({f"QC {prefix} {name}": v for name, v in continuum_qc(columns).items()})


def write_lines(
    out: Outputs,
    field: FieldExposure,
    lines: SkyLines,
    *,
    prefix: str,
    unit: str = UNIT,
    number: int | None = None,
) -> None:
    """Write lines with their fluxes, see `write_field`."""
    table = out.table("SKY_LINES", like=field.pixels.tables[0], number=number)
    units = {"lambda": "Angstrom", "flux": LINE_FLUX if unit == UNIT else unit}
    table.write("LINES", Table(lines.brightest_first().columns(), units))
    table.qc.update({f"QC {prefix} {name}": v for name, v in line_qc(lines).items()})


def write_mask(
    out: Outputs,
    tag: str,
    field: FieldExposure,
    mask: NDArray[np.bool_],
    limits: tuple[float, float],
    *,
    prefix: str,
    number: int | None,
) -> None:
    """Write a mask of an exposure with the limits of brightness that made it."""
    shape = (mask.shape[0], mask.shape[1])
    words, like = field.grid.image_wcs(), field.pixels.tables[0]
    image = out.image(tag, shape, unit="", header=words, like=like, number=number)
    zero = np.zeros(shape, np.float32)
    planes = Planes(mask.astype(np.float32), zero.astype(np.uint32), zero)
    image.write(slice(0, shape[0]), planes)
    low, high = limits
    image.qc.update({f"QC {prefix} LOWLIMIT": low, f"QC {prefix} THRESHOLD": high})
    out.complete(image)


def write_field(
    out: Outputs,
    field: FieldExposure,
    sky: FieldSky,
    *,
    prefix: str,
    unit: str = UNIT,
    number: int | None = None,
) -> None:
    """Write what was observed of a sky, mask, image and spectrum.

    Parameters
    ----------
    out, field
        The products, and the exposure they tell of.
    sky
        What was observed.
    prefix
        Of the QC keywords, ``SKY`` or ``SCIPOST``.
    unit
        Of the data.
    number
        Of the exposure, where products are numbered.
    """
    write_mask(out, "SKY_MASK", field, sky.mask, sky.limits, prefix=prefix, number=number)
    like, wcs = field.pixels.tables[0], field.grid.image_wcs()
    shape = (sky.image.shape[0], sky.image.shape[1])
    band = white()
    words: dict[str, Value] = {
        **wcs,
        "ESO DRS MUSE FILTER NAME": band.name,
        "ESO DRS MUSE FILTER FRACTION": band.fraction(*field.extent.wavelength),
    }
    if field.pixels.has_lamp:
        words[LAMP_RESTORED] = True
    image = out.image("SKY_IMAGE", shape, unit=unit, header=words, like=like, number=number)
    image.write(slice(0, shape[0]), sky.planes)
    out.complete(image)
    spectrum = out.table("SKY_SPECTRUM", like=like, number=number)
    units = {"lambda": "Angstrom", "data": unit, "stat": f"({unit})**2"}
    spectrum.write("", Table(sky.columns(), units))
    out.complete(spectrum)
