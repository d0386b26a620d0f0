import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import calibrated
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.raw_levels import RawLevels, sampled_quantiles
from pipeline.algorithms.stack import Stack
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage, MemoryRaw, MemoryTable
from pipeline.spec import Planes, Table
from tests.pipeline import rawbias

FACTORS = (1.0, 2.0, 1.5)


def raws():
    header = {k.removeprefix("HIERARCH "): v for k, v in rawbias.extension(1).items()}
    return [MemoryRaw(rawbias.counts(seed, shift=3.0 * seed), header) for seed in range(3)]


def exposures():
    rng = np.random.default_rng(9)
    noise = rng.normal(0, 1, MINI.shape).astype(np.float32)
    dq = np.zeros(MINI.shape, np.uint32)
    dq[10, 10] = 8192
    bias = MemoryImage(Planes(noise, dq, np.full(MINI.shape, 0.7, np.float32)))
    place = MINI.quadrants()[0]
    columns = {"xpos": [place.raw_x.start + 6], "ypos": [place.raw_y.start + 8]}
    columns["status"] = [256]
    table = Table({k: np.array(v) for k, v in columns.items()}, {})
    bad = MemoryTable({"CHAN01": table}, tag="BADPIX_TABLE")
    params = OverscanParams()
    return [calibrated(raw, bias, params, bad_pixels=[bad]) for raw in raws()]


@pytest.mark.parametrize("method", ["average", "median", "minmax", "sigclip"])
def test_equals_the_combination_of_calibrated_exposures(method):
    frames, params = exposures(), CombineParams(combine=method)
    stack = Stack(frames, params, FACTORS)
    for rows in (slice(0, 16), slice(MINI.quadrant_ny, MINI.quadrant_ny + 16)):
        found, saturated = stack.combine(rows)
        scaled = []
        for frame, factor in zip(frames, FACTORS, strict=True):
            planes, f = frame.read(rows), np.float32(factor)
            scaled.append(Planes(planes.data * f, planes.dq, planes.stat * (f * f)))
        shared = frames[0].shared_variance(rows) * np.float32(np.mean(FACTORS)) ** 2
        expected = combine(scaled, params, shared)
        assert_array_equal(found.data, expected.data)
        assert_array_equal(found.dq, expected.dq)
        assert_allclose(found.stat, expected.stat, rtol=1e-5)
        assert not saturated.any()
    assert stack.combine(slice(0, 16))[0].dq[[10, 7], [10, 5]].tolist() == [8192, 256]


def test_rows_of_both_halves_without_what_the_bias_has_in_common():
    frames, params = exposures(), CombineParams()
    rows = slice(MINI.quadrant_ny - 5, MINI.quadrant_ny + 7)
    found = Stack(frames, params, shared=False).read(rows)
    expected = combine([frame.read(rows) for frame in frames], params)
    for ours, theirs in zip(found, expected, strict=True):
        assert_array_equal(ours, theirs)


def test_bad_pixels_stay_out_of_a_bias_that_others_use():
    frames, rows = exposures(), slice(0, 16)
    assert frames[0].bias is not None
    before = frames[0].bias.read(rows).dq.copy()
    assert Stack(frames, CombineParams()).read(rows).dq[7, 5] == 256
    assert_array_equal(frames[0].bias.read(rows).dq, before)


def test_levels_are_exact_medians():
    frames = raws()
    frames[1].data[100:110, 50:60] = 65535
    rough = sampled_quantiles(frames, (0.5,))[0].tolist()
    levels = RawLevels(MINI, rough)
    stack = np.stack([frame.data for frame in frames])
    for half, upper in ((slice(0, 688), False), (slice(688, 1376), True)):
        inside = MINI.quadrants()[2 if upper else 0].raw_y
        rows = slice(max(half.start, inside.start), min(half.stop, inside.stop))
        levels.add(np.ascontiguousarray(stack[:, rows]), upper)
    for number, port in enumerate(MINI.quadrants()):
        truth = [np.median(f.data[port.raw_y, port.raw_x]) for f in frames]
        assert_allclose(levels.of_port(number), truth, atol=0.5)
        assert_allclose(rough[number], truth, atol=2)
