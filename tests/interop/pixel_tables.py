"""Pixel tables of made-up fields as files that both pipelines read."""

from pathlib import Path

from astropy.io import fits

from pipeline.formats.cards import Keywords
from pipeline.formats.pixtable_writer import PixelTableProduct

WORDS = {
    "INSTRUME": "MUSE",
    "EQUINOX": 2000.0,
    "ESO DRS MUSE PIXTABLE TYPE": "GEOFULL",
    "ESO TEL GEOLAT": -24.6268,
    "ESO TEL GEOLON": -70.4045,
    "ESO TEL AMBI TEMP": 11.5,
    "ESO TEL AMBI RHUM": 14.5,
    "ESO TEL AMBI PRES START": 743.0,
    "ESO TEL AMBI PRES END": 743.0,
    "ESO DRS MUSE FLAT FLUX LAMP": 1e6,
}
"""What the genuine recipes want to know beside the keywords of our own fields."""


def write_pixel_tables(folder: Path, tables, **words) -> list[tuple[Path, str]]:
    """Write pixel tables; return paths and tags."""
    written = []
    for table in tables:
        header = Keywords({**WORDS, **table.header, **words})
        header["EXTNAME"] = f"CHAN{table.ifu:02d}"
        for s in table.segments:
            name = f"IFU{s.ifu:02d} SLICE{s.slice:02d} XOFFSET"
            header[f"ESO DRS MUSE PIXTABLE EXP0 {name}"] = 0
        path = folder / f"{table.tag}_0001-{table.ifu:02d}.fits"
        writer = PixelTableProduct(path, header, table.n_rows, unit="count")
        writer.write(slice(0, table.n_rows), table.pixels)
        if table.flat is not None:
            writer.write_flat_spectrum(table.flat)
        writer.close()
        written.append((path, table.tag))
    return written


def write_response(path: Path, columns) -> tuple[Path, str]:
    """Write a response curve without lamp spectrum; return path and tag."""
    header = fits.Header()
    header["HIERARCH ESO INS MODE"] = "WFM-NOAO-N"
    units = {"lambda": "Angstrom"}
    found = [
        fits.Column(name, "D", units.get(name), array=column)
        for name, column in columns.items()
    ]
    table = fits.BinTableHDU.from_columns(found)
    fits.HDUList([fits.PrimaryHDU(header=header), table]).writeto(path)
    return path, "STD_RESPONSE"


def write_sof(path: Path, frames) -> Path:
    """Write a set of frames."""
    path.write_text("".join(f"{frame} {tag}\n" for frame, tag in frames))
    return path
