"""Raw exposures: one uint16 image extension ``CHANnn`` per IFU, plain or compressed."""

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.rice import RiceRows, rice_rows
from pipeline.formats.scan import Unit, scan
from pipeline.instrument import size_of
from pipeline.spec import BadInput

_CHANNEL = re.compile(r"CHAN(\d\d)$")


@dataclass
class RawImage:
    """One IFU of a raw file; implements `pipeline.spec.RawFrame`."""

    path: Path
    tag: str
    ifu: int
    unit: Unit
    primary: Keywords = field(repr=False)

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name

    @cached_property
    def header(self) -> Keywords:
        """Keywords of the primary header and, over them, of the extension."""
        merged, own = read_cards(self.primary), read_cards(self.unit.header)
        own.pop("EXTNAME", None)
        merged.update(own)
        merged.comments.update(own.comments)
        return merged

    @cached_property
    def compressed(self) -> bool:
        """Whether the extension is a tile-compressed image."""
        return bool(self.unit.header.get("ZIMAGE", False))

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, pre- and overscan included."""
        prefix = "Z" if self.compressed else ""
        header = self.unit.header
        return int(header[f"{prefix}NAXIS2"]), int(header[f"{prefix}NAXIS1"])

    def read(self, rows: slice, columns: slice = slice(None)) -> NDArray[np.uint16]:
        """Return raw counts [adu], native uint16[n_rows, n_columns]."""
        start, stop, _ = rows.indices(self.shape[0])
        if self.compressed:
            return self._decompressed(slice(start, max(start, stop)), columns)
        nx = self.shape[1]
        fd = os.open(self.path, os.O_RDONLY)
        try:
            data = os.pread(fd, 2 * nx * (stop - start), self.unit.offset + 2 * nx * start)
        finally:
            os.close(fd)
        if len(data) < 2 * nx * (stop - start):
            raise _bad(self, "is truncated", "fetch the file again")
        stored = np.frombuffer(data, ">u2").reshape(stop - start, nx)[:, columns]
        counts = stored.astype(np.uint16, order="C")
        counts ^= np.uint16(0x8000)
        return counts

    def _decompressed(self, rows: slice, columns: slice) -> NDArray[np.uint16]:
        """Return rows of a compressed image."""
        if self._rice is None:
            return np.ascontiguousarray(self._plane[rows, columns])
        try:
            return self._rice.read(rows, columns)
        except (OSError, ValueError) as error:
            raise _bad(
                self, f"cannot be decompressed ({error})", "fetch it again"
            ) from error

    @cached_property
    def _rice(self) -> RiceRows | None:
        """The rows of an image that is packed as raw frames are."""
        return rice_rows(self.path, self.unit)

    def release(self) -> None:
        """Forget a decompressed image; it would be read again if asked for."""
        self.__dict__.pop("_plane", None)

    @cached_property
    def _plane(self) -> NDArray[np.uint16]:
        """The whole image of an unusually packed extension, held until `release`."""
        from astropy.io import fits

        try:
            with fits.open(self.path, memmap=False) as units:
                data = units[f"CHAN{self.ifu:02d}"].data
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _bad(
                self, f"cannot be decompressed ({error})", "fetch it again"
            ) from error
        return np.ascontiguousarray(data, dtype=np.uint16)


def open_raw(path: Path, tag: str) -> dict[int, RawImage]:
    """Return the IFUs of a raw file, in ascending order; nothing but headers is read.

    Raises
    ------
    BadInput
        If the file is damaged, has no ``CHANnn`` or these are not raw MUSE images.
    """
    path = Path(path)
    units = scan(path)
    frames = {}
    for unit in units[1:]:
        channel = _CHANNEL.match(unit.name)
        if channel is None:
            continue
        frame = RawImage(path, tag, int(channel[1]), unit, units[0].header)
        _check(frame)
        frames[frame.ifu] = frame
    if not frames:
        raise BadInput(
            "has no extension of an IFU",
            file=path.name,
            keyword="EXTNAME",
            remedy=f"give {tag} a raw MUSE exposure, with extensions CHAN01 .. CHAN24",
        )
    return dict(sorted(frames.items()))


def _check(frame: RawImage) -> None:
    """Refuse an extension that holds no raw image of 16 bits and a known size."""
    header = frame.unit.header
    bits = header.get("ZBITPIX") if frame.compressed else header.get("BITPIX")
    if bits != 16 or header.get("BZERO", 0) != 32768:
        raise _bad(
            frame,
            f"has BITPIX {bits} and BZERO {header.get('BZERO', 0)} where raw frames have "
            "16 and 32768",
            "give a raw exposure, not a product",
        )
    try:
        size_of(frame.shape)
    except (ValueError, KeyError) as error:
        raise _bad(frame, str(error), "give an unbinned, whole raw exposure") from error


def _bad(frame: RawImage, problem: str, remedy: str) -> BadInput:
    """Return the complaint about one IFU of a file."""
    return BadInput(problem, file=frame.name, keyword=f"CHAN{frame.ifu:02d}", remedy=remedy)
