"""muse_create_sky: an exposure of blank sky to a model of the sky."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.exposure_sky import CONTINUUM_FLUX, LINE_FLUX
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.filters import white
from pipeline.algorithms.flux_calibration import (
    LAMP_RESTORED,
    UNIT,
    FluxCalibration,
    check_response,
)
from pipeline.algorithms.lsf import mean_lsf, read_lsf
from pipeline.algorithms.sky_fit import (
    SkyLines,
    continuum_qc,
    fit_sky_lines,
    line_qc,
    sky_continuum,
)
from pipeline.algorithms.sky_spectrum import FieldSky, observe_sky, rejection_limits
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
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


class CreateSkyParams(Params):
    """Parameters of the sky model."""

    fraction: float = param(
        0.75,
        doc="Fraction of the image (without the ignored part) that is taken as sky; of "
        "the region of the SKY_MASK, if there is one.",
        gt=0,
        le=1,
    )
    ignore: float = param(
        0.05, doc="Fraction of the image, the darkest, that is ignored.", ge=0, lt=1
    )
    sampling: float = param(
        0.3125, unit="Angstrom", doc="Sampling of the sky spectrum.", gt=0
    )
    csampling: float = param(
        0.3125, unit="Angstrom", doc="Sampling of the continuum.", gt=0
    )
    crsigma: str = param(
        "15.,15.",
        unit="sigma",
        doc="Rejection of cosmic rays in the image and in the spectrum, two numbers "
        "separated by a comma; not positive for none.",
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

    def limits(self) -> tuple[float, float]:
        """Return the rejection limits of image and spectrum [sigma]."""
        return rejection_limits("--crsigma", self.crsigma)


@recipe(
    name="muse_create_sky",
    scope="exposure",
    params=CreateSkyParams,
    inputs=[
        Input("PIXTABLE_SKY", "pixels", raw=True, doc="Pixel tables of blank sky."),
        Input("EXTINCT_TABLE", "table", n_max=1, per_ifu=False, doc="Extinction."),
        Input("STD_RESPONSE", "table", n_max=1, per_ifu=False, doc="Response curve."),
        Input(
            "STD_TELLURIC",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Telluric absorption.",
        ),
        Input("SKY_LINES", "table", n_max=1, per_ifu=False, doc="Lines of the sky."),
        Input(
            "SKY_CONTINUUM",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Continuum to hand on instead of the measured one.",
        ),
        Input("LSF_PROFILE", "table", doc="Line spread functions."),
        Input(
            "SKY_MASK", "image", n_max=1, per_ifu=False, optional=True, doc="Where to look."
        ),
    ],
    products=[
        Product("SKY_MASK", "image", "Where the sky was measured."),
        Product("SKY_IMAGE", "image", "White-light image.", unit=UNIT),
        Product("SKY_SPECTRUM", "table", "Spectrum of the sky."),
        Product("SKY_LINES", "table", "Fluxes of the sky lines."),
        Product("SKY_CONTINUUM", "table", "Continuum of the sky."),
    ],
    qc=[
        QC("QC SKY LOWLIMIT", "SKY_MASK", UNIT, "Darkest sky taken."),
        QC("QC SKY THRESHOLD", "SKY_MASK", UNIT, "Brightest sky taken."),
        QC("QC SKY LINE# NAME", "SKY_LINES", "", "Brightest line of a group."),
        QC("QC SKY LINE# AWAV", "SKY_LINES", "Angstrom", "Its wavelength in air."),
        QC("QC SKY LINE# FLUX", "SKY_LINES", "1e-20 erg/s/cm**2", "Its flux in a spaxel."),
        QC("QC SKY CONT FLUX", "SKY_CONTINUUM", "", "Sum of the continuum."),
        QC("QC SKY CONT MAXDEV", "SKY_CONTINUUM", "", "Steepest slope."),
    ],
)
def create_sky(frames: Frames, params: CreateSkyParams, out: Outputs) -> None:
    """Measure the sky: its lines by groups, and the continuum between them.

    The pixels of all IFUs are brought to one scale, calibrated in flux and corrected for
    refraction. Without resampling, a white-light image is made; elements between two
    limits of brightness are sky. The mean spectrum of their pixels is fitted: each group
    of lines has one factor, and shift, width and skewness of the line shape adapt. What
    is left is the continuum.

    The products are in units of the pixel table, per spaxel of 0.2 arcsec.
    """
    groups = group_exposures(frames["PIXTABLE_SKY"])
    if len(groups) > 1:
        raise BadInput(
            f"{len(groups)} exposures are given, only one can be modelled",
            keyword="DATE-OBS",
            remedy="give the PIXTABLE_SKY of one exposure",
        )
    field = _field(frames, params, groups[0])
    masks = frames.get("SKY_MASK", ())
    sky = observe_sky(
        field,
        ignore=params.ignore,
        fraction=params.fraction,
        sampling=params.sampling,
        kappa=params.limits(),
        mask=masks[0] if masks else None,
    )
    words: dict[str, Value] = {}
    if field.pixels.flat is not None:
        words[LAMP_RESTORED] = True
    _write_field(sky, field, words, out)
    lsf = mean_lsf(read_lsf(frames["LSF_PROFILE"]))
    known = SkyLines.of(
        frames["SKY_LINES"][0].read("LINES").columns,
        float(sky.wavelength[0]),
        float(sky.wavelength[-1]),
    )
    lines = fit_sky_lines(sky.wavelength, sky.data, sky.stat, known, lsf)
    given = frames.get("SKY_CONTINUUM", ())
    continuum: Mapping[str, Any] = (
        given[0].read("CONTINUUM").columns
        if given
        else sky_continuum(sky.wavelength, sky.data, lines, lsf, params.csampling)
    )
    _write_model(lines, continuum, field, out)


def _field(
    frames: Frames, params: CreateSkyParams, tables: list[PixelTable]
) -> FieldExposure:
    """Return the exposure with its calibrations."""
    merged = merge(tables)
    response = frames["STD_RESPONSE"][0]
    lamp = merged.flat is not None
    check_response(merged.header, response.header, response.name, lamp=lamp)
    telluric = frames.get("STD_TELLURIC", ())
    calibration = FluxCalibration.of(
        merged.header,
        response.read(),
        frames["EXTINCT_TABLE"][0].read(),
        telluric[0].read() if telluric else None,
    )
    refraction = refraction_step(merged.header, params.lambdaref)
    return FieldExposure(
        merged, (calibration, *refraction), params.lambdamin, params.lambdamax
    )


def _write_field(
    sky: FieldSky, field: FieldExposure, words: dict[str, Value], out: Outputs
) -> None:
    """Write mask, image and spectrum."""
    like, wcs = field.pixels.tables[0], field.grid.image_wcs()
    rows = slice(0, sky.image.shape[0])
    shape = (sky.image.shape[0], sky.image.shape[1])
    mask = out.image("SKY_MASK", shape, unit="", header=wcs, like=like)
    zero = np.zeros_like(sky.image)
    mask.write(rows, Planes(sky.mask.astype(np.float32), zero.astype(np.uint32), zero))
    mask.qc["QC SKY LOWLIMIT"], mask.qc["QC SKY THRESHOLD"] = sky.limits
    band = white()
    words = {
        **words,
        "ESO DRS MUSE FILTER NAME": band.name,
        "ESO DRS MUSE FILTER FRACTION": band.fraction(*field.extent.wavelength),
    }
    image = out.image("SKY_IMAGE", shape, unit=UNIT, header={**words, **wcs}, like=like)
    image.write(rows, sky.planes)
    spectrum = out.table("SKY_SPECTRUM", like=like)
    units = {"lambda": "Angstrom", "data": UNIT, "stat": f"({UNIT})**2"}
    spectrum.write("", Table(sky.columns(), units))


def _write_model(
    lines: SkyLines, continuum: Mapping[str, Any], field: FieldExposure, out: Outputs
) -> None:
    """Write lines and continuum."""
    like = field.pixels.tables[0]
    table = out.table("SKY_LINES", like=like)
    units = {"lambda": "Angstrom", "flux": LINE_FLUX}
    table.write("LINES", Table(lines.brightest_first().columns(), units))
    table.qc.update({f"QC SKY {name}": value for name, value in line_qc(lines).items()})
    rest = out.table("SKY_CONTINUUM", like=like)
    columns = {name: np.asarray(continuum[name], np.float64) for name in ("lambda", "flux")}
    units = {"lambda": "Angstrom", "flux": CONTINUUM_FLUX}
    rest.write("CONTINUUM", Table(columns, units))
    rest.qc.update({f"QC SKY {name}": v for name, v in continuum_qc(columns).items()})
