"""Pixel tables and twilight cubes of both pipelines against the simulator's truth."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.night import objects
from pipeline.instrument import FULL
from pipeline.simulator.light import LAMP_GRADIENT, TWILIGHT_GRADIENT
from pipeline.simulator.optics import Optics, optics
from pipeline.static import static_path

Floats = NDArray[np.float64]
ROWS_APART = 25
"""Detector rows between those that are compared; enough, and 25 times less to sort."""


class Sample(NamedTuple):
    """Some good pixels of a pixel table; ``slice``, ``x``, ``y`` 1-based."""

    origin: NDArray[np.uint32]
    slice: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    xpos: Floats
    ypos: Floats
    wavelength: Floats
    data: Floats
    stat: Floats


@cache
def sample(path: Path, ifu: int) -> Sample:
    """Read the good pixels of every so many detector rows, ordered by origin."""
    with fits.open(path, memmap=False) as units:
        origin = units["origin"].data[:, 0].astype(np.uint32)
        row = (origin >> 11) & 0x1FFF
        chosen = (row % ROWS_APART == 7) & (units["dq"].data[:, 0] == 0)
        chosen = np.flatnonzero(chosen)
        chosen = chosen[np.argsort(origin[chosen])]
        columns = {
            name: units[name].data[chosen, 0].astype(np.float64)
            for name in ("xpos", "ypos", "lambda", "data", "stat")
        }
        header = units[0].header
    origin = origin[chosen]
    number = (origin & 0x3F).astype(np.int64)
    key = "ESO DRS MUSE PIXTABLE EXP0 IFU{:02d} SLICE{:02d} XOFFSET"
    slices = range(1, FULL.n_slices + 1)
    offsets = np.array([0, *(header[key.format(ifu, s)] for s in slices)])
    x = (origin >> 24).astype(np.int64) + offsets[number]
    return Sample(origin, number, x, row[chosen].astype(np.int64), *columns.values())


@cache
def _truth(ifu: int) -> Optics:
    """Return the optics of the night with the field positions of the geometry table."""
    return optics(FULL, ifu).drifted(next(objects(FULL)).drift)


@cache
def _geometry(ifu: int) -> dict[str, Floats]:
    """Return x, y, angle, width of the slices by CCD slice in the static table."""
    rows = fits.getdata(static_path("GEOMETRY_TABLE", "full"), 1)
    rows = rows[rows["SubField"] == ifu]
    rows = rows[np.argsort(rows["SliceCCD"])]
    return {name: rows[name].astype(float) for name in ("x", "y", "angle", "width")}


def coordinates(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield the errors of the coordinates, the drift of the image on the CCD included."""
    pixels = sample(
        folder / "scibasic_object" / f"PIXTABLE_OBJECT_0001-{ifu:02d}.fits", ifu
    )
    truth, geometry = _truth(ifu), _geometry(ifu)
    x, y, wavelength = (np.empty(len(pixels.x)) for _ in range(3))
    for s in range(1, FULL.n_slices + 1):
        here = pixels.slice == s
        row = pixels.y[here] - 1
        left, right = truth.left[s - 1, row], truth.right[s - 1, row]
        along = ((left + right) / 2 - pixels.x[here]) / (right - left)
        along = along * geometry["width"][s - 1]
        angle = np.deg2rad(geometry["angle"][s - 1])
        x[here] = geometry["x"][s - 1] + along * np.cos(angle)
        y[here] = geometry["y"][s - 1] + along * np.sin(angle)
        wavelength[here] = truth.wavelength(s, pixels.x[here], pixels.y[here])
    yield "pixel table x rms [pix]", _rms(pixels.xpos - x)
    yield "pixel table x rms, no drift [pix]", float(np.std(pixels.xpos - x))
    yield "pixel table y rms [pix]", _rms(pixels.ypos - y)
    yield "pixel table wavelength rms [A]", _rms(pixels.wavelength - wavelength)
    error = float(np.mean(pixels.wavelength - wavelength))
    yield "pixel table wavelength mean [A]", error


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def twilight(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield how well the twilight cube shows how unevenly the lamp lights the field.

    Truth: the gradient of the sky over that of the lamp at the centre of each slice,
    without the changes of transmission with temperature; the mean does not count.
    """
    with fits.open(folder / "twilight" / "TWILIGHT_CUBE.fits", memmap=False) as units:
        cube = units["DATA"].data.astype(float)
        header = units["DATA"].header
    geometry = _geometry(ifu)
    x = np.rint(geometry["x"] - header["CRVAL1"] + header["CRPIX1"] - 1).astype(int)
    y = np.rint(geometry["y"] - header["CRVAL2"] + header["CRPIX2"] - 1).astype(int)
    truth = optics(FULL, ifu)
    half = FULL.n_stacks * FULL.stack_width / 2, FULL.n_ifus * FULL.slices_per_stack / 2
    u, v = truth.sky_x / half[0], truth.sky_y / half[1]
    uneven = []
    for east, north, curved in (TWILIGHT_GRADIENT, LAMP_GRADIENT):
        uneven.append(1 + east * u + north * v + curved * u**2)
    expected = uneven[0] / uneven[1]
    seen = np.nanmedian(cube[1:-1, y, x], axis=0)
    ratio = seen / expected
    yield "twilight, slice to slice rms", float(np.std(ratio / np.mean(ratio)))


def compare_fluxes(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield ours over the genuine flux and variance, pixel by pixel, and the scatter."""
    name = f"scibasic_object/PIXTABLE_OBJECT_0001-{ifu:02d}.fits"
    ours, genuine = (sample(folder / side / name, ifu) for side in ("ours", "genuine"))
    _, a, b = np.intersect1d(
        ours.origin, genuine.origin, assume_unique=True, return_indices=True
    )
    yield "pixels in both", len(a) / max(len(ours.x), len(genuine.x))
    lit = genuine.data[b] > 0
    ratio = ours.data[a][lit] / genuine.data[b][lit]
    yield "pixel table flux, ours / genuine", float(np.median(ratio))
    low, high = np.percentile(ratio, [1, 99])
    yield "  1 percent below", float(low)
    yield "  1 percent above", float(high)
    yield (
        "pixel table STAT, ours / genuine",
        float(np.median(ours.stat[a] / genuine.stat[b])),
    )
