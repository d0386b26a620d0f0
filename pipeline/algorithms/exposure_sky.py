"""The sky of a science exposure: known beforehand or measured, and its subtraction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.lsf import Lsf, mean_lsf, read_lsf
from pipeline.algorithms.oh_lines import listed_lines
from pipeline.algorithms.sky_fit import fit_sky_lines, sky_continuum
from pipeline.algorithms.sky_lines import SkyLines
from pipeline.algorithms.sky_spectrum import FieldSky, observe_sky
from pipeline.algorithms.sky_subtract import (
    Noise,
    SkySubtraction,
    subtract_model,
    subtract_spectrum,
)
from pipeline.spec import BadInput, Columns, Frames, Segment

Method = Literal["none", "subtract-model", "model", "simple"]

EVERY = 3
"""Every third slice tells by how much given lines have changed (ours): airglow is alike
everywhere in the field, and flat fields err by less than a per cent a slice. As much more
of them is taken for sky, so that the fluxes are no noisier: a continuum of faint sources
does not change them."""


class SkySettings(NamedTuple):
    """How the sky of an exposure is measured.

    ``ignore``, ``fraction``: darkest part of the field to ignore, and the part then taken
    as sky; ``sampling``, ``csampling``: bins of its spectrum and of the continuum
    [Angstrom]; ``kappa``: rejection of cosmic rays in image and spectrum [sigma];
    ``refit``: whether the fluxes of given lines are fitted to the sky of the exposure;
    ``smooth``: whether noise is taken out of the continuum.
    """

    ignore: float
    fraction: float
    sampling: float
    csampling: float
    kappa: tuple[float, float]
    refit: bool = True
    smooth: bool = True


@dataclass(frozen=True)
class ExposureSky:
    """The sky of an exposure: the step that subtracts it, and what was measured.

    Given lines whose fluxes were fitted come without what they were observed in.
    """

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
        ``subtract-model``: lines and continuum as given, the fluxes of the lines fitted to
        the sky in the field unless ``settings.refit`` is false; ``simple``: the mean
        spectrum of the sky in the field; ``model``: that spectrum fitted by lines, and
        the continuum that is left.
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
    if method == "simple":
        sky = _observed(field, frames, settings)
        good = np.isfinite(sky.data)
        names = {"lambda": "wavelength", "data": "data", "stat": "stat"}
        spectrum = {name: getattr(sky, values)[good] for name, values in names.items()}
        return ExposureSky(subtract_spectrum(spectrum), field, sky)
    lsf, known = _lsf(frames, method), _lines(frames, method)
    segments: list[Segment] = list(field.pixels.segments)
    if method == "subtract-model":
        given = _columns(frames, "SKY_CONTINUUM", "CONTINUUM", method)
        if not settings.refit:
            return ExposureSky(subtract_model(known, given, lsf, segments), field)
        wider = settings._replace(fraction=min(settings.fraction * EVERY, 1.0))
        sky = _observed(field.sampled(EVERY), frames, wider)
        lines, noise = _fitted(_without(sky, given), known, lsf)
        step = subtract_model(lines.columns(), given, lsf, segments, noise)
        return ExposureSky(step, field, None, lines)
    sky = _observed(field, frames, settings)
    lines, noise = _fitted(sky, known, lsf)
    if frames.get("SKY_CONTINUUM"):
        continuum = _columns(frames, "SKY_CONTINUUM", "CONTINUUM", method)
    else:
        mean, smooth = mean_lsf(lsf), settings.smooth
        continuum = sky_continuum(sky, lines, mean, settings.csampling, smooth=smooth)
        noise = _of_both(noise, continuum) if smooth else Noise(sky.wavelength, sky.stat, 1)
    step = subtract_model(lines.columns(), continuum, lsf, segments, noise)
    return ExposureSky(step, field, sky, lines, continuum)


def _observed(field: FieldExposure, frames: Frames, settings: SkySettings) -> FieldSky:
    """Return the sky that an exposure shows."""
    masks = frames.get("SKY_MASK", ())
    return observe_sky(
        field,
        ignore=settings.ignore,
        fraction=settings.fraction,
        sampling=settings.sampling,
        kappa=settings.kappa,
        mask=masks[0] if masks else None,
    )


def _without(sky: FieldSky, continuum: Columns) -> FieldSky:
    """Return a sky without a given continuum.

    What lines left in it, because their shape was not known well, is subtracted with it
    and must not be fitted again.
    """
    flux = np.interp(sky.wavelength, continuum["lambda"], continuum["flux"])
    return replace(sky, data=sky.data - flux)


def _fitted(sky: FieldSky, known: Columns, lsf: Lsf) -> tuple[SkyLines, Noise]:
    """Return lines with the fluxes that a sky shows, and their noise."""
    lines = SkyLines.of(known, float(sky.wavelength[0]), float(sky.wavelength[-1]))
    fitted = fit_sky_lines(sky.wavelength, sky.data, sky.stat, lines, mean_lsf(lsf))
    return fitted.lines, Noise(sky.wavelength, fitted.variance(), axes=2)


def _of_both(lines: Noise, continuum: Mapping[str, Any]) -> Noise:
    """Return the noise of lines and a continuum from which that of the spectrum went.

    Without that they add up to the observed spectrum, and have its noise.
    """
    more = np.interp(lines.wavelength, continuum["lambda"], continuum["stat"])
    return lines._replace(variance=lines.variance + more)


def _columns(frames: Frames, tag: str, name: str, method: str) -> Columns:
    """Return the columns of a table that a method needs."""
    found: Sequence[Any] = frames.get(tag, ())
    if not found:
        raise _missing(tag, method)
    columns: Columns = found[0].read(name).columns
    return columns


def _lines(frames: Frames, method: str) -> Columns:
    """Return the lines that a method needs."""
    if not frames.get("SKY_LINES"):
        raise _missing("SKY_LINES", method)
    return listed_lines(frames["SKY_LINES"][0])


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
