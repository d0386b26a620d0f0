"""A store with a small month and recipes that take no time."""

import pytest

from phoenix.campaigns import KINDS, Month, reset
from phoenix.ingest import ingest
from phoenix.service import Service
from phoenix.settings import Settings
from pipeline import runner, spec
from qc.certify import Certificate
from tests.phoenix import fakes
from tests.phoenix.rawfiles import raw_file

MONTH = "2026-09"
NIGHT = 61284.9
"""An afternoon in September 2026 [d, MJD]."""


def make_raw(folder):
    """Two nights of calibrations and one object exposure; two IFUs."""
    for number, night in enumerate((NIGHT, NIGHT + 1)):
        for tag, offset in (("BIAS", 0.0), ("FLAT", 0.01), ("ARC", 0.02)):
            raw_file(folder, tag, night + offset, ifus=(1, 2), level=1000 + number)
    raw_file(folder, "OBJECT", NIGHT + 0.3, ifus=(1, 2))
    return folder


@pytest.fixture
def raw(tmp_path):
    """Return the folder with the raw files of a small month."""
    return make_raw(tmp_path / "raw")


@pytest.fixture
def fake_recipes(monkeypatch):
    """Only the small recipes, all of whose masters are certified."""
    monkeypatch.setattr(runner, "load_recipes", lambda: dict(fakes.RECIPES))
    for module in ("campaigns", "staleness"):
        monkeypatch.setattr(f"phoenix.{module}.load_recipes", lambda: dict(fakes.RECIPES))
    for name, recipe in fakes.RECIPES.items():
        monkeypatch.setitem(spec.REGISTRY, name, recipe)
    green = Certificate("certified", 0, 1, ())
    monkeypatch.setattr("phoenix.quality.certify", lambda scores: green)


@pytest.fixture
def service(tmp_path, fake_recipes):
    opened = Service(Settings(store=tmp_path / "store", workers=2))
    yield opened
    opened.close()


def run_month(service, raw=None, *, retry=False):
    """Do what the flow does, one block after the other; return how many were run."""
    n_run = 0
    with service.writing():
        reset(service)
        if raw is not None:
            ingest(service.catalogue, raw)
        month = Month(service, MONTH, retry=retry)
        month.plan()
        for kind in KINDS:
            for job in month.plan(kind):
                month.run(job)
                n_run += 1
            month.finish(kind)
    return n_run
