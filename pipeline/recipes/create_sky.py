"""muse_create_sky: an exposure of blank sky to a model of the sky."""

from collections.abc import Mapping
from typing import Any

from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.flux_calibration import (
    CALIBRATIONS,
    absorption_growth,
    flux_step,
)
from pipeline.algorithms.lsf import mean_lsf, read_lsf
from pipeline.algorithms.oh_lines import listed_lines
from pipeline.algorithms.sky_fit import fit_sky_lines, sky_continuum
from pipeline.algorithms.sky_lines import SkyLines
from pipeline.algorithms.sky_products import (
    sky_products,
    sky_qc,
    write_field,
    write_model,
)
from pipeline.algorithms.sky_spectrum import FieldSky, observe_sky, rejection_limits
from pipeline.parallel import beside
from pipeline.spec import (
    BadInput,
    Frames,
    Input,
    Outputs,
    Params,
    PixelTable,
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
    csmooth: bool = param(
        True,
        doc="Leave out of the continuum what noise can make; false as in the genuine "
        "pipeline, whose continuum has all the noise of the spectrum.",
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
    telluric_growth: float = absorption_growth()

    def limits(self) -> tuple[float, float]:
        """Return the rejection limits of image and spectrum [sigma]."""
        return rejection_limits("--crsigma", self.crsigma)


@recipe(
    name="muse_create_sky",
    scope="exposure",
    params=CreateSkyParams,
    inputs=[
        Input("PIXTABLE_SKY", "pixels", raw=True, doc="Pixel tables of blank sky."),
        *CALIBRATIONS,
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
    products=sky_products(),
    qc=sky_qc("SKY", optional=False),
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
    with beside(lambda: write_field(out, field, sky, prefix="SKY")):
        lines, continuum = _model(frames, params, sky)
    write_model(out, field, lines, continuum, prefix="SKY")


def _model(
    frames: Frames, params: CreateSkyParams, sky: FieldSky
) -> tuple[SkyLines, Mapping[str, Any]]:
    """Return the lines with their fluxes, and the continuum."""
    lsf = mean_lsf(read_lsf(frames["LSF_PROFILE"]))
    known = SkyLines.of(
        listed_lines(frames["SKY_LINES"][0]),
        float(sky.wavelength[0]),
        float(sky.wavelength[-1]),
    )
    lines = fit_sky_lines(sky.wavelength, sky.data, sky.stat, known, lsf).lines
    given = frames.get("SKY_CONTINUUM", ())
    if given:
        return lines, given[0].read("CONTINUUM").columns
    smooth = params.csmooth
    return lines, sky_continuum(sky, lines, lsf, params.csampling, smooth=smooth)


def _field(
    frames: Frames, params: CreateSkyParams, tables: list[PixelTable]
) -> FieldExposure:
    """Return the exposure with its calibrations."""
    merged = merge(tables)
    calibration = flux_step(
        merged.header,
        frames,
        lamp=merged.has_lamp,
        growth=params.telluric_growth,
    )
    refraction = refraction_step(merged.header, params.lambdaref)
    return FieldExposure(
        merged, (*calibration, *refraction), params.lambdamin, params.lambdamax
    )
