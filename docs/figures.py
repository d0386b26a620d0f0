"""Draw the figures of the recipe pages: ``python -m docs.figures``.

A night of the mini instrument is simulated and reduced into ``--folder`` (some minutes;
what is there is kept), and one small PNG a recipe drawn from its products.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from astropy.io import fits
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.chain import Call, take_products
from benchmarks.frames import simulate_frames
from benchmarks.reduction import CALLS, Reduction
from docs.captions import IMAGES
from pipeline.instrument import MINI
from pipeline.simulator.calibration_plan import Night, Seeds, geometry
from pipeline.simulator.exposure import Conditions
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.optics import Drift

STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "image.origin": "lower",
    "image.aspect": "auto",
    "image.interpolation": "nearest",
}
FLUX = "10$^{-20}$ erg s$^{-1}$ cm$^{-2}$ Å$^{-1}$"
IFUS = (1, 2)
N_STEPS = 50
GEOMETRY = Call(
    "geometry",
    "muse_geometry",
    ("MASK",),
    ("MASTER_BIAS", "TRACE_TABLE", "WAVECAL_TABLE", "LINE_CATALOG"),
)
FIRST = "01"


@contextmanager
def drawing(
    name: str, n_columns: int = 2, height: float = 3.2, n_rows: int = 1
) -> Iterator[Any]:
    """Offer axes and write the figure with few colours."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, height), layout="constrained")
        yield figure.subplots(n_rows, n_columns)
        raw = BytesIO()
        figure.savefig(raw, dpi=110)
    picture = Image.open(raw).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture.save(IMAGES / f"{name}.png", optimize=True)


def image(axes: Axes, data: Any, label: str, *, cut: float = 1.0, **more: Any) -> None:
    """Draw an image with its scale, which leaves out ``cut`` percents at each end."""
    low, high = np.nanpercentile(data, [cut, 100 - cut])
    limits = {"vmin": low, "vmax": high} | more
    drawn = axes.imshow(data, **limits)
    axes.figure.colorbar(drawn, ax=axes, label=label)


def on_detector(axes: Axes, title: str) -> None:
    """Label the axes of a detector image."""
    axes.set(title=title, xlabel="column [pix]", ylabel="row [pix]")


def on_sky(axes: Axes, title: str) -> None:
    """Label the axes of an image of the field."""
    axes.set(title=title, xlabel="x [spaxel]", ylabel="y [spaxel]", aspect="equal")


# --- calibrations ----------------------------------------------------------------


def draw_bias(folder: Path) -> None:
    """Image and histogram of a master bias."""
    data = fits.getdata(folder / "bias" / f"MASTER_BIAS-{FIRST}.fits", "DATA")
    with drawing("muse_bias") as (left, right):
        image(left, data, "adu", cmap="viridis")
        on_detector(left, "MASTER_BIAS")
        low, high = np.percentile(data, [0.1, 99.7])
        bins = np.linspace(low, high, 60)
        for port in MINI.quadrants():
            values = data[port.trim_y, port.trim_x].ravel()
            noise = 1.4826 * np.median(np.abs(values - np.median(values)))
            label = f"quadrant {port.number}: {noise:.2f} adu"
            right.hist(values, bins, histtype="step", label=label)
        right.set(title="values", xlabel="level [adu]", ylabel="pixels", yscale="log")
        right.legend(fontsize=7.5, loc="lower center", title="noise")


def draw_dark(folder: Path) -> None:
    """Image and histogram of a master dark."""
    path = folder / "dark" / f"MASTER_DARK-{FIRST}.fits"
    data, dq = fits.getdata(path, "DATA"), fits.getdata(path, "DQ")
    hot = dq & 256 != 0
    exptime = float(fits.getval(path, "EXPTIME"))
    with drawing("muse_dark") as (left, right):
        image(left, data, f"count in {exptime:.0f} s", cmap="viridis")
        y, x = np.nonzero(hot)
        left.plot(x, y, "o", mfc="none", mec="tab:red", ms=3.5, mew=0.6)
        on_detector(left, "MASTER_DARK")
        bins = np.linspace(float(np.percentile(data, 0.01)), 60.0, 80)
        right.hist(data[~hot], bins, color="0.6", label="good")
        if hot.any():
            right.hist(data[hot].clip(max=bins[-1]), bins, color="tab:red", label="hot")
        right.set(title="values", xlabel="level [count]", ylabel="pixels", yscale="log")
        right.text(0.97, 0.6, "last bin: all above", ha="right", transform=right.transAxes)
        right.legend()


def draw_flat(folder: Path) -> None:
    """Flat with traces, and a cut."""
    data = fits.getdata(folder / "flat" / f"MASTER_FLAT-{FIRST}.fits", "DATA")
    samples = fits.getdata(folder / "flat" / f"TRACE_SAMPLES-{FIRST}.fits", 1)
    row = data.shape[0] // 2
    with drawing("muse_flat") as (left, right):
        image(left, data, "relative", cmap="gray")
        for name, colour in (("left", "tab:cyan"), ("right", "tab:orange")):
            left.plot(samples[name] - 1, samples["y"] - 1, ".", ms=1, color=colour)
        on_detector(left, "MASTER_FLAT with TRACE_SAMPLES")
        right.plot(data[row - 5 : row + 5].mean(axis=0), color="0.2", lw=0.9)
        near = np.abs(samples["y"] - row)
        cut = near == near.min()
        for name, colour in (("left", "tab:cyan"), ("right", "tab:orange")):
            for x in samples[name][cut]:
                right.axvline(x - 1, color=colour, lw=0.8)
        right.set(
            title=f"row {row}",
            xlabel="column [pix]",
            ylabel="relative flux",
            xlim=(100, 300),
        )


def draw_wavecal(folder: Path) -> None:
    """Residuals of arc lines."""
    table = fits.getdata(folder / "wavecal" / f"WAVECAL_RESIDUALS-{FIRST}.fits", 1)
    last = np.zeros(int(table["slice"].max()) + 1, int)
    np.maximum.at(last, table["slice"], table["iteration"])
    rows = table["iteration"] == last[table["slice"]]
    values = table["residual"][rows]
    rms = np.sqrt(np.mean(values**2))
    with drawing("muse_wavecal") as (left, right):
        left.plot(table["lambda"][rows], values, ".", ms=1.5, color="tab:blue", alpha=0.4)
        left.axhline(0, color="0.3", lw=0.8)
        left.set(
            title="residuals of all slices", xlabel="wavelength [Å]", ylabel="residual [Å]"
        )
        right.hist(values, 80, color="tab:blue")
        right.set(
            title=f"rms of single columns {rms:.3f} Å",
            xlabel="residual [Å]",
            ylabel="lines and columns",
        )


def _full_width(offset: Any, profile: Any) -> float:
    """Return the full width at half of the maximum."""
    half, peak = 0.5 * profile.max(), int(profile.argmax())
    left = np.interp(half, profile[: peak + 1], offset[: peak + 1])
    right = np.interp(half, profile[peak:][::-1], offset[peak:][::-1])
    return float(right - left)


def draw_lsf(folder: Path) -> None:
    """Profile of a slice, and widths."""
    path = folder / "lsf" / f"LSF_PROFILE-{FIRST}.fits"
    if not path.exists():
        return
    with fits.open(path) as units:
        unit = next(u for u in units if u.data is not None and u.data.ndim == 3)
        data, header = unit.data, unit.header
    n_waves, n = data.shape[1:]
    offset = header["CRVAL1"] + header["CD1_1"] * np.arange(n)
    wave = header["CRVAL2"] + header["CD2_2"] * np.arange(n_waves)
    widths = [[_full_width(offset, profile) for profile in one] for one in data]
    with drawing("muse_lsf") as (left, right):
        extent = (offset[0], offset[-1], wave[0], wave[-1])
        image(left, data[len(data) // 2], "relative", cmap="magma", cut=0.2, extent=extent)
        left.set(
            title=f"slice {len(data) // 2 + 1}",
            xlabel="distance from the line [Å]",
            ylabel="wavelength [Å]",
        )
        for width in widths:
            right.plot(wave, width, lw=0.8, color="tab:blue", alpha=0.5)
        right.set(title="all slices", xlabel="wavelength [Å]", ylabel="FWHM [Å]")


def draw_geometry(folder: Path) -> None:
    """Slices in the field."""
    path = folder / "geometry" / "GEOMETRY_TABLE.fits"
    if not path.exists():
        return
    table = fits.getdata(path, 1)
    colours = mpl.colormaps["tab10"]
    with drawing("muse_geometry") as (left, right):
        for row in table:
            angle, half = np.deg2rad(row["angle"]), row["width"] / 2
            x = row["x"] + half * np.cos(angle) * np.array([-1, 1])
            y = row["y"] + half * np.sin(angle) * np.array([-1, 1])
            left.plot(x, y, color=colours(int(row["SubField"]) % 10), lw=1.5)
        left.set(title="GEOMETRY_TABLE", xlabel="x [pix]", ylabel="y [pix]")
        for ifu in np.unique(table["SubField"]):
            rows = table["SubField"] == ifu
            colour = colours(int(ifu) % 10)
            right.plot(
                table["SliceSky"][rows],
                table["angle"][rows],
                ".",
                color=colour,
                label=f"IFU {ifu}",
            )
        right.set(title="angles", xlabel="slice on the sky", ylabel="angle [deg]")
        right.legend(fontsize=7.5)


def draw_twilight(folder: Path) -> None:
    """Sky flat, smooth field and ratio."""
    white = fits.getdata(folder / "twilight" / "DATACUBE_SKYFLAT.fits", "white")
    with fits.open(folder / "twilight" / "TWILIGHT_CUBE.fits") as units:
        smooth = units["DATA"].data.mean(axis=0)
        ratio = units["white_div_global"].data
    with drawing("muse_twilight", 1, 6.0, 3) as axes:
        for one, data, title in zip(
            axes,
            (white / np.nanmean(white), smooth, ratio),
            ("DATACUBE_SKYFLAT, white light", "TWILIGHT_CUBE, mean", "ratio"),
            strict=True,
        ):
            image(one, data, "relative", cmap="viridis", cut=0.5)
            on_sky(one, title)


# --- science ---------------------------------------------------------------------


def draw_scibasic(folder: Path) -> None:
    """Reduced exposure and its pixels by wavelength."""
    where = folder / "scibasic_object"
    path = where / f"OBJECT_RED_0001-{FIRST}.fits"
    data, flags = fits.getdata(path, "DATA"), fits.getdata(path, "DQ")
    data = np.where(flags == 0, data, np.nan)
    with fits.open(where / f"PIXTABLE_OBJECT_0001-{FIRST}.fits") as units:
        wave, flux, dq, origin = (
            units[n].data.ravel() for n in ("lambda", "data", "dq", "origin")
        )
    rows = ((origin & 0x3F) == 6) & (dq == 0)
    with drawing("muse_scibasic") as (left, right):
        brightest = float(np.percentile(flux[rows], 99))
        image(left, data, "count", cmap="gray", vmin=0.0, vmax=brightest)
        on_detector(left, "OBJECT_RED")
        right.plot(wave[rows], flux[rows], ".", ms=0.6, color="tab:blue")
        top = float(np.percentile(flux[rows], 99.8))
        right.set(
            title="PIXTABLE_OBJECT, slice 6",
            xlabel="wavelength [Å]",
            ylabel="count",
            ylim=(0, top),
            xlim=(MINI.blue, MINI.red),
        )


def draw_standard(folder: Path) -> None:
    """Response and telluric transmission."""
    response = fits.getdata(folder / "standard" / "STD_RESPONSE_0001.fits", 1)
    telluric = fits.getdata(folder / "standard" / "STD_TELLURIC_0001.fits", 1)
    with drawing("muse_standard") as (left, right):
        names = response.columns.names
        left.plot(response[names[0]], response[names[1]], color="tab:blue")
        left.set(
            title="STD_RESPONSE",
            xlabel="wavelength [Å]",
            ylabel="response [2.5 log (count Å erg$^{-1}$ cm$^2$)]",
            xlim=(MINI.blue, MINI.red),
        )
        names = telluric.columns.names
        right.plot(telluric[names[0]], telluric[names[1]], color="tab:red", lw=0.9)
        right.set(
            title="STD_TELLURIC",
            xlabel="wavelength [Å]",
            ylabel="transmission",
            xlim=(MINI.blue, MINI.red),
        )


def draw_create_sky(folder: Path) -> None:
    """Spectrum and continuum of the sky."""
    spectrum = fits.getdata(folder / "create_sky" / "SKY_SPECTRUM.fits", 1)
    continuum = fits.getdata(folder / "create_sky" / "SKY_CONTINUUM.fits", 1)
    with drawing("muse_create_sky", 1, 3.0) as axes:
        axes.plot(spectrum["lambda"], spectrum["data"], lw=0.7, label="SKY_SPECTRUM")
        axes.plot(continuum["lambda"], continuum["flux"], lw=0.9, label="SKY_CONTINUUM")
        axes.set(xlabel="wavelength [Å]", ylabel=FLUX, yscale="log")
        axes.set(xlim=(MINI.blue, MINI.red), title="Sky beside the object")
        low = float(np.nanpercentile(spectrum["data"], 1))
        axes.set_ylim(0.3 * low, None)
        axes.legend()


def _spectrum(axes: Axes, path: Path, white: Any) -> None:
    """Draw the spectrum of the brightest source."""
    with fits.open(path) as units:
        cube, header = units["DATA"].data, units["DATA"].header
    y, x = np.unravel_index(np.nanargmax(white), white.shape)
    wave = header["CRVAL3"] + header["CD3_3"] * np.arange(len(cube))
    part = cube[:, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
    axes.plot(wave, np.nansum(part, axis=(1, 2)), lw=0.6, color="tab:blue")
    axes.set(title="brightest source, 1 arcsec", xlabel="wavelength [Å]", ylabel=FLUX)
    axes.set(xlim=(MINI.blue, MINI.red), ylim=(0, None))


def draw_scipost(folder: Path) -> None:
    """White light and a spectrum of one exposure."""
    white = fits.getdata(folder / "scipost" / "IMAGE_FOV_0001.fits", "DATA")
    with drawing("muse_scipost", 1, 4.6, 2) as (left, right):
        image(left, white, FLUX, cmap="magma")
        on_sky(left, "IMAGE_FOV")
        _spectrum(right, folder / "scipost" / "DATACUBE_FINAL.fits", white)


def draw_exp_align(folder: Path) -> None:
    """Preview and offsets."""
    preview = fits.getdata(folder / "exp_align" / "PREVIEW_FOV.fits", "DATA")
    offsets = fits.getdata(folder / "exp_align" / "OFFSET_LIST.fits", 1)
    with drawing("muse_exp_align", 1, 5.6, 2) as (left, right):
        image(left, preview, FLUX, cmap="magma")
        on_sky(left, "PREVIEW_FOV")
        x, y = offsets["RA_OFFSET"] * 3600, offsets["DEC_OFFSET"] * 3600
        right.axhline(0, color="0.7", lw=0.8)
        right.axvline(0, color="0.7", lw=0.8)
        right.plot(x, y, "o", color="tab:blue")
        for n, place in enumerate(zip(x, y, strict=True), 1):
            right.annotate(f" {n}", place)
        right.margins(0.3)
        right.set(
            title="OFFSET_LIST",
            xlabel="offset in RA [arcsec]",
            ylabel="offset in DEC [arcsec]",
        )


def draw_exp_combine(folder: Path) -> None:
    """White light of the combination."""
    white = fits.getdata(folder / "exp_combine" / "IMAGE_FOV_0001.fits", "DATA")
    with drawing("muse_exp_combine", 1, 4.6, 2) as (left, right):
        image(left, white, FLUX, cmap="magma")
        on_sky(left, "IMAGE_FOV")
        _spectrum(right, folder / "exp_combine" / "DATACUBE_FINAL.fits", white)


DRAWINGS: dict[str, Callable[[Path], None]] = {
    "muse_bias": draw_bias,
    "muse_dark": draw_dark,
    "muse_flat": draw_flat,
    "muse_wavecal": draw_wavecal,
    "muse_lsf": draw_lsf,
    "muse_geometry": draw_geometry,
    "muse_twilight": draw_twilight,
    "muse_scibasic": draw_scibasic,
    "muse_standard": draw_standard,
    "muse_create_sky": draw_create_sky,
    "muse_scipost": draw_scipost,
    "muse_exp_align": draw_exp_align,
    "muse_exp_combine": draw_exp_combine,
}


def reduce_night(folder: Path) -> None:
    """Simulate and reduce the mini night; calls whose products are there are left out."""
    raw = simulate_frames(folder / "raw", IFUS, MINI)
    if not (folder / "geometry").exists():
        night = Night(date(2026, 9, 2), Conditions(), 12.3, Drift())
        for mask in geometry(night, 13.0, Seeds(7000), N_STEPS):
            simulate_exposure(mask, MINI, raw, IFUS)
    more: dict[str, dict[str, Any]] = {
        "flat": {"samples": True},
        "wavecal": {"residuals": True},
        "geometry": {"ifu1": 1, "ifu2": len(IFUS), "lambdamin": 6000, "lambdamax": 6500},
    }
    reduction = Reduction(raw, folder, MINI.name)
    for label, call in {**CALLS, GEOMETRY.label: GEOMETRY}.items():
        where = folder / label.replace(" ", "_")
        if not any(where.glob("*.fits")):
            print(f"running {label}", flush=True)  # noqa: T201
            reduction.call(call, **more.get(label, {}))
        take_products(reduction.frames, where)


def main() -> None:
    """Draw all figures, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/figures"))
    parser.add_argument("recipes", nargs="*", help="draw only these")
    options = parser.parse_args()
    folder = options.folder.resolve()
    reduce_night(folder)
    for name in options.recipes or DRAWINGS:
        DRAWINGS[name](folder)
        path = IMAGES / f"{name}.png"
        if path.exists():
            print(f"{path.stat().st_size:7d} {path}")  # noqa: T201


if __name__ == "__main__":
    main()
