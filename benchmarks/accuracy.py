"""Calibrations of both pipelines against the simulator's truth, same full-size frames.

Runs on what ``benchmarks.recipes`` left in its folder: products in ``ours`` and
``genuine``. Prints one row per quantity and IFU, with what FACTS says of the genuine one.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.line_spread import arc_widths, compare_widths, line_spread
from benchmarks.pixels import compare_fluxes, coordinates, twilight
from pipeline.flags import Flag
from pipeline.instrument import FULL
from pipeline.simulator.detector import detector
from pipeline.simulator.optics import Optics, optics

Floats = NDArray[np.float64]
EDGE = 3
"""Columns at either edge of a slice where dark pixels are not counted [pix]."""
DARK = 0.9
"""Response below which a pixel is dark; others have 1 +- 0.01."""
MARGIN = 60
"""Rows left out at the upper and lower end of a slice [pix]."""


def read_noise(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield QC RON over the truth, sqrt(RON^2 + gain^2/12) of each port."""
    header = fits.getheader(folder / "bias" / f"MASTER_BIAS-{ifu:02d}.fits")
    ccd = detector(FULL, ifu)
    truth = np.sqrt(ccd.read_noise**2 + ccd.gain**2 / 12)
    ratios = [header[f"ESO QC BIAS MASTER{q + 1} RON"] / truth[q] for q in range(4)]
    yield "RON over truth, mean of ports", float(np.mean(ratios))
    yield "RON over truth, worst port - 1", float(np.max(np.abs(np.array(ratios) - 1)))


def polynomial(row: fits.FITS_record, prefix: str, y: Floats) -> Floats:
    """Return a curve of a row of TRACE_TABLE [pix] at 1-based rows."""
    coefficients = [row[f"{prefix}_{k:02d}"] for k in range(6)]
    return np.asarray(np.polynomial.polynomial.polyval(y, coefficients))


def rows_of(truth: Optics, s: int) -> NDArray[np.int64]:
    """Return the 0-based rows in which a slice sees 4650 to 9300 Angstrom."""
    centre = truth.wave[s, :, 0]
    inside = np.flatnonzero((centre > FULL.blue) & (centre < FULL.red))
    return inside[MARGIN:-MARGIN]


def traces(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield the errors of the slice edges and centres [pix]."""
    truth = optics(FULL, ifu)
    table = fits.getdata(folder / "flat" / f"TRACE_TABLE-{ifu:02d}.fits", 1)
    left, right, centre = [], [], []
    for s, row in enumerate(table):
        y0 = rows_of(truth, s)
        y = (y0 + 1).astype(np.float64)
        true_left, true_right = truth.left[s, y0], truth.right[s, y0]
        left.append(polynomial(row, "tc1", y) - true_left)
        right.append(polynomial(row, "tc2", y) - true_right)
        centre.append(polynomial(row, "tc0", y) - (true_left + true_right) / 2)
    edges = np.concatenate([*left, *right])
    yield "trace edges rms [pix]", float(np.sqrt(np.mean(edges**2)))
    outward = np.mean(np.concatenate(right)) - np.mean(np.concatenate(left))
    yield "trace edges outward [pix]", float(outward / 2)
    yield "trace centre rms [pix]", float(np.sqrt(np.mean(np.concatenate(centre) ** 2)))
    yield "   of the best such polynomial", _best_centre(truth)


def _best_centre(truth: Optics) -> float:
    """Return the rms deviation [pix] of polynomials fitted to the true centres."""
    rests = []
    for s, (left, right) in enumerate(zip(truth.left, truth.right, strict=True)):
        middle = (left + right) / 2
        unit = np.linspace(-1, 1, len(middle))
        fit = np.polynomial.chebyshev.chebfit(unit, middle, 5)
        rest = middle - np.polynomial.chebyshev.chebval(unit, fit)
        rests.append(rest[rows_of(truth, s)])
    return float(np.sqrt(np.mean(np.concatenate(rests) ** 2)))


def defects(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield how many dark pixels inside the slices are found, and how many are not dark."""
    truth, ccd = optics(FULL, ifu), detector(FULL, ifu)
    dq = fits.getdata(folder / "flat" / f"MASTER_FLAT-{ifu:02d}.fits", "DQ")
    inside = np.zeros(dq.shape, bool)
    x = np.arange(1, dq.shape[1] + 1)
    for s, (left, right) in enumerate(zip(truth.left, truth.right, strict=True)):
        y = rows_of(truth, s)
        inside[y] |= (x >= left[y, None] + EDGE) & (x <= right[y, None] - EDGE)
    flagged = (dq & int(Flag.DARK_PIXEL | Flag.HOT_PIXEL)) > 0
    dark = inside & (ccd.response < DARK)
    yield "dark pixels found, part", float(flagged[dark].mean())
    yield "false dark or hot pixels", float((flagged & inside & ~dark).sum())


def wavelengths(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield the errors of the wavelength solution [Angstrom], all slices."""
    truth = optics(FULL, ifu)
    table = fits.getdata(folder / "wavecal" / f"WAVECAL_TABLE-{ifu:02d}.fits", 1)
    errors, least = [], []
    for s, row in enumerate(table):
        y = np.repeat(rows_of(truth, s)[::20] + 1, 10)
        left, right = truth.left[s, y - 1], truth.right[s, y - 1]
        x = left + np.resize(np.linspace(0.05, 0.95, 10), len(y)) * (right - left)
        true = truth.wavelength(s + 1, x, y)
        solution = sum(
            row[f"wlc{i}{j}"] * x**i * y.astype(float) ** j
            for i in range(3)
            for j in range(7)
        )
        errors.append(solution - true)
        least.append(_best_polynomial(x, y.astype(float), true) - true)
    every, bound = np.concatenate(errors), np.concatenate(least)
    yield "wavelength rms [A]", float(np.sqrt(np.mean(every**2)))
    yield "wavelength rms, least possible [A]", float(np.sqrt(np.mean(bound**2)))
    yield "wavelength mean [A]", float(np.mean(every))
    yield "wavelength worst [A]", float(np.max(np.abs(every)))


def _best_polynomial(x: Floats, y: Floats, wavelength: Floats) -> Floats:
    """Return the polynomial of orders 2 and 6 that is nearest to true wavelengths."""
    u, v = (2 * (place - place.min()) / np.ptp(place) - 1 for place in (x, y))
    terms = np.polynomial.chebyshev.chebvander2d(u, v, [2, 6])
    return np.asarray(terms @ np.linalg.lstsq(terms, wavelength, rcond=None)[0])


def flat(folder: Path, ifu: int) -> Iterator[tuple[str, float]]:
    """Yield how well the pixel response is recovered inside the slices.

    The slope of the flat against the true response, pixel to pixel: a parabola along each
    row of a slice is removed from both. The light of the lamp varies along a slice like
    one, and so does the response of wider structures in 41 pixels, so that what the lamp
    does would count as a slope of 0.98 to 1.02.
    """
    truth, ccd = optics(FULL, ifu), detector(FULL, ifu)
    data = fits.getdata(folder / "flat" / f"MASTER_FLAT-{ifu:02d}.fits", "DATA")
    near = np.arange(-20, 21)
    found, true = [], []
    for s in range(5, 43, 6):
        y = rows_of(truth, s)
        x = np.rint((truth.left[s, y] + truth.right[s, y]) / 2).astype(int) - 1
        pair = [im[y[:, None], x[:, None] + near] for im in (data, ccd.response)]
        block, response = (v / np.median(v, axis=1, keepdims=True) for v in pair)
        good = np.all((np.abs(block - 1) < 0.06) & (np.abs(response - 1) < 0.06), axis=1)
        found.append(_without_parabola(block[good]))
        true.append(_without_parabola(response[good]))
    flat, response = np.concatenate(found), np.concatenate(true)
    slope = float(np.sum(flat * response) / np.sum(response**2))
    error = np.std(flat - slope * response) / np.std(response) / np.sqrt(flat.size)
    yield "pixel flat slope", slope
    yield "   its error", float(error)


def _without_parabola(rows: Floats) -> Floats:
    """Return rows of values without the parabola that fits each best."""
    terms = np.vander(np.linspace(-1, 1, rows.shape[1]), 3)
    return np.asarray(rows - rows @ terms @ np.linalg.pinv(terms))


def compare_images(folder: Path, name: str, ifu: int, relative: bool) -> float:
    """Return the median of ours minus (or over) the genuine image, inside the data."""
    pair = []
    for side in ("ours", "genuine"):
        path = folder / side / name.split("/")[0] / f"{name.split('/')[1]}-{ifu:02d}.fits"
        pair.append(fits.getdata(path, "DATA")[60:-60, 60:-60].astype(np.float64))
    ours, genuine = pair
    if relative:
        lit = (genuine > 0.2) & (genuine < 5)
        return float(np.median(ours[lit] / genuine[lit]))
    return float(np.median(ours - genuine))


MEASURES = (
    read_noise,
    flat,
    defects,
    traces,
    wavelengths,
    arc_widths,
    coordinates,
    twilight,
    line_spread,
)
"""What is compared with the truth."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--ifus", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    names = [s for s in ("own", "ours", "genuine") if (options.folder / s).is_dir()]
    print(f"{'quantity':34s} IFU" + "".join(f"{name:>11s}" for name in names))
    for measure in MEASURES:
        for ifu in options.ifus:
            sides = [dict(measure(options.folder / name, ifu)) for name in names]
            for quantity in max(sides, key=len):
                values = "".join(f"{side.get(quantity, np.nan):11.5f}" for side in sides)
                print(f"{quantity:34s} {ifu:3d}{values}")
    for ifu in options.ifus:
        difference = compare_images(options.folder, "bias/MASTER_BIAS", ifu, relative=False)
        ratio = compare_images(options.folder, "flat/MASTER_FLAT", ifu, relative=True)
        print(f"{'bias, ours - genuine [adu]':34s} {ifu:3d} {difference:10.4f}")
        print(f"{'flat, ours / genuine':34s} {ifu:3d} {ratio:10.5f}")
        widths = compare_widths(options.folder, ifu)
        for name, value in (*compare_fluxes(options.folder, ifu), *widths):
            print(f"{name:34s} {ifu:3d} {value:10.5f}")


if __name__ == "__main__":
    main()
