"""Pixel table of a small field: slices above each other, tilted, at odd places."""

import numpy as np

from pipeline.memory import MemoryPixels
from pipeline.spec import Pixels, Segment

BLUE, STEP = 5000.0, 1.25
VARIANCE = 25.0


def slice_pixels(
    signal=lambda x, y, wavelength: 100.0,
    *,
    size=(24, 20),
    n_planes=12,
    exposure=0,
    seed=1,
    variance=VARIANCE,
    noise=True,
):
    """Return one slice a row, ``size`` (columns, slices), centred on 0, 0 [pix]."""
    rng = np.random.default_rng(seed)
    nx, ny = size
    parts, segments, start = [], [], 0
    for number in range(ny):
        row, column = (a.ravel() for a in np.indices((n_planes, nx)))
        x = column - (nx - 1) / 2 + rng.uniform(-0.4, 0.4) + 0.003 * row
        y = number - (ny - 1) / 2 + rng.uniform(-0.1, 0.1) + 0.002 * column
        wavelength = BLUE + STEP * row + 0.01 * column + rng.uniform(0, STEP)
        data = np.broadcast_to(signal(x, y, wavelength), x.shape).astype(float)
        if noise:
            data = data + rng.normal(0, np.sqrt(variance), x.size)
        ifu, ccd = 1 + number // 12, 1 + number % 12
        origin = column << 24 | (row + 1) << 11 | ifu << 6 | ccd
        stat = np.full(x.size, variance)
        flags = np.zeros(x.size, np.uint32)
        columns = (c.astype(np.float32) for c in (x, y, wavelength, data))
        parts.append(
            Pixels(*columns, flags, stat.astype(np.float32), origin.astype(np.uint32))
        )
        segments.append(Segment(exposure, ifu, ccd, start, start + x.size))
        start += x.size
    pixels = Pixels._make(np.concatenate(c) for c in zip(*parts, strict=True))
    return MemoryPixels(pixels, segments, {"EXPTIME": 600.0}, name="slices.fits")
