"""A person's verdict: what may be certified or rejected, and what becomes of the files."""

import pytest
from sqlalchemy import select

from phoenix.archive import decide_product, release_month
from phoenix.db.models import Block, Idp
from phoenix.errors import NotInCatalogue, PhoenixError
from phoenix.idp import IdpFiles
from phoenix.quality import decide_block
from tests.phoenix.conftest import MONTH, run_month


@pytest.fixture
def reduced(service, raw, monkeypatch):
    """A month with one judged product, whose files for the archive are of four bytes."""

    def write(evidence, store, folder, log, preview):
        names = ("c.fits", "i.fits", "l.log", "p.png")
        files = IdpFiles(*(folder / name for name in names))
        for path in files:
            path.write_text("file")
        return files

    monkeypatch.setattr("phoenix.archive.write_files", write)
    monkeypatch.setattr("phoenix.archive.validate", lambda path: [])
    run_month(service, raw)


@pytest.fixture
def held(service, reduced):
    """Return the name of a data product that was held."""
    with service.writing():
        (idp,) = release_month(service, MONTH, lambda cube, png: None)
    assert idp.state == "held"
    return idp.name


@pytest.fixture
def decide(service, held):
    def decided(verdict):
        with service.writing():
            return decide_product(
                service, held, verdict, "me", "seen", lambda cube, png: None
            )

    return decided


def test_what_was_held_is_released_once(service, decide):
    idp = decide("certified")
    assert (idp.state, idp.version) == ("released", 1)
    with pytest.raises(PhoenixError, match="released already"):
        decide("certified")
    with service.catalogue.read() as session:
        assert session.scalars(select(Idp.state)).all() == ["released"]


def test_nothing_in_the_archive_is_overwritten(service, decide):
    first = service.store.absolute(decide("certified").path)
    assert decide("rejected").state == "rejected"
    again = decide("certified")
    assert again.version == 2 and service.store.absolute(again.path) != first
    assert first.exists()


def test_a_science_block_is_judged_by_its_products(service, held):
    with service.catalogue.read() as session:
        name = session.scalars(select(Block.name).where(Block.role == "science")).one()
    with pytest.raises(NotInCatalogue, match="MU_"):
        decide_block(service, name, "certified", "me", "seen")


def test_what_was_refused_is_tried_again_on_request(service, reduced, monkeypatch):
    def release(**how):
        with service.writing():
            found = release_month(service, MONTH, lambda cube, png: None, **how)
        return [(idp.state, idp.version) for idp in found]

    monkeypatch.setattr("phoenix.archive.validate", lambda path: ["no OBJECT"])
    assert release() == [("refused", 1)]
    monkeypatch.setattr("phoenix.archive.validate", lambda path: [])
    assert release() == []
    assert release(retry=True) == [("held", 1)]
    assert release(retry=True) == []
