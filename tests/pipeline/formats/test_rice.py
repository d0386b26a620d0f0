"""Our decompression against that of astropy (which is cfitsio's)."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from pipeline.formats.raw import open_raw
from pipeline.formats.rice import rice_rows
from pipeline.formats.scan import scan
from pipeline.instrument import MINI
from pipeline.kernels.rice import decode_rows, spare_bytes
from pipeline.spec import BadInput
from tests.pipeline import rawbias


def packed(folder, counts, **options):
    path = folder / "packed.fits.fz"
    options = {"compression_type": "RICE_1", "uint": True, **options}
    hdu = fits.CompImageHDU(counts, name="CHAN01", **options)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


@given(
    st.lists(
        st.integers(0, 65535) | st.integers(1000, 1010) | st.just(7),
        min_size=1,
        max_size=200,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_all_counts_come_back(tmp_path, values):
    """Noise, constant stretches and jumps over the whole range."""
    counts = np.array([values, values[::-1]], np.uint16)
    path = packed(tmp_path, counts)
    rows = rice_rows(path, scan(path)[1])
    assert_array_equal(rows.read(slice(0, 2), slice(None)), counts)
    cut = slice(len(values) // 3, len(values) // 2 + 1)
    assert_array_equal(rows.read(slice(1, 2), cut), counts[1:, cut])


@pytest.mark.parametrize("noise", [0.6, 2.0, 8.0, 100.0])
def test_jumps_out_of_the_noise_come_back(tmp_path, noise):
    """Long runs of zero bits, as at the edges of lit slices, wherever they fall."""
    rng = np.random.default_rng(5)
    counts = rng.normal(2000, noise, (200, 600))
    jumps = rng.random(counts.shape) < 0.02
    counts[jumps] += noise * rng.uniform(0, 120, np.count_nonzero(jumps))
    counts = counts.astype(np.uint16)
    path = packed(tmp_path, counts)
    rows = rice_rows(path, scan(path)[1])
    assert_array_equal(rows.read(slice(0, 200), slice(None)), counts)


def test_raw_frames_are_read_by_rows(tmp_path):
    counts = rawbias.counts(1)
    counts[5], counts[6, ::2] = 0, 65535
    frame = open_raw(packed(tmp_path, counts), "BIAS")[1]
    assert_array_equal(frame.read(slice(0, 100)), counts[:100])
    assert_array_equal(frame.read(slice(90, 2000), slice(7, 9)), counts[90:, 7:9])
    assert frame.read(slice(8, 8)).shape == (0, MINI.raw_shape[1])
    assert "_plane" not in vars(frame)  # nothing is held


@pytest.mark.parametrize(
    "options", [{"compression_type": "GZIP_1"}, {"tile_shape": (32, 480)}]
)
def test_other_ways_of_packing_are_left_to_astropy(tmp_path, options):
    counts = rawbias.counts(1)
    path = packed(tmp_path, counts, **options)
    assert rice_rows(path, scan(path)[1]) is None
    assert_array_equal(open_raw(path, "BIAS")[1].read(slice(3, 9)), counts[3:9])


def test_rows_elsewhere_than_in_the_extension_are_refused(tmp_path):
    path = packed(tmp_path, rawbias.counts(1))
    unit = scan(path)[1]
    with path.open("r+b") as file:
        file.seek(unit.offset + 8 * 10 + 4)
        file.write((1 << 30).to_bytes(4, "big"))  # row 10 begins far behind the file
    with pytest.raises(BadInput, match=r"packed.*CHAN01.*places of rows are damaged"):
        open_raw(path, "BIAS")[1].read(slice(0, 10))


@given(st.binary(min_size=2, max_size=60), st.integers(1, 40))
def test_anything_is_read_or_refused_within_its_bounds(data, block):
    """Behind the row stand ones, which a decoder takes for data if it goes astray."""
    spare = spare_bytes(block)
    after = np.full(spare, 255, np.uint8)
    packed = np.concatenate([np.frombuffer(data, np.uint8), after])
    ends = np.array([0]), np.array([len(data)])
    counts = np.zeros((1, 100), np.uint16)
    whole = decode_rows(packed, *ends, block, counts)
    packed[len(data) :] = 0
    again = np.zeros((1, 100), np.uint16)
    assert decode_rows(packed, *ends, block, again) == whole
    if whole:
        assert_array_equal(again, counts)


def test_damaged_rows_are_refused(tmp_path):
    path = packed(tmp_path, rawbias.counts(1))
    unit = scan(path)[1]
    with path.open("r+b") as file:
        file.seek(unit.offset + 8 * 10)
        file.write((3).to_bytes(4, "big"))  # row 10 has three bytes
    frame = open_raw(path, "BIAS")[1]
    assert frame.read(slice(0, 10)).shape[0] == 10
    with pytest.raises(BadInput, match=r"packed.*CHAN01.*cannot be decompressed"):
        frame.read(slice(0, 20))
