"""Images in the primary unit, without DQ and STAT: masks of the field (SKY_MASK), maps.

`pipeline.formats.image.open_images` reads them.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import Keywords
from pipeline.formats.product import product_keywords
from pipeline.formats.stream import Part, StreamedFits
from pipeline.spec import Planes, Value


class MaskProduct:
    """A mask under way; implements `pipeline.spec.ImageWriter`: 1 where DATA is not 0."""

    def __init__(
        self, path: Path, header: Keywords, shape: tuple[int, int], *, spare: int = 0
    ) -> None:
        self.path, self.header = path, header
        self.qc: dict[str, Value] = {}
        keywords = product_keywords(header, {})
        self._file = StreamedFits(path, [Part(keywords, "i4", shape, spare=spare)])

    def write(self, rows: slice, planes: Planes) -> None:
        """Store some rows."""
        self.write_values(rows, planes.data, planes.stat)

    def write_values(
        self,
        rows: slice,
        data: NDArray[np.float32],
        stat: NDArray[np.float32],  # noqa: ARG002
    ) -> None:
        """Store some rows; masks have no variance."""
        chosen = (np.isfinite(data) & (data != 0)).astype(np.int32)
        self._file.write(0, rows.start or 0, chosen)

    def write_flags(self, rows: slice, dq: NDArray[np.uint32]) -> None:
        """Do nothing: masks have no flags."""

    def close(self) -> None:
        """Complete the file."""
        self._file.parts[0].keywords = product_keywords(self.header, self.qc)
        self._file.close()

    def abort(self) -> None:
        """Give the file up."""
        self._file.abort()


class MapProduct:
    """An image of which only DATA counts; implements `pipeline.spec.ImageWriter`."""

    def __init__(
        self,
        path: Path,
        header: Keywords,
        shape: tuple[int, int],
        *,
        unit: str,
        spare: int = 0,
    ) -> None:
        self.path, self.header = path, header
        header["BUNIT"] = unit
        self.qc: dict[str, Value] = {}
        keywords = product_keywords(header, {})
        self._file = StreamedFits(path, [Part(keywords, "f4", shape, spare=spare)])

    def write(self, rows: slice, planes: Planes) -> None:
        """Store some rows."""
        self.write_values(rows, planes.data, planes.stat)

    def write_values(
        self,
        rows: slice,
        data: NDArray[np.float32],
        stat: NDArray[np.float32],  # noqa: ARG002
    ) -> None:
        """Store some rows; maps have no variance."""
        self._file.write(0, rows.start or 0, data)

    def write_flags(self, rows: slice, dq: NDArray[np.uint32]) -> None:
        """Do nothing: maps have no flags."""

    def close(self) -> None:
        """Complete the file."""
        self._file.parts[0].keywords = product_keywords(self.header, self.qc)
        self._file.close()

    def abort(self) -> None:
        """Give the file up."""
        self._file.abort()
