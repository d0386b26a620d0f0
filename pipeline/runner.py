"""A set of frames, a recipe and its parameters in; products with provenance on disk out.

Products are written in a hidden folder of the output folder and renamed when all is
done, so nothing half-written is ever seen. IFUs run in parallel threads; the results do
not depend on their number.
"""

import importlib
import importlib.util
import logging
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import pipeline.recipes
from pipeline import parallel
from pipeline.formats.merge import merge_ifus
from pipeline.inputs import (
    Given,
    frames_of,
    ifus_present,
    nothing_to_process,
    open_inputs,
)
from pipeline.manual import MERGE, NIFU
from pipeline.outputs import FileOutputs, Kept, Produced
from pipeline.parallel import (
    keep_freed_memory,
    map_ordered,
    memory_budget,
    n_threads,
    one_blas_thread,
)
from pipeline.provenance import Origin, file_name
from pipeline.saturation import warn_of_saturation
from pipeline.spec import REGISTRY, BadInput, Params, Recipe, Value

log = logging.getLogger(__name__)

__all__ = ["Produced", "find_recipe", "load_recipes", "run", "run_fused"]

IFU_GB = 0.25
"""Memory that a recipe of scope ``ifu`` needs for one IFU, roughly [GB]."""


def load_recipes() -> dict[str, Recipe]:
    """Return all recipes by name."""
    for module in pkgutil.iter_modules(pipeline.recipes.__path__):
        importlib.import_module(f"pipeline.recipes.{module.name}")
    return dict(sorted(REGISTRY.items()))


def find_recipe(name: str) -> Recipe:
    """Return the recipe ``name``; only its own module is imported if that is called so.

    Raises
    ------
    BadInput
        If there is none.
    """
    module = f"pipeline.recipes.{name.removeprefix('muse_')}"
    if name not in REGISTRY and importlib.util.find_spec(module) is not None:
        importlib.import_module(module)
    recipes = REGISTRY if name in REGISTRY else load_recipes()
    if name not in recipes:
        raise BadInput(
            f"there is no recipe {name!r}", remedy=f"choose one of {', '.join(recipes)}"
        )
    return recipes[name]


def parameters(recipe: Recipe, values: Mapping[str, Any]) -> Params:
    """Return checked parameters.

    Raises
    ------
    BadInput
        If a name is unknown or a value does not fit.
    """
    try:
        return recipe.params(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"{first['msg']} (given: {first.get('input')!r})",
            file=recipe.name,
            keyword=f"--{name}",
            remedy=f"see phoenix-esorex --help {recipe.name}",
        ) from error


def run(
    name: str,
    sof: Sequence[tuple[Path, str]],
    params: Mapping[str, Any],
    out_dir: Path,
    *,
    nifu: int = 0,
    merge: bool = False,
    memory_gb: float = 4.0,
) -> list[Produced]:
    """Run a recipe on files.

    Parameters
    ----------
    name
        The recipe.
    sof
        Files with their tags.
    params
        Parameters that differ from the defaults.
    out_dir
        Where the products go; made if it is missing. Files of the same name are replaced.
    nifu
        IFU to process; 0 or -1 for all there are.
    merge
        Put the products of all IFUs into one file.
    memory_gb
        Memory that the recipe may use for its data [GB].

    Returns
    -------
    list of Produced
        Ordered by IFU, then as the recipe opened them.

    Raises
    ------
    BadInput
        If parameters or inputs cannot be used; nothing is written then.
    """
    recipe = find_recipe(name)
    checked = parameters(recipe, params)
    one_blas_thread()
    keep_freed_memory()
    given = open_inputs(recipe, sof)
    with _aside(out_dir) as folder, memory_budget(memory_gb):
        if recipe.scope == "ifu":
            produced = _run_ifus(recipe, checked, given, folder, nifu, merge)
        else:
            produced = _run_once(recipe, checked, given, folder, None)
        return [_publish(product, out_dir) for product in produced]


def run_fused(
    names: Sequence[str],
    sof: Sequence[tuple[Path, str]],
    params: Sequence[Mapping[str, Any]],
    out_dir: Path,
    *,
    nifu: int = 0,
    merge: bool = False,
    memory_gb: float = 4.0,
) -> list[Produced]:
    """Run two recipes; the pixel tables of the first go to the second without files.

    Parameters
    ----------
    names
        A recipe of scope ``ifu`` that makes pixel tables and one that takes them.
    sof
        Files of both with their tags.
    params
        Parameters of each that differ from the defaults.
    out_dir, nifu, merge, memory_gb
        See `run`.

    Returns
    -------
    list of Produced
        The products of the first recipe but for the pixel tables, then the others. They
        are the same as if the recipes had run one after the other.

    Raises
    ------
    BadInput
        If the recipes do not fit together, or as `run` does.
    """
    if len(names) != 2:
        raise BadInput(
            "only two recipes can be fused",
            keyword="+".join(names),
            remedy="write muse_scibasic+muse_scipost",
        )
    first, second = (find_recipe(name) for name in names)
    tags = _handed_on(first, second)
    checked = [parameters(r, p) for r, p in zip((first, second), params, strict=True)]
    one_blas_thread()
    keep_freed_memory()
    given = open_inputs(first, _without(sof, second, first))
    others = open_inputs(second, _without(sof, first, second))
    with _aside(out_dir) as folder, memory_budget(memory_gb), ExitStack() as files:
        kept = Kept(tags, files)
        produced = _run_ifus(first, checked[0], given, folder, nifu, merge, kept)
        for table in sorted(kept.tables, key=lambda table: table.name):
            declared = second.input(table.tag)
            frames = {table.ifu: table}
            others.append(Given(out_dir / table.name, table.tag, declared, frames))
        produced += _run_once(second, checked[1], others, folder, None)
        return [_publish(product, out_dir) for product in produced]


def _handed_on(first: Recipe, second: Recipe) -> frozenset[str]:
    """Return the tags of the pixel tables that go from one recipe to another.

    Raises
    ------
    BadInput
        If there are none.
    """
    made = {product.tag for product in first.products if product.kind == "pixels"}
    tags = frozenset(made & {declared.tag for declared in second.inputs})
    if first.scope != "ifu" or second.scope == "ifu" or not tags:
        raise BadInput(
            f"{second.name} takes no pixel tables of {first.name}",
            keyword=f"{first.name}+{second.name}",
            remedy="write muse_scibasic+muse_scipost",
        )
    return tags


def _without(
    sof: Sequence[tuple[Path, str]], other: Recipe, own: Recipe
) -> list[tuple[Path, str]]:
    """Return a set of frames without those that only another recipe takes."""
    theirs = {i.tag for i in other.inputs} - {i.tag for i in own.inputs}
    return [(path, tag) for path, tag in sof if tag not in theirs]


@contextmanager
def _aside(out_dir: Path) -> Iterator[Path]:
    """Make a hidden folder in the output folder for products under way."""
    out_dir.mkdir(parents=True, exist_ok=True)
    _sweep(out_dir)
    folder = Path(tempfile.mkdtemp(prefix=f".phoenix-{os.getpid()}-", dir=out_dir))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _sync(out_dir)


def _run_ifus(
    recipe: Recipe,
    params: Params,
    given: Sequence[Given],
    folder: Path,
    nifu: int,
    merge: bool,
    kept: Kept | None = None,
) -> list[Produced]:
    """Run a recipe for one IFU or, in parallel, for all."""
    present = ifus_present(given)
    if not present:
        raise nothing_to_process(recipe)
    if nifu > 0 and nifu not in present:
        raise BadInput(
            f"no raw frame holds IFU {nifu}",
            keyword=f"CHAN{nifu:02d}",
            remedy=f"use --nifu with one of {', '.join(map(str, present)) or '(none)'}",
        )

    def one(ifu: int) -> list[Produced]:
        extra = {"nifu": nifu, "merge": merge}
        return _run_once(recipe, params, given, folder, ifu, extra, kept)

    chosen = [nifu] if nifu > 0 else present
    with_memory = max(int(parallel.memory_gb() / IFU_GB), 1)
    results = map_ordered(one, chosen, ahead=min(with_memory, n_threads()))
    produced = [product for products in results for product in products]
    return merge_products(recipe, produced, folder) if merge else produced


def _run_once(
    recipe: Recipe,
    params: Params,
    given: Sequence[Given],
    folder: Path,
    ifu: int | None,
    extra: Mapping[str, Value] | None = None,
    kept: Kept | None = None,
) -> list[Produced]:
    """Call a recipe with its frames, and complete its products."""
    frames = frames_of(recipe, given, ifu)
    if frames.get("MASTER_BIAS"):
        _check_overscan(frames["MASTER_BIAS"], params)
    used = [g for g in given if ifu is None or ifu in g.frames or None in g.frames]
    raw = next((f for i in recipe.inputs if i.raw for f in frames[i.tag]), None)
    origin = Origin(recipe, *_described(recipe, params, extra or {}), used, raw)
    outputs = FileOutputs(recipe, folder, origin, ifu, kept)
    label = f"{recipe.name}{f' IFU {ifu}' if ifu else ''}"
    log.info("%s: %d frames", label, sum(map(len, frames.values())))
    try:
        recipe.run(frames, params, outputs)
        produced = outputs.finish()
        warn_of_saturation(produced, getattr(raw, "shape", ()))
    except BaseException:
        outputs.abort()
        raise
    finally:
        for frame in (f for i in recipe.inputs if i.kind == "raw" for f in frames[i.tag]):
            frame.release()  # else the images of all IFUs add up
    log.info("%s: %s", label, ", ".join(p.path.name for p in produced))
    return produced


def _check_overscan(biases: Sequence[Any], params: Params) -> None:
    """Warn of master biases made with other parameters of the overscan."""
    from pipeline.algorithms.bias_level import warn_of_other_overscan  # costs 10 ms
    from pipeline.algorithms.overscan import OverscanParams

    if isinstance(params, OverscanParams):
        for bias in biases:
            warn_of_other_overscan(bias, params)


def _described(
    recipe: Recipe, params: Params, extra: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, Value], dict[str, str]]:
    """Return the parameters, their defaults and their documentation."""
    values, defaults = params.model_dump(), recipe.params().model_dump()
    docs = {name: str(f.description) for name, f in recipe.params.model_fields.items()}
    if extra:
        values = {"nifu": extra["nifu"], **values, "merge": extra["merge"]}
        defaults = {"nifu": 0, **defaults, "merge": False}
        docs = {"nifu": NIFU, **docs, "merge": MERGE}
    return values, defaults, docs


def merge_products(
    recipe: Recipe, produced: Sequence[Produced], folder: Path
) -> list[Produced]:
    """Merge the products of all IFUs that have the same tag and number."""
    groups: dict[tuple[str, int | None], list[Produced]] = {}
    for product in produced:
        groups.setdefault((product.tag, product.number), []).append(product)
    merged = []
    for (tag, number), members in groups.items():
        name = file_name(recipe.product(tag), number, None)
        if recipe.product(tag).kind == "pixels":  # the genuine recipes do not merge them
            merged += members
            continue
        merge_ifus([m.path for m in members], folder / name)
        qc = {k: v for member in members for k, v in member.qc.items()}
        merged.append(Produced(folder / name, tag, None, number, qc))
    return merged


def _sweep(out_dir: Path) -> None:
    """Remove the hidden folders of runs that were killed."""
    for folder in out_dir.glob(".phoenix-*-*"):
        if not Path(f"/proc/{folder.name.split('-')[1]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _publish(product: Produced, out_dir: Path) -> Produced:
    """Move a finished product to its place."""
    path = out_dir / product.path.name
    product.path.replace(path)
    return Produced(path, product.tag, product.ifu, product.number, product.qc)


def _sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
