"""The command line answers quickly and says what went wrong in one line."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from flows.cli import main
from phoenix.store import Store
from tests.phoenix.rawfiles import raw_file

HEAVY = {"prefect", "numba", "matplotlib", "mpdaf", "sqlalchemy", "astropy", "numpy"}


@pytest.fixture
def phoenix(tmp_path):
    def call(*words):
        return CliRunner().invoke(
            main, ["--store", str(tmp_path / "store"), *words], catch_exceptions=False
        )

    return call


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom flows.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout


def test_ingest_reports_what_it_found(phoenix, tmp_path):
    raw_file(tmp_path / "raw", "BIAS", 61284.5)
    (tmp_path / "raw" / "rubbish.fits").write_bytes(b"rubbish")
    done = phoenix("ingest", str(tmp_path / "raw"))
    assert "1 accepted, 1 quarantined" in done.output
    assert "rubbish.fits" in done.output and "Remedy" in done.output


def test_a_store_in_use_is_one_line(phoenix, tmp_path):
    (tmp_path / "raw").mkdir()
    with Store(tmp_path / "store").writing():
        done = phoenix("ingest", str(tmp_path / "raw"))
    assert done.exit_code == 1
    assert "Remedy" in done.output and "Traceback" not in done.output


@pytest.mark.parametrize("month", ["2026-13", "2026-9", "September"])
def test_what_is_no_month_is_refused(phoenix, month):
    done = phoenix("status", month)
    assert done.exit_code == 2
    assert "like 2026-09" in done.output


def test_validate_lists_the_findings(phoenix, tmp_path):
    path = raw_file(tmp_path / "raw", "BIAS", 61284.5)
    done = phoenix("validate", str(path))
    assert done.exit_code == 1
    assert "PRODCATG" in done.output


def test_a_month_of_which_there_is_nothing_is_no_success(phoenix, monkeypatch, tmp_path):
    monkeypatch.setattr("flows.run.run_month", lambda *_, **__: tmp_path / "page.html")
    done = phoenix("run", "2026-10")
    assert done.exit_code == 1
    assert "no usable raw frame of 2026-10" in done.output and "Remedy" in done.output


def test_an_unknown_block_is_one_line(phoenix):
    done = phoenix("ab", "explain", "MUSE.nothing")
    assert done.exit_code == 1
    assert "see phoenix ab list" in done.output
