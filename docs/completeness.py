"""How much of each genuine recipe is here: the page ``docs/completeness.md``.

Our declarations are compared with ``docs/genuine.json``, which `benchmarks.genuine` makes.
A parameter counts when its name, its default and all its choices are here. Another default
is on purpose where ``docs/differences.md`` names the option that restores the genuine one.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pipeline.manual import recipe_parameters, shown
from pipeline.spec import Recipe

TABLE = Path(__file__).parent / "genuine.json"
DIFFERENCES = Path(__file__).parent / "differences.md"

RECIPES = (
    "muse_bias",
    "muse_dark",
    "muse_flat",
    "muse_wavecal",
    "muse_lsf",
    "muse_geometry",
    "muse_twilight",
    "muse_scibasic",
    "muse_standard",
    "muse_create_sky",
    "muse_astrometry",
    "muse_scipost",
    "muse_scipost_combine_pixtables",
    "muse_scipost_correct_dar",
    "muse_scipost_calibrate_flux",
    "muse_scipost_raman",
    "muse_scipost_subtract_sky",
    "muse_scipost_subtract_sky_simple",
    "muse_scipost_correct_rv",
    "muse_scipost_apply_astrometry",
    "muse_scipost_make_cube",
    "muse_exp_align",
    "muse_exp_combine",
)
"""The recipes compared, in the order of the reduction."""

KINDS = ("parameters", "inputs", "products", "qc")
TITLES = {
    "parameters": "Parameters",
    "inputs": "Inputs",
    "products": "Products",
    "qc": "QC",
}


@dataclass(frozen=True)
class Part:
    """One kind of things of a recipe: how many the genuine one has, what is missing."""

    total: int
    missing: dict[str, str]

    def __str__(self) -> str:
        return f"{self.total - len(self.missing)} of {self.total}"


def same(default: object, genuine: str) -> bool:
    """Tell whether a default is the one that ``esorex --params`` prints."""
    if isinstance(default, bool) or not isinstance(default, int | float):
        return shown(default) == genuine
    try:
        return math.isclose(default, float(genuine), rel_tol=1e-4)
    except ValueError:
        return False


def on_purpose(name: str, genuine: str) -> bool:
    """Tell whether ``docs/differences.md`` says how the genuine default is restored."""
    return f"--{name}={genuine}" in DIFFERENCES.read_text(encoding="utf-8")


def _lack(recipe: Recipe, name: str, genuine: Mapping[str, Any]) -> str | None:
    """Say what a parameter lacks here, or None."""
    ours = {n: default for n, default, _ in recipe_parameters(recipe)}
    if name not in ours:
        return "missing"
    if not same(ours[name], genuine["default"]):
        reason = "on purpose: " if on_purpose(name, genuine["default"]) else ""
        return f"{reason}default {shown(ours[name])} instead of {genuine['default']}"
    field = recipe.params.model_fields.get(name)
    if field and get_origin(field.annotation) is Literal:
        lost = [
            c for c in genuine.get("choices", ()) if c not in get_args(field.annotation)
        ]
        return f"without {', '.join(lost)}" if lost else None
    return None


def _parameters(recipe: Recipe | None, genuine: Mapping[str, Any]) -> Part:
    """Compare parameters."""
    lacks = {
        name: "missing" if recipe is None else _lack(recipe, name, signature)
        for name, signature in genuine.items()
    }
    return Part(len(genuine), {name: lack for name, lack in lacks.items() if lack})


def _names(ours: Iterable[str], genuine: Iterable[str]) -> Part:
    """Compare names."""
    known, wanted = set(ours), sorted(genuine)
    return Part(len(wanted), {name: "missing" for name in wanted if name not in known})


def compare(recipe: Recipe | None, genuine: Mapping[str, Any]) -> dict[str, Part]:
    """Return each kind of things of a recipe (None: not here), compared."""
    tags = [i.tag for i in recipe.inputs] if recipe else []
    products = [p.tag for p in recipe.products] if recipe else []
    qc = [re.sub(r"\d+", "#", q.name) for q in recipe.qc] if recipe else []
    return {
        "parameters": _parameters(recipe, genuine["parameters"]),
        "inputs": _names(tags, genuine["inputs"]),
        "products": _names(products, genuine["products"]),
        "qc": _names(qc, genuine["qc"]),
    }


def compared(recipes: Mapping[str, Recipe]) -> dict[str, dict[str, Part]]:
    """Return the comparison of all recipes by name."""
    genuine = json.loads(TABLE.read_text(encoding="utf-8"))
    return {name: compare(recipes.get(name), genuine[name]) for name in RECIPES}


def _missing(part: Part) -> str:
    """Name what is missing."""
    return ", ".join(
        f"`{name}`" if lack == "missing" else f"`{name}` ({lack})"
        for name, lack in part.missing.items()
    )


INTRODUCTION = """\
# Completeness

What each recipe of the genuine pipeline (MUSE 2.8.7) has, and how much of it is here. A
parameter counts when its name, its default and all its choices are here (hidden ones count
too). QC keywords are those of the package's dictionary and those seen in products, with `#`
for running numbers. That a recipe writes what it declares is tested on mini frames
(`tests/contracts/test_written.py`).

`python -m benchmarks.genuine` makes the genuine side, `docs/genuine.json`, and `python -m
docs.build` this page. What differs on purpose, and how the genuine default is restored:
[differences](differences.md).
"""


def page(recipes: Mapping[str, Recipe]) -> str:
    """Return the page in Markdown."""
    found = compared(recipes)
    head = ["Recipe", *TITLES.values()]
    rows = [head, ["---"] * len(head)]
    notes = []
    for name, parts in found.items():
        label = f"[{name}](recipes/{name}.md)" if name in recipes else name
        rows.append([label, *(str(parts[kind]) for kind in TITLES)])
        if name not in recipes:
            notes.append(f"- **{name}**: not here.")
            continue
        lacking = [
            f"  - {TITLES[kind]}: {_missing(parts[kind])}"
            for kind in TITLES
            if parts[kind].missing
        ]
        if lacking:
            notes.append("\n".join([f"- **{name}**", *lacking]))
    table = "\n".join(" | ".join(row).join(("| ", " |")) for row in rows)
    missing = "\n".join(notes) if notes else "Nothing."
    return "\n".join([INTRODUCTION, table, "", "## Missing", "", missing, ""])
