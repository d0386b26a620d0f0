"""Master bias of one IFU."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.bad_columns import flag_bad_columns
from pipeline.algorithms.combination import CombineParams
from pipeline.algorithms.detector import (
    CalibratedFrame,
    bad_pixel_list,
    bad_scan_pixels,
    gains,
)
from pipeline.algorithms.overscan import (
    OverscanParams,
    check_levels,
    master_keywords,
    overscan_level,
)
from pipeline.algorithms.plane_statistics import PlaneStatistics, plane_statistics
from pipeline.algorithms.raw_checks import check_noise, check_offsets, check_quadrants
from pipeline.algorithms.raw_levels import RawLevels
from pipeline.algorithms.read_noise import ReadNoise, read_noise
from pipeline.algorithms.stack import Stack
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
    differences of exposures and is the noise model of the rejection too. Exposures with
    a dead or saturated quadrant, or whose overscan does not belong to their data, are
    refused. One half of the detector is in hand at a time.
    """
    raws: Sequence[RawFrame] = frames["BIAS"]
    size = size_of(raws[0].shape)
    noise = read_noise(raws)
    gain = gains(raws[0].header, raws[0].name)
    rough = [port.levels for port in noise]
    check_quadrants(raws, rough)
    check_noise(raws, noise, gain)
    exposures = _without_overscan(frames, params, noise)
    stack = Stack(exposures, params)
    levels = RawLevels(size, rough)
    saturated = np.zeros(len(raws) + 1, np.int64)
    keywords = master_keywords([frame.overscan for frame in exposures], params)
    master = out.image(TAG, size.shape, unit="adu", header=keywords, like=raws[0])
    shape = size.quadrant_ny, size.shape[1]  # used twice: new ones leave holes in memory
    planes = np.empty(shape, np.float32), np.empty(shape, np.uint32)
    n_bad = 0
    for half in stack.halves():
        saturated += _combine_half(master, stack, half, levels, *planes)
        n_bad += _finish_half(master, stack, half, noise, params, *planes)
    for port in size.quadrants():
        _put_noise(master, port, noise, gain)
        _put_levels(master, port.number, levels.of_port(port.number - 1))
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
    tables = frames.get("BADPIX_TABLE", ())
    bad_scans = bad_scan_pixels(tables, raws[0].ifu, size)
    levels = [overscan_level(raws[0], params, bad_pixels=bad_scans)]
    reference = levels[0].keywords
    levels += map_ordered(
        lambda raw: overscan_level(raw, params, reference, bad_scans), raws[1:]
    )
    if params.overscan == "none":
        check_levels(levels, raws, params.ovscsigma)
    check_offsets(raws, noise, levels)
    bad = bad_pixel_list(tables, raws[0].ifu, size)
    sigma = tuple(port.noise for port in noise)
    return [
        CalibratedFrame(raw, size, level, (1.0,) * 4, sigma, photons=False, bad_pixels=bad)
        for raw, level in zip(raws, levels, strict=True)
    ]


def _combine_half(
    master: ImageWriter,
    stack: Stack,
    half: slice,
    levels: RawLevels,
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
) -> NDArray[np.int64]:
    """Combine one half of the detector into ``data`` and ``dq``; write all but flags.

    Returns the numbers of saturated pixels, see `Stack.combine`.
    """
    upper = half.start > 0

    def combine_rows(rows: slice) -> NDArray[np.int64]:
        there = slice(half.start + rows.start, half.start + rows.stop)
        raw = stack.raw(there)
        levels.add(raw, upper)
        out = Planes(data[rows], dq[rows], np.empty_like(data[rows]))
        _, n_saturated = stack.combine(there, raw, out)
        master.write_values(there, out.data, out.stat)
        return n_saturated

    return sum(map_ordered(combine_rows, blocks(len(data), N_ROWS)), np.zeros(1, np.int64))


def _finish_half(
    master: ImageWriter,
    stack: Stack,
    half: slice,
    noise: Sequence[ReadNoise],
    params: BiasParams,
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
) -> int:
    """Measure one half, flag bad columns and write the flags; return their number."""
    n_bad = 0
    for port in (port for port in stack.size.quadrants() if port.trim_y == half):
        found = plane_statistics(data, port.trim_x)
        _put_statistics(master, port.number, found)
        n_bad += flag_bad_columns(
            data[:, port.trim_x],
            dq[:, port.trim_x],
            found,
            noise[port.number - 1].noise,
            params.losigmabadpix,
            params.hisigmabadpix,
        )
    master.write_flags(half, dq)
    return n_bad


def _put_statistics(master: ImageWriter, port: int, found: PlaneStatistics) -> None:
    """Write the statistics of one port of the master [adu]."""
    name = f"QC BIAS MASTER{port}"
    master.qc[f"{name} MEDIAN"] = found.median
    master.qc[f"{name} MEAN"] = found.mean
    master.qc[f"{name} STDEV"] = found.stdev
    master.qc[f"{name} MIN"] = found.low
    master.qc[f"{name} MAX"] = found.high
    master.qc[f"{name} SLOPE X"] = _slope(found.columns)
    master.qc[f"{name} SLOPE Y"] = _slope(found.rows)


def _slope(profile: NDArray[np.float64]) -> float:
    """Return the slope of a profile [1/pix]."""
    place = np.arange(len(profile)) - (len(profile) - 1) / 2
    return float(place @ profile / (place @ place))


def _put_noise(
    master: ImageWriter, port: Quadrant, noise: Sequence[ReadNoise], gain: Sequence[float]
) -> None:
    """Write the read-out noise of one port [count]."""
    found, g = noise[port.number - 1], gain[port.number - 1]
    master.qc[f"QC BIAS MASTER{port.number} RON"] = found.noise * g
    master.qc[f"QC BIAS MASTER{port.number} RONERR"] = found.error * g


def _put_levels(master: ImageWriter, port: int, levels: Sequence[float]) -> None:
    """Write the levels of the raw biases of one port [adu]."""
    name = f"QC BIAS LEVEL{port}"
    master.qc[f"{name} MEAN"] = float(np.mean(levels))
    master.qc[f"{name} STDEV"] = float(np.std(levels, ddof=1))
    master.qc[f"{name} MEDIAN"] = float(np.median(levels))
