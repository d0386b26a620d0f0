"""Recognition of lines: an exhaustive search for the best dispersion, and who is who."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def best_dispersion(
    places: NDArray[np.float64],
    score: NDArray[np.float32],
    first: float,
    step: float,
    centres: NDArray[np.float64],
    slopes: NDArray[np.float64],
    curvatures: NDArray[np.float64],
) -> tuple[float, float, float, float]:
    """Try all dispersions of a grid on the places of lines.

    Parameters
    ----------
    places : float64[n]
        Places of detected lines, -1 at the first row of the detector, 1 at the last.
    score : float32[m]
        How well a wavelength agrees with a line, 0 to 1, sampled.
    first, step : float
        Wavelength of the first sample and distance of the samples [Angstrom].
    centres, slopes, curvatures : float64[...]
        Coefficients tried: wavelength = centre + slope t + curvature t**2 [Angstrom].

    Returns
    -------
    best, centre, slope, curvature : float
        Highest mean score and the coefficients that reach it.
    """
    n, last = places.shape[0], score.shape[0] - 1
    best = (-1.0, 0.0, 0.0, 0.0)
    bent = np.empty(n)
    for curvature in curvatures:
        for slope in slopes:
            for i in range(n):
                bent[i] = (places[i] * (slope + places[i] * curvature) - first) / step + 0.5
            for centre in centres:
                shift = centre / step
                total = 0.0
                for i in range(n):
                    k = math.floor(bent[i] + shift)
                    if 0 <= k <= last:
                        total += score[k]
                if total > best[0] * n:
                    best = (total / n, centre, slope, curvature)
    return best


@kernel
def match_lines(
    expected: NDArray[np.float64],
    peak: NDArray[np.float64],
    wavelength: NDArray[np.float64],
    brightness: NDArray[np.float64],
    limit: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Pair detections with lines of a catalogue.

    A detection takes the line that is near and bright, a line the brightest detection.

    Parameters
    ----------
    expected, peak : float64[n]
        Wavelength [Angstrom] and height [count] of each detection.
    wavelength, brightness : float64[n_lines]
        Lines of the catalogue [Angstrom], sorted; how much distance, in units of the
        limit and squared, each may have more than one of brightness 0.
    limit : float64[n_lines]
        Largest distance of each line [Angstrom].

    Returns
    -------
    int64[n_lines]
        The detection of every line, -1 if it has none.
    """
    winner = np.full(wavelength.shape[0], -1)
    farthest = 0.0
    for value in limit:
        farthest = max(farthest, value)
    for k in range(expected.shape[0]):
        chosen, best = -1, np.inf
        for j in range(wavelength.shape[0]):
            distance = expected[k] - wavelength[j]
            if distance < -farthest:
                break
            part = distance / limit[j]
            if abs(part) <= 1.0 and part * part - brightness[j] < best:
                chosen, best = j, part * part - brightness[j]
        if chosen >= 0 and (winner[chosen] < 0 or peak[k] >= peak[winner[chosen]]):
            winner[chosen] = k
    return winner
