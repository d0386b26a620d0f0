"""muse_scipost_correct_dar: differential refraction taken out of pixel tables."""

from typing import Literal

from pipeline.algorithms.dar import DAR_CHECK, DAR_CORRECTED
from pipeline.algorithms.dar_check import straightened
from pipeline.algorithms.exposure import merge
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.reduced import extents
from pipeline.algorithms.single_step import (
    PIXTABLE,
    REDUCED,
    Change,
    StepParams,
    change_tables,
    in_field,
)
from pipeline.algorithms.slab import Sampled, run_steps
from pipeline.spec import (
    BadInput,
    Frames,
    Input,
    Outputs,
    PixelTable,
    Value,
    param,
    recipe,
)


class CorrectDarParams(StepParams):
    """Parameters of the correction."""

    lambdaref: float = param(
        7000.0,
        unit="Angstrom",
        doc="Reference wavelength of the correction; below zero for none.",
    )
    darcheck: Literal["none", "check", "correct"] = param(
        "none",
        doc="Measure the refraction that the correction left over, from the stars: not "
        "at all, for information, or to correct it, too.",
    )


@recipe(
    name="muse_scipost_correct_dar",
    scope="exposure",
    params=CorrectDarParams,
    inputs=[Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables.")],
    products=[REDUCED],
    qc=[],
)
def scipost_correct_dar(frames: Frames, params: CorrectDarParams, out: Outputs) -> None:
    """Take differential atmospheric refraction out of pixel tables.

    A step of muse_scipost on its own. Positions are moved to where they would be at the
    reference wavelength; the extents before are kept in the header, since the centre of
    the field is taken from them. Narrow-field exposures are left as they are: the optics
    correct them.
    """

    def change(table: PixelTable) -> Change:
        in_field(table)
        _check_new(table)
        steps = refraction_step(table.header, params.lambdaref)
        words: dict[str, Value] = dict(extents(Sampled(table, *params.limits)))
        if steps:
            words[f"{PIXTABLE} DAR CORRECT"] = params.lambdaref
        if params.darcheck != "none":
            field = FieldExposure(merge([table]), steps, *params.limits)
            field, found = straightened(
                field, params.lambdaref, correct=params.darcheck == "correct"
            )
            steps, words = field.steps, words | found
        return Change(lambda pixels: run_steps(pixels, steps), words)

    change_tables(frames["PIXTABLE_OBJECT"], change, params, out)


def _check_new(table: PixelTable) -> None:
    """Refuse a table whose refraction is corrected."""
    for keyword in (f"{PIXTABLE} DAR CORRECT", DAR_CORRECTED, DAR_CHECK):
        if keyword in table.header:
            raise BadInput(
                "was corrected for refraction already",
                file=table.name,
                keyword=keyword,
                remedy="give the pixel table of muse_scibasic",
            )
