"""The committed signatures are those of the installed genuine pipeline, and ours agree."""

import json

import pytest

from benchmarks.genuine import PREFIXES, declared
from docs.completeness import TABLE, compare
from pipeline.runner import load_recipes

pytestmark = pytest.mark.interop
RECIPES = load_recipes()


@pytest.fixture(scope="module")
def signatures(genuine):
    """What the genuine recipes say of themselves, by name."""
    return {name: declared(name) for name in PREFIXES}


@pytest.mark.parametrize("name", PREFIXES)
def test_the_table_is_up_to_date(name, signatures):
    found = signatures[name]
    committed = json.loads(TABLE.read_text(encoding="utf-8"))[name]
    assert committed["parameters"] == found["parameters"]
    assert committed["inputs"] == found["inputs"]
    for kind in ("products", "qc"):  # it also holds what was seen in files
        assert set(committed[kind]) >= set(found[kind])


@pytest.mark.parametrize("name", [n for n in PREFIXES if n in RECIPES])
def test_parameters_are_all_here_with_their_defaults(name, signatures):
    lacks = compare(RECIPES[name], signatures[name])["parameters"].missing
    wrong = {k: v for k, v in lacks.items() if v == "missing" or v.startswith("default")}
    assert not wrong
