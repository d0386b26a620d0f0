"""The committed signatures are those of the installed genuine pipeline, and ours agree."""

import json

import pytest

from benchmarks.genuine import PREFIXES, declared
from docs.completeness import TABLE, compare
from pipeline.runner import load_recipes

pytestmark = pytest.mark.interop
RECIPES = load_recipes()


@pytest.fixture(scope="module", params=PREFIXES)
def signature(request, genuine):
    """Name of a genuine recipe and what it says of itself."""
    return request.param, declared(request.param)


def test_the_table_is_up_to_date(signature):
    name, found = signature
    committed = json.loads(TABLE.read_text(encoding="utf-8"))[name]
    assert committed["parameters"] == found["parameters"]
    assert committed["inputs"] == found["inputs"]
    for kind in ("products", "qc"):  # it also holds what was seen in files
        assert set(committed[kind]) >= set(found[kind])


def test_parameters_are_all_here_with_their_defaults(signature):
    name, found = signature
    if name not in RECIPES:
        pytest.skip(f"{name} is not here")
    lacks = compare(RECIPES[name], found)["parameters"].missing
    wrong = {k: v for k, v in lacks.items() if v == "missing" or v.startswith("default")}
    assert not wrong
