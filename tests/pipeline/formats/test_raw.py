import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.raw import open_raw
from pipeline.formats.raw_writer import write_raw
from pipeline.instrument import MINI
from pipeline.spec import BadInput


def counts(seed):
    rng = np.random.default_rng(seed)
    data = rng.normal(1000, 3, MINI.raw_shape).round().astype(np.uint16)
    data[0, :3] = 0, 32768, 65535
    return data


def headers():
    primary = fits.Header()
    primary["EXPTIME"] = (0.0, "[s] exposure time")
    primary["HIERARCH ESO DET BINX"] = (1, "binning")
    extension = fits.Header()
    extension["HIERARCH ESO DET OUT1 GAIN"] = (1.1, "electrons for one count")
    extension["EXPTIME"] = 2.5
    return primary, extension


@pytest.fixture(params=[False, True], ids=["plain", "fz"])
def raw_file(request, tmp_path):
    primary, extension = headers()
    path = tmp_path / ("raw.fits.fz" if request.param else "raw.fits")
    ifus = {2: (counts(2), extension), 1: (counts(1), extension)}
    write_raw(path, primary, ifus, compress=request.param)
    return path


def test_counts_and_keywords_come_back(raw_file):
    frames = open_raw(raw_file, "BIAS")
    assert list(frames) == [1, 2]
    frame = frames[2]
    assert frame.shape == MINI.raw_shape
    block = frame.read(slice(5, 9))
    assert block.dtype == np.uint16 and block.flags.c_contiguous
    assert_array_equal(block, counts(2)[5:9])
    assert_array_equal(frames[1].read(slice(0, 1))[0, :3], [0, 32768, 65535])
    assert frame.header["EXPTIME"] == 2.5
    assert frame.header["ESO DET OUT1 GAIN"] == 1.1
    assert frame.header.comments["ESO DET BINX"] == "binning"
    assert "EXTNAME" not in frame.header and "NAXIS1" not in frame.header


def test_checksums_are_right(raw_file):
    with fits.open(raw_file, checksum=True, disable_image_compression=True) as units:
        assert all("CHECKSUM" in unit.header for unit in units)
    assert [path.name for path in raw_file.parent.iterdir()] == [raw_file.name]


@pytest.mark.parametrize("part", [0.9, 0.3, 0.001])
def test_a_truncated_file_is_named(raw_file, part):
    data = raw_file.read_bytes()
    raw_file.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(BadInput, match=r"raw\.fits.*truncated.*fetch"):
        open_raw(raw_file, "BIAS")


def test_files_that_are_no_raw_frames_are_refused(tmp_path):
    path = tmp_path / "x.fits"
    with pytest.raises(BadInput, match="exists"):
        open_raw(path, "BIAS")
    path.write_text("not FITS")
    with pytest.raises(BadInput, match="no FITS file"):
        open_raw(path, "BIAS")
    fits.PrimaryHDU().writeto(path, overwrite=True)
    with pytest.raises(BadInput, match="no extension of an IFU"):
        open_raw(path, "BIAS")
    image = fits.ImageHDU(np.zeros((4, 4), np.float32), name="CHAN01")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path, overwrite=True)
    with pytest.raises(BadInput, match="BITPIX -32"):
        open_raw(path, "BIAS")
    write_raw(path, fits.Header(), {3: (np.zeros((4, 4), np.uint16), fits.Header())})
    with pytest.raises(BadInput, match=r"CHAN03.*no MUSE detector"):
        open_raw(path, "BIAS")
