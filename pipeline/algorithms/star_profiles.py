"""Radial profiles of stars: tables of the share of the light at radii, and functions."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ProfileKind = Literal["gaussian", "moffat", "smoffat", "circle", "square", "auto"]

REACH = 42.0
"""Radius to which the star's light is followed [pix], 8.4 arcsec (ours)."""

RADII = np.concatenate(
    [
        [0.0],
        np.arange(1.0, 6.0, 0.6),
        np.arange(6.4, 12.0, 1.0),
        np.geomspace(12.0, REACH, 12),
    ]
)
"""Where the profile is tabulated [pix]."""

N_RADII_MIN = 16
"""Radii used at least."""

PEDESTAL = slice(-4, -1)
"""Radii whose light first counts as sky."""

WING = (12.0, 26.0)
"""Radii between which the wings are fitted by a power law [pix] (ours)."""

STEEPNESS = (3.0, 6.0)
"""Powers that wings may have: Kolmogorov's 11/3 (Racine 1996, PASP 108, 699) and Moffat
functions of beta 2.5 lie within."""

FIT_RADIUS = 15.0
"""Radius inside which functions are fitted [pix]."""

WINDOW_FWHM = 3.0
"""Radius or half width of the windows [FWHM] (genuine pipeline)."""


def seen_radii(distance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the part of `RADII` at which a field shows pixels.

    Parameters
    ----------
    distance : float32[n]
        Of a sample of the pixels from the star [pix]; a percent of them may lie further
        out.
    """
    farthest = float(np.quantile(distance, 0.99)) if distance.size else 0.0
    n = int(np.searchsorted(RADII, farthest, "right"))
    return RADII[: max(n, N_RADII_MIN)]


def half_width(profile: NDArray[np.float64], radii: NDArray[np.float64]) -> float:
    """Return the radius at which a profile has half its central value [pix]."""
    below = np.flatnonzero(profile < profile[0] / 2)
    if below.size == 0 or below[0] == 0:
        return float("nan")
    i = below[0]
    share = (profile[i - 1] - profile[0] / 2) / (profile[i - 1] - profile[i])
    return float(radii[i - 1] + share * (radii[i] - radii[i - 1]))


def encircled(
    profile: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the light within each radius of piecewise linear profiles.

    Parameters
    ----------
    profile : float64[..., n]
        At ``radii``.
    radii : float64[n]
        From 0 [pix].

    Returns
    -------
    float64[..., n]
        Integral of ``2 pi r profile``, exact for straight pieces.
    """
    a, b = radii[:-1], radii[1:]
    p, q = profile[..., :-1], profile[..., 1:]
    rings = np.pi / 3 * (b - a) * (p * (2 * a + b) + q * (a + 2 * b))
    zero = np.zeros((*profile.shape[:-1], 1))
    return np.concatenate([zero, np.cumsum(rings, axis=-1)], axis=-1)


def with_wings(
    profile: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give profiles back the light that was taken for sky, and scale them to a total of 1.

    The wings of the mean profile continue as a power law, ours: it says how much of the
    "sky" at `PEDESTAL` is star and how much light lies beyond the last radius. Wings too
    faint to be seen are left as they are.

    Parameters
    ----------
    profile : float64[n_bands, n_radii]
        At ``radii``, zero at `PEDESTAL` on average.
    radii : float64[n_radii]
        From 0 [pix].
    """
    mean = profile.mean(axis=0)
    inner = radii < radii[PEDESTAL][0]
    wing = (np.clip(radii, *WING) == radii) & inner
    total = encircled(profile, radii)[:, -1:]
    if wing.sum() < 3 or not (mean[wing] > 0).all():
        return profile / total
    added = 0.0
    for _ in range(5):  # the pedestal changes the slope a little
        values = np.log(mean[wing] + added)
        slope, level = np.polyfit(np.log(radii[wing]), values, 1)
        power = float(np.clip(-slope, *STEEPNESS))
        level = values.mean() + power * np.log(radii[wing]).mean()
        added = float(np.exp(level) * (radii[PEDESTAL] ** -power).mean())
    beyond = 2 * np.pi * np.exp(level) * radii[-1] ** (2 - power) / (power - 2)
    total = total + np.pi * radii[-1] ** 2 * added + beyond
    completed = profile + added
    completed[:, -1] = np.exp(level) * radii[-1] ** -power
    return np.asarray(completed / total)


def model_profile(
    profile: NDArray[np.float64], radii: NDArray[np.float64], kind: ProfileKind
) -> NDArray[np.float64]:
    """Return the profile to fit: the measured one, or a function fitted to it.

    A function is fitted inside `FIT_RADIUS`, with the area of the rings as weights, and
    scaled to a total of 1 over the whole plane.
    """
    if kind == "gaussian":
        return np.array(
            [_gaussian(radii, *_fit(_gaussian, row, radii, (2.0,))) for row in profile]
        )
    if kind in ("moffat", "smoffat"):
        found = np.array([_fit(_moffat, row, radii, (4.0, 2.5)) for row in profile])
        if kind == "smoffat":
            found = smooth_over_bands(found)
        return np.array([_moffat(radii, *row) for row in found])
    return profile


def _fit(
    function: Callable[..., NDArray[np.float64]],
    row: NDArray[np.float64],
    radii: NDArray[np.float64],
    start: tuple[float, ...],
) -> NDArray[np.float64]:
    """Fit a function of radius to a profile, amplitude free; return its shape."""
    from scipy.optimize import curve_fit  # costs 0.1 s, which the default does not need

    inside = radii <= FIT_RADIUS
    area = np.sqrt(np.gradient(radii) * np.maximum(radii, 0.25))[inside]
    found, _ = curve_fit(
        lambda r, scale, *shape: scale * function(r, *shape),
        radii[inside], row[inside], (1.0, *start), sigma=1 / area,
    )  # fmt: skip
    return np.asarray(np.abs(found[1:]))


def _gaussian(r: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return a Gaussian of unit volume."""
    return np.asarray(np.exp(-(r**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2))


def _moffat(r: NDArray[np.float64], alpha: float, beta: float) -> NDArray[np.float64]:
    """Return a Moffat function of unit volume."""
    return np.asarray((beta - 1) / (np.pi * alpha**2) * (1 + (r / alpha) ** 2) ** -beta)


def window_share(
    profile: NDArray[np.float64], radii: NDArray[np.float64], kind: ProfileKind
) -> NDArray[np.float64]:
    """Return the share of the light inside ``circle`` or ``square``; for others all."""
    if kind not in ("circle", "square"):
        return np.ones(len(profile))
    shares = []
    for row in profile:
        reach = min(WINDOW_FWHM * 2 * half_width(row, radii), radii[-1])
        if kind == "circle":
            shares.append(np.interp(reach, radii, encircled(row, radii)))
        else:
            side = (np.arange(200) + 0.5) / 200 * reach
            light = np.interp(np.hypot(side, side[:, np.newaxis]), radii, row)
            shares.append(4 * light.sum() * (reach / 200) ** 2)
    return np.array(shares)


def smooth_over_bands(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace values[n_bands, k] by parabolas over the bands."""
    t = np.linspace(-1, 1, len(values)) if len(values) > 1 else np.zeros(1)
    order = min(2, len(values) - 1)
    return np.ascontiguousarray(
        np.polynomial.polynomial.polyval(
            t, np.polynomial.polynomial.polyfit(t, values, order)
        ).T
    )
