"""The texts of ``phoenix-esorex``, made from the declarations; light to import."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from pipeline import __version__
from pipeline.commandline import OPTIONS

if TYPE_CHECKING:
    from pipeline.spec import Recipe

TITLE = f"\n     ***** Recipe execution of phoenix, version {__version__}  *****\n"

NIFU = "IFU to handle. If set to 0 or -1, all IFUs of the raw frames are processed."
MERGE = "Merge output products from different IFUs into a common file."

Parameter = tuple[str, object, str]


def recipe_parameters(recipe: "Recipe") -> list[Parameter]:
    """Return name, default and documentation of all parameters of a recipe."""
    own: list[Parameter] = [
        (name, info.default, str(info.description) + _choices(info.annotation))
        for name, info in recipe.params.model_fields.items()
    ]
    if recipe.scope == "ifu":
        return [("nifu", 0, NIFU), *own, ("merge", False, MERGE)]
    return own


def _choices(annotation: object) -> str:
    """Return the values that a parameter may take, if they are few."""
    choices = get_args(annotation)
    return (
        f" <{' | '.join(map(str, choices))}>" if get_origin(annotation) is Literal else ""
    )


def shown(value: object) -> str:
    """Return a value as the help shows it."""
    return str(value).upper() if isinstance(value, bool) else str(value)


def usage() -> str:
    """Return the help of the command."""
    rows = [(name, option.default, option.doc) for name, option in OPTIONS.items()]
    start = "Usage: phoenix-esorex [options] recipe [recipe-options] sof\n\nOptions:\n"
    return f"{TITLE}\n{start}\n{_table(rows)}\n"


def recipe_list(recipes: "Mapping[str, Recipe]") -> str:
    """Return the list of recipes with the first sentence of their manual."""
    lines = [
        _entry(name, " ".join(recipe.doc.split("\n\n")[0].split()), dashes="")
        for name, recipe in recipes.items()
    ]
    return "List of Available Recipes :\n\n" + "\n".join(lines) + "\n"


def settings(values: Mapping[str, object]) -> str:
    """Return names and values."""
    return (
        "\n".join(f"  {name:<22}: {shown(value)}" for name, value in values.items()) + "\n"
    )


def recipe_help(recipe: "Recipe") -> str:
    """Return the short help of a recipe."""
    first = " ".join(recipe.doc.split("\n\n")[0].split())
    call = f"phoenix-esorex [options] {recipe.name} [{recipe.name}-options] sof"
    table = _table(recipe_parameters(recipe))
    return f"Recipe: {recipe.name} -- {first}\n\nUsage: {call}\n\nOptions:\n\n{table}\n"


def man_page(recipe: "Recipe") -> str:
    """Return the manual page of a recipe."""
    paragraphs = [" ".join(text.split()) for text in recipe.doc.split("\n\n")]
    frames = [
        f"{i.tag:<20} {'raw' if i.raw else 'calib':<6}"
        f"{'-' if i.optional else 'Y':<3} {_count(i.n_min, i.n_max):<5} {i.doc}"
        for i in recipe.inputs
    ]
    products = [f"{p.tag:<20} {p.doc}" for p in recipe.products]
    numbers = [f"{q.name} [{q.unit}]: {q.doc}" for q in recipe.qc]
    sections = {
        "NAME": [f"{recipe.name} -- {paragraphs[0]}"],
        "SYNOPSIS": [f"phoenix-esorex [options] {recipe.name} [recipe options] sof"],
        "DESCRIPTION": paragraphs,
        "INPUT FRAMES": frames,
        "PRODUCTS": products,
        "QUALITY CONTROL": numbers,
        "OPTIONS": _table(recipe_parameters(recipe)).split("\n"),
        "RELEASE": [f"{recipe.name} {recipe.version}, phoenix {__version__}"],
    }
    return "\n".join(f"{title}\n{_indented(lines)}\n" for title, lines in sections.items())


def _count(n_min: int, n_max: int) -> str:
    """Return how many frames are needed."""
    if n_min == n_max:
        return str(n_min)
    return f"{n_min}-{n_max}" if n_max else f">={n_min}"


def _indented(lines: Iterable[str]) -> str:
    """Indent lines, wrapping long ones."""
    wrapped = [
        textwrap.fill(line, 88, initial_indent="  ", subsequent_indent="  ")
        if not line.startswith(" ")
        else line
        for line in lines
    ]
    return "\n".join(wrapped)


def _table(rows: Iterable[Parameter]) -> str:
    """Return parameters, their documentation and defaults in two columns."""
    return "\n".join(_entry(name, f"{doc} [{shown(d)}]") for name, d, doc in rows)


def _entry(name: str, text: str, dashes: str = "--") -> str:
    """Return one entry of a two-column list."""
    start = f"  {dashes}{name}"
    filled = textwrap.fill(
        text, 80, initial_indent=f"{start:<24}: ", subsequent_indent=" " * 26
    )
    return filled
