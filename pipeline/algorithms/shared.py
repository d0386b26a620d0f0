"""A calibration that several exposures need at the same rows."""

from dataclasses import dataclass, field

from pipeline.spec import Header, ImageFrame, Planes


@dataclass
class SharedImage:
    """An image that remembers the rows it gave last; a `pipeline.spec.ImageFrame`.

    Those who share it must not change what it returns.
    """

    image: ImageFrame
    _rows: slice | None = field(default=None, init=False, repr=False)
    _planes: Planes | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.name, self.tag, self.ifu = self.image.name, self.image.tag, self.image.ifu
        self.shape = self.image.shape
        self.header: Header = self.image.header

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows."""
        if self._planes is None or rows != self._rows:
            self._rows, self._planes = rows, self.image.read(rows)
        return self._planes
