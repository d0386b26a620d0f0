"""Arc lamps of exposures and the lines of the catalogue that they emit."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.spec import BadInput, Header, RawFrame, TableFrame

log = logging.getLogger(__name__)

VERSION = 3
"""Version of the line catalogue that recipes understand (genuine pipeline)."""

ELEMENTS = {3: ("Ne",), 4: ("Xe",), 5: ("Hg", "Cd"), 6: ("Ne",)}
"""Elements in the lamps of the calibration unit, by their number; 1 and 2 are continuum
lamps."""


@dataclass(frozen=True)
class ArcLines:
    """Some lines of the catalogue, sorted by wavelength.

    ``wavelength``: float64[n], in air [Angstrom]; ``flux``: float64[n] [count];
    ``element``: str[n]; ``quality``: int64[n], 0 unused, 1 identifies only, 2 multiplet,
    3 and 5 measured.
    """

    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    element: NDArray[np.str_]
    quality: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "ArcLines":
        """Return some lines, by mask or index."""
        return ArcLines(
            self.wavelength[chosen], self.flux[chosen], self.element[chosen],
            self.quality[chosen],
        )  # fmt: skip

    def of(self, elements: Sequence[str]) -> "ArcLines":
        """Return the lines of some elements."""
        return self.take(np.isin(self.element, elements))


@dataclass(frozen=True)
class ArcLamp:
    """Exposures with the same lamps on.

    ``numbers``: of the lamps; ``frames``: the raw exposures.
    """

    numbers: tuple[int, ...]
    frames: tuple[RawFrame, ...]

    @property
    def elements(self) -> tuple[str, ...]:
        """Elements that emit."""
        return tuple(dict.fromkeys(e for number in self.numbers for e in ELEMENTS[number]))

    @property
    def keyword(self) -> str:
        """Keyword that says that the first lamp is on, for messages."""
        return f"ESO INS LAMP{self.numbers[0]} ST"


def lamps_on(header: Header, file: str) -> tuple[int, ...]:
    """Return the numbers of the arc lamps whose light reaches the instrument.

    Raises
    ------
    BadInput
        If none does: a lamp counts if it is on and its shutter open.
    """
    found = tuple(
        number
        for number in ELEMENTS
        if header.get(f"ESO INS LAMP{number} ST") is True
        and header.get(f"ESO INS SHUT{number} ST") is True
    )
    if not found:
        raise BadInput(
            "no arc lamp is on with its shutter open",
            file=file,
            keyword="ESO INS LAMPn ST, ESO INS SHUTn ST",
            remedy="give arc exposures; n is 3 or 6 (Ne), 4 (Xe) or 5 (HgCd)",
        )
    return found


def group_by_lamp(frames: Sequence[RawFrame]) -> list[ArcLamp]:
    """Return the exposures of each setting of the lamps, in the order of the numbers."""
    groups: dict[tuple[int, ...], list[RawFrame]] = {}
    for frame in frames:
        groups.setdefault(lamps_on(frame.header, frame.name), []).append(frame)
    return [ArcLamp(numbers, tuple(groups[numbers])) for numbers in sorted(groups)]


def all_lamps(lamps: Sequence[ArcLamp]) -> ArcLamp:
    """Return the exposures of several lamps as if all were on at once."""
    numbers = sorted({number for lamp in lamps for number in lamp.numbers})
    return ArcLamp(tuple(numbers), tuple(frame for lamp in lamps for frame in lamp.frames))


def warn_of_lamps(lamps: Sequence[ArcLamp], catalogue: ArcLines) -> None:
    """Say which lamps of the catalogue no exposure shows."""
    given = {element for lamp in lamps for element in lamp.elements}
    known = set(catalogue.element.tolist())
    for elements in dict.fromkeys(ELEMENTS.values()):
        if known.intersection(elements) and not given.intersection(elements):
            log.warning(
                "no exposure shows %s: ESO INS LAMPn ST is true in none; all rests on the "
                "other lamps. Remedy: add arcs of this one",
                "+".join(elements),
            )


def read_catalogue(frame: TableFrame) -> ArcLines:
    """Read a LINE_CATALOG.

    Raises
    ------
    BadInput
        If it is of another version, lacks a column or is empty.
    """
    table = frame.read()
    version = table.header.get("VERSION", frame.header.get("VERSION"))
    if version != VERSION:
        raise BadInput(
            f"is {version!r} instead of {VERSION}",
            file=frame.name,
            keyword="VERSION",
            remedy="give the line catalogue shipped with the pipeline",
        )
    for column in ("lambda", "flux", "ion", "quality"):
        if column not in table.columns or len(table.columns[column]) == 0:
            raise BadInput(
                f"column {column} is missing or empty",
                file=frame.name,
                keyword="TTYPEn",
                remedy="give the line catalogue shipped with the pipeline",
            )
    ions = np.asarray(table.columns["ion"])
    if ions.dtype.kind == "S":
        ions = np.char.decode(ions, "ascii")
    lines = ArcLines(
        np.asarray(table.columns["lambda"], np.float64),
        np.asarray(table.columns["flux"], np.float64),
        np.array([str(ion).strip()[:2] for ion in ions]),
        np.asarray(table.columns["quality"], np.int64),
    )
    return lines.take(np.argsort(lines.wavelength, kind="stable"))
