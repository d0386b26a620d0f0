"""Term values of the OH molecule: which airglow line belongs to which upper level.

The constants of each vibrational level were fitted by us to the lines of the Paranal
sky spectrum that `pipeline.static.sky` reads; the lines come out within 0.03 Angstrom
(median). Formula: Hill and Van Vleck (1928, Phys. Rev. 32, 250), a doublet Pi state
between Hund's cases a and b; lambda doubling is not resolved here.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

ORIGIN = (
    0.0, 3569.634, 6973.688, 10214.042, 13291.866,
    16207.074, 18958.803, 21544.253, 23959.021, 26196.089,
)  # fmt: skip
"""Origin of the levels v = 0..9 [1/cm]."""

ROTATION = (
    18.545,
    17.8325,
    17.1267,
    16.4332,
    15.7352,
    15.0678,
    14.351,
    13.6421,
    12.9073,
    12.1405,
)
"""Rotational constant B [1/cm]."""

DISTORTION = (2.1188, 2.2001, 1.9432, 1.9075, 1.678, 2.6933, 1.8165, 1.8285, 1.7515, 1.76)
"""Centrifugal distortion D [1e-3 1/cm]."""

SPIN_ORBIT = (
    -137.03, -137.38, -137.61, -137.85, -138.05,
    -138.32, -138.45, -138.55, -138.43, -138.15,
)  # fmt: skip
"""Spin-orbit coupling A [1/cm]; negative: the 3/2 ladder lies lower."""

BANDS = (
    (6, 0), (7, 1), (8, 2), (9, 3), (5, 0), (6, 1), (7, 2), (8, 3), (9, 4),
    (4, 0), (5, 1), (6, 2), (7, 3), (8, 4), (3, 0), (9, 2),
)  # fmt: skip
"""Upper and lower level of the Meinel bands with lines between 4600 and 9500 A."""

TEMPERATURE = 190.0
"""Rotational temperature of the mesopause [K]."""

KELVIN = 1.438777
"""Second radiation constant hc/k [cm K]."""

N_ROTATION = 8
"""Rotational levels of each ladder."""


class OhLine(NamedTuple):
    """A predicted transition; ``vacuum`` [Angstrom], ``strength`` within its band."""

    name: str
    upper: int
    vacuum: float
    strength: float


def rotational_term(v: int, j: float, ladder: int) -> float:
    """Return the energy above the level's origin [1/cm]; ladder 1 is 3/2, 2 is 1/2."""
    ratio = SPIN_ORBIT[v] / ROTATION[v]
    split = np.sqrt(4 * (j + 0.5) ** 2 + ratio * (ratio - 4))
    sign, n = (-0.5, j - 0.5) if ladder == 1 else (0.5, j + 0.5)
    rigid = ROTATION[v] * ((j + 0.5) ** 2 - 1 + sign * split)
    return float(rigid - DISTORTION[v] * 1e-3 * (n * (n + 1)) ** 2)


def line_strength(branch: str, j: float, ladder: int) -> float:
    """Return the Hoenl-London factor for the lower level ``j``."""
    omega2 = 2.25 if ladder == 1 else 0.25
    if branch == "P":
        return (j**2 - omega2) / j
    if branch == "Q":
        return (2 * j + 1) * omega2 / (j * (j + 1))
    return ((j + 1) ** 2 - omega2) / (j + 1)


def oh_lines() -> Iterator[OhLine]:
    """Predict the main transitions of all `BANDS`."""
    for upper, lower in BANDS:
        for ladder, first in ((1, 1.5), (2, 0.5)):
            for j in first + np.arange(N_ROTATION):
                for branch, step in (("P", -1), ("Q", 0), ("R", 1)):
                    if j + step < first:
                        continue
                    above = rotational_term(upper, j + step, ladder)
                    below = rotational_term(lower, j, ladder)
                    wavenumber = ORIGIN[upper] - ORIGIN[lower] + above - below
                    population = np.exp(-above * KELVIN / TEMPERATURE)
                    yield OhLine(
                        f"OH {upper}-{lower} {branch}{ladder}({j:.1f})",
                        upper,
                        1e8 / wavenumber,
                        line_strength(branch, float(j), ladder) * float(population),
                    )
