"""muse_scipost_make_cube: a cube from the pixel table of a reduced exposure."""

from typing import Literal

from pipeline.algorithms.cube_products import (
    EXPOSURE_MAP,
    CubeParams,
    cube_qc,
    drop_sizes,
    rejection_limit,
    write_products,
)
from pipeline.algorithms.flux_calibration import LAMP_RESTORED, UNIT
from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL
from pipeline.algorithms.pointing import spaxel
from pipeline.algorithms.positioned import wcs_keywords
from pipeline.algorithms.positions import tangent_point
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.single_step import PIXTABLE, RESTORED, unit_of
from pipeline.algorithms.slab import Sampled
from pipeline.algorithms.spaxels import REFRACTION_CORRECTED
from pipeline.algorithms.stacked_image import WIDER, StackedImage, write_stacked
from pipeline.spec import (
    BadInput,
    Frames,
    Input,
    Outputs,
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
    pixfrac: str = drop_sizes("0.8,1.0", genuine="0.8,0.8", shift=0.1)
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
            doc="Pixel table of a reduced exposure.",
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

    A step of muse_scipost on its own, the last one. The pixels must have native spherical
    coordinates, as muse_scipost_apply_astrometry gives them; they are placed at the
    pointing of the exposure.
    """
    settings = params.resampling(params.pixfrac, params.crsigma)
    table = frames["PIXTABLE_OBJECT"][0]
    state = str(table.header.get(f"{PIXTABLE} WCS", ""))
    if not state.startswith("projected"):
        raise BadInput(
            f"is {state!r}, not 'projected': its pixels have no native coordinates",
            file=table.name,
            keyword=f"{PIXTABLE} WCS",
            remedy="apply muse_scipost_apply_astrometry to the table first",
        )
    placed = PlacedExposure(
        Sampled(table, params.lambdamin, params.lambdamax),
        (),
        None,
        tangent_point(table.header, None),
    )
    keywords: dict[str, Value] = {"SPECSYS": table.header.get("SPECSYS", "TOPOCENT")}
    if RESTORED in table.header:
        keywords[LAMP_RESTORED] = True
    write_products(
        out,
        frames,
        params,
        settings,
        [placed],
        [table.header],
        table,
        unit_of(table.header),
        "SCIPOST",
        keywords,
        corrected=REFRACTION_CORRECTED in table.header,
    )
    if params.stacked:
        bin_width = (params.dx or WIDER * spaxel(table.header)) / 3600.0
        image = StackedImage([placed], bin_width, params.dlambda or ANGSTROM_PER_PIXEL)
        words = {**wcs_keywords(table.header), **keywords}
        write_stacked(out, image, unit=unit_of(table.header), like=table, keywords=words)
