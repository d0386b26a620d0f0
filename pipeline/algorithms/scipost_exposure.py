"""One exposure in muse_scipost: all steps from its pixel tables to its place on the sky."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.algorithms.astrometry import default_solution
from pipeline.algorithms.dar_check import straightened
from pipeline.algorithms.exposure import merge
from pipeline.algorithms.exposure_autocal import KEYWORD as AUTOCAL
from pipeline.algorithms.exposure_autocal import (
    ExposureAutocal,
    exposure_autocal,
    write_autocal,
)
from pipeline.algorithms.exposure_raman import exposure_raman, write_raman
from pipeline.algorithms.exposure_sky import ExposureSky, exposure_sky
from pipeline.algorithms.field import FieldExposure, SkyPosition, refraction_step
from pipeline.algorithms.flux_calibration import flux_step
from pipeline.algorithms.positions import find_offset, tangent_point
from pipeline.algorithms.raman import RamanLight
from pipeline.algorithms.reduced import ReducedExposure, place_exposure
from pipeline.algorithms.scipost_params import ScipostParams
from pipeline.algorithms.sky_products import write_field, write_lines, write_model
from pipeline.algorithms.slab import Step
from pipeline.algorithms.spaxels import REFRACTION_CORRECTED
from pipeline.algorithms.velocity import SPECSYS, stretch, velocity
from pipeline.spec import Frames, Outputs, PixelTable, Table, Value


class Reduced(NamedTuple):
    """An exposure with what was found on the way; ``field``: before its sky went."""

    exposure: ReducedExposure
    field: FieldExposure
    sky: ExposureSky | None
    autocal: ExposureAutocal | None
    raman: RamanLight | None


def write_found(out: Outputs, reduced: Reduced, save: str, unit: str, number: int) -> None:
    """Write what was found on the way, as far as it shall be saved."""
    if reduced.autocal is not None and "autocal" in save:
        write_autocal(out, reduced.autocal, number)
    if reduced.raman is not None and "raman" in save:
        write_raman(out, reduced.field, reduced.raman, unit, number)
    if reduced.sky is not None and "skymodel" in save:
        _write_sky(out, reduced.sky, unit, number)


def _write_sky(out: Outputs, sky: ExposureSky, unit: str, number: int) -> None:
    """Write the sky of an exposure, if it was modelled."""
    observed, lines, continuum = sky.observed, sky.lines, sky.continuum
    words: dict[str, Any] = {"prefix": "SCIPOST", "unit": unit, "number": number}
    if observed is not None and lines is not None and continuum is not None:
        write_field(out, sky.field, observed, **words)
        write_model(out, sky.field, lines, continuum, **words)
    elif lines is not None:
        write_lines(out, sky.field, lines, **words)


def reduce_exposure(
    tables: Sequence[PixelTable],
    frames: Frames,
    params: ScipostParams,
    offsets: Table | None,
) -> Reduced:
    """Return one exposure with all steps of its reduction."""
    pixels = merge(tables)
    header = pixels.header
    steps: list[Step] = []
    keywords: dict[str, Value] = {"ESO DRS MUSE PIXTABLE MERGED": len(tables)}
    if pixels.has_lamp:
        keywords["ESO DRS MUSE PIXTABLE FFCORR"] = len(tables)
    calibrated = flux_step(
        header, frames, lamp=pixels.has_lamp, growth=params.telluric_growth
    )
    steps += calibrated
    if calibrated:
        keywords["ESO DRS MUSE PIXTABLE FLUXCAL"] = True
    refraction = refraction_step(header, params.lambdaref)
    steps += refraction
    if refraction:
        keywords[REFRACTION_CORRECTED] = params.lambdaref
    limits = (params.lambdamin, params.lambdamax)
    solution = default_solution(header)
    if params.astrometry and frames.get("ASTROMETRY_WCS"):
        solution = frames["ASTROMETRY_WCS"][0].header
    position = SkyPosition(solution, tangent_point(header, find_offset(offsets, header)))
    field = FieldExposure(pixels, tuple(steps), *limits, position)
    if params.darcheck != "none":
        field, found = straightened(
            field, params.lambdaref, correct=params.darcheck == "correct"
        )
        steps, keywords = list(field.steps), keywords | found
    settings = params.sky_settings()
    raman = exposure_raman(field, frames, params.raman_width, settings)
    if raman is not None:
        steps.append(raman)
        field = field.after(raman)
    autocal = exposure_autocal(
        params.autocalib, field, frames, settings.sampling, settings.kappa[0]
    )
    if autocal is not None:
        steps.append(autocal.step)
        field = field.after(autocal.step)
        keywords[AUTOCAL] = autocal.method
    sky = exposure_sky(params.skymethod, field, frames, settings)
    if sky is not None:
        steps.append(sky.step)
        keywords["ESO DRS MUSE PIXTABLE SKYSUB"] = True
    speed = velocity(header, params.rvcorr)
    keywords["ESO DRS MUSE PIXTABLE RVCORR"] = speed
    keywords["SPECSYS"] = SPECSYS[params.rvcorr]
    exposure = place_exposure(
        pixels,
        tuple(steps),
        solution,
        position.tangent,
        stretch(speed),
        limits,
        keywords,
    )
    return Reduced(exposure, field, sky, autocal, raman)
