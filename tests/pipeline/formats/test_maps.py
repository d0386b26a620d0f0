"""Tests of images in the primary unit, of one IFU and merged."""

import numpy as np
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.cards import Keywords
from pipeline.formats.image import open_images
from pipeline.formats.mask import MapProduct
from pipeline.formats.merge import merge_ifus
from pipeline.spec import Planes

SHAPE = (150, 33)


def write(folder, ifu):
    data = np.random.default_rng(ifu).normal(size=SHAPE).astype(np.float32)
    name = f"WAVE_MAP_0001-{ifu:02d}.fits"
    words = Keywords({"EXTNAME": f"CHAN{ifu:02d}", "PIPEFILE": name, "CRVAL2": 4650.0})
    words["ESO DET CHIP ID"] = f"chip {ifu}"
    product = MapProduct(folder / name, words, SHAPE, unit="Angstrom")
    flags = np.zeros(SHAPE, np.uint32)
    for rows in (slice(64, 150), slice(0, 64)):
        product.write(rows, Planes(data[rows], flags[rows], data[rows]))
    product.close()
    return folder / name, data


def test_a_map_is_one_image(tmp_path):
    path, data = write(tmp_path, 3)
    with fits.open(path, checksum=True) as units:
        assert len(units) == 1
        assert_array_equal(units[0].data, data)
        assert units[0].header["BUNIT"] == "Angstrom"
        assert units[0].header["EXTNAME"] == "CHAN03"
    (image,) = open_images(path, "WAVE_MAP").values()
    planes = image.read(slice(10, 20))
    assert_array_equal(planes.data, data[10:20])
    assert not planes.dq.any()


def test_merged_maps_are_extensions(tmp_path):
    files = [write(tmp_path, ifu) for ifu in (1, 7)]
    merged = tmp_path / "WAVE_MAP_0001.fits"
    merge_ifus([path for path, _ in files], merged)
    with fits.open(merged, checksum=True) as units:
        assert [unit.name for unit in units[1:]] == ["CHAN01", "CHAN07"]
        assert units[0].data is None and "BUNIT" not in units[0].header
        for unit, (_, data), ifu in zip(units[1:], files, (1, 7), strict=True):
            assert_array_equal(unit.data, data)
            assert unit.header["BUNIT"] == "Angstrom"
            assert unit.header["CRVAL2"] == 4650.0
            assert unit.header["ESO DET CHIP ID"] == f"chip {ifu}"
