"""Keywords change, data and their sums do not."""

import numpy as np
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
