"""Masters that are read once for several exposures."""

from pipeline.spec import ImageFrame, Planes


class LastRows:
    """An image that keeps the rows it has read last; a `pipeline.spec.ImageFrame`.

    Of use where exposures are read in turn and each needs the same rows of a master. It
    belongs to one thread, and nobody may change what it returns.
    """

    def __init__(self, image: ImageFrame) -> None:
        self._image = image
        self.name, self.tag, self.ifu = image.name, image.tag, image.ifu
        self.header, self.shape = image.header, image.shape
        self._rows = slice(0, 0)
        self._planes: Planes | None = None

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows."""
        if self._planes is None or rows != self._rows:
            self._planes, self._rows = self._image.read(rows), rows
        return self._planes
