"""muse_standard: a standard star exposure to response and telluric absorption."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.dar import DAR_CHECK, DAR_CORRECTED
from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.filters import Filter, filter_from, white, window
from pipeline.algorithms.flux_calibration import LAMP_RESTORED
from pipeline.algorithms.modes import instrument_mode
from pipeline.algorithms.mosaic import fill_cube
from pipeline.algorithms.pointing import airmass, number, spaxel
from pipeline.algorithms.resample import Resampling
from pipeline.algorithms.response import (
    bridge_telluric,
    extend,
    response_table,
    sensitivity,
    telluric_bands,
    telluric_table,
    zero_point,
)
from pipeline.algorithms.smooth import Method
from pipeline.algorithms.standard_stars import (
    FieldStar,
    Selection,
    flux_image,
    largest_drift,
    measure_stars,
    reference_spectrum,
    residual_refraction,
    select_star,
)
from pipeline.algorithms.star_profiles import ProfileKind
from pipeline.flags import Flag
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
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

MAGNITUDES = "2.5*log10((count/s/Angstrom)/(erg/s/cm**2/Angstrom))"
"""Unit of responses (genuine pipeline)."""

RESAMPLING = Resampling("drizzle", (1.0, 1.0, 1.0), 1, "median", 25.0)
"""Large drops that leave no gaps; rejection that spares the star (genuine pipeline)."""

THROUGHPUTS = (5000, 7000, 8000, 9000)
"""Wavelengths of the throughput in the QC, each +-100 [Angstrom]."""

ZERO_POINTS = {"Johnson_V": "V", "Cousins_R": "R", "Cousins_I": "I"}
"""Filters of the zero points and their names in the QC."""


class StandardParams(Params):
    """Parameters of the flux response."""

    profile: ProfileKind = param(
        "auto",
        doc="How the light of the star is added up: with the measured radial profile "
        '("auto"; the genuine pipeline means smoffat in wide-field mode and circle in '
        "narrow-field mode), a Gaussian or Moffat function (smoffat: smoothed in "
        "wavelength) or a window of 3 FWHM (circle, square).",
    )
    select: Selection = param(
        "distance",
        doc="Which source is the standard: the brightest (flux), or the one nearest to "
        "the pointing (distance).",
    )
    smooth: Method = param(
        "ppoly",
        doc="How to smooth the response: not at all (none), by a running median of 15 "
        "Angstrom half width (median), or by cubic polynomials around each point and a "
        "running mean (ppoly).",
    )
    lambdamin: float = param(
        4000.0, unit="Angstrom", doc="Data of shorter wavelengths are not used."
    )
    lambdamax: float = param(
        10000.0, unit="Angstrom", doc="Data of longer wavelengths are not used."
    )
    lambdaref: float = param(
        7000.0,
        unit="Angstrom",
        doc="Reference wavelength of the correction for refraction; negative for none.",
    )
    darcheck: Literal["none", "check", "correct"] = param(
        "none",
        doc="Measure the refraction that the correction left over, from the star: not at "
        "all, for information, or to correct the cube, too.",
    )
    filter: str = param(
        "white",
        doc="Filters of the reconstructed images, separated by commas; Johnson_V, "
        "Cousins_R and Cousins_I also give zero points.",
    )


@recipe(
    name="muse_standard",
    scope="exposure",
    params=StandardParams,
    inputs=[
        Input("PIXTABLE_STD", "pixels", raw=True, doc="Pixel tables of standard stars."),
        Input("EXTINCT_TABLE", "table", n_max=1, per_ifu=False, doc="Extinction."),
        Input("STD_FLUX_TABLE", "table", per_ifu=False, doc="Known spectra."),
        Input(
            "TELLURIC_REGIONS",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Telluric bands.",
        ),
        Input(
            "FILTER_LIST", "table", n_max=1, per_ifu=False, optional=True, doc="Filters."
        ),
    ],
    products=[
        Product("DATACUBE_STD", "cube", "The field.", unit="count", numbered=True),
        Product(
            "STD_FLUXES", "image", "Spectra of the stars.", unit="count", numbered=True
        ),
        Product("STD_RESPONSE", "table", "Response curve.", numbered=True),
        Product("STD_TELLURIC", "table", "Telluric absorption.", numbered=True),
    ],
    qc=[
        QC("QC STANDARD LAMBDA", "DATACUBE_STD", "Angstrom", "Of the image searched."),
        QC("QC STANDARD NDET", "DATACUBE_STD", "", "Sources found."),
        QC("QC STANDARD POS# X", "DATACUBE_STD", "pix", "Position of a source."),
        QC("QC STANDARD POS# Y", "DATACUBE_STD", "pix", "Position of a source."),
        QC("QC STANDARD FWHM# X", "DATACUBE_STD", "arcsec", "Width of a source."),
        QC("QC STANDARD FWHM# Y", "DATACUBE_STD", "arcsec", "Width of a source."),
        QC("QC STANDARD FWHM NVALID", "DATACUBE_STD", "", "Sources with a width."),
        QC("QC STANDARD FWHM MEDIAN", "DATACUBE_STD", "arcsec", "Median width."),
        QC("QC STANDARD FWHM MAD", "DATACUBE_STD", "arcsec", "Spread of the widths."),
        QC("QC STANDARD STARNAME", "STD_RESPONSE", "", "Target."),
        QC("QC STANDARD THRU#", "STD_RESPONSE", "", "Throughput at a wavelength.", True),
        *(
            QC(f"QC STANDARD ZP {name}", "STD_RESPONSE", "mag", "Zero point.", True)
            for name in ZERO_POINTS.values()
        ),
    ],
)
def standard(frames: Frames, params: StandardParams, out: Outputs) -> None:
    """Derive the response of instrument and telescope from a standard star.

    The pixel tables of all IFUs of an exposure are brought to one scale and corrected for
    refraction. Stars are found in the field and their total flux is measured at each
    wavelength, with the radial profile that the pixels themselves show. The star that was
    aimed at is compared with its known spectrum; telluric bands are bridged and their
    absorption is kept; the response is extended to all wavelengths MUSE can record, and
    smoothed.

    Exposures are treated one by one, each gives its own products.
    """
    if params.darcheck != "none" and params.lambdaref <= 0:
        raise BadInput(
            "drifts are measured against a reference wavelength",
            keyword="--lambdaref",
            remedy="give a wavelength, such as 7000",
        )
    for count, tables in enumerate(group_exposures(frames["PIXTABLE_STD"]), 1):
        merged = merge(tables)
        steps = refraction_step(merged.header, params.lambdaref)
        field = FieldExposure(merged, steps, params.lambdamin, params.lambdamax)
        image = None
        if params.darcheck == "none":  # its file is finished while stars are measured
            image = _write_cube(frames, params, field, {}, tables[0], count, out)
        stars = measure_stars(field, params.profile, image)
        name, reference = reference_spectrum(frames["STD_FLUX_TABLE"], merged.header)
        position = number(reference.header, "RA"), number(reference.header, "DEC")
        chosen = select_star(stars, params.select, *position)
        if params.darcheck != "none":
            straight, words = _straightened(field, stars[chosen], params)
            _write_cube(frames, params, straight, words, tables[0], count, out)
        _write_fluxes(stars, chosen, field, tables[0], count, out)
        _write_response(frames, params, stars[chosen], reference, field, (count, name), out)


def _straightened(
    field: FieldExposure, star: FieldStar, params: StandardParams
) -> tuple[FieldExposure, dict[str, Value]]:
    """Return an exposure whose star drifts no more, if that is wanted, and keywords."""
    drift = largest_drift(star, params.lambdaref)
    words: dict[str, Value] = {DAR_CHECK: drift * spaxel(field.pixels.header)}
    if params.darcheck == "check":
        return field, words
    left = residual_refraction(star, params.lambdaref)
    straight = replace(field, steps=(*field.steps, left))
    return straight, {**words, DAR_CORRECTED: params.lambdaref}


def _filters(frames: Frames, params: StandardParams) -> list[Filter]:
    """Return the filters asked for, as far as they are known."""
    lists = frames.get("FILTER_LIST", ())
    found = []
    for name in (word.strip() for word in params.filter.split(",")):
        if name == "white":
            found.append(white())
        elif lists and name in lists[0].names:
            found.append(filter_from(name, lists[0].read(name)))
    return found


def _keywords(field: FieldExposure) -> dict[str, Value]:
    """Return what all products of an exposure say about its calibration."""
    return {LAMP_RESTORED: True} if field.pixels.has_lamp else {}


def _write_cube(
    frames: Frames,
    params: StandardParams,
    field: FieldExposure,
    words: dict[str, Value],
    like: PixelTable,
    count: int,
    out: Outputs,
) -> NDArray[np.float32]:
    """Write the cube of the field, its images and the sources in it.

    Returns
    -------
    float32[ny, nx]
        Mean of the cube around the middle wavelength; NaN where nothing is seen.
    """
    grid = field.grid
    writer = out.cube(
        "DATACUBE_STD",
        grid.shape,
        unit="count",
        wcs=grid.wcs(),
        header={**_keywords(field), **words},
        like=like,
        number=count,
    )
    bands = [*_filters(frames, params), window("middle", *field.image_range)]
    mosaic = fill_cube(writer, [field.placed], grid, RESAMPLING, bands)
    writer.qc.update(mosaic.source_qc("STANDARD"))
    *images, middle = mosaic.images
    writer.write_images(
        {
            image.band.name: Image2D(image.planes(), "count", grid.image_wcs())
            for image in images
        }
    )
    out.complete(writer)
    return middle.planes().data


def _write_fluxes(
    stars: Sequence[FieldStar],
    chosen: int,
    field: FieldExposure,
    like: PixelTable,
    count: int,
    out: Outputs,
) -> None:
    """Write the spectra of all stars, one a row."""
    data, stat = flux_image(stars)
    words: dict[str, Value] = {**_keywords(field), "ESO DRS MUSE FLUX NOBJ": len(stars)}
    for k, star in enumerate(stars, 1):
        prefix = f"ESO DRS MUSE FLUX OBJ{k}"
        words |= {f"{prefix} X": star.x, f"{prefix} Y": star.y}
        words |= {f"{prefix} RA": star.ra, f"{prefix} DEC": star.dec}
        words[f"{prefix} INTFLUX"] = star.total
    words["ESO DRS MUSE FLUX NSEL"] = chosen + 1
    wcs: dict[str, Value] = {
        "CTYPE1": "AWAV", "CUNIT1": "Angstrom", "CRPIX1": 1.0, "CRVAL1": field.grid.first,
        "CD1_1": field.grid.step, "CTYPE2": "PIXEL", "CUNIT2": "pixel", "CRPIX2": 1.0,
        "CRVAL2": 1.0, "CD2_2": 1.0, "CD1_2": 0.0, "CD2_1": 0.0,
    }  # fmt: skip
    image = out.image(
        "STD_FLUXES",
        (data.shape[0], data.shape[1]),
        unit="count",
        header={**words, **wcs},
        like=like,
        number=count,
    )
    missing = np.where(np.isfinite(data), np.uint32(0), np.uint32(Flag.MISSING_DATA))
    image.write(slice(0, len(stars)), Planes(data, missing.astype(np.uint32), stat))


def _write_response(
    frames: Frames,
    params: StandardParams,
    star: FieldStar,
    reference: Table,
    field: FieldExposure,
    label: tuple[int, str],
    out: Outputs,
) -> None:
    """Write response and telluric absorption."""
    header, like = field.pixels.header, field.pixels.tables[0]
    mode, air = instrument_mode(header), airmass(header)
    regions = frames.get("TELLURIC_REGIONS", ())
    spectrum = star.spectrum
    curve = sensitivity(
        spectrum.wavelength,
        spectrum.flux,
        spectrum.variance,
        reference.columns,
        exptime=number(header, "EXPTIME"),
        airmass=air,
        extinction=frames["EXTINCT_TABLE"][0].read().columns,
        mode=mode,
        lamp=field.pixels.lamp,
    )
    bands = telluric_bands(regions[0].read().columns if regions else None)
    curve = bridge_telluric(curve, bands, air)
    columns = response_table(curve, params.smooth, mode)
    units = {name: MAGNITUDES for name in columns if name.startswith("resp")}
    target = str(header.get("ESO OBS TARG NAME", "UNKNOWN"))
    name = str(header.get("OBJECT", label[1]))
    words = {**_keywords(field), "OBJECT": f"Response curve ({name})"}
    response = out.table("STD_RESPONSE", header=words, like=like, number=label[0])
    response.write("", Table(columns, {"lambda": "Angstrom", **units}))
    response.qc["QC STANDARD STARNAME"] = target
    x = columns["lambda"]
    for middle in THROUGHPUTS:
        near = np.abs(x - middle) <= 100
        if spectrum.wavelength[0] <= middle <= spectrum.wavelength[-1]:
            response.qc[f"QC STANDARD THRU{middle}"] = float(
                columns["throughput"][near].mean()
            )
    for band in _filters(frames, params):
        if band.name in ZERO_POINTS:
            response.qc[f"QC STANDARD ZP {ZERO_POINTS[band.name]}"] = zero_point(
                columns,
                reference.columns,
                {"lambda": band.wavelength, "throughput": band.throughput},
            )
    words["OBJECT"] = f"Telluric correction ({name})"
    telluric = out.table("STD_TELLURIC", header=words, like=like, number=label[0])
    telluric.write("", Table(telluric_table(extend(curve)), {"lambda": "Angstrom"}))
