"""muse_scipost_calibrate_flux: pixel tables from counts to physical fluxes."""

from pipeline.algorithms.exposure import merge
from pipeline.algorithms.flux_calibration import (
    CALIBRATIONS,
    LAMP_RESTORED,
    absorption_growth,
    flux_step,
)
from pipeline.algorithms.single_step import (
    CALIBRATED,
    REDUCED,
    RESTORED,
    Change,
    StepParams,
    change_tables,
    refuse,
)
from pipeline.algorithms.slab import run_steps
from pipeline.spec import Frames, Input, Outputs, PixelTable, Value, recipe


class CalibrateFluxParams(StepParams):
    """Parameters of the flux calibration."""

    telluric_growth: float = absorption_growth()


@recipe(
    name="muse_scipost_calibrate_flux",
    scope="exposure",
    params=CalibrateFluxParams,
    inputs=[
        Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables."),
        *CALIBRATIONS,
    ],
    products=[REDUCED],
    qc=[],
)
def scipost_calibrate_flux(
    frames: Frames, params: CalibrateFluxParams, out: Outputs
) -> None:
    """Calibrate pixel tables in flux.

    A step of muse_scipost on its own. Counts are divided by exposure time and response,
    extinction and telluric absorption are corrected. If the response has the spectrum of
    the lamp of the flat field in it, that is put back into the data first: the one in the
    table of an IFU, unless muse_scipost_combine_pixtables has put back the mean of all.
    """
    response = frames["STD_RESPONSE"][0]

    def change(table: PixelTable) -> Change:
        refuse(table, CALIBRATED, "calibrated in flux")
        words: dict[str, Value] = {CALIBRATED: True}
        lamp, pixels = RESTORED in table.header, None
        if not lamp and response.header.get(LAMP_RESTORED):
            merged = merge([table])
            if merged.has_lamp:
                pixels, lamp, words = merged, True, {**words, RESTORED: 1}
        growth = params.telluric_growth
        steps = flux_step(table.header, frames, lamp=lamp, growth=growth)
        return Change(lambda found: run_steps(found, steps), words, pixels)

    change_tables(frames["PIXTABLE_OBJECT"], change, params, out)
