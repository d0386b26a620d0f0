"""Edges of slices in cuts across the detector.

An edge is a step of light smeared by the optics and the pixels: a cumulative normal
distribution on a sloping plateau. Fitting it places the edge where half of the light
is lost whatever the sharpness, while the crossing of a threshold between two pixels
is displaced by the curvature of the edge (0.01 pix for MUSE).
"""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.normal import cholesky, substitute

N_PARAMETERS = 5
"""Parameters of an edge: position, width, plateau, slope, background."""
OUTSIDE, INSIDE = 4, 9
"""Pixels fitted outside and inside of an edge [pix]."""
DEVIANT = 0.01
"""Mean deviation of a fit that betrays a bad pixel [fraction of the plateau]."""
MAX_ITER = 25
"""Steps after which a fit that still moves is given up."""


@kernel
def _edge(t: float, p: NDArray[np.float64], gradient: NDArray[np.float64]) -> float:
    """Return the light at ``t`` pixels inwards of the guess, and its derivatives."""
    z = (t - p[0]) / p[1]
    step = 0.5 * (1.0 + math.erf(z * 0.7071067811865476))
    bell = 0.3989422804014327 * math.exp(-0.5 * z * z)
    plateau = p[2] + p[3] * (t - p[0])
    gradient[0] = -plateau * bell / p[1] - p[3] * step
    gradient[1] = -plateau * bell * z / p[1]
    gradient[2] = step
    gradient[3] = (t - p[0]) * step
    gradient[4] = 1.0
    return float(p[4] + plateau * step)


@kernel
def fit_edge(
    cut: NDArray[np.float32], guess: float, side: int, p: NDArray[np.float64]
) -> bool:
    """Fit one edge of a slice.

    Parameters
    ----------
    cut : float32[nx]
        Light along a row; NaN is ignored.
    guess : float
        Place of the edge, good to a pixel [pix, 0-based].
    side : int
        1 for a left edge, -1 for a right edge.
    p : float64[N_PARAMETERS]
        Result: place of half light [pix, inwards of ``guess``], Gaussian width [pix],
        plateau, its slope per pixel inwards, background.

    Returns
    -------
    bool
        Whether the fit converged to an edge near the guess. If it deviates by more
        than `DEVIANT`, one pixel is left out: the one whose absence helps most.
    """
    first = math.floor(guess + 0.5)
    light = np.empty(OUTSIDE + INSIDE + 1)
    place = np.empty(OUTSIDE + INSIDE + 1)
    n, plateau, background = 0, -np.inf, np.inf
    for k in range(-OUTSIDE, INSIDE + 1):
        x = first + side * k
        if 0 <= x < cut.shape[0] and not math.isnan(cut[x]):
            light[n], place[n] = cut[x], side * (x - guess)
            plateau, background = max(plateau, light[n]), min(background, light[n])
            n += 1
    if n < N_PARAMETERS + 3 or plateau <= 0.0:
        return False
    deviation = _iterate(light, place, n, -1, plateau - background, p)
    if deviation > DEVIANT * (plateau - background):
        trial = np.empty(N_PARAMETERS)
        for left_out in range(n):
            smaller = _iterate(light, place, n, left_out, plateau - background, trial)
            if smaller < deviation:
                deviation = smaller
                p[:] = trial
    if not deviation < np.inf:
        return False
    return bool(abs(p[0]) < 2.0 and 0.1 < p[1] < 3.0 and p[2] > 0.0)


@kernel
def _iterate(
    light: NDArray[np.float64],
    place: NDArray[np.float64],
    n: int,
    left_out: int,
    plateau: float,
    p: NDArray[np.float64],
) -> float:
    """Fit ``p`` by damped Gauss-Newton steps, all pixels but ``left_out``.

    Returns the mean absolute deviation, infinity where the fit did not come to rest.
    """
    matrix = np.empty((N_PARAMETERS, N_PARAMETERS))
    vector, gradient = np.empty(N_PARAMETERS), np.empty(N_PARAMETERS)
    p[0], p[1], p[2], p[3], p[4] = 0.0, 0.7, plateau, 0.0, 0.0
    for _ in range(MAX_ITER):
        matrix[:], vector[:] = 0.0, 0.0
        deviation = 0.0
        for i in range(n):
            if i != left_out:
                rest = light[i] - _edge(place[i], p, gradient)
                deviation += abs(rest)
                for a in range(N_PARAMETERS):
                    vector[a] += gradient[a] * rest
                    for b in range(a + 1):
                        matrix[a, b] += gradient[a] * gradient[b]
        if not cholesky(matrix, N_PARAMETERS):
            return np.inf
        substitute(matrix, vector, N_PARAMETERS)
        shrink = min(1.0, 0.5 / max(abs(vector[0]), 1e-9))
        shrink = min(shrink, 0.3 * p[1] / max(abs(vector[1]), 1e-9))
        for a in range(N_PARAMETERS):
            p[a] += shrink * vector[a]
        if abs(vector[0]) < 1e-5 and abs(vector[1]) < 1e-4:
            return deviation / n
    return np.inf


@kernel
def follow_edges(
    cuts: NDArray[np.float32],
    start: int,
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    level: float,
) -> NDArray[np.float64]:
    """Follow the edges of all slices from one cut to the next, both ways.

    Parameters
    ----------
    cuts : float32[n_cuts, nx]
        Light along rows of the detector, from bottom to top.
    start : int
        Cut where the search starts.
    left, right : float64[n_slices]
        Edges in that cut, good to a pixel [pix, 0-based]; NaN for a slice to be left out.
    level : float
        Position of the edge in widths inwards of half light; 0 for half light.

    Returns
    -------
    float64[n_slices, n_cuts, 2]
        Left and right edges [pix, 0-based]; NaN where none was found.
    """
    n_cuts, n_slices = cuts.shape[0], left.shape[0]
    edges = np.full((n_slices, n_cuts, 2), np.nan)
    p = np.empty(N_PARAMETERS)
    for s in range(n_slices):
        if math.isnan(left[s]) or math.isnan(right[s]):
            continue
        for end in range(2):
            side = 1 - 2 * end
            for direction in range(2):
                guess = right[s] if end else left[s]
                cut = start if direction == 0 else start - 1
                while 0 <= cut < n_cuts:
                    if fit_edge(cuts[cut], guess, side, p):
                        guess += side * p[0]
                        edges[s, cut, end] = guess + side * level * p[1]
                    cut += 1 - 2 * direction
    return edges
