"""muse_scipost_subtract_sky_simple: one spectrum subtracted from pixel tables."""

from pipeline.algorithms.single_step import (
    REDUCED,
    SUBTRACTED,
    Change,
    StepParams,
    change_tables,
    refuse,
)
from pipeline.algorithms.sky_subtract import subtract_spectrum
from pipeline.spec import Frames, Input, Outputs, PixelTable, recipe


@recipe(
    name="muse_scipost_subtract_sky_simple",
    scope="exposure",
    params=StepParams,
    inputs=[
        Input("PIXTABLE_REDUCED", "pixels", raw=True, doc="Pixel tables."),
        Input("SKY_SPECTRUM", "table", n_max=1, per_ifu=False, doc="Spectrum of the sky."),
    ],
    products=[REDUCED],
    qc=[],
)
def scipost_subtract_sky_simple(frames: Frames, params: StepParams, out: Outputs) -> None:
    """Subtract a spectrum of the sky from pixel tables, the same from all slices.

    A step of muse_scipost on its own, of its method "simple". The spectrum must have the
    unit of the pixels. Its variance is added to theirs.
    """
    step = subtract_spectrum(frames["SKY_SPECTRUM"][0].read().columns)

    def change(table: PixelTable) -> Change:
        refuse(table, SUBTRACTED, "freed from the sky")
        return Change(step, {SUBTRACTED: True})

    change_tables(frames["PIXTABLE_REDUCED"], change, params, out)
