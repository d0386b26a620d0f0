"""``phoenix-esorex``: runs recipes with the command lines and SOF files of ``esorex``.

Exit codes as there: 0 when all went well, 9 when a set of frames cannot be read, 255 for
every other failure.
"""

import atexit
import gc
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import manual
from pipeline.commandline import (
    OPTIONS,
    CommandLine,
    logical,
    read_config,
    read_options,
    read_recipe_options,
)
from pipeline.errors import BadInput
from pipeline.formats.readahead import begin_reading

if TYPE_CHECKING:
    from pipeline.outputs import Produced
    from pipeline.spec import Recipe

FAILURE = 255
NO_SOF = 9

OBJECTS = 50_000
"""New objects after which Python searches for garbage once the libraries are there."""

TURN = 0.0001
"""How long a thread may keep the interpreter while another wants it [s]: 50 times as short
as usual, since threads whose kernels or files are done have but a few lines to run. At five
times as much each of a thousand short kernels waits for what is imported beside them."""

QUICKLY = {"PYDANTIC_DISABLE_PLUGINS": "__all__", "OPENBLAS_NUM_THREADS": "1"}
"""Environment that saves reading the description of every installed package, and threads
for linear algebra that have no work (see `pipeline.parallel.one_blas_thread`)."""

log = logging.getLogger("pipeline.esorex")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    if arguments is None:  # in a process of its own
        start_quickly()
    try:
        return _command(
            read_options(sys.argv[1:] if arguments is None else arguments, os.environ)
        )
    except BadInput as error:
        sys.stderr.write(f"[ ERROR ] phoenix-esorex: {error}\n")
        return FAILURE


def start_quickly() -> None:
    """Save what the start of a process of its own does not need.

    Importing makes a million objects and no garbage; by its own measure Python would search
    them a hundred times, and once more at the end: 0.6 s.
    """
    gc.disable()
    sys.setswitchinterval(TURN)
    gc.set_threshold(OBJECTS)
    atexit.register(gc.freeze)
    for name, value in QUICKLY.items():
        os.environ.setdefault(name, value)


def _end_start() -> None:
    """Let Python search for garbage again, but not among what the start has made."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _command(line: CommandLine) -> int:
    """Do what was asked for: show something or run a recipe."""
    options = line.options
    if options["version"]:
        return _show(manual.TITLE)
    if not line.recipe and not options["recipes"] and not options["params"]:
        return _show(manual.usage())
    if options["params"] and not line.recipe:
        return _show("Parameters:\n\n" + manual.settings(options))
    if not options["help"] and not options["man-page"]:
        begin_reading(line.recipe_options)
    from pipeline.runner import find_recipe, load_recipes

    if options["recipes"]:
        return _show(manual.recipe_list(load_recipes()))
    recipes = [find_recipe(name) for name in line.recipe.split("+")]
    if options["help"]:
        return _show("\n".join(manual.recipe_help(recipe) for recipe in recipes))
    if options["man-page"]:
        return _show("\n".join(manual.man_page(recipe) for recipe in recipes))
    values, files = _recipe_values(recipes, line)
    if options["params"]:
        known = {
            n: default for r in recipes for n, default, _ in manual.recipe_parameters(r)
        }
        given = {name: value for own in values for name, value in own.items()}
        return _show("Recipe Parameters:\n\n" + manual.settings({**known, **given}))
    return _run(recipes, line, values, files)


def _show(text: str) -> int:
    """Print a text."""
    sys.stdout.write(text + "\n")
    return 0


def _recipe_values(
    recipes: Sequence["Recipe"], line: CommandLine
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return parameters from the configuration file and the command line, and the files.

    A parameter that two recipes have is that of the second.
    """
    owner, switches = {}, {}
    for number, recipe in enumerate(recipes):
        for name, default, _ in manual.recipe_parameters(recipe):
            owner[name], switches[name] = number, isinstance(default, bool)
    values: dict[str, Any] = {}
    if line.options["recipe-config"]:
        values.update(read_config(str(line.options["recipe-config"])))
    given, files = read_recipe_options(line.recipe_options, switches)
    values.update(given)
    own: list[dict[str, Any]] = [{} for _ in recipes]
    for name, text in values.items():
        value = logical(name, text) if switches.get(name) else text
        own[owner.get(name, 0)][name] = value
    return own, files


def _run(
    recipes: Sequence["Recipe"],
    line: CommandLine,
    values: list[dict[str, Any]],
    files: list[str],
) -> int:
    """Run the recipe, or two in one go, on the frames of all SOF files."""
    options, name = line.options, line.recipe
    handlers = _start_logging(options)
    try:
        sof = _frames(files, check=bool(options["check-sof-exist"]))
    except BadInput as error:
        log.error("%s", error)  # noqa: TRY400 (the message says all)
        _stop_logging(handlers)
        return NO_SOF
    start = time.monotonic()
    try:
        _process(recipes, values, sof, options)
    except BadInput as error:
        log.error("%s: %s", name, error)  # noqa: TRY400
        return FAILURE
    except Exception:
        log.exception("%s failed", name)
        return FAILURE
    else:
        if options["time"]:
            log.info("%s took %.1f seconds", name, time.monotonic() - start)
        return 0
    finally:
        _stop_logging(handlers)


def _process(
    recipes: Sequence["Recipe"],
    values: list[dict[str, Any]],
    sof: list[tuple[Path, str]],
    options: Mapping[str, bool | str],
) -> None:
    """Run the recipe or recipes, name their products and list them."""
    from pipeline.formats.sof import write_sof
    from pipeline.kernels._jit import before_kernels
    from pipeline.kernels.startup import start_numba
    from pipeline.runner import run, run_fused

    before_kernels(start_numba)
    _end_start()
    per_ifu: dict[str, Any] = {}
    if recipes[0].scope == "ifu":
        per_ifu = {
            "nifu": _whole(values[0].pop("nifu", 0)),
            "merge": values[0].pop("merge", False),
        }
    out_dir = Path(str(options["output-dir"]))
    memory_gb = _positive(options["memory-gb"])
    if len(recipes) == 1:
        name = recipes[0].name
        produced = run(name, sof, values[0], out_dir, memory_gb=memory_gb, **per_ifu)
    else:
        names = [recipe.name for recipe in recipes]
        produced = run_fused(names, sof, values, out_dir, memory_gb=memory_gb, **per_ifu)
    paths = _final_paths(produced, options)
    for path, product in zip(paths, produced, strict=True):
        log.info("Created product %s (%s)", path.name, product.tag)
    if options["products-sof"]:
        tags = [product.tag for product in produced]
        write_sof(Path(str(options["products-sof"])), zip(paths, tags, strict=True))


def _final_paths(
    produced: Sequence["Produced"], options: Mapping[str, bool | str]
) -> list[Path]:
    """Rename products, or make them read-only, where that is wanted."""
    paths = [product.path for product in produced]
    if not options["suppress-prefix"]:
        prefix = options["output-prefix"]
        paths = [
            path.rename(path.with_name(f"{prefix}_{number:04d}.fits"))
            for number, path in enumerate(paths)
        ]
    if options["output-readonly"]:
        for path in paths:
            path.chmod(0o444)
    return paths


def _frames(files: Sequence[str], check: bool) -> list[tuple[Path, str]]:
    """Return the frames of all SOF files."""
    from pipeline.formats.sof import read_sof

    if not files:
        raise BadInput("there is no set of frames", remedy="give a SOF file")
    sof = [frame for name in files for frame in read_sof(Path(name))]
    for path, _ in sof if check else []:
        if not path.exists():
            raise BadInput(
                "does not exist", file=str(path), remedy="correct the SOF or fetch the file"
            )
    return sof


def _whole(value: object) -> int:
    """Return the number of an IFU."""
    try:
        return int(str(value))
    except ValueError as error:
        raise BadInput(f"is {value!r}", keyword="--nifu", remedy="give a number") from error


def _positive(value: object) -> float:
    """Return an amount of memory."""
    try:
        return max(float(str(value)), 0.1)
    except ValueError as error:
        problem, name = f"is {value!r}", "--memory-gb"
        raise BadInput(problem, keyword=name, remedy="give a number") from error


def _start_logging(options: Mapping[str, bool | str]) -> list[logging.Handler]:
    """Send messages to the terminal and into the log file."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    handlers[0].setLevel(_level(options, "msg-level"))
    if options["log-level"] != "off":
        folder = Path(str(options["log-dir"]))
        folder.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(folder / str(options["log-file"]), mode="w")
        file.setLevel(_level(options, "log-level"))
        handlers.append(file)
    layout = logging.Formatter("%(asctime)s [%(levelname)7s] %(message)s", "%H:%M:%S")
    root = logging.getLogger("pipeline")
    root.setLevel(min(handler.level for handler in handlers))
    for handler in handlers:
        handler.setFormatter(layout)
        root.addHandler(handler)
    return handlers


def _stop_logging(handlers: Sequence[logging.Handler]) -> None:
    """Close the log file."""
    for handler in handlers:
        logging.getLogger("pipeline").removeHandler(handler)
        handler.close()


def _level(options: Mapping[str, bool | str], name: str) -> int:
    """Return the number of a severity."""
    known = {"off": logging.CRITICAL + 1, **logging.getLevelNamesMapping()}
    text = str(options[name])
    level = known.get(text.lower(), known.get(text.upper()))
    if level is None:
        choices = OPTIONS[name].doc.partition("<")[2].strip("<> ")
        raise BadInput(f"is {text!r}", keyword=f"--{name}", remedy=f"choose {choices}")
    return level


if __name__ == "__main__":
    sys.exit(main())
