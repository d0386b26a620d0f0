"""How a command line in the manner of ``esorex`` is read; light to import.

``[options] RECIPE [recipe options] SOF ...``; values as ``--name=value`` or ``--name
value``, logicals also bare. The environment variable ``ESOREX_NAME`` gives an option too.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import BadInput

_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}


@dataclass(frozen=True)
class Option:
    """An option of the command itself."""

    default: bool | str
    doc: str


LEVELS = "<debug | info | warning | error | off>"

OPTIONS: dict[str, Option] = {
    "help": Option(False, "Display this help, or that of a recipe, and exit."),
    "version": Option(False, "Display version information and exit."),
    "man-page": Option(False, "Display the manual page of a recipe and exit."),
    "recipes": Option(False, "Display a list of all available recipes."),
    "params": Option(False, "List parameters and their current settings."),
    "check-sof-exist": Option(True, "All input files must exist and be readable."),
    "log-dir": Option(".", "Directory where to place the logfile."),
    "log-file": Option("esorex.log", "Filename of the logfile."),
    "log-level": Option("info", f"Severity of messages in the logfile. {LEVELS}"),
    "msg-level": Option("info", f"Severity of messages on the terminal. {LEVELS}"),
    "output-dir": Option(".", "Directory where the product files are placed."),
    "output-prefix": Option("out", "Prefix of product files, see suppress-prefix."),
    "output-readonly": Option(False, "Set product files to read-only."),
    "suppress-prefix": Option(
        True, "Keep the names of the products; if FALSE call them PREFIX_NUMBER.fits."
    ),
    "products-sof": Option("", "Write a set of frames with the products to this file."),
    "recipe-config": Option("", "Configuration file of the recipe: name=value lines."),
    "time": Option(True, "Show the time that the recipe takes."),
    "memory-gb": Option("4", "Memory that a recipe may use for its data [GB] (ours)."),
}

IGNORED = {
    "config", "create-config", "link-dir", "mem-check", "no-checksum", "no-datamd5",
    "paf-config", "recipe-dir", "show-hidden", "suppress-link", "unload-plugin",
}  # fmt: skip
"""Options of esorex that are accepted and change nothing here."""

_IGNORED_SWITCHES = IGNORED - {"config", "link-dir", "paf-config", "recipe-dir"}


@dataclass
class CommandLine:
    """What a command line asks for; values are text or logicals."""

    options: dict[str, bool | str] = field(default_factory=dict)
    recipe: str = ""
    recipe_options: list[str] = field(default_factory=list)


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> CommandLine:
    """Split a command line at the name of the recipe and read what is before it.

    Raises
    ------
    BadInput
        If an option is unknown or has no value.
    """
    line = CommandLine({name: option.default for name, option in OPTIONS.items()})
    for name, option in OPTIONS.items():
        text = environment.get(f"ESOREX_{name.upper().replace('-', '_')}")
        if text is not None:
            line.options[name] = _value(name, text, isinstance(option.default, bool))
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            line.recipe, line.recipe_options = word, waiting
            break
        name = word[2:].partition("=")[0]
        if name in IGNORED:
            take_value(word, waiting, name in _IGNORED_SWITCHES)
        elif name in OPTIONS:
            switch = isinstance(OPTIONS[name].default, bool)
            line.options[name] = _value(name, take_value(word, waiting, switch), switch)
        else:
            raise BadInput(
                "is not recognized", keyword=f"--{name}", remedy="see phoenix-esorex --help"
            )
    return line


def read_recipe_options(
    arguments: Sequence[str], switches: Mapping[str, bool]
) -> tuple[dict[str, str], list[str]]:
    """Return the options of a recipe as text, and the SOF names.

    Parameters
    ----------
    arguments
        What follows the name of the recipe.
    switches
        By name of the known parameters, whether they are logical.
    """
    values: dict[str, str] = {}
    files: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            files.append(word)
            continue
        name = word[2:].partition("=")[0]
        if name not in switches:
            raise BadInput(
                "is not recognized",
                keyword=f"--{name}",
                remedy=f"use one of {', '.join('--' + known for known in switches)}",
            )
        values[name] = take_value(word, waiting, switches[name])
    return values, files


def take_value(word: str, waiting: list[str], switch: bool) -> str:
    """Return the value of an option, from the next word if it has none.

    A bare logical is true; it takes the next word only if that is true or false.
    """
    name, equals, value = word.partition("=")
    if equals:
        return value
    if switch:
        known = _TRUE | _FALSE - {"0", "1"}
        return waiting.pop(0) if waiting and waiting[0].lower() in known else "true"
    if not waiting:
        raise BadInput("has no value", keyword=name, remedy=f"write {name}=VALUE")
    return waiting.pop(0)


def logical(name: str, text: str) -> bool:
    """Return a logical.

    Raises
    ------
    BadInput
        If the text is neither true nor false.
    """
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise BadInput(f"is {text!r}", keyword=f"--{name}", remedy="write TRUE or FALSE")


def _value(name: str, text: str, switch: bool) -> bool | str:
    """Return an option as text or logical."""
    return logical(name, text) if switch else os.path.expandvars(text)


def read_config(path: str) -> dict[str, str]:
    """Return the lines ``name=value`` of a configuration file; ``#`` starts a comment.

    Names may carry the prefix of the genuine pipeline, as in ``muse.muse_bias.nifu``.
    """
    try:
        with open(path) as file:  # noqa: PTH123 (light to import)
            lines = [line.split("#", 1)[0].strip() for line in file]
    except OSError as error:
        raise BadInput(
            f"cannot be read ({error.strerror})",
            file=path,
            keyword="--recipe-config",
            remedy="give an existing file",
        ) from error
    pairs = [line.partition("=") for line in lines if "=" in line]
    return {name.strip().rpartition(".")[2]: value.strip() for name, _, value in pairs}
