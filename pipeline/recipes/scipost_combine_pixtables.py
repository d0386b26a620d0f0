"""muse_scipost_combine_pixtables: the IFUs of an exposure in one pixel table."""

from typing import Literal

from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.flux_calibration import UNIT
from pipeline.algorithms.pixel_rows import write_pixels
from pipeline.algorithms.single_step import PIXTABLE, RESTORED, StepParams, unit_of
from pipeline.spec import (
    BadInput,
    Frames,
    Input,
    Outputs,
    PixelWriter,
    Product,
    Value,
    param,
    recipe,
)


class CombinePixtablesParams(StepParams):
    """Parameters of the combination."""

    weight: Literal["exptime", "fwhm", "none"] = param(
        "exptime",
        doc="Weights of exposures: exposure time, it over the seeing, or equal. Without "
        "effect on a single exposure.",
    )


@recipe(
    name="muse_scipost_combine_pixtables",
    scope="exposure",
    params=CombinePixtablesParams,
    inputs=[
        Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables of an exposure."),
        Input(
            "OFFSET_LIST",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Offsets of exposures; without effect on a single one.",
        ),
    ],
    products=[
        Product("PIXTABLE_COMBINED", "pixels", "Pixels of all IFUs.", unit=UNIT),
    ],
    qc=[],
)
def scipost_combine_pixtables(
    frames: Frames, params: CombinePixtablesParams, out: Outputs
) -> None:
    """Put the pixel tables of all IFUs of an exposure into one.

    A step of muse_scipost on its own, the first one: the IFUs are brought to one flux
    scale and the mean spectrum of the lamp that the flat fields took out is put back.
    """
    groups = group_exposures(frames["PIXTABLE_OBJECT"])
    if len(groups) > 1:
        raise BadInput(
            f"there are {len(groups)} exposures",
            file=groups[1][0].name,
            keyword="DATE-OBS",
            remedy="give the tables of one exposure; combine reduced exposures by "
            "muse_exp_combine",
        )
    pixels = merge(groups[0])
    words: dict[str, Value] = {f"{PIXTABLE} MERGED": len(groups[0])}
    if pixels.flat is not None:
        words[RESTORED] = len(groups[0])
    unit = unit_of(pixels.header)

    def open_writer(n_rows: int) -> PixelWriter:
        return out.pixels(
            "PIXTABLE_COMBINED", n_rows, unit=unit, header=words, like=groups[0][0]
        )

    writer = write_pixels(pixels, lambda found: found, params.limits, open_writer)
    offsets = {k: v for k, v in pixels.header.items() if k.endswith(" XOFFSET")}
    writer.header.update(offsets)
