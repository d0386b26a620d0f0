"""muse_exp_combine: several reduced exposures to one cube."""

from collections.abc import Sequence
from typing import Literal

from pipeline.algorithms.cube_products import (
    EXPOSURE_MAP,
    CubeParams,
    choices,
    cube_qc,
    write_products,
)
from pipeline.algorithms.exposure import group_exposures
from pipeline.algorithms.flux_calibration import LAMP_RESTORED, UNIT
from pipeline.algorithms.mosaic import exposure_weights
from pipeline.algorithms.positioned import wcs_keywords, write_positioned
from pipeline.algorithms.positions import (
    Offset,
    find_offset,
    flux_scale,
    offset_keywords,
    tangent_point,
)
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.slab import Sampled
from pipeline.algorithms.spaxels import REFRACTION_CORRECTED
from pipeline.spec import (
    BadInput,
    Frames,
    Input,
    Outputs,
    PixelTable,
    Product,
    Value,
    param,
    recipe,
)


class ExpCombineParams(CubeParams):
    """Parameters of the combination of exposures."""

    save: str = param(
        "cube",
        doc='What to save, separated by commas: "cube" (cube and images), "combined" (one '
        "pixel table of all exposures).",
    )
    crsigma: float = param(
        10.0,
        unit="sigma",
        doc="Rejection limit for cosmic rays while resampling; 0 or less for none.",
    )
    pixfrac: str = param(
        "0.6,1.0",
        unit="pix",
        doc='Size of a drop for "drizzle": for all axes; for space and wavelength; or for '
        "x, y and wavelength. Drops shorter than a pixel in wavelength (0.6,0.6 in the "
        "genuine pipeline) displace emission lines by up to 0.2 Angstrom.",
    )
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
    tables = [_whole(group) for group in group_exposures(frames["PIXTABLE_REDUCED"])]
    headers = [table.header for table in tables]
    for table in tables:
        _check(table, tables[0])
    offsets = frames["OFFSET_LIST"][0].read() if frames.get("OFFSET_LIST") else None
    found = [find_offset(offsets, header) for header in headers]
    weights = exposure_weights(headers, params.weight)
    limits = (params.lambdamin, params.lambdamax)
    exposures = [
        _placed(table, offset, weight, limits)
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


def _whole(group: Sequence[PixelTable]) -> PixelTable:
    """Return the one table of an exposure; its IFUs must be merged."""
    if len(group) > 1:
        raise BadInput(
            f"is one of {len(group)} tables of the same exposure",
            file=group[1].name,
            keyword="DATE-OBS",
            remedy='give one table of all IFUs each, from muse_scipost save="individual"',
        )
    return group[0]


def _check(table: PixelTable, first: PixelTable) -> None:
    """Refuse a table that is no reduced exposure or unlike the first one."""
    state = str(table.header.get("ESO DRS MUSE PIXTABLE WCS", ""))
    if not state.startswith("projected"):
        raise BadInput(
            f"is {state!r}, not 'projected': its pixels have no native coordinates",
            file=table.name,
            keyword="ESO DRS MUSE PIXTABLE WCS",
            remedy='reduce the exposure by muse_scipost with save="individual"',
        )
    for keyword in ("ESO DRS MUSE PIXTABLE FLUXCAL", "SPECSYS"):
        if table.header.get(keyword) != first.header.get(keyword):
            raise BadInput(
                f"is {table.header.get(keyword)!r}, but {first.header.get(keyword)!r} in "
                f"{first.name}",
                file=table.name,
                keyword=keyword,
                remedy="reduce all exposures with the same parameters",
            )


def _placed(
    table: PixelTable, offset: Offset | None, weight: float, limits: tuple[float, float]
) -> PlacedExposure:
    """Return an exposure with its place, weight and flux factor."""
    return PlacedExposure(
        Sampled(table, *limits),
        (),
        None,
        tangent_point(table.header, offset),
        weight=weight,
        scale=flux_scale(offset),
    )
