import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.cards import Keywords
from pipeline.formats.image import ImageProduct, open_images
from pipeline.spec import BadInput, Planes, blocks


def planes(shape=(50, 30), seed=1):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 1, shape).astype(np.float32)
    dq = rng.integers(0, 1 << 32, shape, dtype=np.uint32)
    return Planes(data, dq, data**2)


def write(path, values, n_qc=0):
    header = Keywords(
        {"EXTNAME": "CHAN02", "ESO DET BINX": 1, "EXPTIME": 2.0, "DATAMD5": ""},
        {"EXPTIME": "[s] time"},
    )
    product = ImageProduct(path, header, values.data.shape, unit="adu")
    for rows in reversed(list(blocks(50, 7))):
        product.write(rows, Planes(*(np.ascontiguousarray(p[rows]) for p in values)))
    product.qc.update({f"QC BIAS NUMBER{i}": i / 3 for i in range(n_qc)})
    product.close()


@pytest.mark.parametrize("n_qc", [0, 3, 300])
def test_written_in_any_order_it_reads_back(tmp_path, n_qc):
    path = tmp_path / "MASTER_BIAS-02.fits"
    write(path, planes(), n_qc)
    with fits.open(path, checksum=True) as units:
        assert [unit.name for unit in units] == ["CHAN02", "DATA", "DQ", "STAT"]
        assert_array_equal(units["DATA"].data, planes().data)
        assert units["STAT"].header["BUNIT"] == "(adu)**2"
        assert units["DQ"].header["SCIDATA"] == "DATA"
        assert len(units[0].header["DATAMD5"]) == 32
        assert units[0].header.comments["EXPTIME"] == "[s] time"
    (image,) = open_images(path, "MASTER_BIAS").values()
    assert image.ifu == 2 and image.shape == (50, 30)
    for there, here in zip(image.read(slice(3, 9)), planes(), strict=True):
        assert_array_equal(there, here[3:9])
    assert image.header["ESO DET BINX"] == 1
    assert sum(key.startswith("ESO QC") for key in image.header) == n_qc


@pytest.mark.interop
def test_fitsverify_is_content(tmp_path, fitsverify):
    write(tmp_path / "x.fits", planes(), 5)
    assert fitsverify(tmp_path / "x.fits") == (0, 0)


def test_the_md5_is_that_of_the_data(tmp_path):
    for name, n_qc in (("a.fits", 0), ("b.fits", 99)):
        write(tmp_path / name, planes(), n_qc)
    write(tmp_path / "c.fits", planes(seed=2))
    a, b, c = (fits.getval(tmp_path / f"{n}.fits", "DATAMD5") for n in "abc")
    assert a == b != c


def test_merged_files_and_plain_images(tmp_path):
    values = planes()
    units = [fits.PrimaryHDU()]
    units[0].header["EXPTIME"] = 3.0
    for ifu in (1, 3):
        unit = fits.ImageHDU(values.data, name=f"CHAN{ifu:02d}.DATA")
        unit.header["HIERARCH ESO DET CHIP NAME"] = f"chip {ifu}"
        units.append(unit)
    fits.HDUList(units).writeto(tmp_path / "merged.fits")
    images = open_images(tmp_path / "merged.fits", "MASTER_BIAS")
    assert list(images) == [1, 3]
    assert images[3].header["ESO DET CHIP NAME"] == "chip 3"
    assert images[1].header["EXPTIME"] == 3.0
    assert not images[1].read(slice(0, 5)).stat.any()

    mask = np.zeros((4, 5), np.int32)
    fits.PrimaryHDU(mask).writeto(tmp_path / "mask.fits")
    assert open_images(tmp_path / "mask.fits", "SKY_MASK")[None].shape == (4, 5)
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(BadInput, match="no image"):
        open_images(tmp_path / "empty.fits", "MASTER_BIAS")


def test_missing_data_are_flagged(tmp_path):
    data = np.ones((3, 3), np.float32)
    data[1, 1] = np.nan
    unit = fits.ImageHDU(data, name="DATA")
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(tmp_path / "fov.fits")
    dq = open_images(tmp_path / "fov.fits", "IMAGE_FOV")[None].read(slice(0, 3)).dq
    assert dq[1, 1] == 1 << 31 and np.count_nonzero(dq) == 1
