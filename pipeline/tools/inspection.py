"""What the inspection tools share: reading products of one IFU, showing figures.

The tools take our products and those of the genuine pipeline, single or merged.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from pipeline.formats.tables import open_tables
from pipeline.spec import BadInput, Columns

Item = TypeVar("Item")

STYLE: Any = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11.0,
    "legend.frameon": False,
}


def of_ifu(found: Mapping[int | None, Item], ifu: int | None, path: Path) -> Item:
    """Return what a file holds of an IFU, or its first entry.

    Raises
    ------
    BadInput
        If the file holds nothing of this IFU.
    """
    if ifu is None and found:
        return next(iter(found.values()))
    if ifu not in found:
        raise BadInput(
            f"holds nothing of IFU {ifu}" if ifu else "is empty",
            file=path.name,
            keyword="EXTNAME",
            remedy="choose another IFU or another file",
        )
    return found[ifu]


def read_columns(path: Path, tag: str, ifu: int | None, names: Sequence[str]) -> Columns:
    """Return the columns of a table of an IFU.

    Raises
    ------
    BadInput
        If a column is missing.
    """
    columns = of_ifu(open_tables(path, tag), ifu, path).read().columns
    missing = [name for name in names if name not in columns]
    if missing:
        raise BadInput(
            f"is no {tag}: it has no column {missing[0]!r}",
            file=path.name,
            keyword="TTYPEn",
            remedy=f"give a {tag} of the recipe",
        )
    return columns


def new_figure(output: Path | None, width: float = 8.0, height: float = 6.0) -> Figure:
    """Return an empty figure for a file, or for the screen if ``output`` is None."""
    if output is not None:
        return Figure(figsize=(width, height), layout="constrained")
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), layout="constrained")


def show(figure: Figure, output: Path | None) -> None:
    """Write a figure to a file, whose suffix tells its kind, or show it on the screen."""
    if output is not None:
        figure.savefig(output, dpi=150)
        return
    from matplotlib import pyplot

    pyplot.show()


def slice_range(first: int, last: int, known: Sequence[int]) -> range:
    """Return slice numbers.

    Raises
    ------
    BadInput
        If none of them is known.
    """
    chosen = range(first, last + 1)
    if not set(chosen) & set(known):
        raise BadInput(
            f"there is no slice from {first} to {last}",
            keyword="-s1 -s2",
            remedy=f"choose slices from {min(known)} to {max(known)}",
        )
    return chosen
