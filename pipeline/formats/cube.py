"""Data cubes on disk: DATA and mostly STAT, and images in further extensions.

A voxel without data is NaN in both; there is no DQ extension. Planes are written as
they are made, in any order and from any thread, and read with ``pread``.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.euro3d import as_euro3d
from pipeline.formats.extension import Extension, image_extension
from pipeline.formats.headers import plane_keywords
from pipeline.formats.product import product_keywords
from pipeline.formats.scan import Unit, scan
from pipeline.formats.stream import Part, StreamedFits
from pipeline.spec import BadInput, Image2D, Planes, Spaxels, Value

_PLANES = ("DATA", "STAT")
_SQUARES = {
    "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)": (
        "10**(-40)erg**2.s**(-2).cm**(-4).angstrom**(-2)"
    )
}
"""Units of variances that ESO's data standard spells out."""


@dataclass
class CubeFile:
    """A cube on disk; implements `pipeline.spec.CubeFrame`."""

    path: Path
    tag: str
    header: Keywords = field(repr=False)
    units: dict[str, Unit] = field(repr=False)
    ifu: int | None = None

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """Planes, rows and columns."""
        n_planes, ny, nx = self.units["DATA"].shape
        return n_planes, ny, nx

    def read(self, planes: slice) -> Planes:
        """Return DATA, DQ (missing where not finite) and STAT of some planes.

        Where the file has no STAT, the variance is 0.
        """
        data = self._plane("DATA", planes)
        missing = np.uint32(Flag.MISSING_DATA)
        dq = np.where(np.isfinite(data), np.uint32(0), missing).astype(np.uint32)
        stat = self._plane("STAT", planes) if "STAT" in self.units else np.zeros_like(data)
        return Planes(data, dq, stat)

    def _plane(self, name: str, planes: slice) -> NDArray[np.float32]:
        """Return some planes of one extension."""
        unit = self.units[name]
        n_planes, ny, nx = self.shape
        start, stop, _ = planes.indices(n_planes)
        stop = max(start, stop)
        kind = np.dtype(">f8" if int(unit.header["BITPIX"]) == -64 else ">f4")
        size = ny * nx * kind.itemsize
        fd = os.open(self.path, os.O_RDONLY)
        try:
            data = os.pread(fd, size * (stop - start), unit.offset + size * start)
        finally:
            os.close(fd)
        values = np.frombuffer(data, kind).reshape(stop - start, ny, nx)
        return values.astype(np.float32)


def open_cube(path: Path, tag: str) -> CubeFile:
    """Return a cube; nothing but headers is read.

    Raises
    ------
    BadInput
        If the file is damaged or holds no cube.
    """
    path = Path(path)
    units = scan(path)
    found = {u.name: u for u in units if len(u.shape) == 3 and int(u.header["BITPIX"]) < 0}
    first = next(iter(found.values()), None)
    if first is None:
        raise BadInput(
            "holds no cube",
            file=path.name,
            keyword="NAXIS",
            remedy=f"give {tag} a file with a cube in its extension DATA",
        )
    if "DATA" not in found:
        found["DATA"] = first
    primary, own = read_cards(units[0].header), read_cards(found["DATA"].header)
    header = Keywords(primary, own.comments)
    header.update({k: v for k, v in own.items() if k not in ("EXTNAME", "OBJECT")})
    return CubeFile(path, tag, header, found)


class CubeProduct:
    """A cube under way; implements `pipeline.spec.CubeWriter`."""

    def __init__(
        self,
        path: Path,
        header: Keywords,
        shape: tuple[int, int, int],
        *,
        unit: str,
        wcs: Mapping[str, Value],
        spare: int = 0,
        variance: bool = True,
        spaxels: Spaxels | None = None,
    ) -> None:
        self.path, self.header = path, header
        self.qc: dict[str, Value] = {}
        self._spaxels = spaxels
        self._images: list[Extension] = []
        self._planes = _PLANES if variance else _PLANES[:1]
        parts = [Part(product_keywords(header, {}), spare=spare)]
        for plane in self._planes:
            words = plane_keywords(plane, unit, present=self._planes, wcs=wcs)
            if plane == "STAT" and unit in _SQUARES:
                words["BUNIT"] = _SQUARES[unit]
            if "OBJECT" in header:
                words["OBJECT"] = f"{header['OBJECT']} ({plane})"
            parts.append(Part(words, "f4", shape))
        self._file = StreamedFits(path, parts)

    def write(self, planes: slice, data: Planes) -> None:
        """Store DATA and STAT of some planes; flagged voxels become NaN."""
        start, flagged = planes.start or 0, data.dq != 0
        some_are = flagged.any()
        for i, values in enumerate((data.data, data.stat)[: len(self._planes)], 1):
            if some_are:
                values = np.where(flagged, np.float32(np.nan), values)
            self._file.write(i, start, values.astype(np.float32, copy=False))

    def write_images(self, images: Mapping[str, Image2D]) -> None:
        """Append images as extensions of their names."""
        target = self.header.get("OBJECT")
        for name, image in images.items():
            self._images.extend(_image_units(name, image, target))

    def close(self) -> None:
        """Complete the file."""
        self._file.parts[0].keywords = product_keywords(self.header, self.qc)
        if self._spaxels is None:
            for image in self._images:
                self._file.append(image)
        self._file.close()
        if self._spaxels is not None:
            cube = open_cube(self.path, "")
            as_euro3d(cube, self.path, self._spaxels, self._images)

    def abort(self) -> None:
        """Give the file up."""
        self._file.abort()


def _image_units(name: str, image: Image2D, target: Value | None) -> Iterator[Extension]:
    """Yield the image extension of DATA and, where it keeps them, of flags and variance.

    ``target``: the OBJECT of the cube.
    """
    data, dq, stat = image.planes
    kept = {"DQ": image.keeps_flags, "STAT": image.keeps_variance}
    others = tuple(plane for plane, keeps in kept.items() if keeps)
    present = ("DATA", *others) if others else ()
    if not image.keeps_flags:
        data = np.where(dq == 0, data, np.float32(np.nan))
    words = plane_keywords("DATA", image.unit, present=present, wcs=image.header)
    for plane, keyword in (("DQ", "QUALDATA"), ("STAT", "ERRDATA")):
        if plane in others:
            words[keyword] = f"{name}_{plane}"
    if target is not None:
        words["OBJECT"] = f"{target} ({name})"
    yield image_extension(name, data.astype(np.float32), words)
    for plane in others:
        values = dq.astype(np.uint32).view(np.int32) if plane == "DQ" else stat
        words = plane_keywords(plane, image.unit, present=present, wcs=image.header)
        words["SCIDATA"] = name
        if target is not None:
            words["OBJECT"] = f"{target} ({name}, {plane})"
        yield image_extension(f"{name}_{plane}", values, words)
