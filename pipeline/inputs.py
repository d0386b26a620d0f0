"""From a set of frames to the lazy frames of each recipe call, checked."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.formats.cube import open_cube
from pipeline.formats.grid import open_grid
from pipeline.formats.image import open_images
from pipeline.formats.pixtable import open_pixtable
from pipeline.formats.raw import open_raw
from pipeline.formats.tables import open_tables
from pipeline.spec import BadInput, Input, Kind, Recipe

log = logging.getLogger(__name__)

BINNING = ("ESO DET BINX", "ESO DET BINY")
SETUP = ("ESO DET READ CURID", "ESO DET CHIP NAME", "ESO DET CHIP ID")

Opened = Mapping[int | None, Any]

_OPEN: dict[Kind, Callable[[Path, str], Opened]] = {
    "raw": open_raw,  # type: ignore[dict-item]
    "image": open_images,
    "table": open_tables,
    "pixels": lambda path, tag: {(frame := open_pixtable(path, tag)).ifu: frame},
    "cube": lambda path, tag: {None: open_cube(path, tag)},
    "wcs": lambda path, tag: {None: open_grid(path, tag)},
}


@dataclass(frozen=True)
class Given:
    """One file of the set: its declaration and its frames by IFU."""

    path: Path
    tag: str
    declared: Input
    frames: Opened


def open_inputs(recipe: Recipe, sof: Sequence[tuple[Path, str]]) -> list[Given]:
    """Open the headers of all files whose tag the recipe declares; others are left out.

    A warning names a file that is left out.

    Raises
    ------
    BadInput
        If a file is damaged.
    """
    known = {declared.tag: declared for declared in recipe.inputs}
    given = []
    for path, tag in sof:
        if tag not in known:
            log.warning(
                "%s: left out, %s has no use for the tag %s. Remedy: correct the tag if it "
                "is meant to be one of %s",
                Path(path).name,
                recipe.name,
                tag,
                ", ".join(known),
            )
            continue
        frames = _OPEN[known[tag].kind](Path(path), tag)
        given.append(Given(Path(path), tag, known[tag], frames))
    return given


def ifus_present(given: Sequence[Given]) -> list[int]:
    """Return the IFUs of the raw (or, without any, of all) inputs."""
    main = [g for g in given if g.declared.raw] or given
    return sorted({ifu for g in main for ifu in g.frames if ifu is not None})


def frames_of(
    recipe: Recipe, given: Sequence[Given], ifu: int | None
) -> dict[str, list[Any]]:
    """Return the frames of one call by tag: of one IFU, or (None) of all.

    Raises
    ------
    BadInput
        If there are too few or too many frames of a tag, or their setups differ.
    """
    frames: dict[str, list[Any]] = {declared.tag: [] for declared in recipe.inputs}
    for g in given:
        found = [f for i, f in g.frames.items() if ifu is None or i in (ifu, None)]
        if not found and g.declared.kind == "raw":
            raise BadInput(
                f"has no data of IFU {ifu}",
                file=g.path.name,
                keyword=f"CHAN{ifu:02d}",
                remedy="leave the file out or process another IFU (--nifu)",
            )
        frames[g.tag] += found
    for declared in recipe.inputs:
        _check_number(recipe, declared, given, ifu)
    if not any(frames[i.tag] for i in recipe.inputs if i.raw):
        raise nothing_to_process(recipe)
    if recipe.scope == "ifu":
        _check_setup(recipe, frames)
    return frames


def nothing_to_process(recipe: Recipe) -> BadInput:
    """Return the refusal of a set without raw frames."""
    tags = ", ".join(i.tag for i in recipe.inputs if i.raw)
    return BadInput(f"there is nothing to process for {recipe.name}", remedy=f"add {tags}")


def _check_number(
    recipe: Recipe, declared: Input, given: Sequence[Given], ifu: int | None
) -> None:
    """Refuse too few or too many files of a tag; of tags per IFU, for any IFU."""
    files = [g for g in given if g.tag == declared.tag]
    spared = declared.optional or any(g.tag == declared.unless for g in given)
    ifus = {i for g in files for i in g.frames} if ifu is None else {ifu, None}
    numbers: dict[int | None, int]
    if not declared.per_ifu or not files:
        numbers = {None: len(files)}
    elif ifu is None:
        numbers = {i: sum(i in g.frames for g in files) for i in ifus}
    else:
        numbers = {ifu: sum(not ifus.isdisjoint(g.frames) for g in files)}
    for number, n in numbers.items():
        found = f"{f' of IFU {number}' if number is not None else ''}, not {n}"
        if n < declared.n_min and not (spared and n == 0):
            raise BadInput(
                f"{recipe.name} needs {declared.n_min} {declared.tag} or more{found}",
                keyword=declared.tag,
                remedy=f"add {declared.tag} frames to the SOF",
            )
        many = declared.n_max and n > declared.n_max
        if many and not (number is None and declared.per_ifu):
            raise BadInput(
                f"{recipe.name} takes {declared.n_max} {declared.tag} at most{found}",
                keyword=declared.tag,
                remedy=f"leave out {declared.tag} frames",
            )


def _check_setup(recipe: Recipe, frames: Mapping[str, Sequence[Any]]) -> None:
    """Refuse frames of one IFU with another binning, and raws of another setup.

    Of masters taken with another read-out mode or chip there is a warning, but for a
    MASTER_BIAS, which is refused when it is used (as in the genuine pipeline).
    """
    reference = next(f for i in recipe.inputs if i.raw for f in frames[i.tag])
    for declared in recipe.inputs:
        if declared.kind not in ("raw", "image") or not declared.per_ifu:
            continue
        for frame in frames[declared.tag]:
            for keyword in (*BINNING, *SETUP) if declared.raw else BINNING:
                _check_keyword(reference, frame, keyword)
            if not declared.raw and declared.tag != "MASTER_BIAS":
                _warn_of_setup(reference, frame)


def _warn_of_setup(reference: Any, frame: Any) -> None:
    """Warn of a master whose read-out mode or chip is not that of the raw frames."""
    for keyword in SETUP:
        ours, theirs = reference.header.get(keyword), frame.header.get(keyword)
        if ours is not None and theirs is not None and ours != theirs:
            log.warning(
                "%s, %s: is %r, but %r in %s. Remedy: give a %s of the same setup",
                frame.name,
                keyword,
                theirs,
                ours,
                reference.name,
                frame.tag,
            )


def _check_keyword(reference: Any, frame: Any, keyword: str) -> None:
    """Refuse a frame whose keyword differs from that of the first raw frame."""
    ours, theirs = reference.header.get(keyword), frame.header.get(keyword)
    if ours is not None and theirs is not None and ours != theirs:
        raise BadInput(
            f"is {theirs!r}, but {ours!r} in {reference.name}",
            file=frame.name,
            keyword=keyword,
            remedy="process frames of one setup only",
        )
