"""The genuine pipeline takes our tables of bad pixels and flags exactly their pixels."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.instrument import FULL
from pipeline.tools.badpix import from_region, write_bad_pixels

pytestmark = pytest.mark.interop

# Across the middle of the detector, where the ports and their overscans meet.
REGION = "[2040:2060,2050:2070]"


def test_pixels_of_a_region_are_flagged(genuine, raw_frames, tmp_path):
    bad = tmp_path / "BADPIX_TABLE.fits"
    table, _ = from_region(REGION, 256, FULL, trimmed=True)
    write_bad_pixels(table, 1, bad, reference=raw_frames["BIAS"][0])
    flags = []
    for name, more in (("without", []), ("with", [f"{bad} BADPIX_TABLE"])):
        folder = tmp_path / name
        folder.mkdir()
        sof = folder / "bias.sof"
        sof.write_text("\n".join([*(f"{path} BIAS" for path in raw_frames["BIAS"]), *more]))
        done = genuine(folder, "muse_bias", "--nifu=1", str(sof))
        assert done.returncode == 0, done.stdout[-2000:]
        flags.append(fits.getdata(folder / "MASTER_BIAS-01.fits", "DQ"))
    expected = np.zeros(FULL.shape, np.int32)
    expected[2049:2070, 2039:2060] = 256
    np.testing.assert_array_equal(flags[1], flags[0] | expected)
