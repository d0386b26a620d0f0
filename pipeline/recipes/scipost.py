"""muse_scipost: calibrate, sky-subtract and resample science exposures."""

import logging
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pipeline.algorithms.astrometry import default_solution
from pipeline.algorithms.cube_products import (
    EXPOSURE_MAP,
    CubeParams,
    choices,
    cube_qc,
    drop_sizes,
    rejection_limit,
    write_products,
)
from pipeline.algorithms.dar_check import straightened
from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.exposure_autocal import KEYWORD as AUTOCAL
from pipeline.algorithms.exposure_autocal import (
    ExposureAutocal,
    autocal_products,
    autocal_qc,
    exposure_autocal,
    write_autocal,
)
from pipeline.algorithms.exposure_raman import (
    exposure_raman,
    raman_product,
    raman_qc,
    write_raman,
)
from pipeline.algorithms.exposure_sky import (
    ExposureSky,
    SkySettings,
    exposure_sky,
)
from pipeline.algorithms.field import FieldExposure, SkyPosition, refraction_step
from pipeline.algorithms.flux_calibration import (
    LAMP_RESTORED,
    UNIT,
    flux_step,
)
from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL
from pipeline.algorithms.mosaic import exposure_weights
from pipeline.algorithms.pointing import spaxel
from pipeline.algorithms.positioned import write_positioned
from pipeline.algorithms.positions import (
    Offset,
    find_offset,
    flux_scale,
    moved,
    offset_keywords,
    tangent_point,
)
from pipeline.algorithms.raman import RamanLight
from pipeline.algorithms.reduced import ReducedExposure, place_exposure
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.sky_products import sky_products, sky_qc, write_lines, write_sky
from pipeline.algorithms.sky_spectrum import rejection_limits
from pipeline.algorithms.slab import Step
from pipeline.algorithms.spaxels import REFRACTION_CORRECTED
from pipeline.algorithms.stacked_image import WIDER, StackedImage, write_stacked
from pipeline.algorithms.velocity import SPECSYS, stretch, velocity
from pipeline.spec import (
    Frames,
    Input,
    Outputs,
    PixelTable,
    Product,
    Table,
    Value,
    param,
    recipe,
)

log = logging.getLogger(__name__)

_SAVED = (
    "cube",
    "autocal",
    "raman",
    "skymodel",
    "individual",
    "positioned",
    "combined",
    "stacked",
)


class ScipostParams(CubeParams):
    """Parameters of the science post-processing."""

    save: str = param(
        "cube,skymodel",
        doc='What to save, separated by commas: "cube" (cube and images), "skymodel" (the '
        'sky that was subtracted), "autocal" (mask and factors of the autocalibration), '
        '"raman" (what was fitted of the light of the lasers), '
        '"individual" (the reduced pixel table of each exposure), "positioned" (the same '
        'with places on the sky), "combined" (one pixel table of all exposures), "stacked" '
        "(an image of all slices side by side).",
    )
    crsigma: float = rejection_limit(15.0)
    pixfrac: str = drop_sizes(genuine="0.8,0.8", arcsec=0.02, angstrom=0.1)
    weight: Literal["exptime", "fwhm", "none"] = param(
        "exptime", doc="Weights of exposures: exposure time, it over the seeing, or equal."
    )
    autocalib: Literal["none", "deepfield", "user"] = param(
        "none",
        doc="Autocalibration of the slices by the level of the sky: deepfield measures it "
        "on the exposure, which must show much blank sky; user applies AUTOCAL_FACTORS.",
    )
    raman_width: float = param(
        20.0,
        unit="Angstrom",
        doc="Width of the ranges around the Raman lines of O2 and N2 in which their light "
        "is fitted; with adaptive optics and RAMAN_LINES.",
    )
    skymethod: Literal["none", "subtract-model", "model", "simple"] = param(
        "model", doc="How the sky is subtracted."
    )
    lambdaref: float = param(
        7000.0,
        unit="Angstrom",
        doc="Reference wavelength of the correction for differential refraction; below "
        "zero for no correction.",
    )
    darcheck: Literal["none", "check", "correct"] = param(
        "none",
        doc="Measure the refraction that the correction left over, from the stars: not at "
        "all, for information, or to correct it, too.",
    )
    skymodel_fraction: float = param(
        0.1, doc="Fraction of the image that is taken as sky.", gt=0, le=1
    )
    skymodel_ignore: float = param(
        0.05, doc="Fraction of the image, the darkest, that is ignored.", ge=0, lt=1
    )
    skymodel_sampling: float = param(
        0.3125, unit="Angstrom", doc="Sampling of the sky spectrum.", gt=0
    )
    skymodel_csampling: float = param(
        0.3125, unit="Angstrom", doc="Sampling of the continuum.", gt=0
    )
    skymodel_csmooth: bool = param(
        True,
        doc="Leave out of the continuum what noise can make; false as in the genuine "
        "pipeline, whose continuum has all the noise of the spectrum.",
    )
    skymodel_refit: bool = param(
        True,
        doc="With skymethod=subtract-model: fit the fluxes of the lines again to the sky "
        "of the exposure, since they change within minutes; false as in the genuine "
        "pipeline.",
    )
    sky_crsigma: str = param(
        "15.,15.",
        unit="sigma",
        doc="Rejection of cosmic rays in the image and in the spectrum of the sky, two "
        "numbers separated by a comma; not positive for none.",
    )
    rvcorr: Literal["bary", "helio", "geo", "none"] = param(
        "bary",
        doc="Rest frame of the wavelengths: barycentre of the solar system, centre of the "
        "Sun, centre of the Earth, or the telescope.",
    )
    astrometry: bool = param(
        True, doc="Use the ASTROMETRY_WCS; if false, the nominal scale without it."
    )

    def sky_settings(self) -> SkySettings:
        """Return how the sky is measured."""
        return SkySettings(
            self.skymodel_ignore,
            self.skymodel_fraction,
            self.skymodel_sampling,
            self.skymodel_csampling,
            rejection_limits("--sky_crsigma", self.sky_crsigma),
            self.skymodel_refit,
            self.skymodel_csmooth,
        )


@recipe(
    name="muse_scipost",
    scope="exposure",
    params=ScipostParams,
    inputs=[
        Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables of the object."),
        Input("EXTINCT_TABLE", "table", n_max=1, per_ifu=False, optional=True),
        Input("STD_RESPONSE", "table", n_max=1, per_ifu=False, optional=True),
        Input("STD_TELLURIC", "table", n_max=1, per_ifu=False, optional=True),
        Input("ASTROMETRY_WCS", "table", n_max=1, per_ifu=False, optional=True),
        Input("OFFSET_LIST", "table", n_max=1, per_ifu=False, optional=True),
        Input("FILTER_LIST", "table", n_max=1, per_ifu=False, optional=True),
        Input("OUTPUT_WCS", "wcs", n_max=1, per_ifu=False, optional=True),
        Input(
            "AUTOCAL_FACTORS",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Factors of the slices, for autocalib=user.",
        ),
        Input(
            "RAMAN_LINES",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Lines that the air scatters from the lasers; used with adaptive optics.",
        ),
        Input("SKY_LINES", "table", n_max=1, per_ifu=False, optional=True),
        Input("SKY_CONTINUUM", "table", n_max=1, per_ifu=False, optional=True),
        Input("LSF_PROFILE", "table", optional=True),
        Input("SKY_MASK", "image", n_max=1, per_ifu=False, optional=True),
    ],
    products=[
        Product("DATACUBE_FINAL", "cube", "Cube of all exposures.", unit=UNIT),
        Product("IMAGE_FOV", "image", "Image through a filter.", unit=UNIT, numbered=True),
        EXPOSURE_MAP,
        Product(
            "PIXTABLE_REDUCED",
            "pixels",
            "Reduced pixels of an exposure, in native spherical coordinates.",
            unit=UNIT,
            numbered=True,
            optional=True,
        ),
        Product(
            "PIXTABLE_POSITIONED",
            "pixels",
            "Reduced pixels of an exposure with RA and DEC.",
            unit=UNIT,
            numbered=True,
            optional=True,
        ),
        Product(
            "PIXTABLE_COMBINED",
            "pixels",
            "Reduced pixels of all exposures with RA and DEC.",
            unit=UNIT,
            optional=True,
        ),
        Product(
            "OBJECT_RESAMPLED",
            "image",
            "All slices of all exposures side by side.",
            unit=UNIT,
            optional=True,
        ),
        *autocal_products(numbered=True, optional=True),
        raman_product(numbered=True, optional=True),
        *sky_products(numbered=True, optional=True),
    ],
    qc=[*cube_qc("SCIPOST"), *autocal_qc(), *raman_qc(), *sky_qc("SCIPOST", optional=True)],
)
def scipost(frames: Frames, params: ScipostParams, out: Outputs) -> None:
    """Calibrate exposures in flux, subtract their sky and make a cube.

    Each exposure: its IFUs are merged; fluxes are calibrated by response, extinction and
    telluric absorption; differential refraction is taken out; with adaptive optics, the
    light that the air scatters from the lasers; slices are brought to one
    level of the sky, if asked for; the sky is subtracted;
    wavelengths are brought to the barycentre of the solar system; the astrometric
    solution places the pixels on the sky. Then all are resampled together, slab by slab
    of wavelength, with cosmic rays rejected on the way.
    """
    _check(params)
    settings = params.resampling(params.pixfrac, params.crsigma)
    offsets = _table(frames, "OFFSET_LIST")
    groups = group_exposures(frames["PIXTABLE_OBJECT"])
    if frames.get("STD_RESPONSE") and not frames.get("EXTINCT_TABLE"):
        log.warning("without EXTINCT_TABLE fluxes are too low by the extinction")
    unit = UNIT if frames.get("STD_RESPONSE") else "count"
    exposures = []
    for number, group in enumerate(groups, 1):
        reduced = _reduce(group, frames, params, offsets)
        exposures.append(reduced.exposure)
        _write_found(out, reduced, params.save, unit, number)
    if "individual" in params.save:
        for number, exposure in enumerate(exposures, 1):
            exposure.write(out, "PIXTABLE_REDUCED", unit, number)
    headers = [exposure.header for exposure in exposures]
    found = [find_offset(offsets, header) for header in headers]
    weights = exposure_weights(headers, params.weight)
    placed = [
        exposure.placed(weight, flux_scale(offset))
        for exposure, weight, offset in zip(exposures, weights, found, strict=True)
    ]
    _write_pixels(out, params, exposures, placed, found, unit)
    if "cube" not in params.save:
        return
    keywords = {"SPECSYS": SPECSYS[params.rvcorr], **offset_keywords(headers, found)}
    if exposures[0].pixels.flat is not None:
        keywords[LAMP_RESTORED] = True
    like = groups[0][0]
    write_products(
        out,
        frames,
        params,
        settings,
        placed,
        headers,
        like,
        unit,
        "SCIPOST",
        keywords,
        corrected=REFRACTION_CORRECTED in exposures[0].keywords,
    )


def _write_pixels(
    out: Outputs,
    params: ScipostParams,
    exposures: Sequence[ReducedExposure],
    placed: Sequence[PlacedExposure],
    found: Sequence[Offset | None],
    unit: str,
) -> None:
    """Write what is asked for of the pixels with their places on the sky."""
    if "positioned" in params.save:
        for k, offset in enumerate(found):
            header = exposures[k].header
            write_positioned(
                out,
                "PIXTABLE_POSITIONED",
                [placed[k]],
                [header],
                unit=unit,
                like=exposures[k].pixels.tables[0],
                keywords={**exposures[k].keywords, **moved(header, offset)},
                number=k + 1,
            )
    headers = [exposure.header for exposure in exposures]
    words: dict[str, Any] = {
        "unit": unit,
        "like": exposures[0].pixels.tables[0],
        "keywords": {**exposures[0].keywords, **offset_keywords(headers, found)},
    }
    if "combined" in params.save:
        weighted = params.weight != "none"
        write_positioned(
            out, "PIXTABLE_COMBINED", placed, headers, weighted=weighted, **words
        )
    if "stacked" in params.save:
        bin_width = (params.dx or WIDER * spaxel(headers[0])) / 3600.0
        image = StackedImage(placed, bin_width, params.dlambda or ANGSTROM_PER_PIXEL)
        write_stacked(out, image, **words)


def _check(params: ScipostParams) -> None:
    """Refuse what is not supported."""
    choices("--save", params.save, _SAVED)


class Reduced(NamedTuple):
    """An exposure with what was found on the way; ``field``: before its sky went."""

    exposure: ReducedExposure
    field: FieldExposure
    sky: ExposureSky | None
    autocal: ExposureAutocal | None
    raman: RamanLight | None


def _write_found(out: Outputs, reduced: Reduced, save: str, unit: str, number: int) -> None:
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
        write_sky(out, sky.field, observed, lines, continuum, **words)
    elif lines is not None:
        write_lines(out, sky.field, lines, **words)


def _reduce(
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
    if pixels.flat is not None:
        keywords["ESO DRS MUSE PIXTABLE FFCORR"] = len(tables)
    calibrated = flux_step(header, frames, lamp=pixels.flat is not None)
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


def _table(frames: Frames, tag: str) -> Any:
    """Return the first table of an optional input, or None."""
    found = frames.get(tag)
    return found[0].read() if found else None
