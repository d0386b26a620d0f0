"""``phoenix``: the command line of the service.

Modules are imported in the bodies of commands, so that ``phoenix --help`` answers at once.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.tools import tool

if TYPE_CHECKING:
    from phoenix.service import Service


def _month(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Refuse what is no month."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter(f"{value!r} is no month; write it like 2026-09")
    return value


MONTH = click.argument("month", metavar="YYYY-MM", callback=_month)


class Commands(click.Group):
    """Commands whose known errors are one line with the remedy and exit code 1."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(context)
        except Exception as error:
            from phoenix.errors import PhoenixError
            from pipeline.spec import BadInput

            if isinstance(error, PhoenixError | BadInput):
                raise click.ClickException(str(error)) from error
            raise


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of catalogue, products, archive and pages [default: ./phoenix-store, or "
    "PHOENIX_STORE].",
)
@click.version_option(package_name="phoenix-muse")
@click.pass_context
def main(context: click.Context, store: Path | None) -> None:
    """Turn months of raw MUSE exposures into certified, archive-ready data cubes."""
    context.obj = store


def _service(context: click.Context) -> "Service":
    """Open the store that the command line or the environment names."""
    from phoenix.service import Service
    from phoenix.settings import Settings

    given = {} if context.obj is None else {"store": context.obj}
    service = Service(Settings(**given))
    context.call_on_close(service.close)
    return service


main.add_command(tool)


@main.command()
@click.option(
    "--month",
    required=True,
    metavar="YYYY-MM",
    callback=_month,
    help="The month to simulate.",
)
@click.option(
    "--size", type=click.Choice(["mini", "full"]), default="mini", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--ifus", metavar="N,N,..", help="Only these IFUs [default: all of the size]."
)
@click.option("--defects", default="none", show_default=True, metavar="none|all|NAME,..",
              help="Defects that the month shall have.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
def simulate(
    month: str, size: str, out: Path, ifus: str | None, defects: str, seed: int
) -> None:
    """Write a month of raw exposures, with the truth beside them."""
    from flows.console import bar
    from pipeline.simulator.month import simulate_month

    with bar(f"Simulating {month}") as progress:
        simulate_month(
            month,
            size,
            out,
            ifus=None if ifus is None else tuple(int(n) for n in ifus.split(",")),
            defects=defects,
            seed=seed,
            progress=progress,
        )


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_context
def ingest(context: click.Context, folder: Path) -> None:
    """Take in the raw files of a folder; they stay where they are."""
    from flows.console import bar
    from phoenix.ingest import ingest as take_in

    service = _service(context)
    with service.writing(), bar("Ingesting") as progress:
        intake = take_in(
            service.catalogue, folder, workers=service.settings.n_workers, progress=progress
        )
    click.echo(f"{folder}: {intake}")
    for name, reason in intake.problems:
        click.echo(f"  quarantined {name}: {reason}")


@main.command()
@MONTH
@click.option(
    "--raw",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take in the raw files of this folder first.",
)
@click.option("--retry", is_flag=True, help="Try again what failed or was refused.")
@click.pass_context
def run(context: click.Context, month: str, raw: Path | None, retry: bool) -> None:
    """Ingest, calibrate, reduce, score, release a month and write its pages."""
    from flows.console import stages
    from flows.run import run_month
    from phoenix.db.queries import demand_blocks

    service = _service(context)
    with stages() as tell:
        page = run_month(service, month, raw, retry=retry, tell=tell)
    click.echo(f"Pages: {page.as_uri()}")
    with service.catalogue.read() as session:
        demand_blocks(session, month)


@main.command()
@MONTH
@click.pass_context
def status(context: click.Context, month: str) -> None:
    """Show what a month gave, and what did not work and why."""
    from flows.tables import show_month

    service = _service(context)
    with service.catalogue.read() as session:
        show_month(session, month)
    page = service.store.pages / f"month-{month}.html"
    if page.exists():
        click.echo(f"\nScore page: {page.as_uri()}")


@main.group()
def ab() -> None:
    """Look at association blocks."""


@ab.command("list")
@click.argument("night", default="", metavar="[YYYY-MM[-DD]]")
@click.pass_context
def ab_list(context: click.Context, night: str) -> None:
    """List the blocks of a month or night."""
    from flows.tables import show_blocks

    with _service(context).catalogue.read() as session:
        show_blocks(session, night)


@ab.command("explain")
@click.argument("name", metavar="AB")
@click.pass_context
def ab_explain(context: click.Context, name: str) -> None:
    """Say which calibrations a block uses, which it does not, and why."""
    from flows.tables import explain_block

    with _service(context).catalogue.read() as session:
        explain_block(session, name)


@main.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE..",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
def validate(files: tuple[Path, ...]) -> None:
    """Check products against ESO's science data product standard."""
    from phoenix.standard import validate as check

    n_bad = 0
    for path in files:
        findings = check(path)
        n_bad += bool(findings)
        click.echo(f"{path.name}: {f'{len(findings)} findings' if findings else 'valid'}")
        for finding in findings:
            click.echo(f"  {finding}")
    if n_bad:
        raise click.exceptions.Exit(1)


@main.command()
@MONTH
@click.pass_context
def stale(context: click.Context, month: str) -> None:
    """List what would be made with other calibrations or recipes today."""
    from phoenix.staleness import stale_blocks

    for name, reason in stale_blocks(_service(context), month):
        click.echo(f"{name}: {reason}")


def _verdict(context: click.Context, name: str, verdict: str, comment: str) -> None:
    """Note a person's verdict on a data product or a calibration block."""
    from getpass import getuser

    from phoenix.archive import decide_product
    from phoenix.quality import decide_block
    from reports.previews import write_preview

    service = _service(context)
    with service.writing():
        if name.startswith("MU_"):
            idp = decide_product(service, name, verdict, getuser(), comment, write_preview)
            click.echo(f"{idp.name}: {idp.state}")
        else:
            n = decide_block(service, name, verdict, getuser(), comment)
            click.echo(f"{name}: {n} products {verdict}")


@main.command()
@click.argument("name")
@click.option("--comment", required=True, help="Why.")
@click.pass_context
def certify(context: click.Context, name: str, comment: str) -> None:
    """Certify a data product (MU_...) or a calibration block that waits for a person."""
    _verdict(context, name, "certified", comment)


@main.command()
@click.argument("name")
@click.option("--comment", required=True, help="Why.")
@click.pass_context
def reject(context: click.Context, name: str, comment: str) -> None:
    """Reject a data product (MU_...) or a calibration block: it is never used."""
    _verdict(context, name, "rejected", comment)


@main.command()
@MONTH
@click.pass_context
def pages(context: click.Context, month: str) -> None:
    """Write the pages of a month again."""
    from reports.pages import write_pages

    service = _service(context)
    with service.catalogue.read() as session:
        page = write_pages(session, service.store, month)
    click.echo(page.as_uri())


@main.command()
@click.option("--workers", type=int, default=0, help="Processes [default: one per core].")
def warm(workers: int) -> None:
    """Compile the kernels now, in several processes, so that no run has to wait."""
    import os

    from flows.console import bar
    from pipeline.tools.warm import warm as compile_all

    with bar("Compiling kernels") as progress:
        n_kernels = compile_all(workers or len(os.sched_getaffinity(0)), progress)
    click.echo(f"{n_kernels} kernels are compiled")
