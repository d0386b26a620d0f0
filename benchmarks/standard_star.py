"""The response of a standard star against truth: ``python -m benchmarks.standard_star``.

Pixel tables of six full-size IFUs hold a star of the shipped STD_FLUX_TABLE in 60
columns around it, seen through the molecules of the simulated atmosphere, the shipped
extinction and a known efficiency, with a profile that is no Moffat function. muse_standard
measures it with each of its profiles; throughput and telluric absorption are compared with
what went in.
"""

import argparse
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.dar import WAVELENGTHS, Refraction
from pipeline.algorithms.response import AREA, PHOTON, TELLURIC_BANDS
from pipeline.formats.tables import TableFile, open_tables
from pipeline.instrument import FULL
from pipeline.memory import MemoryOutputs, MemoryPixels
from pipeline.recipes.standard import StandardParams, standard
from pipeline.simulator.atmosphere import molecular_transmission
from pipeline.simulator.scene import standard_flux, standard_position
from pipeline.spec import Columns, Pixels, Segment, Value
from pipeline.static import static_path

Floats = NDArray[np.float64]

STAR, AIRMASS, WATER, EXPTIME = "Feige110", 1.1, 3.5, 120.0
IFUS = range(10, 16)
PLACE = (0.4, -0.8)
"""Of the star, from the middle of the field [pix]."""

HALF_WIDTH = 30.0
"""Columns on either side of the star [pix]."""

LSF_SIGMA = 1.07
"""Width of the line spread [Angstrom]."""

GRID = np.arange(4600.0, 9500.0, 0.05)
"""Wavelengths at which the truth is made [Angstrom]."""

PROFILES = ("auto", "smoffat", "moffat", "gaussian", "circle", "square")


def efficiency(wavelength: Floats) -> Floats:
    """Return the true throughput of telescope and instrument."""
    return np.asarray(0.30 - 0.14 * ((wavelength - 7000.0) / 2400.0) ** 2)


def blurred(values: Floats) -> Floats:
    """Return values on `GRID` as the spectrograph sees them."""
    reach = np.arange(-100, 101) * 0.05
    taps = np.exp(-0.5 * (reach / LSF_SIGMA) ** 2)
    return np.convolve(values, taps / taps.sum(), "same")


@cache
def absorption() -> Floats:
    """Return the seen transmission of molecules on `GRID`, weighted with the star."""
    flux = standard_flux(STAR, GRID)
    through = flux * molecular_transmission(GRID, AIRMASS, WATER)
    return np.asarray(blurred(through) / blurred(flux))


def static_table(tag: str) -> TableFile:
    """Return a shipped table."""
    (frame,) = open_tables(static_path(tag, "full"), tag).values()
    return frame


@cache
def counts() -> Floats:
    """Return the counts per bin of 1.25 Angstrom of the whole star on `GRID`."""
    dust = static_table("EXTINCT_TABLE").read().columns
    k = np.interp(GRID, dust["lambda"], dust["extinction"])
    rate = standard_flux(STAR, GRID) * AREA * GRID / PHOTON * efficiency(GRID)
    return np.asarray(rate * EXPTIME * 1.25 * 10 ** (-0.4 * k * AIRMASS) * absorption())


def profile(radius: Floats, wavelength: Floats) -> Floats:
    """Return the share of the light in a pixel: a core and broad wings."""
    fwhm = 4.0 * (wavelength / 7000.0) ** -0.2
    total = np.zeros_like(radius)
    for share, width, beta in ((0.85, fwhm, 4.0), (0.15, 2.2 * fwhm, 2.6)):
        alpha = width / 2 / np.sqrt(2 ** (1 / beta) - 1)
        shape = (beta - 1) / (np.pi * alpha**2) * (1 + (radius / alpha) ** 2) ** -beta
        total += share * shape
    return total


def header() -> dict[str, Value]:
    """Return the keywords of the exposure."""
    ra, dec = standard_position(STAR)
    return {
        "DATE-OBS": "2026-09-03T03:50:00.456", "MJD-OBS": 61286.16, "EXPTIME": EXPTIME,
        "RA": ra, "DEC": dec, "ESO TEL AIRM START": AIRMASS, "ESO TEL AIRM END": AIRMASS,
        "ESO TEL PARANG START": 30.0, "ESO TEL PARANG END": 30.0,
        "ESO INS DROT MODE": "SKY", "ESO INS DROT POSANG": 0.0,
        "ESO INS MODE": "WFM-NOAO-N", "ESO OBS TARG NAME": STAR, "OBJECT": STAR,
        "ESO DRS MUSE FLAT FLUX SKY": 1e6,
    }  # fmt: skip


def tables() -> Iterator[MemoryPixels]:
    """Yield the pixel table of each IFU."""
    words, rng = header(), np.random.default_rng(1)
    drift = Refraction.of(words, 7000.0)
    wavelength = np.arange(4751.0, 9349.0, 1.25)
    columns = (np.arange(FULL.slice_width) + 0.5) / FULL.slice_width
    across = (0.5 - columns) * FULL.stack_width
    for ifu in IFUS:
        parts, segments, start = [], [], 0
        for number in range(1, FULL.n_slices + 1):
            x0, y0 = FULL.slice_centre(ifu, number)
            near = x0 + across[np.abs(x0 + across - PLACE[0]) < HALF_WIDTH]
            if not near.size:
                continue
            xx = np.tile(near, wavelength.size)
            lam = np.repeat(wavelength + 0.4 * (number % 3), near.size) + 0.04 * (xx - x0)
            dx = xx - PLACE[0] + np.interp(lam, WAVELENGTHS, drift.shift_x)
            dy = y0 - PLACE[1] + np.interp(lam, WAVELENGTHS, drift.shift_y)
            light = np.interp(lam, GRID, counts()) * profile(np.hypot(dx, dy), lam)
            seen = rng.poisson(20.0 + light) + 3.0 * rng.standard_normal(lam.size)
            y = np.full(lam.size, y0)
            parts.append([a.astype(np.float32) for a in (xx, y, lam, seen, seen + 9.0)])
            segments.append(Segment(0, ifu, number, start, start + lam.size))
            start += lam.size
        x, y, wave, data, stat = (np.concatenate(c) for c in zip(*parts, strict=True))
        origin = np.concatenate(
            [np.full(s.stop - s.start, ifu << 6 | s.slice, np.uint32) for s in segments]
        )
        pixels = Pixels(x, y, wave, data, np.zeros(start, np.uint32), stat, origin)
        name = f"PIXTABLE_STD_0001-{ifu:02d}.fits"
        yield MemoryPixels(pixels, segments, words, "PIXTABLE_STD", ifu, name)


def frames_of_star() -> dict[str, list[Any]]:
    """Return all that muse_standard takes."""
    found: dict[str, list[Any]] = {
        tag: [static_table(tag)] for tag in ("EXTINCT_TABLE", "STD_FLUX_TABLE")
    }
    return {**found, "PIXTABLE_STD": list(tables())}


def throughput_error(columns: Columns) -> tuple[float, float]:
    """Return median and scatter of measured over true throughput, without bands."""
    x = columns["lambda"]
    clean = (x > 4800) & (x < 9200)
    for band in TELLURIC_BANDS:
        clean &= (x < band.low) | (x > band.high)
    ratio = columns["throughput"][clean] / efficiency(x[clean])
    return float(np.median(ratio)) - 1, float(np.ptp(np.percentile(ratio, [16, 84])) / 2)


def telluric_errors(columns: Columns) -> Iterator[tuple[float, float, float]]:
    """Yield the middle of each band and, there, measured minus true transmission: the mean
    and 95 % of the deviations.
    """  # noqa: D205
    x = columns["lambda"]
    true = np.interp(x, GRID, absorption()) ** (1 / AIRMASS)
    for band in TELLURIC_BANDS:
        inside = (x >= band.low) & (x <= min(band.high, 9340.0))
        off = columns["ftelluric"][inside] - true[inside]
        middle = 0.5 * (band.low + band.high)
        yield middle, float(off.mean()), float(np.percentile(np.abs(off), 95))


def main() -> None:
    """Print a line for each profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", nargs="+", choices=PROFILES, default=PROFILES)
    options = parser.parse_args()
    frames = frames_of_star()
    print("profile    throughput - true [%]    telluric - true: mean, 95 % by band [%]")
    for kind in options.profiles:
        out = MemoryOutputs()
        standard.run(frames, StandardParams(profile=kind), out)
        level, scatter = throughput_error(out["STD_RESPONSE"].tables[""].columns)
        found = telluric_errors(out["STD_TELLURIC"].tables[""].columns)
        bands = "".join(f"  {m:.0f} {100 * a:+.1f} {100 * b:.1f}" for m, a, b in found)
        print(
            f"{kind:10s}{100 * level:+8.2f} +- {100 * scatter:.2f}      {bands}", flush=True
        )


if __name__ == "__main__":
    main()
