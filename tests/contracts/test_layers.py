"""Layers that import-linter cannot state: who may import astropy.io."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOMES = (
    "pipeline/formats",
    "pipeline/static",
    "pipeline/simulator",
    "phoenix/standard_file.py",
)
"""The formats; those that make files of their own from outside sources; and the
validator of the archive standard, which must not trust our own reader."""


def imported(path):
    """Return every module that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_only_the_formats_read_and_write_fits():
    packages = ("pipeline", "association", "qc", "phoenix", "reports", "flows")
    offenders = [
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if not str(path.relative_to(ROOT)).startswith(HOMES)
        and any(name.startswith("astropy.io") for name in imported(path))
    ]
    assert not offenders


def test_no_module_has_a_name_that_says_nothing():
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "tools_"}
    packages = ("pipeline", "association", "qc", "phoenix", "reports", "flows")
    names = {p.stem for package in packages for p in (ROOT / package).rglob("*.py")}
    assert not names & empty
