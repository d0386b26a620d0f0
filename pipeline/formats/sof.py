"""Sets of frames: text files that list file names with their category tags."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.spec import BadInput

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def read_sof(path: Path) -> list[tuple[Path, str]]:
    """Return the files and tags of a set of frames.

    ``#`` starts a comment, environment variables in file names are replaced, and a
    third column (the group) is ignored. Names stay relative to the working folder.

    Raises
    ------
    BadInput
        If the list cannot be read, a line has no tag or a variable is not set.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"cannot be read ({error})", file=path.name, remedy="give an existing SOF"
        ) from error
    frames = []
    for number, line in enumerate(lines, 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        where = f"line {number}"
        if len(words) == 1:
            raise BadInput(
                f"{words[0]} has no tag",
                file=path.name,
                keyword=where,
                remedy="write 'FILE TAG' on each line",
            )
        frames.append((Path(_expand(words[0], path.name, where)), words[1]))
    return frames


def _expand(text: str, file: str, where: str) -> str:
    """Replace environment variables."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in os.environ:
            raise BadInput(
                f"the environment variable {name} is not set",
                file=file,
                keyword=where,
                remedy=f"export {name} or write the whole path",
            )
        return os.environ[name]

    return str(Path(_VARIABLE.sub(value, text)).expanduser())


def write_sof(path: Path, frames: Iterable[tuple[Path, str]]) -> None:
    """Write a set of frames."""
    path.write_text("".join(f"{file} {tag}\n" for file, tag in frames))
