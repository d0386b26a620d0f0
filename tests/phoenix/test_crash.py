"""A run that is killed at any moment and started again ends like an undisturbed one."""

import random
import signal
import subprocess
import sys

import pytest
from sqlalchemy import select

from phoenix.db.models import QC1, Block, Job, Product, Score
from phoenix.db.session import Catalogue
from tests.phoenix.conftest import make_raw


def run(raw, store, n):
    return subprocess.run(
        [sys.executable, "-m", "tests.phoenix.crash_child", str(raw), str(store), str(n)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def outcome(store):
    """Return products with DATASUMs, numbers, scores, states, and the files there are."""
    catalogue = Catalogue(f"sqlite:///{store / 'catalogue.db'}")
    with catalogue.read() as session:
        products = session.execute(
            select(Job.identity, Job.state, Product.name, Product.datasum)
            .join(Product.job)
            .order_by(Job.identity, Product.name)
        ).all()
        numbers = session.execute(
            select(Job.identity, QC1.name, QC1.number)
            .join(Product, QC1.product_id == Product.id)
            .join(Product.job)
            .order_by(Job.identity, Product.name, QC1.name)
        ).all()
        scores = session.execute(
            select(Job.identity, Score.name, Score.verdict, Score.reason)
            .join(Product, Score.product_id == Product.id)
            .join(Product.job)
            .order_by(Job.identity, Product.name, Score.name)
        ).all()
        blocks = session.execute(
            select(Block.name, Block.state, Block.certification).order_by(Block.name)
        ).all()
    catalogue.close()
    files = sorted(
        str(path.relative_to(store))
        for folder in ("products", "archive", "tmp")
        for path in (store / folder).rglob("*")
    )
    rows = [*products, *numbers, *scores, *blocks]
    return [tuple(row) for row in rows], files


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    raw = make_raw(folder / "raw")
    done = run(raw, folder / "store", 0)
    assert done.returncode == 0, done.stderr
    return raw, outcome(folder / "store"), int(done.stdout)


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_run_is_taken_up(undisturbed, tmp_path, seed):
    raw, expected, n_events = undisturbed
    where = random.Random(seed)
    store, n = tmp_path / "store", where.randrange(2, n_events - 2)
    killed = run(raw, store, n)
    assert killed.returncode == -signal.SIGKILL, (n, killed.stderr)
    done = run(raw, store, 0)
    assert done.returncode == 0, (n, done.stderr)
    assert outcome(store) == expected, n
