"""Small raw biases with known levels, noise and defects, in memory and on disk."""

import numpy as np
from astropy.io import fits

from pipeline.formats.raw_writer import write_raw
from pipeline.instrument import MINI

GAIN = (1.08, 1.11, 1.14, 1.17)
NOISE = (2.4, 2.5, 2.6, 2.7)
LEVEL = (1003.0, 1010.0, 1017.0, 1024.0)


def counts(seed, *, shift=0.0, hot=0.0):
    """Simulate one IFU, uint16[ny, nx]; ``hot``: a trap from row 300 of column 50."""
    rng = np.random.default_rng(seed)
    ny, nx = MINI.raw_shape
    adu = np.empty((ny, nx))
    y = np.arange(ny)
    for port, gain, noise, level in zip(MINI.quadrants(), GAIN, NOISE, LEVEL, strict=True):
        rows = slice(ny // 2, ny) if port.number > 2 else slice(0, ny // 2)
        columns = slice(nx // 2, nx) if port.number in (2, 3) else slice(0, nx // 2)
        zero = level + shift + 0.8 * np.sin(y[rows] / 400)[:, None]
        adu[rows, columns] = zero + rng.normal(0, noise / gain, adu[rows, columns].shape)
    adu[MINI.scan + 300 : ny // 2, MINI.scan + 50] += hot
    for _ in range(10):
        adu[rng.integers(ny), rng.integers(nx)] += rng.exponential(600)
    return np.clip(adu.round(), 0, 65535).astype(np.uint16)


def primary(number):
    """Return the primary header of one exposure."""
    header = fits.Header()
    header["DATE-OBS"] = f"2026-09-01T10:0{number}:00.000"
    header["MJD-OBS"] = 61284.4 + number * 1e-3
    header["EXPTIME"] = (0.0, "[s] exposure time")
    header["ARCFILE"] = f"MUSE.2026-09-01T10:0{number}:00.000.fits"
    header["HIERARCH ESO DPR TYPE"] = "BIAS"
    header["HIERARCH ESO DET BINX"] = 1
    header["HIERARCH ESO DET BINY"] = 1
    header["HIERARCH ESO DET READ CURID"] = 1
    header["HIERARCH ESO INS MODE"] = "WFM-NOAO-N"
    return header


def extension(ifu):
    """Return the header of one IFU."""
    header = fits.Header()
    header["HIERARCH ESO DET CHIP NAME"] = f"CHIP{ifu:02d}"
    for port, gain, noise in zip((1, 2, 3, 4), GAIN, NOISE, strict=True):
        header[f"HIERARCH ESO DET OUT{port} GAIN"] = gain
        header[f"HIERARCH ESO DET OUT{port} RON"] = noise
        header[f"HIERARCH ESO DET OUT{port} PRSCX"] = MINI.scan
    return header


def write_biases(folder, n=3, ifus=(1, 2), **defects):
    """Write raw biases; return their set of frames."""
    sof = []
    for number in range(n):
        path = folder / f"bias{number}.fits"
        images = {
            ifu: (counts(100 * number + ifu, **defects), extension(ifu)) for ifu in ifus
        }
        write_raw(path, primary(number), images)
        sof.append((path, "BIAS"))
    return sof
