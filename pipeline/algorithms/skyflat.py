"""Sky flats of all IFUs on one coarse cube.

Each IFU is accumulated by itself, scaled to the flux of the first one and added; no
pixel table is ever held.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.pixels import SlicePixels
from pipeline.algorithms.resample import METHODS, Method
from pipeline.flags import Flag
from pipeline.instrument import DISPERSION
from pipeline.kernels.coarse import add_by_distance, add_to_cube
from pipeline.kernels.reject_rows import ALONG_X, flag_above_rows
from pipeline.kernels.resample import weighted_means
from pipeline.kernels.sorting import cell_numbers, sort_by_cell
from pipeline.spec import Pixels, Planes, Value

RENKA_RADIUS = 1.25
"""Critical radius [diagonal of a voxel] (genuine pipeline)."""


@dataclass(frozen=True)
class CoarseGrid:
    """Voxels of one pixel by one pixel by many Angstrom.

    Parameters
    ----------
    origin, step : float64[3]
        Coordinates of the first voxel and their increments: x, y [pix], wavelength
        [Angstrom].
    shape
        Planes, rows and columns.
    """

    origin: NDArray[np.float64]
    step: NDArray[np.float64]
    shape: tuple[int, int, int]

    def keywords(self) -> dict[str, Value]:
        """Return the coordinate system as keywords."""
        found: dict[str, Value] = {}
        axes = (("PIXEL", "pixel"), ("PIXEL", "pixel"), ("AWAV", "Angstrom"))
        for i, (kind, unit) in enumerate(axes, 1):
            found[f"CRPIX{i}"] = 1.0
            found[f"CRVAL{i}"] = float(self.origin[i - 1])
            found[f"CTYPE{i}"] = kind
            found[f"CUNIT{i}"] = unit
            for j in (1, 2, 3):
                found[f"CD{i}_{j}"] = float(self.step[i - 1]) if i == j else 0.0
        return found

    def image_keywords(self) -> dict[str, Value]:
        """Return the keywords of the two spatial axes."""
        return {k: v for k, v in self.keywords().items() if "3" not in k}


def coarse_grid(tables: Sequence[SlicePixels], step: float) -> CoarseGrid:
    """Return the grid that holds the pixels of all IFUs.

    Parameters
    ----------
    tables
        Pixels of the IFUs, cut to the wavelengths wanted.
    step
        Step in wavelength [Angstrom].
    """
    fields = np.array([table.field for table in tables])
    low = np.array(
        [fields[:, 0].min(), fields[:, 2].min(), min(t.shortest for t in tables)]
    )
    high = np.array(
        [fields[:, 1].max(), fields[:, 3].max(), max(t.longest for t in tables)]
    )
    steps = np.array([1.0, 1.0, step])
    nx, ny, nz = (int(n) for n in np.floor((high - low) / steps + 0.5) + 1)
    origin = low.astype(np.float32).astype(np.float64)
    return CoarseGrid(origin, steps, (nz, ny, nx))


class IfuSky:
    """Sums of one IFU on the rows of the grid that it reaches.

    Attributes
    ----------
    flux : float
        Sum of all pixels [count].
    """

    def __init__(
        self, grid: CoarseGrid, table: SlicePixels, method: Method = "drizzle"
    ) -> None:
        _, _, y_low, y_high = table.field
        first = int(np.floor(y_low - grid.origin[1])) - 1
        last = int(np.ceil(y_high - grid.origin[1])) + 2
        nz, ny, nx = grid.shape
        self.rows = slice(max(first, 0), min(last, ny))
        self.flux = 0.0
        self._method = method
        self._origin = grid.origin + np.array([0.0, self.rows.start, 0.0]) * grid.step
        self._step = grid.step
        self.sums = np.zeros((nz, self.rows.stop - self.rows.start, nx, 3))

    def add(self, pixels: Pixels) -> None:
        """Add some pixels; flagged ones (they must be bridged) to the flux only."""
        self.flux += float(pixels.data.sum(dtype=np.float64))
        columns = (
            pixels.xpos,
            pixels.ypos,
            pixels.wavelength,
            pixels.data,
            pixels.dq,
            pixels.stat,
            self._origin,
            self._step,
        )
        voxel = (1.0, 1.0, float(self._step[2]) / DISPERSION)
        if self._method == "drizzle":
            add_to_cube(*columns, (1.0, 1.0, 1.0 / voxel[2]), self.sums)
            return
        radius = RENKA_RADIUS * float(np.linalg.norm(voxel))
        method = METHODS[self._method]
        add_by_distance(*columns, voxel, method, radius, self.sums)

    def flag_cosmics(self, pixels: Pixels, statistic: int, sigma: float) -> None:
        """Flag pixels far above the others in their voxel and in the rows next to it.

        ``pixels`` are all of the IFU; ``statistic`` is one of `pipeline.kernels.spread`.
        """
        x, y, z = (
            ((c - o) / s).astype(np.float32)
            for c, o, s in zip(pixels[:3], self._origin, self._step, strict=True)
        )
        nz, ny, nx, _ = self.sums.shape
        cells = cell_numbers(x, y, z, (nz, ny, nx), 0)
        cells[pixels.dq != 0] = -1
        start, order = sort_by_cell(cells, nz * ny * nx)
        light = np.stack([pixels.data[order], pixels.stat[order]], axis=1)
        rejected = flag_above_rows(
            start, light, (0, nz), (nz, ny, nx), statistic, sigma, ALONG_X
        )
        pixels.dq[order[rejected != 0]] |= np.uint32(Flag.COSMIC_RAY)

    def add_to(self, total: NDArray[np.float64], scale: float) -> None:
        """Add the sums, with the data scaled, to those of all IFUs."""
        sums = self.sums * [1.0, scale, scale**2]
        there = total[:, self.rows]
        if self._method == "nearest":
            nearer = sums[..., 0] > there[..., 0]
            there[nearer] = sums[nearer]
        else:
            there += sums


def merge(
    grid: CoarseGrid, skies: Sequence[IfuSky], levels: Sequence[float] | None = None
) -> Planes:
    """Return the cube of all IFUs, each scaled to the flux of the first.

    ``levels`` are the fluxes of the IFUs, their own sums unless given.

    Returns
    -------
    Planes
        [nz, ny, nx] in the scale of the first IFU [count]; NaN and
        `Flag.MISSING_DATA` where no pixel fell.
    """
    fluxes = [sky.flux for sky in skies] if levels is None else levels
    total = np.zeros((*grid.shape, 3))
    for sky, flux in zip(skies, fluxes, strict=True):
        sky.add_to(total, fluxes[0] / flux)
    data, stat = weighted_means(total)
    dq = np.where(np.isfinite(data), 0, np.uint32(Flag.MISSING_DATA)).astype(np.uint32)
    return Planes(data, dq, stat)


def unvignetted(
    skies: Sequence[IfuSky], levels: Sequence[float], factor: NDArray[np.float32]
) -> list[float]:
    """Return the fluxes of the IFUs without the light that vignetting adds.

    Parameters
    ----------
    skies, levels
        The IFUs and their fluxes [count].
    factor : float32[ny, nx]
        How much too bright each place of the field is.
    """
    found = []
    for sky, level in zip(skies, levels, strict=True):
        light = sky.sums[..., 1].sum(axis=0)
        found.append(level * float((light / factor[sky.rows]).sum() / light.sum()))
    return found


def white_light(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the finite values over the planes, float32[ny, nx]."""
    good = np.isfinite(data)
    total = np.where(good, data, 0.0).sum(axis=0, dtype=np.float64)
    n = good.sum(axis=0)
    white = np.full(n.shape, np.nan)
    np.divide(total, n, out=white, where=n > 0)
    return white.astype(np.float32)
