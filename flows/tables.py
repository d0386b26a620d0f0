"""Tables of the command line: what was produced, which blocks there are, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from phoenix.db.models import Association, Block, DeepGroup, Idp, RawFile
from phoenix.errors import NotInCatalogue

TONES = {
    "done": "green", "released": "green", "auto": "green", "ok": "green",
    "failed": "red", "refused": "red", "rejected": "red", "quarantined": "red",
    "held": "yellow", "review": "yellow", "incomplete": "yellow", "blocked": "yellow",
}  # fmt: skip
Row = Sequence[Any]

WIDTH = 150
"""Columns when the output is no terminal."""


def console() -> Console:
    """Return where tables go; wide enough for names in a pipe."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH)


def tone(word: str) -> Text:
    """Return a state in its colour."""
    return Text(word, TONES.get(word, ""))


def _cell(content: Any) -> Text:
    """Return the content of a cell as it is: brackets in it are no markup."""
    return content if isinstance(content, Text) else Text(str(content))


def table(title: str, columns: Sequence[str], rows: Iterable[Row]) -> Table:
    """Return a table."""
    made = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def show_month(session: Session, month: str) -> None:
    """Show what a month gave: blocks by kind, products, and what did not become one."""
    out = console()
    blocks = session.scalars(select(Block).where(Block.month == month)).all()
    out.print(_by_kind(month, blocks))
    out.print()
    out.print(_products(session, month))
    problems = [b for b in blocks if b.state not in ("done", "created")]
    bad = session.scalars(select(RawFile).where(RawFile.state == "quarantined")).all()
    if problems or bad:
        rows: list[Row] = [(b.name, tone(b.state), b.reason) for b in problems]
        rows += [(raw.name, tone(raw.state), raw.reason) for raw in bad]
        out.print()
        out.print(table("What did not work, and why", ("what", "state", "reason"), rows))
    groups = session.scalars(select(DeepGroup).order_by(DeepGroup.name)).all()
    if groups:
        rows = [(g.name, g.target, ", ".join(g.prog_ids)) for g in groups]
        out.print()
        out.print(table("Deep groups", ("name", "target", "runs"), rows))


def _by_kind(month: str, blocks: Sequence[Block]) -> Table:
    """Return how many blocks of each kind are in which state."""
    kinds: dict[str, Counter[str]] = {}
    for block in sorted(blocks, key=lambda b: (b.role, b.mjd_obs)):
        kinds.setdefault(block.raw_type, Counter())[block.state] += 1
    rows = [
        (
            kind,
            states.total(),
            states["done"],
            states["failed"],
            states["incomplete"] + states["blocked"],
        )
        for kind, states in kinds.items()
    ]
    columns = ("raw type", "blocks", "done", "failed", "incomplete or blocked")
    return table(f"Blocks of {month}", columns, rows)


def _products(session: Session, month: str) -> Table:
    """Return the data products of a month."""
    query = select(Idp).where(Idp.month == month, Idp.state != "superseded")
    rows = [
        (
            idp.name,
            tone(idp.state),
            idp.flag,
            f"{idp.n_red}/{idp.n_total}",
            "-" if idp.association_score is None else f"{idp.association_score:.2f}",
            "; ".join(idp.report) or idp.comment,
        )
        for idp in session.scalars(query.order_by(Idp.name))
    ]
    columns = ("data product", "state", "flag", "red", "closeness", "remark")
    return table(f"Data products of {month}", columns, rows)


def show_blocks(session: Session, prefix: str) -> None:
    """List the blocks of a month or night."""
    query = select(Block).where(Block.night.startswith(prefix))
    rows = [
        (
            block.night,
            block.name,
            block.raw_type,
            tone(block.state),
            f"{block.n_red}/{block.n_total}",
            tone(block.certification),
            block.reason,
        )
        for block in session.scalars(query.order_by(Block.mjd_obs, Block.id))
    ]
    columns = ("night", "block", "type", "state", "red", "certified", "reason")
    console().print(table(f"Blocks of {prefix or 'all nights'}", columns, rows))


def explain_block(session: Session, name: str) -> None:
    """Show a block: its frames, and each calibration that was weighed, and why."""
    query = select(Block).where((Block.name == name) | Block.name.contains(name))
    loaded = query.options(selectinload(Block.members), selectinload(Block.associations))
    blocks = session.scalars(loaded.order_by(Block.id)).all()
    exact = [block for block in blocks if block.name == name] or blocks
    if len(exact) != 1:
        found = ", ".join(block.name for block in exact[:5]) or "none"
        raise NotInCatalogue(f"{name} names {found}", remedy="see phoenix ab list")
    block, out = exact[0], console()
    out.print(Text.assemble(f"{block.name}: ", tone(block.state), f" {block.reason}"))
    for note in block.notes:
        out.print(f"  {note}", markup=False)
    rows = [(m.tag, m.raw.name, f"{m.raw.mjd_obs:.5f}") for m in block.members]
    out.print(table("Frames", ("tag", "file", "MJD"), rows))
    for title, chosen in (("Chosen", True), ("Not chosen", False)):
        weighed = [_weighed(row) for row in block.associations if row.chosen is chosen]
        columns = (
            "tag",
            "IFU",
            "calibration",
            "level",
            "days",
            "kelvin",
            "closeness",
            "why",
        )
        out.print()
        out.print(table(title, columns, dict.fromkeys(weighed)))


def _weighed(row: Association) -> tuple[str, ...]:
    """Return a calibration that was weighed as cells."""

    def number(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    return (
        row.tag,
        str(row.ifu or ""),
        row.name,
        "" if row.level is None else str(row.level),
        number(row.dt_d, "+.2f"),
        number(row.dtemp_k, "+.1f"),
        number(row.closeness, ".3f"),
        row.reason,
    )
