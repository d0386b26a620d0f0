"""Parameters and products of the recipes that make cubes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from pipeline.algorithms import sdp
from pipeline.algorithms.filters import Filter, filter_from, white
from pipeline.algorithms.flux_calibration import UNIT
from pipeline.algorithms.grid import (
    ANGSTROM_PER_PIXEL,
    Extent,
    Grid,
    forced_grid,
    natural_grid,
)
from pipeline.algorithms.mosaic import Mosaic, fill_cube
from pipeline.algorithms.pointing import position_angle, spaxel
from pipeline.algorithms.resample import Method, PlacedExposure, Resampling
from pipeline.algorithms.spaxels import spaxels_of
from pipeline.kernels.reject_rows import ALONG_X, ALONG_Y, OBLIQUE
from pipeline.spec import (
    QC,
    BadInput,
    Frame,
    Frames,
    Header,
    Image2D,
    Outputs,
    Params,
    Planes,
    Product,
    Value,
    param,
)


class CubeParams(Params):
    """How pixels are resampled to a cube and what is saved."""

    resample: Method = param("drizzle", doc="Resampling technique of the output cube.")
    dx: float = param(
        0.0, unit="arcsec", doc="Horizontal step; 0 for that of the instrument mode.", ge=0
    )
    dy: float = param(
        0.0, unit="arcsec", doc="Vertical step; 0 for that of the instrument mode.", ge=0
    )
    dlambda: float = param(
        0.0, unit="Angstrom", doc="Step in wavelength; 0 for the natural one.", ge=0
    )
    crtype: Literal["iraf", "mean", "median"] = param(
        "median",
        doc="Statistics for the detection of cosmic rays while resampling: mean and its "
        "error from the variances, mean and standard deviation, or median and median "
        "absolute deviation.",
    )
    crnear: Literal["slices", "rows"] = param(
        "slices",
        doc="Which pixels a cosmic ray is compared with while resampling: all around from "
        "other slices, with a limit that neither noise nor a point source reaches; or, as "
        "in the genuine pipeline (which has no such option), those of its voxel and of "
        "the rows of voxels on both sides of its slice.",
    )
    rc: float = param(1.25, unit="pix", doc='Critical radius of "renka".', gt=0)
    ld: int = param(
        1, unit="pix", doc="How far a pixel may reach while resampling.", ge=1, le=9
    )
    format: Literal["Cube", "Euro3D", "xCube", "xEuro3D", "sdpCube"] = param(
        "Cube",
        doc='"Euro3D" is a table of spectra, "xCube" and "xEuro3D" have the reconstructed '
        'images inside, "sdpCube" the keywords of ESO\'s science data products.',
    )
    filter: str = param(
        "white", doc="Filters of the reconstructed images, separated by commas."
    )
    lambdamin: float = param(
        4000.0, unit="Angstrom", doc="Cut off the data below this wavelength.", gt=0
    )
    lambdamax: float = param(
        10000.0, unit="Angstrom", doc="Cut off the data above this wavelength.", gt=0
    )

    def resampling(self, pixfrac: str, sigma: float) -> Resampling:
        """Return how to resample.

        Raises
        ------
        BadInput
            If the choice is not supported.
        """
        return Resampling(
            self.resample, drops(pixfrac), self.ld, self.crtype, sigma, self.rc
        )


def choices(option: str, text: str, known: Sequence[str]) -> list[str]:
    """Return the parts of a list separated by commas.

    Raises
    ------
    BadInput
        If one is not known.
    """
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in known:
            raise BadInput(
                f"{part!r} is not known", keyword=option, remedy=f"use {', '.join(known)}"
            )
    return parts


def rejection_limit(default: float) -> Any:
    """Declare the parameter ``crsigma``."""
    return param(
        default,
        unit="sigma",
        doc="Rejection limit for cosmic rays while resampling; 0 or less for none.",
    )


def drop_sizes(*, genuine: str, arcsec: float, angstrom: float) -> Any:
    """Declare ``pixfrac``: whole pixels.

    ``arcsec``, ``angstrom``: how far the drops of the ``genuine`` pipeline displace images
    of stars and emission lines.
    """
    return param(
        "1.0",
        unit="pix",
        doc='Size of a drop for "drizzle": for all axes; for space and wavelength; or for '
        f"x, y and wavelength. Drops smaller than a pixel ({genuine} in the genuine "
        f"pipeline) displace stars by up to {arcsec} arcsec and emission lines by up to "
        f"{angstrom} Angstrom.",
    )


def drops(text: str) -> tuple[float, float, float]:
    """Return sizes of a drop [pix] along x, y and wavelength from one to three numbers.

    Raises
    ------
    BadInput
        If the text is not one to three positive numbers.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not 1 <= len(values) <= 3 or min(values) <= 0:
        raise BadInput(
            f"{text!r} is not one to three positive numbers",
            keyword="--pixfrac",
            remedy='write for example "0.8,1.0"',
        )
    along = {1: (0, 0, 0), 2: (0, 0, 1), 3: (0, 1, 2)}[len(values)]
    return values[along[0]], values[along[1]], values[along[2]]


def cube_qc(prefix: str) -> tuple[QC, ...]:
    """Return the QC of DATACUBE_FINAL and IMAGE_FOV; ``prefix``: SCIPOST, EXPCOMB."""
    rows = (
        ("LAMBDA", "Angstrom", "Wavelength at which sources were looked for.", False),
        ("NDET", "", "Number of sources detected around that wavelength.", False),
        ("POS# X", "pix", "Position of a source in x.", True),
        ("POS# Y", "pix", "Position of a source in y.", True),
        ("FWHM# X", "arcsec", "FWHM of a source in x; -1 if it has none.", True),
        ("FWHM# Y", "arcsec", "FWHM of a source in y; -1 if it has none.", True),
        ("FWHM NVALID", "", "Number of sources with a FWHM.", False),
        ("FWHM MEDIAN", "arcsec", "Median FWHM of all sources.", False),
        ("FWHM MAD", "arcsec", "Median absolute deviation of the FWHM.", False),
    )
    ours = (
        ("EXP# NCOSMIC", "", "Pixels of an exposure rejected as cosmic rays.", True),
        ("EXP# IFU# NCOSMIC", "", "Those of one IFU.", True),
        ("NOISE BOX#", "", "Noise of a sum over # x # spaxels, relative to STAT.", True),
        ("NOISE BIN#", "", "Noise of a sum over # planes, relative to STAT.", True),
        ("NOISE LAM#", "Angstrom", "Wavelength of a part of the spectrum.", True),
        ("NOISE LAM# BOX10", "", "NOISE BOX10 of that part.", True),
    )
    return tuple(
        QC(f"QC {prefix} {name}", product, unit, doc, optional)
        for product, lines in (("DATACUBE_FINAL", rows + ours), ("IMAGE_FOV", rows))
        for name, unit, doc, optional in lines
    )


EXPOSURE_MAP = Product(
    "EXPOSURE_MAP",
    "image",
    'Exposure time of every spaxel of the cube; with format="sdpCube".',
    unit="s",
    optional=True,
    is_map=True,
)


def output_grid(
    exposures: Sequence[PlacedExposure], header: Header, params: CubeParams, frames: Frames
) -> Grid:
    """Return the grid of the cube: that of OUTPUT_WCS, else the natural one."""
    tangent = exposures[0].tangent
    total: Extent | None = None
    for exposure in exposures:
        extent = exposure.extent(tangent)
        total = extent if total is None else total | extent
    assert total is not None
    size = spaxel(header)
    steps = (params.dx or size, params.dy or size)
    grid = natural_grid(total, tangent, steps, params.dlambda or ANGSTROM_PER_PIXEL)
    for frame in frames.get("OUTPUT_WCS", ()):
        grid = forced_grid(frame.header, frame.name, grid, params.dlambda)
    return grid


def _check_scale(headers: Sequence[Header]) -> None:
    """Refuse wide and narrow fields in one cube."""
    for header in headers[1:]:
        if spaxel(header) != spaxel(headers[0]):
            raise BadInput(
                f"is {header.get('ESO INS MODE')}, but {headers[0].get('ESO INS MODE')} in "
                f"the exposure of {headers[0].get('DATE-OBS')}",
                file=f"exposure of {header.get('DATE-OBS')}",
                keyword="ESO INS MODE",
                remedy="combine exposures of the wide or of the narrow field only",
            )


def lie_of_slices(header: Header) -> int:
    """Return how the slices of an exposure lie on a grid with north up.

    One of `pipeline.kernels.reject_rows`; the genuine pipeline allows for 5 degrees.
    """
    angle = position_angle(header) % 180.0
    if min(angle, 180.0 - angle) < 5.0:
        return ALONG_X
    return ALONG_Y if abs(angle - 90.0) < 5.0 else OBLIQUE


def chosen_filters(names: str, frames: Frames) -> list[Filter]:
    """Return the filters that are asked for and known."""
    found = []
    for name in (part.strip() for part in names.split(",")):
        tables = [f for f in frames.get("FILTER_LIST", ()) if name in f.names]
        if tables:
            found.append(filter_from(name, tables[0].read(name)))
        elif name == "white":
            found.append(white())
    return found


def write_products(
    out: Outputs,
    frames: Frames,
    params: CubeParams,
    settings: Resampling,
    exposures: Sequence[PlacedExposure],
    headers: Sequence[Header],
    like: Frame,
    unit: str,
    qc_prefix: str,
    keywords: Mapping[str, Value],
    *,
    corrected: bool,
    grid: Grid | None = None,
) -> Mosaic:
    """Write DATACUBE_FINAL and the IMAGE_FOV of all filters.

    Parameters
    ----------
    out, frames, params, settings
        Of the recipe.
    exposures, headers
        What is combined and its headers.
    like
        Frame whose keywords the products inherit.
    unit
        Of the data.
    qc_prefix
        ``SCIPOST`` or ``EXPCOMB``.
    keywords
        More keywords of the products.
    corrected
        Whether differential refraction is.
    grid
        Of the cube, if it is not one on the sky but along the axes of the field.
    """
    _check_scale(headers)
    if params.crnear == "rows":
        lie = ALONG_X if grid is not None else lie_of_slices(headers[0])
        settings = replace(settings, slices=lie)
    if grid is None:
        grid = output_grid(exposures, headers[0], params, frames)
    bands = chosen_filters(params.filter, frames)
    standard = params.format == "sdpCube"
    if standard and unit == UNIT:
        unit = sdp.UNIT
    wcs = grid.wcs() | (sdp.wcs_keywords() if standard else {})
    spaxels = None
    if params.format.endswith("Euro3D"):
        spaxels = spaxels_of(grid, headers[0], corrected=corrected)
    cube = out.cube(
        "DATACUBE_FINAL",
        grid.shape,
        unit=unit,
        wcs=wcs,
        header=keywords,
        like=like,
        spaxels=spaxels,
    )
    mosaic = fill_cube(
        cube, exposures, grid, settings, bands, depth=standard, covariance=True
    )
    qc = mosaic.source_qc(qc_prefix)
    cube.qc.update(qc | mosaic.rejection_qc(qc_prefix) | mosaic.noise_qc(qc_prefix))
    if standard:
        cube.header.pop("ARCFILE", None)
        cube.header.update(sdp.sdp_keywords(headers, mosaic, unit == sdp.UNIT))
        getattr(cube.header, "comments", {}).update(sdp.COMMENTS)
    images = {}
    for number, image in enumerate(mosaic.images, 1):
        words = {**keywords, **grid.image_wcs(), **image.keywords()}
        if "OBJECT" in like.header:
            words["OBJECT"] = f"{like.header['OBJECT']} ({image.band.name})"
        writer = out.image(
            "IMAGE_FOV",
            (grid.shape[1], grid.shape[2]),
            unit=unit,
            header=words,
            like=like,
            number=number,
        )
        planes = image.planes()
        writer.write(slice(0, grid.shape[1]), planes)
        writer.qc.update(qc)
        if standard:
            is_white = image.band.name == "white"
            category = "ANCILLARY.IMAGE.WHITELIGHT" if is_white else "ANCILLARY.IMAGE"
            writer.header["PRODCATG"] = category
        images[image.band.name] = Image2D(
            planes, unit, {**grid.image_wcs(), **image.keywords()}
        )
    if params.format.startswith("x"):
        cube.write_images(images)
    if standard:
        _write_exposure_map(out, mosaic, headers, like)
    return mosaic


def _write_exposure_map(
    out: Outputs, mosaic: Mosaic, headers: Sequence[Header], like: Frame
) -> None:
    """Write how long every spaxel of the cube was exposed."""
    times = [float(header["EXPTIME"]) for header in headers]
    seen = sdp.exposure_map(mosaic.coverage, times).astype(np.float32)
    words = {**mosaic.grid.image_wcs(), "PRODCATG": "ANCILLARY.EXPMAP"}
    shape = (seen.shape[0], seen.shape[1])
    writer = out.image("EXPOSURE_MAP", shape, unit="s", header=words, like=like)
    none = np.zeros(shape, np.uint32)
    writer.write(slice(0, shape[0]), Planes(seen, none, np.zeros_like(seen)))
