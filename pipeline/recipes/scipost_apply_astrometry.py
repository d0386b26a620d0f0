"""muse_scipost_apply_astrometry: pixel tables from the field to the sky."""

from pipeline.algorithms.astrometry import default_solution, field_to_plane
from pipeline.algorithms.reduced import (
    EXTENTS,
    extents,
    middle_of,
    projected_keywords,
)
from pipeline.algorithms.single_step import (
    REDUCED,
    Change,
    StepParams,
    change_tables,
    in_field,
)
from pipeline.algorithms.slab import Sampled
from pipeline.kernels.project import native_from_plane, project
from pipeline.spec import Frames, Input, Outputs, Pixels, PixelTable, recipe


@recipe(
    name="muse_scipost_apply_astrometry",
    scope="exposure",
    params=StepParams,
    inputs=[
        Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables."),
        Input(
            "ASTROMETRY_WCS",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Astrometric solution; without it the nominal scale is used.",
        ),
    ],
    products=[REDUCED],
    qc=[],
)
def scipost_apply_astrometry(frames: Frames, params: StepParams, out: Outputs) -> None:
    """Give pixel tables native spherical coordinates by an astrometric solution.

    A step of muse_scipost on its own. The solution is turned by the position angle of the
    exposure; its reference pixel is the middle of the extents of the table before its
    refraction was corrected. An exposure is placed on the sky as a whole: merge its IFUs
    by muse_scipost_combine_pixtables first.
    """

    def change(table: PixelTable) -> Change:
        in_field(table)
        solution = default_solution(table.header)
        if frames.get("ASTROMETRY_WCS"):
            solution = frames["ASTROMETRY_WCS"][0].header
        keys = [f"{EXTENTS} {axis}{end}" for axis in "XY" for end in ("LO", "HI")]
        before = {k: float(table.header[k]) for k in keys if k in table.header}
        if len(before) < len(keys):
            before = extents(Sampled(table, *params.limits))
        matrix, wcs = field_to_plane(table.header, solution, middle_of(before))

        def step(pixels: Pixels) -> Pixels:
            x, y = project(pixels.xpos, pixels.ypos, matrix)
            phi, depth = native_from_plane(x, y)
            return pixels._replace(xpos=phi, ypos=depth)

        return Change(step, {**projected_keywords(wcs), **before})

    change_tables(frames["PIXTABLE_OBJECT"], change, params, out)
