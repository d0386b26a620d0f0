"""Master flat and slice traces of one IFU."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.algorithms.combination import CombineParams
from pipeline.algorithms.detector import CalibratedFrame, calibrated, dark_scale
from pipeline.algorithms.flat_survey import FlatSurvey
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.raw_checks import check_light
from pipeline.algorithms.stack import Stack
from pipeline.algorithms.trace import Trace, cut_rows, trace_slices
from pipeline.algorithms.trace_products import (
    samples_table,
    steepest_slopes,
    trace_qc,
    trace_table,
)
from pipeline.instrument import size_of
from pipeline.kernels.defects import flag_defects
from pipeline.spec import (
    QC,
    Frames,
    ImageSpool,
    ImageWriter,
    Input,
    Outputs,
    Planes,
    Product,
    RawFrame,
    blocks,
    param,
    recipe,
)

log = logging.getLogger(__name__)

N_ROWS = 64
"""Rows in hand at a time."""
STEEPEST = 0.015
"""Slope of a slice from which it is suspicious (genuine pipeline)."""


class FlatParams(CombineParams, OverscanParams):
    """Parameters of the master flat."""

    scale: bool = param(
        True, doc="Scale the exposures to a common exposure time before combining."
    )
    normalize: bool = param(True, doc="Divide the master flat by its mean.")
    trace: bool = param(True, doc="Trace the slices on the master flat.")
    nsum: int = param(32, unit="pix", doc="Rows averaged for tracing.", ge=1, le=512)
    order: int = param(5, doc="Order of the polynomial fit to the trace.", ge=1, le=9)
    edgefrac: float = param(
        0.5,
        doc="Fraction of the light of a slice that defines its edge. Edges are fitted, so "
        "0.5 is the place of half light to 0.001 pix.",
        gt=0,
        lt=1,
    )
    losigmabadpix: float = param(
        5.0, unit="sigma", doc="Low sigma to find dark pixels in the master flat.", gt=0
    )
    hisigmabadpix: float = param(
        5.0, unit="sigma", doc="High sigma to find bright pixels in the master flat.", gt=0
    )
    samples: bool = param(False, doc="Write a table of all places that were traced.")


_STATISTICS = {
    "MEDIAN": "Median",
    "MEAN": "Mean",
    "STDEV": "Standard deviation",
    "MIN": "Smallest value",
    "MAX": "Largest value",
}


def _declared_qc() -> Iterator[QC]:
    """Yield the QC keywords of both products."""
    flat, trace = "MASTER_FLAT", "TRACE_TABLE"
    for key, text in _STATISTICS.items():
        yield QC(f"QC FLAT INPUT# {key}", flat, "count", f"{text} of exposure #.")
        yield QC(f"QC FLAT MASTER {key}", flat, "count", f"{text} before normalisation.")
        unit = "pix"
        yield QC(f"QC TRACE WIDTHS {key}", trace, unit, f"{text} of the slice widths.")
        yield QC(f"QC TRACE GAPS {key}", trace, unit, f"{text} of the gaps between slices.")
    yield QC("QC FLAT INPUT# NSATURATED", flat, "pix", "Saturated pixels of exposure #.")
    yield QC("QC FLAT MASTER INTFLUX", flat, "count", "Sum before normalisation.")
    yield QC("QC FLAT MASTER NSATURATED", flat, "pix", "Saturated pixels.")
    for key in ("MEAN", "STDEV"):
        yield QC(
            f"QC FLAT MASTER SLICE# {key}",
            flat,
            "count",
            f"{_STATISTICS[key]} around the vertical centre of slice #, not normalised.",
            optional=True,
        )
    for side, text in (("L", "leftmost"), ("R", "rightmost")):
        for key, unit, what in (("XPOS", "pix", "Centre"), ("TILT", "deg", "Tilt")):
            about = f"{what} of the {text} slice; none if that was lost."
            yield QC(f"QC TRACE SLICE_{side} {key}", trace, unit, about, optional=True)
    yield QC("QC TRACE SLICE# MAXSLOPE", trace, "", "Steepest slope of slice #.")
    yield QC("QC TRACE SLICE# WIDTH", trace, "pix", "Width of a slice at a field corner.")


@recipe(
    name="muse_flat",
    scope="ifu",
    params=FlatParams,
    inputs=[
        Input("FLAT", "raw", n_min=3, raw=True, doc="Lamp flats of one setup."),
        Input("MASTER_BIAS", "image", n_max=1, doc="Master bias."),
        Input("MASTER_DARK", "image", n_max=1, optional=True, doc="Master dark."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
    ],
    products=[
        Product("MASTER_FLAT", "image", "Combined flat, divided by its mean.", "count"),
        Product("TRACE_TABLE", "table", "Edges of the slices.", optional=True),
        Product("TRACE_SAMPLES", "table", "Places that were traced.", optional=True),
    ],
    qc=tuple(_declared_qc()),
)
def flat(frames: Frames, params: FlatParams, out: Outputs) -> None:
    """Combine lamp flats of one IFU into a master flat and trace the slices on it.

    Exposures are freed of overscan and bias, converted to counts and combined. Groups of
    rows are averaged, the edges of the slices fitted in each, and polynomials of the row
    describe them. In each row of a slice, pixels that deviate are flagged as dark or hot.

    A slice that cannot be traced, as when it is vignetted, is named in a warning; its row
    of the trace table holds no numbers, and later recipes leave it out. Below 7 degrees
    this happens in IFU 6 (manual, 8.2): take the table of flats of about 8 degrees. When
    more than a quarter of the slices are lost, the flats are refused.
    """
    (bias,), raws = frames["MASTER_BIAS"], frames["FLAT"]
    bad = frames.get("BADPIX_TABLE", ())
    exposures = [calibrated(raw, bias, params, bad_pixels=bad) for raw in raws]
    check_light(exposures)
    first, raw = exposures[0], raws[0]
    survey = FlatSurvey(exposures)
    factors = _time_factors(exposures) if params.scale else None
    with out.spool(first.shape) as image:
        _combine(Stack(exposures, params, factors), survey, frames, image)
        survey.check()
        trace = None
        if params.trace:
            trace = _trace(image, params, first)
            _write_trace(trace, params, raw, first, out)
        keywords = first.overscan.keywords
        master = out.image(
            "MASTER_FLAT", first.shape, unit="count", like=raw, header=keywords
        )
        master.qc.update(survey.qc(trace))
        _write_master(image, trace, params, survey.master.mean, master)


def _combine(stack: Stack, survey: FlatSurvey, frames: Frames, image: ImageSpool) -> None:
    """Combine the exposures; survey them and their combination, then subtract the dark."""
    first = stack.exposures[0]
    darks = [(dark, dark_scale(first.raw, dark)) for dark in frames.get("MASTER_DARK", ())]
    for half in stack.halves():
        for part in blocks(half.stop - half.start, N_ROWS):
            rows = slice(half.start + part.start, half.start + part.stop)
            planes, saturated = stack.combine(rows, statistics=survey.inputs)
            survey.add(rows, planes, saturated)
            for dark, scale in darks:
                _subtract_dark(planes, dark.read(rows), np.float32(scale))
            image.write(rows, planes)


def _subtract_dark(planes: Planes, dark: Planes, scale: np.float32) -> None:
    """Subtract a master dark that is scaled to the exposure time of the first exposure.

    All exposures have it in common when they are brought to the same exposure time, so it
    may be subtracted after they have been combined.
    """
    np.subtract(planes.data, scale * dark.data, out=planes.data)
    np.bitwise_or(planes.dq, dark.dq, out=planes.dq)
    np.add(planes.stat, scale * scale * dark.stat, out=planes.stat)


def _time_factors(exposures: Sequence[CalibratedFrame]) -> list[float]:
    """Return what brings exposures to the exposure time of the first."""
    times = [float(exposure.header.get("EXPTIME", 0.0)) for exposure in exposures]
    return [times[0] / time if min(times) > 0 else 1.0 for time in times]


def _scale(planes: Planes, factor: float) -> None:
    """Multiply data by a factor and variance by its square, in place."""
    if factor != 1.0:
        f = np.float32(factor)
        np.multiply(planes.data, f, out=planes.data)
        np.multiply(planes.stat, f * f, out=planes.stat)


def _trace(image: ImageSpool, params: FlatParams, frame: CalibratedFrame) -> Trace:
    """Trace the slices; warn of those that are lost and of steep ones."""
    trace = trace_slices(
        cut_rows(image, params.nsum),
        size_of(frame.shape),
        order=params.order,
        edge_fraction=params.edgefrac,
        file=frame.name,
    )
    where = f"{frame.name}: slice %d of IFU {frame.ifu}"
    temperature = frame.header.get("ESO INS TEMP4 VAL")
    for number, problem in trace.lost.items():
        log.warning(
            f"{where} cannot be traced: %s [ESO INS TEMP4 VAL = %s]. Its row of the "
            "TRACE_TABLE is empty, later recipes leave the slice out. Remedy: average more "
            "rows (--nsum) if it is dim, look at it with --samples, or give later recipes "
            "the TRACE_TABLE of flats taken at about 8 degrees",
            number,
            problem,
            "?" if temperature is None else f"{float(temperature):.1f}",
        )
    for number, slope in enumerate(steepest_slopes(trace), start=1):
        if abs(slope) > STEEPEST:
            log.warning(
                f"{where} is unusually steep: %.4f > %.4f [QC TRACE SLICE%d MAXSLOPE]. "
                "Remedy: look at it with --samples, use flats of another night",
                number,
                abs(slope),
                STEEPEST,
                number,
            )
    return trace


def _write_trace(
    trace: Trace, params: FlatParams, raw: RawFrame, frame: CalibratedFrame, out: Outputs
) -> None:
    """Write what tracing found."""
    keywords = frame.overscan.keywords
    table = out.table("TRACE_TABLE", like=raw, header=keywords)
    table.write("", trace_table(trace))
    size = size_of(frame.shape)
    table.qc.update({f"QC TRACE {name}": v for name, v in trace_qc(trace, size)})
    if params.samples:
        samples = out.table("TRACE_SAMPLES", like=raw, header=keywords)
        samples.write("", samples_table(trace))


def _write_master(
    image: ImageSpool,
    trace: Trace | None,
    params: FlatParams,
    mean: float,
    master: ImageWriter,
) -> None:
    """Flag deviant pixels, divide by the mean and write the master."""
    edges = None if trace is None else trace.at(np.arange(1.0, image.shape[0] + 1))
    for rows in blocks(image.shape[0], N_ROWS):
        planes = image.read(rows)
        if edges is not None:
            flag_defects(
                planes.data,
                planes.dq,
                np.ascontiguousarray(edges[:, 1, rows]),
                np.ascontiguousarray(edges[:, 2, rows]),
                params.losigmabadpix,
                params.hisigmabadpix,
                mean,
            )
        if params.normalize:
            _scale(planes, 1 / mean)
        master.write(rows, planes)
