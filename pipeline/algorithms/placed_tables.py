"""Pixel tables in any of their three coordinates, ready to be resampled.

Pixels lie in the field [pix] as muse_scibasic writes them, on the native sphere after
muse_scipost_apply_astrometry, or at RA and DEC in a table that muse_scipost,
muse_exp_combine or muse_scipost_combine_pixtables positioned, of one exposure or several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from pipeline.algorithms.field import (
    TANGENT,
    FieldGrid,
    field_grid,
    in_pixels,
    pixel_matrix,
)
from pipeline.algorithms.pointing import number, spaxel
from pipeline.algorithms.positions import tangent_point
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.single_step import PIXTABLE
from pipeline.algorithms.slab import Sampled
from pipeline.kernels.project import plane_from_celestial
from pipeline.spec import BadInput, Columns, Header, Pixels, PixelTable, Segment, Table

Coordinates = Literal["field", "native", "celestial"]


def coordinates(table: PixelTable) -> Coordinates:
    """Tell what the positions of a pixel table are.

    Raises
    ------
    BadInput
        If its header says something unknown.
    """
    state = str(table.header.get(f"{PIXTABLE} WCS", ""))
    if state.startswith("projected"):
        return "native"
    if state.startswith("positioned"):
        return "celestial"
    if state:
        raise BadInput(
            f"is {state!r}: neither projected nor positioned, and not absent",
            file=table.name,
            keyword=f"{PIXTABLE} WCS",
            remedy="restore the keyword; a table in pixels of the field has none",
        )
    return "field"


def place(table: PixelTable, limits: tuple[float, float]) -> list[PlacedExposure]:
    """Return the exposures of a table where its coordinates say that they are.

    Exposures of a combined table have the weight that its column ``weight`` tells at
    their first pixel.

    Parameters
    ----------
    table
        Its pixels.
    limits
        Wavelengths to keep [Angstrom].
    """
    kind = coordinates(table)
    if kind == "field":
        whole = Sampled(table, *limits)
        return [PlacedExposure(whole, (), pixel_matrix(table.header), TANGENT)]
    if kind == "native":
        tangent = tangent_point(table.header, None)
        return [PlacedExposure(Sampled(table, *limits), (), None, tangent)]
    tangent = number(table.header, "CRVAL1"), number(table.header, "CRVAL2")

    def on_plane(pixels: Pixels) -> Pixels:
        x, y = plane_from_celestial(pixels.xpos, pixels.ypos, tangent)
        return pixels._replace(xpos=x, ypos=y)

    return [
        PlacedExposure(
            Sampled(part, *limits), (on_plane,), np.eye(3), tangent, weight=_weight(part)
        )
        for part in by_exposure(table)
    ]


def grid_in_field(
    exposures: Sequence[PlacedExposure],
    header: Header,
    spacing: tuple[float, float],
    step: float,
) -> FieldGrid:
    """Return the grid along the axes of the field that just holds its pixels.

    Parameters
    ----------
    exposures, header
        One exposure in coordinates of the field and its header.
    spacing, step
        Size of a voxel along x and y [pix] and wavelength [Angstrom].
    """
    size = spaxel(header)
    return field_grid(in_pixels(exposures[0].extent(TANGENT), size), size, spacing, step)


@dataclass(frozen=True)
class TablePart:
    """Consecutive rows of a pixel table; a `pipeline.spec.PixelTable` itself."""

    whole: PixelTable
    first: int
    last: int
    segments: Sequence[Segment]

    @property
    def name(self) -> str:
        """Name of the whole table."""
        return self.whole.name

    @property
    def tag(self) -> str:
        """Tag of the whole table."""
        return self.whole.tag

    @property
    def ifu(self) -> int | None:
        """IFU of the whole table."""
        return self.whole.ifu

    @property
    def header(self) -> Header:
        """Keywords of the whole table."""
        return self.whole.header

    @property
    def n_rows(self) -> int:
        """Number of pixels."""
        return self.last - self.first

    def read(self, rows: slice) -> Pixels:
        """Return some rows."""
        return self.whole.read(self._of_whole(rows))

    def read_further(self, rows: slice) -> Columns:
        """Return some rows of the further columns."""
        return self.whole.read_further(self._of_whole(rows))

    def fill(self, parts: Sequence[slice], out: Pixels) -> None:
        """Read several ranges of rows into columns."""
        self.whole.fill([self._of_whole(rows) for rows in parts], out)

    def flat_spectrum(self) -> Table | None:
        """Return the lamp-flat spectrum, if there is one."""
        return self.whole.flat_spectrum()

    def _of_whole(self, rows: slice) -> slice:
        """Return where some rows stand in the whole table."""
        start, stop, _ = rows.indices(self.n_rows)
        return slice(self.first + start, self.first + max(start, stop))


def by_exposure(table: PixelTable) -> list[PixelTable]:
    """Return the rows of each exposure of a table as a table; the table if it has one."""
    numbers = [segment.exposure for segment in table.segments]
    changes = [i for i, (a, b) in enumerate(pairwise(numbers), 1) if a != b]
    if not changes:
        return [table]
    parts: list[PixelTable] = []
    for start, stop in pairwise([0, *changes, len(numbers)]):
        some = table.segments[start:stop]
        first = some[0].start
        moved = [s._replace(start=s.start - first, stop=s.stop - first) for s in some]
        parts.append(TablePart(table, first, some[-1].stop, moved))
    return parts


def _weight(part: PixelTable) -> float:
    """Return the weight of an exposure; 1 if the table tells none."""
    weight = part.read_further(slice(0, 1)).get("weight")
    return 1.0 if weight is None else float(weight[0])
