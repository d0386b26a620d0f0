"""Keywords change, data and their sums do not."""

import hashlib

import numpy as np
import pytest
from astropy.io import fits

from pipeline.formats.revise import copy_revised


def test_only_the_named_keywords_change(tmp_path):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(5, 7)).astype("f4")
    units = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, name="DATA")])
    units.append(fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]))
    units[0].header["OBJECT"] = ("NGC 1", "a target")
    units[0].header["HIERARCH ESO TPL ID"] = "x"
    units[1].header["BUNIT"] = "count"
    source, target = tmp_path / "a.fits", tmp_path / "b.fits"
    units.writeto(source, checksum=True)

    def revise(name, keywords):
        if name == "DATA":
            keywords["BUNIT"] = "adu"
            return keywords
        del keywords["ESO TPL ID"]
        keywords.update({f"PROV{i}": f"MUSE.{i}.fits" for i in range(1, 60)})
        return keywords

    copy_revised(source, target, revise)
    with fits.open(target, checksum=True) as new:
        assert new[0].header["OBJECT"] == "NGC 1"
        assert new[0].header.comments["OBJECT"] == "a target"
        assert new[0].header["PROV59"] == "MUSE.59.fits"
        assert "ESO TPL ID" not in new[0].header
        assert new[1].header["BUNIT"] == "adu"
        np.testing.assert_array_equal(new[1].data, data)
        assert new[2].data["a"][0] == 1.0
        assert new[1].header["DATASUM"] == fits.getheader(source, 1)["DATASUM"]
        assert all(unit.verify_checksum() for unit in new[:3])


def test_values_are_replaced_and_sums_made_anew(tmp_path):
    rng = np.random.default_rng(2)
    data, stat = (rng.normal(size=(3, 5, 7)).astype("f4") for _ in range(2))
    units = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, name="DATA")])
    units.append(fits.ImageHDU(stat, name="STAT"))
    units[0].header["DATAMD5"] = "0" * 32
    units[1].header["BUNIT"] = "count"
    source, target = tmp_path / "a.fits", tmp_path / "b.fits"
    units.writeto(source, checksum=True)

    def revise(name, keywords):
        if name:
            return None
        keywords["OBJECT"] = "new"
        return keywords

    copy_revised(source, target, revise, {"DATA": 2 * data})
    with fits.open(target, checksum=True) as new:
        np.testing.assert_array_equal(new["DATA"].data, 2 * data)
        np.testing.assert_array_equal(new["STAT"].data, stat)
        assert new["DATA"].header["BUNIT"] == "count" and new[0].header["OBJECT"] == "new"
        assert all(unit.verify_checksum() and unit.verify_datasum() for unit in new)
        assert new["STAT"].header["DATASUM"] == fits.getheader(source, 2)["DATASUM"]
        stored = b"".join(
            unit.data.astype(">f4").tobytes() + bytes(-4 * unit.data.size % 2880)
            for unit in new[1:]
        )
        assert new[0].header["DATAMD5"] == hashlib.md5(stored).hexdigest()
    with pytest.raises(ValueError, match="DATA"):
        copy_revised(source, target, revise, {"DATA": data[:2]})
