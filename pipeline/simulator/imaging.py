"""Kernel that images a source through the slices onto a detector."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.simulator.render import MARGIN, _below, _cubic

TRACK_STEP = 20.0
"""Sampling of the positions of a refracted source [Angstrom]."""


@kernel
def paint_source(
    image: NDArray[np.float32],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    wave: NDArray[np.float64],
    place: NDArray[np.float64],
    stamps: NDArray[np.float32],
    nodes: NDArray[np.float64],
    grid: float,
    track: NDArray[np.float64],
    spectrum: NDArray[np.float32],
    first: float,
    step: float,
    slit: NDArray[np.float64],
    level: float,
    blur: float,
) -> None:
    """Add the light of a source that falls into one slice.

    Parameters
    ----------
    image
        float32[ny, nx], light [electrons], increased in place.
    left, right
        float64[ny], edges of the slice [pix, 1-based].
    wave
        float64[ny, n], wavelength along the slice, powers of u.
    place
        float64[4], x, y [pix] of the slice in the field, its width [pix] and angle [rad].
    stamps
        float32[n_nodes, m, m], image of the source of unit flux [per pixel].
    nodes
        float64[n_nodes], wavelengths of the stamps [Angstrom], rising.
    grid
        Sampling of the stamps [pix].
    track
        float64[n, 2], position x, y [pix] of the source in the field every `TRACK_STEP`
        from the wavelength ``first``.
    spectrum
        float32[m], light of the whole source in a pixel by wavelength [electrons].
    first, step, slit, level, blur
        As for `pipeline.simulator.render.paint_slice`.
    """
    ny, nx = image.shape
    n_wave, n_nodes, size = wave.shape[1], nodes.shape[0], stamps.shape[1]
    half = size // 2
    reach = half * grid
    cosine, sine = math.cos(place[3]), math.sin(place[3])
    node = 0
    for y in range(ny):
        width = right[y] - left[y]
        middle = 0.5 * (left[y] + right[y])
        while node < n_nodes - 2 and wave[y, 0] > nodes[node + 1]:
            node += 1
        share = (wave[y, 0] - nodes[node]) / (nodes[node + 1] - nodes[node])
        share = min(max(share, 0.0), 1.0)
        step_number = (wave[y, 0] - first) / TRACK_STEP
        m = min(max(math.floor(step_number), 0), track.shape[0] - 2)
        beyond = step_number - m
        source_x = (1.0 - beyond) * track[m, 0] + beyond * track[m + 1, 0]
        source_y = (1.0 - beyond) * track[m, 1] + beyond * track[m + 1, 1]
        if abs(source_y - place[1]) > reach + 1.0:
            continue
        per_pixel = place[2] / width
        centre = middle + (place[0] - source_x) / per_pixel
        start = max(int(max(left[y] - MARGIN, centre - reach / per_pixel)), 1)
        stop = min(int(min(right[y] + MARGIN, centre + reach / per_pixel)) + 1, nx)
        for x in range(start, stop + 1):
            along = (middle - x) * per_pixel
            stamp_x = (place[0] + along * cosine - source_x) / grid + half
            stamp_y = (place[1] + along * sine - source_y) / grid + half
            i, j = math.floor(stamp_x), math.floor(stamp_y)
            if i < 0 or j < 0 or i + 1 >= size or j + 1 >= size:
                continue
            a, b = stamp_x - i, stamp_y - j
            brightness = 0.0
            for k in range(2):
                plane = stamps[node + k]
                low = (1.0 - a) * plane[j, i] + a * plane[j, i + 1]
                high = (1.0 - a) * plane[j + 1, i] + a * plane[j + 1, i + 1]
                part = (1.0 - b) * low + b * high
                brightness += part * (share if k == 1 else 1.0 - share)
            u = 2.0 * (x - middle) / width
            wavelength = 0.0
            for k in range(n_wave - 1, -1, -1):
                wavelength = wavelength * u + wave[y, k]
            light = _cubic(spectrum, (wavelength - first) / step)
            inside = _below((x - left[y]) / blur) - _below((x - right[y]) / blur)
            factor = level * inside * (1.0 + u * (slit[0] + u * slit[1])) * per_pixel
            image[y, x - 1] += factor * light * brightness
