"""Line spread function of one IFU."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import (
    ArcLamp,
    ArcLines,
    group_by_lamp,
    read_catalogue,
    warn_of_lamps,
)
from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import calibrated
from pipeline.algorithms.flatfield import FlatFielded
from pipeline.algorithms.geometry import SliceMap, nearest_slices, slice_map
from pipeline.algorithms.lsf_checks import check_lines, check_number, check_slices
from pipeline.algorithms.lsf_fit import LineFit
from pipeline.algorithms.lsf_hermit import GaussHermite, fit_gauss_hermite, parameter_table
from pipeline.algorithms.lsf_products import profile_cube, subtracted_pixels, width_qc
from pipeline.algorithms.lsf_samples import LampSamples, Spans, columns_of, lamp_lines
from pipeline.algorithms.lsf_shape import Knots, Wavelengths
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.pixels import origin_keywords
from pipeline.algorithms.raw_checks import check_exposures
from pipeline.algorithms.shared import SharedImage
from pipeline.flags import Flag
from pipeline.instrument import Size, size_of
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    ImageFrame,
    Input,
    Outputs,
    Pixels,
    Product,
    RawFrame,
    blocks,
    param,
    recipe,
)

Floats = NDArray[np.float64]

ARCS = ("ARC", "ARC_LSF")
EXTRA = ("line_lambda", "line_flux", "line_background", "orig")
N_ROWS = 24
"""Detector rows of all exposures in hand at a time."""
KNOTS_PER_WINDOW = 0.72
"""Distance of the knots of a profile over the regression window: cubic splines with
these knots smooth like the genuine pipeline's parabola in a window of this half width."""
FITTED = 12
"""Wavelengths at which parameters are fitted (ours)."""
FITTED_STEP = 0.25
"""Distance of the samples that are then fitted [Angstrom] (ours)."""
FINE_STEP = 0.04
FINE: Floats = np.asarray(FINE_STEP * (np.arange(150) - 74.0), np.float64)
"""Samples in which the width of a parametrised profile is measured [Angstrom] (genuine
pipeline)."""


class LsfParams(OverscanParams):
    """Parameters of the line spread function."""

    save_subtracted: bool = param(
        False, doc="Save the pixels of the lines after their subtraction."
    )
    line_quality: int = param(
        3, doc="Lowest quality in the line catalogue of lines whose profile is measured.",
        ge=0,
    )  # fmt: skip
    lsf_range: float = param(
        7.5,
        unit="Angstrom",
        doc="Half width of the window around each line.",
        ge=4.0,
        le=30.0,
    )
    lsf_size: int = param(150, doc="Number of samples of a profile.", ge=20, le=2000)
    lambda_size: int = param(
        30, doc="Number of wavelengths at which the profile is given.", ge=2, le=500
    )
    lsf_regression_window: float = param(
        0.7,
        unit="Angstrom",
        doc="Smoothing along a profile: a spline with knots at 0.72 of this distance (the "
        "genuine pipeline fits parabolas to windows of this half width).",
        ge=0.2,
        le=3.0,
    )
    combine: Literal["average", "median", "minmax", "sigclip"] = param(
        "sigclip", doc="Type of combination of the exposures of each lamp."
    )
    method: Literal["interpolate", "hermit"] = param(
        "interpolate",
        doc="Write profiles as a cube (interpolate) or as a table of the parameters of "
        "damped Gauss-Hermite functions (hermit).",
    )


def _declared_qc() -> Iterator[QC]:
    """Yield the QC keywords of the profiles."""
    yield QC(
        "QC WAVECAL INPUT# NSATURATED", "LSF_PROFILE", "pix", "Saturated pixels, input #."
    )
    for key, text in (
        ("MEAN", "Mean FWHM of the LSF"),
        ("STDEV", "Scatter of the FWHM with wavelength"),
        ("MIN", "Smallest FWHM"),
        ("MAX", "Largest FWHM"),
    ):
        name = f"QC LSF SLICE# FWHM {key}"
        yield QC(name, "LSF_PROFILE", "Angstrom", f"{text}, slice #.")


@recipe(
    name="muse_lsf",
    scope="ifu",
    params=LsfParams,
    inputs=[
        Input("ARC", "raw", raw=True, optional=True, doc="Arc exposures of all lamps."),
        Input("ARC_LSF", "raw", raw=True, optional=True, doc="The same, a long series."),
        Input("MASTER_BIAS", "image", n_max=1, doc="Master bias."),
        Input("MASTER_DARK", "image", n_max=1, optional=True, doc="Master dark."),
        Input("MASTER_FLAT", "image", n_max=1, optional=True, doc="Master flat."),
        Input("TRACE_TABLE", "table", n_max=1, doc="Edges of the slices."),
        Input("WAVECAL_TABLE", "table", n_max=1, doc="Wavelength solution."),
        Input("LINE_CATALOG", "table", n_max=1, per_ifu=False, doc="Lines of the lamps."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
    ],
    products=[
        Product("LSF_PROFILE", "table", "Line spread function of each slice."),
        Product(
            "PIXTABLE_SUBTRACTED",
            "pixels",
            "Pixels of the lines after their subtraction.",
            unit="count",
            optional=True,
        ),
    ],
    qc=tuple(_declared_qc()),
)
def lsf(frames: Frames, params: LsfParams, out: Outputs) -> None:
    """Measure the line spread function of each slice from arc exposures.

    The exposures of each lamp are combined. All lines of the catalogue are fitted
    together, slice by slice: their fluxes, a background and the profile that they share,
    in turn. Lines that deviate from the others, since a line that the catalogue lacks is
    near, are left out in part or altogether. The profile varies with wavelength in the
    same way in all slices, but for a polynomial of third order of each slice. It includes
    the width of a pixel, has an area of 1 and its mean at 0.
    """
    raws: list[RawFrame] = [raw for tag in ARCS for raw in frames.get(tag, ())]
    size = size_of(raws[0].shape)
    slices = slice_map(
        int(raws[0].ifu or 0),
        size.shape,
        frames["TRACE_TABLE"][0],
        frames["WAVECAL_TABLE"][0],
    )
    lamps = group_by_lamp(raws)
    catalogue = read_catalogue(frames["LINE_CATALOG"][0])
    warn_of_lamps(lamps, catalogue)
    samples, n_saturated = _gather(lamps, frames, slices, catalogue, params)
    fit = _fit(samples, slices, size, params)
    check_lines(fit, lamps, frames["WAVECAL_TABLE"][0].name, (size.blue, size.red))
    check_slices(fit, raws[0])

    nearest = nearest_slices(slices.numbers, size.n_slices)
    wavelength = np.linspace(size.blue, size.red, params.lambda_size)
    product = out.table("LSF_PROFILE", like=raws[0])
    if params.method == "hermit":
        found = _parametrise(fit, size, params)
        functions = [found[s] for s in nearest]
        product.write("SLICE_PARAM", parameter_table(slices.ifu, functions))
        profiles = np.array([one.at(wavelength, FINE) for one in functions])
        step = FINE_STEP
    else:
        offsets = np.linspace(-params.lsf_range, params.lsf_range, params.lsf_size)
        profiles = _profiles(fit, wavelength, offsets)[nearest]
        product.write("LSF_PROFILE", profile_cube(profiles, offsets, wavelength))
        step = float(offsets[1] - offsets[0])
    for name, width in width_qc(profiles, step, slices.numbers):
        product.qc[f"QC LSF {name}"] = width
    for number, n in enumerate(n_saturated, start=1):
        product.qc[f"QC WAVECAL INPUT{number} NSATURATED"] = n
    if params.save_subtracted:
        _save_subtracted(fit, slices, raws[0], out)


def _gather(
    lamps: Sequence[ArcLamp],
    frames: Frames,
    slices: SliceMap,
    catalogue: ArcLines,
    params: LsfParams,
) -> tuple[list[LampSamples], list[int]]:
    """Return the pixels near lines of each lamp, and the saturated ones of each input."""
    bias = SharedImage(frames["MASTER_BIAS"][0])
    flats = [SharedImage(flat) for flat in frames.get("MASTER_FLAT", ())]
    exposures = [_calibrated(lamp, bias, flats, frames, params) for lamp in lamps]
    spans = columns_of(slices)
    samples = [_samples(lamp, slices, spans, catalogue, params) for lamp in lamps]
    check_number(samples)
    n_saturated = [[0] * len(images) for images in exposures]
    for rows in blocks(slices.shape[0], N_ROWS):
        for images, counts, some in zip(exposures, n_saturated, samples, strict=True):
            stack = [image.read(rows) for image in images]
            for k, planes in enumerate(stack):
                saturated = planes.dq & np.uint32(Flag.AD_SATURATED)
                counts[k] += int(np.count_nonzero(saturated))
            some.add(rows, combine(stack, CombineParams(combine=params.combine)))
    return samples, [n for counts in n_saturated for n in counts]


def _calibrated(
    lamp: ArcLamp,
    bias: ImageFrame,
    flats: Sequence[ImageFrame],
    frames: Frames,
    params: LsfParams,
) -> list[ImageFrame]:
    """Return the exposures of a lamp in counts, read lazily."""
    plain = [
        calibrated(
            raw,
            bias,
            params,
            dark=next(iter(frames.get("MASTER_DARK", ())), None),
            bad_pixels=frames.get("BADPIX_TABLE", ()),
        )
        for raw in lamp.frames
    ]
    check_exposures(plain)
    images: list[ImageFrame] = [*plain]
    for flat in flats:
        images = [FlatFielded(image, flat) for image in images]
    return images


def _samples(
    lamp: ArcLamp,
    slices: SliceMap,
    spans: Spans,
    catalogue: ArcLines,
    params: LsfParams,
) -> LampSamples:
    """Return where the pixels of a lamp will be gathered."""
    size = size_of(slices.shape)
    lines = lamp_lines(
        catalogue,
        lamp.elements,
        params.line_quality,
        params.lsf_range,
        (size.blue, size.red),
    )
    if len(lines.references) == 0:
        raise BadInput(
            f"lists no line of {'+'.join(lamp.elements)} of quality {params.line_quality}",
            keyword="LINE_CATALOG",
            remedy="lower line_quality or give the catalogue shipped with the pipeline",
        )
    return LampSamples(lines, slices, spans, params.lsf_range)


def _fit(
    samples: Sequence[LampSamples], slices: SliceMap, size: Size, params: LsfParams
) -> LineFit:
    """Fit fluxes and profiles."""
    distance = KNOTS_PER_WINDOW * params.lsf_regression_window
    half = max(round(params.lsf_range / distance - 0.5), 4)
    knots = Knots(params.lsf_range, 2 * half + 1)  # the peak lies between two
    fit = LineFit(
        samples,
        knots,
        Wavelengths(size.blue, size.red),
        slices.shape,
        len(slices.numbers),
    )
    fit.run()
    return fit


def _profiles(fit: LineFit, wavelength: Floats, offsets: Floats) -> Floats:
    """Return the profiles of all slices [1/Angstrom]."""
    return np.array(
        [fit.shape.profiles(s, wavelength, offsets) for s in range(fit.n_slices)]
    )


def _parametrise(fit: LineFit, size: Size, params: LsfParams) -> list[GaussHermite]:
    """Return the profiles of all slices as functions of a few parameters."""
    wavelength = np.linspace(size.blue, size.red, FITTED)
    n = round(params.lsf_range / FITTED_STEP)
    offsets = FITTED_STEP * np.arange(-n, n + 1.0)
    functions: list[GaussHermite] = []
    for profiles in _profiles(fit, wavelength, offsets):
        start = functions[-1] if functions else None
        functions.append(fit_gauss_hermite(wavelength, offsets, profiles, start))
    return functions


def _save_subtracted(fit: LineFit, slices: SliceMap, like: RawFrame, out: Outputs) -> None:
    """Write the pixels of the lines after their subtraction."""
    parts = [
        subtracted_pixels(fit, lamp, slices, s)
        for s in range(fit.n_slices)
        for lamp in fit.lamps
    ]
    header = {"ESO DRS MUSE PIXTABLE TYPE": "SIMPLE", **origin_keywords(slices)}
    table = out.pixels(
        "PIXTABLE_SUBTRACTED",
        sum(len(pixels.data) for pixels, _ in parts),
        unit="count",
        header=header,
        like=like,
        extra=EXTRA,
    )
    first = 0
    for pixels, extra in parts:
        rows = slice(first, first + len(pixels.data))
        table.write(rows, Pixels._make(np.ascontiguousarray(c) for c in pixels))
        table.write_extra(rows, extra)
        first = rows.stop
