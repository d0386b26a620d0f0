"""muse_scipost_make_cube: a cube from the pixel table of a reduced exposure."""

from collections.abc import Sequence
from typing import Literal

from pipeline.algorithms.cube_products import (
    EXPOSURE_MAP,
    CubeParams,
    cube_qc,
    drop_sizes,
    rejection_limit,
    write_products,
)
from pipeline.algorithms.field import FieldGrid
from pipeline.algorithms.flux_calibration import LAMP_RESTORED, UNIT
from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL
from pipeline.algorithms.placed_tables import coordinates, grid_in_field, place
from pipeline.algorithms.pointing import spaxel
from pipeline.algorithms.positioned import wcs_keywords
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.single_step import RESTORED, unit_of
from pipeline.algorithms.spaxels import REFRACTION_CORRECTED
from pipeline.algorithms.stacked_image import WIDER, StackedImage, write_stacked
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


class MakeCubeParams(CubeParams):
    """Parameters of the resampling."""

    format: Literal["Cube", "Euro3D", "xCube", "xEuro3D"] = param(
        "Cube", doc='Format of the cube; "xCube" has the reconstructed images inside.'
    )
    crsigma: float = rejection_limit(15.0)
    pixfrac: str = drop_sizes(genuine="0.8,0.8", arcsec=0.02, angstrom=0.1)
    stacked: bool = param(
        False, doc="Write all slices side by side in an image, too, for a look at them."
    )


@recipe(
    name="muse_scipost_make_cube",
    scope="exposure",
    params=MakeCubeParams,
    inputs=[
        Input(
            "PIXTABLE_OBJECT",
            "pixels",
            n_max=1,
            raw=True,
            per_ifu=False,
            doc="Pixel table, of a reduced exposure or of several.",
        ),
        Input(
            "FILTER_LIST", "table", n_max=1, per_ifu=False, optional=True, doc="Filters."
        ),
        Input(
            "OUTPUT_WCS",
            "wcs",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Coordinates of the cube.",
        ),
    ],
    products=[
        Product("DATACUBE_FINAL", "cube", "Cube of the exposure.", unit=UNIT),
        Product("IMAGE_FOV", "image", "Image through a filter.", unit=UNIT, numbered=True),
        Product(
            "OBJECT_RESAMPLED",
            "image",
            "Spectra of all slices side by side.",
            unit=UNIT,
            optional=True,
        ),
        EXPOSURE_MAP,
    ],
    qc=cube_qc("SCIPOST"),
)
def scipost_make_cube(frames: Frames, params: MakeCubeParams, out: Outputs) -> None:
    """Resample the pixel table of a reduced exposure to a cube.

    A step of muse_scipost on its own, the last one. Pixels with native spherical
    coordinates, as muse_scipost_apply_astrometry gives them, are placed at the pointing of
    the exposure; those of a PIXTABLE_POSITIONED or PIXTABLE_COMBINED stay at their RA and
    DEC, and several exposures have the weights that the table tells. Pixels that are still
    in the field make a cube along its axes, in pixels, as do ``dx`` and ``dy`` then.
    """
    settings = params.resampling(params.pixfrac, params.crsigma)
    table = frames["PIXTABLE_OBJECT"][0]
    exposures = place(table, (params.lambdamin, params.lambdamax))
    grid = _field_grid(table, exposures, frames, params)
    keywords: dict[str, Value] = {"SPECSYS": table.header.get("SPECSYS", "TOPOCENT")}
    if RESTORED in table.header:
        keywords[LAMP_RESTORED] = True
    write_products(
        out,
        frames,
        params,
        settings,
        exposures,
        [table.header],
        table,
        unit_of(table.header),
        "SCIPOST",
        keywords,
        corrected=REFRACTION_CORRECTED in table.header,
        grid=grid,
    )
    if params.stacked:
        unit = 1.0 if grid is None else spaxel(table.header)
        bin_width = (params.dx * unit or WIDER * spaxel(table.header)) / 3600.0
        image = StackedImage(exposures, bin_width, params.dlambda or ANGSTROM_PER_PIXEL)
        words = {**wcs_keywords(table.header), **keywords}
        write_stacked(out, image, unit=unit_of(table.header), like=table, keywords=words)


def _field_grid(
    table: PixelTable,
    exposures: Sequence[PlacedExposure],
    frames: Frames,
    params: MakeCubeParams,
) -> FieldGrid | None:
    """Return the grid of a table that is still in the field; None for one on the sky."""
    if coordinates(table) != "field":
        return None
    for frame in frames.get("OUTPUT_WCS", ()):
        raise BadInput(
            f"describes the sky, but {table.name} is in pixels of the field",
            file=frame.name,
            keyword="CTYPE1",
            remedy="apply muse_scipost_apply_astrometry to the table first, or leave the "
            "OUTPUT_WCS out",
        )
    spacing = params.dx or 1.0, params.dy or 1.0
    step = params.dlambda or ANGSTROM_PER_PIXEL
    return grid_in_field(exposures, table.header, spacing, step)
