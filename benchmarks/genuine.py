"""What the genuine recipes take and write: ``python -m benchmarks.genuine``.

Parameters with their defaults and choices, inputs and products come from ``esorex``, the
QC keywords from the dictionary of the package; keywords and products that ``benchmarks.
recipes`` saw the genuine recipes write are added. The result, ``docs/genuine.json``, is
what `docs.completeness` compares our declarations with.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from astropy.io import fits

from benchmarks.chain import BESIDE, CHAIN

TABLE = Path(__file__).parents[1] / "docs" / "genuine.json"
DICTIONARIES = Path("/usr/share/cpl-plugins")

PREFIXES = {
    "muse_bias": ("BIAS",),
    "muse_dark": ("DARK",),
    "muse_flat": ("FLAT", "TRACE"),
    "muse_wavecal": ("WAVECAL",),
    "muse_lsf": ("LSF",),
    "muse_geometry": ("GEO",),
    "muse_twilight": ("TWILIGHT#",),
    "muse_scibasic": ("SCIBASIC",),
    "muse_standard": ("STANDARD",),
    "muse_create_sky": ("SKY",),
    "muse_astrometry": ("ASTRO",),
    "muse_scipost": ("SCIPOST",),
    "muse_scipost_apply_astrometry": (),
    "muse_scipost_calibrate_flux": (),
    "muse_scipost_combine_pixtables": (),
    "muse_scipost_correct_dar": (),
    "muse_scipost_correct_rv": (),
    "muse_scipost_make_cube": (),
    "muse_scipost_raman": (),
    "muse_scipost_subtract_sky": (),
    "muse_scipost_subtract_sky_simple": (),
    "muse_exp_align": ("EXPALIGN",),
    "muse_exp_combine": ("EXPCOMB",),
}
"""First words of the QC keywords of each recipe that is compared, after ``QC``."""

_SOURCES = ("LAMBDA", "NDET", "POS# X", "POS# Y", "FWHM# X", "FWHM# Y")
_WIDTHS = ("FWHM NVALID", "FWHM MEDIAN", "FWHM MAD")

BORROWED = {
    "muse_lsf": ["QC WAVECAL INPUT# NSATURATED"],
    "muse_scipost_make_cube": [f"QC SCIPOST {name}" for name in (*_SOURCES, *_WIDTHS)],
}
"""Keywords that a recipe writes under the name of another, as seen in its products."""

MISNAMED = {"PIXTABLE_OBJECT": "PIXTABLE_REDUCED"}
"""Product of the steps of muse_scipost in their manual pages, and the one they write."""

Signature = dict[str, Any]


def esorex(*arguments: str) -> str:
    """Return what ``esorex`` prints; its log is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["esorex", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    return done.stdout


def parameters(recipe: str) -> dict[str, Signature]:
    """Return default and choices of all parameters, hidden ones too."""
    found: dict[str, Signature] = {}
    listed = esorex("--params", recipe).partition("Recipe Parameters :")[2]
    for name, default in re.findall(r"^  (\w+) +: ?(.*?) *$", listed, re.MULTILINE):
        found[name] = {"default": default}
    text = esorex("--show-hidden=true", "--help", recipe).partition("Options:")[2]
    entries = re.split(r"^  --(\w+) +: ", text, flags=re.MULTILINE)[1:]
    for name, entry in zip(entries[::2], entries[1::2], strict=True):
        choices = re.search(r"<([^<>]+ \| [^<>]+)>", " ".join(entry.split()))
        if name in found and choices:
            found[name]["choices"] = choices[1].split(" | ")
    return found


def frames(recipe: str) -> dict[str, list[str]]:
    """Return the tags of the inputs and of the products, from the manual page."""
    found: dict[str, set[str]] = {"inputs": set(), "products": set()}
    kind = ""
    for line in esorex("--man-page", recipe).splitlines():
        title = re.match(r"  (Input|Product) frames? for raw frame tag", line)
        if title:
            kind = f"{title[1].lower()}s"
        elif re.match(r"\S", line):
            kind = ""
        elif kind and (tag := re.match(r"   ([A-Z][A-Z0-9_]+)(?: |$)", line)):
            found[kind].add(tag[1])
    if recipe.startswith("muse_scipost_"):
        found["products"] = {MISNAMED.get(tag, tag) for tag in found["products"]}
    return {name: sorted(tags) for name, tags in found.items()}


def pattern(keyword: str) -> str:
    """Return a QC keyword with ``#`` for numbers, and letters where these are variable."""
    return re.sub(r"\d+|(?<=[A-Z_])[a-z]\b", "#", keyword.removeprefix("ESO "))


def dictionary() -> set[str]:
    """Return the patterns of all QC keywords that the package documents."""
    text = next(DICTIONARIES.glob("muse-*/dic/ESO-DFS-DIC.MUSE_QC")).read_text("latin-1")
    names = re.findall(r"^Parameter Name: +(QC .+?) *$", text, re.MULTILINE)
    return {pattern(name) for name in names}


def qc_of(recipe: str, keywords: Iterable[str]) -> set[str]:
    """Return the patterns that belong to a recipe; products inherit those of others."""
    return {k for k in keywords if k.split()[1] in PREFIXES[recipe]}


def declared(recipe: str) -> Signature:
    """Return the signature of a recipe as its package documents it."""
    return {
        "parameters": parameters(recipe),
        **frames(recipe),
        "qc": sorted({*qc_of(recipe, dictionary()), *BORROWED.get(recipe, ())}),
    }


def written(path: Path) -> set[str]:
    """Return the patterns of the QC keywords in all headers of a product."""
    with fits.open(path) as hdus:
        cards = [keyword for hdu in hdus for keyword in hdu.header]
    return {pattern(keyword) for keyword in cards if keyword.startswith("ESO QC ")}


def seen(folder: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Yield recipe, tag and QC patterns of every product of the genuine calls."""
    for call in (*CHAIN, *BESIDE):
        for path in sorted((folder / call.label.replace(" ", "_")).glob("*.fits")):
            tag = str(fits.getval(path, "ESO PRO CATG"))
            yield call.recipe, tag, written(path)


def signatures(folder: Path) -> dict[str, Signature]:
    """Return the signatures of all recipes."""
    found = {recipe: declared(recipe) for recipe in PREFIXES}
    for recipe, tag, keywords in seen(folder):
        known = found[recipe]
        known["products"] = sorted({*known["products"], tag})
        known["qc"] = sorted({*known["qc"], *qc_of(recipe, keywords)})
    return found


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    text = json.dumps(signatures(options.folder / "genuine"), indent=1, sort_keys=True)
    TABLE.write_text(text + "\n", encoding="utf-8")
    print(f"{len(PREFIXES)} recipes in {TABLE}")


if __name__ == "__main__":
    main()
