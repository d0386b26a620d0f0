"""The flow of a month under Prefect: blocks, certification, release and pages."""

import subprocess
import sys

from sqlalchemy import select

from phoenix.db.models import Block, Idp
from phoenix.db.session import Catalogue
from tests.phoenix.conftest import make_raw


def test_the_flow_ends_with_pages(tmp_path):
    raw, store = make_raw(tmp_path / "raw"), tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.flow_child", str(raw), str(store)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("month-2026-09.html")
    assert (store / "pages" / "month-2026-09.html").exists()
    catalogue = Catalogue(f"sqlite:///{store / 'catalogue.db'}")
    with catalogue.read() as session:
        assert set(session.scalars(select(Block.state))) == {"done"}
        idp = session.scalars(select(Idp)).one()
    catalogue.close()
    assert idp.state == "refused"
    assert "no white-light image" in idp.report[0]
    assert "Traceback" not in done.stderr
