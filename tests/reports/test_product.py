"""The page of a product is made from the catalogue, whatever became of its files."""

import pytest

from phoenix.db.models import Block, Idp, Member, Product, RawFile
from phoenix.store import Store
from reports.product import product_page
from reports.render import render
from tests.phoenix.test_idp import write_map
from tests.reports.test_summary import make_cube


@pytest.fixture
def idp():
    raws = [RawFile(name=n, mjd_obs=m, exptime_s=60.0) for n, m in
            (("MUSE.b.fits", 61285.5), ("MUSE.a.fits", 61286.0))]  # fmt: skip
    block = Block(
        name="MUSE.t_1_WFM", target="T", mode="WFM-NOAO-N", tpl_start="t",
        members=[Member(tag="OBJECT", position=i, raw=r) for i, r in enumerate(raws)],
    )  # fmt: skip
    return Idp(
        name="MU_SCBS_1", code="SCBS", kind="OBJ", state="refused", flag="000000000",
        n_red=0, n_total=7, path="", image_path="", log_path="", preview_path="",
        map_path="",
        association_by="", product=Product(path="products/gone.fits"), block=block,
        report=["[mandatory] PRIMARY OBJECT is missing. Remedy: write the target's name"],
    )  # fmt: skip


@pytest.mark.parametrize("content", [None, b"", b"SIMPLE  = no FITS"])
def test_a_lost_or_damaged_cube_does_not_take_the_pages_along(idp, tmp_path, content):
    store = Store(tmp_path)
    if content is not None:
        store.products.mkdir()
        store.absolute(idp.product.path).write_bytes(content)
    page = product_page(idp, store, "month.html", "now")
    assert page.image is None and page.figures == ()
    assert "MU_SCBS_1" in render(page)


@pytest.mark.parametrize("content", [None, b"SIMPLE  = no FITS"])
def test_the_exposure_map_is_shown_where_it_can_be(idp, tmp_path, monkeypatch, content):
    monkeypatch.setattr("reports.product.open_cube", lambda path, tag: make_cube())
    store = Store(tmp_path)
    idp.map_path = "map.fits"
    write_map(store.absolute(idp.map_path))
    page = product_page(idp, store, "month.html", "now")
    assert page.figures[-1].href == "MU_SCBS_1_exposures.svg"
    assert (store.pages / "products" / page.figures[-1].href).exists()
    assert "../../map.fits" in render(page)
    if content is None:
        store.absolute(idp.map_path).unlink()
    else:
        store.absolute(idp.map_path).write_bytes(content)
    assert len(product_page(idp, store, "month.html", "now").figures) == 2


def test_findings_are_problem_and_remedy(idp, tmp_path):
    (found,) = product_page(idp, Store(tmp_path), "month.html", "now").findings
    assert found.what == "[mandatory] PRIMARY OBJECT is missing"
    assert found.reason == "write the target's name"


def test_the_date_is_that_of_the_first_exposure_whatever_its_name(idp, tmp_path):
    row = product_page(idp, Store(tmp_path), "month.html", "now").row
    assert row.date == "2026-09-02 12:00"


def test_figures_are_made_once_for_each_cube(idp, tmp_path, monkeypatch):
    monkeypatch.setattr("reports.product.open_cube", lambda path, tag: cube)
    cube, store = make_cube(), Store(tmp_path)

    def shown(datasum):
        idp.product.datasum = datasum
        page = product_page(idp, store, "month.html", "now")
        folder = store.pages / "products"
        return [(folder / f.href).stat().st_mtime_ns for f in (page.image, *page.figures)]

    first = shown("1")
    assert shown("1") == first
    again = shown("2")
    assert min(again) > max(first)
    (store.pages / "products" / "MU_SCBS_1_snr.svg").unlink()
    assert min(shown("2")) > max(again)
