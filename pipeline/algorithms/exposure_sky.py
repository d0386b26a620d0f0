"""The sky of a science exposure: known beforehand or measured, and its subtraction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.filters import white
from pipeline.algorithms.flux_calibration import UNIT
from pipeline.algorithms.lsf import Lsf, mean_lsf, read_lsf
from pipeline.algorithms.sky_fit import (
    SkyLines,
    continuum_qc,
    fit_sky_lines,
    line_qc,
    sky_continuum,
)
from pipeline.algorithms.sky_spectrum import FieldSky, observe_sky
from pipeline.algorithms.sky_subtract import (
    SkySubtraction,
    subtract_model,
    subtract_spectrum,
)
from pipeline.spec import (
    QC,
    BadInput,
    Columns,
    Frames,
    Outputs,
    Planes,
    Product,
    Segment,
    Table,
    Value,
)

Method = Literal["none", "subtract-model", "model", "simple"]

LINE_FLUX = "10**(-20)*erg/(s cm^2 arcsec^2)"
CONTINUUM_FLUX = "erg/(s cm^2 arcsec^2)"
"""Units as the genuine pipeline writes them; the numbers are 1e-20 of them, and of a
spaxel of 0.2 arcsec, in both."""

_SAVED: Any = {"numbered": True, "optional": True}
PRODUCTS = (
    Product("SKY_IMAGE", "image", "White-light image with the sky.", unit=UNIT, **_SAVED),
    Product("SKY_MASK", "image", "Where the sky was measured.", **_SAVED),
    Product("SKY_SPECTRUM", "table", "Spectrum of the sky.", **_SAVED),
    Product("SKY_LINES", "table", "Fluxes of the sky lines.", **_SAVED),
    Product("SKY_CONTINUUM", "table", "Continuum of the sky.", **_SAVED),
)
"""What skymethod=model saves."""

QCS = tuple(
    QC(f"QC SCIPOST {name}", tag, unit, doc, optional=True)
    for name, tag, unit, doc in (
        ("LOWLIMIT", "SKY_MASK", UNIT, "Darkest sky taken."),
        ("THRESHOLD", "SKY_MASK", UNIT, "Brightest sky taken."),
        ("LINE# NAME", "SKY_LINES", "", "Brightest line of a group."),
        ("LINE# AWAV", "SKY_LINES", "Angstrom", "Its wavelength in air."),
        ("LINE# FLUX", "SKY_LINES", "1e-20 erg/s/cm**2", "Its flux in a spaxel."),
        ("CONT FLUX", "SKY_CONTINUUM", "", "Sum of the continuum."),
        ("CONT MAXDEV", "SKY_CONTINUUM", "", "Steepest slope."),
    )
)


class SkySettings(NamedTuple):
    """How the sky of an exposure is measured.

    ``ignore``, ``fraction``: darkest part of the field to ignore, and the part then taken
    as sky; ``sampling``, ``csampling``: bins of its spectrum and of the continuum
    [Angstrom]; ``kappa``: rejection of cosmic rays in image and spectrum [sigma].
    """

    ignore: float
    fraction: float
    sampling: float
    csampling: float
    kappa: tuple[float, float]


@dataclass(frozen=True)
class ExposureSky:
    """The sky of an exposure: the step that subtracts it, and what was measured."""

    step: SkySubtraction
    field: FieldExposure
    observed: FieldSky | None = None
    lines: SkyLines | None = None
    continuum: Mapping[str, Any] | None = None


def exposure_sky(
    method: Method,
    field: FieldExposure,
    frames: Frames,
    settings: SkySettings,
) -> ExposureSky | None:
    """Return the sky of an exposure by the method asked for; None for ``none``.

    Parameters
    ----------
    method
        ``subtract-model``: lines and continuum as given; ``simple``: the mean spectrum
        of the sky in the field; ``model``: that spectrum fitted by lines and continuum.
    field
        The exposure with the steps that come before.
    frames
        Inputs of the recipe.
    settings
        How the sky is measured.

    Raises
    ------
    BadInput
        If a frame that the method needs is missing.
    """
    if method == "none":
        return None
    if method == "subtract-model":
        lines = _columns(frames, "SKY_LINES", "LINES", method)
        continuum = _columns(frames, "SKY_CONTINUUM", "CONTINUUM", method)
        segments = list(field.pixels.segments)
        return ExposureSky(
            subtract_model(lines, continuum, _lsf(frames, method), segments), field
        )
    masks = frames.get("SKY_MASK", ())
    sky = observe_sky(
        field,
        ignore=settings.ignore,
        fraction=settings.fraction,
        sampling=settings.sampling,
        kappa=settings.kappa,
        mask=masks[0] if masks else None,
    )
    if method == "simple":
        good = np.isfinite(sky.data)
        spectrum = {"lambda": sky.wavelength[good], "data": sky.data[good]}
        return ExposureSky(subtract_spectrum(spectrum), field, sky)
    return _modelled(field, sky, frames, settings.csampling)


def _modelled(
    field: FieldExposure, sky: FieldSky, frames: Frames, csampling: float
) -> ExposureSky:
    """Return the sky fitted by lines and continuum."""
    lsf = _lsf(frames, "model")
    known = SkyLines.of(
        _columns(frames, "SKY_LINES", "LINES", "model"),
        float(sky.wavelength[0]),
        float(sky.wavelength[-1]),
    )
    mean = mean_lsf(lsf)
    lines = fit_sky_lines(sky.wavelength, sky.data, sky.stat, known, mean)
    if frames.get("SKY_CONTINUUM"):
        continuum = _columns(frames, "SKY_CONTINUUM", "CONTINUUM", "model")
    else:
        continuum = sky_continuum(sky.wavelength, sky.data, lines, mean, csampling)
    segments: list[Segment] = list(field.pixels.segments)
    step = subtract_model(lines.columns(), continuum, lsf, segments)
    return ExposureSky(step, field, sky, lines, continuum)


def _columns(frames: Frames, tag: str, name: str, method: str) -> Columns:
    """Return the columns of a table that a method needs."""
    found: Sequence[Any] = frames.get(tag, ())
    if not found:
        raise _missing(tag, method)
    columns: Columns = found[0].read(name).columns
    return columns


def _lsf(frames: Frames, method: str) -> Lsf:
    """Return the line spread functions that a method needs."""
    if not frames.get("LSF_PROFILE"):
        raise _missing("LSF_PROFILE", method)
    return read_lsf(frames["LSF_PROFILE"])


def _missing(tag: str, method: str) -> BadInput:
    """Return the refusal of a method without its inputs."""
    return BadInput(
        f"skymethod={method} needs {tag}",
        keyword=tag,
        remedy=f"add {tag} to the SOF, or choose skymethod=simple or none",
    )


def write_sky(sky: ExposureSky, out: Outputs, number: int) -> None:
    """Write image, mask, spectrum, lines and continuum of a modelled sky."""
    observed, lines, continuum = sky.observed, sky.lines, sky.continuum
    if observed is None or lines is None or continuum is None:
        return
    like, wcs = sky.field.pixels.tables[0], sky.field.grid.image_wcs()
    shape = (observed.image.shape[0], observed.image.shape[1])
    rows = slice(0, shape[0])
    band = white()
    words: dict[str, Value] = {
        **wcs,
        "ESO DRS MUSE FILTER NAME": band.name,
        "ESO DRS MUSE FILTER FRACTION": band.fraction(*sky.field.extent.wavelength),
    }
    image = out.image("SKY_IMAGE", shape, unit=UNIT, header=words, like=like, number=number)
    image.write(rows, observed.planes)
    mask = out.image("SKY_MASK", shape, unit="", header=wcs, like=like, number=number)
    zero = np.zeros(shape, np.float32)
    mask.write(rows, Planes(observed.mask.astype(np.float32), zero.astype(np.uint32), zero))
    mask.qc["QC SCIPOST LOWLIMIT"], mask.qc["QC SCIPOST THRESHOLD"] = observed.limits
    spectrum = out.table("SKY_SPECTRUM", like=like, number=number)
    units = {"lambda": "Angstrom", "data": UNIT, "stat": f"({UNIT})**2"}
    spectrum.write("", Table(observed.columns(), units))
    table = out.table("SKY_LINES", like=like, number=number)
    units = {"lambda": "Angstrom", "flux": LINE_FLUX}
    table.write("LINES", Table(lines.brightest_first().columns(), units))
    table.qc.update({f"QC SCIPOST {name}": v for name, v in line_qc(lines).items()})
    rest = out.table("SKY_CONTINUUM", like=like, number=number)
    columns = {name: np.asarray(continuum[name], np.float64) for name in ("lambda", "flux")}
    rest.write("CONTINUUM", Table(columns, {"lambda": "Angstrom", "flux": CONTINUUM_FLUX}))
    rest.qc.update({f"QC SCIPOST {name}": v for name, v in continuum_qc(columns).items()})
