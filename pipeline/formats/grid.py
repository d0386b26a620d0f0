"""Coordinate systems of cubes, from files with or without the cube."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.scan import Unit, scan
from pipeline.spec import BadInput

_AXES = ("RA---TAN", "DEC--TAN")


@dataclass
class GridFile:
    """A coordinate system on disk; implements `pipeline.spec.GridFrame`."""

    path: Path
    tag: str
    header: Keywords = field(repr=False)
    ifu: int | None = None

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name


def open_grid(path: Path, tag: str) -> GridFile:
    """Return the first coordinate system of a file on the tangent plane, else the first.

    Raises
    ------
    BadInput
        If the file is damaged or has none.
    """
    path = Path(path)
    units = [unit for unit in scan(path) if "CTYPE1" in unit.header]
    if not units:
        raise BadInput(
            "holds no coordinate system",
            file=path.name,
            keyword="CTYPE1",
            remedy=f"give {tag} a cube, or a header like that of a cube",
        )
    return GridFile(path, tag, _keywords(next(filter(_on_tangent_plane, units), units[0])))


def _on_tangent_plane(unit: Unit) -> bool:
    """Tell whether its first axes are those of a cube."""
    return tuple(str(unit.header.get(f"CTYPE{i}", "")).strip() for i in (1, 2)) == _AXES


def _keywords(unit: Unit) -> Keywords:
    """Return the keywords and the lengths of the axes, where there are two or three."""
    header = Keywords(read_cards(unit.header))
    shape = unit.shape
    if len(shape) > 1:
        header.update({f"NAXIS{i}": n for i, n in enumerate(reversed(shape), 1) if n})
    return header
