"""muse_scipost_raman: the light that the air scatters from the lasers, removed."""

from dataclasses import replace
from functools import partial

from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.exposure_raman import raman_product, raman_qc, write_raman
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.field_mask import mask_on_field
from pipeline.algorithms.lsf import read_lsf
from pipeline.algorithms.raman import raman_light
from pipeline.algorithms.single_step import (
    PIXTABLE,
    REDUCED,
    RESTORED,
    Change,
    StepParams,
    change_tables,
    in_field,
    unit_of,
)
from pipeline.algorithms.slab import Step, run_steps
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


class RamanParams(StepParams):
    """Parameters of the fit."""

    lambdaref: float = param(
        7000.0,
        unit="Angstrom",
        doc="Reference wavelength of the correction for differential refraction; below "
        "zero for no correction.",
    )
    width: float = param(
        20.0,
        unit="Angstrom",
        doc="Width of the ranges around the features of O2 and N2 that are fitted.",
    )
    crsigma: float = param(
        15.0,
        unit="sigma",
        doc="Pixels that deviate so much from the fit are left out; 0 or less for none.",
    )
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


@recipe(
    name="muse_scipost_raman",
    scope="exposure",
    params=RamanParams,
    inputs=[
        Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables of one exposure."),
        Input("RAMAN_LINES", "table", n_max=1, per_ifu=False, doc="Lines of O2 and N2."),
        Input("LSF_PROFILE", "table", doc="Line spread functions."),
        Input(
            "SKY_MASK", "image", n_max=1, per_ifu=False, optional=True, doc="Where to look."
        ),
    ],
    products=[
        replace(REDUCED, numbered=False),
        raman_product(numbered=True, optional=True),
    ],
    qc=raman_qc(),
)
def scipost_raman(frames: Frames, params: RamanParams, out: Outputs) -> None:
    """Remove the light that the air scatters from the lasers.

    A step of muse_scipost on its own, for exposures with adaptive optics: both features
    are fitted with one distribution over the field, each slice with its own line spread
    function. The IFUs are merged and differential refraction is corrected on the way.
    """
    groups = group_exposures(frames["PIXTABLE_OBJECT"])
    if len(groups) > 1:
        raise BadInput(
            f"{len(groups)} exposures are given, only one can be done",
            keyword="DATE-OBS",
            remedy="give the PIXTABLE_OBJECT of one exposure",
        )
    for table in groups[0]:
        in_field(table)
    pixels = merge(groups[0])
    refraction = refraction_step(pixels.header, params.lambdaref)
    field = FieldExposure(pixels, refraction, *params.limits)
    masks = frames.get("SKY_MASK", ())
    light = raman_light(
        field,
        frames["RAMAN_LINES"][0],
        read_lsf(frames["LSF_PROFILE"]),
        width=params.width,
        ignore=params.ignore,
        fraction=params.fraction,
        kappa=params.crsigma,
        allowed=mask_on_field(masks[0], field) if masks else None,
    )
    keywords: dict[str, Value] = {
        key: value for key, value in pixels.header.items() if key.endswith(" XOFFSET")
    }
    keywords[f"{PIXTABLE} MERGED"] = len(groups[0])
    if pixels.has_lamp:
        keywords[RESTORED] = len(groups[0])
    if refraction:
        keywords[f"{PIXTABLE} DAR CORRECT"] = params.lambdaref
    steps: tuple[Step, ...] = refraction if light is None else (*refraction, light)
    if light is not None:
        write_raman(out, field, light, unit_of(pixels.header), 1)

    def change(_table: PixelTable) -> Change:
        return Change(partial(run_steps, steps=steps), keywords, pixels)

    change_tables(groups[0][:1], change, params, out, numbered=False)
