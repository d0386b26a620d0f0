"""A binary table as a part of a streamed file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.formats.cards import card
from pipeline.formats.stream import Part


@dataclass
class TablePart(Part):
    """A binary table whose rows are words of 4 bytes: ``columns`` are names and forms."""

    columns: Sequence[tuple[str, str]] = ()

    def _structure(self, first: bool) -> Iterator[str]:  # noqa: ARG002 (never)
        """Yield the cards that describe the layout."""
        n_rows, n_words = self.shape
        yield card("XTENSION", "BINTABLE", "binary table extension")
        yield card("BITPIX", 8, "8-bit bytes")
        yield card("NAXIS", 2, "2-dimensional table")
        yield card("NAXIS1", 4 * n_words, "width of table in bytes")
        yield card("NAXIS2", n_rows, "number of rows")
        yield card("PCOUNT", 0, "size of special data area")
        yield card("GCOUNT", 1, "one data group")
        yield card("TFIELDS", len(self.columns), "number of fields in each row")
        for number, (name, form) in enumerate(self.columns, 1):
            yield card(f"TTYPE{number}", name)
            yield card(f"TFORM{number}", form)
