"""Contexts to HTML files that open without a server."""

import dataclasses
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports import contexts

TEMPLATES: dict[type[Any], str] = {
    contexts.IndexPage: "index.html.j2",
    contexts.MonthPage: "month.html.j2",
    contexts.NightPage: "night.html.j2",
    contexts.ProductPage: "product.html.j2",
}


@cache
def _environment() -> Environment:
    """Return where templates come from; it keeps those that were compiled."""
    return Environment(
        loader=PackageLoader("reports", "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(page: Any) -> str:
    """Return the HTML of a page context (one of `TEMPLATES`)."""
    template = _environment().get_template(TEMPLATES[type(page)])
    fields = {f.name: getattr(page, f.name) for f in dataclasses.fields(page)}
    return template.render(**fields)


def write_page(page: Any, path: Path) -> None:
    """Write a page aside and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(render(page), encoding="utf-8")
    aside.replace(path)


def write_style(folder: Path) -> None:
    """Put the style sheet beside the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).parent / "templates" / "style.css", folder / "style.css")
