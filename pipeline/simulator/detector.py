"""The truth model of one CCD: four ports, pixel response, defects, cosmic rays."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.simulator.noise import read_out

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

DARK_CURRENT = 1 / 3600
"""[electrons/s] of a normal pixel: one an hour."""


@dataclass(frozen=True)
class Detector:
    """One CCD.

    Parameters
    ----------
    size, ifu
        Instrument size and IFU number.
    bias, gain, read_noise
        float64[4], level [adu], [electrons/adu] and [electrons] of ports 1 to 4.
    response
        float32[ny, nx], relative sensitivity of the pixels; low in dark pixels.
    hot, dark
        int64[n, 2], positions y, x (0-based, trimmed) of defective pixels.
    hot_current, hot_offset
        float32[n], of the hot pixels, [electrons/s] and [electrons] in every frame.
    """

    size: Size
    ifu: int
    bias: Floats
    gain: Floats
    read_noise: Floats
    response: Image
    hot: NDArray[np.int64]
    dark: NDArray[np.int64]
    hot_current: Image
    hot_offset: Image

    def bias_rows(self, port: int) -> Floats:
        """Return the bias level [adu] of every raw row for a port (1 to 4)."""
        ny = self.size.raw_shape[0]
        y = np.arange(ny) / ny
        edge = y if port in (1, 2) else 1 - y
        shape = 2.5 * np.exp(-edge / 0.06) + 0.6 * np.sin(2.5 * y + port)
        return np.asarray(self.bias[port - 1] + shape)

    def expose(
        self, light: Image, exptime: float, seed: NDArray[np.uint64]
    ) -> NDArray[np.uint16]:
        """Return the raw frame [adu] of light [electrons, trimmed] that fell on the CCD.

        ``seed``: uint64[2] or more, e.g. from a SeedSequence; decides all noise.
        """
        size = self.size
        rng = np.random.default_rng(seed)
        ny, nx = size.raw_shape
        level_offset = rng.normal(0, 0.6, 4)
        seeds = rng.integers(1, 2**63, size=(4, ny, 2), dtype=np.uint64)
        electrons = light * self.response
        electrons += np.float32(DARK_CURRENT * exptime)
        heat = self.hot_current * np.float32(exptime) + self.hot_offset
        np.add.at(electrons, (self.hot[:, 0], self.hot[:, 1]), heat)
        if exptime > 0:
            add_cosmic_rays(electrons, exptime, rng)
        full = np.zeros((ny, nx), np.float32)
        for q in size.quadrants():
            full[q.raw_y, q.raw_x] = electrons[q.trim_y, q.trim_x]
        raw = np.empty((ny, nx), np.uint16)
        for q in size.quadrants():
            rows = slice(0, ny // 2) if q.number in (1, 2) else slice(ny // 2, ny)
            columns = slice(0, nx // 2) if q.number in (1, 4) else slice(nx // 2, nx)
            part = np.empty((ny // 2, nx // 2), np.uint16)
            k = q.number - 1
            read_out(
                part,
                np.ascontiguousarray(full[rows, columns]),
                np.ascontiguousarray(self.bias_rows(q.number)[rows] + level_offset[k]),
                self.gain[k],
                self.read_noise[k],
                np.ascontiguousarray(seeds[k, rows]),
            )
            raw[rows, columns] = part
        return raw


@lru_cache(maxsize=4)
def detector(size: Size, ifu: int) -> Detector:
    """Return the CCD of an IFU; always the same for the same IFU."""
    rng = np.random.default_rng([size.n_ifus, ifu, 20121012])
    ny, nx = size.shape
    response = rng.normal(1, 0.006, (ny, nx)).astype(np.float32)
    rows, columns = np.linspace(-1, 1, ny), np.linspace(-1, 1, nx)
    ripple = 1 + 0.01 * np.sin(9 * columns + ifu)[None, :] * np.cos(7 * rows)[:, None]
    response *= ripple.astype(np.float32)
    n_single = max(ny * nx // 100_000, 6)
    hot = [_single(rng, ny, nx, n_single)] + [_column(rng, ny, nx) for _ in range(2)]
    dark = [_single(rng, ny, nx, n_single)] + [_column(rng, ny, nx) for _ in range(2)]
    hot_pixels, dark_pixels = np.concatenate(hot), np.concatenate(dark)
    current = rng.lognormal(1.0, 1.0, len(hot_pixels)).astype(np.float32)
    offset = np.zeros(len(hot_pixels), np.float32)
    offset[n_single : n_single + len(hot[1])] = 120.0
    response[dark_pixels[:, 0], dark_pixels[:, 1]] *= rng.uniform(
        0.02, 0.4, len(dark_pixels)
    )
    return Detector(
        size=size,
        ifu=ifu,
        bias=rng.uniform(950, 1400, 4).round(1),
        gain=rng.uniform(1.03, 1.16, 4).round(3),
        read_noise=rng.uniform(2.5, 3.1, 4).round(2),
        response=response,
        hot=hot_pixels,
        dark=dark_pixels,
        hot_current=current,
        hot_offset=offset,
    )


def _single(rng: np.random.Generator, ny: int, nx: int, n: int) -> NDArray[np.int64]:
    """Return positions of isolated pixels."""
    return np.stack([rng.integers(0, ny, n), rng.integers(0, nx, n)], axis=1)


def _column(rng: np.random.Generator, ny: int, nx: int) -> NDArray[np.int64]:
    """Return part of a column, from a row to the read-out edge."""
    x = int(rng.integers(nx // 20, nx - nx // 20))
    y = np.arange(int(rng.integers(ny // 10, ny // 2)))
    return np.stack([y, np.full_like(y, x)], axis=1)


def add_cosmic_rays(electrons: Image, exptime: float, rng: np.random.Generator) -> None:
    """Add tracks of particles: 1.5 per cm^2 and minute, pixels of 15 micron.

    Some 0.4 electrons per micron of silicon are left behind in a depth of 40 micron
    (fluctuating), so a typical event leaves one to three thousand electrons.
    """
    ny, nx = electrons.shape
    area = ny * nx * 0.0015**2
    for _ in range(int(rng.poisson(1.5 * area * exptime / 60))):
        length = min(float(rng.pareto(1.6)) * 1.5, 60.0)
        angle = rng.uniform(0, np.pi)
        n = max(int(length * 3), 1)
        y = (rng.uniform(0, ny) + np.linspace(0, length, n) * np.sin(angle)).astype(int)
        x = (rng.uniform(0, nx) + np.linspace(0, length, n) * np.cos(angle)).astype(int)
        deposit = rng.gamma(3.0, 500.0) * (1 + length / 5) / n
        inside = (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
        np.add.at(electrons, (y[inside], x[inside]), np.float32(deposit))
