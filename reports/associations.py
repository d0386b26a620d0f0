"""The calibrations of a block as pages show them: one row a kind, the worst IFU's."""

from collections.abc import Iterable

from phoenix.db.models import Association as Row
from phoenix.db.models import Block
from reports.contexts import Association

STATIC = "static"


def _rank(row: Row) -> tuple[int, float]:
    """Order choices from the best to the worst."""
    return (row.level or 0, -(row.closeness if row.closeness is not None else 1.0))


def _one(rows: list[Row], rejected: Iterable[Row]) -> Association:
    """Return what the choices of one tag show: the worst of all IFUs stands for them."""
    worst = max(rows, key=_rank)
    names = sorted({row.name for row in rows})
    ifus = sorted({row.ifu for row in rows if row.ifu})
    name = names[0] if len(names) == 1 else f"{worst.name} and {len(names) - 1} more"
    if len(ifus) > 1 and len(names) > 1:
        name = f"{worst.name} (IFU {worst.ifu} of {len(ifus)})"
    return Association(
        tag=worst.tag,
        name=name,
        level=worst.level or 0,
        days=None if worst.source == STATIC else worst.dt_d,
        kelvin=worst.dtemp_k,
        closeness=worst.closeness,
        reason=worst.reason,
        rejected=tuple(dict.fromkeys(f"{row.name}: {row.reason}" for row in rejected)),
    )


def associations(block: Block) -> tuple[Association, ...]:
    """Return the chosen calibrations of a block by tag, with what was not chosen."""
    tags = dict.fromkeys(row.tag for row in block.associations)
    result = []
    for tag in tags:
        chosen = [row for row in block.associations if row.tag == tag and row.chosen]
        rejected = [row for row in block.associations if row.tag == tag and not row.chosen]
        if chosen:
            result.append(_one(chosen, rejected))
    return tuple(result)


def dated(items: Iterable[Association]) -> tuple[Association, ...]:
    """Return those with a distance in time (statics have none), the farthest first."""
    return tuple(sorted((a for a in items if a.days is not None), key=lambda a: a.percent))
