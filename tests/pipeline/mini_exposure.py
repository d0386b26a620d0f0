"""Raw exposures and masters of a mini IFU with a known sky, in memory."""

import numpy as np

from pipeline.algorithms.geometry import slice_map
from pipeline.algorithms.pixels import SlicePixels
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage, MemoryRaw
from pipeline.spec import Planes
from tests.pipeline.mini_tables import geometry_table, trace_table, wavecal_table

GAIN = (1.1, 1.15, 1.2, 1.25)
RON = (2.4, 2.5, 2.6, 2.7)
BIAS_LEVEL = 1000.0
SKY_LINES = ((5577.339, 9000.0), (6300.304, 6000.0))
LSF_SIGMA = 1.06


def slices(ifu=1):
    """The map of the mini IFU."""
    return slice_map(
        ifu, MINI.shape, trace_table(), wavecal_table(), geometry_table((ifu,))
    )


def wavelengths(shift=0.0, ifu=1):
    """Wavelength and slice number of each detector pixel, NaN and 0 between slices."""
    ny, nx = MINI.shape
    pixels = SlicePixels(slices(ifu), shift=shift)
    rows, columns = np.indices((ny, nx)).astype(np.float32)
    planes = Planes(rows, np.zeros((ny, nx), np.uint32), columns)
    wavelength = np.full((ny, nx), np.nan)
    number = np.zeros((ny, nx), int)
    for segment in pixels.segments:
        part = pixels.read(slice(segment.start, segment.stop), planes)
        place = part.data.astype(int), part.stat.astype(int)
        wavelength[place] = part.wavelength
        number[place] = segment.slice
    return wavelength, number


def field(ifu=1):
    """Positions x and y [pix] of each detector pixel, NaN between slices."""
    ny, nx = MINI.shape
    pixels = SlicePixels(slices(ifu))
    rows, columns = np.indices((ny, nx)).astype(np.float32)
    planes = Planes(rows, np.zeros((ny, nx), np.uint32), columns)
    part = pixels.read(slice(0, pixels.n_rows), planes)
    place = part.data.astype(int), part.stat.astype(int)
    x, y = np.full((ny, nx), np.nan), np.full((ny, nx), np.nan)
    x[place], y[place] = part.xpos, part.ypos
    return x, y


def sky(wavelength, level=300.0):
    """Counts [e-] of a sky with two emission lines."""
    counts = np.full(wavelength.shape, level)
    for line, flux in SKY_LINES:
        shape = np.exp(-0.5 * ((wavelength - line) / LSF_SIGMA) ** 2)
        counts += flux * shape / (LSF_SIGMA * np.sqrt(2 * np.pi))
    return np.where(np.isfinite(wavelength), counts, 0.0)


def lamp(wavelength):
    """Relative lamp flat: rises to the red, with pixel-to-pixel structure."""
    rng = np.random.default_rng(77)
    structure = 1 + 0.02 * rng.standard_normal(wavelength.shape)
    flat = (0.6 + (wavelength - MINI.blue) / (MINI.red - MINI.blue)) * structure
    return np.where(np.isfinite(wavelength), flat, 0.01)


def raw(counts, seed, tag="OBJECT", ifu=1, noise=True, **header):
    """Return a raw frame that holds these counts [e-], float64[ny, nx]."""
    rng = np.random.default_rng(seed)
    frame = np.full(MINI.raw_shape, BIAS_LEVEL)
    keywords = {"ESO INS MODE": "WFM-NOAO-N", "EXPTIME": 600.0, **header}
    for port, gain, ron in zip(MINI.quadrants(), GAIN, RON, strict=True):
        keywords[f"ESO DET OUT{port.number} GAIN"] = gain
        keywords[f"ESO DET OUT{port.number} RON"] = ron
        light = counts[port.trim_y, port.trim_x]
        if noise:
            light = rng.poisson(light).astype(float)
        frame[port.raw_y, port.raw_x] += light / gain
        half = np.s_[
            : MINI.raw_shape[0] // 2 if port.number < 3 else None,
            : MINI.raw_shape[1] // 2 if port.number in (1, 4) else None,
        ]
        if port.number > 2:
            half = (slice(MINI.raw_shape[0] // 2, None), half[1])
        if port.number in (2, 3):
            half = (half[0], slice(MINI.raw_shape[1] // 2, None))
        if noise:
            shape = frame[half].shape
            frame[half] += rng.normal(0.0, ron / gain, shape)
    adu = np.clip(np.rint(frame), 0, 65535).astype(np.uint16)
    return MemoryRaw(adu, keywords, tag, ifu, f"{tag.lower()}_{seed}.fits")


def master(data, tag, variance=0.0, ifu=1, **header):
    """Return a master image."""
    data = np.asarray(data, np.float32)
    planes = Planes(data, np.zeros(data.shape, np.uint32), np.full_like(data, variance))
    return MemoryImage(planes, header, tag, ifu, f"{tag}-01.fits")


def master_bias(ifu=1):
    """A master bias made with overscan=vpoly: zero, with the measured noise."""
    qc = {f"ESO QC BIAS MASTER{q} RON": ron for q, ron in enumerate(RON, 1)}
    return master(np.zeros(MINI.shape), "MASTER_BIAS", 0.0, ifu, **qc)


def calibrations(ifu=1):
    """All calibrations that a mini exposure needs; the flat is without noise."""
    wavelength, _ = wavelengths(ifu=ifu)
    flux = {"ESO QC FLAT MASTER INTFLUX": 2.5e9}
    return {
        "MASTER_BIAS": [master_bias(ifu)],
        "MASTER_FLAT": [master(lamp(wavelength), "MASTER_FLAT", 0.0, ifu, **flux)],
        "TRACE_TABLE": [trace_table(ifu)],
        "WAVECAL_TABLE": [wavecal_table(ifu)],
        "GEOMETRY_TABLE": [geometry_table((ifu,))],
    }
