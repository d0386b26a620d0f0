"""Frames and products held in memory: a recipe runs in a test without any file.

They implement the protocols of `pipeline.spec` with plain arrays, and are strict where
files are strict: rows outside the product, wrong types and shapes are errors.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.spec import (
    Columns,
    Frame,
    Header,
    Image2D,
    PixelPlaces,
    Pixels,
    Planes,
    Segment,
    Spaxels,
    Table,
    Value,
    Writer,
    copy_rows,
)

_PIXEL_TYPES = ["f4", "f4", "f4", "f4", "u4", "f4", "u4"]


@dataclass
class MemoryRaw:
    """A raw frame: ``data`` uint16[ny, nx] [adu]."""

    data: NDArray[np.uint16]
    header: Header = field(default_factory=dict)
    tag: str = "BIAS"
    ifu: int | None = 1
    name: str = "memory.fits"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.data.shape[0], self.data.shape[1]

    def read(self, rows: slice, columns: slice = slice(None)) -> NDArray[np.uint16]:
        """Return raw counts [adu] of some rows."""
        return np.array(self.data[rows, columns], dtype=np.uint16, order="C")

    def release(self) -> None:
        """Forget nothing: the image is in memory for good."""


@dataclass
class MemoryImage:
    """A trimmed image: ``planes`` of [ny, nx] each."""

    planes: Planes
    header: Header = field(default_factory=dict)
    tag: str = "MASTER_BIAS"
    ifu: int | None = 1
    name: str = "memory.fits"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.planes.data.shape[0], self.planes.data.shape[1]

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows."""
        return _slab(self.planes, rows)


class MemorySpool(MemoryImage):
    """An image that is not finished."""

    def write(self, rows: slice, planes: Planes) -> None:
        """Keep some rows."""
        _store(self.planes, rows, planes, None)


@dataclass
class MemoryTable:
    """A file of table extensions, by name."""

    tables: Mapping[str, Table]
    header: Header = field(default_factory=dict)
    tag: str = "TRACE_TABLE"
    ifu: int | None = 1
    name: str = "memory.fits"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the extensions."""
        return tuple(self.tables)

    def read(self, name: str | None = None) -> Table:
        """Return the extension ``name``, or the first one."""
        return self.tables[self.names[0] if name is None else name]


@dataclass
class MemoryPixels:
    """A pixel table."""

    pixels: Pixels
    segments: Sequence[Segment]
    header: Header = field(default_factory=dict)
    tag: str = "PIXTABLE_OBJECT"
    ifu: int | None = None
    name: str = "memory.fits"
    flat: Table | None = None
    further: Columns = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Number of pixels."""
        return len(self.pixels.data)

    def read(self, rows: slice) -> Pixels:
        """Return some rows."""
        return Pixels._make(column[rows].copy() for column in self.pixels)

    def read_further(self, rows: slice) -> Columns:
        """Return some rows of the further columns."""
        return {name: column[rows].copy() for name, column in self.further.items()}

    def fill(self, parts: Sequence[slice], out: Pixels) -> None:
        """Read several ranges of rows into columns."""
        copy_rows(self.read, parts, out)

    def flat_spectrum(self) -> Table | None:
        """Return the lamp-flat spectrum, if there is one."""
        return self.flat


@dataclass
class MemoryCube:
    """A cube: ``planes`` of [wavelength, y, x] each."""

    planes: Planes
    header: Header = field(default_factory=dict)
    tag: str = "DATACUBE_FINAL"
    ifu: int | None = None
    name: str = "memory.fits"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Planes, rows and columns."""
        n_planes, ny, nx = self.planes.data.shape
        return n_planes, ny, nx

    def read(self, planes: slice) -> Planes:
        """Return DATA, DQ and STAT of some planes."""
        return _slab(self.planes, planes)


def _slab(planes: Planes, rows: slice) -> Planes:
    """Return contiguous copies of some rows or planes."""
    return Planes._make(np.array(plane[rows], order="C") for plane in planes)


# --- products --------------------------------------------------------------------


@dataclass(kw_only=True)
class MemoryProduct:
    """What every product keeps: how it was opened, its keywords and QC."""

    tag: str
    unit: str = ""
    number: int | None = None
    like: Frame | None = None
    header: MutableMapping[str, Value] = field(default_factory=dict)
    qc: MutableMapping[str, Value] = field(default_factory=dict)


@dataclass(kw_only=True)
class MemoryImageWriter(MemoryProduct):
    """An image product; ``planes`` as far as written, ``rows`` what was."""

    planes: Planes
    rows: set[int] = field(default_factory=set)

    def write(self, rows: slice, planes: Planes) -> None:
        """Store DATA, DQ and STAT of some rows."""
        _store(self.planes, rows, planes, self.rows)

    def write_values(
        self, rows: slice, data: NDArray[np.float32], stat: NDArray[np.float32]
    ) -> None:
        """Store DATA and STAT of some rows."""
        _store((self.planes.data, self.planes.stat), rows, (data, stat), self.rows)

    def write_flags(self, rows: slice, dq: NDArray[np.uint32]) -> None:
        """Store DQ of some rows."""
        _store((self.planes.dq,), rows, (dq,), None)

    def frame(self) -> MemoryImage:
        """Return the product as an input of the next recipe."""
        ifu = self.like.ifu if self.like else None
        return MemoryImage(self.planes, {**self.header, **_eso(self.qc)}, self.tag, ifu)


@dataclass(kw_only=True)
class MemoryCubeWriter(MemoryProduct):
    """A cube product."""

    planes: Planes
    rows: set[int] = field(default_factory=set)
    images: dict[str, Image2D] = field(default_factory=dict)
    spaxels: Spaxels | None = None

    def write(self, planes: slice, data: Planes) -> None:
        """Store some planes."""
        _store(self.planes, planes, data, self.rows)

    def write_images(self, images: Mapping[str, Image2D]) -> None:
        """Append reconstructed images."""
        self.images.update(images)

    def frame(self) -> MemoryCube:
        """Return the product as an input of the next recipe."""
        return MemoryCube(self.planes, {**self.header, **_eso(self.qc)}, self.tag)


@dataclass(kw_only=True)
class MemoryTableWriter(MemoryProduct):
    """A table product."""

    tables: dict[str, Table] = field(default_factory=dict)

    def write(self, name: str, table: Table) -> None:
        """Append the table as extension ``name``."""
        if name in self.tables:
            raise ValueError(f"{self.tag}: extension {name!r} is written twice")
        lengths = {len(column) for column in table.columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"{self.tag}: columns of different lengths {sorted(lengths)}")
        self.tables[name] = table

    def write_parts(self, name: str, n_rows: int, parts: Iterable[Table]) -> None:
        """Append a table in parts."""
        every = list(parts)
        first = every[0]
        columns = {
            key: np.concatenate([part.columns[key] for part in every])
            for key in first.columns
        }
        if any(len(column) != n_rows for column in columns.values()):
            raise ValueError(f"{self.tag}: the parts do not have {n_rows} rows")
        self.write(name, first._replace(columns=columns))

    def frame(self) -> MemoryTable:
        """Return the product as an input of the next recipe."""
        ifu = self.like.ifu if self.like else None
        return MemoryTable(self.tables, {**self.header, **_eso(self.qc)}, self.tag, ifu)


@dataclass(kw_only=True)
class MemoryPixelWriter(MemoryProduct):
    """A pixel table; ``segments`` must be given before it becomes a frame."""

    pixels: Pixels
    rows: set[int] = field(default_factory=set)
    flat: Table | None = None
    extra: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def write(self, rows: slice, pixels: Pixels) -> None:
        """Store some rows."""
        _store(self.pixels, rows, pixels, None)

    def write_extra(self, rows: slice, columns: Columns) -> None:
        """Store some rows of the further columns."""
        for name, values in columns.items():
            _store([self.extra[name]], rows, [values], None)

    def write_flat_spectrum(self, table: Table) -> None:
        """Append the lamp-flat spectrum."""
        self.flat = table

    def frame(self, segments: Sequence[Segment]) -> MemoryPixels:
        """Return the product as an input of the next recipe."""
        ifu = self.like.ifu if self.like else None
        header = {**self.header, **_eso(self.qc)}
        name = f"{self.tag}.fits"
        return MemoryPixels(
            self.pixels, segments, header, self.tag, ifu, name, self.flat, self.extra
        )


def _eso(qc: Mapping[str, Value]) -> dict[str, Value]:
    """Return QC values under their full keywords."""
    return {f"ESO {name}": value for name, value in qc.items()}


def _store(
    target: Sequence[NDArray[Any]],
    rows: slice,
    source: Sequence[NDArray[Any]],
    written: set[int] | None,
) -> None:
    """Copy a slab into the product's arrays; types and shapes must agree."""
    for there, here in zip(target, source, strict=True):
        if here.dtype != there.dtype:
            raise TypeError(f"{here.dtype} written, {there.dtype} expected")
        if there[rows].shape != here.shape:
            raise ValueError(f"shape {here.shape} written, {there[rows].shape} expected")
        there[rows] = here
    if written is not None:
        written.update(range(*rows.indices(len(target[0]))))


@dataclass
class MemoryOutputs:
    """Products by tag, in the order in which they were opened."""

    products: dict[str, list[Any]] = field(default_factory=dict)

    def __getitem__(self, tag: str) -> Any:
        """Return the only product of a tag."""
        (product,) = self.products[tag]
        return product

    def __contains__(self, tag: str) -> bool:
        """Tell whether a product of the tag was opened."""
        return tag in self.products

    @contextmanager
    def of_ifu(self, ifu: int) -> Iterator["MemoryOutputs"]:  # noqa: ARG002
        """Return where products of one IFU are opened: here."""
        yield self

    def complete(self, product: Writer) -> None:
        """Do nothing: a product in memory has no file."""

    def image(
        self,
        tag: str,
        shape: tuple[int, int],
        *,
        unit: str,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
    ) -> MemoryImageWriter:
        """Open an image product."""
        product = MemoryImageWriter(
            planes=_empty(shape), unit=unit, **_opened(tag, number, like, header)
        )
        self._add(product)
        return product

    @contextmanager
    def spool(self, shape: tuple[int, int]) -> Iterator[MemorySpool]:
        """Return where rows are kept that are not finished."""
        yield MemorySpool(_empty(shape))

    def table(
        self,
        tag: str,
        *,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
    ) -> MemoryTableWriter:
        """Open a table product."""
        product = MemoryTableWriter(**_opened(tag, number, like, header))
        self._add(product)
        return product

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
        places: PixelPlaces | None = None,  # noqa: ARG002
    ) -> MemoryPixelWriter:
        """Open a pixel table."""
        empty = Pixels._make(np.zeros(n_rows, dtype=t) for t in _PIXEL_TYPES)
        product = MemoryPixelWriter(
            pixels=empty,
            unit=unit,
            extra={name: np.zeros(n_rows, np.float32) for name in extra},
            **_opened(tag, number, like, header),
        )
        self._add(product)
        return product

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
    ) -> MemoryCubeWriter:
        """Open a cube."""
        keywords = _opened(tag, number, like, {**(header or {}), **wcs})
        planes = _empty(shape)
        product = MemoryCubeWriter(planes=planes, unit=unit, spaxels=spaxels, **keywords)
        self._add(product)
        return product

    def _add(self, product: MemoryProduct) -> None:
        """Remember a product."""
        self.products.setdefault(product.tag, []).append(product)


def _opened(
    tag: str, number: int | None, like: Frame | None, header: Header | None
) -> dict[str, Any]:
    """Return what all products keep; keywords are those of ``like``, then ``header``."""
    inherited = {**(like.header if like else {}), **(header or {})}
    return {"tag": tag, "number": number, "like": like, "header": inherited}


def _empty(shape: tuple[int, ...]) -> Planes:
    """Return planes without data: NaN, flags 0, NaN."""
    nan = np.full(shape, np.nan, np.float32)
    return Planes(nan, np.zeros(shape, np.uint32), nan.copy())
