"""Sky lines drawn with a line spread function, and their removal from pixels."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spectrum import AT_ONCE, find_places

_SIXTH = 1.0 / 6.0
_ONE, _TWO = np.uint32(1), np.uint32(2)


@kernel
def draw_lines(
    wavelength: NDArray[np.float64],
    flux: NDArray[np.float64],
    profiles: NDArray[np.float64],
    offsets: tuple[float, float],
    nodes: tuple[float, float],
    grid: tuple[float, float],
    spectrum: NDArray[np.float64],
) -> None:
    """Add emission lines to a spectrum.

    Parameters
    ----------
    wavelength, flux : float64[n_lines]
        Wavelengths [Angstrom] and fluxes.
    profiles : float64[n_nodes, n_offsets]
        Line spread function at some wavelengths [1/Angstrom], linear in between and kept
        beyond the ends.
    offsets
        First offset from the line and step [Angstrom].
    nodes
        First wavelength of the profiles and step [Angstrom].
    grid
        First wavelength of the spectrum and step [Angstrom].
    spectrum : float64[n]
        Increased by the flux density of the lines.
    """
    n_nodes, n_offsets = profiles.shape
    first_offset, offset_step = offsets
    last_offset = first_offset + (n_offsets - 1) * offset_step
    for k in range(wavelength.shape[0]):
        place = min(max((wavelength[k] - nodes[0]) / nodes[1], 0.0), n_nodes - 1.0)
        a = min(int(place), max(n_nodes - 2, 0))
        b = min(a + 1, n_nodes - 1)
        t = place - a
        low = int(np.ceil((wavelength[k] + first_offset - grid[0]) / grid[1]))
        high = int(np.floor((wavelength[k] + last_offset - grid[0]) / grid[1]))
        for i in range(max(low, 0), min(high, spectrum.shape[0] - 1) + 1):
            offset = (grid[0] + i * grid[1] - wavelength[k] - first_offset) / offset_step
            j = min(int(offset), n_offsets - 2)
            u = offset - j
            near = profiles[a, j] * (1.0 - u) + profiles[a, j + 1] * u
            far = profiles[b, j] * (1.0 - u) + profiles[b, j + 1] * u
            spectrum[i] += flux[k] * (near * (1.0 - t) + far * t)


@kernel
def subtract_spectra(
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    origin: NDArray[np.uint32],
    first: float,
    step: float,
    spectra: NDArray[np.float32],
    row_of: NDArray[np.int32],
    noise: NDArray[np.float32],
) -> None:
    """Subtract from each pixel the spectrum of its slice, and add its variance.

    Between the samples a cubic goes through the four nearest; beyond the ends the last
    value holds.

    Parameters
    ----------
    wavelength, data, stat, origin : [n]
        Pixels; ``data`` and ``stat`` are changed.
    first, step
        First wavelength of the spectra and step [Angstrom].
    spectra : float32[n_spectra, n_samples]
        At least four samples.
    row_of : int32[2048]
        Spectrum for each value of the lower 11 bits of ``origin`` (IFU and slice);
        negative for none.
    noise : float32[n_samples]
        Variance of all spectra, linear between the samples.
    """
    n = spectra.shape[1]
    samples, last = spectra.reshape(-1), np.int32(n - 3)
    number, rest = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE)
    share = np.empty((4, AT_ONCE))
    for start in range(0, data.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, data.shape[0]))
        light, variance, label = data[some], stat[some], origin[some]
        find_places(wavelength[some], first, step, n, number, rest)
        for i in range(light.shape[0]):
            j = min(max(number[i], np.int32(1)), last)
            t = rest[i] + (number[i] - j)
            before, after = t * (t - 1.0), (t + 1.0) * (t - 2.0)
            number[i], rest[i] = j, t
            share[0, i] = before * (2.0 - t) * _SIXTH
            share[1, i] = after * (t - 1.0) * 0.5
            share[2, i] = -after * t * 0.5
            share[3, i] = before * (t + 1.0) * _SIXTH
        for i in range(light.shape[0]):
            row = row_of[label[i] & np.uint32(0x7FF)]
            if row < 0:
                continue
            near, at = np.uint32(number[i]), np.uint32(row * n + number[i])
            variance[i] += noise[near] * (1.0 - rest[i]) + noise[near + _ONE] * rest[i]
            light[i] -= (
                samples[at - _ONE] * share[0, i]
                + samples[at] * share[1, i]
                + samples[at + _ONE] * share[2, i]
                + samples[at + _TWO] * share[3, i]
            )
