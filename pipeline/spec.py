"""The vocabulary in which recipes declare themselves.

A recipe is a function ``run(frames, params, out)`` with a declaration. It reads
lazy frames and writes products as they are made; it knows neither paths nor the
database. This module imports neither astropy.io, SQLAlchemy nor Prefect, so that
association, QC, reports and flows can read every recipe without running it.

Conventions: header keywords are written without ``HIERARCH`` (``ESO DET OUT1 GAIN``);
images are ``[y, x]``, cubes ``[wavelength, y, x]``; rows are half-open slices.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import BadInput as BadInput
from pipeline.values import NO_HEADER as NO_HEADER
from pipeline.values import Columns as Columns
from pipeline.values import Header as Header
from pipeline.values import Image2D as Image2D
from pipeline.values import Pixels as Pixels
from pipeline.values import Planes as Planes
from pipeline.values import Segment as Segment
from pipeline.values import Spaxels as Spaxels
from pipeline.values import Table as Table
from pipeline.values import Value as Value
from pipeline.values import copy_rows as copy_rows

Kind = Literal["raw", "image", "table", "pixels", "cube", "wcs"]
Scope = Literal["ifu", "exposure", "target"]


# --- what a recipe reads ---------------------------------------------------------


class Frame(Protocol):
    """One input.

    ``name`` is the file name, for messages; ``header`` merges the primary header with
    that of the frame's own extension.
    """

    @property
    def name(self) -> str:
        """File name, for messages."""

    @property
    def tag(self) -> str:
        """Category tag."""

    @property
    def ifu(self) -> int | None:
        """The IFU, or None when the frame serves all."""

    @property
    def header(self) -> Header:
        """Keywords of the primary header and of the extension."""


class RawFrame(Frame, Protocol):
    """One IFU of a raw exposure, pre- and overscan included."""

    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102

    def read(self, rows: slice, columns: slice = slice(None)) -> NDArray[np.uint16]:
        """Return raw counts [adu], native uint16[n_rows, n_columns]."""

    def release(self) -> None:
        """Forget a decompressed image; it would be read again if asked for."""


class ImageFrame(Frame, Protocol):
    """A trimmed detector image (MASTER_BIAS, MASTER_FLAT, OBJECT_RED ...)."""

    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows."""


class TableFrame(Frame, Protocol):
    """A file of table extensions."""

    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102

    def read(self, name: str | None = None) -> Table:
        """Return the extension ``name``, or the first one of this frame's IFU."""


class PixelTable(Frame, Protocol):
    """Pixels of one or more IFUs and exposures with their coordinates."""

    @property
    def n_rows(self) -> int: ...  # noqa: D102

    @property
    def segments(self) -> Sequence[Segment]: ...  # noqa: D102

    def read(self, rows: slice) -> Pixels:
        """Return some rows."""

    def read_further(self, rows: slice) -> Columns:
        """Return some rows of the further columns, such as ``weight``, by name."""

    def fill(self, parts: Sequence[slice], out: Pixels) -> None:
        """Read several ranges of rows, one after the other, into columns of their length.

        Each range lies within one segment. Columns without any room are left out.
        """

    def flat_spectrum(self) -> Table | None:
        """Return the lamp-flat spectrum (lambda, data), if there is one."""


class CubeFrame(Frame, Protocol):
    """A data cube; ``header`` holds the WCS of its DATA extension."""

    @property
    def shape(self) -> tuple[int, int, int]: ...  # noqa: D102

    def read(self, planes: slice) -> Planes:
        """Return DATA, DQ (NaN counts as MISSING_DATA) and STAT of some planes."""


class GridFrame(Frame, Protocol):
    """A coordinate system; ``header`` holds its keywords and ``NAXISn``, where known."""


Frames = Mapping[str, Sequence[Any]]


def table_of(frames: Frames, tag: str) -> Table | None:
    """Return the first table of an optional input, or None."""
    found: Sequence[TableFrame] | None = frames.get(tag)
    return found[0].read() if found else None


# --- what a recipe writes --------------------------------------------------------


class Writer(Protocol):
    """A product under way.

    ``header`` and ``qc`` may be filled until the run ends, or the product is told to be
    complete; ``qc`` takes names without ``ESO`` (``QC BIAS MASTER1 RON``).
    """

    @property
    def header(self) -> MutableMapping[str, Value]: ...  # noqa: D102

    @property
    def qc(self) -> MutableMapping[str, Value]: ...  # noqa: D102


class ImageWriter(Writer, Protocol):
    """A detector or sky image; each row once, by `write` or by the other two."""

    def write(self, rows: slice, planes: Planes) -> None:
        """Store DATA, DQ and STAT of some rows."""

    def write_values(
        self, rows: slice, data: NDArray[np.float32], stat: NDArray[np.float32]
    ) -> None:
        """Store DATA and STAT of some rows whose flags are not known yet."""

    def write_flags(self, rows: slice, dq: NDArray[np.uint32]) -> None:
        """Store DQ of some rows."""


class ImageSpool(Protocol):
    """Rows of an image that are not finished, kept out of the memory."""

    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102

    def write(self, rows: slice, planes: Planes) -> None:
        """Keep some rows; those that are there already are replaced."""

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows that were written."""


class TableWriter(Writer, Protocol):
    """A file of table extensions."""

    def write(self, name: str, table: Table) -> None:
        """Append the table as extension ``name`` (``""``: named by the IFU)."""

    def write_parts(self, name: str, n_rows: int, parts: Iterable[Table]) -> None:
        """Append a long table in parts of some rows.

        ``parts``, ``n_rows`` rows in all, have the same columns and are made when the
        product is completed, so that the table is never in memory.
        """


class PixelWriter(Writer, Protocol):
    """A pixel table."""

    def write(self, rows: slice, pixels: Pixels) -> None:
        """Store some rows."""

    def write_extra(self, rows: slice, columns: Columns) -> None:
        """Store some rows of the further columns, float32[n] by name."""

    def write_flat_spectrum(self, table: Table) -> None:
        """Append the lamp-flat spectrum."""


class PixelPlaces(Protocol):
    """Where the pixels of a table lie, as a function of their row."""

    @property
    def segments(self) -> Sequence[Segment]: ...  # noqa: D102

    def places(self, rows: slice) -> Pixels:
        """Return some rows of which only coordinates and origin are set."""


class CubeWriter(Writer, Protocol):
    """A cube."""

    def write(self, planes: slice, data: Planes) -> None:
        """Store DATA and STAT of some planes (DQ too where the format has it)."""

    def write_images(self, images: Mapping[str, Image2D]) -> None:
        """Append reconstructed images as extensions."""


class Outputs(Protocol):
    """Where a recipe opens its products.

    ``like`` names the input whose header the product inherits, ``number`` the running
    number of numbered products (from 1).
    """

    def of_ifu(self, ifu: int) -> AbstractContextManager["Outputs"]:
        """Return where products of one IFU are opened by a recipe that serves them all.

        They are complete when the context ends.
        """

    def image(
        self,
        tag: str,
        shape: tuple[int, int],
        *,
        unit: str,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
    ) -> ImageWriter:
        """Open an image product."""

    def spool(self, shape: tuple[int, int]) -> AbstractContextManager[ImageSpool]:
        """Return where rows are kept that are not finished; gone when the context ends."""

    def complete(self, product: Writer) -> None:
        """Say that nothing more comes, so that its file is finished meanwhile.

        Products of which nothing is said are when the run ends.
        """

    def table(
        self,
        tag: str,
        *,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
    ) -> TableWriter:
        """Open a table product."""

    def pixels(
        self,
        tag: str,
        n_rows: int,
        *,
        unit: str,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
        extra: Sequence[str] = (),
        places: PixelPlaces | None = None,
    ) -> PixelWriter:
        """Open a pixel table; ``extra`` names further columns.

        ``places`` gives the same coordinates as the rows that will be written: a table
        that is handed to the next recipe need not store them.
        """

    def cube(
        self,
        tag: str,
        shape: tuple[int, int, int],
        *,
        unit: str,
        wcs: Header,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
        spaxels: Spaxels | None = None,
    ) -> CubeWriter:
        """Open a cube; with ``spaxels`` the file holds spectra (Euro3D) in the end."""


# --- declarations ----------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """Frames a recipe consumes, named by their FITS category tag.

    ``per_ifu``: the frame belongs to one IFU (raw exposures, MASTER_BIAS ...);
    otherwise it serves all (EXTINCT_TABLE ...). ``raw``: listed as ``RAWi`` in the
    provenance, else as ``CALi``. ``n_max``: 0 for no limit. ``unless``: tag of the raw
    frames with which it is not needed.
    """

    tag: str
    kind: Kind
    n_min: int = 1
    n_max: int = 0
    raw: bool = False
    per_ifu: bool = True
    optional: bool = False
    doc: str = ""
    unless: str = ""


@dataclass(frozen=True)
class Product:
    """Frame a recipe writes.

    File name: the tag, then ``_0001`` when ``numbered``, then ``-01`` (the IFU) for
    recipes of scope ``ifu``. ``optional``: written only on request or when possible.
    ``variance``: whether a cube has an extension STAT.
    ``is_map``: an image in the primary unit, without DQ and STAT.
    """

    tag: str
    kind: Kind
    doc: str
    unit: str = ""
    numbered: bool = False
    optional: bool = False
    variance: bool = True
    is_map: bool = False


@dataclass(frozen=True)
class QC:
    """Number a product carries; ``#`` in the name stands for a running number.

    ``name`` is the FITS keyword without ``ESO``; ``product`` the tag that carries it.
    """

    name: str
    product: str
    unit: str
    doc: str
    optional: bool = False


class Params(BaseModel):
    """Base of all recipe parameters: immutable, unknown names refused.

    Field names and defaults are those of the genuine pipeline; options that it does
    not have say so in their documentation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def param(default: Any, *, unit: str = "", doc: str, **bounds: Any) -> Any:
    """Declare one recipe parameter; ``bounds`` are pydantic's gt, ge, lt, le."""
    return Field(default, description=doc, json_schema_extra={"unit": unit}, **bounds)


Run = Callable[[Frames, Any, Outputs], None]


@dataclass(frozen=True)
class Recipe:
    """A declared recipe; ``run`` knows neither paths nor the database.

    ``scope`` ``ifu``: called once per IFU with the frames of that IFU; ``exposure``
    and ``target``: called once with the frames of all IFUs.
    """

    name: str
    version: str
    scope: Scope
    inputs: tuple[Input, ...]
    products: tuple[Product, ...]
    qc: tuple[QC, ...]
    params: type[Params]
    doc: str
    run: Run

    def input(self, tag: str) -> Input:
        """Return the declaration of the input ``tag``."""
        return next(i for i in self.inputs if i.tag == tag)

    def product(self, tag: str) -> Product:
        """Return the declaration of the product ``tag``."""
        return next(p for p in self.products if p.tag == tag)


REGISTRY: dict[str, Recipe] = {}


def recipe(
    *,
    name: str,
    version: str = "1.0",
    scope: Scope,
    params: type[Params],
    inputs: Sequence[Input],
    products: Sequence[Product],
    qc: Sequence[QC],
) -> Callable[[Run], Recipe]:
    """Turn a function into a registered `Recipe`; its docstring is the manual."""

    def register(run: Run) -> Recipe:
        if name in REGISTRY:
            raise ValueError(f"recipe {name!r} is declared twice")
        REGISTRY[name] = Recipe(
            name,
            version,
            scope,
            tuple(inputs),
            tuple(products),
            tuple(qc),
            params,
            cleandoc(run.__doc__ or ""),
            run,
        )
        return REGISTRY[name]

    return register


def blocks(n_rows: int, size: int = 64) -> Iterator[slice]:
    """Cut ``n_rows`` rows into consecutive slices of at most ``size``."""
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


@runtime_checkable
class Progress(Protocol):
    """Told how far a long step is."""

    def __call__(self, done: int, total: int) -> None:
        """Report ``done`` of ``total`` parts."""
