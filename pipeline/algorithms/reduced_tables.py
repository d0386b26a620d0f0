"""Pixel tables of reduced exposures, in native coordinates, ready to be combined."""

from collections.abc import Sequence

from pipeline.algorithms.positions import Offset, flux_scale, tangent_point
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.slab import Sampled
from pipeline.spec import BadInput, PixelTable


def whole_table(group: Sequence[PixelTable]) -> PixelTable:
    """Return the one table of an exposure; its IFUs must be merged."""
    if len(group) > 1:
        raise BadInput(
            f"is one of {len(group)} tables of the same exposure",
            file=group[1].name,
            keyword="DATE-OBS",
            remedy='give one table of all IFUs each, from muse_scipost save="individual"',
        )
    return group[0]


def check_reduced(table: PixelTable, first: PixelTable) -> None:
    """Refuse a table that is no reduced exposure or unlike the first one."""
    state = str(table.header.get("ESO DRS MUSE PIXTABLE WCS", ""))
    if not state.startswith("projected"):
        raise BadInput(
            f"is {state!r}, not 'projected': its pixels have no native coordinates",
            file=table.name,
            keyword="ESO DRS MUSE PIXTABLE WCS",
            remedy='reduce the exposure by muse_scipost with save="individual"',
        )
    for keyword in ("ESO DRS MUSE PIXTABLE FLUXCAL", "SPECSYS"):
        if table.header.get(keyword) != first.header.get(keyword):
            raise BadInput(
                f"is {table.header.get(keyword)!r}, but {first.header.get(keyword)!r} in "
                f"{first.name}",
                file=table.name,
                keyword=keyword,
                remedy="reduce all exposures with the same parameters",
            )


def place_table(
    table: PixelTable, offset: Offset | None, weight: float, limits: tuple[float, float]
) -> PlacedExposure:
    """Return an exposure with its place, weight and flux factor."""
    return PlacedExposure(
        Sampled(table, *limits),
        (),
        None,
        tangent_point(table.header, offset),
        weight=weight,
        scale=flux_scale(offset),
    )
