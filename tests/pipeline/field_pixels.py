"""Pixel tables of a mini field made up in memory: sky, and a star if wanted."""

import numpy as np

from pipeline.instrument import MINI
from pipeline.memory import MemoryPixels
from pipeline.spec import Pixels, Segment, Table
from pipeline.static import static_path

HEADER = {
    "DATE-OBS": "2026-09-03T03:50:00.456",
    "MJD-OBS": 61286.16,
    "EXPTIME": 60.0,
    "RA": 349.99333,
    "DEC": -5.165611,
    "ESO TEL AIRM START": 1.1,
    "ESO TEL AIRM END": 1.1,
    "ESO TEL PARANG START": 30.0,
    "ESO TEL PARANG END": 30.0,
    "ESO INS DROT MODE": "SKY",
    "ESO INS DROT POSANG": 0.0,
    "ESO INS MODE": "WFM-NOAO-N",
    "ESO OBS TARG NAME": "Feige110",
    "OBJECT": "Feige110",
}
"""An exposure of a standard star at airmass 1.1."""


def static_table(tag, size="mini"):
    """Return a shipped table as a frame."""
    from pipeline.formats.tables import open_tables

    (frame,) = open_tables(static_path(tag, size), tag).values()
    return frame


def lamp(wavelength):
    """Return the spectrum of the lamp that the flat field took out."""
    return 1 + 0.3 * np.sin(wavelength / 400)


def field_pixels(light, tag, ifus=(1, 2, 3, 4), seed=1, read_noise=3.0):
    """Return one pixel table per IFU.

    ``light(wavelength, x, y)``: float64[n], counts that a pixel holds before the flat
    field divided them by the lamp. IFU 2 has twice the flux of the others in its flat.
    """
    rng = np.random.default_rng(seed)
    wavelength = 5410 + 1.25 * np.arange(1264)
    return [_table(light, tag, ifu, wavelength, rng, read_noise) for ifu in ifus]


def _table(light, tag, ifu, wavelength, rng, read_noise):
    """Return the pixel table of an IFU."""
    columns = [[] for _ in range(5)]
    segments, start = [], 0
    n_x = int(MINI.slice_width)
    across = (0.5 - (np.arange(n_x) + 0.5) / n_x) * MINI.stack_width
    for number in range(1, MINI.n_slices + 1):
        x0, y0 = MINI.slice_centre(ifu, number)
        lam, x = np.meshgrid(wavelength + 0.4 * (number % 3), x0 + across, indexing="ij")
        lam, x = (lam + 0.04 * (x - x0)).ravel(), x.ravel()
        y = np.full(x.size, y0)
        signal = light(lam, x, y)
        gain = 2.0 if ifu == 2 else 1.0
        counts = rng.poisson(np.maximum(signal, 0)) + read_noise * rng.standard_normal(
            x.size
        )
        stat = np.maximum(counts, 0) + read_noise**2
        for column, values in zip(
            columns,
            (x, y, lam, gain * counts / lamp(lam), stat * (gain / lamp(lam)) ** 2),
            strict=True,
        ):
            column.append(values.astype(np.float32))
        segments.append(Segment(0, ifu, number, start, start + x.size))
        start += x.size
    x, y, lam, data, stat = (np.concatenate(column) for column in columns)
    column = np.tile(np.arange(n_x), wavelength.size)
    row = np.repeat(np.arange(wavelength.size) % 2048, n_x)
    place = (column << 24 | row << 11).astype(np.uint32)
    origin = np.concatenate([place | np.uint32(ifu << 6 | s.slice) for s in segments])
    header = {**HEADER, "ESO DRS MUSE FLAT FLUX SKY": 2e6 if ifu == 2 else 1e6}
    grid = np.arange(5350, 7100, 1.25)
    flat = Table({"lambda": grid, "data": lamp(grid)}, {"lambda": "Angstrom"})
    pixels = Pixels(x, y, lam, data, np.zeros(start, np.uint32), stat, origin)
    return MemoryPixels(pixels, segments, header, tag, ifu, f"{tag}-{ifu:02d}.fits", flat)
