"""The files of a data product: the exposure map goes with the cube, where there is one."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from phoenix.db.models import Block, Job, Member, Product, RawFile
from phoenix.evidence import Evidence
from phoenix.idp import write_files
from phoenix.standard import validate
from pipeline.flags import Flag
from pipeline.formats.cards import Keywords
from pipeline.formats.headers import read_header
from pipeline.formats.mask import MapProduct
from pipeline.spec import Planes
from tests.phoenix.sdp_cubes import NX, NY, WCS, write_cube

TIMES = np.full((NY, NX), 600.0, np.float32)


def write_map(path, **changes):
    product = MapProduct(path, Keywords({**WCS, **changes}), (NY, NX), unit="s")
    product.write(slice(0, NY), Planes(TIMES, np.full((NY, NX), Flag.GOOD), TIMES))
    product.close()
    return path


def evidence(folder, *tags):
    """Return a product of two raw exposures with those that were made with it."""
    cube = write_cube(folder)
    white = folder / "IMAGE_FOV_0001.fits"
    with fits.open(white, mode="update") as units:
        units[0].header["HIERARCH ESO DRS MUSE FILTER NAME"] = "white"
    write_map(folder / "EXPOSURE_MAP.fits", ARCFILE="MUSE.fits")
    paths = {"DATACUBE_FINAL": cube, "IMAGE_FOV": white}
    paths |= {tag: folder / f"{tag}.fits" for tag in tags}
    products = [Product(tag=tag, path=path.name) for tag, path in paths.items()]
    raws = [RawFile(name=f"MUSE.{k}.fits", obs_id=7) for k in (1, 2)]
    block = Block(
        obs_id=7, tpl_start="2026-09-03T04:20:00", mode="WFM-NOAO-N", prog_id="60.A-1",
        members=[Member(tag="OBJECT", position=k, raw=r) for k, r in enumerate(raws)],
        jobs=[Job(products=products)],
    )  # fmt: skip
    return Evidence(block, products[0], "SCBC")


@pytest.fixture
def written(tmp_path):
    def write(*tags):
        source, target = tmp_path / "store", tmp_path / "archive"
        source.mkdir()
        target.mkdir()
        store = SimpleNamespace(absolute=lambda path: source / path)
        preview = lambda cube, png: png.write_bytes(b"picture")  # noqa: E731
        return write_files(evidence(source, *tags), store, target, "log", preview)

    return write


def test_the_exposure_map_is_named_linked_and_meets_the_standard(written):
    files = written("EXPOSURE_MAP")
    assert files.map.name == "MU_SXPM_7_2026-09-03T04:20:00_WFM-NOAO-N_OBJ.fits"
    assert validate(files.map) == []
    assert files.map in list(files)
    with fits.open(files.map, checksum=True) as units:
        assert units[0].header["PRODCATG"] == "ANCILLARY.EXPMAP"
        assert (units[0].data == 600.0).all()
    assert read_header(files.cube)["ASSON4"] == files.map.name
    assert validate(files.cube) == []


def test_a_cube_without_an_exposure_map_goes_without(written):
    files = written()
    assert files.map is None and len(list(files)) == 4
    assert "ASSON4" not in read_header(files.cube)
    assert validate(files.cube) == []


@pytest.mark.parametrize(
    ("changes", "breach"),
    [
        ({"CTYPE1": "PIXEL"}, ("wcs", "CTYPE1")),
        ({"CUNIT2": "arcsec"}, ("wcs", "CUNIT2")),
        ({"PRODCATG": "ANCILLARY.MASK"}, ("category", "PRODCATG")),
    ],
)
def test_bad_exposure_maps_are_refused(tmp_path, changes, breach):
    path = write_map(tmp_path / "m.fits", **{"PRODCATG": "ANCILLARY.EXPMAP"} | changes)
    assert breach in {(f.rule, f.keyword) for f in validate(path)}


def test_an_exposure_map_in_minutes_is_refused(tmp_path):
    hdu = fits.PrimaryHDU(TIMES[None])
    hdu.header.update({**WCS, "BUNIT": "min", "PRODCATG": "ANCILLARY.EXPMAP"})
    hdu.writeto(tmp_path / "m.fits", checksum=True)
    rules = {(f.rule, f.keyword) for f in validate(tmp_path / "m.fits")}
    assert {("unit", "BUNIT"), ("content", "NAXIS")} <= rules
