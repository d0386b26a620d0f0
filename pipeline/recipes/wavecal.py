"""Wavelength calibration of one IFU."""

import logging
from collections.abc import Iterator, MutableMapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_exposures import (
    ArcExposures,
    ArcParams,
    Read,
    Watched,
    n_saturated,
    summed,
)
from pipeline.algorithms.arc_image import ArcImage
from pipeline.algorithms.arc_lines import (
    ArcLamp,
    all_lamps,
    group_by_lamp,
    read_catalogue,
    warn_of_lamps,
)
from pipeline.algorithms.arc_maps import as_planes, resampled, wave_map
from pipeline.algorithms.arc_slices import ArcSlices, Search, richest_first
from pipeline.algorithms.skewness import skew_keywords
from pipeline.algorithms.trace import evaluate
from pipeline.algorithms.trace_products import TracedSlices, traced_slices
from pipeline.algorithms.wave_solution import FitSettings, solve
from pipeline.algorithms.wavecal_products import (
    detection_qc,
    fit_qc,
    n_residuals,
    peak_qc,
    residuals_tables,
    wavelength_table,
)
from pipeline.algorithms.wavelength import Surface, Weighting
from pipeline.instrument import Size, size_of
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    ImageWriter,
    Input,
    Outputs,
    Product,
    RawFrame,
    Value,
    param,
    recipe,
)

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

LINE_SIGMA, FIT_SIGMA = 2.5, 3.0
"""Rejection limits that a negative parameter stands for (genuine pipeline)."""
OVEREXPOSED = 0.001
"""Saturated part of a detector from which a lamp counts as over-exposed (ours): well
exposed arcs have none, simulated ones of twenty times the light 0.002 to 0.012."""
ALL_LAMPS = 99
"""Number of the sum of all lamps in QC keywords (genuine pipeline)."""
LAMP_SLICE = 20
"""Slice in which lines are measured lamp by lamp: in the middle of a stack and never
vignetted (genuine pipeline); of 48."""


class WavecalParams(ArcParams):
    """Parameters of the wavelength calibration."""

    sigma: float = param(
        1.0,
        unit="sigma",
        doc="Level above the background at which lines are detected in the middle of a "
        "slice, in units of the noise of a single column.",
        gt=0,
    )
    dres: float = param(
        0.05,
        doc="Range of dispersions tried, relative to the nominal one.",
        gt=0,
        le=0.2,
    )
    tolerance: float = param(
        0.1,
        doc="Distance of a detected line from the catalogue, in parts of the distance to "
        "the next line.",
        gt=0,
        le=0.5,
    )
    xorder: int = param(2, doc="Order of the polynomial along a slice.", ge=1, le=5)
    yorder: int = param(6, doc="Order of the dispersion relation.", ge=2, le=9)
    linesigma: float = param(
        -1.0,
        unit="sigma",
        doc="Rejection of deviant columns of each line; negative means 2.5.",
    )
    residuals: bool = param(False, doc="Write a table of the residuals of all lines.")
    fitsigma: float = param(
        -1.0,
        unit="sigma",
        doc="Rejection of deviant places in the final fit; negative means 3.0.",
    )
    fitweighting: Weighting = param(
        "cerrscatter",
        doc="Weights of the final fit: errors of the centres (cerr), scatter of each line "
        "(scatter), both, or none (uniform).",
    )
    saveimages: bool = param(
        False,
        doc="Write the combined exposures of each lamp, and their sum where it is needed.",
    )
    lampwise: bool = param(
        True,
        doc="Measure the lines of each lamp by itself; else in the sum of all lamps, where "
        "more lines are blended.",
    )
    resample: bool = param(
        False,
        doc="Write the sum of all lamps resampled onto rows of equal wavelength, for a "
        "visual check: lines are straight, small wiggles are normal.",
    )
    wavemap: bool = param(False, doc="Write an image of the wavelengths of all pixels.")
    skewness: bool = param(
        True,
        doc="Refer wavelengths to the centre of light of a line. The centre of a Gaussian "
        "(false, as in the genuine pipeline) misses it by 0.01 Angstrom.",
    )
    consensus: bool = param(
        True,
        doc="Give less weight to lines whose wavelength deviates alike in all slices, such "
        "as unknown blends (not in the genuine pipeline).",
    )


def _declared_qc() -> Iterator[QC]:
    """Yield the QC keywords of the table."""
    table = "WAVECAL_TABLE"
    for name, unit, text in (
        ("LINES NDET", "", "Lines detected"),
        ("LINES NID", "", "Lines recognised"),
        ("LINES PEAK MEAN", "count", "Mean height of the recognised lines"),
        ("LINES PEAK STDEV", "count", "Scatter of their heights"),
        ("LINES PEAK MIN", "count", "Height of the faintest line"),
        ("LINES PEAK MAX", "count", "Height of the brightest line"),
        ("RESOL", "", "Mean spectral resolution"),
        ("LINES FWHM MEAN", "Angstrom", "Mean FWHM of the lines"),
        ("LINES FWHM STDEV", "Angstrom", "Scatter of the FWHM"),
        ("LINES FWHM MIN", "Angstrom", "Smallest FWHM"),
        ("LINES FWHM MAX", "Angstrom", "Largest FWHM"),
        ("FIT NLINES", "", "Lines used in the fit"),
        ("FIT RMS", "Angstrom", "Scatter around the fit"),
        ("DWLEN BOTTOM", "Angstrom", "Difference of the lower corners"),
        ("DWLEN TOP", "Angstrom", "Difference of the upper corners"),
        ("WLPOS", "pix", "Row of the reference wavelength"),
        ("WLEN", "Angstrom", "Wavelength there, in the middle"),
    ):
        yield QC(f"QC WAVECAL SLICE# {name}", table, unit, f"{text}, slice #.")
    for key, text in (("MEAN", "Mean"), ("STDEV", "Scatter"), ("MAX", "Largest")):
        yield QC(
            f"QC WAVECAL SLICE# LAMP# LINES PEAK {key}",
            table,
            "count",
            f"{text} height of the lines of one lamp.",
            optional=True,
        )
    yield QC("QC WAVECAL NSATURATED LAMP#", table, "pix", "Saturated pixels, lamp #.")
    for tag in ("ARC_RED_LAMP", "ARC_RED"):
        yield QC("QC WAVECAL NSATURATED", tag, "pix", "Saturated pixels.", optional=True)
    for name, tag in (("INPUT#", "ARC_RED_LAMP"), ("LAMP# INPUT#", "ARC_RED")):
        text = f"Saturated pixels of exposure {name}."
        yield QC(f"QC WAVECAL {name} NSATURATED", tag, "pix", text, optional=True)


@recipe(
    name="muse_wavecal",
    scope="ifu",
    params=WavecalParams,
    inputs=[
        Input("ARC", "raw", raw=True, doc="Arc exposures, each with one lamp."),
        Input("MASTER_BIAS", "image", n_max=1, doc="Master bias."),
        Input("MASTER_DARK", "image", n_max=1, optional=True, doc="Master dark."),
        Input("MASTER_FLAT", "image", n_max=1, optional=True, doc="Master flat."),
        Input("TRACE_TABLE", "table", n_max=1, doc="Edges of the slices."),
        Input("LINE_CATALOG", "table", n_max=1, per_ifu=False, doc="Lines of the lamps."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
    ],
    products=[
        Product("WAVECAL_TABLE", "table", "Wavelength of every place of every slice."),
        Product("WAVECAL_RESIDUALS", "table", "Residuals of all lines.", optional=True),
        Product(
            "ARC_RED_LAMP",
            "image",
            "Combined exposures of a lamp.",
            "count",
            numbered=True,
            optional=True,
        ),
        Product("ARC_RED", "image", "Sum of all lamps.", "count", True, True),
        Product(
            "ARC_RESAMPLED",
            "image",
            "Sum of all lamps, rows being wavelengths.",
            "count",
            numbered=True,
            optional=True,
            is_map=True,
        ),
        Product(
            "WAVE_MAP",
            "image",
            "Wavelength of every pixel.",
            "Angstrom",
            numbered=True,
            optional=True,
            is_map=True,
        ),
    ],
    qc=tuple(_declared_qc()),
)
def wavecal(frames: Frames, params: WavecalParams, out: Outputs) -> None:
    """Find the wavelength of every pixel of one IFU from arc exposures.

    The exposures of each lamp are combined. Lines are detected in the middle of each slice
    and recognised by their pattern, first with the lamp that has most. Each is then
    measured in every column of the slice by a Gaussian, together with its neighbours, and
    a polynomial in column and row describes the wavelengths of all. Comparing the slices
    shows by how much Gaussians miss the centre of light of the skewed lines and which
    lines are blended; both are taken into account.
    """
    raws: Sequence[RawFrame] = frames["ARC"]
    size = size_of(raws[0].shape)
    trace = traced_slices(frames["TRACE_TABLE"][0])
    _check_trace(frames, trace, size)
    catalogue = read_catalogue(frames["LINE_CATALOG"][0])
    lamps = group_by_lamp(raws)
    warn_of_lamps(lamps, catalogue)
    exposures, image = ArcExposures(frames, params), ArcImage(size.shape, trace.curves)
    arcs = ArcSlices(size, trace.numbers, catalogue, _search(params))
    table = out.table("WAVECAL_TABLE", like=raws[0])
    readers = _lamp_readers(lamps, exposures, params, out, size)
    if params.lampwise:
        for lamp in richest_first(lamps, catalogue):
            image.fill(readers[lamp.numbers])
            arcs.take(lamp, image)
            _lamp_qc(table.qc, arcs, lamp)
    else:
        _sum_lamps(list(readers.values()), image, lamps, params, out, table.qc)
        arcs.take(all_lamps(lamps), image)
    for lamp in lamps:
        count = readers[lamp.numbers].n_saturated
        _warn_of_saturation(lamp, count, size)
        for n in lamp.numbers:
            table.qc[f"QC WAVECAL NSATURATED LAMP{n}"] = count

    places, surfaces = solve(arcs, lamps, params.lampwise, _fit_settings(params))
    fitted = [state.places[0] for state in arcs.slices]
    table.header.update(exposures.calibrated(lamps[0])[0].overscan.keywords)
    table.header.update(skew_keywords(fitted, places))
    table.write("", wavelength_table(surfaces, trace))
    for s, (number, state) in enumerate(zip(trace.numbers, arcs.slices, strict=True)):
        for name, value in (
            *detection_qc(state.peaks, state.n_detected),
            *fit_qc(places[s], surfaces[s], catalogue, trace.curves[s], size.shape[0]),
        ):
            table.qc[f"QC WAVECAL SLICE{number} {name}"] = value
    if params.residuals:
        residuals = out.table("WAVECAL_RESIDUALS", like=raws[0], header=dict(table.header))
        parts = residuals_tables(surfaces, places, trace.numbers, size.shape[0])
        residuals.write_parts("", n_residuals(surfaces), parts)
    if params.resample:
        if params.lampwise:
            again = [exposures.of_lamp(lamp) for lamp in lamps]
            _sum_lamps(again, image, lamps, params, out, table.qc)
        _write_resampled(out, image, surfaces, raws[0])
    if params.wavemap:
        _write_map(out, image, surfaces, raws[0])


def _warn_of_saturation(lamp: ArcLamp, n_pixels: int, size: Size) -> None:
    """Say that a lamp is over-exposed: the lines that are left may be few."""
    if n_pixels > OVEREXPOSED * size.shape[0] * size.shape[1]:
        log.warning(
            "%s, %s: %d saturated pixels in the lines of %s. Remedy: expose them for a "
            "shorter time",
            ", ".join(frame.name for frame in lamp.frames),
            lamp.keyword,
            n_pixels,
            "+".join(lamp.elements),
        )


def _search(params: WavecalParams) -> Search:
    """Return how lines are found."""
    return Search(
        sigma=params.sigma,
        dispersion_range=params.dres,
        tolerance=params.tolerance,
        x_order=params.xorder,
        y_order=params.yorder,
        kappa=params.linesigma if params.linesigma > 0 else LINE_SIGMA,
    )


def _fit_settings(params: WavecalParams) -> FitSettings:
    """Return how wavelengths are fitted."""
    return FitSettings(
        weighting=params.fitweighting,
        kappa=params.fitsigma if params.fitsigma > 0 else FIT_SIGMA,
        skewness=params.skewness,
        consensus=params.consensus,
        history=params.residuals,
    )


def _check_trace(frames: Frames, trace: TracedSlices, size: Size) -> None:
    """Refuse the trace table of another instrument size or with slices off the CCD."""
    if trace.n_slices != size.n_slices:
        raise BadInput(
            f"{trace.n_slices} slices, the exposures have {size.n_slices}",
            file=frames["TRACE_TABLE"][0].name,
            keyword="NAXIS2",
            remedy="give the TRACE_TABLE of the same instrument",
        )
    ny, nx = size.shape
    middle = evaluate(trace.curves, (1 + ny) / 2)[:, 0]
    lost = np.flatnonzero((middle < 1) | (middle > nx))
    if len(lost):
        raise BadInput(
            f"slice {trace.numbers[lost[0]]} lies outside the detector",
            file=frames["TRACE_TABLE"][0].name,
            keyword="SliceNo",
            remedy="make the TRACE_TABLE again or use that of another night",
        )


def _lamp_readers(
    lamps: Sequence[ArcLamp],
    exposures: ArcExposures,
    params: WavecalParams,
    out: Outputs,
    size: Size,
) -> dict[tuple[int, ...], Watched]:
    """Return what reads the combined exposures of each lamp, and writes them if asked."""
    readers = {}
    only_sum = len(lamps) == 1 and (params.resample or not params.lampwise)
    for number, lamp in enumerate(lamps, start=1):
        product: ImageWriter | None = None
        if params.saveimages and not only_sum:
            product = out.image(
                "ARC_RED_LAMP", size.shape, unit="count", like=lamp.frames[0], number=number
            )
            for k, frame in enumerate(lamp.frames, start=1):
                product.qc[f"QC WAVECAL INPUT{k} NSATURATED"] = n_saturated(frame)
        readers[lamp.numbers] = Watched(exposures.of_lamp(lamp), product)
    return readers


def _sum_lamps(
    readers: Sequence[Read],
    image: ArcImage,
    lamps: Sequence[ArcLamp],
    params: WavecalParams,
    out: Outputs,
    qc: MutableMapping[str, Value],
) -> None:
    """Fill ``image`` with the sum of all lamps, and write it if asked."""
    product: ImageWriter | None = None
    if params.saveimages:
        first = lamps[0].frames[0]
        product = out.image("ARC_RED", image.shape, unit="count", like=first, number=1)
        for number, lamp in enumerate(lamps, start=1):
            for k, frame in enumerate(lamp.frames, start=1):
                name = f"QC WAVECAL LAMP{number} INPUT{k} NSATURATED"
                product.qc[name] = n_saturated(frame)
    total = Watched(summed(readers), product)
    image.fill(total)
    qc[f"QC WAVECAL NSATURATED LAMP{ALL_LAMPS}"] = total.n_saturated


def _write_resampled(
    out: Outputs, image: ArcImage, surfaces: Sequence[Surface], like: RawFrame
) -> None:
    """Write the resampled arcs."""
    light, axes = resampled(image, surfaces)
    product = out.image(
        "ARC_RESAMPLED", light.shape, unit="count", header=axes, like=like, number=1
    )
    product.write(slice(0, len(light)), as_planes(light))


def _write_map(
    out: Outputs, image: ArcImage, surfaces: Sequence[Surface], like: RawFrame
) -> None:
    """Write the map of wavelengths."""
    product = out.image("WAVE_MAP", image.shape, unit="Angstrom", like=like, number=1)
    for rows, waves in wave_map(image, surfaces):
        product.write(rows, as_planes(waves))


def _lamp_qc(qc: MutableMapping[str, Value], arcs: ArcSlices, lamp: ArcLamp) -> None:
    """Write the QC of the lines of one lamp in the slice in the middle of a stack."""
    wanted = max(round(LAMP_SLICE / 48 * arcs.size.n_slices), 1)
    nearest = int(np.argmin(np.abs(arcs.numbers - wanted)))
    number, peaks = arcs.numbers[nearest], arcs.slices[nearest].peaks[-1]
    if len(peaks) > 0:
        name = f"QC WAVECAL SLICE{number} LAMP{lamp.numbers[0]} LINES PEAK"
        qc.update({f"{name} {key}": value for key, value in peak_qc(peaks)})
