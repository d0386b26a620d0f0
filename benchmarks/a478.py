"""A real cube observed again: Abell 478 as mpdaf ships it, simulated, reduced, compared.

``mpdaf/data/sdetect/minicube.fits`` is a part of 8 x 8 arcsec of the cube of Abell 478 that
MUSE took in December 2014. The simulator images it through IFU 1 and 2 in two dithered
exposures; our recipes reduce and combine them. The raw calibrations are those of
``benchmarks.frames`` but for the biases. The truth is what the simulator painted: the light
of the cube at the place and wavelength of every pixel, without noise and sky, taken through
the same combination, so that it is known in the same voxels. Spectra are summed over each
galaxy in both; their difference is compared with STAT and the noise factor of the header.
"""

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, map_coordinates

from benchmarks.chain import Call
from benchmarks.night import PLANS, TARGET, calibrations, objects
from benchmarks.reduction import CALIBRATION, CALLS, SKY, Reduction
from benchmarks.science import Cube, clear, near_lines, read_cube
from pipeline.algorithms.covariance import spectrum_factors
from pipeline.instrument import FULL
from pipeline.kernels.project import plane_from_native
from pipeline.simulator.exposure import Exposure, Pointing
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.pointing import tangent, to_field
from pipeline.simulator.scene import CubeSource, Scene
from pipeline.simulator.stamps import cube_stamps

IFUS = (1, 2)
STEPS = ((0.0, 0.0), (1.1, -0.4))
"""Offsets east and north of the exposures [arcsec]."""
THRESHOLD = 0.7
"""Galaxies are where the smoothed image is brighter than this part of its peak."""
LEAST_SPAXELS = 9
COMPLETE = 0.95
"""Part of the voxels that must be there."""
BLANK_SHIFTS = (-110, -80, -50, 50, 80, 110)
"""Where apertures are compared with blank ones [spaxel]."""
CLIP = 6.0
"""Values so far from the median of their plane are not sky [sigma]."""
LINE_REACH = 4.0
"""Planes nearer to a bright sky line are told apart [Angstrom]."""

Floats = NDArray[np.float64]


def shipped_cube() -> Path:
    """Return the cube in the installed mpdaf."""
    return Path(str(files("mpdaf") / "data" / "sdetect" / "minicube.fits"))


def exposures() -> Iterator[Exposure]:
    """Yield exposures of the cube, put in the middle of the field, pointed exactly."""
    scene = Scene(cubes=(CubeSource("A478", shipped_cube(), *TARGET),))
    for exposure, (east, north) in zip(objects(FULL), STEPS, strict=False):
        ra = TARGET[0] + east / 3600 / np.cos(np.radians(TARGET[1]))
        yield replace(
            exposure,
            pointing=Pointing(float(ra), TARGET[1] + north / 3600),
            scene=scene,
            error=(0.0, 0.0),
            rotation_error=0.0,
        )


def calibrated(raw: Path, folder: Path) -> Reduction:
    """Return a reduction that knows the calibrations of the night; made once.

    Exposures share the noise of the master bias, so its frames are as many as the
    calibration plan takes, not the few of the other benchmarks.
    """
    reduction = Reduction(raw, folder / "calibration", "full")
    biases = folder / "biases"
    biases.mkdir(parents=True, exist_ok=True)
    reduction.frames["BIAS"] = [
        simulate_exposure(exposure, FULL, biases, IFUS)
        for exposure in calibrations(PLANS["real"].n_bias)
        if exposure.kind == "BIAS"
    ]
    reduction.calibrate((*CALIBRATION, *SKY))
    return reduction


def true_light(path: Path, exposure: Exposure) -> None:
    """Put the light of the cube, without noise, into a reduced pixel table.

    The simulator takes the plane of a row at the wavelength of the middle of the slice.
    """
    cube = exposure.scene.cubes[0]
    planes, nodes = cube_stamps(cube.path, to_field(exposure, 0.0, 1.0))
    with fits.open(path, mode="update", memmap=True) as units:
        columns = {
            name: units[name].data[:, 0] for name in ("XPOS", "YPOS", "LAMBDA", "ORIGIN")
        }
        xpos, ypos = (columns[n].astype(np.float32) for n in ("XPOS", "YPOS"))
        east, north = plane_from_native(xpos, ypos)
        pointing = (exposure.pointing.ra, exposure.pointing.dec)
        here = tangent(cube.ra, cube.dec, pointing)
        place = to_field(exposure, east - here[0], north - here[1])
        middle = row_wavelengths(columns["ORIGIN"], columns["LAMBDA"].astype(np.float64))
        z = np.clip((middle - nodes[0]) / (nodes[1] - nodes[0]), 0, len(nodes) - 1)
        half = planes.shape[1] // 2
        where = [z, place[1] + half, place[0] + half]
        units["DATA"].data[:, 0] = 1e20 * map_coordinates(
            planes, where, order=1, mode="constant"
        )


def row_wavelengths(origin: NDArray[np.integer], wavelength: Floats) -> Floats:
    """Return the mean wavelength of the pixels of each slice in each detector row."""
    rows = origin.astype(np.uint32) & np.uint32(0xFFFFFF)
    n = int(rows.max()) + 1
    total = np.bincount(rows, wavelength, n) / np.maximum(np.bincount(rows, minlength=n), 1)
    return np.asarray(total[rows])


def reduce(reduction: Reduction, folder: Path) -> tuple[Path, Path]:
    """Return the combined cube and the one of the true light."""
    tables, truths = [], []
    for k, exposure in enumerate(exposures()):
        where = folder / f"exposure_{k}"
        where.mkdir(parents=True)
        raw = simulate_exposure(exposure, FULL, where, IFUS)
        made = reduction.call("scibasic object", where, {"OBJECT": [raw]})
        given = {"PIXTABLE_OBJECT": [p for p in made if p.name.startswith("PIXTABLE")]}
        made = reduction.call(
            CALLS["scipost"], where, given, save="individual", rvcorr="none"
        )
        for path in given["PIXTABLE_OBJECT"]:
            path.unlink()
        tables += [p for p in made if p.name.startswith("PIXTABLE_REDUCED")]
        truths.append(Path(shutil.copy(tables[-1], folder / f"PIXTABLE_TRUE_{k}.fits")))
        true_light(truths[-1], exposure)
    call: Call = CALLS["exp_combine"]
    for name, pixels, sigma in (("cube", tables, "10"), ("truth", truths, "-1")):
        given = {"PIXTABLE_REDUCED": pixels, "OFFSET_LIST": []}
        reduction.call(call, folder / name, given, crsigma=sigma)
    return folder / "cube" / "DATACUBE_FINAL.fits", folder / "truth" / "DATACUBE_FINAL.fits"


def galaxies(image: Floats) -> Iterator[NDArray[np.bool_]]:
    """Yield the spaxels of each galaxy in an image."""
    seen = np.isfinite(image)
    smooth = gaussian_filter(np.where(seen, image, 0), 1.5)
    labels, n = label((smooth > THRESHOLD * smooth[seen].max()) & seen)
    for number in range(1, n + 1):
        if (labels == number).sum() >= LEAST_SPAXELS:
            yield labels == number


def compare(cube_path: Path, truth_path: Path) -> None:
    """Print chi, flux and signal-to-noise ratio of each galaxy's spectrum.

    The level of the sky is that of the spaxels outside the real cube, plane by plane,
    since the sky of the night is not that of the sky exposure. The same apertures moved to
    where nothing is (``blank``) show what is noise and what is flux. ``chi`` leaves
    bright sky lines and molecular bands out, ``all`` does not.
    """
    cube = read_cube(cube_path)
    truth = fits.getdata(truth_path, "DATA").astype(float)
    seen = np.isfinite(cube.data).mean(axis=0) > COMPLETE
    image = np.where(seen, np.nansum(truth, axis=0) / len(truth), 0.0)
    outside = seen & (image == 0)
    level = sky_level(cube, outside)
    names = ("spaxels", "S/N", "flux/truth", "chi", "all")
    print(f"{'aperture':12s}" + "".join(f"{name:>11s}" for name in names))
    for number, spaxels in enumerate(galaxies(np.where(seen, image, np.nan)), 1):
        show(f"galaxy {number}", cube, truth, spaxels, level)
        for shift in BLANK_SHIFTS:
            moved = np.roll(spaxels, shift, axis=1)
            if (moved & ~outside).sum() == 0:
                show(f"blank {shift:+d}", cube, truth, moved, level)


def sky_level(cube: Cube, spaxels: NDArray[np.bool_]) -> Floats:
    """Return the level of the sky in each plane, float64[nz].

    The mean of the values of some spaxels that are not off by more than `CLIP` errors:
    photon noise is skewed and its median too low.
    """
    data, stat = (a[:, spaxels].astype(float) for a in (cube.data, cube.stat))
    off = data - np.nanmedian(data, axis=1, keepdims=True)
    good = np.abs(off) < CLIP * np.sqrt(np.nanmedian(stat, axis=1, keepdims=True))
    return np.asarray(np.nanmean(np.where(good, data, np.nan), axis=1))


def show(
    name: str, cube: Cube, truth: Floats, spaxels: NDArray[np.bool_], level: Floats
) -> None:
    """Print a line for the spectrum of an aperture."""
    n = int(spaxels.sum())
    quiet = clear(cube.wavelength) & ~near_lines(cube, 0.01, LINE_REACH)
    data, stat = (a[:, spaxels].astype(float) for a in (cube.data, cube.stat))
    true, sky = truth[:, spaxels], level[:, np.newaxis]
    good = np.isfinite(data) & np.isfinite(true)
    there = good.mean(axis=1) > COMPLETE
    flux, light = (np.where(good, a, 0).sum(axis=1) for a in (data - sky, true))
    sigma = np.sqrt(np.where(good, stat, 0).sum(axis=1))
    sigma *= spectrum_factors(cube.header, n, cube.wavelength)
    total = light[there & quiet].sum()
    ratio = flux[there & quiet].sum() / total if total else np.nan
    snr = float(np.median(light[there] / sigma[there]))
    chi, every = (
        float(np.sqrt(np.mean(((flux - light) / sigma)[planes] ** 2)))
        for planes in (there & quiet, there)
    )
    print(f"{name:12s}{n:11d}{snr:11.1f}{ratio:11.4f}{chi:11.3f}{every:11.3f}")


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, default=Path("build/bench/raw"))
    parser.add_argument("--folder", type=Path, default=Path("build/a478"))
    options = parser.parse_args()
    folder = options.folder.resolve()
    reduced = folder / "exposures"
    shutil.rmtree(reduced, ignore_errors=True)
    compare(*reduce(calibrated(options.raw.resolve(), folder), reduced))
    for path in reduced.rglob("PIXTABLE*.fits"):
        path.unlink()


if __name__ == "__main__":
    main()
