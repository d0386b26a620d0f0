"""Tests of line spread functions of several IFUs in one file."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.algorithms.lsf import read_lsf
from pipeline.algorithms.lsf_hermit import GaussHermite, parameter_table
from pipeline.algorithms.lsf_products import profile_cube
from pipeline.formats.cards import Keywords
from pipeline.formats.merge import merge_ifus
from pipeline.formats.tables import TableProduct, open_tables

OFFSETS, WAVELENGTH = np.linspace(-7.5, 7.5, 150), np.linspace(4650, 9300, 30)
FUNCTION = GaussHermite(2.0, 1.25, np.array([0.8, 0.0, 0.0]), (np.zeros(2),) * 4)


def tables(name, ifu):
    if name == "SLICE_PARAM":
        return parameter_table(ifu, [FUNCTION] * 3)
    profiles = np.repeat(FUNCTION.at(WAVELENGTH, OFFSETS)[None], 3, axis=0)
    return profile_cube(profiles, OFFSETS, WAVELENGTH)


@pytest.mark.parametrize("name", ["LSF_PROFILE", "SLICE_PARAM"])
def test_extensions_have_channel_and_name_and_are_read_back(name, tmp_path):
    paths = []
    for ifu in (1, 2):
        paths.append(tmp_path / f"LSF_PROFILE-{ifu:02d}.fits")
        product = TableProduct(paths[-1], Keywords({"EXTNAME": f"CHAN{ifu:02d}"}))
        product.write(name, tables(name, ifu))
        product.close()
    merged = tmp_path / "LSF_PROFILE.fits"
    merge_ifus(paths, merged)
    with fits.open(merged, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == [f"CHAN01.{name}", f"CHAN02.{name}"]
    together = read_lsf(list(open_tables(merged, "LSF_PROFILE").values()))
    single = read_lsf([f for path in paths for f in open_tables(path, "").values()])
    assert set(together) == set(single) == {(i, s) for i in (1, 2) for s in (1, 2, 3)}
    for place, one in together.items():
        assert np.array_equal(one.profiles, single[place].profiles)


def test_what_a_chip_tells_stays_with_it(tmp_path):
    """Even if all tell the same; the genuine pipeline looks for it there."""
    own = {"ESO QC LSF X": 0, "ESO DRS MUSE Y": 1.5, "ESO DET CHIP NAME": "CHAN"}
    paths = []
    for ifu in (1, 2):
        paths.append(tmp_path / f"LSF_PROFILE-{ifu:02d}.fits")
        words = {"EXTNAME": f"CHAN{ifu:02d}", "INSTRUME": "MUSE", **own}
        product = TableProduct(paths[-1], Keywords(words))
        product.write("SLICE_PARAM", tables("SLICE_PARAM", ifu))
        product.close()
    merged = tmp_path / "LSF_PROFILE.fits"
    merge_ifus(paths, merged)
    with fits.open(merged) as hdus:
        assert hdus[0].header["INSTRUME"] == "MUSE"
        for key, value in own.items():
            assert key not in hdus[0].header
            assert [hdu.header[key] for hdu in hdus[1:]] == [value, value]
