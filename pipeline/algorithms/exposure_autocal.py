"""Autocalibration of a science exposure by every method, and what is written about it."""

import logging
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.algorithms.autocalibration import (
    Autocalibration,
    SliceFactors,
    calibrate_slices,
    given_factors,
)
from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.field_elements import FieldElements
from pipeline.algorithms.field_mask import BlankSky, blank_sky, mask_on_field
from pipeline.algorithms.flux_calibration import UNIT
from pipeline.algorithms.sky_products import write_mask
from pipeline.algorithms.sky_spectrum import look_at_field
from pipeline.spec import QC, Frames, Outputs, Product

log = logging.getLogger(__name__)

Method = Literal["none", "deepfield", "user"]

KEYWORD = "ESO DRS MUSE PIXTABLE AUTOCAL"
"""Tells the method by which the slices of a pixel table were calibrated."""

METHODS = {"deepfield": "slice-median", "user": "user"}
"""Methods as `KEYWORD` has them (genuine pipeline)."""


@dataclass(frozen=True)
class ExposureAutocal:
    """How the slices of an exposure are calibrated.

    ``calibration`` and ``sky`` are None if the factors, or a mask, were given.
    """

    method: str
    step: SliceFactors
    field: FieldExposure
    calibration: Autocalibration | None = None
    sky: BlankSky | None = None


def exposure_autocal(
    method: Method, field: FieldExposure, frames: Frames, sampling: float, kappa: float
) -> ExposureAutocal | None:
    """Return the autocalibration of an exposure; None if there is none to do.

    Parameters
    ----------
    method
        ``deepfield``: from the sky inside the SKY_MASK, or where the image is blank;
        ``user``: the factors of AUTOCAL_FACTORS, or as ``deepfield`` without them.
    field
        The exposure, calibrated in flux.
    frames
        Inputs of the recipe.
    sampling, kappa
        Bins of the spectrum [Angstrom] and rejection limit of cosmic rays [errors] with
        which the image is made.

    Raises
    ------
    BadInput
        If a mask covers nothing of the field, or there is too little sky.
    """
    if method == "none" or KEYWORD in field.pixels.header:
        return None
    given = frames.get("AUTOCAL_FACTORS", ())
    if method == "user" and given:
        return ExposureAutocal(METHODS["user"], given_factors(given[0]), field)
    if method == "user":
        log.warning("no AUTOCAL_FACTORS given: they are made of the exposure")
    name = METHODS["deepfield"]
    masks = frames.get("SKY_MASK", ())
    if masks:
        calibration = calibrate_slices(field, mask_on_field(masks[0], field))
        return ExposureAutocal(name, calibration.step, field, calibration)
    sky = blank_sky(look_at_field(FieldElements(field), sampling, kappa).image)
    calibration = calibrate_slices(field, sky.mask)
    return ExposureAutocal(name, calibration.step, field, calibration, sky)


def autocal_products(**options: Any) -> tuple[Product, ...]:
    """Return the declarations of the products."""
    return (
        Product("AUTOCAL_MASK", "image", "Where the slices were compared.", **options),
        Product("AUTOCAL_FACTORS", "table", "Factors of the slices.", **options),
    )


def autocal_qc() -> tuple[QC, ...]:
    """Return the declarations of their QC."""
    return (
        QC("QC SCIPOST LOWLIMIT", "AUTOCAL_MASK", UNIT, "Darkest sky taken.", True),
        QC("QC SCIPOST THRESHOLD", "AUTOCAL_MASK", UNIT, "Brightest sky taken.", True),
    )


def write_autocal(out: Outputs, autocal: ExposureAutocal, number: int) -> None:
    """Write mask and factors of an exposure, as far as they were made of it."""
    if autocal.sky is not None:
        mask, limits = autocal.sky
        write_mask(
            out,
            "AUTOCAL_MASK",
            autocal.field,
            mask,
            limits,
            prefix="SCIPOST",
            number=number,
        )
    calibration = autocal.calibration
    if calibration is not None:
        like = autocal.field.pixels.tables[0]
        words = calibration.keywords()
        table = out.table("AUTOCAL_FACTORS", header=words, like=like, number=number)
        table.write("", calibration.table())
