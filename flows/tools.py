"""``phoenix tool``: inspection of products, as in chapter 7 of the MUSE pipeline manual.

The tools take our products and those of the genuine pipeline. Options are those of the
genuine tools (``muse_...``), with long names beside them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from pipeline.spec import Table

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
TARGET = click.Path(path_type=Path, dir_okay=False)
IFU = click.option(
    "-n", "--ifu", type=click.IntRange(1, 24), help="IFU of a merged file [default: first]."
)
OUTPUT = click.option(
    "-o", "--output", type=TARGET, help="Write the plot to this file, do not show it."
)
SLICE = click.IntRange(1, 48)
CHANNEL = click.IntRange(1, 24)


@click.group()
def tool() -> None:
    """Look at products and cut them: plots, tables of bad pixels, pixel tables, cubes."""


def _slices(first: int, last: int) -> Callable[[Command], Command]:
    """Add the options that choose slices."""

    def add(command: Command) -> Command:
        for short, name, default in (("-s2", "last", last), ("-s1", "first", first)):
            text = f"{name.capitalize()} slice to plot."
            command = click.option(
                short,
                f"--{name}",
                type=SLICE,
                default=default,
                show_default=True,
                help=text,
            )(command)
        return command

    return add


@tool.command("trace_plot_samples")
@_slices(24, 25)
@IFU
@OUTPUT
@click.argument("samples", type=FILE)
@click.argument("trace", type=FILE, required=False)
@click.argument("flat", type=FILE, required=False)
def trace_plot_samples(
    samples: Path,
    trace: Path | None,
    flat: Path | None,
    first: int,
    last: int,
    ifu: int | None,
    output: Path | None,
) -> None:
    """Plot TRACE_SAMPLES, with TRACE_TABLE the solution, on a MASTER_FLAT."""
    from pipeline.tools.trace_samples import plot_samples

    plot_samples(samples, trace, flat, ifu=ifu, first=first, last=last, output=output)


@tool.command("trace_plot_widths")
@_slices(1, 48)
@IFU
@OUTPUT
@click.argument("samples", type=FILE)
def trace_plot_widths(
    samples: Path, first: int, last: int, ifu: int | None, output: Path | None
) -> None:
    """Plot the widths of the slices in TRACE_SAMPLES over the detector."""
    from pipeline.tools.trace_widths import plot_widths

    plot_widths(samples, ifu=ifu, first=first, last=last, output=output)


@tool.command("wave_plot_residuals")
@click.option("-s", "--slice", "chosen", type=SLICE, help="Slice [default: all].")
@click.option("-i", "--iteration", type=click.IntRange(1), help="Round [default: last].")
@click.option("-l", "--wavelength", is_flag=True, help="Plot over wavelength, not row.")
@click.option("-c", "--cuts", type=float, nargs=2, help="Ends of the colours [Angstrom].")
@IFU
@OUTPUT
@click.argument("residuals", type=FILE)
def wave_plot_residuals(
    residuals: Path,
    chosen: int | None,
    iteration: int | None,
    wavelength: bool,
    cuts: tuple[float, float] | None,
    ifu: int | None,
    output: Path | None,
) -> None:
    """Map the residuals of the wavelength solution in WAVECAL_RESIDUALS."""
    from pipeline.tools.wave_residuals import plot_residuals

    plot_residuals(
        residuals,
        ifu=ifu,
        chosen=chosen,
        iteration=iteration,
        wavelength=wavelength,
        cuts=cuts,
        output=output,
    )


@tool.command("wave_plot_column")
@click.option("-s", "--slice", "chosen", type=SLICE, default=24, show_default=True)
@click.option("-i", "--iteration", type=click.IntRange(1), help="Round [default: last].")
@click.option("-c", "--column", type=click.IntRange(1), help="Column [default: all].")
@click.option("-r", "--residuals", "differences", is_flag=True, help="Plot residuals.")
@IFU
@OUTPUT
@click.argument("wavecal", type=FILE)
@click.argument("residuals", type=FILE)
def wave_plot_column(
    wavecal: Path,
    residuals: Path,
    chosen: int,
    iteration: int | None,
    column: int | None,
    differences: bool,
    ifu: int | None,
    output: Path | None,
) -> None:
    """Plot the solution of WAVECAL_TABLE in one slice with its WAVECAL_RESIDUALS."""
    from pipeline.tools.wave_column import plot_column

    plot_column(
        wavecal,
        residuals,
        ifu=ifu,
        chosen=chosen,
        column=column,
        iteration=iteration,
        differences=differences,
        output=output,
    )


MERGE = click.option("-i", "--existing", type=FILE, help="BADPIX_TABLE to merge into.")
REFERENCE = click.option(
    "-r", "--reference", type=FILE, help="Image whose detector keywords are taken."
)
TRIMMED = click.option(
    "-t", "--trimmed", is_flag=True, help="Positions are without pre- and overscan."
)
SIZE = click.option(
    "--size", type=click.Choice(["full", "mini"]), default="full", show_default=True
)


def _write(
    table: "Table",
    n_outside: int,
    ifu: int,
    output: Path,
    existing: Path | None,
    reference: Path | None,
) -> None:
    """Write a table and say what it holds."""
    from pipeline.tools.badpix import write_bad_pixels

    if n_outside:
        click.echo(f"{n_outside} pixels outside the detector are left out", err=True)
    n_given = len(table.columns["xpos"])
    whole = write_bad_pixels(table, ifu, output, existing, reference)
    n_there = len(whole.columns["xpos"])
    click.echo(f"{output}: {n_given} bad pixels given, {n_there} in CHAN{ifu:02d}")


@tool.command("badpix_from_dq")
@MERGE
@IFU
@click.argument("image", type=FILE)
@click.argument("output", type=TARGET)
def badpix_from_dq(
    image: Path, output: Path, existing: Path | None, ifu: int | None
) -> None:
    """Turn the flags of an image product into a BADPIX_TABLE."""
    from pipeline.tools.badpix import from_dq

    table, channel = from_dq(image, ifu)
    _write(table, 0, channel, output, existing, image)


@tool.command("badpix_from_ascii")
@MERGE
@REFERENCE
@TRIMMED
@SIZE
@click.argument("text", type=FILE)
@click.argument("ifu", type=CHANNEL)
@click.argument("output", type=TARGET)
def badpix_from_ascii(
    text: Path,
    ifu: int,
    output: Path,
    existing: Path | None,
    reference: Path | None,
    trimmed: bool,
    size: Literal["full", "mini"],
) -> None:
    """Turn lines of x, y and flag into a BADPIX_TABLE."""
    from pipeline.instrument import SIZES
    from pipeline.tools.badpix import from_list

    table, n_outside = from_list(text, SIZES[size], trimmed)
    _write(table, n_outside, ifu, output, existing, reference)


@tool.command("badpix_from_region")
@MERGE
@REFERENCE
@TRIMMED
@SIZE
@click.argument("region", metavar="[X1:X2,Y1:Y2]")
@click.argument("flag", type=click.IntRange(1))
@click.argument("ifu", type=CHANNEL)
@click.argument("output", type=TARGET)
def badpix_from_region(
    region: str,
    flag: int,
    ifu: int,
    output: Path,
    existing: Path | None,
    reference: Path | None,
    trimmed: bool,
    size: Literal["full", "mini"],
) -> None:
    """Turn a region of the detector and a flag into a BADPIX_TABLE."""
    from pipeline.instrument import SIZES
    from pipeline.tools.badpix import from_region

    table, n_outside = from_region(region, flag, SIZES[size], trimmed)
    _write(table, n_outside, ifu, output, existing, reference)


# --- pixel tables ------------------------------------------------------------------


@tool.command("pixtable_dump")
@click.option("-s", "--start", type=click.IntRange(0), default=0, help="First row, from 0.")
@click.option("-c", "--count", type=click.IntRange(0), help="Rows [default: all].")
@click.argument("pixtable", type=FILE)
def pixtable_dump(pixtable: Path, start: int, count: int | None) -> None:
    """Print rows of a pixel table and where on the detector they come from."""
    from pipeline.tools.pixtables import dump

    for line in dump(pixtable, start, count):
        click.echo(line)


def _limits(command: Command) -> Command:
    """Add the options -x1, -x2, -y1, -y2, -l1 and -l2."""
    for letter, what in (("y", "y"), ("x", "x"), ("l", "wavelength [Angstrom]")):
        for end, text in ((2, "Highest"), (1, "Lowest")):
            option = click.option(
                f"-{letter}{end}", f"{letter}{end}", type=float, help=f"{text} {what}."
            )
            command = option(command)
    return command


@tool.command("pixtable_crop")
@_limits
@click.option("-i", "--ifu", type=CHANNEL, help="IFU [default: all].")
@click.option("-s", "--slice", "number", type=SLICE, help="Slice [default: all].")
@click.argument("pixtable", type=FILE)
@click.argument("output", type=TARGET)
def pixtable_crop(
    pixtable: Path, output: Path, ifu: int | None, number: int | None, **ends: float | None
) -> None:
    """Write the part of a pixel table within limits of x, y and wavelength."""
    from math import inf

    from pipeline.tools.pixtables import Ranges, crop

    def limits(letter: str) -> tuple[float, float]:
        low, high = ends[f"{letter}1"], ends[f"{letter}2"]
        return -inf if low is None else low, inf if high is None else high

    ranges = Ranges(limits("l"), limits("x"), limits("y"), ifu, number)
    before, after = crop(pixtable, output, ranges)
    click.echo(f"{pixtable} ({before} rows)")
    click.echo(f"{output} ({after} rows) saved")


@tool.command("pixtable_erase_slice")
@click.argument("pixtable", type=FILE)
@click.argument("ifu", type=CHANNEL)
@click.argument("number", metavar="SLICE", type=SLICE)
@click.argument("output", type=TARGET)
def pixtable_erase_slice(pixtable: Path, ifu: int, number: int, output: Path) -> None:
    """Write a pixel table without a slice of an IFU."""
    from pipeline.tools.pixtables import erase_slice

    before, after = erase_slice(pixtable, output, ifu, number)
    click.echo(f"slice {number} of IFU {ifu}: {before - after} pixels removed")
    click.echo(f"{output} ({after} rows) saved")


# --- cubes -------------------------------------------------------------------------


def _cubes(command: Command) -> Command:
    """Add the arguments of a product that must not exist and of two cubes or more."""
    for argument in (
        click.argument("cubes", type=FILE, nargs=-1, required=True),
        click.argument("output", type=TARGET),
    ):
        command = argument(command)
    return command


def _new(output: Path, cubes: tuple[Path, ...]) -> None:
    """Refuse to overwrite a cube, or to put a single one together."""
    if output.exists():
        raise click.BadParameter(f"{output} is there already", param_hint="OUTPUT")
    if len(cubes) < 2:
        raise click.BadParameter("two cubes or more are needed", param_hint="CUBES")


@tool.command("cube_combine")
@_cubes
def cube_combine(output: Path, cubes: tuple[Path, ...]) -> None:
    """Put cubes of one grid, each filled in its own wavelengths, into one."""
    from pipeline.tools.cubes import combine_cubes

    _new(output, cubes)
    click.echo(f"{output} ({combine_cubes(cubes, output)} planes) saved")


@tool.command("cube_concatenate")
@_cubes
def cube_concatenate(output: Path, cubes: tuple[Path, ...]) -> None:
    """Append cubes that follow each other in wavelength."""
    from pipeline.tools.cubes import concatenate_cubes

    _new(output, cubes)
    click.echo(f"{output} ({concatenate_cubes(cubes, output)} planes) saved")


@tool.command("cube_filter")
@click.option("-x", "--extended", is_flag=True, help="Append the images to the cube.")
@click.option("-f", "--filter", "names", default="", help="Names, with commas [all].")
@click.option("-l", "--range", "custom", type=float, nargs=2, help="A range [Angstrom].")
@click.argument("cube", type=FILE)
@click.argument("filter_list", type=FILE)
def cube_filter(
    cube: Path,
    filter_list: Path,
    names: str,
    custom: tuple[float, float] | None,
    extended: bool,
) -> None:
    """Integrate a cube over filters of a FILTER_LIST."""
    from pipeline.tools.cubes import filter_cube

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in filter_cube(cube, filter_list, wanted, custom, append=extended):
        click.echo(f"{name} saved")
