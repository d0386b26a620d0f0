"""Master flat and slice traces of one IFU."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import CalibratedFrame, calibrated
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.shared import SharedImage
from pipeline.algorithms.statistics import ImageStatistics
from pipeline.algorithms.trace import Cuts, Trace, trace_slices
from pipeline.algorithms.trace_products import samples_table, trace_qc, trace_table
from pipeline.flags import Flag
from pipeline.instrument import size_of
from pipeline.kernels.defects import flag_defects
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    Input,
    Outputs,
    Planes,
    Product,
    Writer,
    blocks,
    param,
    recipe,
)

N_ROWS = 64
"""Rows in hand at a time."""
LEAST_LIGHT = 1.0
"""Mean below which a flat shows no lamp [count]."""
SLICE_WINDOW = 100
"""Rows on either side of the middle over which slices are measured (genuine pipeline)."""


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
        yield QC(
            f"QC TRACE SLICE_{side} XPOS", trace, "pix", f"Centre of the {text} slice."
        )
        yield QC(f"QC TRACE SLICE_{side} TILT", trace, "deg", f"Tilt of the {text} slice.")
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
    The exposures are read twice, so that no image is ever held in memory.
    """
    bias = SharedImage(frames["MASTER_BIAS"][0])
    dark = next(iter(frames.get("MASTER_DARK", ())), None)
    exposures = [
        calibrated(raw, bias, params, dark=dark, bad_pixels=frames.get("BADPIX_TABLE", ()))
        for raw in frames["FLAT"]
    ]
    first = exposures[0]
    raw = frames["FLAT"][0]
    cuts = Cuts(first.shape, params.nsum)
    survey = _Survey(exposures, first.shape)
    for rows in blocks(first.shape[0], N_ROWS):
        stack = _stack(exposures, rows, scale=params.scale)
        survey.add_inputs(stack)
        planes = combine(stack, params)
        survey.add_master(rows, planes)
        cuts.add(rows, planes)

    keywords = first.overscan.keywords
    trace = None
    if params.trace:
        size = size_of(first.shape)
        trace = trace_slices(
            cuts, size, order=params.order, edge_fraction=params.edgefrac, file=first.name
        )
        table = out.table("TRACE_TABLE", like=raw, header=keywords)
        table.write("", trace_table(trace))
        table.qc.update({f"QC TRACE {name}": v for name, v in trace_qc(trace, size)})
        if params.samples:
            out.table("TRACE_SAMPLES", like=raw, header=keywords).write(
                "", samples_table(trace)
            )

    mean = survey.master.mean
    master = out.image("MASTER_FLAT", first.shape, unit="count", like=raw, header=keywords)
    survey.report(master, trace)
    if not mean > LEAST_LIGHT:
        raise BadInput(
            f"has no light: the mean of the combined flat is {mean:.1f} count",
            file=first.name,
            keyword="ESO DPR TYPE",
            remedy="give lamp flats (FLAT,LAMP) in which the lamp was on",
        )
    factor = 1 / mean if params.normalize else 1.0
    n_saturated = 0
    for rows in blocks(first.shape[0], N_ROWS):
        planes = combine(_stack(exposures, rows, scale=params.scale), params)
        if trace is not None:
            _flag(rows, planes, trace, params, mean)
        n_saturated += _count_saturated(planes)
        master.write(rows, _scaled(planes, factor))
    master.qc["QC FLAT MASTER NSATURATED"] = n_saturated


class _Survey:
    """What is measured on the exposures and on the master while they pass by."""

    def __init__(
        self, exposures: Sequence[CalibratedFrame], shape: tuple[int, int]
    ) -> None:
        self.inputs = [ImageStatistics() for _ in exposures]
        self.n_saturated = [0] * len(exposures)
        self.master = ImageStatistics()
        middle = shape[0] // 2
        self._first = middle - SLICE_WINDOW - 1
        self._window = np.zeros((2 * SLICE_WINDOW + 1, shape[1]), np.float32)
        self._middle = middle

    def add_inputs(self, stack: Sequence[Planes]) -> None:
        """Take in some rows of the exposures."""
        for number, planes in enumerate(stack):
            self.inputs[number].add(planes.data)
            self.n_saturated[number] += _count_saturated(planes)

    def add_master(self, rows: slice, planes: Planes) -> None:
        """Take in some rows of the master."""
        self.master.add(planes.data)
        place = np.arange(rows.start, rows.stop) - self._first
        inside = (place >= 0) & (place < len(self._window))
        self._window[place[inside]] = planes.data[inside]

    def report(self, master: Writer, trace: Trace | None) -> None:
        """Write the QC keywords of the master flat."""
        for number, statistics in enumerate(self.inputs, start=1):
            name = f"QC FLAT INPUT{number}"
            master.qc.update({f"{name} {k}": v for k, v in statistics.keywords()})
            master.qc[f"{name} NSATURATED"] = self.n_saturated[number - 1]
        keywords = self.master.keywords(flux=True)
        master.qc.update({f"QC FLAT MASTER {k}": v for k, v in keywords})
        if trace is None:
            return
        for number, (_, left, right) in enumerate(trace.at(self._middle), start=1):
            part = self._window[:, round(left) : round(right) - 1].astype(np.float64)
            name = f"QC FLAT MASTER SLICE{number}"
            master.qc[f"{name} MEAN"] = float(part.mean())
            master.qc[f"{name} STDEV"] = float(part.std(ddof=1))


def _stack(
    exposures: Sequence[CalibratedFrame], rows: slice, *, scale: bool
) -> list[Planes]:
    """Return some rows of all exposures, scaled to the exposure time of the first."""
    stack = [exposure.read(rows) for exposure in exposures]
    times = [float(exposure.header.get("EXPTIME", 0.0)) for exposure in exposures]
    if scale and min(times) > 0:
        return [_scaled(p, times[0] / t) for p, t in zip(stack, times, strict=True)]
    return stack


def _scaled(planes: Planes, factor: float) -> Planes:
    """Multiply data by a factor, variance by its square."""
    if factor == 1.0:
        return planes
    f = np.float32(factor)
    return Planes(planes.data * f, planes.dq, planes.stat * (f * f))


def _flag(
    rows: slice, planes: Planes, trace: Trace, params: FlatParams, mean: float
) -> None:
    """Flag deviant pixels of the master in place."""
    _, left, right = np.moveaxis(trace.at(np.arange(rows.start, rows.stop) + 1.0), 1, 0)
    flag_defects(
        planes.data,
        planes.dq,
        np.ascontiguousarray(left),
        np.ascontiguousarray(right),
        params.losigmabadpix,
        params.hisigmabadpix,
        mean,
    )


def _count_saturated(planes: Planes) -> int:
    """Return the number of saturated pixels."""
    return int(np.count_nonzero(planes.dq & np.uint32(Flag.AD_SATURATED)))
