"""muse_scipost: calibrate, sky-subtract and resample science exposures."""

import logging
from collections.abc import Sequence
from typing import Any

from pipeline.algorithms.cube_products import EXPOSURE_MAP, choices, cube_qc, write_products
from pipeline.algorithms.exposure import group_exposures
from pipeline.algorithms.exposure_autocal import autocal_products, autocal_qc
from pipeline.algorithms.exposure_raman import raman_product, raman_qc
from pipeline.algorithms.flux_calibration import LAMP_RESTORED, UNIT
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
)
from pipeline.algorithms.reduced import ReducedExposure
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.scipost_exposure import reduce_exposure, write_found
from pipeline.algorithms.scipost_params import ScipostParams
from pipeline.algorithms.sky_products import sky_products, sky_qc
from pipeline.algorithms.spaxels import REFRACTION_CORRECTED
from pipeline.algorithms.stacked_image import WIDER, StackedImage, write_stacked
from pipeline.algorithms.velocity import SPECSYS
from pipeline.kernels._jit import prepare_kernels
from pipeline.parallel import beside, import_meanwhile
from pipeline.spec import (
    Frames,
    Input,
    Outputs,
    PixelTable,
    Product,
    Table,
    recipe,
    table_of,
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
    prepare_kernels()  # they wait for it, nothing waits for what follows
    import_meanwhile("scipy.interpolate", "scipy.ndimage")
    offsets = table_of(frames, "OFFSET_LIST")
    groups = group_exposures(frames["PIXTABLE_OBJECT"])
    if frames.get("STD_RESPONSE") and not frames.get("EXTINCT_TABLE"):
        log.warning("without EXTINCT_TABLE fluxes are too low by the extinction")
    unit = UNIT if frames.get("STD_RESPONSE") else "count"
    exposures = []
    for number, group in enumerate(groups, 1):
        reduced = reduce_exposure(group, frames, params, offsets)
        exposures.append(reduced.exposure)
        write_found(out, reduced, params.save, unit, number)
    fills = []
    if "individual" in params.save:
        fills = [
            exposure.open(out, "PIXTABLE_REDUCED", unit, number)
            for number, exposure in enumerate(exposures, 1)
        ]
    with beside(lambda: [fill() for fill in fills]):  # the disk has its time meanwhile
        _write_combined(out, frames, params, exposures, groups[0][0], offsets, unit)


def _write_combined(
    out: Outputs,
    frames: Frames,
    params: ScipostParams,
    exposures: Sequence[ReducedExposure],
    like: PixelTable,
    offsets: Table | None,
    unit: str,
) -> None:
    """Write what is made of all exposures, or of their places on the sky."""
    settings = params.resampling(params.pixfrac, params.crsigma)
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
    if exposures[0].pixels.has_lamp:
        keywords[LAMP_RESTORED] = True
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
