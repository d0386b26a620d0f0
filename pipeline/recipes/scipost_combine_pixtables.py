"""muse_scipost_combine_pixtables: IFUs, or exposures, in one pixel table."""

from collections.abc import Sequence
from typing import Literal

from pipeline.algorithms.exposure import group_exposures, merge
from pipeline.algorithms.flux_calibration import UNIT
from pipeline.algorithms.mosaic import exposure_weights
from pipeline.algorithms.pixel_rows import write_pixels
from pipeline.algorithms.positioned import wcs_keywords, write_positioned
from pipeline.algorithms.positions import find_offset, offset_keywords
from pipeline.algorithms.reduced_tables import (
    check_reduced,
    place_table,
    whole_table,
)
from pipeline.algorithms.single_step import PIXTABLE, RESTORED, StepParams, unit_of
from pipeline.spec import (
    Frames,
    Input,
    Outputs,
    PixelTable,
    PixelWriter,
    Product,
    Value,
    param,
    recipe,
    table_of,
)


class CombinePixtablesParams(StepParams):
    """Parameters of the combination."""

    weight: Literal["exptime", "fwhm", "none"] = param(
        "exptime",
        doc="Weights of several exposures: exposure time, it over the seeing, or equal.",
    )


@recipe(
    name="muse_scipost_combine_pixtables",
    scope="exposure",
    params=CombinePixtablesParams,
    inputs=[
        Input("PIXTABLE_OBJECT", "pixels", raw=True, doc="Pixel tables."),
        Input(
            "OFFSET_LIST",
            "table",
            n_max=1,
            per_ifu=False,
            optional=True,
            doc="Offsets of several exposures.",
        ),
    ],
    products=[
        Product(
            "PIXTABLE_COMBINED",
            "pixels",
            "Pixels of all IFUs of an exposure, or of several exposures.",
            unit=UNIT,
        ),
    ],
    qc=[],
)
def scipost_combine_pixtables(
    frames: Frames, params: CombinePixtablesParams, out: Outputs
) -> None:
    """Put pixel tables into one: the IFUs of an exposure, or several exposures.

    A step of muse_scipost on its own. Of one exposure, the first step: the IFUs are
    brought to one flux scale and the mean spectrum of the lamp that the flat fields took
    out is put back. Of several exposures, a late one: each must be a single table in
    native coordinates, as muse_scipost_apply_astrometry makes it; they are placed at
    their pointing, corrected by the OFFSET_LIST, and weighted.
    """
    groups = group_exposures(frames["PIXTABLE_OBJECT"])
    if len(groups) > 1:
        _combine(groups, frames, params, out)
    else:
        _merge(groups[0], params, out)


def _merge(
    tables: Sequence[PixelTable], params: CombinePixtablesParams, out: Outputs
) -> None:
    """Write the IFUs of an exposure as one table."""
    pixels = merge(tables)
    words: dict[str, Value] = {f"{PIXTABLE} MERGED": len(tables)}
    if pixels.has_lamp:
        words[RESTORED] = len(tables)
    unit = unit_of(pixels.header)

    def open_writer(n_rows: int) -> PixelWriter:
        return out.pixels(
            "PIXTABLE_COMBINED", n_rows, unit=unit, header=words, like=tables[0]
        )

    writer = write_pixels(pixels, lambda found: found, params.limits, open_writer)
    offsets = {k: v for k, v in pixels.header.items() if k.endswith(" XOFFSET")}
    writer.header.update(offsets)


def _combine(
    groups: Sequence[Sequence[PixelTable]],
    frames: Frames,
    params: CombinePixtablesParams,
    out: Outputs,
) -> None:
    """Write several exposures as one table, with RA and DEC."""
    tables = [whole_table(group) for group in groups]
    for table in tables:
        check_reduced(table, tables[0])
    headers = [table.header for table in tables]
    offsets = table_of(frames, "OFFSET_LIST")
    found = [find_offset(offsets, header) for header in headers]
    weights = exposure_weights(headers, params.weight)
    exposures = [
        place_table(table, offset, weight, params.limits)
        for table, offset, weight in zip(tables, found, weights, strict=True)
    ]
    write_positioned(
        out,
        "PIXTABLE_COMBINED",
        exposures,
        headers,
        unit=unit_of(headers[0]),
        like=tables[0],
        keywords={**wcs_keywords(headers[0]), **offset_keywords(headers, found)},
        weighted=params.weight != "none",
    )
