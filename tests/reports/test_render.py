"""Every page renders from its context alone and uses all of it."""

import dataclasses
import re
from pathlib import Path

import pytest

from reports import contexts as c
from reports.render import TEMPLATES, render, write_page, write_style
from tests.samples import ASSOCIATION, PAGES, ROW


def _strings(value: object) -> list[str]:
    """Return every text inside a context."""
    if isinstance(value, str):
        return [value]
    if dataclasses.is_dataclass(value):
        return [
            s for f in dataclasses.fields(value) for s in _strings(getattr(value, f.name))
        ]
    if isinstance(value, tuple):
        return [s for item in value for s in _strings(item)]
    return []


def test_every_context_has_a_page():
    assert {type(page) for page in PAGES} == set(TEMPLATES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: type(page).__name__)
def test_page_shows_its_context(page, tmp_path):
    write_page(page, tmp_path / "page.html")
    write_style(tmp_path)
    text = (tmp_path / "page.html").read_text()
    assert text == render(page)
    assert not list(tmp_path.glob(".*"))
    plain = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    hidden = {"good", "bad", "fact", "warn", "x.png"}
    missing = [s for s in _strings(page) if s not in plain and s not in hidden]
    if isinstance(page, c.ProductPage):  # it has its own image
        missing = [s for s in missing if s not in {ROW.href, ROW.preview}]
    if isinstance(page, c.MonthPage):  # what was not chosen stands on the product page
        missing = [s for s in missing if s not in ASSOCIATION.rejected]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: type(page).__name__)
def test_values_are_escaped(page):
    text = render(page)
    assert "<300 allowed>" not in text
    assert not re.search(r"Abell & 478", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: type(page).__name__)
def test_pages_name_no_server(page):
    for href in re.findall(r'(?:href|src)="([^"]*)"', render(page)):
        assert not href.startswith(("http", "/", "file:"))


def test_style_serves_dark_and_light():
    style = Path(__file__).parents[2] / "reports" / "templates" / "style.css"
    assert "prefers-color-scheme: dark" in style.read_text()
