"""Master dark of one IFU."""

from collections.abc import MutableMapping
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.combination import CombineParams
from pipeline.algorithms.detector import CalibratedFrame, calibrated
from pipeline.algorithms.hot_pixels import flag_deviant
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.plane_statistics import plane_statistics
from pipeline.algorithms.raw_checks import check_exposures
from pipeline.algorithms.stack import Stack
from pipeline.kernels.statistics import mean_value
from pipeline.parallel import map_ordered
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    ImageSpool,
    ImageWriter,
    Input,
    Outputs,
    Planes,
    Product,
    Value,
    blocks,
    param,
    recipe,
)

N_ROWS = 32
"""Rows in hand at a time."""

N_BOXES = 8
"""Boxes along each side of the detector, whose means tell the error of the dark."""

TAG = "MASTER_DARK"
MODEL = "MODEL_DARK"


class DarkParams(CombineParams, OverscanParams):
    """Parameters of the master dark."""

    scale: bool = param(
        True, doc="Scale the exposures to a common exposure time before combining."
    )
    normalize: float = param(
        3600.0,
        unit="s",
        doc="Normalize the master dark to this exposure time; zero or less: not at all.",
    )
    hotsigma: float = param(
        5.0,
        unit="sigma",
        doc="Sigma level, in terms of the mean absolute deviation above the median dark "
        "level, above which a pixel is marked as hot.",
        gt=0,
    )
    model: bool = param(
        False,
        doc="Model the master dark using a set of polynomials; of use for fifty long "
        "exposures or more.",
    )


@recipe(
    name="muse_dark",
    scope="ifu",
    params=DarkParams,
    inputs=[
        Input("DARK", "raw", n_min=3, raw=True, doc="Raw darks of one setup."),
        Input("MASTER_BIAS", "image", n_max=1, doc="Master bias."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
    ],
    products=[
        Product(TAG, "image", "Dark counts of each pixel.", "count"),
        Product(MODEL, "image", "Smooth model of the dark.", "count", optional=True),
    ],
    qc=[
        QC("QC DARK INPUT# NSATURATED", TAG, "pix", "Saturated pixels in raw dark #."),
        QC("QC DARK MASTER NBADPIX", TAG, "pix", "Hot pixels."),
        QC("QC DARK MASTER MEDIAN", TAG, "count", "Median of the master."),
        QC("QC DARK MASTER MEAN", TAG, "count", "Mean of the master."),
        QC("QC DARK MASTER STDEV", TAG, "count", "Standard deviation of the master."),
        QC("QC DARK MASTER MIN", TAG, "count", "Smallest value of the master."),
        QC("QC DARK MASTER MAX", TAG, "count", "Largest value of the master."),
        QC("QC DARK MASTER DC", TAG, "count/pix/h", "Dark current."),
        QC("QC DARK MASTER DCERR", TAG, "count/pix/h", "Error of the dark current."),
        QC("QC DARK MASTER NSATURATED", TAG, "pix", "Saturated pixels in the master."),
    ],
)
def dark(frames: Frames, params: DarkParams, out: Outputs) -> None:
    """Combine the raw darks of one IFU into a master and flag hot pixels.

    Exposures are freed of overscan and bias, converted to counts, scaled to the exposure
    time of the first one and combined; the master is normalised to one hour. Pixels far
    above the median of their quadrant are flagged as hot; the statistics are those of the
    other pixels. With ``--model`` a smooth model is made as well: a plane, and the glow of
    the corners near the ports. As in the genuine recipe, horizontal stripes are taken out
    before its fits and are not part of it. One half of the detector is in hand at a time,
    but for its data; with ``--model`` the data and the flags of all.
    """
    (bias,) = frames["MASTER_BIAS"]
    raws, bad = frames["DARK"], frames.get("BADPIX_TABLE", ())
    exposures = [calibrated(raw, bias, params, bad_pixels=bad) for raw in raws]
    check_exposures(exposures)
    times = [_exposure_time(exposure) for exposure in exposures]
    target = params.normalize if params.normalize > 0 else times[0]
    factors = [target / (time if params.scale else times[0]) for time in times]
    stack = Stack(exposures, params, factors)

    header = {**exposures[0].overscan.keywords, "EXPTIME": target}
    shape = stack.size.shape
    master = out.image(TAG, shape, unit="count", header=header, like=raws[0])
    with out.spool(shape) if params.model else nullcontext() as whole:
        _make_master(master, stack, params, whole)
        if whole is not None:
            from pipeline.algorithms.dark_model import dark_model

            model = out.image(MODEL, shape, unit="count", header=header, like=raws[0])
            for rows, planes in dark_model(whole, stack.size):
                model.write(rows, planes)


def _make_master(
    master: ImageWriter, stack: Stack, params: DarkParams, whole: ImageSpool | None
) -> None:
    """Combine, flag and write the master and its QC; keep a copy in ``whole`` if wanted."""
    shape = stack.size.shape
    data = np.empty(shape, np.float32)
    dq = np.empty((stack.size.quadrant_ny, shape[1]), np.uint32)  # used twice
    saturated = np.zeros(len(stack.exposures) + 1, np.int64)
    n_hot = 0
    for half in stack.halves():
        saturated += _combine_half(master, stack, half, data[half], dq, whole)
        n_hot += flag_deviant(
            data[half], dq, stack.size, high_sigma=params.hotsigma, first=half.start
        )
        master.write_flags(half, dq)
        if whole is not None:
            _replace_flags(whole, half, dq)
        data[half][dq != 0] = np.nan
    for i, number in enumerate(saturated[:-1], 1):
        master.qc[f"QC DARK INPUT{i} NSATURATED"] = int(number)
    master.qc["QC DARK MASTER NSATURATED"] = int(saturated[-1])
    master.qc["QC DARK MASTER NBADPIX"] = n_hot
    _put_statistics(master.qc, data, float(master.header["EXPTIME"]))


def _replace_flags(image: ImageSpool, half: slice, dq: NDArray[np.uint32]) -> None:
    """Give one half of an image other flags."""
    for part in blocks(len(dq)):
        rows = slice(half.start + part.start, half.start + part.stop)
        image.write(rows, image.read(rows)._replace(dq=dq[part]))


def _exposure_time(exposure: CalibratedFrame) -> float:
    """Return EXPTIME [s]."""
    time = float(exposure.header.get("EXPTIME", 0.0))
    if not time > 0:
        raise BadInput(
            f"is {time}, a dark needs an exposure time",
            file=exposure.name,
            keyword="EXPTIME",
            remedy="leave the file out, or give it as BIAS",
        )
    return time


def _combine_half(
    master: ImageWriter,
    stack: Stack,
    half: slice,
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    whole: ImageSpool | None,
) -> NDArray[np.int64]:
    """Combine one half of the detector into ``data`` and ``dq``; write all but flags.

    ``whole``, if there is one, gets all. Returns the numbers of saturated pixels, see
    `Stack.combine`.
    """

    def combine_rows(rows: slice) -> NDArray[np.int64]:
        there = slice(half.start + rows.start, half.start + rows.stop)
        out = Planes(data[rows], dq[rows], np.empty_like(data[rows]))
        _, n_saturated = stack.combine(there, out=out)
        master.write_values(there, out.data, out.stat)
        if whole is not None:
            whole.write(there, out)
        return n_saturated

    return sum(map_ordered(combine_rows, blocks(len(data), N_ROWS)), np.zeros(1, np.int64))


def _put_statistics(
    qc: MutableMapping[str, Value], data: NDArray[np.float32], time: float
) -> None:
    """Write the statistics of the pixels without flags."""
    name, found = "QC DARK MASTER", plane_statistics(data)
    qc[f"{name} MEDIAN"] = found.median
    qc[f"{name} MEAN"] = found.mean
    qc[f"{name} STDEV"] = found.stdev
    qc[f"{name} MIN"] = found.low
    qc[f"{name} MAX"] = found.high
    means = [
        mean_value(band, columns.start, columns.stop)
        for band in np.array_split(data, N_BOXES)
        for columns in blocks(data.shape[1], data.shape[1] // N_BOXES)
    ]
    hour = 3600.0 / time
    qc[f"{name} DC"] = hour * float(np.mean(means))
    qc[f"{name} DCERR"] = hour * float(np.std(means, ddof=1) / np.sqrt(len(means)))
