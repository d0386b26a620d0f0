"""One step of the reduction of pixel tables, on its own: each table in, the same out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.algorithms.flux_calibration import UNIT
from pipeline.algorithms.pixel_rows import write_pixels
from pipeline.spec import (
    BadInput,
    Header,
    Outputs,
    Params,
    Pixels,
    PixelTable,
    PixelWriter,
    Product,
    Value,
    param,
)

PIXTABLE = "ESO DRS MUSE PIXTABLE"
"""First words of the keywords that tell what was done to a pixel table."""

CALIBRATED, SUBTRACTED, RESTORED = (
    f"{PIXTABLE} {word}" for word in ("FLUXCAL", "SKYSUB", "FFCORR")
)
"""Keywords: fluxes are calibrated, the sky is subtracted, the lamp spectrum is in."""

REDUCED = Product(
    "PIXTABLE_REDUCED",
    "pixels",
    "The pixels after this step, a file for each one given.",
    unit=UNIT,
    numbered=True,
)
"""Product of all steps."""


class StepParams(Params):
    """Parameters of all steps."""

    lambdamin: float = param(
        4000.0, unit="Angstrom", doc="Cut off the data below this wavelength."
    )
    lambdamax: float = param(
        10000.0, unit="Angstrom", doc="Cut off the data above this wavelength."
    )

    @property
    def limits(self) -> tuple[float, float]:
        """Wavelengths kept [Angstrom]."""
        return self.lambdamin, self.lambdamax


@dataclass(frozen=True)
class Change:
    """What a step does to a pixel table.

    Parameters
    ----------
    step
        What becomes of some pixels; it may change the arrays it is given.
    keywords
        What the header says of it.
    pixels
        The pixels, if they are not read from the table as they are; the lamp-flat
        spectrum is then in them.
    original
        Name of a further column that keeps DATA as it was; empty for none.
    """

    step: Callable[[Pixels], Pixels]
    keywords: Mapping[str, Value]
    pixels: PixelTable | None = None
    original: str = ""


def change_tables(
    tables: Sequence[PixelTable],
    change_of: Callable[[PixelTable], Change],
    params: StepParams,
    out: Outputs,
    *,
    numbered: bool = True,
) -> None:
    """Write what becomes of each table; the numbers of the products follow theirs.

    ``numbered``: as the recipe declares its product.
    """
    for count, table in enumerate(tables, 1):
        number = count if numbered else None
        change = change_of(table)
        pixels = change.pixels or table
        keywords = dict(change.keywords)
        unit = unit_of({**table.header, **keywords})
        extra = (change.original,) if change.original else ()

        def open_writer(
            n_rows: int,
            table: PixelTable = table,
            keywords: Header = keywords,
            unit: str = unit,
            extra: Sequence[str] = extra,
            number: int | None = number,
        ) -> PixelWriter:
            return out.pixels(
                "PIXTABLE_REDUCED",
                n_rows,
                unit=unit,
                header=keywords,
                like=table,
                number=number,
                extra=extra,
            )

        writer = write_pixels(
            pixels,
            change.step,
            params.limits,
            open_writer,
            change.original,
        )
        lamp = pixels.flat_spectrum()
        if lamp is not None:
            writer.write_flat_spectrum(lamp)


def unit_of(header: Header) -> str:
    """Return the unit of the data of a pixel table, which its keywords tell."""
    return UNIT if header.get(CALIBRATED) else "count"


def refuse(table: PixelTable, keyword: str, done: str) -> None:
    """Refuse a table to which this was done already."""
    if table.header.get(keyword):
        raise BadInput(
            f"was {done} already",
            file=table.name,
            keyword=keyword,
            remedy="give the pixel table of the step before",
        )


def in_field(table: PixelTable) -> None:
    """Refuse a table whose positions are no longer pixels of the field."""
    state = str(table.header.get(f"{PIXTABLE} WCS", ""))
    if state.startswith(("projected", "positioned")):
        raise BadInput(
            f"is {state!r}: its positions are no longer in pixels of the field",
            file=table.name,
            keyword=f"{PIXTABLE} WCS",
            remedy="do this step before muse_scipost_apply_astrometry",
        )
