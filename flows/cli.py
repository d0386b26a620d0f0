"""``phoenix``: the command line of the service.

Modules are imported in the bodies of commands, so that ``phoenix --help`` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from phoenix.service import Service

MONTH = click.argument("month", metavar="YYYY-MM")


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


@main.command()
@click.option("--month", required=True, metavar="YYYY-MM", help="The month to simulate.")
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
