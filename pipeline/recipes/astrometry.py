"""muse_astrometry: the scale and rotation of the field from stars of known position."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from pipeline.algorithms.astrometric_field import (
    FieldSolution,
    Search,
    at_rest,
    reference_stars,
    solve_field,
)
from pipeline.algorithms.centroids import Centroid
from pipeline.algorithms.coarse_field import RESAMPLING, coarse_grid, image_around
from pipeline.algorithms.dar_check import straightened
from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.filters import white
from pipeline.algorithms.flux_calibration import LAMP_RESTORED, UNIT, flux_step
from pipeline.algorithms.mosaic import fill_cube
from pipeline.algorithms.slab import Step
from pipeline.flags import Flag
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    Header,
    Image2D,
    Input,
    Outputs,
    Params,
    PixelTable,
    Planes,
    Product,
    Table,
    Value,
    param,
    recipe,
)

DETECTION = "ASTROMETRY_DETECTION"
"""Extension of the image in which stars are found."""

SOURCES = "ASTROMETRY_SOURCES"
"""Extension of the table of stars."""

_WCS = "ESO DRS MUSE WCS"


class AstrometryParams(Params):
    """Parameters of the astrometric solution."""

    centroid: Centroid = param(
        "moffat",
        doc="How stars are centred: by fits of a Gaussian or a Moffat function, with the "
        "light of neighbours taken off, or by the centre of gravity in a box.",
    )
    detsigma: float = param(
        1.5,
        unit="sigma",
        doc="Limit of detection. If it is negative, limits from its absolute value down "
        "to 1.0 are tried, in steps of 0.1, and the best solution is taken.",
    )
    radius: float = param(
        3.0,
        unit="pix",
        doc="Distance within which a star is that of the catalogue.",
        gt=0,
    )
    faccuracy: float = param(
        0.0,
        doc="If positive, patterns of three stars are compared, of places that are known "
        "to so many times their mean error; if zero, patterns of four.",
        ge=0,
    )
    niter: int = param(2, doc="Number of iterations of the fit.", ge=1)
    rejsigma: float = param(
        3.0, unit="sigma", doc="Rejection of stars between iterations of the fit.", gt=0
    )
    rotcenter: str = param(
        "-0.01,-1.20",
        unit="pix",
        doc="Centre of rotation of the instrument, against the middle of the field: two "
        "numbers separated by a comma.",
    )
    lambdamin: float = param(
        4000.0, unit="Angstrom", doc="Cut off the data below this wavelength."
    )
    lambdamax: float = param(
        10000.0, unit="Angstrom", doc="Cut off the data above this wavelength."
    )
    lambdaref: float = param(
        7000.0,
        unit="Angstrom",
        doc="Reference wavelength of the correction for refraction; negative for none.",
    )
    darcheck: Literal["none", "check", "correct"] = param(
        "none",
        doc="Measure the refraction that the correction left over, from the stars: "
        "not at all, for information, or to correct it, too.",
    )
    keep_posangle: bool = param(
        False,
        doc="Leave the position angle of the exposure in the solution, as the genuine "
        "pipeline does: scipost would turn exposures by it a second time.",
    )


@recipe(
    name="muse_astrometry",
    scope="exposure",
    params=AstrometryParams,
    inputs=[
        Input(
            "PIXTABLE_ASTROMETRY", "pixels", raw=True, doc="Pixel tables of star fields."
        ),
        Input(
            "ASTROMETRY_REFERENCE",
            "table",
            n_max=1,
            per_ifu=False,
            doc="Stars of known position, a field an extension.",
        ),
        Input("EXTINCT_TABLE", "table", n_max=1, per_ifu=False, optional=True),
        Input("STD_RESPONSE", "table", n_max=1, per_ifu=False, optional=True),
        Input("STD_TELLURIC", "table", n_max=1, per_ifu=False, optional=True),
    ],
    products=[
        Product(
            "DATACUBE_ASTROMETRY",
            "cube",
            "The field, with its white-light image and that in which stars are found.",
            unit="count",
            numbered=True,
        ),
        Product(
            "ASTROMETRY_WCS",
            "table",
            "The solution as keywords, and the stars.",
            numbered=True,
        ),
    ],
    qc=[
        QC("QC ASTRO LAMBDA", "DATACUBE_ASTROMETRY", "Angstrom", "Of the image searched."),
        QC("QC ASTRO NDET", "DATACUBE_ASTROMETRY", "", "Sources found."),
        QC("QC ASTRO POS# X", "DATACUBE_ASTROMETRY", "pix", "Position of a source."),
        QC("QC ASTRO POS# Y", "DATACUBE_ASTROMETRY", "pix", "Position of a source."),
        QC("QC ASTRO FWHM# X", "DATACUBE_ASTROMETRY", "arcsec", "Width of a source."),
        QC("QC ASTRO FWHM# Y", "DATACUBE_ASTROMETRY", "arcsec", "Width of a source."),
        QC("QC ASTRO FWHM NVALID", "DATACUBE_ASTROMETRY", "", "Sources with a width."),
        QC("QC ASTRO FWHM MEDIAN", "DATACUBE_ASTROMETRY", "arcsec", "Median width."),
        QC("QC ASTRO FWHM MAD", "DATACUBE_ASTROMETRY", "arcsec", "Spread of the widths."),
        QC("QC ASTRO NSTARS", "ASTROMETRY_WCS", "", "Stars identified."),
        QC("QC ASTRO SCALE X", "ASTROMETRY_WCS", "arcsec", "Scale in x."),
        QC("QC ASTRO SCALE Y", "ASTROMETRY_WCS", "arcsec", "Scale in y."),
        QC("QC ASTRO ANGLE X", "ASTROMETRY_WCS", "deg", "Rotation of the x axis."),
        QC("QC ASTRO ANGLE Y", "ASTROMETRY_WCS", "deg", "Rotation of the y axis."),
        QC("QC ASTRO MEDRES X", "ASTROMETRY_WCS", "arcsec", "Median residual in x."),
        QC("QC ASTRO MEDRES Y", "ASTROMETRY_WCS", "arcsec", "Median residual in y."),
    ],
)
def astrometry(frames: Frames, params: AstrometryParams, out: Outputs) -> None:
    """Compute an astrometric solution.

    The pixel tables of all IFUs of an exposure are brought to one scale, corrected for
    refraction and, if a response is given, calibrated in flux. They are resampled to a
    cube that is coarse in wavelength; in the median of its three middle planes stars are
    found and centred. Patterns of stars are compared with the catalogue to tell which
    star is which. A shift, a rotation, two scales and a shear are fitted to their
    positions.

    Exposures are treated one by one, each gives its own products. The solution holds for
    the geometry table with which the pixel tables were made.
    """
    search = Search(
        params.centroid,
        params.radius,
        params.faccuracy,
        params.niter,
        params.rejsigma,
        rotation_centre(params.rotcenter),
    )
    groups = group_exposures(frames["PIXTABLE_ASTROMETRY"])
    for count, tables in enumerate(groups, 1):
        field, words = _straight(frames, params, tables)
        solution, image = _solve(frames, params, field, search)
        _write_cube(frames, field, image, solution, words, tables[0], count, out)
        _write_solution(params, solution, field.pixels.header, tables[0], count, out)


def rotation_centre(text: str) -> tuple[float, float]:
    """Return two numbers [pix].

    Raises
    ------
    BadInput
        If the text is not two numbers.
    """
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            f"{text!r} is not two numbers",
            keyword="--rotcenter",
            remedy='write for example "-0.01,-1.20"',
        ) from None
    return x, y


def _straight(
    frames: Frames, params: AstrometryParams, tables: Sequence[PixelTable]
) -> tuple[FieldExposure, dict[str, Value]]:
    """Return an exposure with its corrections, and what was done, for headers."""
    merged = merge(tables)
    steps: tuple[Step, ...] = flux_step(merged.header, frames, lamp=merged.has_lamp)
    steps += refraction_step(merged.header, params.lambdaref)
    field = FieldExposure(merged, steps, params.lambdamin, params.lambdamax)
    words: dict[str, Value] = {LAMP_RESTORED: True} if merged.has_lamp else {}
    if params.darcheck == "none":
        return field, words
    field, drift = straightened(
        field, params.lambdaref, correct=params.darcheck == "correct"
    )
    return field, words | drift


def _solve(
    frames: Frames, params: AstrometryParams, field: FieldExposure, search: Search
) -> tuple[FieldSolution, Planes]:
    """Return the solution of an exposure and the image in which stars were found."""
    header = field.pixels.header
    image, stat = image_around(field, coarse_grid(field).shape[0] // 2)
    reference = reference_stars(frames["ASTROMETRY_REFERENCE"], header)
    solution = solve_field(image, stat, header, reference, params.detsigma, search)
    if not params.keep_posangle:
        plate = replace(solution.plate, cd=at_rest(solution.plate.cd, header))
        solution = replace(solution, plate=plate)
    missing = ~np.isfinite(image) * np.uint32(Flag.MISSING_DATA)
    return solution, Planes(image.astype(np.float32), missing, stat.astype(np.float32))


def _write_cube(
    frames: Frames,
    field: FieldExposure,
    image: Planes,
    solution: FieldSolution,
    words: Mapping[str, Value],
    like: PixelTable,
    count: int,
    out: Outputs,
) -> None:
    """Write the coarse cube and its two images."""
    grid = coarse_grid(field)
    unit = UNIT if frames.get("STD_RESPONSE") else "count"
    writer = out.cube(
        "DATACUBE_ASTROMETRY",
        grid.shape,
        unit=unit,
        wcs=grid.wcs(),
        header=words,
        like=like,
        number=count,
    )
    mosaic = fill_cube(writer, [field.placed], grid, RESAMPLING, [white()])
    writer.qc.update(mosaic.source_qc("ASTRO"))
    both = {f"{k}S": value for k, value in solution.plate.keywords().items()}
    both = {**grid.image_wcs(), **both, "WCSNAMES": "Solution"}
    writer.write_images(
        {
            "white": Image2D(mosaic.images[0].planes(), unit, grid.image_wcs()),
            DETECTION: Image2D(image, unit, both, keeps_variance=True),
        }
    )


def _write_solution(
    params: AstrometryParams,
    solution: FieldSolution,
    header: Header,
    like: PixelTable,
    count: int,
    out: Outputs,
) -> None:
    """Write the solution and the table of stars."""
    plate, stars = solution.plate, solution.stars
    words = {
        **plate.keywords(),
        "OBJECT": f"Astrometric calibration ({header.get('OBJECT', '')})",
        f"{_WCS} DETSIGMA": solution.sigma,
        f"{_WCS} RADIUS": params.radius,
    }
    if solution.accuracy > 0:
        words[f"{_WCS} ACCURACY"] = solution.accuracy
        words[f"{_WCS} FACCURACY"] = params.faccuracy
    writer = out.table("ASTROMETRY_WCS", header=words, like=like, number=count)
    writer.qc["QC ASTRO NSTARS"] = solution.n_identified
    for name, values, factor in (
        ("SCALE", plate.scales, 1.0),
        ("ANGLE", plate.angles, 1.0),
        ("MEDRES", plate.residual, 3600.0),
    ):
        for axis, value in zip("XY", values, strict=True):
            writer.qc[f"QC ASTRO {name} {axis}"] = value * factor
    positions = {"RA": solution.ra, "DEC": solution.dec}
    columns = dict(zip(_COLUMNS, stars, strict=True)) | positions
    units = dict.fromkeys(_COLUMNS, "pix") | {"FLUX": "count"}
    writer.write(SOURCES, Table(columns, units))


_COLUMNS = ("XPOS", "YPOS", "XERR", "YERR", "FLUX", "XFWHM", "YFWHM")
"""Columns of the table of stars."""
