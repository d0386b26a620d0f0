"""Write the recipe pages from the recipes' declarations: ``python -m docs.build``."""

from pathlib import Path

from docs import completeness
from docs.captions import figure_of
from phoenix.settings import Settings
from pipeline.runner import load_recipes
from pipeline.spec import Input, Params, Recipe

FOLDER = Path(__file__).parent / "recipes"
SCOPE = {
    "ifu": "one IFU (called once for each)",
    "exposure": "one exposure or one set, all IFUs",
    "target": "several exposures of one target",
}


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [
        " | ".join(row).join(("| ", " |")) for row in (head, ("---",) * len(head), *rows)
    ]
    return "\n".join(lines)


def _count(frame: Input) -> str:
    """Return how many frames of a kind are wanted."""
    least = 0 if frame.optional else frame.n_min
    return f"{least} to {frame.n_max}" if frame.n_max else f"{least} or more"


def _parameters(params: type[Params]) -> list[tuple[str, ...]]:
    rows = []
    for name, field in params.model_fields.items():
        extra = field.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        default = f"`{field.default}`" if field.default != "" else ""
        rows.append((f"`--{name}`", default, unit, field.description or ""))
    return rows


def page(recipe: Recipe) -> str:
    """Return the page of one recipe in Markdown."""
    inputs = [
        (i.tag, i.kind, _count(i), "yes" if i.per_ifu else "no", i.doc)
        for i in recipe.inputs
    ]
    products = [(p.tag, p.kind, p.unit, p.doc) for p in recipe.products]
    qc = [(f"`{q.name}`", q.product, q.unit, q.doc) for q in recipe.qc]
    return "\n\n".join(
        [
            f"# {recipe.name}",
            recipe.doc,
            *([figure] if (figure := figure_of(recipe.name)) else []),
            f"Scope: {SCOPE[recipe.scope]}. Version {recipe.version}.",
            "## Inputs",
            _table(("Tag", "Kind", "Frames", "Per IFU", "Meaning"), inputs),
            "## Parameters",
            _table(("Option", "Default", "Unit", "Meaning"), _parameters(recipe.params)),
            "## Products",
            _table(("Tag", "Kind", "Unit", "Meaning"), products),
            "## Quality control",
            _table(("Keyword (ESO ...)", "In", "Unit", "Meaning"), qc),
            "",
        ]
    )


def settings_page() -> str:
    """Return the page of the service's settings in Markdown."""
    rows = [
        (f"`PHOENIX_{name.upper()}`", f"`{field.default}`", field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    head = ("Environment variable", "Default", "Meaning")
    return "\n\n".join(["# Settings", _table(head, rows), ""])


def pages() -> dict[Path, str]:
    """Return every page by its path."""
    recipes = load_recipes()
    entries = (f"- [{name}]({name}.md)" for name in sorted(recipes))
    complete = "How much of each genuine recipe is here: [table](../completeness.md)."
    index = "\n".join(["# Recipes", "", *entries, "", complete, ""])
    texts = {FOLDER / f"{name}.md": page(recipe) for name, recipe in recipes.items()}
    return {
        FOLDER.parent / "settings.md": settings_page(),
        FOLDER.parent / "completeness.md": completeness.page(recipes),
        FOLDER / "README.md": index,
        **texts,
    }


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
