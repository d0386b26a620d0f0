"""Products on disk: opened in a hidden folder, completed when the recipe has ended."""

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar

from pipeline.formats.cards import Keywords
from pipeline.formats.cube import CubeProduct
from pipeline.formats.image import ImageProduct
from pipeline.formats.kept_pixels import KeptPixels, KeptTable
from pipeline.formats.mask import MapProduct, MaskProduct
from pipeline.formats.pixtable_writer import PixelTableProduct
from pipeline.formats.product import ProductFile
from pipeline.formats.spool import SpooledImage
from pipeline.formats.tables import TableProduct
from pipeline.parallel import begin
from pipeline.provenance import Origin, file_name
from pipeline.spec import (
    QC,
    Frame,
    Header,
    Kind,
    PixelPlaces,
    Product,
    Recipe,
    Spaxels,
    Value,
    Writer,
)

log = logging.getLogger(__name__)

File = TypeVar("File", bound=ProductFile)


@dataclass(frozen=True)
class Produced:
    """A product on disk; ``ifu`` and ``number`` are None where there is none."""

    path: Path
    tag: str
    ifu: int | None
    number: int | None
    qc: dict[str, Value]


@dataclass
class Kept:
    """Pixel tables for the next recipe, which do not become files.

    Parameters
    ----------
    tags
        Which ones.
    files
        Closes their temporary files.
    tables
        What there is.
    """

    tags: frozenset[str]
    files: ExitStack
    tables: list[KeptTable] = field(default_factory=list)

    def file(self, folder: Path) -> int:
        """Return a new temporary file in a folder."""
        return self.files.enter_context(TemporaryFile(dir=folder, buffering=0)).fileno()


@dataclass
class _Opened:
    """A product under way; ``closed`` waits for its file, once nothing more comes."""

    declared: Product
    number: int | None
    file: ProductFile
    closed: Callable[[], None] | None = None


@dataclass
class FileOutputs:
    """Opens the products of one recipe call; implements `pipeline.spec.Outputs`.

    ``kept`` takes the pixel tables that are handed on.
    """

    recipe: Recipe
    folder: Path
    origin: Origin
    ifu: int | None
    kept: Kept | None = None
    _open: list[_Opened] = field(default_factory=list)
    _done: list[Produced] = field(default_factory=list)

    @contextmanager
    def of_ifu(self, ifu: int) -> Iterator["FileOutputs"]:
        """Return where products of one IFU are opened; they are completed at the end."""
        part = FileOutputs(self.recipe, self.folder, self.origin, ifu, self.kept)
        try:
            yield part
            self._done.extend(part.finish())
        except BaseException:
            part.abort()
            raise

    def image(
        self,
        tag: str,
        shape: tuple[int, int],
        *,
        unit: str,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
    ) -> ImageProduct | MaskProduct | MapProduct:
        """Open an image product; tags that end in ``_MASK`` are masks."""
        spare = self._spare(tag)
        is_map = self.recipe.product(tag).is_map

        def make(path: Path, words: Keywords) -> ImageProduct | MaskProduct | MapProduct:
            if tag.endswith("_MASK"):
                return MaskProduct(path, words, shape, spare=spare)
            if is_map:
                return MapProduct(path, words, shape, unit=unit, spare=spare)
            return ImageProduct(path, words, shape, unit=unit, spare=spare)

        return self._add(tag, "image", make, header, like, number)

    @contextmanager
    def spool(self, shape: tuple[int, int]) -> Iterator[SpooledImage]:
        """Return where rows are kept that are not finished; gone when the context ends."""
        with TemporaryFile(dir=self.folder, buffering=0) as file:
            yield SpooledImage(file.fileno(), shape)

    def table(
        self,
        tag: str,
        *,
        header: Header | None = None,
        like: Frame | None = None,
        number: int | None = None,
    ) -> TableProduct:
        """Open a table product."""
        return self._add(tag, "table", TableProduct, header, like, number)

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
    ) -> PixelTableProduct | KeptPixels:
        """Open a pixel table, on disk or for the next recipe."""
        spare, kept = self._spare(tag), self.kept

        def make(path: Path, words: Keywords) -> PixelTableProduct | KeptPixels:
            if kept is not None and tag in kept.tags and places is not None:
                fd = kept.file(self.folder)
                return KeptPixels(path, words, n_rows, places, fd, extra)
            return PixelTableProduct(
                path, words, n_rows, unit=unit, spare=spare, extra=extra
            )

        return self._add(tag, "pixels", make, header, like, number)

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
    ) -> CubeProduct:
        """Open a cube."""
        spare, variance = self._spare(tag), self.recipe.product(tag).variance

        def make(path: Path, words: Keywords) -> CubeProduct:
            return CubeProduct(
                path,
                words,
                shape,
                unit=unit,
                wcs=wcs,
                spare=spare,
                variance=variance,
                spaxels=spaxels,
            )

        return self._add(tag, "cube", make, header, like, number)

    def _add(
        self,
        tag: str,
        kind: Kind,
        make: Callable[[Path, Keywords], File],
        header: Header | None,
        like: Frame | None,
        number: int | None,
    ) -> File:
        """Open a declared product with its first keywords."""
        product = self.recipe.product(tag)
        if product.kind != kind:
            raise ValueError(f"{tag} is declared as {product.kind}, not {kind}")
        name = file_name(product, number, self.ifu)
        if any(opened.file.path.name == name for opened in self._open):
            raise ValueError(f"{name} is opened twice")
        words = self.origin.keywords(product, like, name)
        if self.ifu is not None:
            words["EXTNAME"] = f"CHAN{self.ifu:02d}"
            words.comments["EXTNAME"] = "extension name"
        words.update(header or {})
        words.comments.update(header.comments if isinstance(header, Keywords) else {})
        file = make(self.folder / name, words)
        self._open.append(_Opened(product, number, file))
        return file

    def _spare(self, tag: str) -> int:
        """Guess how many cards will come, from the declared QC."""
        declared = [q.name for q in self.recipe.qc if q.product == tag]
        return 40 + sum(48 if "SLICE#" in n else 4 if "#" in n else 1 for n in declared)

    def complete(self, product: Writer) -> None:
        """Have a thread bring a product to the disk; nothing more may come."""
        opened = next(opened for opened in self._open if opened.file is product)
        self._complete(opened.declared, opened.file)
        opened.closed = begin(opened.file.close)

    def finish(self) -> list[Produced]:
        """Complete all products and say what there is."""
        produced = sorted(self._done, key=lambda p: (p.ifu or 0, p.tag, p.number or 0))
        for opened in self._open:
            if opened.closed is None:
                self.complete(opened.file)
        for opened in self._open:
            assert opened.closed is not None
            opened.closed()
            file, tag = opened.file, opened.declared.tag
            if isinstance(file, KeptPixels):
                assert self.kept is not None
                self.kept.tables.append(file.table(tag, self.ifu))
                continue
            found = Produced(file.path, tag, self.ifu, opened.number, dict(file.qc))
            produced.append(found)
        self._open.clear()
        return produced

    def abort(self) -> None:
        """Remove what is under way."""
        for opened in self._open:
            if opened.closed is not None:
                with suppress(Exception):  # told already, or less than what was told
                    opened.closed()
            opened.file.abort()
        self._open.clear()

    def _complete(self, product: Product, file: ProductFile) -> None:
        """Date the product, document its QC, drop numbers that FITS cannot hold."""
        file.header["DATE"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        file.header.comments["DATE"] = "file creation date (UT)"
        declared = [q for q in self.recipe.qc if q.product == product.tag]
        for values in (file.header, file.qc):
            for name, value in list(values.items()):
                if isinstance(value, float) and not math.isfinite(value):
                    log.warning("%s: %s is %s and left out", file.path.name, name, value)
                    del values[name]
        for name in file.qc:
            match = next((q for q in declared if _is(q, name)), None)
            if match is None:
                log.warning("%s: %s is not declared", file.path.name, name)
            else:
                file.header.comments[f"ESO {name}"] = _comment(match)
        for q in declared:
            if not q.optional and not any(_is(q, name) for name in file.qc):
                log.warning("%s: %s is missing", file.path.name, q.name)


def _is(declared: QC, name: str) -> bool:
    """Tell whether a QC name follows a declaration."""
    return _pattern(declared.name).fullmatch(name) is not None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Return what matches the QC names of a declaration."""
    return re.compile(re.escape(name).replace(r"\#", r"\d+"))


def _comment(declared: QC) -> str:
    """Return the header comment of a QC value."""
    return f"[{declared.unit}] {declared.doc}" if declared.unit else declared.doc
