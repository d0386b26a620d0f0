"""Master dark of one IFU."""

from collections.abc import MutableMapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import CalibratedFrame, calibrated
from pipeline.algorithms.overscan import OverscanParams
from pipeline.flags import Flag
from pipeline.parallel import map_ordered
from pipeline.spec import (
    QC,
    BadInput,
    Frames,
    Input,
    Outputs,
    Planes,
    Product,
    Value,
    blocks,
    fixed,
    param,
    recipe,
)

N_ROWS = 16
"""Rows in hand at a time."""

TAG = "MASTER_DARK"

MEAN_DEVIATION = 1.183
"""Mean over median absolute deviation of normal numbers."""


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
    model: bool = fixed(False, doc="Model the master dark by polynomials.")


@recipe(
    name="muse_dark",
    scope="ifu",
    params=DarkParams,
    inputs=[
        Input("DARK", "raw", n_min=3, raw=True, doc="Raw darks of one setup."),
        Input("MASTER_BIAS", "image", n_max=1, doc="Master bias."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
    ],
    products=[Product(TAG, "image", "Dark counts of each pixel.", "count")],
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
    above the median are flagged as hot. The exposures are read twice, so that one plane
    of data is held in memory, not three. There is no model of the dark (``--model`` of the
    genuine recipe), which needs fifty long exposures.
    """
    (bias,) = frames["MASTER_BIAS"]
    bad = frames.get("BADPIX_TABLE", ())
    exposures = [calibrated(raw, bias, params, bad_pixels=bad) for raw in frames["DARK"]]
    times = [_exposure_time(exposure) for exposure in exposures]
    target = params.normalize if params.normalize > 0 else times[0]
    factors = [target / (time if params.scale else times[0]) for time in times]

    data, n_saturated = _survey(exposures, factors, params)
    middle = float(np.median(data))
    sample = data[::4] - np.float32(middle)  # hot pixels must not make it larger
    deviation = MEAN_DEVIATION * float(np.median(np.abs(sample, out=sample)))
    hot = middle + params.hotsigma * deviation

    header = {**exposures[0].overscan.keywords, "EXPTIME": target}
    shape = exposures[0].shape
    master = out.image(TAG, shape, unit="count", header=header, like=frames["DARK"][0])
    for i, number in enumerate(n_saturated[:-1], 1):
        master.qc[f"QC DARK INPUT{i} NSATURATED"] = int(number)
    master.qc["QC DARK MASTER NSATURATED"] = int(n_saturated[-1])
    master.qc["QC DARK MASTER NBADPIX"] = int(np.count_nonzero(data > hot))
    _put_statistics(master.qc, data, middle, hot, target)
    del data
    for rows in blocks(shape[0], N_ROWS):
        shared = exposures[0].shared_variance(rows) * np.float32(np.mean(factors)) ** 2
        planes = combine(_scaled_stack(exposures, factors, rows), params, shared)
        planes.dq[planes.data > hot] |= np.uint32(Flag.HOT_PIXEL)
        master.write(rows, planes)


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


def _scaled_stack(
    exposures: Sequence[CalibratedFrame], factors: Sequence[float], rows: slice
) -> list[Planes]:
    """Return rows of all exposures, scaled to one exposure time [count]."""
    stack = []
    for exposure, factor in zip(exposures, factors, strict=True):
        planes, f = exposure.read(rows), np.float32(factor)
        stack.append(Planes(planes.data * f, planes.dq, planes.stat * (f * f)))
    return stack


def _survey(
    exposures: Sequence[CalibratedFrame], factors: Sequence[float], params: DarkParams
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the combined data, and the saturated pixels by exposure and of the master."""

    def one(rows: slice) -> tuple[NDArray[np.float32], list[int]]:
        stack = _scaled_stack(exposures, factors, rows)
        result = combine(stack, params)
        saturated = np.uint32(Flag.AD_SATURATED)
        counts = [int(np.count_nonzero(p.dq & saturated)) for p in (*stack, result)]
        return result.data, counts

    data = np.empty(exposures[0].shape, np.float32)
    n_saturated = np.zeros(len(exposures) + 1, np.int64)
    parts = list(blocks(len(data), N_ROWS))
    for rows, (values, counts) in zip(parts, map_ordered(one, parts), strict=True):
        data[rows] = values
        n_saturated += counts
    return data, n_saturated


def _put_statistics(
    qc: MutableMapping[str, Value],
    data: NDArray[np.float32],
    middle: float,
    hot: float,
    time: float,
) -> None:
    """Write the statistics of the master; the dark current is that of pixels not hot."""
    name = "QC DARK MASTER"
    mean = float(data.mean(dtype=np.float64))
    square = float(np.einsum("ij,ij->", data, data, dtype=np.float64)) / data.size
    qc[f"{name} MEDIAN"] = middle
    qc[f"{name} MEAN"] = mean
    qc[f"{name} STDEV"] = float(np.sqrt(max(square - mean**2, 0.0)))
    qc[f"{name} MIN"] = float(data.min())
    qc[f"{name} MAX"] = float(data.max())
    boxes = [np.array_split(band, 8, axis=1) for band in np.array_split(data, 8)]
    means = [float(box[box <= hot].mean(dtype=np.float64)) for row in boxes for box in row]
    hour = 3600.0 / time
    qc[f"{name} DC"] = hour * float(np.mean(means))
    qc[f"{name} DCERR"] = hour * float(np.std(means, ddof=1) / np.sqrt(len(means)))
