"""How shipped tables are written: one layout, their source and licence in the header."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

BUILD_DATE = "2026-11-20T00:00:00"
"""Constant, so that building again gives the same bytes."""


@dataclass(frozen=True)
class Extension:
    """One table extension: columns with their units, and keywords."""

    name: str
    columns: Mapping[str, tuple[NDArray[Any], str]]
    header: Mapping[str, bool | int | float | str] = field(default_factory=dict)

    def hdu(self) -> fits.BinTableHDU:
        """Return the FITS extension; doubles stay doubles, as CPL wants them."""
        columns = []
        for name, (values, unit) in self.columns.items():
            kind = values.dtype.kind
            form = {"f": "D" if values.dtype.itemsize == 8 else "E", "i": "J"}.get(kind)
            if form is None:
                values = np.char.encode(values.astype(str), "ascii")
                form = f"{values.dtype.itemsize}A"
            columns.append(fits.Column(name, form, unit=unit or None, array=values))
        hdu = fits.BinTableHDU.from_columns(columns)
        if self.name:
            hdu.header["EXTNAME"] = self.name
        hdu.header.update(self.header)
        return hdu


def write_static(
    path: Path,
    tag: str,
    extensions: Sequence[Extension | fits.ImageHDU],
    *,
    source: Sequence[str],
    licence: str,
    header: Mapping[str, bool | int | float | str] | None = None,
) -> None:
    """Write a static calibration with checksums.

    Parameters
    ----------
    path, tag
        File to write and its category (``ESO PRO CATG``).
    extensions
        Tables or images that follow the empty primary HDU.
    source, licence
        Where the numbers come from and under which terms; written as keywords.
    header
        Further keywords of the primary header.
    """
    primary = fits.PrimaryHDU()
    primary.header["DATE"] = (BUILD_DATE, "date of this compilation")
    primary.header["ORIGIN"] = "phoenix"
    primary.header["INSTRUME"] = "MUSE"
    primary.header["HIERARCH ESO PRO CATG"] = tag
    for number, text in enumerate(source, start=1):
        primary.header[f"SOURCE{number}"] = text
    primary.header["LICENSE"] = licence
    primary.header.update(header or {})
    with fits.conf.set_temp("extension_name_case_sensitive", True):
        hdus = [e.hdu() if isinstance(e, Extension) else e for e in extensions]
        fits.HDUList([primary, *hdus]).writeto(path, overwrite=True, checksum=True)
    _forget_checksum_dates(path)


def _forget_checksum_dates(path: Path) -> None:
    """Replace the time stamps that astropy puts into the comments of checksums."""
    with fits.open(path, mode="update", checksum=False) as hdus:
        for hdu in hdus:
            hdu.add_checksum(when=BUILD_DATE)
