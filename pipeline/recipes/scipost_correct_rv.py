"""muse_scipost_correct_rv: wavelengths in the rest frame of the Sun or the Earth."""

from typing import Literal

import numpy as np

from pipeline.algorithms.single_step import (
    PIXTABLE,
    REDUCED,
    Change,
    StepParams,
    change_tables,
)
from pipeline.algorithms.velocity import SPECSYS, stretch, velocity
from pipeline.spec import (
    BadInput,
    Frames,
    Input,
    Outputs,
    Pixels,
    PixelTable,
    Value,
    param,
    recipe,
)


class CorrectRvParams(StepParams):
    """Parameters of the correction."""

    rvcorr: Literal["bary", "helio", "geo", "none"] = param(
        "bary",
        doc="Rest frame of the wavelengths: barycentre of the solar system, centre of the "
        "Sun, centre of the Earth, or the telescope.",
    )


@recipe(
    name="muse_scipost_correct_rv",
    scope="exposure",
    params=CorrectRvParams,
    inputs=[Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables.")],
    products=[REDUCED],
    qc=[],
)
def scipost_correct_rv(frames: Frames, params: CorrectRvParams, out: Outputs) -> None:
    """Correct wavelengths for the velocity of the telescope.

    A step of muse_scipost on its own. The velocity towards the target at the middle of
    the exposure stretches all wavelengths alike.
    """

    def change(table: PixelTable) -> Change:
        if f"{PIXTABLE} RVCORR" in table.header:
            raise BadInput(
                "was corrected for velocity already",
                file=table.name,
                keyword=f"{PIXTABLE} RVCORR",
                remedy="give the pixel table of the step before",
            )
        speed = velocity(table.header, params.rvcorr)
        factor = stretch(speed)
        words: dict[str, Value] = {"SPECSYS": SPECSYS[params.rvcorr]}
        if params.rvcorr != "none":
            words[f"{PIXTABLE} RVCORR"] = speed

        def step(pixels: Pixels) -> Pixels:
            exact = pixels.wavelength.astype(np.float64) * factor
            return pixels._replace(wavelength=exact.astype(np.float32))

        return Change(step, words)

    change_tables(frames["PIXTABLE_OBJECT"], change, params, out)
