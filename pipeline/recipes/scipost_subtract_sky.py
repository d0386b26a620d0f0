"""muse_scipost_subtract_sky: a model of the sky subtracted from pixel tables."""

from dataclasses import replace

import numpy as np

from pipeline.algorithms.exposure import LAMP_FLUX, SKY_FLUX
from pipeline.algorithms.lsf import read_lsf
from pipeline.algorithms.oh_lines import listed_lines
from pipeline.algorithms.single_step import (
    CALIBRATED,
    REDUCED,
    SUBTRACTED,
    Change,
    StepParams,
    change_tables,
    refuse,
)
from pipeline.algorithms.sky_subtract import subtract_model
from pipeline.spec import BadInput, Frames, Input, Outputs, PixelTable, param, recipe


class SubtractSkyParams(StepParams):
    """Parameters of the subtraction."""

    orig: str = param(
        "", doc="Name of a further column that keeps the data as it was; empty for none."
    )
    flux_sky: float = param(
        0.0,
        unit="count",
        doc="Flux of the twilight flat of the pixel table from which the sky was made: "
        "the sky is scaled by that of each table over it. 0 for no scaling.",
        ge=0,
    )
    flux_lamp: float = param(
        0.0,
        unit="count",
        doc="Flux of the lamp flat of that table, used where that of the twilight flat "
        "is not known.",
        ge=0,
    )


@recipe(
    name="muse_scipost_subtract_sky",
    scope="exposure",
    params=SubtractSkyParams,
    inputs=[
        Input(
            "PIXTABLE_REDUCED", "pixels", raw=True, doc="Pixel tables calibrated in flux."
        ),
        Input("SKY_LINES", "table", n_max=1, per_ifu=False, doc="Lines of the sky."),
        Input("SKY_CONTINUUM", "table", n_max=1, per_ifu=False, doc="Its continuum."),
        Input("LSF_PROFILE", "table", doc="Line spread functions."),
    ],
    products=[REDUCED],
    qc=[],
)
def scipost_subtract_sky(frames: Frames, params: SubtractSkyParams, out: Outputs) -> None:
    """Subtract a given model of the sky from pixel tables.

    A step of muse_scipost on its own, of its method "subtract-model" with
    --skymodel_refit=false: lines are drawn with the line spread function of each slice and
    subtracted together with the continuum. STAT does not change: the tables do not tell
    the noise of lines and continuum, which is common to all pixels of a wavelength.
    """
    lines = listed_lines(frames["SKY_LINES"][0])
    continuum = frames["SKY_CONTINUUM"][0].read("CONTINUUM").columns
    lsf = read_lsf(frames["LSF_PROFILE"])

    def change(table: PixelTable) -> Change:
        refuse(table, SUBTRACTED, "freed from the sky")
        if not table.header.get(CALIBRATED):
            raise BadInput(
                "is not calibrated in flux, the sky is",
                file=table.name,
                keyword=CALIBRATED,
                remedy="calibrate it by muse_scipost_calibrate_flux",
            )
        step = subtract_model(lines, continuum, lsf, list(table.segments))
        scale = _scale(table, params)
        if scale != 1.0:
            step = replace(step, spectra=(step.spectra * scale).astype(np.float32))
        return Change(step, {SUBTRACTED: True}, original=params.orig)

    change_tables(frames["PIXTABLE_REDUCED"], change, params, out)


def _scale(table: PixelTable, params: SubtractSkyParams) -> float:
    """Return the factor of the sky for a table."""
    for keyword, flux in ((SKY_FLUX, params.flux_sky), (LAMP_FLUX, params.flux_lamp)):
        own = float(table.header.get(keyword, 0.0))
        if flux > 0 and own > 0:
            return own / flux
    return 1.0
