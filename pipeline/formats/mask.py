"""Images in the primary unit, without DQ and STAT: masks of the field (SKY_MASK), maps.

`pipeline.formats.image.open_images` reads them.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import Keywords
from pipeline.formats.product import product_keywords
from pipeline.formats.stream import Part, StreamedFits
from pipeline.spec import Planes, Value


class _PrimaryImage:
    """An image under way in the primary unit; implements `pipeline.spec.ImageWriter`."""

    kind: str

    def __init__(
        self, path: Path, header: Keywords, shape: tuple[int, int], *, spare: int = 0
    ) -> None:
        self.path, self.header = path, header
        self.qc: dict[str, Value] = {}
        keywords = product_keywords(header, {})
        self._file = StreamedFits(path, [Part(keywords, self.kind, shape, spare=spare)])

    def write(self, rows: slice, planes: Planes) -> None:
        """Store some rows."""
        self.write_values(rows, planes.data, planes.stat)

    def write_values(
        self,
        rows: slice,
        data: NDArray[np.float32],
        stat: NDArray[np.float32],  # noqa: ARG002
    ) -> None:
        """Store some rows; there is no variance."""
        self._file.write(0, rows.start or 0, self._stored(data))

    def write_flags(self, rows: slice, dq: NDArray[np.uint32]) -> None:
        """Do nothing: there are no flags."""

    def _stored(self, data: NDArray[np.float32]) -> NDArray[Any]:
        """Return values as the file holds them."""
        return data

    def close(self) -> None:
        """Complete the file."""
        self._file.parts[0].keywords = product_keywords(self.header, self.qc)
        self._file.close()

    def abort(self) -> None:
        """Give the file up."""
        self._file.abort()


class MaskProduct(_PrimaryImage):
    """A mask: 1 where DATA is not 0."""

    kind = "i4"

    def _stored(self, data: NDArray[np.float32]) -> NDArray[Any]:
        """Return 1 for good values that are not 0."""
        return np.asarray(np.isfinite(data) & (data != 0), np.int32)


class MapProduct(_PrimaryImage):
    """An image of which only DATA counts."""

    kind = "f4"

    def __init__(
        self,
        path: Path,
        header: Keywords,
        shape: tuple[int, int],
        *,
        unit: str,
        spare: int = 0,
    ) -> None:
        header["BUNIT"] = unit
        super().__init__(path, header, shape, spare=spare)
