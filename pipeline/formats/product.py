"""What all product files share: keywords and QC filled until they are closed.

The runner opens every product in a hidden folder and calls ``close`` or ``abort``.
"""

from pathlib import Path
from typing import Protocol

from pipeline.formats.cards import Keywords
from pipeline.formats.headers import in_order
from pipeline.spec import Value


class ProductFile(Protocol):
    """A product under way on disk."""

    path: Path
    header: Keywords
    qc: dict[str, Value]

    def close(self) -> None:
        """Complete the file and bring it to the disk."""

    def abort(self) -> None:
        """Give the file up and remove it."""


def product_keywords(header: Keywords, qc: dict[str, Value]) -> Keywords:
    """Return the primary keywords of a product, ``qc`` among them, in ESO's order."""
    merged = Keywords(header)
    merged.update({f"ESO {name}": value for name, value in qc.items()})
    return in_order(merged)
