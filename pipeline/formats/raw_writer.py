"""Raw exposures written, plain or compressed (see `pipeline.formats.raw`)."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.formats.cards import BLOCK


def write_raw(
    path: Path,
    primary: fits.Header,
    ifus: Mapping[int, tuple[NDArray[np.uint16], fits.Header]],
    compress: bool = False,
    more: Iterable[fits.ImageHDU | fits.BinTableHDU] = (),
) -> None:
    """Write a raw exposure, with CHECKSUM and DATASUM, aside and then in its place.

    Parameters
    ----------
    path
        The file; ``.fits.fz`` by custom when compressed.
    primary
        Cards of the primary header.
    ifus
        By IFU the counts, uint16[ny, nx] [adu], and the cards of the extension; taken
        one after the other, so a lazy mapping needs the memory of one IFU.
    compress
        Tile-compress with Rice, row by row.
    more
        Extensions behind those of the IFUs, as of the guiding system; not compressed.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
            file.write(_unit_bytes(fits.PrimaryHDU(header=primary)))
            for ifu, (counts, header) in ifus.items():
                kind = fits.CompImageHDU if compress else fits.ImageHDU
                name = f"CHAN{ifu:02d}"
                options = {"compression_type": "RICE_1"} if compress else {}
                hdu = kind(counts, header.copy(), name=name, uint=True, **options)
                file.write(_unit_bytes(hdu))
            for hdu in more:
                file.write(_unit_bytes(hdu))
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)


def _unit_bytes(
    hdu: fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU | fits.BinTableHDU,
) -> bytes:
    """Return one unit as it stands in a file, with CHECKSUM and DATASUM."""
    alone = isinstance(hdu, fits.PrimaryHDU)
    units = fits.HDUList([hdu] if alone else [fits.PrimaryHDU(), hdu])
    buffer = io.BytesIO()
    units.writeto(buffer, checksum=True)
    return buffer.getvalue()[0 if alone else BLOCK :]
