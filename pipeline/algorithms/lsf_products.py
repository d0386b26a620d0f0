"""What muse_lsf leaves behind: profiles as a cube, their widths, the pixels used."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.lsf_fit import LineFit
from pipeline.algorithms.lsf_lamp import LampFit
from pipeline.kernels.line_profile import subtract_lines
from pipeline.spec import Pixels, Table, Value

Floats = NDArray[np.float64]


def profile_cube(profiles: Floats, offsets: Floats, wavelength: Floats) -> Table:
    """Return the image ``LSF_PROFILE`` (manual, A.3.9).

    Parameters
    ----------
    profiles : float64[n_slices, n_wavelengths, n_offsets]
        [1/Angstrom].
    offsets, wavelength
        Equidistant distances from the line and wavelengths [Angstrom].
    """
    header: dict[str, Value] = {"WCSAXES": 2}
    for i, axis in ((1, offsets), (2, wavelength)):
        step = float(axis[1] - axis[0])
        header |= {f"CD{i}_{i}": step, f"CRPIX{i}": 1.0, f"CRVAL{i}": float(axis[0])}
    header |= {"CD1_2": 0.0, "CD2_1": 0.0, "CTYPE1": "PARAM", "CTYPE2": "AWAV"}
    header |= {"CUNIT1": "Angstrom", "CUNIT2": "Angstrom"}
    return Table({"image": profiles.astype(np.float32)}, {}, header)


def full_width(profile: Floats, step: float) -> float:
    """Return the width at half of the value in the middle, as the genuine pipeline does.

    Parameters
    ----------
    profile : float64[n]
        [1/Angstrom].
    step
        Distance of the samples [Angstrom].
    """
    middle = len(profile) // 2 - 1
    half = profile[middle] / 2
    left = np.flatnonzero(profile[: middle + 1] < half)
    right = np.flatnonzero(profile[middle:] < half)
    if len(left) == 0 or len(right) == 0:
        return float("nan")
    i, j = left[-1], middle + right[0]
    low = i + (half - profile[i]) / (profile[i + 1] - profile[i])
    high = j - (half - profile[j]) / (profile[j - 1] - profile[j])
    return float((high - low) * step)


def width_qc(
    profiles: Floats, step: float, numbers: NDArray[np.int64]
) -> Iterator[tuple[str, float]]:
    """Yield the QC LSF keywords (manual, 9.5.5), without ``QC LSF``.

    ``profiles``: float64[n_slices, n_wavelengths, n_offsets]; ``numbers``: the slices, from
    1, that were measured.
    """
    for number in numbers:
        widths = np.array([full_width(row, step) for row in profiles[number - 1]])
        for key, value in (
            ("MEAN", widths.mean()),
            ("STDEV", widths.std(ddof=1)),
            ("MIN", widths.min()),
            ("MAX", widths.max()),
        ):
            yield f"SLICE{number} FWHM {key}", float(value)


def subtracted_pixels(
    fit: LineFit, lamp: LampFit, slices: SliceMap, index: int
) -> tuple[Pixels, dict[str, NDArray[np.float32]]]:
    """Return the pixels of a lamp in a slice without its lines, and what was there.

    Only good pixels of lines that took part are returned.
    """
    samples = lamp.samples.of_slice(index)
    offset, light, variance, place, number = samples
    part = fit.part_of(lamp)
    intervals = np.floor((offset + fit.knots.reach) / fit.knots.step).astype(int)
    taken = fit.equations.taken[index, part][number]
    taken &= lamp.used[number, np.clip(intervals, 0, fit.knots.n - 1)]
    taken &= np.isfinite(variance)
    rest = light.copy()
    background = np.zeros(len(light), np.float32)
    subtract_lines(samples, fit.model(lamp, index), lamp.solution[index], rest, background)
    at = lamp.lines.reference_wavelength[number]
    row = lamp.samples.rows_of_slice(index) + 1
    centre = np.polynomial.polynomial.polyval(row, (slices.left + slices.right)[index] / 2)
    label = np.uint32(slices.labels[index])
    along = (place + 1 - int(slices.offsets[index])).astype(np.uint32)
    pixels = Pixels(
        (centre - (place + 1)).astype(np.float32),
        np.zeros(len(light), np.float32),
        (at + offset).astype(np.float32),
        rest,
        np.zeros(len(light), np.uint32),
        variance,
        along << np.uint32(24) | row.astype(np.uint32) << np.uint32(11) | label,
    )
    extra = {
        "line_lambda": (at + fit.displacements(lamp, index)[number]).astype(np.float32),
        "line_flux": lamp.fluxes(index)[number].astype(np.float32),
        "line_background": background,
        "orig": light,
    }
    return (
        Pixels._make(column[taken] for column in pixels),
        {name: column[taken] for name, column in extra.items()},
    )
