"""muse_exp_combine: several reduced exposures to one cube."""

from typing import Literal

from pipeline.algorithms.cube_products import (
    EXPOSURE_MAP,
    CubeParams,
    choices,
    cube_qc,
    drop_sizes,
    rejection_limit,
    write_products,
)
from pipeline.algorithms.exposure import group_exposures
from pipeline.algorithms.flux_calibration import LAMP_RESTORED, UNIT
from pipeline.algorithms.mosaic import exposure_weights
from pipeline.algorithms.positioned import wcs_keywords, write_positioned
from pipeline.algorithms.positions import (
    find_offset,
    offset_keywords,
)
from pipeline.algorithms.reduced_tables import (
    check_reduced,
    place_table,
    whole_table,
)
from pipeline.algorithms.spaxels import REFRACTION_CORRECTED
from pipeline.spec import (
    Frames,
    Input,
    Outputs,
    Product,
    Value,
    param,
    recipe,
    table_of,
)


class ExpCombineParams(CubeParams):
    """Parameters of the combination of exposures."""

    save: str = param(
        "cube",
        doc='What to save, separated by commas: "cube" (cube and images), "combined" (one '
        "pixel table of all exposures).",
    )
    crsigma: float = rejection_limit(10.0)
    pixfrac: str = drop_sizes(genuine="0.6,0.6", arcsec=0.04, angstrom=0.2)
    weight: Literal["exptime", "fwhm", "header", "none"] = param(
        "exptime",
        doc="Weights of exposures: exposure time, it over the seeing, it times ESO DRS "
        "MUSE WEIGHT of each file, or equal.",
    )


@recipe(
    name="muse_exp_combine",
    scope="target",
    params=ExpCombineParams,
    inputs=[
        Input(
            "PIXTABLE_REDUCED",
            "pixels",
            n_min=2,
            raw=True,
            per_ifu=False,
            doc="Reduced pixel tables, one per exposure.",
        ),
        Input("OFFSET_LIST", "table", n_max=1, per_ifu=False, optional=True),
        Input("FILTER_LIST", "table", n_max=1, per_ifu=False, optional=True),
        Input("OUTPUT_WCS", "wcs", n_max=1, per_ifu=False, optional=True),
    ],
    products=[
        Product("DATACUBE_FINAL", "cube", "Cube of all exposures.", unit=UNIT),
        Product("IMAGE_FOV", "image", "Image through a filter.", unit=UNIT, numbered=True),
        EXPOSURE_MAP,
        Product(
            "PIXTABLE_COMBINED",
            "pixels",
            "Pixels of all exposures with RA and DEC.",
            unit=UNIT,
            optional=True,
        ),
    ],
    qc=cube_qc("EXPCOMB"),
)
def exp_combine(frames: Frames, params: ExpCombineParams, out: Outputs) -> None:
    """Combine reduced exposures, weighted and aligned, into one cube.

    The exposures are placed at their pointing, corrected by the OFFSET_LIST, and
    resampled together, slab by slab of wavelength. Cosmic rays are found by comparing all
    exposures; memory does not grow with their number.
    """
    saved = choices("--save", params.save, ("cube", "combined"))
    settings = params.resampling(params.pixfrac, params.crsigma)
    tables = [whole_table(group) for group in group_exposures(frames["PIXTABLE_REDUCED"])]
    headers = [table.header for table in tables]
    for table in tables:
        check_reduced(table, tables[0])
    offsets = table_of(frames, "OFFSET_LIST")
    found = [find_offset(offsets, header) for header in headers]
    weights = exposure_weights(headers, params.weight)
    limits = (params.lambdamin, params.lambdamax)
    exposures = [
        place_table(table, offset, weight, limits)
        for table, offset, weight in zip(tables, found, weights, strict=True)
    ]
    calibrated = bool(headers[0].get("ESO DRS MUSE PIXTABLE FLUXCAL", False))
    keywords: dict[str, Value] = {
        "SPECSYS": headers[0].get("SPECSYS", "TOPOCENT"),
        **offset_keywords(headers, found),
    }
    if "ESO DRS MUSE PIXTABLE FFCORR" in headers[0]:
        keywords[LAMP_RESTORED] = True
    unit = UNIT if calibrated else "count"
    if "combined" in saved:
        write_positioned(
            out,
            "PIXTABLE_COMBINED",
            exposures,
            headers,
            unit=unit,
            like=tables[0],
            keywords={**wcs_keywords(headers[0]), **keywords},
            weighted=params.weight != "none",
        )
    if "cube" not in saved:
        return
    write_products(
        out,
        frames,
        params,
        settings,
        exposures,
        headers,
        tables[0],
        unit,
        "EXPCOMB",
        keywords,
        corrected=REFRACTION_CORRECTED in headers[0],
    )
