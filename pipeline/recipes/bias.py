"""Master bias of one IFU."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.bad_columns import flag_bad_columns
from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import CalibratedFrame, bad_pixel_list, gains
from pipeline.algorithms.overscan import OverscanParams, check_levels, overscan_level
from pipeline.algorithms.read_noise import ReadNoise, read_noise
from pipeline.flags import Flag
from pipeline.instrument import Quadrant, size_of
from pipeline.parallel import map_ordered
from pipeline.spec import (
    QC,
    Frames,
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

N_ROWS = 32
"""Rows in hand at a time."""

TAG = "MASTER_BIAS"


class BiasParams(CombineParams, OverscanParams):
    """Parameters of the master bias."""

    losigmabadpix: float = param(
        30.0, unit="sigma", doc="Low sigma to find dark columns in the combined bias.", gt=0
    )
    hisigmabadpix: float = param(
        3.0,
        unit="sigma",
        doc="High sigma to find bright columns in the combined bias.",
        gt=0,
    )


@recipe(
    name="muse_bias",
    scope="ifu",
    params=BiasParams,
    inputs=[
        Input("BIAS", "raw", n_min=3, raw=True, doc="Raw biases of one setup."),
        Input("BADPIX_TABLE", "table", optional=True, doc="Known bad pixels."),
    ],
    products=[Product(TAG, "image", "Mean bias level of each pixel.", "adu")],
    qc=[
        QC("QC BIAS INPUT# NSATURATED", TAG, "pix", "Saturated pixels in raw bias #."),
        QC("QC BIAS MASTER# RON", TAG, "count", "Read-out noise of quadrant #."),
        QC("QC BIAS MASTER# RONERR", TAG, "count", "Error of the read-out noise."),
        QC("QC BIAS MASTER# MEDIAN", TAG, "adu", "Median of quadrant # of the master."),
        QC("QC BIAS MASTER# MEAN", TAG, "adu", "Mean of quadrant #."),
        QC("QC BIAS MASTER# STDEV", TAG, "adu", "Standard deviation of quadrant #."),
        QC("QC BIAS MASTER# MIN", TAG, "adu", "Smallest value of quadrant #."),
        QC("QC BIAS MASTER# MAX", TAG, "adu", "Largest value of quadrant #."),
        QC("QC BIAS MASTER# SLOPE X", TAG, "adu/pix", "Horizontal slope of quadrant #."),
        QC("QC BIAS MASTER# SLOPE Y", TAG, "adu/pix", "Vertical slope of quadrant #."),
        QC("QC BIAS LEVEL# MEAN", TAG, "adu", "Mean of the medians of the raw biases."),
        QC("QC BIAS LEVEL# STDEV", TAG, "adu", "Their standard deviation."),
        QC("QC BIAS LEVEL# MEDIAN", TAG, "adu", "Their median."),
        QC("QC BIAS MASTER NBADPIX", TAG, "pix", "Pixels of bad columns."),
        QC("QC BIAS MASTER NSATURATED", TAG, "pix", "Saturated pixels in the master."),
    ],
)
def bias(frames: Frames, params: BiasParams, out: Outputs) -> None:
    """Combine the raw biases of one IFU into a master and measure the read-out noise.

    The overscan level is subtracted from each exposure (so with ``overscan=vpoly`` the
    master is about zero), the exposures are combined, and columns with defects are
    flagged. STAT is the variance of the combined value: the read-out noise comes from
    differences of exposures and is the noise model of the rejection too. One half of
    the detector is in hand at a time.
    """
    raws: Sequence[RawFrame] = frames["BIAS"]
    noise = read_noise(raws)
    exposures = _without_overscan(frames, params, noise)
    size = size_of(raws[0].shape)
    keywords = exposures[0].overscan.keywords
    master = out.image(TAG, size.shape, unit="adu", header=keywords, like=raws[0])
    saturated = np.zeros(len(raws) + 1, np.int64)
    n_bad = sum(
        _make_half(master, exposures, half, noise, params, saturated)
        for half in blocks(size.shape[0], size.quadrant_ny)
    )
    for port, found, gain in zip(
        size.quadrants(), noise, gains(raws[0].header, raws[0].name), strict=True
    ):
        _put_noise(master, port.number, found, gain)
    for i, n_saturated in enumerate(saturated[:-1], 1):
        master.qc[f"QC BIAS INPUT{i} NSATURATED"] = int(n_saturated)
    master.qc["QC BIAS MASTER NBADPIX"] = n_bad
    master.qc["QC BIAS MASTER NSATURATED"] = int(saturated[-1])


def _without_overscan(
    frames: Frames, params: BiasParams, noise: Sequence[ReadNoise]
) -> list[CalibratedFrame]:
    """Return the exposures in adu, free of their overscan level."""
    raws = frames["BIAS"]
    size = size_of(raws[0].shape)
    levels = [overscan_level(raws[0], params)]
    reference = levels[0].keywords
    levels += map_ordered(lambda raw: overscan_level(raw, params, reference), raws[1:])
    if params.overscan == "none":
        check_levels(levels, raws, params.ovscsigma)
    bad = bad_pixel_list(frames.get("BADPIX_TABLE", ()), raws[0].ifu, size)
    sigma = tuple(port.noise for port in noise)
    return [
        CalibratedFrame(raw, size, level, (1.0,) * 4, sigma, photons=False, bad_pixels=bad)
        for raw, level in zip(raws, levels, strict=True)
    ]


def _make_half(
    master: ImageWriter,
    exposures: Sequence[CalibratedFrame],
    half: slice,
    noise: Sequence[ReadNoise],
    params: BiasParams,
    saturated: NDArray[np.int64],
) -> int:
    """Combine, measure and write one half of the detector; return its bad pixels."""
    planes = _combined(exposures, half, params, saturated)
    ports = [port for port in exposures[0].size.quadrants() if port.trim_y == half]
    n_bad = sum(_finish_port(master, planes, port, noise, params) for port in ports)
    for rows in blocks(half.stop - half.start, N_ROWS):
        there = slice(half.start + rows.start, half.start + rows.stop)
        master.write(there, Planes._make(plane[rows] for plane in planes))
    return n_bad


def _combined(
    exposures: Sequence[CalibratedFrame],
    half: slice,
    params: BiasParams,
    saturated: NDArray[np.int64],
) -> Planes:
    """Combine the rows of one half; add up saturated pixels (the last: of the master)."""

    def combine_rows(rows: slice) -> tuple[Planes, list[int]]:
        there = slice(half.start + rows.start, half.start + rows.stop)
        stack = [exposure.read(there) for exposure in exposures]
        result = combine(stack, params)
        return result, [_n_saturated(planes) for planes in (*stack, result)]

    n_rows, nx = half.stop - half.start, exposures[0].shape[1]
    data, stat = (np.empty((n_rows, nx), np.float32) for _ in range(2))
    whole = Planes(data, np.empty((n_rows, nx), np.uint32), stat)
    parts = list(blocks(n_rows, N_ROWS))
    for rows, (planes, counts) in zip(parts, map_ordered(combine_rows, parts), strict=True):
        for there, here in zip(whole, planes, strict=True):
            there[rows] = here
        saturated += counts
    return whole


def _n_saturated(planes: Planes) -> int:
    """Count the saturated pixels."""
    return int(np.count_nonzero(planes.dq & np.uint32(Flag.AD_SATURATED)))


def _finish_port(
    master: ImageWriter,
    planes: Planes,
    port: Quadrant,
    noise: Sequence[ReadNoise],
    params: BiasParams,
) -> int:
    """Flag bad columns and measure the statistics of one port of the master."""
    data, dq = planes.data[:, port.trim_x], planes.dq[:, port.trim_x]
    sigma = noise[port.number - 1].noise
    n_bad = flag_bad_columns(data, dq, sigma, params.losigmabadpix, params.hisigmabadpix)
    name = f"QC BIAS MASTER{port.number}"
    mean = float(data.mean(dtype=np.float64))
    square = float(np.einsum("ij,ij->", data, data, dtype=np.float64)) / data.size
    master.qc[f"{name} MEDIAN"] = float(np.median(data))
    master.qc[f"{name} MEAN"] = mean
    master.qc[f"{name} STDEV"] = float(np.sqrt(max(square - mean**2, 0.0)))
    master.qc[f"{name} MIN"] = float(data.min())
    master.qc[f"{name} MAX"] = float(data.max())
    good = ~(dq != 0).any(axis=0)
    master.qc[f"{name} SLOPE X"] = _slope(data.mean(axis=0, dtype=np.float64), good)
    rows = data.mean(axis=1, dtype=np.float64)
    master.qc[f"{name} SLOPE Y"] = _slope(rows, np.ones(len(rows), bool))
    return n_bad


def _slope(profile: NDArray[np.float64], good: NDArray[np.bool_]) -> float:
    """Return the slope of a profile [1/pix]."""
    if good.sum() < 2:
        return 0.0
    return float(
        np.polynomial.polynomial.polyfit(np.flatnonzero(good), profile[good], 1)[1]
    )


def _put_noise(master: ImageWriter, port: int, found: ReadNoise, gain: float) -> None:
    """Write the noise of one port [count] and the level of the raw biases [adu]."""
    master.qc[f"QC BIAS MASTER{port} RON"] = found.noise * gain
    master.qc[f"QC BIAS MASTER{port} RONERR"] = found.error * gain
    name = f"QC BIAS LEVEL{port}"
    master.qc[f"{name} MEAN"] = float(np.mean(found.levels))
    master.qc[f"{name} STDEV"] = float(np.std(found.levels, ddof=1))
    master.qc[f"{name} MEDIAN"] = float(np.median(found.levels))
