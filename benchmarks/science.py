"""Cubes of both pipelines against the simulator's truth, made of the same frames.

Runs on what ``benchmarks.recipes`` left in its folder: ``genuine`` is the genuine chain,
``ours`` our recipe on the genuine pixel tables and calibrations. ``own`` is our chain
from the raw frames on, which ``benchmarks.reduction`` makes. Every quantity of FACTS-drs
(f) that a single exposure reaches is measured alike in all cubes: positions, fluxes and
line centres of sources, refraction, what remains of sky lines, honesty of the variance.
"""

import argparse
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.optimize import curve_fit, least_squares

from benchmarks.scene import ExpectedScene, exposure_of
from pipeline.algorithms.covariance import noise_factor
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.scene import Source

Floats = NDArray[np.float64]
Row = tuple[str, float]
Place = tuple[float, float]

TELLURIC = (
    (6270.0, 6320.0),
    (6850.0, 7070.0),
    (7150.0, 7400.0),
    (7580.0, 7710.0),
    (8080.0, 8400.0),
    (8900.0, 9600.0),
)
"""Bands of molecular absorption [Angstrom], left out of fluxes."""
BANDS = {
    "O2 B": (6865.0, 6940.0),
    "H2O 7200": (7165.0, 7340.0),
    "O2 A": (7590.0, 7700.0),
    "H2O 8230": (8120.0, 8340.0),
}
"""The strong ones [Angstrom]."""
FLUX_RANGE, FLUX_STEP = (4800.0, 9200.0), 200.0
LEAST_SNR = 200.0
"""Signal-to-noise ratio in a band of `FLUX_STEP` from which a flux counts."""
BLUE, RED = (4850.0, 5050.0), (6650.0, 6850.0)
"""Bands in which refraction is compared [Angstrom]."""
APERTURE = 9.0
"""Radius in which fluxes of stars are measured [pix]."""
LINE_APERTURE = 4.0
LINE_ERROR = 0.05
"""Emission lines that are noisier do not count [Angstrom]."""
MARGIN = 2.5
"""Sources nearer to the rim of the cube are left out [pix]."""
SPARSE = 100
"""Every so many planes tell where a cube has data."""
BRIGHT_LINE = 0.02
"""Sky lines that count, in parts of 5577."""
LINE_SIGMA = 1.1
"""Sigma of a sky line [Angstrom]."""


class Cube(NamedTuple):
    """DATA and STAT, [nz, ny, nx] [1e-20 erg/s/cm^2/Angstrom], and wavelengths."""

    data: NDArray[np.float32]
    stat: NDArray[np.float32]
    wavelength: Floats
    scene: ExpectedScene
    header: fits.Header


def read_cube(path: Path, others: Sequence[Exposure] = (), height: float = 0.0) -> Cube:
    """Read a cube of an exposure and of ``others``; ``height``: of the field [pix]."""
    with fits.open(path, memmap=False) as units:
        data = units["DATA"].data.astype(np.float32)
        stat = units["STAT"].data.astype(np.float32)
        header, primary = units["DATA"].header, units[0].header
    step = header["CD3_3"]
    first = header["CRVAL3"] + (1 - header["CRPIX3"]) * step
    wavelength = first + step * np.arange(data.shape[0])
    plane, shape = WCS(header).celestial, data.shape[1:]
    scene = ExpectedScene(exposure_of(primary), plane, shape, tuple(others), height)
    return Cube(data, stat, wavelength, scene, primary)


def clear(wavelength: Floats | float) -> NDArray[np.bool_]:
    """Return which wavelengths are free of molecular absorption."""
    good = np.ones(np.shape(wavelength), bool)
    for first, last in TELLURIC:
        good &= (wavelength < first) | (wavelength > last)
    return np.asarray(good)


def near_lines(cube: Cube, brighter: float, within: float) -> NDArray[np.bool_]:
    """Return which planes lie near sky lines of some brightness in parts of 5577."""
    lines, fluxes = cube.scene.sky_lines()
    strong = lines[fluxes > brighter * _green(cube)]
    return np.asarray(np.any(np.abs(cube.wavelength[:, None] - strong) < within, axis=1))


def _green(cube: Cube) -> float:
    """Return the flux of [O I] 5577 [1e-20 erg/s/cm^2 per pixel]."""
    lines, fluxes = cube.scene.sky_lines()
    return float(fluxes[np.abs(lines - 5577.3) < 2].sum())


def band(cube: Cube, first: float, last: float) -> tuple[Floats, Floats]:
    """Return the mean image and its planes' wavelengths, bright sky lines left out."""
    w = cube.wavelength
    chosen = (w >= first) & (w < last) & clear(w) & ~near_lines(cube, 0.05, 4.0)
    return np.nanmean(cube.data[chosen].astype(float), axis=0), w[chosen]


def blank_spaxels(cube: Cube) -> NDArray[np.bool_]:
    """Return where no source adds more than 2 percent of the sky's brightness."""
    faint = cube.scene.total(np.array([7000.0])) < 0.02 * 29
    full = np.isfinite(cube.data[::SPARSE]).mean(axis=0) > 0.9
    return np.asarray(faint & full)


def held(cube: Cube) -> list[tuple[Source, Place]]:
    """Return the sources that the cube holds, with their expected places."""
    y, x = np.indices(cube.data.shape[1:])
    full = np.isfinite(cube.data[::SPARSE]).mean(axis=0) > 0.9
    return [
        (source, place)
        for source, place in cube.scene.sources
        if cube.scene.inside(place, MARGIN)
        and full[np.hypot(x - place[0], y - place[1]) < MARGIN].all()
    ]


def stars(cube: Cube) -> list[tuple[Source, Place]]:
    """Return the stars that the cube holds, with their expected places."""
    return [(source, place) for source, place in held(cube) if source.radius == 0]


def locate(cube: Cube, image: Floats, wavelength: float) -> dict[str, Place]:
    """Return the measured minus the expected place of each star [pix]."""
    residual = image - np.nanmedian(image[blank_spaxels(cube)])
    moved = {}
    y, x = np.indices(image.shape)
    for source, place in stars(cube):
        near = np.hypot(x - place[0], y - place[1]) < 5.0
        near &= np.isfinite(image)
        flux = 1e20 * float(source.continuum(np.array([wavelength]))[0])

        def mismatch(
            p: Floats,
            source: Source = source,
            place: Place = place,
            near: NDArray[np.bool_] = near,
            flux: float = flux,
        ) -> Floats:
            here = (place[0] + p[0], place[1] + p[1])
            model = cube.scene.image(source, wavelength, here)
            return np.asarray((residual - flux * p[2] * model - p[3])[near])

        fit = least_squares(
            mismatch, np.array([0.0, 0.0, 1.0, 0.0]), x_scale=[0.1, 0.1, 0.1, 5]
        )
        moved[source.name] = (float(fit.x[0]), float(fit.x[1]))
    return moved


def positions(cube: Cube) -> Iterator[Row]:
    """Yield errors of source positions after the common shift [arcsec]."""
    image, w = band(cube, 4800, 8900)
    moved = np.array(list(locate(cube, image, float(w.mean())).values())) * 0.2
    yield "stars measured", float(len(moved))
    if not len(moved):
        return
    yield "common shift x [arcsec]", float(np.median(moved[:, 0]))
    yield "common shift y [arcsec]", float(np.median(moved[:, 1]))
    scatter = moved - np.median(moved, axis=0)
    yield "positions, rms [arcsec]", float(np.sqrt(np.mean(scatter**2)))


def refraction(cube: Cube) -> Iterator[Row]:
    """Yield how far blue and red images of stars lie apart [arcsec]."""
    places = []
    for first, last in (BLUE, RED):
        image, w = band(cube, first, last)
        places.append(np.array(list(locate(cube, image, float(w.mean())).values())))
    if not len(places[0]):
        return
    apart = np.median(places[0] - places[1], axis=0) * 0.2
    yield "refraction left, 4950-6750 [arcsec]", float(np.hypot(*apart))


def flux_ratios(cube: Cube, chosen: NDArray[np.bool_]) -> Floats:
    """Return measured over true flux of each star in some planes, summed alike.

    NaN: a star that is not brighter than all others together by a factor of 5 within
    its aperture, or whose signal-to-noise ratio is below `LEAST_SNR`.
    """
    w = cube.wavelength[chosen]
    image = np.nanmean(cube.data[chosen].astype(float), axis=0)
    variance = np.nanmean(cube.stat[chosen].astype(float), axis=0) / len(w)
    middle, every = float(w.mean()), cube.scene.total(w)
    image -= np.nanmedian((image - every)[blank_spaxels(cube)])  # wings are everywhere
    y, x = np.indices(image.shape)
    ratios = []
    for source, place in stars(cube):
        near = (np.hypot(x - place[0], y - place[1]) < APERTURE) & np.isfinite(image)
        flux = 1e20 * float(source.continuum(w).mean())
        own = flux * cube.scene.image(source, middle, place)[near].sum()
        others = every[near].sum() - own
        loud = own > LEAST_SNR * np.sqrt(variance[near].sum())
        measured = float((image[near].sum() - others) / own)
        ratios.append(measured if loud and own > 5 * others else np.nan)
    return np.array(ratios)


def fluxes(cube: Cube) -> Iterator[Row]:
    """Yield measured over true flux of stars outside of molecular bands."""
    table = []
    w = cube.wavelength
    lines = near_lines(cube, 0.05, 4.0)
    for first in np.arange(*FLUX_RANGE, FLUX_STEP):
        chosen = (w >= first) & (w < first + FLUX_STEP) & clear(w) & ~lines
        if chosen.sum() >= 40:
            table.append(flux_ratios(cube, chosen))
    ratios = np.array(table)
    if not np.isfinite(ratios).any():
        return
    by_band = np.nanmedian(ratios, axis=1)
    yield "fluxes measured", float(np.isfinite(ratios).sum())
    yield "flux over truth, median", float(np.nanmedian(ratios))
    yield "flux over truth, bluest band", float(by_band[0])
    yield "flux over truth, reddest band", float(by_band[-1])
    yield "flux over truth, farthest band", float(by_band[np.nanargmax(abs(by_band - 1))])
    yield "flux over truth, scatter of bands", float(np.nanstd(by_band))
    yield (
        "flux over truth, scatter of stars",
        float(np.nanstd(np.nanmedian(ratios, axis=0))),
    )


def molecular_bands(cube: Cube) -> Iterator[Row]:
    """Yield the flux in molecular bands over that on both sides, both over the truth."""
    w, lines = cube.wavelength, near_lines(cube, 0.05, 4.0)
    for name, (first, last) in BANDS.items():
        inside = (w >= first) & (w < last) & ~lines
        beside = (w >= first - 120) & (w < last + 120) & clear(w) & ~lines
        if inside.sum() > 10 and beside.sum() > 10:
            ratio = flux_ratios(cube, inside) / flux_ratios(cube, beside)
            yield f"flux in {name} over beside", float(np.nanmedian(ratio))


def _profile(
    w: Floats, centre: float, sigma: float, flux: float, level: float, slope: float
) -> Floats:
    line = flux * np.exp(-0.5 * ((w - centre) / sigma) ** 2) / sigma
    return np.asarray(line + level + slope * (w - w.mean()))


def line_centres(cube: Cube) -> Iterator[Row]:
    """Yield the errors of the emission lines of galaxies [Angstrom]."""
    y, x = np.indices(cube.data.shape[1:])
    errors, limits = [], []
    for source, place in held(cube):
        if not source.lines:
            continue
        near = np.hypot(x - place[0], y - place[1]) < LINE_APERTURE
        spectrum = np.nansum(cube.data[:, near], axis=1, dtype=float)
        line = source.lines[0]
        chosen = np.abs(cube.wavelength - line.wavelength) < 12
        if near_lines(cube, 0.2, 6.0)[chosen].any() or not clear(line.wavelength):
            continue  # narrow molecular lines distort it
        start = [line.wavelength, 1.8, float(np.ptp(spectrum[chosen])) * 1.8]
        start += [float(spectrum[chosen].min()), 0.0]
        fit, noise = curve_fit(_profile, cube.wavelength[chosen], spectrum[chosen], start)
        if noise[0, 0] < LINE_ERROR**2:
            errors.append(fit[0] - line.wavelength)
            limits.append(_line_noise(cube, near, line.wavelength, fit))
    if errors:
        yield "emission lines measured", float(len(errors))
        yield "line centres, mean [A]", float(np.mean(errors))
        weight = np.array(limits) ** -2.0
        mean = np.average(errors, weights=weight)
        yield "line centres, mean by photon noise [A]", float(mean)
        yield "photon noise of that mean [A]", float(weight.sum() ** -0.5)
        yield "line centres, largest [A]", float(np.max(np.abs(errors)))
        pulls = np.array(errors) / np.array(limits)
        yield "line centres, largest [photon noise]", float(np.max(np.abs(pulls)))
        far = np.minimum(np.abs(errors) / 0.02, np.abs(pulls) / 2)
        yield "lines off by 0.02 A and twice the noise", float((far > 1).sum())


def _line_noise(cube: Cube, near: NDArray[np.bool_], centre: float, fit: Floats) -> float:
    """Return the photon-noise limit of the centre of a line [Angstrom] (Cramer and Rao).

    ``fit``: centre, sigma, flux, level and slope, see `_profile`.
    """
    chosen = np.abs(cube.wavelength - centre) < 12
    w = cube.wavelength[chosen]
    step = 1e-3
    moved = (_profile(w, fit[0] + d, *fit[1:]) for d in (step, -step))
    change = (next(moved) - next(moved)) / (2 * step)
    shared = noise_factor(cube.header, int(near.sum())) ** 2
    variance = shared * np.nansum(cube.stat[chosen][:, near], axis=1, dtype=float)
    planes = noise_factor(cube.header, 1, 5)  # as many as a line has
    return float(planes / np.sqrt(np.sum(change**2 / variance)))


def sky_residual(cube: Cube) -> Iterator[Row]:
    """Yield what remains of bright sky lines, over the peak of 5577."""
    blank = blank_spaxels(cube)
    spectrum = np.nanmedian(cube.data[:, blank], axis=1).astype(float)
    on = near_lines(cube, BRIGHT_LINE, 3.0)
    off = ~near_lines(cube, 0.002, 5.0)
    smooth = np.interp(cube.wavelength, cube.wavelength[off], spectrum[off])
    peak = _green(cube) / (LINE_SIGMA * np.sqrt(2 * np.pi))
    rms = float(np.sqrt(np.mean((spectrum - smooth)[on] ** 2)))
    yield "sky line residual over 5577 peak", rms / peak
    yield (
        "sky level left, clear planes",
        float(np.median(spectrum[off & clear(cube.wavelength)])),
    )
    pull = cube.data[:, blank][on] / np.sqrt(cube.stat[:, blank][on])
    yield "rms(data/sqrt(STAT)) on sky lines", _robust_rms(pull)


def noise(cube: Cube) -> Iterator[Row]:
    """Yield the robust scatter over the square root of STAT in blank voxels."""
    blank = blank_spaxels(cube)
    planes = ~near_lines(cube, 0.002, 5.0) & (cube.wavelength > 4800)
    data, stat = cube.data[planes][:, blank], cube.stat[planes][:, blank]
    data = data - np.nanmedian(data, axis=1)[:, None]
    yield "rms(data/sqrt(STAT)), blank", _robust_rms(data / np.sqrt(stat))


def _robust_rms(values: NDArray[np.floating]) -> float:
    middle = np.nanmedian(values)
    return float(1.4826 * np.nanmedian(np.abs(values - middle)))


MEASURES = (positions, refraction, fluxes, line_centres, sky_residual, noise)


def main() -> None:
    """Print the table."""
    warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--cube", default="scipost/DATACUBE_FINAL.fits")
    options = parser.parse_args()
    columns: dict[str, dict[str, float]] = {}
    for side in ("own", "ours", "genuine"):
        path = options.folder / side / options.cube
        if path.exists():
            cube = read_cube(path)
            columns[side] = dict(row for measure in MEASURES for row in measure(cube))
    print(f"{'quantity':38s}" + "".join(f"{side:>10s}" for side in columns))
    for name in next(iter(columns.values()), ()):
        values = (column.get(name, np.nan) for column in columns.values())
        print(f"{name:38s}" + "".join(f"{value:10.4f}" for value in values))


if __name__ == "__main__":
    main()
