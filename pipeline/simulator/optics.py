"""The truth model of one spectrograph: traces, wavelengths, line spread and sky.

Nothing here is a polynomial in the detector row: traces and dispersion carry small
waves and the line spread is skewed, so that no fit can describe them exactly.
Positions follow the convention of the pipeline: pixel 1 of the trimmed image covers
0.5 to 1.5, slices are counted from the left, wavelength rises with the row.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.simulator.boxes import SliceBox, slice_boxes
from pipeline.simulator.lsf import LineSpread

N_WAVE = 5
"""Coefficients of the wavelength along a slice at one row, in powers of u."""

CENTRAL_GAP, OUTER_GAP = 0.04, 0.07
"""Gaps between the stacks of slices [pix] (typical of the instrument)."""
SLICE_HEIGHT = 60 / 288 / 0.2
"""Height of a slice in the field [pix], where layouts are not nominal."""


@dataclass(frozen=True)
class Drift:
    """Displacement of the image on the detector against the reference state.

    ``x`` along the slices [pix], ``wavelength`` along the dispersion [Angstrom]:
    a line moves by that much, as the instrument warms or cools.
    """

    x: float = 0.0
    wavelength: float = 0.0


@dataclass(frozen=True)
class Optics:
    """Where each slice of one IFU lies and what it sees.

    Parameters
    ----------
    size, ifu
        Instrument size and IFU number (1-based).
    left, right
        float64[n_slices, ny], edges of the slices [pix, 1-based trimmed].
    wave
        float64[n_slices, ny, N_WAVE], wavelength in air [Angstrom] as coefficients of
        u^k, u = 2 (x - centre) / width, so that u runs from -1 to 1 within the slice.
    lsf
        Line spread of each slice.
    sky_x, sky_y, sky_width, sky_angle
        float64[n_slices], centre [pix of 0.2 arcsec], width [pix] and angle [deg] of
        each slice in the field of view, as in a GEOMETRY_TABLE.
    throughput
        float64[n_slices], relative transmission of the slices.
    slit
        float64[n_slices, 2], relative illumination 1 + s0 u + s1 u^2 along a slice.
    warming
        float64[n_slices], relative change of the transmission per K.
    blur
        Gaussian sigma of the image of a slice edge [pix].
    """

    size: Size
    ifu: int
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    wave: NDArray[np.float64]
    lsf: LineSpread
    sky_x: NDArray[np.float64]
    sky_y: NDArray[np.float64]
    sky_width: NDArray[np.float64]
    sky_angle: NDArray[np.float64]
    throughput: NDArray[np.float64]
    slit: NDArray[np.float64]
    warming: NDArray[np.float64]
    blur: float = 0.62

    def drifted(self, drift: Drift) -> "Optics":
        """Return the optics after a drift of the image on the detector."""
        wave = self.wave.copy()
        wave[:, :, 0] -= drift.wavelength
        return replace(
            self, left=self.left + drift.x, right=self.right + drift.x, wave=wave
        )

    def rearranged(self, layout: int) -> "Optics":
        """Return the optics with the slices where an adjustment of the slicers puts them.

        Layout 0 is the reference. Any other has its own shift, rotation and waves of each
        IFU, gaps between the stacks, and slices 4 per cent higher than nominal, as the
        instrument has them (60 arcsec in 288 slices).
        """
        if layout == 0:
            return self
        size, n = self.size, self.size.slices_per_stack
        rng = np.random.default_rng([layout, self.ifu, size.n_ifus, 2013])
        shift_x, shift_y = rng.normal(0, 0.15), rng.normal(0, 0.06)
        turn, phase = rng.normal(0, 0.03), rng.uniform(0, 2 * np.pi, 2)
        sky = np.array([size.sky_slice(s) - 1 for s in range(1, size.n_slices + 1)])
        stack, row = np.divmod(sky, n)
        side = stack - (size.n_stacks - 1) / 2
        gaps = np.sign(side) * (CENTRAL_GAP / 2 + OUTER_GAP * (np.abs(side) - 0.5))
        wave_x = 0.03 * np.sin(2 * np.pi * 1.3 * row / n + phase[0])
        wave_y = 0.02 * np.sin(2 * np.pi * 1.7 * row / n + phase[1] + stack)
        angle = np.deg2rad(turn)
        middle = SLICE_HEIGHT * n * (self.ifu - (size.n_ifus + 1) / 2)
        x = self.sky_x + gaps + wave_x
        y = SLICE_HEIGHT * self.sky_y - middle + wave_y
        return replace(
            self,
            sky_x=x * np.cos(angle) - y * np.sin(angle) + shift_x,
            sky_y=x * np.sin(angle) + y * np.cos(angle) + middle + shift_y,
            sky_angle=self.sky_angle + turn,
        )

    def wavelength(
        self, ccd_slice: int, x: NDArray[np.float64], y: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return wavelengths [Angstrom] at 1-based trimmed positions of a slice."""
        s, row = ccd_slice - 1, y - 1
        left, right = self.left[s, row], self.right[s, row]
        u = (2 * x - left - right) / (right - left)
        return np.asarray(
            (self.wave[s, row] * u[..., None] ** np.arange(N_WAVE)).sum(axis=-1)
        )

    def field(
        self, ccd_slice: int, x: NDArray[np.float64], y: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return field positions [pix of 0.2 arcsec] at 1-based trimmed positions."""
        s, row = ccd_slice - 1, y - 1
        left, right = self.left[s, row], self.right[s, row]
        along = ((left + right) / 2 - x) / (right - left) * self.sky_width[s]
        angle = np.deg2rad(self.sky_angle[s])
        return self.sky_x[s] + along * np.cos(angle), self.sky_y[s] + along * np.sin(angle)


@cache
def optics(size: Size, ifu: int) -> Optics:
    """Return the reference state of one IFU; always the same for the same IFU."""
    rng = np.random.default_rng([size.n_ifus, ifu, 20140131])
    boxes = slice_boxes(size, ifu)
    left, right = _traces(size, boxes, rng)
    centres = [size.slice_centre(ifu, s) for s in range(1, size.n_slices + 1)]
    n = size.n_slices
    return Optics(
        size=size,
        ifu=ifu,
        left=left,
        right=right,
        wave=_wavelengths(size, boxes, rng),
        lsf=_line_spread(size, rng),
        sky_x=np.array([c[0] for c in centres]) + rng.normal(0, 0.02, n),
        sky_y=np.array([c[1] for c in centres]) + rng.normal(0, 0.02, n),
        sky_width=size.stack_width * (1 + rng.normal(0, 2e-4, n)),
        sky_angle=rng.normal(0, 0.02, n),
        throughput=1 + 0.05 * np.sin(np.arange(n) * 0.7 + ifu) + rng.normal(0, 0.015, n),
        slit=np.stack([rng.normal(0, 0.015, n), rng.normal(-0.02, 0.005, n)], axis=1),
        warming=rng.normal(0, 0.002, n),
    )


def _traces(
    size: Size, boxes: list[SliceBox], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return left and right edges: bent outwards at both ends of the detector.

    The bend of a slice fills its measured box, which is wider at the rim.
    """
    ny, nx = size.shape
    y = (np.arange(1, ny + 1) - (ny + 1) / 2) / (ny / 2)
    left, right = np.empty((size.n_slices, ny)), np.empty((size.n_slices, ny))
    for s, box in enumerate(boxes):
        width = size.slice_width * 0.985 - 0.45 + rng.normal(0, 0.05)
        bend = max(box.right - box.left + 1 - width - 0.3, 0.2)
        side = np.tanh((box.left + box.right - nx - 1) / (0.5 * nx))
        wave = 0.010 * np.sin(2 * np.pi * (1.9 * y + rng.random()))
        wave += 0.005 * np.sin(2 * np.pi * (3.1 * y + rng.random()))
        centre = (box.left + box.right) / 2 + side * bend * (y**2 - 0.5) * (1 + 0.08 * y)
        centre = centre + wave + rng.normal(0, 0.1) * y
        breathe = 0.12 * np.cos(1.3 * y + 0.2) + 0.004 * np.sin(2 * np.pi * (2.3 * y))
        left[s] = centre - (width + breathe) / 2
        right[s] = centre + (width + breathe) / 2
    return left, right


def _wavelengths(
    size: Size, boxes: list[SliceBox], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the dispersion of each slice with its tilt and bend along the slice."""
    ny, nx = size.shape
    row = np.arange(1, ny + 1)
    span = size.red - size.blue
    wave = np.zeros((size.n_slices, ny, N_WAVE))
    for s, box in enumerate(boxes):
        t = (row - box.bottom) / (box.top - box.bottom)
        t_scaled = span / 4650 * t + (size.blue - 4650) / 4650
        off = (box.left + box.right - nx - 1) / nx
        wave[s, :, 0] = size.blue + span * t
        wave[s, :, 0] += (30 + 4 * off) * (span / 4650) ** 2 * t * (t - 1)
        wave[s, :, 0] += 6 * (span / 4650) ** 3 * t * (t - 1) * (2 * t - 1)
        wave[s, :, 0] += 0.003 * np.sin(2 * np.pi * (4.1 * t_scaled + rng.random()))
        wave[s, :, 1] = 0.9 * off + rng.normal(0, 0.15) + 0.10 * t_scaled
        wave[s, :, 2] = 0.22 + 0.05 * t_scaled
        wave[s, :, 3] = 0.004
        wave[s, :, 4] = 0.001 * np.cos(3 * t_scaled)
    return wave


def _line_spread(size: Size, rng: np.random.Generator) -> LineSpread:
    """Return line spreads that vary with wavelength and from slice to slice."""
    n = size.n_slices
    place = np.linspace(-1, 1, n)
    return LineSpread(
        scale=1 + 0.03 * place**2 + rng.normal(0, 0.008, n),
        skew=0.11 + 0.06 * place + rng.normal(0, 0.01, n),
    )
