"""Raman light of a made-up field, by the genuine pipeline and by ours."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.algorithms.raman import FEATURES
from pipeline.formats.cards import Keywords
from pipeline.formats.pixtable_writer import PixelTableProduct
from pipeline.runner import run
from pipeline.static import static_path
from tests.pipeline.algorithms.test_raman import FLUX, LINES, SHAPE, exposed
from tests.pipeline.field_pixels import lamp

pytestmark = pytest.mark.interop

TERMS = ("XX", "XY", "YY", "X", "Y")
WORDS = {
    "INSTRUME": "MUSE",
    "LST": 5000.0,
    "EQUINOX": 2000.0,
    "ESO DRS MUSE PIXTABLE TYPE": "GEOFULL",
    "ESO TEL AMBI TEMP": 11.5,
    "ESO TEL AMBI RHUM": 14.5,
    "ESO TEL AMBI PRES START": 743.0,
    "ESO TEL AMBI PRES END": 743.0,
}


def write_tables(folder):
    """Write the pixel tables of a field; return the set of frames."""
    sof = []
    for table in exposed():
        words = Keywords({**table.header, **WORDS, "EXTNAME": f"CHAN{table.ifu:02d}"})
        for s in table.segments:
            name = f"IFU{s.ifu:02d} SLICE{s.slice:02d} XOFFSET"
            words[f"ESO DRS MUSE PIXTABLE EXP0 {name}"] = 0
        path = folder / f"PIXTABLE_OBJECT_0001-{table.ifu:02d}.fits"
        writer = PixelTableProduct(path, words, table.n_rows, unit="count")
        writer.write(slice(0, table.n_rows), table.pixels)
        writer.close()
        sof.append((path, "PIXTABLE_OBJECT"))
    kinds = {"name": "10A", "group": "J", "lambda": "D", "flux": "D", "dq": "J"}
    units = {"lambda": "Angstrom", "flux": "10**(-20)*erg/(s cm^2 arcsec^2)"}
    columns = [
        fits.Column(name, kind, units.get(name), array=LINES[name])
        for name, kind in kinds.items()
    ]
    lines = folder / "raman_lines.fits"
    unit = fits.BinTableHDU.from_columns(columns, name="LINES")
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(lines)
    lsf = static_path("LSF_PROFILE", "full")
    return [*sof, (lines, "RAMAN_LINES"), (lsf, "LSF_PROFILE")]


def test_ours_is_nearer_to_the_truth(genuine, tmp_path):
    sof = write_tables(tmp_path)
    run("muse_scipost_raman", sof, {"fraction": 0.8, "lambdaref": -1.0}, tmp_path / "ours")
    listed = tmp_path / "raman.sof"
    listed.write_text("".join(f"{path} {tag}\n" for path, tag in sof))
    folder = tmp_path / "genuine"
    folder.mkdir()
    done = genuine(
        folder, "muse_scipost_raman", "--fraction=0.8", "--lambdaref=-1", str(listed)
    )
    products = sorted(path.name for path in folder.glob("*.fits"))
    assert products == ["PIXTABLE_REDUCED.fits", "RAMAN_IMAGES_0001.fits"], done.stdout
    assert products == sorted(p.name for p in (tmp_path / "ours").glob("*.fits"))
    rest = {}
    for side in ("ours", "genuine"):
        path = tmp_path / side / "RAMAN_IMAGES_0001.fits"
        header = fits.getheader(path)
        words = "ESO QC SCIPOST RAMAN"
        shape = np.array([header[f"{words} SPATIAL {term}"] for term in TERMS])
        flux = [header[f"{words} FLUX {name}"] * 1e20 for name in FEATURES]
        true = [FLUX[name] / lamp(middle) for name, middle in FEATURES.items()]
        np.testing.assert_allclose(flux, true, rtol=0.005 if side == "ours" else 0.03)
        strong = [0, 2, 3, 4]  # xy is small
        np.testing.assert_allclose(shape[strong], SHAPE[strong], rtol=0.08)
        rest[side] = np.abs(np.array(flux) / true - 1).max()
        with fits.open(path) as units:
            names = [unit.name for unit in units]
        kinds = ("RAMAN_IMAGE", "SKY_MASK", "RAMAN_FIT")
        assert names[1] == "DATA"
        assert set(names[2:]) == {f"{kind}_{name}" for name in FEATURES for kind in kinds}
    assert rest["ours"] < rest["genuine"]
